"""Texts cleaned: titles, summaries, bylines, pictures."""

import pytest

from newsletter.collect.bylines import bylines
from newsletter.collect.found import Image
from newsletter.collect.pictures import picture_of, pictures_in
from newsletter.collect.summary import LONGEST, summary_of
from newsletter.collect.text import folded, line_of, paragraphs

HOUSE = ("CLIQUEZ ICI POUR RECEVOIR TOUS LES JOURS NOS ARTICLES", "Écouter")


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("PIB < 5 % & dette", "PIB < 5 % & dette"),
        ("3 <4 et 5> 2", "3 <4 et 5> 2"),
        ("L&rsquo;eau", "L’eau"),
        ("L&amp;rsquo;eau", "L’eau"),
        ("AT&amp;amp;amp;T", "AT&amp;T"),  # twice, and no more
        ("<b>Gras</b>, <i>penché</i>", "Gras, penché"),
        ("&lt;b&gt;Gras&lt;/b&gt;", "Gras"),
        ("un<br>deux", "un deux"),
        ("a\x00b\x0bc\u200bd\ufeffe", "ab cde"),
        ("a\ue000address\ue001b\uf8ffc", "aaddressbc"),
        ("\u202eélevé\u202c", "élevé"),
        ("un\u00a0: deux\u202f!", "un\u00a0: deux\u202f!"),
        ("e\u0301te\u0301", "été"),
        ("\ud800x", "x"),
        ("👩‍👧 famille", "👩‍👧 famille"),
        ("LomÃ© sâ€™Ã©veille", "Lomé s’éveille"),
        ("MARCHÉ… FERMÉ»", "MARCHÉ… FERMÉ»"),
        ("Lomé s’est votÃ© un Â« budget Â» â€“ MANHÃ…", "Lomé s’est voté un « budget » – MANHÃ…"),
        ("C\x92est \x93vu\x94\x85", "C’est “vu”…"),
        ("e" + "\u0301\u0327" * 400, "\u0229" + "\u0327" * 3 + "\u0301" * 4),
        ("<script>alert(1)</script>Après", "Après"),
        ("<!-- non -->Oui", "Oui"),
    ],
)
def test_lines(markup: str, line: str) -> None:
    assert line_of(markup) == line


def test_a_line_that_is_text_keeps_what_looks_like_a_tag() -> None:
    assert line_of("Le <b> en HTML", plain=True) == "Le <b> en HTML"


def test_blocks_are_never_glued() -> None:
    assert paragraphs("<p>un</p><p>deux</p><div>trois<br/>quatre</div><ul><li>cinq<li>six</ul>") == [
        "un",
        "deux",
        "trois",
        "quatre",
        "cinq",
        "six",
    ]
    assert paragraphs("<h2>Titre</h2><p>texte</p>") == ["texte"]
    assert paragraphs("mot<b>mot</b> mot") == ["motmot mot"]


@pytest.mark.parametrize(
    "code",
    [
        "[gallery ids='1,2']",
        '[vc_row][vc_column width="1/2"]',
        "[/vc_column]",
        "[embed]https://x.example/v[/embed]",
        "[audio]",
        '[caption id="a"]<img src="x.jpg"> Légende[/caption]',
    ],
)
def test_shortcodes_go(code: str) -> None:
    assert paragraphs(f"<p>Avant {code} après</p>") == ["Avant après"]


@pytest.mark.parametrize("text", ["« Il a [sic] dit »", "La suite [en images]", "[Vidéo] Le port", "Article [1]"])
def test_words_in_brackets_stay(text: str) -> None:
    assert paragraphs(f"<p>{text}</p>") == [text]


NOISE = [
    "Partager", "Partagez !", "Partager :", "Partager sur Facebook", "Partager cet article sur WhatsApp", "Facebook Twitter WhatsApp",
    "Facebook", "Share this:", "Share on WhatsApp", "Cliquez pour partager sur Facebook(ouvre dans une nouvelle fenêtre)", "J’aime ça :",
    "À lire aussi : Le pont rouvre", "LIRE AUSSI Le pont", "Lire également : le port", "Voir aussi", "Read also: the bridge", "Articles similaires",
    "Abonnez-vous à notre newsletter", "Suivez-nous sur WhatsApp", "Rejoignez notre chaîne WhatsApp", "Cliquez ici pour vous inscrire",
    "Recevez chaque matin nos articles par e-mail", "A la une", "À la une", "Recent Posts", "4 heures ago", "il y a 4 heures", "Publicité",
    "Temps de lecture : 3 minutes", "Lire la suite", "Lire la suite →", "Continue reading “Le pont”", "Read more »", "En savoir plus", "La suite",
    "CLIQUEZ ICI POUR RECEVOIR TOUS LES JOURS NOS ARTICLES", "Cliquez ici pour recevoir tous les jours nos articles !", "ecouter",
    "L’article Le port est apparu en premier sur Le Golfe.", "Cet article Le port est apparu en premier sur Le Golfe", "The post The port appeared first on The Gulf.",
    "https://x.example/video", "Tweet", "Enregistrer", "12 partages", "Post Views: 1 204", "Aucun commentaire", "Par Afi Mensah", "lundi 12 octobre 2026 à 8h30",
    "Publié le 12/10/2026", "Crédit photo : Yao Doh", "Photo : DR", "© Le Golfe", "👉 Suivez l’actualité sur notre chaîne WhatsApp", "Le titre",
]  # fmt: skip


