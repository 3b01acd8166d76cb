"""An edition on PostgreSQL, slice by slice: delivered by workers on any machine, watched over by who sends it; where no
worker lives, by who sends it alone.

What is true of a slice stands in the database: its deliveries, its lease, when it is due. The queue only brings slices
to workers: a job that is lost is asked for again, and one too many finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from newsletter import clocks, instance, pauses
from newsletter.deliver import Ending, Ledger, Recovered, deliver, recover, settle
from newsletter.deliver.judge import End
from newsletter.deliver.supply import expire
from newsletter.errors import AlreadyRunning, DatabaseError, NewsletterError
from newsletter.model import Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.sending import Watch, ledger_of, run_over
from newsletter.speaker import about
from newsletter.store import editions, slices, workers
from newsletter.store.database import read, revision, write
from newsletter.store.holder import sending_holder
from newsletter.store.lease import lease
from newsletter.store.slices import Slice

log = logging.getLogger(__name__)

GLANCE = 0.5  # seconds between two looks at the slices
TROUBLE = timedelta(seconds=30)  # until a slice whose relay was in trouble is due again; doubled each time, up to
LONGEST = timedelta(minutes=5)
PATIENCE = timedelta(minutes=2)  # with trouble, and no slice that got on: then the run that watches ends, and tells


class Left(NamedTuple):
    """What is left of a slice when it is out of our hands."""

    due: datetime | None  # when it is to be taken again; none: nothing is left to do
    trouble: str = ""  # what our relay said, where it was that: leave it alone for a while
    end: End = End.DONE


ALONE = Left(None, end=End.STOPPED)  # it is not to be delivered now


# --- One slice: a worker's errand ------------------------------------------------------------------


def deliver_slice(room: Newsroom, edition_id: int, number: int, watch: Watch) -> Left:
    """Deliver what is due in a slice, without waiting for what the relay puts off. What an editor has stopped, and what
    has ended, is left alone.

    Raises AlreadyRunning where another has it in hand, NotSent in a database that was not adopted, WrongClock where
    our clock is not the database's, DatabaseError where that is lost, or another has taken the slice over: nothing more
    of it is begun then.
    """
    revision(room.engine)  # a newer program may have changed the schema, and no longer serve ours
    clocks.check(room)  # somebody may have set it since we began
    settle_own(room)
    found = _to_deliver(room, edition_id, number)
    if found is None:
        return ALONE
    edition, one = found
    if one.due_at and one.due_at > room.clock():
        return Left(one.due_at)
    told = about(edition=edition.name, slice=one.number)
    with told, lease(room.engine, one.lease) as still_ours, pauses.heeded(room, edition, watch.stop) as stop:
        if _to_deliver(room, edition_id, number) is None:  # stopped, or at its end, before it was ours
            return ALONE
        try:
            left = _deliver(room, edition, one, replace(watch, stop=stop, still_ours=still_ours))
        except NewsletterError as error:
            if not isinstance(error, DatabaseError) or isinstance(error.__cause__, OSError):  # a fault of our house
                _put_off(room, one, Left(_later(room, one), str(error)))
            raise
        _put_off(room, one, left)
    return left


def _put_off(room: Newsroom, one: Slice, left: Left) -> None:
    with write(room.engine) as connection:
        slices.put_off(connection, one, left.due, left.trouble or None)


def _later(room: Newsroom, one: Slice) -> datetime:
    """When a slice that met trouble is due again."""
    return room.clock() + min(TROUBLE * 2.0 ** min(one.tries, 10), LONGEST)


def attend(room: Newsroom) -> list[Edition]:
    """What a worker does from time to time for editions on their way that nobody watches: what is due of them is asked
    for, should its job be lost. Returns those of which nothing is left; somebody is to bring them to their end."""
    if sending_holder(room.engine):
        return []
    done = []
    with read(room.engine) as connection:
        under_way = [one for one in editions.sending(connection) if not one.paused_at]
        in_hand = {one.id for one in under_way if _in_hand(connection, one)}
        left = {one.id: unfinished(room, connection, one) for one in under_way}
        held = slices.held(connection)
    for edition in under_way:
        _ask_for(room, due_and_free(room, left[edition.id], held))
        done += [] if left[edition.id] or edition.id in in_hand else [edition]
    return done


def _in_hand(connection: Connection, edition: Edition) -> bool:
    """Whether somebody has a slice of it. Asked before what is left: until it is out of their hands, they may give back
    what seems to have ended."""
    return any(name.startswith(f"slice {edition.id}/") for name in slices.held(connection))


def due_and_free(room: Newsroom, found: list[Slice], held: Container[str]) -> list[Slice]:
    """Those of these slices that somebody may take now."""
    now = room.clock()
    return [one for one in found if one.lease not in held and (one.due_at is None or one.due_at <= now)]


def _ask_for(room: Newsroom, due: list[Slice]) -> None:
    """Have these delivered by workers, those for which there is no job yet."""
    if due and room.queue:
        waiting = room.queue.waiting()
        room.queue.ask_for([name for one in due if (name := (one.edition_id, one.number)) not in waiting])


def unfinished(room: Newsroom, connection: Connection, edition: Edition) -> list[Slice]:
    """The slices that are not done; with doubts that are still repeated."""
    until = (edition.started_at or room.clock()) + pauses.length(connection, edition)
    until += timedelta(hours=room.config.delivery.retry_for_hours)
    repeats = room.config.delivery.on_uncertain == "resend" and room.clock() < until
    return slices.left(connection, edition.id, repeats=repeats)


def settle_own(room: Newsroom) -> None:
    """Put in order what processes of this machine left that are dead: nobody else can read their journals."""
    repeats, safely = room.config.delivery.on_uncertain == "resend", room.mailer.repeats_safely
    for text in settle(room.engine, room.journals, room.clock, repeats_safely=safely, repeats=repeats):
        log.warning("%s", text)


def _to_deliver(room: Newsroom, edition_id: int, number: int) -> tuple[Edition, Slice] | None:
    with read(room.engine) as connection:
        one = slices.get(connection, edition_id, number)
        edition = editions.by_id(connection, edition_id) if one else None
    if one is None or edition is None or edition.status is not EditionStatus.SENDING or edition.paused_at:
        return None
    instance.check(room)
    return edition, one


def _deliver(room: Newsroom, edition: Edition, one: Slice, watch: Watch) -> Left:
    run = run_over(room, edition, watch, since=_since(room, edition), patient=False, span=one.span)
    for text in recover(run).remarks:
        log.warning("%s", text)
    ending = deliver(run)
    now, due, trouble = room.clock(), None, ""
    if ending.end is End.WAITING:
        due = _due(room, edition, one) or now
        due = min(due, run.until) if now < run.until else due
    elif ending.end is End.STOPPED:
        due = now
    elif ending.end in (End.LOST, End.REFUSED):
        due = _later(room, one)
        trouble = ending.reply or "the line to the relay keeps breaking"
    return Left(due, trouble, ending.end)


def _since(room: Newsroom, edition: Edition) -> datetime:
    """When its time began; what editors had it stopped for does not count."""
    with read(room.engine) as connection:
        return (edition.started_at or room.clock()) + pauses.length(connection, edition)


def _due(room: Newsroom, edition: Edition, one: Slice) -> datetime | None:
    with _ledger(room, edition, one) as ledger:
        return ledger.due()


# --- The whole edition: who sends it watches -------------------------------------------------------


def deliver_by_slices(room: Newsroom, edition: Edition, watch: Watch, *, patient: bool) -> tuple[Recovered, Ending]:
    """See that every slice is delivered: by workers, or where none lives by ourselves. Only for who holds the sending
    lock. Returns as `deliver` does. Where it is stopped, workers go on."""
    settle_own(room)
    with write(room.engine) as connection:
        slices.cut(connection, edition.id)
    too_late = _expire(room, edition, watch)
    ending = _Overseer(room, edition, watch, patient=patient).oversee()
    with read(room.engine) as connection:
        again = slices.repeated(connection, edition.id)
        too_late = max(too_late, slices.too_late(connection, edition.id))
        idle = len(workers.alive(connection)) if room.queue is None else 0
    remarks = [_said(again)] if again else []
    if idle:
        remarks.append(
            f"{idle} workers live, but not for us: here the extra is missing (pip install 'newsletter[cluster]')"
        )
    return Recovered(too_late, tuple(remarks)), ending


def _said(again: int) -> str:
    """The bound of what may have come twice, whichever worker met the doubt."""
    who = "1 reader was" if again == 1 else f"{again} readers were"
    return f"{who} sent it once more: nobody knows whether the first copy had arrived"


def _expire(room: Newsroom, edition: Edition, watch: Watch) -> int:
    run = run_over(room, edition, watch, since=_since(room, edition), patient=False)
    try:
        return expire(run) if room.clock() >= run.until else 0
    finally:
        run.ledger.close(done=True)


class _Overseer:
    """Looks after an edition's slices until they are done."""

    def __init__(self, room: Newsroom, edition: Edition, watch: Watch, *, patient: bool) -> None:
        self._room = room
        self._edition = edition
        self._watch = watch
        self._patient = patient
        self._seen = (0, 0)  # slices left, and messages of all workers, when something last got on
        self._well_at = room.clock()  # when that was

    def oversee(self) -> Ending:
        ending = None
        while ending is None:
            self._watch.still_ours()
            ending = self._look()
        return ending

    def _look(self) -> Ending | None:
        """One look, and what is to be done now; how it ended, where it has."""
        with read(self._room.engine) as connection:
            held = slices.held(connection)
            in_hand = _in_hand(connection, self._edition)
            found = unfinished(self._room, connection, self._edition)
        if not found and not in_hand:
            return Ending(End.DONE)
        if self._watch.stop.asked:
            return Ending(End.STOPPED)
        due = due_and_free(self._room, found, held)
        if self._by_workers(due):
            return self._stuck(found, due) or self._rest(found, held)
        return self._by_ourselves(due) if due else self._rest(found, held)

    def _by_workers(self, due: list[Slice]) -> bool:
        """Have the workers asked for what is due; False where none lives, or all of them are in trouble: our own way
        out may be well."""
        queue = self._room.queue
        if queue is None or not queue.alive():
            return False
        with read(self._room.engine) as connection:
            if workers.all_in_trouble(connection):
                return False
        _ask_for(self._room, due)
        return True

    def _by_ourselves(self, due: list[Slice]) -> Ending | None:
        one = due[0]
        with suppress(AlreadyRunning):  # a worker that has come just now
            left = deliver_slice(self._room, one.edition_id, one.number, self._watch)
            if left.trouble:
                return Ending(left.end, left.trouble)
            if left is ALONE:
                return self._left_alone()
        return None

    def _left_alone(self) -> Ending | None:
        """An editor has stopped it, which we are told in a moment; or it is on its way no more."""
        self._room.sleep(GLANCE)
        with read(self._room.engine) as connection:
            edition = editions.by_id(connection, self._edition.id)
        return None if edition.status is EditionStatus.SENDING else Ending(End.STOPPED)

    def _stuck(self, found: list[Slice], due: list[Slice]) -> Ending | None:
        """Workers live, and yet nothing gets on: somebody has to know. They go on trying."""
        with read(self._room.engine) as connection:
            seen = len(found), workers.messages(connection)
        trouble = next((one.trouble for one in found if one.trouble), None)
        if seen != self._seen or not (trouble or due):
            self._seen, self._well_at = seen, self._room.clock()
        if self._room.clock() - self._well_at < PATIENCE:
            return None
        return Ending(End.STUCK, trouble or "they live, and none takes what is due: see their log")

    def _rest(self, found: list[Slice], held: Container[str]) -> Ending | None:
        """Nothing to do for us now. Where all that is left was put off, by a relay in trouble too, who is not patient
        goes: other editions wait."""
        now = self._room.clock()
        waits = all(one.lease not in held and (one.trouble or (one.due_at and one.due_at > now)) for one in found)
        trouble = any(one.trouble for one in found)
        if found and waits and (not self._patient or (self._watch.called() and not trouble)):
            return Ending(End.WAITING)
        self._room.sleep(min(GLANCE, self._watch.stop.seconds_left()))
        return None


# --- What dead runs left ---------------------------------------------------------------------------


def put_in_order(room: Newsroom, edition: Edition) -> tuple[str, ...]:
    """What dead runs left of an edition on its way is put in order. Only for who holds the sending lock. Returns what
    there is to tell about it. Raises AlreadyRunning while somebody has a slice of it in hand."""
    safely = room.mailer.repeats_safely
    if room.engine.dialect.name == "sqlite":
        with _ledger(room, edition, None) as ledger:
            return tuple(ledger.recover(safely))
    settle_own(room)
    with write(room.engine) as connection:
        slices.check_idle(connection, edition.id)
        slices.cut(connection, edition.id)
        found = slices.left(connection, edition.id, repeats=False)
    told: list[str] = []
    for one in found:
        with lease(room.engine, one.lease), _ledger(room, edition, one) as ledger:
            told += ledger.recover(safely)
    return tuple(told)


@contextmanager
def _ledger(room: Newsroom, edition: Edition, one: Slice | None) -> Iterator[Ledger]:
    ledger = ledger_of(room, edition, one.span) if one else ledger_of(room, edition)
    try:
        yield ledger
    finally:
        ledger.close(done=False)
