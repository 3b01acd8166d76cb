"""Strings and links from the sites, made fit for a mail; and the links by which readers pass an article on."""

from __future__ import annotations

import unicodedata
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import Slot
from newsletter.render.clean import clean, cut, direction, excerpt, web_url
from newsletter.render.share import shares


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  un\r\n\tdeux \n trois ", "un deux trois"),
        ("un\u2028deux\u2003trois\u3000", "un deux trois"),
        ("5\u00a0000\u00a0F", "5\u00a0000\u00a0F"),  # str.split() would make them breakable
        ("fin \u00a0 ?", "fin\u00a0?"),
        ("a\x00b\x07c\x1b[31md\x9f", "abc[31md"),
        ("a\ufffeb\uffffc\U0001ffffd", "abcd"),
        ("a\ud800b", "ab"),
        (f"a{Slot.UNSUBSCRIBE.marker}b", "aunsubscribeb"),  # no text can pass for a slot
        ("\u202eetroper\u202c \u2066x\u2069", "etroper x"),
        ("e\u0301te\u0301", "été"),
        ("Z" + "\u0336\u0337" * 40, "Z" + "\u0336\u0337" * 2),
        ("👩🏾‍🌾 🇹🇬 ☀️", "👩🏾‍🌾 🇹🇬 ☀️"),
        ("می‌خواهم", "می‌خواهم"),
        ("\ufeffBOM\u200b", "BOM"),
        ("", ""),
        ("\x00", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(max_size=200))
def test_cleaned_text_is_one_line_fit_for_xml_and_mail(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert not any(c in "\r\n\t\ufffe\uffff" or unicodedata.category(c) in ("Cc", "Co", "Cs") for c in cleaned)


def test_three_megabytes_are_not_looked_at() -> None:
    assert len(clean("mot " * 750_000)) <= 20_000


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("court", 10, "court"),
        ("un deux trois quatre", 12, "un deux…"),
        ("un deux trois quatre", 14, "un deux trois…"),
        ("Le plan, dit « la suite", 16, "Le plan, dit…"),  # never between « and its word
        ("Réunion : le conseil", 11, "Réunion…"),
        ("Il faut 1\u00a0650 francs", 11, "Il faut…"),  # a no-break space is no place to break
        ("anticonstitutionnellement", 10, "anticonst…"),
        ("abc👩🏾‍🌾👩🏾‍🌾", 7, "abc…"),  # an emoji of four code points stays whole
    ],
)
def test_cut(text: str, longest: int, expected: str) -> None:
    assert cut(text, longest) == expected


@given(st.text(max_size=120), st.integers(min_value=5, max_value=60))
def test_cut_is_never_longer(text: str, longest: int) -> None:
    assert len(cut(clean(text), longest)) <= longest
    assert len(excerpt(clean(text), longest)) <= longest


def test_excerpt_ends_with_a_sentence_where_it_can() -> None:
    text = "Une première phrase. Une deuxième, « plus longue ! » Et une troisième qui ne tient pas."
    assert excerpt(text, 60) == "Une première phrase. Une deuxième, « plus longue ! »"
    assert excerpt(text, 30) == "Une première phrase."
    assert excerpt(text, 48) == "Une première phrase."
    assert excerpt(text, 70) == "Une première phrase. Une deuxième, « plus longue ! »"
    assert excerpt("Une seule phrase, mais qui n'en finit pas de finir", 40) == "Une seule phrase, mais qui n'en finit…"
    assert excerpt(text, 500) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://journal.example/a?b=1&c=2#d", "https://journal.example/a?b=1&c=2#d"),
        (" http://journal.example ", "http://journal.example"),
        ("https://journal.example/société/l'été", "https://journal.example/soci%C3%A9t%C3%A9/l%27%C3%A9t%C3%A9"),
        ("https://journal.example/%C3%A9?q=100%25", "https://journal.example/%C3%A9?q=100%25"),
        ('https://journal.example/"><script>', "https://journal.example/%22%3E%3Cscript%3E"),
        ("https://lomé.example/é", "https://xn--lom-dma.example/%C3%A9"),
        ("https://journal.example:8443/a", "https://journal.example:8443/a"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        ("HTTPS://Journal.Example/A", "https://journal.example/A"),
        ("https://journal.example/a b", "https://journal.example/a%20b"),
    ],
)
def test_a_good_link(url: str, expected: str) -> None:
    assert web_url(url) == expected
    assert web_url(expected) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//journal.example/a",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@journal.example",
        "https://",
        "https:///a",
        "https://journal.example@voleur.example/",
        "https://journal.example\\@voleur.example/",
        "https://journal.example/\x00",
        "https://journal.example/a\u202eb",
        "https://journal.example:99999/",
        "https://[::1/",
        "https://jour nal.example/",
        "https://<b>.example/",
        "https://journal.example/" + "a" * 2_000,
        "https://journal.example/" + "é" * 500,
    ],
)
def test_a_bad_link_is_none(url: str) -> None:
    assert web_url(url) is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Bonjour", None, "ltr"),
        ("« عنوان »", None, "rtl"),
        ("12:30 – שלום", None, "rtl"),
        ("2026", "ar", "rtl"),
        ("2026", "fr", "ltr"),
        ("", None, "ltr"),
    ],
)
def test_direction(text: str, language: str | None, expected: str) -> None:
    assert direction(text, language) == expected


def test_share_links_carry_the_whole_title_and_address() -> None:
    title, url = "100 % « thé & café » #1 + 2 ?", "https://journal.example/a?b=1&c=%C3%A9#d"
    whatsapp, facebook, x = shares(title, url)
    assert parse_qs(urlsplit(whatsapp.url).query) == {"text": [f"{title} {url}"]}
    assert parse_qs(urlsplit(facebook.url).query) == {"u": [url]}
    assert parse_qs(urlsplit(x.url).query) == {"text": [title], "url": [url]}
    assert all(share.url.isascii() and urlsplit(share.url).scheme == "https" for share in (whatsapp, facebook, x))
    assert [urlsplit(share.url).hostname for share in (whatsapp, facebook, x)] == [
        "wa.me",
        "www.facebook.com",
        "x.com",
    ]