@pytest.mark.parametrize("line", NOISE)
def test_what_is_not_the_articles_text_goes(line: str) -> None:
    assert (
        summary_of(f"<p>{line}</p><p>Le port a rouvert.</p><p>{line}</p>", "", "Le titre", HOUSE)
        == "Le port a rouvert."
    )


KEPT = [
    "Partager l’eau reste difficile dans le nord.", "La suite du procès est prévue lundi.", "More than 200 people left.", "À la une des journaux, la pluie.",
    "Facebook a fermé la page du ministère.", "Abonnés et lecteurs se retrouvent au marché.", "L’article 12 du code fâche les transporteurs.",
    "Par ailleurs, le port rouvre.", "Photo de famille au palais.", "Le 12 octobre 2026 restera.",
    "Il y a 4 heures de route.", "Recevez-vous encore des lettres ?", "Voir Lomé et partir.", "Écouter la mer, dit-elle.", "Il a hésité… puis il a lu la suite.",
]  # fmt: skip


@pytest.mark.parametrize("line", KEPT)
def test_sentences_that_begin_alike_stay(line: str) -> None:
    assert summary_of(f"<p>{line}</p>", "", "Titre", HOUSE) == line


@pytest.mark.parametrize(
    "mark",
    [
        "[&#8230;]",
        "[…]",
        "[...]",
        "[&hellip;]",
        "&hellip;",
        "...",
        "… Lire la suite →",
        '&hellip; <a class="more-link">Lire la suite</a>',
        "(...)",
        "[…] Continue reading Le port →",
        "(suite…)",
        "(more&hellip;)",
    ],
)
def test_a_cut_excerpt_ends_with_one_mark(mark: str) -> None:
    assert summary_of(f"<p>Les pirogues rentrent, {mark}</p>", "", "Titre", ()) == "Les pirogues rentrent…"


@pytest.mark.parametrize(
    "end",
    [
        "<p>À lire aussi :</p><p>Le pont rouvre</p>",
        "<p>À lire aussi<br><a href='/x'>Le pont rouvre</a></p>",
        " <a href='/x'>[Lire la suite]</a>",
        " Partager Facebook Twitter WhatsApp",
        "<blockquote class='twitter-tweet'><p>Un mot</p></blockquote>",
    ],
)
def test_what_stands_behind_the_text_goes(end: str) -> None:
    assert summary_of(f"<p>Le port a rouvert.{end}</p>", "", "Titre", HOUSE) == "Le port a rouvert."
    assert summary_of(f"<p>Le port a rouvert.{end}</p><p>Le pont suit.</p>", "", "Titre", ()).endswith("Le pont suit.")


def test_a_long_beginning_of_noise_hides_no_text() -> None:
    buttons = "<p>Partager</p>" + f"<div class='{'x' * 900}'>" * 12
    assert summary_of(buttons + "<p>Le port a rouvert.</p>", "", "Titre", ()) == "Le port a rouvert."


def test_a_long_text_is_cut_behind_a_sentence_or_a_word() -> None:
    sentences = summary_of("", "<p>" + "La mer monte et le village de M. Doh recule. " * 30 + "</p>", "Titre", ())
    assert sentences.endswith("recule.")
    assert len(sentences) <= LONGEST
    words = summary_of("", "<p>" + "mot " * 300 + "</p>", "Titre", ())
    assert words.endswith("mot…")
    assert len(words) <= LONGEST + 1


def test_where_the_summary_comes_from() -> None:
    assert summary_of("<p>Extrait.</p>", "<p>Texte.</p>", "Titre", ()) == "Extrait."
    assert summary_of("", "<p>Texte.</p>", "Titre", ()) == "Texte."
    assert summary_of("<p>Partager</p>", "<p>Texte.</p>", "Titre", ()) == "Texte."
    assert summary_of("<p>TITRE !</p>", "<p>Texte.</p>", "Titre", ()) == "Texte."
    assert summary_of("Titre", "", "Titre", ()) == ""


