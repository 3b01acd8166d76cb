"""What a mail by itself tells: each check over mails that are made for it."""

from __future__ import annotations

import re
from email.message import EmailMessage
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import inspection
from newsletter.inspection import agreement, contrast, cost, filters, links, markup
from newsletter.inspection.asked import Picture
from newsletter.inspection.colours import colour
from newsletter.inspection.css import Screen
from newsletter.inspection.finding import Check, Finding
from newsletter.inspection.mail import Mail
from newsletter.inspection.page import read
from newsletter.mail.score import Mute, Rule, Score
from newsletter.proof import Level
from newsletter.render.story import Story
from newsletter.words import Words

WORDS = Words("fr", ZoneInfo("Africa/Lome"))
LEAVE = "https://lettre.journal.example/u/abc"


def mail(html: str = "", text: str = "", **fields: str | None) -> Mail:
    """A mail that nothing is to be said of, but for what is given."""
    message = EmailMessage()
    usual: dict[str, str | None] = {
        "From": "Le Quotidien <lettre@journal.example>",
        "To": "ama@lecteurs.example",
        "Subject": "Le port rouvre",
        "Date": "Mon, 23 Nov 2026 06:30:00 +0000",
        "Message-ID": "<1@journal.example>",
        "List-Id": "<lettre.journal.example>",
        "List-Unsubscribe": f"<{LEAVE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    for name, value in (usual | {name.replace("_", "-"): value for name, value in fields.items()}).items():
        if value is not None:
            message[name] = value
    message.set_content(text or f"Le port rouvre\n{LEAVE}\n")
    message.add_alternative(page(html), subtype="html")
    return Mail(message.as_bytes())


def page(inside: str = "", style: str = "", head: str = "") -> str:
    return (
        f"<html lang='fr'><head><title>Le port</title>{head}<style>{style}</style></head>"
        f"<body>{inside}<p>Le port rouvre</p><a href='{LEAVE}'>Se désabonner</a></body></html>"
    )


def story(**values: Any) -> Story:
    usual = {"id": 7, "title": "Le port rouvre", "url": "https://journal.example/port/"}
    return Story(**(usual | values))


def said(found: list[Finding] | tuple[Finding, ...], check: Check | None = None) -> list[str]:
    return [one.said for one in found if check in (None, one.check)]


# --- A page and its styles --------------------------------------------------------------------------


def test_a_page_is_read_as_programs_read_it() -> None:
    found = read('<p class="a b" CLASS="c">Un<br>deux<b>trois</b></p><img src=x><!-- rien --><script>var x</script>')
    assert [one.name for one in found.all()] == ["", "p", "br", "b", "img", "script"]
    assert next(found.all("p")).classes == ["a", "b"]
    assert found.text == "Un deuxtrois"


@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<div style='", "'>", "<b", "</", "<!--", "-->", "é", "<td>", "&#", "<a href=x>"]
        )
    )
)
def test_any_page_is_read(pieces: list[str]) -> None:
    html = "".join(pieces)
    assert isinstance(read(html).text, str)
    contrast.faint(read(html), Screen())


@given(
    st.dictionaries(
        st.sampled_from(["color", "background", "background-color", "font", "font-size", "font-weight", "opacity"]),
        st.one_of(
            st.text("0123456789.#%()/,; abcdefpxrgb", max_size=20),
            st.sampled_from(
                ["rgb(1.2.3,0,0)", "1..2px", "bold 9.9.9px/1 x", "#12", "99999999999px", "url(", "0em", "!important"]
            ),
        ),
    ),
    st.text("{}@media()min-width:;.#>,[]= px0123456789abc", max_size=60),
)
def test_any_style_is_read(style: dict[str, str], sheet: str) -> None:
    declared = ";".join(f"{name}:{value}" for name, value in style.items())
    html = f"<style>{sheet} p {{ {declared} }}</style><body bgcolor='{style.get('color', '')}'><p style=\"{declared}\">mot</p>"
    for dark in (False, True):
        for one in contrast.written(read(html), Screen(dark=dark)):
            assert 1 <= one.ratio <= 21
    assert markup.look(mail(html), WORDS) is not None


def test_no_selector_takes_for_ever() -> None:
    html = f"<style>b {'div ' * 30} p {{ color: red }}</style>{'<div>' * 300}<p>mot"
    (one,) = contrast.written(read(html), Screen())
    assert str(one.ink) == "#000000"


