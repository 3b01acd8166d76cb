"""An edition's totals by mailbox provider: read where they are kept and still true, counted anew where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from newsletter import providers
from newsletter.model import Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.store import results, totals
from newsletter.store.database import read, write
from newsletter.store.totals import FOLDED, PUT_OFF, Counted, Totals
from newsletter.trends.figures import OTHERS

NAMED = 40  # providers told apart in each edition; a large list has thousands of domains, nearly all of them small
ENDED = (EditionStatus.SENT, EditionStatus.STOPPED)


def of_editions(room: Newsroom, editions: Sequence[Edition]) -> dict[int, Totals]:
    """The totals of editions. What had to be counted is kept, where the edition has ended.

    Deliveries may still change then: a doubt is resolved, a newcomer gets it late. So what is kept counts as long as it
    says the same as the ledger's index.
    """
    found, ids = {}, [one.id for one in editions]
    with read(room.engine) as connection:
        kept, ledger = totals.kept(connection, ids), results.by_state(connection, ids)
    for one in editions:
        known = kept.get(one.id, {})
        if totals.hold(known, ledger.get(one.id, {})):
            found[one.id] = known
        else:
            found[one.id] = _counted(room, one.id, keep=one.status in ENDED)
    return found


def keep_before(room: Newsroom, before: datetime) -> None:
    """See that the totals of editions begun before that moment are kept: `tidy` is about to delete their deliveries."""
    with read(room.engine) as connection:
        ids = totals.about_to_go(connection, before)
        kept, ledger = totals.kept(connection, ids), results.by_state(connection, ids)
    for edition_id in ids:
        if not totals.hold(kept.get(edition_id, {}), ledger.get(edition_id, {})):
            _counted(room, edition_id, keep=True)


def _counted(room: Newsroom, edition_id: int, *, keep: bool) -> Totals:
    """One edition, and one short transaction, at a time: a sender may be waiting."""
    with read(room.engine) as connection:
        found = by_provider(totals.count(connection, edition_id))
    if keep and found:
        with write(room.engine) as connection:
            totals.keep(connection, edition_id, found)
    return found


def by_provider(counts: Iterable[Counted]) -> Totals:
    """The largest providers, each with its deliveries by state; the rest under one name. Pure."""
    names: dict[str, str] = {}
    groups: dict[str, Counter[str]] = {}
    for one in counts:
        name = names.setdefault(one.domain, providers.of(one.domain))
        group = groups.setdefault(name, Counter())
        group[one.state.value] += one.times
        group[PUT_OFF] += one.put_off
    known = (name for name in groups if name != OTHERS)
    largest = sorted(known, key=lambda name: (-_size(groups[name]), name))
    named = {OTHERS, *largest[:NAMED]}
    if len(largest) > NAMED:
        groups.setdefault(OTHERS, Counter())[FOLDED] = len(largest) - NAMED
    found: dict[str, Counter[str]] = {}
    for name, group in groups.items():
        found.setdefault(name if name in named else OTHERS, Counter()).update(group)
    return {name: {state: times for state, times in group.items() if times} for name, group in found.items()}


def _size(group: Counter[str]) -> int:
    return group.total() - group[PUT_OFF]
