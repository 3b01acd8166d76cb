"""Of an archive, its newest articles. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from newsletter.collect.dates import moment_of

MAX_ARTICLES = 300  # of one source: no edition has a tenth of them
MAX_CONSIDERED = 1_000  # at each end: an archive is sorted, one way or the other

One = TypeVar("One")


def newest(found: Sequence[One], dates: Callable[[One], Iterable[str]]) -> Sequence[One]:
    """At most MAX_ARTICLES in their order: the newest, since feeds are not always sorted; undated ones count as new.

    `dates` gives the dates that an article bears, the best first.
    """
    if len(found) <= MAX_ARTICLES:
        return found
    if len(found) > 2 * MAX_CONSIDERED:
        found = [*found[:MAX_CONSIDERED], *found[-MAX_CONSIDERED:]]
    moments = [_first(dates(one)) for one in found]
    kept = sorted(range(len(found)), key=lambda i: moments[i], reverse=True)[:MAX_ARTICLES]
    return [found[i] for i in sorted(kept)]


def _first(texts: Iterable[str]) -> datetime:
    known = (moment for text in texts if (moment := moment_of(text, UTC)))
    return next(known, datetime.max.replace(tzinfo=UTC))
