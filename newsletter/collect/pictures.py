"""The pictures that a source offers → the one for the mail. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from urllib.parse import parse_qs, urlsplit

from newsletter.collect.found import Image
from newsletter.collect.identity import absolute
from newsletter.collect.text import line_of
from newsletter.model import Picture

IDEAL = 600  # pixels: the width of the mail; the nearest one above serves also sharp screens
SMALL = 300  # below it, another picture of the article is better
MAX_MARKUP = 200_000  # characters of a text that are searched for pictures
MAX_PICTURES = 20  # of a text
MAX_OFFERED = 200  # of an article, all sizes counted
MAX_URL = 1_000  # characters
TINY = 100  # below it, none is better: an icon, an avatar, a button

_IMG = re.compile(r"<img\b([^<>]{1,10000})>", re.IGNORECASE)
# Possessive, and only where a name begins: else a name of 10,000 letters is tried from each of them.
_ATTRIBUTE = re.compile(r"""(?<![\w-])([a-zA-Z][\w-]*+)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]++))""")
# Avatars, emoji, counters, buttons, place-holders: what is never an article's picture.
_NEVER = re.compile(
    r"gravatar\.com|/avatars?[/._-]|s\.w\.org/|pixel\.wp\.com|stats\.wp\.com|feeds?\.feedburner|feedproxy|feedsportal"
    r"|doubleclick|googlesyndication|google-analytics|facebook\.com/tr|scorecardresearch|amazon-adsystem|adserver"
    r"|/smil(?:ies|eys)/|/emojis?/|wp-includes/images|addtoany|sharethis|addthis|/share[_-]?buttons?|feedblitz"
    r"|/pixel\b|[/_.-]pixel\.(?:gif|png)|tracking|/counter|1x1|blank\.(?:gif|png|jpg)|spacer|transparent\.(?:gif|png)"
    r"|adsrvr|/track/|//(?:tags?|pixels?|track(?:ing|er)?|stats?|beacon|counter|ads?|metrics|analytics)\d?\.|placeholder|lazy[_-]?load|grey\.gif|rss2lj|blogger\.com/img/b16-rounded|buysellads|pheedo|tqn\.com/f/",
    re.IGNORECASE,
)
_NEVER_CLASS = re.compile(r"\b(?:avatar|emoji|wp-smiley|smiley|icon|tracking|sharing|jp-relatedposts)", re.IGNORECASE)
_OTHER_MEDIA = re.compile(
    r"\.(?:mp4|m4v|mov|webm|avi|mp3|m4a|ogg|oga|ogv|wav|pdf|svgz?|zip|docx?|html?)$", re.IGNORECASE
)
_PICTURE_PATH = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|bmp)$", re.IGNORECASE)
_SIZE_IN_NAME = re.compile(r"-(\d{2,4})x(\d{2,4})(?:@2x)?\.\w{3,4}$")


def looks_like_picture(url: str) -> bool:
    """Whether an address has a picture's ending."""
    return bool(_PICTURE_PATH.search(_path(url)))


def pictures_in(markup: str, rank: int) -> Iterator[Image]:
    """The pictures of a text in their order; of lazily loaded ones the real address, not the place-holder's."""
    for tag in islice(_IMG.finditer(markup[:MAX_MARKUP]), MAX_PICTURES):
        found = {
            name.lower(): html.unescape(double or single or bare)
            for name, double, single, bare in _ATTRIBUTE.findall(tag[1])
        }
        if _NEVER_CLASS.search(found.get("class", "")):
            continue
        width, height = number(found.get("width")), number(found.get("height"))
        lazy = [
            found.get(name, "")
            for name in ("data-src", "data-lazy-src", "data-original", "data-orig-file", "data-full-url")
        ]
        sets = [
            *_srcset(found.get("data-srcset", "")),
            *_srcset(found.get("data-lazy-srcset", "")),
            *_srcset(found.get("srcset", "")),
        ]
        alt = found.get("alt", "")
        for url in (*lazy, found.get("src", "")):
            if 0 < len(url) <= MAX_URL and not url.startswith("data:") and not _NEVER.search(url):
                yield Image(url, rank, width, height, alt=alt)
                break
        yield from (Image(url, rank, wide, alt=alt) for url, wide in sets[:MAX_PICTURES])
        rank += 1


def _srcset(text: str) -> Iterator[tuple[str, int]]:
    for part in re.split(r",\s+|,(?=https?:)", text[:5_000]):
        url, _, size = part.strip().rpartition(" ")
        if url and re.fullmatch(r"\d{1,5}w", size):
            yield url.strip(), int(size[:-1])


def number(value: object) -> int | None:
    """A number of pixels or bytes; None where it is none."""
    match = re.match(r"\s*(\d{1,9})(?:px|\.\d+)?\s*$", str(value)) if isinstance(value, str | int) else None
    return int(match[1]) if match and int(match[1]) > 0 else None


def picture_of(images: Iterable[Image], base: str) -> Picture | None:
    """The picture to show: the one most plainly meant, of its sizes the nearest to 600 pixels from above."""
    best: Image | None = None
    for _, alike in groupby(
        sorted(islice(images, MAX_OFFERED), key=lambda image: image.rank), lambda image: image.rank
    ):
        usable = [image for one in alike if (image := _usable(one, base))]
        best = min([best, *usable] if best else usable, key=_worth, default=None)
        if best and not _worth(best)[0]:
            break  # what is meant less plainly cannot be better
    return Picture(best.url, line_of(best.alt)[:300], best.width, best.height, best.size) if best else None


def _usable(image: Image, base: str) -> Image | None:
    if len(image.url) > MAX_URL:
        return None
    url = absolute(html.unescape(image.url) if "&amp;" in image.url else image.url, base)
    if not url or _NEVER.search(url) or _OTHER_MEDIA.search(_path(url)):
        return None
    width, height = (image.width, image.height) if image.width else _size_in(url)
    if (width is not None and width < TINY) or (image.height is not None and image.height < TINY // 2):
        return None
    return Image(url, image.rank, width, height, image.size, image.alt)


def _worth(image: Image) -> tuple[bool, int, bool, int]:
    """For sorting, best first: not small, then rank, then wide enough, then nearest. An unknown width is the
    original's as a rule: after a known fit, before one that is too narrow."""
    width = image.width
    narrow = width is not None and width < IDEAL
    distance = 10_000 if width is None else abs(width - IDEAL)
    return (width is not None and width < SMALL, image.rank, narrow, distance)


def _size_in(url: str) -> tuple[int | None, int | None]:
    """The size that WordPress writes into a file's name, or an image service's parameter."""
    if match := _SIZE_IN_NAME.search(_path(url)):
        return int(match[1]), int(match[2])
    query = parse_qs(urlsplit(url).query)
    for name in ("w", "width"):
        if name in query:
            return number(query[name][0]), None
    return None, None


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