def test_a_page_of_endless_depth_is_read() -> None:
    assert len(list(read("<div>" * 20_000 + "fin").all("div"))) == 20_000


@pytest.mark.parametrize(
    ("style", "seen"),
    [
        ("p { color: red }", "#ff0000"),
        ("p { color: red } p { color: blue }", "#0000ff"),
        (".k { color: red } p { color: blue }", "#ff0000"),  # a class is stronger than a name
        ("#i { color: red } .k.l { color: blue }", "#ff0000"),
        ("p { color: red !important } #i { color: blue }", "#ff0000"),
        ("div p { color: red }", "#ff0000"),
        ("div > p { color: red }", "#000000"),  # there is one between
        ("section > p { color: red }", "#ff0000"),
        ("body div section p { color: red }", "#ff0000"),
        ("section div p { color: red }", "#000000"),  # the wrong way round
        ("[lang] p { color: red }", "#ff0000"),
        ("html[lang=en] p { color: red }", "#000000"),
        (":root p { color: red }", "#ff0000"),
        ("p:hover { color: red }", "#000000"),
        ("b + p { color: red }", "#000000"),
        ("b, p { color: red }", "#ff0000"),
        ("@media (max-width: 480px) { p { color: red } }", "#ff0000"),
        ("@media (min-width: 481px) { p { color: red } }", "#000000"),
        ("@media screen and (max-width: 480px) { p { color: red } } p { }", "#ff0000"),
        ("@media print { p { color: red } }", "#000000"),
        ("@media print, screen { p { color: red } }", "#ff0000"),
        ("@media (prefers-color-scheme: dark) { p { color: red } }", "#000000"),
        ("@media not all { p { color: red } }", "#000000"),
        ("@import url(x); p { color: red }", "#ff0000"),
        ("/* p { color: blue } */ p { color: red }", "#ff0000"),
        ("p { color: red", "#ff0000"),
        ("} p { color", "#000000"),
    ],
)  # fmt: skip
def test_whose_colour_a_text_has(style: str, seen: str) -> None:
    html = f"<html lang=fr><style>{style}</style><body><div><section><p id=i class='k l'>mot</p></section></div></body></html>"
    (one,) = contrast.written(read(html), Screen(width=360))
    assert str(one.ink) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("#fff", "#ffffff"), ("#1e1c19", "#1e1c19"), ("#FFF8", "#ffffff"), ("White", "#ffffff"), ("fdfcf9", "#fdfcf9"),
        ("rgb(1, 2, 3)", "#010203"), ("rgb(1 2 3 / 50%)", "#010203"), ("rgba(300,0,0,.5)", "#ff0000"),
        ("var(--x)", None), ("#12345", None), ("bleu", None), ("", None),
    ],
)  # fmt: skip
def test_colours(text: str, seen: str | None) -> None:
    found = colour(text)
    assert (str(found) if found else None) == seen


# --- Contrast ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "ratios"),
    [
        ("<p style='color:#777'>mot</p>", [4.48]),  # a hair too little
        ("<p style='color:#767676'>mot</p>", []),
        ("<p style='color:#777;font-size:24px'>mot</p>", []),  # large letters
        ("<h1 style='color:#949494'>mot</h1>", []),  # 32 px by itself
        ("<p style='color:#949494;font:bold 19px/1.3 serif'>mot</p>", []),
        ("<p style='color:#949494;font:19px/1.3 serif'>mot</p>", [3.03]),
        ("<p style='color:#ccc;display:none'>mot</p>", []),
        ("<div style='visibility:hidden'><p style='color:#ccc'>mot</p></div>", []),
        ("<div style='background:#000'><p>mot</p></div>", [1.0]),
        ("<div style='background:#000 none'><p style='color:#fff'>mot</p></div>", []),
        ("<table bgcolor='#94241d'><tr><td><a href='x' style='color:#fdfcf9'>mot</a></td></tr></table>", []),
        ("<table bgcolor='#94241d'><tr><td><a href='x'>mot</a></td></tr></table>", [1.13]),  # blue on red
        ("<font color='#ddd'>mot</font>", [1.36]),
        ("<p style='color:rgba(0,0,0,.3)'>mot</p>", [2.11]),
        ("<div style='background:url(x.png)'><p style='color:#ccc'>mot</p></div>", []),  # nobody knows
        ("<p style='color:var(--x)'>mot</p>", []),
    ],
)  # fmt: skip
def test_what_stands_out_too_little(html: str, ratios: list[float]) -> None:
    found = contrast.faint(read(f"<body>{html}</body>"), Screen())
    assert [round(one.ratio, 2) for one in found] == pytest.approx(ratios, abs=0.02)


