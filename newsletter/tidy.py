"""What is kept for how long: `[retention]`, held to by `newsletter tidy`, which `send` and the runner call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter import monitor
from newsletter.errors import DatabaseError
from newsletter.model import Origin, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.preferences import NEW_ADDRESS_WITHIN
from newsletter.store import (
    ageing,
    audit,
    bounces,
    editions,
    editors,
    letters,
    notes,
    partitions,
    results,
    runs,
    slices,
    subscribers,
    workers,
)
from newsletter.store import totals as totals_kept
from newsletter.store.database import read, wipe, write
from newsletter.store.postgresql import in_use
from newsletter.subscribe import CONFIRM_WITHIN, ONE_LETTER, forget_one
from newsletter.trends import totals

log = logging.getLogger(__name__)
Status = SubscriberStatus
PLANNED_BESIDE = timedelta(days=7)  # an edition beside which somebody was forgotten has ended by then
TICKETS_KEPT = timedelta(days=1)  # longer than any cap counts them
PROBES_KEPT = timedelta(days=30)  # longer than one may take to come back
WORKERS_KEPT = timedelta(days=1)  # after their last word: who was killed could not take their leave
PART_WAITS = timedelta(days=10)  # at most, as the privacy page says; a part holds about a week of a daily
SMALL = 20_000  # readers: rows that are deleted one by one are few enough
PATIENCE = 500  # ms for which we keep others waiting, at most, to drop a part
TRACES_KEPT = timedelta(days=60)  # longer than any edition is tried for
BATCH = 500  # rows in one transaction: a reader who signs up meanwhile does not wait


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many of each were over their time."""

    unconfirmed: int  # sign-ups that nobody confirmed: deleted
    departed: int  # people who left long ago: forgotten
    letters: int
    deliveries: int
    sessions: int = 0  # stays at the desk, unseen for `desk.session_days`
    tickets: int = 0  # links to the desk that are over
    audit: int = 0  # what editors did
    bounces: int = 0  # what came back


def tidy(room: Newsroom, *, dry_run: bool = False) -> Tidied:
    """Delete and forget what is over its time."""
    room.forgotten_secret  # noqa: B018  made before any transaction
    keep = room.config.retention
    done = Tidied(
        unconfirmed=_all(room, lambda c: _drop_unconfirmed(room, c, keep.unconfirmed), dry_run),
        departed=_all(room, lambda c: _forget_departed(room, c, keep.departed), dry_run) if keep.departed else 0,
        letters=_all(room, lambda c: _purge_letters(room, c, keep.letters), dry_run),
        deliveries=_fold(room, keep.ledger, dry_run) if keep.ledger else 0,
        sessions=_all(room, lambda c: _purge_sessions(room, c), dry_run),
        tickets=_all(room, lambda c: editors.purge_tickets(c, room.clock() - TICKETS_KEPT), dry_run),
        audit=_all(room, lambda c: _purge_audit(room, c, keep.audit), dry_run) if keep.audit else 0,
        bounces=_all(room, lambda c: _purge_bounces(room, c, keep.bounces), dry_run) if keep.bounces else 0,
    )
    _all(room, lambda c: slices.forget_leases(c, room.clock() - slices.LEASES_KEPT, BATCH), dry_run)
    _all(room, lambda c: subscribers.blank_ledger(c, room.clock() - PLANNED_BESIDE, BATCH), dry_run)
    if not dry_run:
        with write(room.engine) as connection:
            workers.purge(connection, WORKERS_KEPT)
        _forget_traces(room)
        wipe(room.engine)
        monitor.look(room)
    return done


def once_a_day(room: Newsroom) -> Tidied | None:
    """What `send` and the runner call: one of them does it, once a day; None for the others."""
    now = room.clock()
    with write(room.engine) as connection:
        if not notes.take_turn(connection, "tidied", now, timedelta(days=1)):
            return None
    return tidy(room)


def _all(room: Newsroom, some: Callable[[Connection], int], dry_run: bool) -> int:
    """Batch by batch until nothing is left. A rehearsal sees the first batch only, and says so by its number."""
    total = 0
    while True:
        with write(room.engine, rehearsal=dry_run) as connection:
            done = some(connection)
        total += done
        if dry_run or done < BATCH:
            return total


