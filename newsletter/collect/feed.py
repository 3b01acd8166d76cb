"""RSS 0.9x, 1.0, 2.0, Atom 0.3 and 1.0, and CDF → what they hold. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import chain, islice

from newsletter.collect.found import Found, Image
from newsletter.collect.identity import absolute, post_identity
from newsletter.collect.markup import MAX_STEPS, Node, tree_of
from newsletter.collect.newest import MAX_CONSIDERED, newest
from newsletter.collect.pictures import MAX_OFFERED, looks_like_picture, number, pictures_in
from newsletter.errors import SourceError

ROOTS = ("rss", "feed", "rdf:rdf", "rdf", "channel")
TITLES = ("title", "media:title", "dc:title", "itunes:title")
EXCERPTS = (
    "description",
    "summary",
    "abstract",
    "itunes:summary",
    "dc:description",
    "dcterms:abstract",
    "media:description",
    "itunes:subtitle",
)
CONTENTS = ("content:encoded", "content", "xhtml:body", "body", "fullitem")
PUBLISHED = (
    "pubdate",
    "published",
    "issued",
    "dc:date",
    "dcterms:issued",
    "prism:publicationdate",  # a day without a time, as a rule
    "created",
    "dcterms:created",
    "date",
)
MODIFIED = ("updated", "modified", "dcterms:modified", "lastbuilddate")
AUTHORS = ("dc:creator", "author", "dc:author", "creator")
_ARTICLE = re.compile(r"<(?:[\w.\-]++:)?+(?:item|entry)[\s>]", re.IGNORECASE)
# Ranks of pictures, the plainest first. Pictures inside the text come from 10 on, in their order.
OWN, ATTACHED, PROGRAMME, INSIDE = 0, 2, 4, 10


def found_in_feed(text: str, url: str) -> list[Found]:
    """The articles of a feed, in its order. `url` is where relative addresses start, if they start nowhere else.

    Raises SourceError where it is no feed.
    """
    root = tree_of(_without_middle(text))
    nodes = list(_walk(root))
    feed = next((node for node in nodes if node.name in ROOTS), None)
    articles = [node for node in nodes if node.name in ("item", "entry")]
    if feed is None and (not articles or any(node.name == "html" for node in nodes)):
        raise SourceError(_what_else(nodes, text))
    house = _House(feed, nodes, url)
    return [_found(node, house) for node in newest(articles, lambda node: _texts(node, (*PUBLISHED, *MODIFIED)))]


def _without_middle(text: str) -> str:
    """Of a long archive the two ends, one of which holds the newest articles; as much of them as can be read."""
    if not 2 * MAX_CONSIDERED < text.count("<") < 20 * MAX_STEPS:
        return text
    for ends in (MAX_CONSIDERED, MAX_CONSIDERED // 2, MAX_CONSIDERED // 4):
        starts = [match.start() for match in _ARTICLE.finditer(text)]
        if len(starts) > 2 * ends:
            text = text[: starts[ends]] + text[starts[-ends] :]
        if text.count("<") <= MAX_STEPS or len(starts) <= MAX_CONSIDERED // 2:
            break
    return text


def _walk(root: Node) -> Iterator[Node]:
    """All elements in document order, but what is inside an article."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if node.name not in ("item", "entry"):
            waiting.extend(reversed(node.children))


def _what_else(nodes: list[Node], text: str) -> str:
    names = [node.name for node in nodes[1:]]
    looks = (
        r"<!doctype html"
        if names and names[0] in ("opml", "urlset", "sitemapindex")
        else r"<!doctype html|<(?:head|body)\b"
    )
    if "html" in names[:5] or re.search(looks, text[:2000], re.IGNORECASE):
        return "is an HTML page, not a feed"
    return f"is XML ({names[0]}), but no feed" if names else "is not a feed"


class _House:
    """What the feed says for all its articles."""

    def __init__(self, feed: Node | None, nodes: list[Node], url: str) -> None:
        channel = next((node for node in nodes if node.name == "channel"), None) or feed
        self.atom = feed is not None and feed.name == "feed"
        language = channel.first("language", "dc:language") if channel else None
        self.language = (language.text if language else "") or (feed.language if feed else "")
        own = _home(channel, url, self.atom) if channel else ""
        self.base = absolute(channel.base or channel.get("base"), url) if channel else ""
        self.base = self.base or (url if absolute(url) else "") or own
        self.authors = tuple(_authors(channel)) if channel and self.atom else ()