def test_folding_keeps_places() -> None:
    for text in ("Élève d’ÉTÉ\u00a0: œuvre", "İstanbul", "ﬁn", "ß 한국 ½"):
        assert len(folded(text)) == len(text)
    assert folded("À la Une") == "a la une"


@pytest.mark.parametrize(
    ("names", "authors"),
    [
        (["Afi Mensah, Kossi Adjavon et Yao Dogbé"], ("Afi Mensah", "Kossi Adjavon", "Yao Dogbé")),
        (["Afi Mensah and Kossi Adjavon"], ("Afi Mensah", "Kossi Adjavon")),
        (["MICHAEL D. ARDEN and DAVID E. LOWELL"], ("MICHAEL D. ARDEN", "DAVID E. LOWELL")),
        (["Jean de La Tour et Kossi N’Guessan"], ("Jean de La Tour", "Kossi N’Guessan")),
        (["Élise Doh ; Étienne Kpadé"], ("Élise Doh", "Étienne Kpadé")),
        (["Ama et Kofi"], ("Ama", "Kofi")),
        (["Dupont, correspondant à Kara"], ("Dupont, correspondant à Kara",)),
        (["DUPONT, Jean"], ("DUPONT, Jean",)),
        (["Nord et Sud Magazine"], ("Nord et Sud Magazine",)),
        (["Ministère de la Santé et de l’Hygiène publique"], ("Ministère de la Santé et de l’Hygiène publique",)),
        (["Afi Mensah", "afi mensah", "AFP"], ("Afi Mensah", "AFP")),
        (["Par Afi Mensah"], ("Afi Mensah",)),
        (["no-reply@journal.example (Afi Mensah)"], ("Afi Mensah",)),
        (["Afi Mensah &lt;afi@journal.example&gt;"], ("Afi Mensah",)),
        (["afi@journal.example", "admin", "", "  ", "https://journal.example/", "webmaster", "…"], ()),
        (["Le Quotidien du Golfe"], ("Le Quotidien du Golfe",)),
        (["Afi Mensah (avec AFP)"], ("Afi Mensah (avec AFP)",)),
        (["(Afi Mensah)"], ("Afi Mensah",)),
        (["LomÃ© Matin"], ("Lomé Matin",)),
    ],
)  # fmt: skip
def test_bylines(names: list[str], authors: tuple[str, ...]) -> None:
    assert bylines(names) == authors


def chosen(*images: Image) -> str | None:
    picture = picture_of(images, "https://journal.example/a/")
    return picture.url.removeprefix("https://journal.example/") if picture else None


def test_the_width_nearest_above_600_is_taken() -> None:
    sizes = [Image(f"/{width}.jpg", 0, width) for width in (150, 300, 590, 700, 1024, 2000)]
    assert chosen(*sizes) == "700.jpg"
    assert chosen(*sizes[:3]) == "590.jpg"
    assert chosen(Image("/u.jpg"), Image("/700.jpg", 0, 700)) == "700.jpg"
    assert chosen(Image("/u.jpg"), Image("/400.jpg", 0, 400)) == "u.jpg"


def test_the_plainest_is_taken_unless_it_is_small() -> None:
    assert chosen(Image("/texte.jpg", 10, 800), Image("/une.jpg", 0)) == "une.jpg"
    assert chosen(Image("/une-150x150.jpg", 0), Image("/texte.jpg", 10)) == "texte.jpg"
    assert chosen(Image("/une-150x150.jpg", 0)) == "une-150x150.jpg"
    assert chosen(Image("/une-80x80.jpg", 0)) is None


@pytest.mark.parametrize(
    "url",
    ["https://secure.gravatar.com/avatar/x?s=400", "/wp-content/uploads/avatars/3/x.jpg", "https://pixel.wp.com/b.gif", "https://s.w.org/images/core/emoji/1.png",
     "http://feeds.feedburner.com/~r/x", "/film.mp4", "/logo.svg", "data:image/png;base64,xx", "javascript:x", "/spacer.gif", "/1x1.png", "https://www.facebook.com/tr?id=1", "https://tags.mesure.example/5148", ""],
)  # fmt: skip
def test_what_is_never_an_articles_picture(url: str) -> None:
    assert chosen(Image(url, 0)) is None


def test_lazy_pictures_give_their_real_address() -> None:
    text = '<img class="lazy" src="data:image/gif;base64,R0" data-src="/vrai.jpg" alt="Le port &amp; la mer"><img src="/second.jpg">'
    picture = picture_of(pictures_in(text, 10), "https://journal.example/a/")
    assert picture is not None
    assert (picture.url, picture.alt) == ("https://journal.example/vrai.jpg", "Le port & la mer")
