"""A WordPress site → its posts, by the REST API; where that is shut, by its feed. Asks through the fetcher it is given.

The API gives what feeds lack: which posts are sticky, the featured picture in its sizes, all authors, times in GMT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from newsletter.collect import values
from newsletter.collect.dates import moment_of
from newsletter.collect.decode import text_of
from newsletter.collect.identity import absolute
from newsletter.collect.make import Rules, articles_of
from newsletter.collect.markup import tree_of
from newsletter.collect.posts import are_posts, found_in_posts, is_login, terms_of
from newsletter.collect.values import Values
from newsletter.errors import FetchError, SourceError
from newsletter.model import Article

if TYPE_CHECKING:
    from newsletter.fetch import Fetcher, Page

PER_PAGE, PAGES = 50, 2
REACH = timedelta(days=3)  # no edition looks further back: a second page is only asked for where the first ends later
MAX_COAUTHOR_REQUESTS = 20
ACCEPT = "application/json"
# `_links` and `_embedded` must be named, or `_embed` gives nothing.
FIELDS = (
    "id,date,date_gmt,modified,modified_gmt,guid,link,status,sticky,title,excerpt,content,coauthors,authors,"
    "jetpack_featured_media_url,yoast_head_json.og_image,yoast_head_json.author,yoast_head_json.twitter_misc,_links,_embedded"
)

_LINK_HEADER = re.compile(r"<([^<>]+)>\s*;[^,<]*rel=\"?https://api\.w\.org/\"?", re.IGNORECASE)


class Shut(Exception):
    """The API does not answer with posts; the text says how it does."""


@dataclass(frozen=True, slots=True)
class Site:
    """One WordPress site, and how to ask it."""

    url: str
    fetcher: Fetcher
    allow_private: bool

    def get(self, url: str, accept: str = ACCEPT) -> Page:
        return self.fetcher.get(url, allow_private=self.allow_private, accept=accept)


def articles_by_api(site: Site, rules: Rules) -> tuple[tuple[Article, ...], tuple[str, ...]]:
    """The newest posts and the sticky ones, and notes for the editors.

    Raises Shut where no API answers with posts, FetchError where the site does not answer at all.
    """
    root, posts, notes = _open(site)
    posts += _second_page(site, root, posts, rules)
    posts, more = _with_sticky(site, root, posts)
    coauthors = _coauthors(site, root, posts)
    return articles_of(found_in_posts(posts, site.url, coauthors), rules), (*notes, *more)


def feed_urls(site: Site) -> Iterator[str]:
    """Where the site's feed may be: what its front page says, then where WordPress has it."""
    yield from (url for page in [_front_page(site)] if page for url in _links(page, "alternate"))
    yield from (site.url.rstrip("/") + "/feed/", site.url.rstrip("/") + "/?feed=rss2")


# --- Finding the API ------------------------------------------------------------------------------


def _open(site: Site) -> tuple[str, list[Values], tuple[str, ...]]:
    """The API's root and the first page of posts, from the first place that has them."""
    reasons: dict[str, str] = {}
    for root in _roots(site):
        if root in reasons:
            continue
        try:
            page = site.get(_query(root, "wp/v2/posts", **_listing()))
            return root, _posts(page), page.notes
        except FetchError as error:
            if error.status is None:
                raise
            reasons[root] = f"it answers {error.status}"
        except SourceError as error:
            reasons[root] = f"it {error}"
    raise Shut(next(iter(reasons.values()), "it is not there"))


def _roots(site: Site) -> Iterator[str]:
    """Where the API may be, the likeliest first; the front page is only asked where that fails."""
    if "/wp-json" in site.url:
        yield site.url.partition("/wp-json")[0] + "/wp-json/"
        return
    if "rest_route=" in site.url:
        yield site.url.partition("?")[0] + "?rest_route=/"
        return
    base = site.url.rstrip("/")
    yield f"{base}/wp-json/"
    page = _front_page(site)
    if page:
        yield from (urljoin(page.url, one) for one in _LINK_HEADER.findall(page.headers.get("Link", "")))
        yield from _links(page, "https://api.w.org/")
    yield f"{base}/?rest_route=/"


def _front_page(site: Site) -> Page | None:
    try:
        return site.get(site.url, accept="text/html, */*;q=0.1")
    except FetchError:
        return None  # the addresses that WordPress has by default remain


