"""The ledger of one edition, as a run sees it: each step a short transaction. Safe to share between threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine

from newsletter.deliver import pace
from newsletter.model import Delivery, DeliveryState
from newsletter.settings import Rate
from newsletter.store import deliveries, notes, subscribers
from newsletter.store.database import read, write

NEXT_TURN = "next_turn"  # the note that keeps `rate` across restarts
TURNS = "turns"  # the note that says who had the last turn, and until when letters and editions wait for one


class Ledger:
    """One edition's rows. `clock` gives aware UTC times."""

    def __init__(self, engine: Engine, edition_id: int, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._edition = edition_id
        self._clock = clock

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with write(self._engine) as connection:
            yield connection

    # Taking hold

    def release(self) -> int:
        with self._writing() as connection:
            return deliveries.release(connection, self._edition)

    def in_doubt(self) -> list[Delivery]:
        with read(self._engine) as connection:
            return deliveries.in_doubt(connection, self._edition)

    def claim(self, limit: int, *, doubtful: bool = False) -> list[Delivery]:
        take = deliveries.claim_doubtful if doubtful else deliveries.claim
        with self._writing() as connection:
            return take(connection, self._edition, self._clock(), limit)

    # One message

    def wants_it(self, delivery: Delivery) -> bool:
        """Consent, read again right before the message begins."""
        with read(self._engine) as connection:
            return subscribers.receives(connection, delivery.subscriber_id, self._clock())

    def at_dot(self, delivery: Delivery, first_attempt: datetime) -> None:
        with self._writing() as connection:
            deliveries.at_dot(connection, delivery.id, first_attempt, self._clock())

    def give_back(self, ids: Iterable[int]) -> None:
        with self._writing() as connection:
            deliveries.give_back(connection, list(ids), self._clock())

    def skip(self, delivery: Delivery) -> DeliveryState:
        """The reader has left; what is in doubt stays so."""
        state = DeliveryState.UNCERTAIN if delivery.repeated else DeliveryState.SKIPPED
        reply = "left before it was repeated" if delivery.repeated else "left before the message had begun"
        self.record(delivery, state, reply=reply, attempted=False)
        return state

    def record(
        self,
        delivery: Delivery,
        state: DeliveryState,
        *,
        code: int | None = None,
        reply: str = "",
        first_attempt: datetime | None = None,
        next_attempt: datetime | None = None,
        attempted: bool = True,
    ) -> None:
        with self._writing() as connection:
            deliveries.record(
                connection,
                delivery.id,
                state,
                now=self._clock(),
                code=code,
                reply=reply,
                first_attempt=first_attempt,
                next_attempt=next_attempt,
                attempted=attempted,
            )

    # The whole edition

    def counts(self) -> dict[DeliveryState, int]:
        with read(self._engine) as connection:
            return deliveries.counts(connection, self._edition)

    def all_ended(self, doubts_are_repeated: bool) -> bool:
        """Whether there is nothing left to send; a doubt is left while it may be repeated."""
        with read(self._engine) as connection:
            counts = deliveries.counts(connection, self._edition)
            doubts = deliveries.doubtful(connection, self._edition) if doubts_are_repeated else 0
        return not doubts and all(state.ended for state, n in counts.items() if n)

    def next_attempt(self) -> datetime | None:
        with read(self._engine) as connection:
            return deliveries.next_attempt(connection, self._edition)

    def expire(self, reason: str, *, untried: bool) -> int:
        with self._writing() as connection:
            return deliveries.expire(connection, self._edition, reason, self._clock(), untried=untried)

    # The rate, which all editions and letters share

    def take_turn(self, rate: Rate) -> float:
        with self._writing() as connection:
            return take_turn(connection, rate, self._clock())


def take_turn(connection: Connection, rate: Rate, now: datetime, *, letter: bool = False) -> float:
    """Take the turn to send one message now: 0; or the seconds until to ask again, the turn not taken.

    Kept in the database, so that it holds across restarts, and between editions and letters: while both wait they have
    a turn each in turn (see `pace.ask`). Ask again every second at least, while you wait.
    """
    next_turn = notes.wait_for(connection, NEXT_TURN)
    last, letters, editions = (notes.get(connection, TURNS) or ",,").split(",")
    turns = pace.Turns(_moment(next_turn), pace.Party(last) if last else None, _moment(letters), _moment(editions))
    left, turns = pace.ask(turns, rate, pace.Party.LETTERS if letter else pace.Party.EDITIONS, now)
    moments = [moment.isoformat() if moment else "" for moment in (turns.next, turns.letters, turns.editions)]
    notes.put(connection, NEXT_TURN, moments[0])
    notes.put(connection, TURNS, ",".join([turns.last or "", *moments[1:]]))
    return left


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
