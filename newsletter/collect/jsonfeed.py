"""JSON Feed 1.0 and 1.1 → what it holds. Pure. https://www.jsonfeed.org/version/1.1/"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.collect import values
from newsletter.collect.feed import ATTACHED, INSIDE, OWN
from newsletter.collect.found import Found, Image
from newsletter.collect.newest import newest
from newsletter.collect.pictures import looks_like_picture, number, pictures_in
from newsletter.collect.values import Values

ANY = ("title", "url", "external_url", "content_html", "content_text", "summary", "image")  # one of them is an article


def is_json_feed(value: object) -> bool:
    """A JSON Feed says so by its version; some forget."""
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        return False
    return "jsonfeed" in str(value.get("version", "")) or "title" in value or "home_page_url" in value


def found_in_json(feed: Values, url: str) -> list[Found]:
    """The articles of a JSON Feed, in its order."""
    base = values.text(feed, "home_page_url", "feed_url") or url
    house, language = tuple(_authors(feed)), values.text(feed, "language")
    articles = [one for one in values.tables(feed, "items") if values.text(one, *ANY)]
    return [_found(one, base, house, language) for one in newest(articles, _dates)]


def _dates(one: Values) -> list[str]:
    return [*values.texts(one, "date_published"), *values.texts(one, "date_modified")]


def _found(one: Values, base: str, house: tuple[str, ...], language: str) -> Found:
    content = values.text(one, "content_html")
    text = values.text(one, "content_text")
    summary = values.text(one, "summary")
    return Found(
        title=values.text(one, "title"),
        title_is_text=True,
        link=values.text(one, "url", "external_url") or _address(values.text(one, "id")),
        guid=values.text(one, "id"),
        excerpt=summary or ("" if content else text),
        excerpt_is_text=bool(summary or not content),
        content=content or (text if summary else ""),
        authors=tuple(_authors(one)) or house,
        sections=tuple(values.texts(one, "tags")),
        images=tuple(_images(one, content)),
        published=tuple(values.texts(one, "date_published")),
        modified=tuple(values.texts(one, "date_modified")),
        language=values.text(one, "language") or language,
        base=base,
    )


def _address(text: str) -> str:
    return text if text.lower().startswith(("http://", "https://")) else ""


def _authors(holder: Values) -> Iterator[str]:
    named = [*values.tables(holder, "authors"), values.table(holder, "author")]
    yield from filter(None, (values.text(one, "name") for one in named))


def _images(one: Values, content: str) -> Iterator[Image]:
    for rank, name in ((OWN, "image"), (OWN + 1, "banner_image")):
        if url := values.text(one, name):
            yield Image(url, rank)
    for attached in values.tables(one, "attachments"):
        url, kind = values.text(attached, "url"), values.text(attached, "mime_type")
        if kind.startswith("image/") or (not kind and looks_like_picture(url)):
            yield Image(url, ATTACHED, size=number(attached.get("size_in_bytes")))
    yield from pictures_in(content, INSIDE)