def _links(page: Page, rel: str) -> Iterator[str]:
    """The <link> elements of a page's head, as absolute addresses; of the alternates only feeds, not of comments."""
    try:
        text = text_of(page.body[:300_000], page.headers.get("Content-Type", ""))
        head = text.lower().partition("</head>")[0]
        nodes = [tree_of(tag) for tag in re.findall(r"<link\b[^<>]{0,2000}>", text[: len(head)], re.IGNORECASE)]
    except SourceError:
        return
    for link in (child for node in nodes for child in node.children):
        is_feed = "rss" in link.get("type") or "atom" in link.get("type")
        if link.get("rel").lower() != rel or (rel == "alternate" and (not is_feed or "comment" in link.get("href"))):
            continue
        if url := absolute(link.get("href"), page.url):
            yield url


def _query(root: str, route: str, **parameters: str | int) -> str:
    """A route's address under a root, which is a path or, without pretty permalinks, a parameter."""
    joint = "&" if "?" in root else "?"
    return f"{root.rstrip('/')}/{route}{joint}{urlencode(parameters, safe=',:')}"


def _listing() -> dict[str, str | int]:
    return {
        "per_page": PER_PAGE,
        "orderby": "date",
        "order": "desc",
        "ignore_sticky": "true",  # the Gutenberg plugin puts them first otherwise, however old
        "_embed": "author,wp:featuredmedia,wp:term",
        "_fields": FIELDS,
    }


def _posts(page: Page) -> list[Values]:
    """The posts of an answer, also behind a warning of PHP. Raises SourceError where it holds none."""
    text = text_of(page.body, page.headers.get("Content-Type", ""))
    if text.lstrip()[:1] not in ("[", "{") and re.search(r"<!doctype html|<html\b", text[:3000], re.IGNORECASE):
        raise SourceError("answers with an HTML page")
    answer: Any = values.json_of(text)
    if not are_posts(answer):
        code = values.text(answer, "code") if isinstance(answer, dict) else ""
        raise SourceError(f"answers with {code}" if code else "answers with JSON that is no list of posts")
    return list(answer)


# --- More than the first page ---------------------------------------------------------------------


def _second_page(site: Site, root: str, posts: Sequence[Values], rules: Rules) -> list[Values]:
    """The next page, where the first one does not reach back far enough. Beyond the end WordPress answers 400."""
    if len(posts) < PER_PAGE or not _is_recent(posts[-1], rules):
        return []
    try:
        return _posts(site.get(_query(root, "wp/v2/posts", **_listing(), page=PAGES)))
    except (FetchError, SourceError):
        return []


def _is_recent(post: Values, rules: Rules) -> bool:
    moment = moment_of(values.text(post, "date_gmt", "date"), rules.zone)
    return moment is not None and moment > rules.now - REACH


def _with_sticky(site: Site, root: str, posts: list[Values]) -> tuple[list[Values], tuple[str, ...]]:
    """The posts, those marked that the site keeps on its front page. They may be older than all of the others."""
    try:
        sticky = _posts(site.get(_query(root, "wp/v2/posts", sticky="true", **_listing())))
    except (FetchError, SourceError):
        return posts, ("which articles are sticky could not be asked",)
    # A server that does not know the parameter gives all its posts.
    marked = {values.whole(post, "id") for post in sticky if post.get("sticky", True) is True}
    known = {values.whole(post, "id") for post in posts}
    if len(marked) >= PER_PAGE or (marked == known and not any("sticky" in post for post in sticky)):
        return posts, ()
    posts = posts + [post for post in sticky if values.whole(post, "id") not in known]
    return [{**post, "sticky": values.whole(post, "id") in marked} for post in posts], ()


def _coauthors(site: Site, root: str, posts: Sequence[Values]) -> dict[int, list[str]]:
    """The names of posts with several authors. Co-Authors-Plus gives their ids in the post (issue 785 of the plugin:
    `author` is only the first), and their names, where the taxonomy is not embedded, at a route of its own."""
    found: dict[int, list[str]] = {}
    joint = [post for post in posts if _needs_names(post)][:MAX_COAUTHOR_REQUESTS]
    for post in joint:
        number = values.whole(post, "id") or 0
        try:
            page = site.get(_query(root, "coauthors/v1/coauthors", post_id=number))
            people = values.json_of(text_of(page.body))
        except (FetchError, SourceError):
            break  # older than 3.6: the first author is all there is
        people = people if isinstance(people, list) else []
        found[number] = [
            name for one in people if isinstance(one, dict) and (name := values.text(one, "display_name", "name"))
        ]
    return found


def _needs_names(post: Values) -> bool:
    ids = [one for one in values.items(post, "coauthors") if isinstance(one, int)]
    named = [term for term in terms_of(post) if values.text(term, "taxonomy") == "author"]
    return len(ids) > 1 and (not named or any(map(is_login, named)))
