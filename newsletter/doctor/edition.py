"""Today's edition as it stands: whether it renders, what it weighs, and whether its links and pictures answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import urlsplit

from newsletter import preview
from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.errors import BadData, DatabaseError, NewsletterError, TemplateError, Unavailable
from newsletter.newsroom import Newsroom
from newsletter.proof import CLIPPING

MOST = 40  # addresses that are asked
AT_ONCE = 8
SECONDS = 5.0  # for one of them


def look(room: Newsroom) -> Iterator[Finding]:
    """Where there is none yet, one is made up and not kept."""
    try:
        shown = preview.preview(room, None)
    except TemplateError as error:
        yield failure("edition", str(error), "mend the template, or move it out of the way: the usual one is taken")
        return
    except DatabaseError as error:
        yield warning("edition", f"it could not be looked at: {error}", "see the line “database”")
        return
    except (BadData, Unavailable) as error:
        yield warning("edition", f"there is none to look at: {error}", "ask again when the sources have articles")
        return
    except NewsletterError as error:
        yield failure("edition", str(error), "see `newsletter preview`")
        return
    yield judge_size(shown.edition.name, len(shown.html.encode()))
    yield from judge_addresses(room, addresses(shown.html, room.config.newsletter.public_url))


def judge_size(name: str, size: int) -> Finding:
    said = f"{name} renders, {size / 1000:.0f} KB of HTML"
    if size > CLIPPING:
        return failure("edition", f"{said}: Gmail cuts it, and the link to leave with it", "pick fewer articles")
    return ok("edition", said)


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"a": "href", "img": "src"}.get(tag)
        for name, value in attrs:
            if name == wanted and value and value.startswith(("http://", "https://")):
                self.found[value] = None


def addresses(html: str, ours: str) -> list[str]:
    """All links and pictures of a mail but those to pass an article on, which are the same every day; our own pages are
    looked at elsewhere. Pure."""
    from newsletter.render import shares

    parser = _Addresses()
    parser.feed(html)
    passing_on = {urlsplit(one.url).hostname for one in shares("", "")}
    found = [one for one in parser.found if not one.startswith(f"{ours}/")]
    return [one for one in found if _host(one) not in passing_on]


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def judge_addresses(room: Newsroom, found: Sequence[str]) -> Iterator[Finding]:
    asked = list(found)[:MOST]
    private = any(source.allow_private_network for source in room.config.sources)

    def ask(url: str) -> int | None:
        return room.fetcher.status(url, allow_private=private, timeout=SECONDS)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(ask, asked), strict=True))
    bad = {url: status for url, status in answers.items() if status is None or status >= 400}
    for url, status in list(bad.items())[:10]:
        said = f"{url} answers {status}" if status else f"{url} does not answer"
        yield warning("edition links", said, "readers would meet the same: mend it at the site, or drop the article")
    if len(bad) > 10:
        yield warning("edition links", f"{len(bad) - 10} more do not answer as they should", "see the site first")
    if asked and not bad:
        yield ok("edition links", f"{len(asked)} links and pictures answer")
    if len(found) > MOST:
        yield ok("edition links", f"{len(found) - MOST} more were not asked")
