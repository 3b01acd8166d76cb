"""Just before sending: which articles are certainly gone. Asks the fetcher it is given, and the folders' files.

Only what is sure counts: a page that answers 404 or 410, a file that has disappeared or become a draft. A refusal
(403), a failure (5xx) or silence says nothing about the article.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from newsletter.collect.folder import articles_in
from newsletter.collect.make import Rules
from newsletter.config import Source
from newsletter.errors import SourceError
from newsletter.model import Article

if TYPE_CHECKING:
    from newsletter.fetch import Fetcher

GONE = (404, 410)
THREADS = 6
ALL, EACH = 20.0, 8.0  # seconds

Pairs = Sequence[tuple[Article, Source | None]]


def gone(articles: Pairs, rules: Rules, fetcher: Fetcher) -> dict[str, str]:
    """Identity → reason, for each article that is certainly gone. Takes about 20 seconds at most."""
    filed = [(article, source) for article, source in articles if source and source.kind == "folder"]
    online = [(article, source) for article, source in articles if not source or source.kind != "folder"]
    return _gone_from_folders(filed, rules) | _gone_from_sites(online, fetcher)


def _gone_from_folders(articles: Pairs, rules: Rules) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for path in {source.path for _, source in articles if source and source.path}:
        try:
            present = {one.identity for one in articles_in(rules.folder / path, rules)[0]}
        except SourceError:
            continue  # the whole folder is away: no word about one article
        for article, source in articles:
            if source and source.path == path and article.identity not in present:
                reasons[article.identity] = "its file is gone, or says that it is a draft"
    return reasons


def _gone_from_sites(articles: Pairs, fetcher: Fetcher) -> dict[str, str]:
    pool = ThreadPoolExecutor(THREADS)
    asked = {
        pool.submit(fetcher.status, article.url, bool(source and source.allow_private_network), EACH): article
        for article, source in articles
        if article.url
    }
    done, _ = wait(asked, timeout=ALL)
    pool.shutdown(wait=False, cancel_futures=True)
    answers = {asked[one]: one.result() for one in done if one.exception() is None}
    return {one.identity: f"its page answers {status}" for one, status in answers.items() if status in GONE}