def test_a_dark_screen_has_rules_of_its_own() -> None:
    style = "@media (prefers-color-scheme: dark) { body { background: #1b1a18 } .ok { color: #eee !important } }"
    html = page("<p class=ok style='color:#222'>clair</p><p style='color:#222'>sombre</p>", style)
    assert contrast.knows_dark(read(html))
    assert [one.text for one in contrast.faint(read(html), Screen())] == []
    assert "sombre" in [one.text for one in contrast.faint(read(html), Screen(dark=True))]
    assert "clair" not in [one.text for one in contrast.faint(read(html), Screen(dark=True))]
    assert not contrast.knows_dark(read(page("<p>mot</p>")))


def test_faint_text_is_found_in_words() -> None:
    found = inspection.look(mail("<p style='color:#999'>presque rien</p><p style='color:#eee'>rien</p>"), [], WORDS)
    faint = [one for one in found if one.check is Check.CONTRAST]
    assert [one.level for one in faint] == [Level.PROBLEM, Level.WARNING]  # the worst first
    assert "presque rien" in faint[1].said
    assert "#999999 sur #ffffff donne 2,8" in faint[1].said


# --- Links ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "level", "words"),
    [
        ("<a href='http://journal.example/a'>a</a><a href='http://journal.example/b'>b</a>", "warning", "commence par http://"),
        ("<a href='https://bit.ly/x'>a</a>", "warning", "lien raccourci"),
        ("<a href='http://localhost:5000/x'>a</a>", "problem", "mène à cette machine"),
        ("<a href='https://desk.local/x'>a</a>", "problem", "mène à cette machine"),
        ("<a href='https://192.168.1.4/x'>a</a>", "problem", "mène à cette machine"),
        ("<a href='https://[::1]/x'>a</a>", "problem", "mène à cette machine"),
        ("<a href='https://intranet/x'>a</a>", "problem", "mène à cette machine"),
        ("<a href='https://9.9.9.9/x'>a</a>", "warning", "par son numéro"),
        ("<a href='https://ama@journal.example/x'>a</a>", "warning", "nom d’utilisateur"),
        ("<a href=''>a</a>", "problem", "ne mène nulle part"),
        ("<a href='/port/'>a</a>", "problem", "ne mène nulle part"),
        ("<a href='javascript:alert(1)'>a</a>", "problem", "ne mène nulle part"),
        ("<a href='https://'>a</a>", "problem", "ne mène nulle part"),
        ("<img src='' alt='x' width='10'>", "problem", "ne mène nulle part"),
        ("<a href='https://autre.example/x'>www.journal.example</a>", "warning", "affiche www.journal.example"),
    ],
)  # fmt: skip
def test_what_is_said_of_links(html: str, level: str, words: str) -> None:
    found = links.look(mail(html), WORDS)
    assert [one.level.value for one in found if words in one.said] == [level], said(found)


def test_many_links_of_a_kind_are_one_line_with_their_number() -> None:
    many = "".join(f"<a href='http://journal.example/{n}'>a</a>" for n in range(12))
    (one,) = links.look(mail(many), WORDS)
    assert one.said.endswith("11 autres de même.")


@pytest.mark.parametrize(
    "html",
    [
        "<a href='https://journal.example/a'>a</a><a href='mailto:a@journal.example'>b</a><a href='tel:+228'>c</a>",
        "<a href='https://www.journal.example/a'>journal.example/a</a>",
        "<a name='haut'>a</a>",
    ],
)
def test_of_good_links_nothing_is_said(html: str) -> None:
    assert links.look(mail(html), WORDS) == []


def test_links_of_the_text_count_too() -> None:
    (one,) = links.look(mail(text=f"Lire : http://localhost/x.\n{LEAVE}\n"), WORDS)
    assert "http://localhost/x mène" in one.said  # without the full stop


# --- How it is made ---------------------------------------------------------------------------------

PICTURE = "<img src='https://journal.example/a.jpg' alt='Un quai' width='560'>"


