"""The posts of a WordPress REST answer → what they hold. Pure. https://developer.wordpress.org/rest-api/reference/posts/"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from newsletter.collect import values
from newsletter.collect.feed import INSIDE, OWN
from newsletter.collect.found import Found, Image
from newsletter.collect.newest import newest
from newsletter.collect.pictures import number, pictures_in
from newsletter.collect.text import folded
from newsletter.collect.values import Values

SECTIONS = ("category", "rubrique", "rubriques", "section", "sections")  # the last by plugins for newsrooms
_WRITTEN_BY = re.compile(r"^(?:ecrit par|written by|verfasst von|escrito por|scritto da|geschreven door|par)$")


def are_posts(value: object) -> bool:
    """Whether this is a list of posts: an empty one is, an error object or a list of anything else is not."""
    return isinstance(value, list) and all(isinstance(one, dict) for one in value) and all(map(_is_post, value[:3]))


def _is_post(one: Values) -> bool:
    return "title" in one and ("link" in one or "id" in one)


def found_in_posts(posts: Iterable[Values], url: str, coauthors: Mapping[int, list[str]] = {}) -> list[Found]:
    """The published posts, in the answer's order. `coauthors` gives the names by a post's id, where asked for apart."""
    readable = newest([one for one in posts if _is_readable(one)], lambda one: _moments(one, "date"))
    return [_found(one, url, coauthors.get(values.whole(one, "id") or 0, [])) for one in readable]


def _is_readable(post: Values) -> bool:
    """Only what everybody may read: an old API gives no status, a protected post has no text and says « Protégé »."""
    protected = any(values.table(post, name).get("protected") is True for name in ("content", "excerpt"))
    return values.text(post, "status") in ("", "publish") and not protected


def _found(post: Values, url: str, coauthors: list[str]) -> Found:
    content = _rendered(post, "content")
    terms = list(terms_of(post))
    return Found(
        title=_rendered(post, "title"),
        link=values.text(post, "link") or _rendered(post, "guid"),
        guid=_rendered(post, "guid"),
        post=values.whole(post, "id"),
        excerpt=_rendered(post, "excerpt"),
        content=content,
        authors=tuple(coauthors or _authors(post, terms)),
        sections=tuple(_sections(terms)),
        images=tuple(_images(post, content)),
        published=tuple(_moments(post, "date")),
        modified=tuple(_moments(post, "modified")),
        lead=post.get("sticky") is True,
        base=url,
    )


def _rendered(post: Values, name: str) -> str:
    """`{"rendered": "…"}`, or the text itself in old and hand-made answers."""
    return values.text(values.table(post, name), "rendered") or (
        values.text(post, name) if isinstance(post.get(name), str) else ""
    )


def _moments(post: Values, name: str) -> Iterator[str]:
    """The GMT time first: it is written without a zone. `0000-00-00` stands there for a post that had none."""
    if utc := values.text(post, f"{name}_gmt"):
        yield utc if utc.endswith("Z") or "+" in utc else f"{utc}Z"
    if local := values.text(post, name):
        yield local


def terms_of(post: Values) -> Iterator[Values]:
    """All terms: their groups come in any order and number, so that each is asked for its taxonomy."""
    for group in values.items(values.table(post, "_embedded"), "wp:term"):
        yield from (term for term in (group if isinstance(group, list) else []) if isinstance(term, dict))


def _sections(terms: list[Values]) -> Iterator[str]:
    for taxonomy in SECTIONS:
        yield from (values.text(term, "name") for term in terms if values.text(term, "taxonomy") == taxonomy)


def _authors(post: Values, terms: list[Values]) -> list[str]:
    """Co-Authors-Plus and PublishPress know them all; WordPress itself only the first, or nobody where listing
    users is forbidden; Yoast writes who it is into its cards."""
    first = _names(values.tables(values.table(post, "_embedded"), "author"))
    listed = [one for name in ("coauthors", "authors") for one in values.tables(post, name)]
    cards = _by_yoast(values.table(post, "yoast_head_json"))
    joint = _names(listed) or _by_terms([term for term in terms if values.text(term, "taxonomy") == "author"], first)
    # The card joins all names in one, where another plugin gave them.
    more = cards if first and cards and cards[0].startswith(first[0]) else []
    return joint or more or first or cards or list(filter(None, [values.text(post, "author_name")]))


def _names(people: Iterable[Values]) -> list[str]:
    return [
        name for one in people if "code" not in one and (name := values.text(one, "display_name", "name", "nickname"))
    ]


def is_login(term: Values) -> bool:
    """Whether a term of the taxonomy "author" bears a log-in name, as those of Co-Authors-Plus often do."""
    name = values.text(term, "name")
    return " " not in name and name == name.lower() and values.text(term, "slug").removeprefix("cap-") == name


def _by_terms(terms: list[Values], first: list[str]) -> list[str]:
    """A log-in name is nobody's name, but what stands before it is better than a lost author."""
    if len(terms) == 1 and is_login(terms[0]) and first:
        return first
    return [
        re.sub(r"[-_.]+", " ", name).title() if is_login(term) and re.search(r"\w[-_.]\w", name) else name
        for term in terms
        if (name := values.text(term, "name"))
    ]


def _by_yoast(head: Values) -> list[str]:
    said = values.text(head, "author")
    card = values.table(head, "twitter_misc")
    written = [value for key, value in card.items() if _WRITTEN_BY.search(folded(key)) and isinstance(value, str)]
    graph = values.tables(values.table(head, "schema"), "@graph")
    articles = [one for one in graph if "Article" in str(one.get("@type"))]
    people = [person for one in articles for person in (values.tables(one, "author"), [values.table(one, "author")])]
    return written or ([said] if said else []) or _names(one for some in people for one in some)


# --- Pictures -------------------------------------------------------------------------------------


def _images(post: Values, content: str) -> Iterator[Image]:
    for media in values.tables(values.table(post, "_embedded"), "wp:featuredmedia"):
        yield from _sizes(media)  # an error object has none
    if url := values.text(post, "jetpack_featured_media_url", "featured_image_src", "featured_image", "fimg_url"):
        yield Image(url, OWN + 1)
    for image in values.tables(values.table(post, "yoast_head_json"), "og_image"):
        yield Image(values.text(image, "url"), OWN + 2, number(image.get("width")), number(image.get("height")))
    yield from pictures_in(content, INSIDE)


def _sizes(media: Values) -> Iterator[Image]:
    """The original and its sizes; which there are is the theme's choice."""
    details = values.table(media, "media_details")
    alt = values.text(media, "alt_text")
    for size in (*values.table(details, "sizes").values(), {**details, "source_url": media.get("source_url")}):
        if isinstance(size, dict) and (url := values.text(size, "source_url")):
            kind = values.text(size, "mime_type") or values.text(media, "mime_type")
            if not kind or kind.startswith("image/"):
                yield Image(
                    url, OWN, number(size.get("width")), number(size.get("height")), number(size.get("filesize")), alt
                )
