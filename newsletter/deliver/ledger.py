"""The ledger of one edition, or of a slice of it, as a run sees it: the rows in the database, and the journal before
them.

What became of a message stands in the journal at once, and is folded into the database at most a tenth of a second
later, many at a time, in short transactions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from newsletter.deliver import journal
from newsletter.deliver.journal import Journal
from newsletter.deliver.turns import Clock, Taken, take_turn
from newsletter.model import Delivery, DeliveryState, Entry
from newsletter.settings import Rate
from newsletter.store import deliveries, runs
from newsletter.store.database import Held, read, write
from newsletter.store.deliveries import ALL, Span
from newsletter.store.departures import Departures
from newsletter.store.recording import record, record_over_doubts

State = DeliveryState

FOLD = 0.1  # seconds after which what the journal holds stands in the database at the latest
# How long what a run on another machine had claimed is left to that machine, whose journal alone knows what of it has
# left: a process that is started anew there settles it (see `settle`). A minute is long enough for that.
RETURNS_WITHIN = timedelta(seconds=60)
AGAIN = timedelta(seconds=1)  # between two looks whether it has


class Ledger:
    """An edition's rows, or those of a slice of it, in the hands of one run; for one thread. `clock` gives aware UTC
    times, `folder` holds the journals, `shared_clock` tells the turns of a rate where other machines send too. Close
    it: without an exception, when nothing is on its way."""

    def __init__(
        self,
        engine: Engine,
        edition_id: int,
        clock: Callable[[], datetime],
        folder: Path,
        *,
        repeats: bool = True,
        span: Span = ALL,
        shared_clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._edition = edition_id
        self._span = span
        self._grace = RETURNS_WITHIN if engine.dialect.name == "postgresql" else timedelta(0)
        self._clock = clock
        self._folder = folder
        self._repeats = repeats  # what falls into doubt is repeated by itself
        self._held = Held(engine)
        self._entries: list[Entry] = []  # in the journal, and not yet in the database
        self._fold_at = float("inf")
        self._after = 0  # the delivery behind which to claim on
        self._run = 0
        self._journal: Journal | None = None
        self._departures = Departures(self._held, clock)
        self._shares = shared_clock is not None
        self._taken = Taken(self._held, shared_clock) if shared_clock else None

    def _begin(self) -> Journal:
        """A run has a number, and a journal, as soon as it takes something into its hands."""
        if self._journal is None:
            with self._held.write() as connection:
                self._run = runs.begin(connection, self._edition, journal.here() or "unknown", self._clock())
            self._journal = Journal(self._folder, self._run)
        return self._journal

    @property
    def run(self) -> int:
        """The run's number; 0 before it has taken anything."""
        return self._run

    def close(self, *, done: bool) -> None:
        """`done`: nothing is on its way, and all that was claimed has ended or was given back. Otherwise the journal
        stays, for who comes after."""
        try:
            if done:
                self.fold()
            if self._journal is not None:
                self._journal.close(done=done)
                self._journal = None
        finally:
            self._held.close()

    # --- What dead runs left

    def recover(self, repeats_safely: bool) -> list[str]:
        """Put in order what dead runs left. What had ended is recorded; what they were sending is in doubt, unless
        sending it again cannot repeat it; the rest is to be sent. Returns what there is to tell about it.

        Where a run's journal does not count (another machine, another boot), all it had claimed is in doubt, once it
        has had its time to come back.
        """
        with self._held.write() as connection:
            found = runs.left_claims(connection, self._edition, self._span)
            up = self._up_since(connection) if found else None
            claims = [one for one in found if self._is_over(one, up)]
            told = [
                _recover(connection, self._edition, self._span, one, self._order(one, repeats_safely)) for one in claims
            ]
        for one in claims:
            if one.run_id is not None:
                journal.forget(self._folder, one.run_id)
        return [text for text in told if text]

    def _up_since(self, connection: Connection) -> datetime | None:
        """Before that moment nobody could settle anything: the database was away. Not by a clock that we were given."""
        return runs.server_began(connection) if self._shares else None

    def _is_over(self, claims: runs.Claims, up: datetime | None) -> bool:
        """Not while its own machine may settle it."""
        known = self._told(claims) is not None or journal.is_lost(claims.place)
        since = max(claims.at, up) if up else claims.at
        return known or self._clock() - since >= self._grace

    def _told(self, claims: runs.Claims) -> journal.Told | None:
        if claims.run_id is None:
            return journal.Told([], set())
        return journal.read(self._folder, claims.run_id, claims.place)

    def _order(self, claims: runs.Claims, repeats_safely: bool) -> Order:
        """Whether sending again repeats nothing is known of our own way out; another machine may have another."""
        ours = journal.is_here(claims.place) or journal.is_lost(claims.place) or not self._grace
        return Order(self._told(claims), repeats_safely and ours, self._repeats, self._clock())

    # --- Taking hold

    def claim(self, limit: int, *, doubtful: bool = False) -> list[Delivery]:
        """Take up to `limit`: those to be sent, and then those put off that are due; or those in doubt."""
        self._begin()
        self.fold()  # before, and marked as such: what is claimed anew must not be mistaken for what had ended
        now = self._clock()
        with self._held.write() as connection:
            where, span = (connection, self._edition, self._run, now, limit), self._span
            if doubtful:
                found = deliveries.claim_doubtful(*where, span=span)
            else:
                found = deliveries.claim(*where, after=self._after, span=span)
                if not found and self._after:  # what was given back meanwhile
                    found = deliveries.claim(*where, span=span)
                self._after = found[-1].id if found else 0
                found = found or deliveries.claim_deferred(*where, span=span)
        self._departures.claimed()
        return found

    def give_back(self, ids: Iterable[int]) -> None:
        ids = list(ids)
        if ids:
            journal = self._begin()
            for delivery_id in ids:
                journal.cancelled(delivery_id)
            self.fold()
            journal.flush()
            with self._held.write() as connection:
                deliveries.give_back(connection, self._edition, self._run, ids, self._clock(), repeats=self._repeats)
            self._after = 0

    # --- One message

    def wants_it(self, delivery: Delivery) -> bool:
        """Consent, read again right before the message begins."""
        return self._departures.stays(delivery.subscriber_id, self._edition, self._run)

    def sending(self, ids: Iterable[int]) -> None:
        """These are about to be written. From here on that, and what was recorded before, survives our death."""
        journal = self._begin()
        for delivery_id in ids:
            journal.sending(delivery_id)
        journal.flush()

    def record(self, entry: Entry) -> None:
        """What became of one that this run has claimed. It stands in the journal with the next `sending`."""
        self._begin().ended(entry)
        if not self._entries:
            self._fold_at = time.monotonic() + FOLD
        self._entries.append(entry)

    def fold_when_due(self) -> float:
        """Returns in how many seconds to ask again."""
        left = self._fold_at - time.monotonic()
        if left <= 0:
            self.fold()
        return left if left > 0 else FOLD

    def fold(self) -> None:
        """Take what is recorded into the database. It stands in the journal before, whatever comes of that."""
        if self._entries:
            journal = self._begin()
            journal.flush()
            entries, self._entries, self._fold_at = self._entries, [], float("inf")
            with self._held.write() as connection:
                record(connection, self._edition, self._run, entries)
            journal.folded()
            journal.flush()

    # --- The whole of it, with all that is recorded

    def counts(self) -> dict[DeliveryState, int]:
        self.fold()
        with read(self._engine) as connection:
            return deliveries.counts(connection, self._edition, span=self._span)

    def reached(self) -> bool:
        """Whether anybody has the edition, be it out of another slice."""
        self.fold()
        with read(self._engine) as connection:
            return deliveries.reached(connection, self._edition)

    def all_ended(self, doubts_are_repeated: bool) -> bool:
        """Whether there is nothing left to send; a doubt is left while it may be repeated."""
        self.fold()
        with read(self._engine) as connection:
            counts = deliveries.counts(connection, self._edition, span=self._span)
            doubts = deliveries.doubtful(connection, self._edition, self._span) if doubts_are_repeated else 0
        return not doubts and all(state.ended for state, n in counts.items() if n)

    def due(self) -> datetime | None:
        """When there is something to do again, where there is nothing now: what was put off falls due, or a dead run's
        time to come back is over."""
        self.fold()
        with read(self._engine) as connection:
            again = deliveries.next_attempt(connection, self._edition, self._span)
            claimed = deliveries.oldest_claim(connection, self._edition, self._span)
        back = claimed and max(claimed + self._grace, self._clock() + AGAIN)
        return min((one for one in (again, back) if one), default=None)

    def expire(self, reason: str, *, untried: bool) -> int:
        self.fold()
        with self._held.write() as connection:
            now = self._clock()
            return deliveries.expire(connection, self._edition, reason, now, untried=untried, span=self._span)

    # --- The rate, which all editions and letters share

    def take_turn(self, rate: Rate) -> float:
        """0 where one message may go now; else the seconds until to ask again."""
        if self._taken is not None:
            return self._taken.take(rate)
        with self._held.write() as connection:
            return take_turn(connection, rate, self._clock())


