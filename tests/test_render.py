"""The station render, from the choice to subject, preheader, HTML and text."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.model import Picture, Rendered, Slot
from newsletter.render import render, whatsapp
from newsletter.render.weight import HEAVIEST
from tests.rendering import (
    HEADLINES,
    PUBLIC,
    SITE,
    all_of,
    article,
    choice,
    choices,
    edition,
    look,
    personal,
    table,
    text_of,
    tree,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" style="position:fixed',
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<!--<script>-->",
    "]]><script>alert(1)</script>",
    "<![CDATA[ x ]]>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>clic</a>",
    "javascript:alert(1)",
    "<mj-raw><script>alert(1)</script></mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<object data=x><embed src=x><form action=x><input autofocus onfocus=alert(1)>",
    "<b>gras</b> a < b && c > d <3",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "\ue000unsubscribe\ue001",
    "a\x00\x08\x1b\ufffe\uffff\ud800b",
    "\u202egnp.exe\u202c",
    "Bcc: tous@boite.example\r\nX-Mal: 1",
    "🎉👩🏾‍🌾🇹🇬",
    "عنوان عربي <b>و</b>",
    "Z" + "\u0336" * 5_000,
    "<div>" * 10_001,
    "\\\\ \\\" \\'",
]
HOSTILE_URLS = [
    "javascript:alert(1)",
    "JaVa\nScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    'https://journal.example/"onmouseover="alert(1)',
    "https://journal.example/'><script>alert(1)</script>",
    "https://journal.example@voleur.example/",
    "//voleur.example/x",
    "https://journal.example/\ue000unsubscribe\ue001",
]


def rendered(tmp_path: Path, some: list, **values: object) -> Rendered:
    return render(look(tmp_path), table(), edition(**values), some)


# --- What nobody may put into the mail --------------------------------------------------------------


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_stays_text(tmp_path: Path, payload: str) -> None:  # F05, M15
    bad = article(
        1,
        title=payload,
        summary=payload,
        authors=(payload, payload),
        section=payload,
        language=payload,
        picture=Picture(f"{SITE}/images/1.jpg", alt=payload),
    )
    some = [choice(1, bad, section=payload), choice(2, bad, section=payload), *choices(4)[2:]]
    said = payload[:500].encode("utf-8", "ignore").decode()  # a configuration holds no lone surrogates,
    paper = table(title=said.translate(dict.fromkeys(range(32))) or "x", postal_address=said)  # nor lines in titles
    result = render(look(tmp_path), paper, edition(), some)
    assert result.degraded == ()
    check_harmless(result.html)
    sample = next(iter(re.findall(r"alert\(\d\)|7 \* 7|/etc/passwd", payload)), "")
    assert sample in text_of(tree(result.html))  # shown, not swallowed
    assert "\n" not in result.subject + result.preheader
    for part in (result.html, result.text):
        assert all(part.count(slot.marker) == 1 for slot in (Slot.ADDRESS, Slot.UNSUBSCRIBE, Slot.PREFERENCES))


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_links_lead_nowhere(tmp_path: Path, url: str) -> None:  # F05, M15
    bad = article(1, url=url, picture=Picture(url, "Une barque à quai"))
    result = rendered(tmp_path, [choice(1, bad), choice(2, bad), choice(3)])
    check_harmless(result.html)
    assert not re.search(r"voleur|javascript:|vbscript:|data:text", result.html + result.text)
    assert result.html.count(Slot.UNSUBSCRIBE.marker) == 1


def check_harmless(html: str) -> None:
    document = tree(html)
    forbidden = {
        "script",
        "form",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "input",
        "base",
        "link",
        "video",
        "audio",
    }
    assert not {str(element.tag) for element in document.iter()} & forbidden
    for element in document.iter():
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on"), f"{name}={value}"
            if name in ("href", "src"):
                assert value.startswith("https://") or value in {slot.marker for slot in Slot}, value
            if name == "style":
                assert "position" not in value
            assert name in ATTRIBUTES, f"{element.tag} {name}={value}"


ATTRIBUTES = {
    "align", "alt", "aria-label", "aria-roledescription", "bgcolor", "border", "cellpadding", "cellspacing", "class",
    "content", "dir", "height", "href", "http-equiv", "lang", "media", "name", "role", "src", "style", "type", "width",
    "xmlns", "xmlns:v", "xmlns:o",
}  # fmt: skip


def test_a_link_that_is_none_leaves_the_article(tmp_path: Path) -> None:
    result = rendered(tmp_path, [choice(1), choice(2, article(2, url="javascript:x", title="Sans lien"))])
    heading = next(h for h in all_of(tree(result.html), "h3") if "Sans lien" in text_of(h))
    assert not list(all_of(heading, "a"))
    assert "Sans lien" in result.text


# --- What readers get -------------------------------------------------------------------------------


def test_both_parts_hold_the_same_articles_in_the_same_order(tmp_path: Path) -> None:
    shuffled = [choices(12)[i] for i in (5, 0, 11, 3, 1, 2, 4, 6, 10, 9, 8, 7)]
    result = rendered(tmp_path, [*shuffled, choice(13, picked=False)])
    headings = [text_of(h) for h in all_of(tree(result.html), "h2", "h3") if list(all_of(h, "a"))]
    numbered = re.findall(r"^(\d+)\. (.+)$", result.text, flags=re.MULTILINE)
    assert [title for _, title in numbered] == headings
    assert [int(number) for number, _ in numbered] == list(range(1, 13))
    assert [int(title.rpartition("(")[2].rstrip(")")) for title in headings] == list(range(1, 13))


def test_a_reader_can_leave_from_both_parts(tmp_path: Path) -> None:  # M11
    result = rendered(tmp_path, choices(3))
    link = next(a for a in all_of(tree(result.html), "a") if text_of(a) == "Se désinscrire")
    assert link.attrib["href"] == Slot.UNSUBSCRIBE.marker
    assert f"Se désinscrire\u00a0:\n{Slot.UNSUBSCRIBE.marker}\n" in result.text
    assert f"{PUBLIC}/u/abc" in personal(result.html)
    assert f"{PUBLIC}/u/abc" in personal(result.text)


def test_the_letter_says_what_a_letter_must_say(tmp_path: Path) -> None:
    result = rendered(tmp_path, choices(6))
    shown = text_of(tree(result.html))
    assert "Lundi\u00a023\u00a0novembre\u00a02026" in shown  # on a phone it goes to its own line whole
    for part in (shown, result.text):
        for wanted in (
            "Le Quotidien du Golfe",
            "La lettre du matin",
            "Lire en ligne",
            "À la une · Économie",
            "Politique",
            "Par Ama Kossivi et Kodjo Atsou · 3\u00a0min\u00a0de\u00a0lecture",
            "Un ami vous a transféré cette lettre\u00a0?",
            "Inscrivez-vous",
            f"Vous recevez cette lettre à l’adresse {Slot.ADDRESS.marker} parce que",
            "Gérer mes préférences",
            "Le Quotidien du Golfe, 14 rue des Filaos, 01 BP 0000 Lomé, Togo",
            "redaction@journal.example",
            "Archives",
        ):
            assert wanted in part, wanted
    links = {text_of(a): a.attrib["href"] for a in all_of(tree(result.html), "a")}
    assert links["Lire en ligne"] == f"{PUBLIC}/archive/2026-11-23"
    assert links["Inscrivez-vous"] == f"{PUBLIC}/"
    assert links["Lire la suite"] == article(1).url
    assert "Share" not in shown


def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    bare = article(1, summary="", authors=(), words=0, picture=None)
    shown = text_of(tree(rendered(tmp_path, [choice(1, bare)]).html))
    assert "Par " not in shown.replace("Partager", "")
    assert "lecture" not in shown


def test_a_summary_that_only_repeats_the_title_is_left_out(tmp_path: Path) -> None:
    result = rendered(tmp_path, [choice(1), choice(2, article(2, title="Enfin !", summary="Enfin !"))])
    assert result.text.count("Enfin\u00a0!") == 1


def test_without_an_archive_nothing_leads_there(tmp_path: Path) -> None:
    result = render(look(tmp_path), table(), edition(), choices(4), archive=False)
    for part in (result.html, result.text):
        assert "/archive" not in part
        assert "Lire en ligne" not in part
        assert f"{PUBLIC}/privacy" in part


def test_the_same_letter_in_english(tmp_path: Path) -> None:
    result = render(look(tmp_path, "en"), table(language="en"), edition(), choices(4))
    document = tree(result.html)
    assert document.attrib["lang"] == "en"
    shown = text_of(document)
    for wanted in ("Monday 23 November 2026", "Top story · Économie", "By Ama Kossivi and Kodjo Atsou · 3 min read"):
        assert wanted in shown.replace("\u00a0", " ")
        assert wanted in result.text
    assert "d'être cueilli" in shown  # French typography is for French
    assert "Unsubscribe:\n" in result.text


def test_whatsapp_is_ready_to_paste(tmp_path: Path) -> None:
    some = [choice(1, article(1, title="Le *grand* marché", summary=SUMMARY_LONG)), choice(2)]
    text = whatsapp(look(tmp_path), table(), edition(), some)
    assert text.startswith(
        "*Le Quotidien du Golfe*\nLa lettre du matin · Lundi 23 novembre 2026\n\n*Le grand marché*\n"
    )
    assert f"\n{article(1).url}\n\n*" in text
    assert text.endswith(f"Pour recevoir cette lettre par courriel\u00a0:\n{PUBLIC}/\n")
    assert all(len(line) <= 160 for line in text.splitlines())
    assert not any(slot.marker in text for slot in Slot)


SUMMARY_LONG = "Un marché couvert de six cents places ouvre aujourd'hui dans le quartier des Filaos " * 5


def test_an_article_in_another_language_says_so(tmp_path: Path) -> None:  # M27
    arabic = article(2, title="السوق الكبير يفتح أبوابه", summary="ملخص", language="ar")
    english = article(3, title="What's next: a market?", language="en")
    document = tree(rendered(tmp_path, [choice(1), choice(2, arabic), choice(3, english)]).html)
    marked = {e.attrib["lang"]: e for e in all_of(document, "div") if "lang" in e.attrib and "role" not in e.attrib}
    assert marked["ar"].attrib["dir"] == "rtl"
    assert "dir" not in marked["en"].attrib
    assert "What's next: a market?" in text_of(marked["en"])  # no French typography in it


# --- Subject and preheader --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Le port rouvre", "Le port rouvre"),
        ("Re: le port", "le port"),
        ("FWD : Re[2]: TR: le port", "le port"),
        ("Réforme : le vote", "Réforme\u00a0: le vote"),
        (
            "Au terminal de l'Est, un premier porte-conteneurs après six ans de chantier",
            "Au terminal de l’Est, un premier porte-conteneurs après six…",
        ),
        ("Ligne\r\nBcc: tous@boite.example", "Ligne Bcc: tous@boite.example"),
        ("", "Les premières barques ont quitté le quai à l’aube. Dans la…"),
        ("\x00 \u202e", "Les premières barques ont quitté le quai à l’aube. Dans la…"),
        ("…", "La lettre du matin – lundi 23 novembre 2026"),
        ("Re :", "La lettre du matin – lundi 23 novembre 2026"),
        ("🎉" * 80, "🎉" * 59 + "…"),
    ],
)
def test_subject_comes_from_the_lead(tmp_path: Path, title: str, expected: str) -> None:
    subject = rendered(tmp_path, [choice(1, article(1, title=title)), choice(2)]).subject
    assert subject.replace("Bcc\u00a0:", "Bcc:") == expected
    assert len(subject) <= 60


def test_an_editors_subject_goes_before(tmp_path: Path) -> None:
    assert rendered(tmp_path, choices(2), subject="Édition spéciale").subject == "Édition spéciale"
    assert rendered(tmp_path, choices(2), subject="Re: a\nb " + "c " * 80).subject.startswith("a b c")


def test_preheader_is_the_next_headlines(tmp_path: Path) -> None:
    preheader = rendered(tmp_path, choices(5)).preheader
    assert preheader.startswith(f"{HEADLINES[2]} (2) · Une fanfare")
    assert len(preheader) <= 100
    assert rendered(tmp_path, choices(1)).preheader == "Les premières barques ont quitté le quai à l’aube."
    assert rendered(tmp_path, [choice(1, article(1, summary=""))]).preheader == ""


# --- Weight -----------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 200), long=st.booleans(), few=st.booleans())
def test_the_html_is_never_too_heavy(tmp_path: Path, count: int, long: bool, few: bool) -> None:  # M10
    title = "Un très long titre, avec des é et des « guillemets » & des signes < > " * (6 if long else 1)
    result = rendered(tmp_path, choices(count, title=title, summary=SUMMARY_LONG * (1 if few else 4)))
    longest = f"{'a' * 64}@{'b' * 185}.tg"
    html = result.html.replace(Slot.ADDRESS.marker, longest)
    for slot in (Slot.UNSUBSCRIBE, Slot.PREFERENCES):
        html = html.replace(slot.marker, f"{PUBLIC}/u/{'x' * 57}")
    assert len(html.encode()) <= HEAVIEST
    kept = count - len(result.left_out)
    assert result.left_out == tuple(range(kept + 1, count + 1))  # from the tail
    assert len(re.findall(r"^\d+\. ", result.text, flags=re.MULTILINE)) == kept
    assert "Se désinscrire" in html
    assert html.endswith("</html>")


def test_nothing_more_could_have_been_kept(tmp_path: Path) -> None:
    result = rendered(tmp_path, choices(120))
    assert result.left_out
    assert len(result.html.encode()) > HEAVIEST - 4_000


def test_a_usual_edition_is_light(tmp_path: Path) -> None:
    result = rendered(tmp_path, choices(12))
    assert len(result.html.encode()) < 40_000
    assert result.left_out == ()


def test_an_article_of_three_megabytes_weighs_like_any_other(tmp_path: Path) -> None:
    huge = article(2, title="Titre " * 500_000, summary="<p>Texte</p> " * 250_000, authors=("Nom " * 100_000,) * 50)
    result = rendered(tmp_path, [choice(1), choice(2, huge), choice(3)])
    assert result.left_out == result.degraded == ()
    assert len(result.html.encode()) < 20_000


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([40_000] * 12, [1, 2, 4, 7, 10]),  # the lead, and the first of each section
        ([100_000] * 12, [1, 2]),
        ([260_000] + [40_000] * 11, [2, 4, 7, 10]),
        ([90_000, 300_000, 90_000] + [60_000] * 9, [1, 3, 4]),
        ([None] * 12, [1, 2, 4]),  # counted as 80 KB each
    ],
)
def test_pictures_have_a_budget(tmp_path: Path, sizes: list[int | None], kept: list[int]) -> None:
    some = [
        choice(i, article(i, picture=Picture(f"{SITE}/images/{i}.jpg", "Le port", 768, 432, size)))
        for i, size in enumerate(sizes, 1)
    ]
    images = all_of(tree(rendered(tmp_path, some).html), "img")
    assert [int(re.findall(r"(\d+)\.jpg", img.attrib["src"])[0]) for img in images] == kept


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        (768, 432, "560"),
        (None, None, "560"),
        (768, None, "560"),
        (400, 300, "400"),  # never larger than it is
        (600, 1200, "210"),  # never taller than the screen
        (100, 100, None),  # an icon
        (-5, 0, "560"),
        (10**9, 1, "560"),
        (300, 10**9, "1"),
    ],
)
def test_pictures_are_shown_at_a_fitting_size(
    tmp_path: Path, width: int | None, height: int | None, shown: str | None
) -> None:
    picture = Picture(f"{SITE}/a.jpg", "Le port", width, height)
    images = list(all_of(tree(rendered(tmp_path, [choice(1, article(1, picture=picture))]).html), "img"))
    assert [img.attrib["width"] for img in images] == ([shown] if shown else [])


# --- One bad article --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fragile",
    [
        "{{ story.summary | safe }}",  # raw HTML from the site into mrml
        "{% if 'POISON' in story.summary %}{{ 1 // 0 }}{% endif %}",
        "{% if 'POISON' in story.summary %}{{ story.nothing }}{% endif %}",
    ],
)
@pytest.mark.parametrize("bad", [(4,), (1,), (12,), (2, 3, 9)])
def test_poison_degrades_alone(tmp_path: Path, fragile: str, bad: tuple[int, ...]) -> None:
    own = tmp_path / "templates" / "email"
    own.mkdir(parents=True)
    shipped = Path(look(tmp_path).shipped, "email", "story.mjml").read_text(encoding="utf-8")
    own.joinpath("story.mjml").write_text(shipped.replace("{{ story.summary }}", fragile), encoding="utf-8")
    some = [choice(i, article(i, summary="POISON <b>a < b") if i in bad else None) for i in range(1, 13)]
    result = rendered(tmp_path, some)
    assert result.degraded == bad
    assert result.left_out == ()
    document = tree(result.html)
    for i in range(1, 13):
        assert any(a.attrib["href"] == article(i).url for a in all_of(document, "a"))
        assert f"({i})" in text_of(document)


def test_all_may_be_bad_and_the_mail_still_goes(tmp_path: Path) -> None:
    own = tmp_path / "templates" / "email"
    own.mkdir(parents=True)
    shipped = Path(look(tmp_path).shipped, "email", "story.mjml").read_text(encoding="utf-8")
    fragile = shipped.replace("{{ story.title }}", "{{ story.title | safe }}")
    own.joinpath("story.mjml").write_text(fragile, encoding="utf-8")
    result = rendered(tmp_path, choices(5, title="Si a < b"))
    assert result.degraded == (1, 2, 3, 4, 5)
    assert "Si a b" in result.html


def test_no_article_at_all_is_still_a_mail(tmp_path: Path) -> None:
    result = rendered(tmp_path, [], day=date(2026, 10, 1))
    assert result.subject == "La lettre du matin – jeudi 1er octobre 2026"
    assert "Se désinscrire" in result.html


def test_rendering_twice_gives_the_same(tmp_path: Path) -> None:
    assert rendered(tmp_path, choices(12)) == rendered(tmp_path, choices(12))