@pytest.mark.parametrize(
    ("html", "level", "words"),
    [
        (PICTURE.replace(" alt='Un quai'", ""), "warning", "n’a pas de description"),
        (f"<a href='{LEAVE}'>{PICTURE.replace('Un quai', '')}</a>", "warning", "n’a pas de description"),
        (PICTURE.replace(" width='560'", ""), "warning", "n’a pas de largeur"),
        (PICTURE.replace("560", "900"), "warning", "900 pixels de large"),
        (PICTURE.replace("https://journal.example/a.jpg", "data:image/png;base64,AA"), "warning", "data:"),
        ("<table><tr><td>mot</td></tr></table>", "hint", "role=presentation"),
        ("<table role='presentation' width='800'><tr><td>mot</td></tr></table>", "warning", "800 pixels"),
        ("<p id='a'>x</p><p id='a'>y</p>", "warning", "même identifiant"),
        ("<p style='font-family:Lato'>mot</p>", "hint", "Lato"),
        ("<p style='font-size:9px'>petit</p>", "hint", "9 pixels"),
        ("<link rel='stylesheet' href='https://polices.example/a.css'>", "warning", "viennent d’ailleurs"),
        (f"<style>{'p { color: #000 } ' * 600}</style>", "warning", "Gmail l’ignore"),
        ("<p>Bonjour {{ reader.name }},</p>", "problem", "{{ reader.name }}"),
        ("<p>{% if lead %}</p>", "problem", "{% if lead %}"),
        ("<p>Par None</p>", "warning", "Par None"),
        ("<a href='https://journal.example/None/'>mot</a>", "warning", "/None/"),
        ("<p>L&amp;amp;eau</p>", "warning", "L&amp;eau"),
    ],
)  # fmt: skip
def test_what_is_said_of_the_html(html: str, level: str, words: str) -> None:
    found = markup.look(mail(html), WORDS)
    assert [one.level.value for one in found if words in one.said] == [level], said(found)


def test_of_good_html_nothing_is_said() -> None:
    good = f"{PICTURE}<table role='presentation'><tr><td>mot</td></tr></table><p style='font-family:Lato,serif'>mot</p>"
    assert markup.look(mail(good), WORDS) == []


def test_a_page_without_language_and_title() -> None:
    bare = Mail(b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>Le port rouvre</body></html>")
    found = markup.look(bare, WORDS)
    assert [one.level.value for one in found] == ["warning", "hint"]


def test_braces_that_an_article_writes_are_meant() -> None:
    told = "<p>Pourquoi {{ titre }} fait peur</p>"
    assert said(markup.look(mail(told), WORDS), Check.LEFTOVERS)
    assert not markup.look(mail(told), WORDS, articles="Pourquoi {{ titre }} fait peur")
    long = "Un titre qui n’en finit pas, et qui nomme {{ ceci }} avant de finir comme il a commencé"
    assert not markup.look(mail(f"<p>{long}</p>"), WORDS, articles=long)
    assert said(markup.look(mail(f"<p>{long} {{{{ cela }}}}</p>"), WORDS, articles=long), Check.LEFTOVERS)
    assert not markup.look(mail("<p>Nonette et Noneville, rien de None2</p>"), WORDS)


# --- Header and parts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "level", "words"),
    [
        ({"List_Unsubscribe": None}, "problem", "List-Unsubscribe : il en faut un"),
        ({"List_Id": None}, "problem", "0 champs List-Id"),
        ({"Message_ID": None}, "problem", "0 champs Message-ID"),
        ({"List_Unsubscribe_Post": None}, "problem", "en un clic"),
        ({"List_Unsubscribe": "<http://lettre.journal.example/u/abc>"}, "problem", "en un clic"),
        ({"Subject": "LE PORT ROUVRE ENFIN"}, "hint", "crie"),
        ({"Subject": "Le port rouvre !!"}, "hint", "crie"),
        ({"From": "no-reply@journal.example"}, "hint", "personne ne lit"),
    ],
)
def test_what_is_said_of_the_header(fields: dict[str, str | None], level: str, words: str) -> None:
    found = list(agreement.headers(mail(**fields), WORDS, signed=True))
    assert [one.level.value for one in found if words in one.said.replace("\u00a0", " ")] == [level], said(found)