# --- What dead runs left ---------------------------------------------------------------------------


class Order(NamedTuple):
    """By what a dead run's claims are put in order."""

    told: journal.Told | None  # by its journal; none where that does not count
    repeats_safely: bool  # sending again cannot repeat anything
    repeats: bool  # what falls into doubt is repeated by itself
    now: datetime


def _recover(connection: Connection, edition_id: int, span: Span, claims: runs.Claims, by: Order) -> str:
    """Returns what there is to tell about it."""
    run_id = claims.run_id
    if by.told is not None:
        record(connection, edition_id, run_id, by.told.ended)
    left = deliveries.claimed_by(connection, edition_id, run_id, span)
    doubts = left if by.told is None else [one for one in left if one.id in by.told.sending]
    doubtful = {one.id for one in doubts}
    unbegun = [one.id for one in left if one.id not in doubtful]
    if by.repeats_safely:
        unbegun, doubtful = [one.id for one in left], set()
    else:
        said = "the run ended before the relay's reply was recorded"
        deliveries.doubt(connection, edition_id, run_id, [one.id for one in doubts], said, by.now)
    deliveries.give_back(connection, edition_id, run_id, unbegun, by.now, repeats=by.repeats, claimed=True)
    if not doubtful:
        return ""
    may = f"{len(doubts)} reader{'' if len(doubts) == 1 else 's'} may or may not have the edition:"
    if by.told is None:
        return f"{may} an earlier run died with its machine, or on another; in doubt is all that it had claimed"
    return f"{may} an earlier run died, and was sending to them"


def settle(
    engine: Engine, folder: Path, clock: Callable[[], datetime], *, repeats_safely: bool, repeats: bool
) -> list[str]:
    """Put in order what runs of this machine left that are dead for certain, whoever has their slices now: nobody holds
    their journals. Returns what there is to tell about it.

    So a process that is started anew, or has lost the database for a while, leaves no doubt but about what was at its
    dot. Where it has taken longer than others waited, what it knows settles what they took for doubtful meanwhile, and
    have not repeated yet.
    """
    told = []
    for run_id in journal.left(folder):
        with journal.dead(folder, run_id) as found:
            if found is None:
                continue
            with write(engine) as connection:
                edition_id = runs.edition_of(connection, run_id, found.place)
                if edition_id is not None:
                    record_over_doubts(connection, edition_id, run_id, found.ended)
                    claims = runs.Claims(run_id, found.place, clock())
                    order = Order(found, repeats_safely, repeats, clock())
                    told.append(_recover(connection, edition_id, ALL, claims, order))
            journal.forget(folder, run_id)
    return [text for text in told if text]