def _home(channel: Node, url: str, atom: bool) -> str:
    """Where relative addresses start in a file whose own address is not known: an Atom feed's do at itself (RFC
    4287), RSS has no rule, and they are meant from the site."""
    site = absolute(_link(channel), url)
    itself = next((link.get("href") for link in channel.all("link") if link.get("rel").lower() == "self"), "")
    there = absolute(itself, url)
    guid = absolute(_guid(channel), url) if atom else ""
    return (there or site or guid) if atom else (site or there)


def _found(node: Node, house: _House) -> Found:
    title, excerpt = node.first(*TITLES), node.first(*EXCERPTS) or _grouped(node, "media:description")
    content = _content(node)
    title = title if title and _value(title) else _grouped(node, "media:title") or title
    link, guid = _link(node), _guid(node)
    base = absolute(node.base, house.base) or house.base
    short, full = _value(excerpt) if excerpt else "", content or ""
    if not full and _is_full(short):
        full = short
    return Found(
        title=_value(title) if title else "",
        title_is_text=_is_text(title),
        link=link,
        guid=guid,
        post=_post(node),
        excerpt=short,
        excerpt_is_text=_is_text(excerpt),
        content=full,
        authors=tuple(_authors(node)) or house.authors,
        sections=tuple(_sections(node)),
        images=tuple(islice(_images(node, full or short, base), MAX_OFFERED)),
        published=tuple(_texts(node, PUBLISHED)),
        modified=(*_texts(node, MODIFIED), *filter(None, [node.get("lastmod")])),
        language=_language(node) or house.language,
        base=base,
        images_base=base if node.base else "",
    )


def _value(node: Node) -> str:
    kind, mode = node.get("type").lower(), node.get("mode").lower()
    # RFC 4287, 4.1.3.3; Atom 0.3 says it by its mode
    if mode == "base64" or ("/" in kind and not kind.startswith("text/") and "xml" not in kind and not node.children):
        return _unpacked(node.text)
    return node.markup


def _unpacked(text: str) -> str:
    try:
        return base64.b64decode(text, validate=False).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _is_text(node: Node | None) -> bool:
    return node is not None and node.get("type").lower() in ("text", "text/plain") and not node.children


def _content(node: Node) -> str:
    """The fullest of the texts that are given as the whole."""
    return max((_value(one) for one in node.all(*CONTENTS) if not one.get("src")), key=len, default="")


def _is_full(text: str) -> bool:
    """Whether a description is the whole article: many sites put it there. An excerpt has one paragraph."""
    return len(text) > 1_200 and len(re.findall(r"<(?:p|br|div)\b", text[:20_000], re.IGNORECASE)) >= 3


def _grouped(node: Node, name: str) -> Node | None:
    """A text that stands beside a picture or a film, or in a group of them."""
    for holder in node.all("media:group", "media:content"):
        for inside in (holder, *holder.all("media:content")):
            if found := inside.first(name):
                return found
    return None


def _link(node: Node) -> str:
    """Where the article stands: what FeedBurner kept, else the link for readers, else a guid that is an address."""
    original = node.first("feedburner:origlink", "origlink")
    if original and original.text:
        return original.text
    found = sorted((rank, i, where) for i, (rank, where) in enumerate(_links(node)) if where)
    if found:
        return found[0][2]
    about = node.get("rdf:about") or node.get("about")
    return next((one for one in (_permalink(node), about) if one), "")


def _permalink(node: Node) -> str:
    """A guid that is an address: RSS 2.0 says so by `isPermaLink`, and where that is missing it is one if it looks so.
    WordPress says false of `/?p=123`, which leads to the article all the same."""
    guid = node.first("guid", "id")
    where = guid.text if guid else ""
    said = guid.get("ispermalink").lower() if guid else ""
    if not re.match(r"https?://", where, re.IGNORECASE):
        return where if said == "true" and "/" in where and ":" not in where else ""
    return where if said != "false" or post_identity("", where) else ""