def test_of_a_good_header_nothing_is_said() -> None:
    assert list(agreement.headers(mail(), WORDS, signed=True)) == []
    (unsigned,) = agreement.headers(mail(), WORDS, signed=False)
    assert "DKIM" in unsigned.said


def test_the_https_link_is_found_before_a_mailto() -> None:
    both = mail(List_Unsubscribe=f"<{LEAVE}>, <mailto:b+abc@bounces.journal.example?subject=unsubscribe>")
    assert both.leave == LEAVE
    assert list(agreement.headers(both, WORDS, signed=True)) == []


def test_both_parts_hold_every_article_and_the_way_out() -> None:
    html = "<h2>Le port\u00a0rouvre</h2><a href='https://journal.example/port/'>Lire</a>"
    whole = mail(html, f"Le port rouvre\nhttps://journal.example/port/\n{LEAVE}\n")
    assert list(agreement.parts(whole, [story()], WORDS)) == []
    lacking = list(agreement.parts(mail(text="Bonjour"), [story()], WORDS))
    assert [(one.level.value, one.article) for one in lacking] == [("problem", 7)] * 3 + [("problem", None)]
    assert [re.search("partie (HTML|texte)", one)[1] for one in said(lacking)] == ["texte", "HTML", "texte", "texte"]  # type: ignore[index]


# --- Weight, filters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "level", "words"),
    [
        (Picture("https://journal.example/a.jpg", None, 404), "problem", "répond 404"),
        (Picture("https://journal.example/a.jpg", None, 500), "warning", "répond 500"),
        (Picture("https://journal.example/a.jpg", None, 0), "warning", "personne ne répond"),
        (Picture("https://journal.example/a.jpg", 900, 200, "text/html"), "warning", "n’en est pas une"),
        (Picture("https://journal.example/a.jpg", 240_000, 200, "image/jpeg"), "warning", "240\u00a0ko"),
    ],
)
def test_what_is_said_of_pictures(picture: Picture, level: str, words: str) -> None:
    (one,) = cost.look([picture], WORDS)
    assert (one.level.value, words in one.said) == (level, True)


def test_what_a_phone_pays() -> None:
    light = [Picture(f"https://journal.example/{n}.jpg", 60_000, 200, "image/webp") for n in range(4)]
    assert list(cost.look(light, WORDS)) == []
    (heavy,) = cost.look([*light, light[0]], WORDS)
    assert "300\u00a0ko" in heavy.said
    found = cost.cost(40_000, [*light, Picture("x", None)])
    assert (found.all, found.pictures, found.seconds) == (280_000, 240_000, 6)


@pytest.mark.parametrize(
    ("points", "spam", "level"),
    [(6.2, True, "problem"), (3.1, False, "warning"), (2.4, False, None), (-1.0, False, None)],
)
def test_what_a_filter_s_points_come_to(points: float, spam: bool, level: str | None) -> None:
    cheap = (Rule("CHEAP", 0.4, "x"),)
    found = list(filters.look([Score("SpamAssassin 4", points, 5.0, cheap, spam)], WORDS))
    assert [one.level.value for one in found] == ([level] if level else [])


def test_costly_rules_and_mute_filters_are_named() -> None:
    rules = (Rule("MISSING_DATE", 2.7, "Missing Date: header"),)
    found = said(
        list(filters.look([Score("A", 2.0, 5.0, rules, False), Mute("rspamd", "no answer within 30 s")], WORDS))
    )
    assert "2,7 points pour MISSING_DATE" in found[0]
    assert "no answer within 30 s" in found[1]


# --- Addresses --------------------------------------------------------------------------------------


@given(st.one_of(st.text(max_size=40), st.from_regex(r"https?://[\[\]@:.a-z0-9/%]{0,30}", fullmatch=True)))
def test_any_address_is_judged(url: str) -> None:
    made = Mail(
        f"Content-Type: text/html; charset=utf-8\r\n\r\n<a href='{escape(url)}'>{escape(url)}</a>".encode(
            "utf-8", "replace"
        )
    )
    assert all(one.level in Level for one in links.look(made, WORDS))


def test_an_address_with_a_bracket_at_its_end_stands_in_the_text() -> None:
    url = "https://journal.example/wiki/Aného_(ville)"
    both = mail(f"<a href='{url}'>Le port rouvre</a>", f"Le port rouvre\n{url}\n{LEAVE}\n")
    assert list(agreement.parts(both, [story(url=url)], WORDS)) == []