def _forget_traces(room: Newsroom) -> None:
    """What served editions on their way, and serves nobody when they are long over."""
    before = room.clock() - TRACES_KEPT
    _all(room, lambda c: runs.purge(c, before, BATCH), dry_run=False)
    with write(room.engine) as connection:
        slices.purge(connection, before)
        unended = [one.name for one in editions.sending(connection)]  # how long they were stopped still counts
        notes.purge(connection, before.date(), unended)


def _fold(room: Newsroom, days: int, dry_run: bool) -> int:
    """What is left of editions begun so many days ago are their totals. The clock is read once: an edition that came to
    its time after the totals were kept would go without."""
    before = room.clock() - timedelta(days=days)
    if dry_run:
        return _would_fold(room, before)
    totals.keep_before(room, before)  # what came of editions outlives their deliveries
    total = _drop_parts(room, before)
    with read(room.engine) as connection:
        old = _row_by_row(connection, before)
    for edition_id in old:
        total += _all(room, lambda c, one=edition_id: ageing.purge(c, one, BATCH), False)  # type: ignore[misc]
    return total


def _would_fold(room: Newsroom, before: datetime) -> int:
    """Counted by the index: to drop a part in a rehearsal would keep everybody waiting all the same."""
    with read(room.engine) as connection:
        over = ageing.parts_over(connection, before)
        old = totals_kept.about_to_go(connection, before)
        gone = {one for one in old if any(part.first <= one < part.end for part in over)}
        found = results.by_state(connection, sorted(gone.union(_row_by_row(connection, before))))
    return sum(times for states in found.values() for state, times in states.items() if state.ended)


def _row_by_row(connection: Connection, before: datetime) -> list[int]:
    """The editions whose deliveries go one by one. On PostgreSQL, the rows of a large edition wait for their part to go
    as a whole, but not for longer than PART_WAITS: a weekly fills one in months."""
    if not partitions.parts(connection):
        return totals_kept.about_to_go(connection, before)
    old = totals_kept.about_to_go(connection, before, audience=SMALL)
    return old + [one for one in totals_kept.about_to_go(connection, before - PART_WAITS) if one not in old]


def _drop_parts(room: Newsroom, before: datetime) -> int:
    """A part that others keep hold of is left for the next day."""
    with read(room.engine) as connection:
        over = [(part, ageing.size(connection, part)) for part in ageing.parts_over(connection, before)]
    total = 0
    for part, size in over:
        try:
            with write(room.engine) as connection:
                total += size if ageing.drop(connection, part, before, PATIENCE) else 0
        except DatabaseError as error:
            if not in_use(error):
                raise
            log.warning("old deliveries stay until the next tidying, since the ledger is in use: %s", error)
            break
    return total


def _drop_unconfirmed(room: Newsroom, connection: Connection, days: int) -> int:
    before, asked = room.clock() - timedelta(days=days), room.clock() - CONFIRM_WITHIN
    ids = subscribers.in_status_since(connection, Status.PENDING, before, BATCH, asked_before=asked)
    for subscriber_id in ids:
        subscribers.drop(connection, subscriber_id)
    subscribers.drop_address_changes(connection, room.clock() - NEW_ADDRESS_WITHIN)
    return len(ids)


def _forget_departed(room: Newsroom, connection: Connection, days: int) -> int:
    now, secret = room.clock(), room.forgotten_secret
    before, asked = now - timedelta(days=days), now - CONFIRM_WITHIN
    ids = subscribers.in_status_since(connection, Status.UNSUBSCRIBED, before, BATCH, asked_before=asked)
    for subscriber_id in ids:
        known = subscribers.by_id(connection, subscriber_id)
        if known:
            forget_one(connection, secret, known, Origin("command"), now)
    return len(ids)


def _purge_letters(room: Newsroom, connection: Connection, days: int) -> int:
    now = room.clock()
    before = now - timedelta(days=days)
    probed = min(before, now - PROBES_KEPT)
    return letters.purge(connection, before, BATCH, blank_before=now - ONE_LETTER, probed_before=probed)


def _purge_sessions(room: Newsroom, connection: Connection) -> int:
    return editors.purge_sessions(connection, room.clock() - timedelta(days=room.config.desk.session_days))


def _purge_audit(room: Newsroom, connection: Connection, days: int) -> int:
    return audit.purge(connection, room.clock() - timedelta(days=days), BATCH)


def _purge_bounces(room: Newsroom, connection: Connection, days: int) -> int:
    return bounces.purge(connection, room.clock() - timedelta(days=days), BATCH)