def _links(node: Node) -> Iterator[tuple[int, str]]:
    if node.get("href") and node.name in ("item", "channel"):
        yield 0, node.get("href")  # CDF
    for link in node.all("link", "url"):
        if not link.get("href"):
            yield 1, link.text
        elif link.get("rel").lower() in ("", "alternate"):
            kind = link.get("type").lower()
            yield (2 if kind in ("", "text/html", "application/xhtml+xml") else 3), link.get("href")


def _guid(node: Node) -> str:
    guid = node.first("guid", "id", "dc:identifier")
    return (guid.text if guid else "") or node.get("rdf:about")


def _post(node: Node) -> int | None:
    own = node.first("wordpress:post-id", "post-id")
    return number(own.text) if own else None


def _texts(node: Node, names: tuple[str, ...]) -> Iterator[str]:
    return (child.text for name in names for child in node.all(name) if child.text)


def _authors(node: Node) -> Iterator[str]:
    named = list(filter(None, (_author(one) for one in node.all(*AUTHORS))))
    credits = (one for one in node.all("media:credit") if one.get("role").lower() in ("author", "journalist"))
    others = chain(node.all("itunes:author", "googleplay:author"), credits)
    yield from named or filter(None, (one.text for one in others))


def _author(node: Node) -> str:
    name = node.first("name", "itunes:name", "dc:title")
    return name.markup if name else node.markup if not node.first("email", "uri", "url") else ""


def _sections(node: Node) -> Iterator[str]:
    for one in node.all("category", "dc:subject", "prism:section", "itunes:category"):
        yield one.get("label") or one.text or one.get("term") or one.get("text")


def _language(node: Node) -> str:
    own = node.first("dc:language", "language")
    return (own.text if own else "") or node.language


# --- Pictures -------------------------------------------------------------------------------------


def _images(node: Node, text: str, base: str) -> Iterator[Image]:
    for holder in (node, *node.all("media:group"), *node.all("media:content")):
        yield from _media(holder)
    for link in node.all("enclosure", "link"):
        yield from _attached(link, base)
    yield from _programme(node)
    yield from pictures_in(text, INSIDE)


def _media(node: Node) -> Iterator[Image]:
    for media in node.all("media:content"):
        kind, url = media.get("type") or media.get("medium"), media.get("url")
        if kind.startswith("image") or (not kind and looks_like_picture(url)):
            yield _image(media, url, OWN, media.get("filesize"))
    for thumbnail in node.all("media:thumbnail"):
        yield _image(thumbnail, thumbnail.get("url") or thumbnail.text, OWN + 1)


def _image(node: Node, url: str, rank: int, size: str = "") -> Image:
    title = node.first("media:title", "media:description", "media:text")
    alt = title.text if title else ""
    bytes_ = number(size)
    known = bytes_ if bytes_ and bytes_ > 1_000 else None  # a 0 or a 1 stands there for "not known"
    return Image(url, rank, number(node.get("width")), number(node.get("height")), known, alt)


def _attached(node: Node, base: str) -> Iterator[Image]:
    """An Atom link starts where the feed does, other addresses where the article does."""
    if node.name == "link" and node.get("rel").lower() not in ("enclosure", "image", "image_src", "preview", "icon"):
        return
    url, kind = node.get("url") or node.get("href"), node.get("type").lower()
    if kind.startswith("image/") or (not kind and looks_like_picture(url)):
        url = absolute(url, base) if node.name == "link" else url
        yield _image(node, url, ATTACHED, node.get("length"))


def _programme(node: Node) -> Iterator[Image]:
    """Pictures that are elements of their own: `<image><url>`, `<itunes:image href>`, and what themes invent."""
    for one in node.all(
        "image", "itunes:image", "googleplay:image", "thumbnail", "featured_image", "post-thumbnail", "thumb", "img"
    ):
        inside, page = one.first("url", "href"), one.first("link")  # `<link>` is the page that the picture leads to
        url = one.get("href") or one.get("url") or one.get("src") or (inside.text if inside else one.text)
        url = url or (page.text if page and looks_like_picture(page.text) else "")
        if url and "<" not in url:
            yield _image(one, url, PROGRAMME)
