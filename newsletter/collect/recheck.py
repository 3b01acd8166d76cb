"""Just before sending: what the articles' pages answer. Asks the fetcher it is given, and the folders' files.

Only what is sure makes an article gone: a page that answers 404 or 410, a file that has disappeared or become a draft.
A refusal (403), a failure (5xx) or silence says nothing about the article.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple

from newsletter.collect.folder import articles_in
from newsletter.collect.make import Rules
from newsletter.config import Source
from newsletter.errors import SourceError
from newsletter.model import Article

if TYPE_CHECKING:
    from newsletter.fetch import Fetcher

GONE = (404, 410)
SILENCE = 0  # in the place of a status: nobody answered, or not in time
THREADS = 6
ALL, EACH = 20.0, 8.0  # seconds

Pairs = Sequence[tuple[Article, Source | None]]


class Answer(NamedTuple):
    """What became of an article: the HTTP status of its page, and that in words. A file has the status that its page
    would have."""

    status: int
    said: str

    @property
    def gone(self) -> bool:
        return self.status in GONE


def gone(articles: Pairs, rules: Rules, fetcher: Fetcher) -> dict[str, str]:
    """Identity → reason, for each article that is certainly gone. Takes about 20 seconds at most."""
    return {identity: answer.said for identity, answer in answers(articles, rules, fetcher).items() if answer.gone}


def answers(articles: Pairs, rules: Rules, fetcher: Fetcher) -> dict[str, Answer]:
    """Identity → answer, for each article that has a page or a file to ask. Takes about 20 seconds at most."""
    filed = [(article, source) for article, source in articles if source and source.kind == "folder"]
    online = [(article, source) for article, source in articles if not source or source.kind != "folder"]
    return _from_folders(filed, rules) | _from_sites(online, fetcher)


def _from_folders(articles: Pairs, rules: Rules) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    for path in {source.path for _, source in articles if source and source.path}:
        try:
            present = {one.identity for one in articles_in(rules.folder / path, rules)[0]}
        except SourceError:
            continue  # the whole folder is away: no word about one article
        for article, source in articles:
            if source and source.path == path:
                there = article.identity in present
                said = "its file is there" if there else "its file is gone, or says that it is a draft"
                found[article.identity] = Answer(200 if there else 410, said)
    return found


def _from_sites(articles: Pairs, fetcher: Fetcher) -> dict[str, Answer]:
    pool = ThreadPoolExecutor(THREADS)
    asked = {
        pool.submit(fetcher.status, article.url, bool(source and source.allow_private_network), EACH): article
        for article, source in articles
        if article.url
    }
    done, _ = wait(asked, timeout=ALL)
    pool.shutdown(wait=False, cancel_futures=True)
    statuses = {one: one.result() for one in done if one.exception() is None}
    return {article.identity: _answer(statuses.get(one)) for one, article in asked.items()}


def _answer(status: int | None) -> Answer:
    return Answer(status, f"its page answers {status}") if status else Answer(SILENCE, "nobody answers for its page")
