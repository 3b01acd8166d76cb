"""Feeds made to do harm: each is read or refused with a reason, soon, in little memory, without a request (F03, F04)."""

import gzip
import json
import random
import socket
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.collect import read
from newsletter.collect.newest import MAX_ARTICLES
from newsletter.errors import SourceError
from newsletter.model import Article
from tests.test_collect_feeds import DATA, RULES

SOON = 10  # seconds; alone on a machine each takes under one, and the mistakes that are meant take minutes


def tried(data: bytes) -> tuple[Article, ...] | str:
    """The articles, or the reason."""
    started = time.monotonic()
    try:
        outcome: tuple[Article, ...] | str = read(data, None, "essai", RULES)
    except SourceError as error:
        outcome = str(error)
    assert time.monotonic() - started < SOON
    assert not isinstance(outcome, str) or "\n" not in outcome
    return outcome


def feed(inner: str, head: str = "") -> bytes:
    return f"<?xml version='1.0'?>{head}<rss><channel><item><title>A</title><link>https://journal.example/a</link>{inner}</item></channel></rss>".encode()


def content(text: str) -> bytes:
    return feed(f"<description><![CDATA[{text}]]></description>")


LAUGHS = "<!DOCTYPE l [<!ENTITY lol0 'lol'>" + "".join(
    f"<!ENTITY lol{i} '" + f"&lol{i - 1};" * 10 + "'>" for i in range(1, 10)
) + "]>"  # fmt: skip

FLOODS = {
    "entities in entities": feed("<description>&lol9;</description>", LAUGHS),
    "one long entity, often": feed("<description>" + "&a;" * 100_000 + "</description>", f"<!DOCTYPE x [<!ENTITY a '{'a' * 100_000}'>]>"),
    "one short entity, often": feed("<description>" + "&a;" * 2_000_000 + "</description>", f"<!DOCTYPE x [<!ENTITY a '{'a' * 100}'>]>"),
    "less-than": b"<rss><channel><item><title>" + b"<" * 3_000_000,
    "tags that never end": b"<rss><channel><item><title>" + b"<a b='" * 1_500_000,
    "comments that never end": b"<rss><channel><item><title>" + b"<!--" * 2_000_000,
    "cdata that never ends": b"<rss><channel><item><title>" + b"<![CDATA[" * 1_000_000,
    "cdata that never ends, beside elements": b"<rss><channel><item><description><b/>" + b"<![CDATA[" * 1_000_000,
    "doctypes": b"<rss><channel><item><title>" + b"<!DOCTYPE [" * 800_000,
    "bare ampersands": b"<rss><channel><item><title>" + b"&a" * 4_000_000,
    "depth": b"<rss><channel><item><title>" + b"<a>" * 3_000_000,
    "end tags": b"<rss><channel><item><title>" + b"</a>" * 2_000_000,
    "attributes": b"<rss " + b'a="b" ' * 1_500_000 + b"><channel><item><title>x</title></item></channel></rss>",
    "namespaces": b"<rss>" + b"".join(b"<x xmlns:p%d='http://a/%d'>" % (i, i) for i in range(150)) + b"<item xmlns:q='u'/>" * 60_000,
    "items in items": b"<rss><channel>" + b"<item><title>x</title>" * 100_000,
    "many articles": b"<rss>" + b"<item><title>x</title><link>https://journal.example/</link><guid>g</guid></item>" * 15_000,
    "many bylines": feed("<dc:creator>Afi Mensah et Yao Doh</dc:creator>" * 40_000),
    "many pictures": feed("<enclosure url='https://journal.example/i.jpg' type='image/jpeg'/>" * 60_000),
    "deep html": content("<div>" * 1_500_000),
    "deep html, escaped": feed("<description>" + "&lt;div&gt;" * 700_000 + "</description>"),
    "deep html in each article": b"<rss>" + (b"<item><title>x</title><description><![CDATA[" + b"<div>" * 8_000 + b"x]]></description></item>") * 200,
    "html tags that never end": content("<img " * 1_500_000),
    "pictures in the text": content("<img src='https://journal.example/i.jpg' srcset='" + "https://journal.example/i.jpg 100w, " * 2_000 + "'>" * 90),
    "shortcodes": content("[caption " * 800_000),
    "closed shortcodes": content("[caption]" * 800_000),
    "attributes of shortcodes": content("[a b=\"" * 800_000),
    "quoted attributes of shortcodes": content("[a" + " b=\"x\"" * 150 + "!]"),
    "networks": content("google+" * 50 + "!"),
    "appeared": content("L'article " * 200_000 + "est apparu en premier sur X"),
    "double encoding": content("Ã©" * 2_000_000),
    "spaces": content(" " * 9_000_000),
    "lines": content("a\n" * 4_000_000),
    "one long link": feed("").replace(b"/a</link>", b"/" + b"a/" * 3_000_000 + b"</link>"),
    "punycode": b"<?xml version='1.0' encoding='punycode'?><rss>" + b"\xe9-aaaa" * 1_000_000,
    "nothing but zeros": bytes(1_000_000),
    "every byte": bytes(range(256)) * 10_000,
    "50 MB": b"<rss>" + b" " * 50_000_000,
    "gzip bomb": gzip.compress(b"<rss>" + bytes(100_000_000), 1),
    "deep json list": b"[" * 1_000_000,
    "deep json object": b'{"a":' * 1_000_000,
    "a long number": b"[" + b"1" * 1_000_000 + b"]",
    "many posts": json.dumps([{"id": i, "link": "https://journal.example/", "title": {"rendered": "x"}, "content": {"rendered": "<p>x</p>" * 1_500}} for i in range(500)]).encode(),
    "json behind noise": b"x" + b"[{" * 4_000_000,
    "a cut off list of objects": b"[" + b'{"a":1},' * 900_000,
    "an encoding that is none": b"<?xml version='1.0' encoding='rot13'?><rss>\xff</rss>",
    "an encoding of bytes": b"<?xml version='1.0' encoding='zlib_codec'?><rss>\xff</rss>",
    "bytes of both sets": b"<rss>" + b"\xe9a" * 4_900_000,
    "stacked accents": content("e" + "\u0301\u0327" * 1_000_000),
    "captions that never end": content("[caption a]x" * 800_000 + "[/caption"),
    "a thousand sizes": json.dumps([{"id": 1, "link": "https://journal.example/a", "title": "x", "_embedded": {"wp:featuredmedia": [
        {"media_details": {"sizes": {str(i): {"source_url": "https://journal.example/a.jpg", "width": 700} for i in range(90_000)}}}]}}]).encode(),
}  # fmt: skip

