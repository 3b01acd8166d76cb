"""Station 1: sources → articles.

    one source → fetched, or read from disk → text → what it holds → the articles as the house keeps them

In comes a Source and the Rules of the house; out goes a Harvest: articles in the source's own order, or the error
that kept it from giving. A bad source is data here, never an exception, so that one never stops the others.

Not in this room: SQL, the clock, printing, and sockets: asking is done by the Fetcher that is passed in.
`feed`, `jsonfeed`, `posts` read formats; `decode`, `markup`, `dates`, `text`, `summary`, `bylines`, `pictures`,
`identity` each know one thing, and are pure; `make` puts an article together; `wordpress` and `folder` know where
to look; `recheck` looks again before sending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.collect import values, wordpress
from newsletter.collect.decode import text_of
from newsletter.collect.feed import found_in_feed
from newsletter.collect.folder import articles_in
from newsletter.collect.found import Found
from newsletter.collect.jsonfeed import found_in_json, is_json_feed
from newsletter.collect.make import Rules, articles_of, usable
from newsletter.collect.posts import are_posts, found_in_posts
from newsletter.collect.recheck import Answer, answers, gone
from newsletter.config import Source
from newsletter.errors import SourceError
from newsletter.model import Article, Harvest, Validators

if TYPE_CHECKING:
    from newsletter.fetch import Fetcher

__all__ = ["Answer", "Rules", "answers", "collect", "gone", "read"]

_PARAMETERS = re.compile(r"\?[^\s?]{60,}?(?=:\s|\s|$)")
_FEED_ROOT = re.compile(r"<(?:\w+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)


def collect(source: Source, rules: Rules, fetcher: Fetcher, validators: Validators) -> Harvest:
    """Collect one source. Never raises for a bad one: the harvest carries the error, one line with source and cause."""
    try:
        harvest = _collect(source, rules, fetcher, validators)
    except SourceError as error:
        return Harvest(source.key, error=_one_line(error))
    except Exception as error:  # a mistake of ours in reading this source must not cost the others
        return Harvest(source.key, error=f"{source.place}: cannot be read ({type(error).__name__}: {_one_line(error)})")
    return usable(harvest, source.section, rules)


def read(data: bytes, kind: str | None, url: str, rules: Rules, headers: Mapping[str, str] = {}) -> tuple[Article, ...]:
    """The articles in a document, in its own order, just as it gives them.

    `kind` is feed, wordpress (a JSON list of posts), or None: find out. `url` is where the document came from, and
    where relative addresses start. Raises SourceError, one line, where it is none of these or cannot be read.
    """
    name = url or "the document"
    try:
        content_type = next((value for key, value in headers.items() if key.lower() == "content-type"), "")
        return articles_of(_found(text_of(data, content_type), kind, url), rules)
    except SourceError as error:
        raise SourceError(f"{name} {error}") from None


def _found(text: str, kind: str | None, url: str) -> list[Found]:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start not in ("{", "[") and (kind == "feed" or _FEED_ROOT.search(text)):
        return found_in_feed(text, url)
    try:
        value = values.json_of(text)
    except SourceError:
        if start in ("{", "["):
            raise
        return found_in_feed(text, url)
    if isinstance(value, dict) and {"id", "link", "title", "date"} <= value.keys():
        value = [value]  # the answer about one post
    if is_json_feed(value):
        return found_in_json(value, url)
    if are_posts(value):
        return found_in_posts(value, url)
    code = values.text(value, "code") if isinstance(value, dict) else ""
    raise SourceError("is JSON but neither a JSON Feed nor WordPress posts" + (f" (it says {code})" if code else ""))


# --- The kinds of sources -------------------------------------------------------------------------


def _collect(source: Source, rules: Rules, fetcher: Fetcher, validators: Validators) -> Harvest:
    if source.kind == "folder":
        articles, notes = articles_in(rules.folder / (source.path or ""), rules)
        return Harvest(source.key, articles, notes=notes)
    if source.path:
        return Harvest(source.key, _read_file(source, rules))
    if source.kind == "wordpress":
        return _collect_wordpress(source, rules, fetcher, validators)
    return _collect_feed(source.place, source, rules, fetcher, validators)


def _read_file(source: Source, rules: Rules) -> tuple[Article, ...]:
    path = rules.folder / (source.path or "")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
    return read(data, source.kind, str(path), rules)


def _collect_feed(url: str, source: Source, rules: Rules, fetcher: Fetcher, validators: Validators) -> Harvest:
    page = fetcher.get(url, validators, source.allow_private_network)
    if page.status == 304:
        return Harvest(source.key, validators=page.validators, unchanged=True, notes=page.notes)
    articles = read(page.body, "feed", page.url, rules, page.headers)
    return Harvest(source.key, articles, page.validators, notes=page.notes)


def _collect_wordpress(source: Source, rules: Rules, fetcher: Fetcher, validators: Validators) -> Harvest:
    """By the API; where that is shut by the feed, and the note says so. The API knows no validators: those given and
    kept are the feed's."""
    site = wordpress.Site(source.place, fetcher, source.allow_private_network)
    try:
        articles, notes = wordpress.articles_by_api(site, rules)
        return Harvest(source.key, articles, notes=notes)
    except wordpress.Shut as shut:
        host = urlsplit(source.place).hostname
        note = f"the WordPress API of {host} is shut ({shut}): its feed is read instead, without sticky articles"
    reasons = []
    for url in dict.fromkeys(wordpress.feed_urls(site)):
        try:
            harvest = _collect_feed(url, source, rules, fetcher, validators)
        except SourceError as error:
            reasons.append(_one_line(error))
        else:
            return Harvest(source.key, harvest.articles, harvest.validators, harvest.unchanged, (note, *harvest.notes))
    raise SourceError(f"{source.place}: its WordPress API is shut, and {reasons[0]}")


def _one_line(error: BaseException) -> str:
    """For a person: of an address, the long list of parameters is left out."""
    return _PARAMETERS.sub("?…", " ".join(str(error).split()))[:400]
