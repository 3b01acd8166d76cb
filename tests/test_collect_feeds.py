"""Feeds as they are met, each with what a careful reader takes from it (F06): the data files lie in data/feeds and
data/wordpress, beside them NAME.expected, in the form of `collect try --json`."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.collect import Rules, read
from newsletter.collect.newest import MAX_ARTICLES
from newsletter.errors import SourceError
from newsletter.model import Article

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
LOME = ZoneInfo("Africa/Lome")
STRIP = ("CLIQUEZ ICI POUR RECEVOIR TOUS LES JOURS NOS ARTICLES",)
RULES = Rules(LOME, "fr", "https://journal.example", STRIP, DATA, NOW)
PARIS = Rules(ZoneInfo("Europe/Paris"), "fr", "https://journal.example", (), DATA, NOW)


def shown(article: Article) -> dict[str, object]:
    """As `collect try --json` shows it."""
    return {
        "id": article.identity,
        "url": article.url,
        "title": article.title,
        "summary": article.summary,
        "authors": list(article.authors),
        "section": article.section,
        "image": article.picture.url if article.picture else None,
        "published": article.published.isoformat().replace("+00:00", "Z") if article.published else None,
        "lead": article.lead,
    }


@pytest.mark.parametrize("expected", sorted(DATA.glob("*/*.expected")), ids=lambda path: path.stem)
def test_each_file_gives_what_a_careful_reader_takes(expected: Path) -> None:  # F06
    articles = read(expected.with_suffix("").read_bytes(), None, "https://journal.example/feed/", RULES)
    assert [shown(one) for one in articles] == json.loads(expected.read_text(encoding="utf-8"))


def rss(inner: str, head: str = '<?xml version="1.0"?>') -> str:
    return (
        f'{head}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Le Golfe</title>'
        f"<link>https://journal.example</link>{inner}</channel></rss>"
    )


def one(inner: str, rules: Rules = RULES, **kwargs: object) -> Article:
    text = rss(f"<item><link>https://journal.example/a/</link>{inner}</item>")
    (article,) = read(text.encode(), "feed", "https://journal.example/feed/", rules, **kwargs)  # type: ignore[arg-type]
    return article


# --- Bytes ----------------------------------------------------------------------------------------

TITLE = "<item><title>L’été à Bè — 5 € : « œuvre »</title></item>"


@pytest.mark.parametrize(
    ("charset", "declared", "header"),
    [
        ("utf-8", "utf-8", ""),
        ("utf-8", "", ""),
        ("utf-8", "iso-8859-1", ""),  # the label stayed behind when the site moved
        ("utf-8", "utf-8", "text/xml; charset=iso-8859-1"),
        ("utf-8-sig", "utf-8", ""),
        ("cp1252", "windows-1252", ""),
        ("cp1252", "iso-8859-1", ""),
        ("cp1252", "utf-8", ""),
        ("cp1252", "", 'text/xml; charset="windows-1252"'),
        ("cp1252", "", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16-le", "utf-16", ""),
        ("utf-16-be", "utf-16", "application/xml"),
        ("utf-32", "utf-32", ""),
        ("cp1252", "chinois", ""),
        ("cp1252", "punycode", ""),
    ],
)
def test_charsets(charset: str, declared: str, header: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    data = rss(TITLE, head).encode(charset)
    (article,) = read(data, None, "f", RULES, {"content-type": header} if header else {})
    assert article.title == "L’été à Bè — 5 € : « œuvre »"


def test_one_odd_byte_spoils_one_character() -> None:
    data = rss(TITLE).encode().replace("été".encode(), b"\xe9t\xc3\xa9")
    assert read(data, None, "f", RULES)[0].title.startswith("L’été à Bè")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (
            b"<!DOCTYPE html><html><head><title>Accueil</title></head><body><p>Bonjour</p></body></html>",
            "is an HTML page, not a feed",
        ),
        (b"<html><body><item>x</item></body></html>", "is an HTML page, not a feed"),
        (b"Bonjour", "is not a feed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 40, "is no text"),
        (b"rien []  et encore", "is not a feed"),
        (b"<opml><head/><body><outline/></body></opml>", r"is XML \(opml\), but no feed"),
        (b"<urlset><url><loc>x</loc></url></urlset>", r"is XML \(urlset\), but no feed"),
        (b'{"code":"rest_forbidden","message":"non"}', "neither a JSON Feed nor WordPress posts.*rest_forbidden"),
        (b"[1, 2]", "neither a JSON Feed nor WordPress posts"),
        (b'[{"id":1,"link":"https://journal.example/', "damaged or cut off"),
        (b"\x1f\x8bxxxxxxxx", "damaged gzip"),
        (b"<rss>" + b" " * 10_000_000, "larger than 10 MB"),
    ],
)
def test_what_is_no_feed_is_said_in_one_line(data: bytes, says: str) -> None:  # F04
    with pytest.raises(SourceError, match=says) as caught:
        read(data, None, "https://journal.example/feed/", RULES)
    assert str(caught.value).startswith("https://journal.example/feed/ is ")
    assert "\n" not in str(caught.value)


def test_a_feed_without_articles_is_no_error() -> None:  # F07
    assert read(rss("").encode(), "feed", "f", RULES) == ()
    assert read(b'{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[]}', None, "f", RULES) == ()
    assert read(b"[]", "wordpress", "f", RULES) == ()


# --- Small things of feeds ------------------------------------------------------------------------


def test_a_date_without_a_zone_is_the_newsrooms() -> None:
    assert one("<pubDate>Mon, 12 Oct 2026 08:00:00</pubDate>", PARIS).published == datetime(2026, 10, 12, 6, tzinfo=UTC)
    assert one("<pubDate>12 décembre 2026 à 8h</pubDate>", PARIS).published == datetime(2026, 12, 12, 7, tzinfo=UTC)
    assert one("<pubDate>Mon, 12 Oct 2026 08:00:00 +0000</pubDate>", PARIS).published == datetime(
        2026, 10, 12, 8, tzinfo=UTC
    )


def test_words_are_counted_in_a_full_text_only() -> None:
    assert one("<description>Un extrait de cinq mots</description>").words == 0
    text = "<content:encoded><![CDATA[<p>" + "mot " * 400 + "</p>]]></content:encoded>"
    assert one("<description>Un extrait</description>" + text).words == 400
    long = "&lt;p&gt;" + "un mot encore " * 40 + "&lt;/p&gt;&lt;p&gt;" * 3 + "fin " * 200
    assert one(f"<description>{long}</description>").words == 320


def test_a_language_is_kept_where_it_differs() -> None:
    assert one("<dc:language>fr-TG</dc:language>").language is None
    assert one("<dc:language>ee</dc:language>").language == "ee"


def test_post_ids_of_the_wordpress_element() -> None:
    article = one('<post-id xmlns="com-wordpress:feed-additions:1">88</post-id><title>A</title>')
    assert article.identity == "https://journal.example/?p=88"


def test_of_an_archive_the_newest_are_taken_in_its_own_order() -> None:
    items = "".join(
        f"<item><title>A{i}</title><link>https://journal.example/{i}/</link><pubDate>2026-{1 + i // 28 % 12:02}-{1 + i % 28:02}</pubDate></item>"
        for i in range(336)
    )
    articles = read(rss(items).encode(), None, "f", RULES)
    assert [one.title for one in articles] == [f"A{i}" for i in range(336 - MAX_ARTICLES, 336)]


@pytest.mark.parametrize(
    ("cut", "summary"),
    [
        ("<description>Le port rouvre.</descri", "Le port rouvre."),
        ("<description>Le port rouvre.</", "Le port rouvre."),
        ("<description>Le port rouvre.<", "Le port rouvre."),
        ("<description>Le port rouvre.<![CDATA[", "Le port rouvre."),
        ("<description><![CDATA[<p>Le port rouvre.</p><img src='https://jour", "Le port rouvre."),
        ("<description><![CDATA[<p>Le port rouvre.</p", "Le port rouvre."),
        ("<description>&lt;p&gt;Le port rouvre.&lt;/p&gt;&lt;!-- la su", "Le port rouvre."),
        ("<description>Le PIB est < 5", "Le PIB est < 5"),
    ],
)
def test_where_the_document_was_cut_off_no_half_tag_is_shown(cut: str, summary: str) -> None:
    text = f"<rss><channel><item><title>Le port</title><link>https://journal.example/a/</link>{cut}"
    (article,) = read(text.encode(), "feed", "f", RULES)
    assert article.summary == summary


FILE = "/srv/essai/fil.xml"  # a file does not know where it was


def test_a_file_s_addresses_start_where_it_says_it_belongs() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="https://carnet.example/notes/fil"/><link href="/"/>'
        '<entry><title>A</title><link href="a/"/></entry></feed>'
    )
    (article,) = read(atom.encode(), "feed", FILE, replace(RULES, site_url=""))
    assert article.url == "https://carnet.example/notes/a/"
    item = '<channel><atom:link rel="self" href="https://journal.example/feed/"/><item><title>A</title><link>/a/</link></item>'
    (article,) = read(f"<rss>{item}".encode(), "feed", FILE, replace(RULES, site_url=""))
    assert article.url == "https://journal.example/a/"


@pytest.mark.parametrize(
    ("guid", "url"),
    [
        ("<guid>https://journal.example/a/</guid>", "https://journal.example/a/"),
        ('<guid isPermaLink="true">https://journal.example/a/</guid>', "https://journal.example/a/"),
        ('<guid isPermaLink="true">/a/</guid>', "https://journal.example/a/"),
        ('<guid isPermaLink="false">https://journal.example/a/</guid>', ""),
        ('<guid isPermaLink="false">https://journal.example/?p=4</guid>', "https://journal.example/?p=4"),
        ('<guid isPermaLink="true">tag:journal.example,2026:4</guid>', ""),
        ("<guid>4</guid>", ""),
    ],
)
def test_when_a_guid_is_an_address(guid: str, url: str) -> None:
    (article,) = read(rss(f"<item><title>A</title>{guid}</item>").encode(), "feed", FILE, RULES)
    assert article.url == url


# --- F05 ------------------------------------------------------------------------------------------

PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>", "<a href='javascript:alert(1)'>x</a>", "<math><mtext></p><img src=x onerror=alert(1)>",
    "<style>@import 'http://mal.example'</style>", "<body onload=alert(1)>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<<script>alert(1)//<</script>", "<scr<script>ipt>alert(1)</script>", "<object data=javascript:alert(1)>", "<!--><img src=x onerror=alert(1)>-->",
    "<form action=javascript:alert(1)><button>x</button></form>", "<title><img src=x onerror=alert(1)></title>", "&lt;script&gt;alert(1)&lt;/script&gt;",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_markup_becomes_harmless_text(payload: str) -> None:  # F05: what leaves this station is plain text
    escaped = payload.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for written in (f"<![CDATA[{payload}]]>", escaped, payload):
        article = one(
            f"<title>Avant {written}</title><description>Avant {written}</description><dc:creator>Afi {written}</dc:creator>"
        )
        for text in (article.title, article.summary, *article.authors):
            assert not re.search(r"<[a-zA-Z/!][^<>]*>", text), text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "https://a:b@mal.example/",
        "https://journal.example/\"onload='x'",
        " java\nscript:alert(1)",
        "//",
        "http://",
    ],
)
def test_hostile_addresses_lead_nowhere(url: str) -> None:  # F05
    text = rss(
        f'<item><title>A</title><link>{url}</link><enclosure type="image/jpeg" url="{url.replace(chr(34), "&quot;")}"/></item>'
    )
    (article,) = read(text.encode(), None, "https://journal.example/feed/", RULES)
    for address in (article.url, article.picture.url if article.picture else ""):
        assert address == "" or address.startswith("https://journal.example/")
        assert not set(address) & set("\"'<> \n")
