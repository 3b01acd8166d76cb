"""The mail's HTML as mail programs and people meet it: what it is made of, how it reads, how it looks."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import pytest
from jinja2 import Environment, FileSystemLoader

from newsletter.model import Picture, Slot
from newsletter.render import render
from newsletter.render.colour import accent
from tests.rendering import PUBLIC, SITE, all_of, article, choice, choices, edition, look, table, text_of, tree

# M28: what the mail relies on. Share of the clients that understand it, in percent, over Gmail, Apple Mail, Outlook,
# Yahoo, Samsung, Orange, La Poste and Proton on all their platforms, each at its last test: caniemail.com's data of
# 2026-05-13, as npm caniemail 2.0.2 carries it ("partly" counts as understood).
RELIED_ON = {
    "background-color": 100, "border": 100, "border-collapse": 100, "direction": 100, "display": 100, "font": 100,
    "font-size": 100, "font-weight": 100, "line-height": 100, "margin": 100, "max-height": 91, "max-width": 100,
    "min-width": 91, "padding": 100, "text-align": 100, "text-decoration": 91, "vertical-align": 100, "width": 100,
}  # fmt: skip
# caniemail.com has no test of its own for these: properties of CSS 1, most of them one side of a tested shorthand.
UNTESTED = {
    "color", "font-family", "border-top", "border-bottom", "border-left", "margin-left", "margin-right", "padding-top",
}  # fmt: skip
# What may be missing without harm, and what is then seen.
GRACEFUL = {
    "height": "only `auto`, for Outlook; without it a picture keeps its proportions anyway",
    "border-color": "dark screens only: lines stay as light ones are",
    "text-decoration-color": "a headline's line is as dark as its letters",
    "text-decoration-thickness": "the line is thicker",
    "text-underline-offset": "the line is nearer",
    "color-scheme": "the program chooses light or dark by itself",
    "supported-color-schemes": "its old name",
    "opacity": "MJML's preheader: hidden by display already",
    "overflow": "MJML's preheader: hidden by display already",
    "word-break": "MJML: only an endless word overflows",
    "word-spacing": "MJML: normal, anyway",
    "outline": "MJML: pictures in links have none anyway",
}
VENDOR = re.compile(r"-?(?:mso|ms|webkit)-[a-z-]+")
# Those that caniemail.com tests: div, h1–h6, img, p, table 100 %; style 84 % and body 69 %, which nothing leans on:
# what matters stands in style="…", and the page's ground also on the div inside body.
ELEMENTS = {
    "html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "h1", "h2", "h3", "p", "a",
    "b", "br", "img",
}  # fmt: skip


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    some = [*choices(9), choice(10, article(10, title="السوق الكبير", language="ar", url="nulle part"))]
    some[1] = choice(
        2, article(2, title='Un "mot"\u00a0: \\o/ é', picture=Picture(f"{SITE}/2.jpg", "L'« Adjoa »\u00a0\\ \""))
    )
    noted = replace(edition(), note="Bonjour,\n\nce matin, le port.")
    return render(look(tmp_path_factory.mktemp("redaction")), table(), noted, some).html


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return tree(html)


# --- What it is made of -----------------------------------------------------------------------------


def test_only_well_supported_elements_and_properties(html: str, page: Element) -> None:  # M28
    assert {str(e.tag) for e in page.iter() if isinstance(e.tag, str)} <= ELEMENTS
    assert min(RELIED_ON.values()) >= 90
    used = {name for name in properties(html) if not VENDOR.fullmatch(name)}
    assert not used - RELIED_ON.keys() - UNTESTED - GRACEFUL.keys()
    assert {"color", "padding", "font"} <= used


def properties(html: str) -> set[str]:
    """The CSS properties of all style attributes and sheets, what only Outlook for Windows reads included."""
    blocks = re.findall(r'style="([^"]*)"', html)
    for sheet in re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL):
        blocks += re.findall(r"\{([^{}]*)\}", sheet)
    return {part.partition(":")[0].strip() for block in blocks for part in block.split(";") if ":" in part}


def test_mjml_has_done_its_work(html: str) -> None:
    assert "<mj-" not in html
    assert not re.search(r'(?:width|height)[=:]\s*"?-\d', html)
    assert "\\u{" not in html  # mrml's way with attributes
    assert "{{" not in html
    assert "{%" not in html


def test_attributes_arrive_as_they_were_meant(page: Element) -> None:
    picture = next(img for img in all_of(page, "img") if img.attrib["src"].endswith("/2.jpg"))
    assert picture.attrib["alt"] == "L'« Adjoa »\u00a0\\ \""


def test_nothing_is_fetched_but_the_articles_pictures(html: str, page: Element) -> None:
    assert {urlsplit(img.attrib["src"]).hostname for img in all_of(page, "img")} == {"journal.example"}
    assert not re.search(r"url\(|@import|@font-face|<link|srcset|background=", html)
    assert not any(img.attrib.get("width") in ("0", "1") for img in all_of(page, "img"))  # no tracking pixel


def test_links_are_absolute_and_https(page: Element) -> None:  # M15
    links = [a.attrib["href"] for a in all_of(page, "a")]
    assert len(links) > 30
    assert all(link.startswith("https://") or link in {slot.marker for slot in Slot} for link in links)
    shared = [link for link in links if re.search(r"wa\.me|sharer|intent", link)]
    assert len(shared) == 3 * 10  # nine articles with a link, and the edition
    assert not any(slot.marker in link for link in shared for slot in Slot)


def test_only_the_preheader_is_hidden(page: Element) -> None:  # M14
    hidden = [e for e in page.iter() if re.search(r"display:\s*none|font-size:1px|mso-hide", e.attrib.get("style", ""))]
    assert len(hidden) == 1
    assert 0 < len(text_of(hidden[0])) <= 150
    assert "color" not in hidden[0].attrib["style"]  # white besides, filters take it for a trick


# --- How it reads -----------------------------------------------------------------------------------


def test_language_direction_and_title(page: Element) -> None:  # M27
    assert page.attrib["lang"] == "fr"
    assert page.attrib["dir"] == "ltr"
    title = next(iter(all_of(page, "title")))
    assert text_of(title).startswith("À Kpalimé, le café")
    role = next(e for e in all_of(page, "div") if e.attrib.get("role") == "article")
    assert role.attrib["aria-label"] == text_of(title)


def test_pictures_have_words_and_tables_no_meaning(page: Element) -> None:  # M27
    images = list(all_of(page, "img"))
    assert len(images) >= 3
    assert all(img.attrib["alt"] and int(img.attrib["width"]) > 0 for img in images)
    assert all(t.attrib.get("role") == "presentation" for t in all_of(page, "table"))


def test_a_picture_without_words_is_no_link(tmp_path: Path) -> None:  # M27
    mute = article(1, picture=Picture(f"{SITE}/1.jpg"))
    document = tree(render(look(tmp_path), table(), edition(), [choice(1, mute)]).html)
    assert [img.attrib["alt"] for img in all_of(document, "img")] == [""]
    assert not any(list(all_of(a, "img")) for a in all_of(document, "a"))


def test_headings_go_down_step_by_step(page: Element) -> None:  # M27
    levels = [int(h.tag[1]) for h in all_of(page, "h1", "h2", "h3")]
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_links_say_where_they_lead(page: Element) -> None:  # M27
    for a in all_of(page, "a"):
        name = a.attrib.get("aria-label") or text_of(a) or "".join(i.attrib["alt"] for i in all_of(a, "img"))
        assert name.strip()
        if text_of(a) == "Lire la suite":
            assert name.startswith("Lire la suite\u00a0: À Kpalimé")


def test_inline_elements_keep_their_spaces(page: Element) -> None:
    """mrml drops a line break between two of them."""
    shown = text_of(page)
    assert re.search(r"Partager\u00a0:\s+WhatsApp\s+Facebook\s+X", shown)
    assert re.search(r"Se désinscrire\s+Gérer mes préférences\s+Archives", shown)
    assert "La lettre du matin · Lundi" in shown


# --- How it looks -----------------------------------------------------------------------------------


def test_letters_are_large_enough(html: str) -> None:
    body = html.partition("<body")[2]
    sizes = [float(size) for size in re.findall(r"(?:font-size:|font:bold )(\d+)px", body)]
    assert set(sizes) - {0, 1} and min(set(sizes) - {0, 1}) >= 14  # 0: MJML's cells; 1: the preheader  # noqa: PT018
    assert {16, 18} <= set(sizes)  # what is read at length
    heights = [float(value) for value in re.findall(r"line-height:(1\.\d+)", body)]
    assert min(heights) >= 1.5
    assert html.count("line-height:44px") >= 10  # what is touched


PAIRS = [
    ("ink", "paper"),
    ("quiet", "paper"),
    ("accent", "paper"),
    ("paper", "accent"),
    ("ink", "tint"),
    ("quiet", "tint"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("letters", "ground"), PAIRS)
def test_letters_stand_out(tmp_path: Path, scheme: str, letters: str, ground: str) -> None:  # M27
    found = getattr(palette(tmp_path), scheme)
    assert contrast(found[letters], found[ground]) >= 4.5
    assert not {"#000000", "#ffffff"} & set(found.values())


def palette(folder: Path, colour: str = "") -> Any:
    environment = Environment(loader=FileSystemLoader(look(folder).shipped))
    environment.globals["accent"] = accent(colour)
    return environment.get_template("email/palette.mjml").module


@pytest.mark.parametrize("colour", ["#ffd100", "#000000", "#ffffff", "#0057b8", "#7ac143", "#94241d"])
@pytest.mark.parametrize("ground", ["paper", "tint"])
def test_the_newsroom_s_colour_stands_out_whatever_it_is(tmp_path: Path, colour: str, ground: str) -> None:
    for scheme in ("light", "dark"):
        found = getattr(palette(tmp_path, colour), scheme)
        assert contrast(found["accent"], found[ground]) >= 4.5
    if contrast(colour, palette(tmp_path).light["tint"]) >= 4.5:
        assert palette(tmp_path, colour).light["accent"] == colour


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_comes_from_the_palette(html: str, tmp_path: Path) -> None:
    module = palette(tmp_path)
    known = {*module.light.values(), *module.dark.values(), "#ffffff"}  # MJML's preheader
    assert set(re.findall(r"#[0-9a-f]{6}\b", html)) <= known


def test_dark_screens_are_thought_of(html: str) -> None:
    assert '<meta name="color-scheme" content="light dark" />' in html
    assert '<meta name="supported-color-schemes" content="light dark" />' in html
    for wanted in (":root", "@media (prefers-color-scheme: dark)", "[data-ogsc] .page", "[data-ogsb] .page"):
        assert wanted in html


def test_one_column_of_600_pixels(html: str) -> None:
    assert "max-width:600px" in html
    assert all(int(width) <= 600 for width in re.findall(r'width[=:]"?(\d+)(?:px|")', html))
    assert PUBLIC in html