# What stands in each of two hundred articles: here the work of one counts two hundred times.
EACH = {
    "fonts in fonts": "<description><![CDATA[" + "".join(f"<font a{i}=1>" for i in range(3_000)) + "x]]></description>",
    "deep titles": "<media:title><![CDATA[" + "<div>" * 900 + "x]]></media:title>",
    "deep sections": ("<category><![CDATA[" + "<div>" * 900 + "x]]></category>") * 8,
    "deep names": ("<dc:creator><![CDATA[" + "<b>" * 1_500 + "x]]></dc:creator>") * 8,
    "entities": "<description>" + "&#233;" * 8_000 + "</description>",
    "entities of entities": "<description>" + "&amp;lt;p&amp;gt;" * 3_000 + "</description>",
    "less-than in text": "<description><![CDATA[" + "<" * 45_000 + "]]></description>",
    "an attribute without end": "<description>" + ("&lt;img " + "a" * 9_000 + ">") * 4 + "</description>",
    "long addresses of pictures": "<description>" + ("&lt;img src='/" + "a/" * 900 + "x.jpg'>") * 20 + "</description>",
    "names that are nearly addresses": ("<dc:creator>" + "a-" * 240 + "@</dc:creator>") * 50,
    "dates that are none": ("<dc:date>12" + "  -/." * 19 + "</dc:date>") * 100,
    "lines that are nearly noise": "<description>" + ("&lt;p>partager " + "x" * 300 + "&lt;/p>") * 58 + "</description>",
    "networks": "<description>" + ("&lt;p>" + "print e-mail x " * 24 + "z&lt;/p>") * 58 + "</description>",
    "brackets": "<description>" + "[… " * 9_000 + "</description>",
    "shortcodes": "<description>" + "[a b=c d=e]" * 4_000 + "</description>",
    "quotations": "<description>" + "&lt;blockquote class='twitter-tweet'>x" * 900 + "</description>",
    "double encoding": "<description>" + "Ã©" * 11_000 + "</description>",
    "hangul in pieces": "<description>" + "\u1100\u1161\u11a8" * 5_000 + "</description>",
}  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_two_hundred_hostile_articles_are_read_or_refused_soon(name: str) -> None:  # F04
    one = EACH[name]
    count = max(1, min(200, 9_900_000 // len(one.encode())))
    head = "<item><title>T{0}</title><link>https://journal.example/{0}</link>"
    outcome = tried(f"<rss>{''.join(head.format(i) + one + '</item>' for i in range(count))}</rss>".encode())
    assert isinstance(outcome, str) or len(outcome) == count


def test_of_a_long_archive_both_ends_are_read() -> None:  # F04
    item = (
        "<item><title>A{0}</title><link>https://journal.example/{0}/</link><pubDate>{1}</pubDate>"
        + "<x/>" * 20
        + "</item>"
    )
    days = [f"{2000 + i // 300}-{1 + i % 300 // 28:02}-{1 + i % 28:02}" for i in range(7_000)]
    for dates in (days, days[::-1]):
        articles = tried(("<rss>" + "".join(item.format(i, day) for i, day in enumerate(dates)) + "</rss>").encode())
        assert not isinstance(articles, str)
        assert max(days) in {f"{one.published:%Y-%m-%d}" for one in articles if one.published}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_read_or_refused_soon(name: str) -> None:  # F04
    outcome = tried(FLOODS[name])
    assert isinstance(outcome, str) or len(outcome) <= MAX_ARTICLES


@pytest.mark.parametrize(
    "name", ["entities in entities", "one long entity, often", "one short entity, often", "gzip bomb"]
)
def test_expansion_takes_little_memory(name: str) -> None:  # F03
    tracemalloc.start()
    tried(FLOODS[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


def test_external_entities_are_neither_read_nor_fetched(tmp_path: Path) -> None:  # F03
    secret = tmp_path / "secret.txt"
    secret.write_text("sésame", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        where = f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd"
        head = f"<!DOCTYPE rss SYSTEM '{where}' [<!ENTITY f SYSTEM '{secret.as_uri()}'><!ENTITY w SYSTEM '{where}'><!ENTITY % p SYSTEM '{where}'>%p;]>"
        (article,) = read(feed("<description>Avant &f; &w; après</description>", head), None, "essai", RULES)
        with pytest.raises(TimeoutError):
            server.accept()
    assert article.summary == "Avant après"


def test_entities_in_entities_are_nobody_s_headline() -> None:
    (article,) = read(feed("<description>Avant &lol9; après</description>", LAUGHS), None, "essai", RULES)
    assert article.summary == "Avant après"


def test_own_short_entities_are_kept() -> None:
    head = "<!DOCTYPE rss [<!ENTITY journal 'Le Golfe'><!ENTITY eacute '&#233;'>]>"
    (article,) = read(
        feed("<description>&journal; d&eacute;m&eacute;nage&hellip; vite</description>", head), None, "essai", RULES
    )
    assert article.summary == "Le Golfe déménage… vite"


FILES = [
    path
    for path in sorted(DATA.glob("*/*.xml")) + sorted(DATA.glob("*/*.json"))
    if path.parent.name in ("feeds", "wordpress")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_cut_off_anywhere_and_damaged_anyhow(path: Path) -> None:  # F04
    data, dice = path.read_bytes(), random.Random(7)
    for _ in range(12):
        at = dice.randrange(len(data))
        tried(data[:at])
        tried(data[:at] + bytes(dice.randrange(256) for _ in range(8)) + data[at + 8 :])
        tried(data[:at] + data[at + dice.randrange(200) :])


TOKENS = st.sampled_from(
    ["<rss>", "<channel>", "<item>", "</item>", "<title>", "</title>", "<link>", "</link>", "<link href='/x'/>", "<entry>", "<feed xmlns='http://www.w3.org/2005/Atom'>",
     "<description>", "</description>", "<![CDATA[", "]]>", "<!--", "-->", "&amp;", "&lt;p&gt;", "&#xD800;", "&#0;", "<pubDate>", "</pubDate>", "12 oct 2026", "<dc:creator>",
     "<media:content url='x.jpg'/>", "<guid>", "https://journal.example/?p=1", "[caption]", "<br>", "<img src=x>", "\x00", "\ue000", "é", " ", "\n", "'", '"', "<", ">", "&"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(TOKENS, max_size=60))
def test_any_heap_of_pieces_is_read_or_refused(pieces: list[str]) -> None:  # F04
    outcome = tried("".join(["<rss>", *pieces]).encode("utf-8", "replace"))
    for article in outcome if not isinstance(outcome, str) else ():
        for text in (article.title, article.summary, *article.authors, article.section or ""):
            assert not set(text) & set("\x00\ue000\n\r")
            text.encode("utf-8")
        assert article.identity


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["https://journal.example/?p=3", "<p>x</p>"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["id", "url", "link", "title", "rendered", "content", "excerpt", "items", "version", "authors", "name", "tags", "image", "content_html", "date_gmt", "_embedded", "wp:term", "wp:featuredmedia", "media_details", "sizes", "status", "guid", "coauthors"]), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(JSON)
def test_any_json_is_read_or_refused(value: object) -> None:  # F04
    tried(json.dumps(value).encode())
    tried(json.dumps([{"title": value, "link": value, "content": value, "_embedded": value, "id": 4}]).encode())
    tried(
        json.dumps(
            {
                "version": "https://jsonfeed.org/version/1",
                "items": [{"id": "1", "title": "x", "authors": value, "tags": value, "attachments": value}],
            }
        ).encode()
    )
