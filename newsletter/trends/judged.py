"""Refusals that no row judges yet, judged by the relay's words as those are that have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from newsletter.bounce import reasons
from newsletter.mail.masked import kind_of
from newsletter.model import DeliveryState, Failure, ReturnKind
from newsletter.store import trends as rows
from newsletter.store.totals import Totals
from newsletter.store.trends import Back, Unjudged

MOST = 500  # different replies of a domain and an edition: what is rarer stays unsorted


def refusals(connection: Connection, counted: Mapping[int, Totals], back: Iterable[Back]) -> list[Back]:
    """What was refused at once in editions whose refusals are not all among what came back."""
    known: Counter[int] = Counter()
    for one in back:
        known[one.edition_id] += one.times if one.at_once else 0
    refused = {one: sum(states.get(DeliveryState.REJECTED, 0) for states in of.values()) for one, of in counted.items()}
    unfinished = [one for one, times in refused.items() if times > known[one]]
    return judge(rows.unjudged(connection, unfinished, MOST)) if unfinished else []


def judge(some: Iterable[Unjudged]) -> list[Back]:
    """Replies that differ by an address or a queue's number alone are judged once. Pure."""
    found: dict[tuple[int | None, str], Failure] = {}
    made = []
    for one in some:
        kind = one.code, kind_of(one.reply)
        failure = found[kind] = found.get(kind) or reasons.judge(one.code, one.reply)
        hard = bool(failure.permanent)
        made.append(Back(one.edition_id, one.domain, ReturnKind.BOUNCE, True, hard, failure.reason, one.times))
    return made
