"""Two who believe that it is theirs: what each may do to the ledger of an edition on PostgreSQL, and may not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text, update

from newsletter import daily, slices
from newsletter.deliver import Stop, journal, settle
from newsletter.deliver.journal import Journal
from newsletter.errors import NotSent
from newsletter.mail import Mailer
from newsletter.model import DeliveryState, Edition, EditionStatus, Entry
from newsletter.newsroom import Newsroom
from newsletter.sending import Watch
from newsletter.store import deliveries, doubts, editions, runs, schema
from newsletter.store.database import write
from newsletter.store.recording import record
from tests.conftest import Clock
from tests.test_slices import READERS, database, frozen, outbox, room, states, watch

__all__ = ["database", "room"]  # the fixtures

State = DeliveryState
MOMENT = 0.7  # seconds, in which who waits for a row of the other's transaction is surely waiting


class Overtaken(Newsroom):
    """While it looks for its way out, which is after rendering and before freezing, something happens."""

    meanwhile: Callable[[], object] | None = None

    @property
    def mailer(self) -> Mailer:  # type: ignore[override]
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        made: Mailer = Newsroom.mailer.func(self)  # type: ignore[attr-defined]
        return made


@pytest.fixture
def other(database: str, room: Newsroom, make_room: Callable[..., Newsroom]) -> Newsroom:
    """The same newsroom in another process."""
    return make_room(NEWSLETTER_DATABASE=database)


def cut_off(of: Newsroom) -> None:
    """Who holds a lock there has lost its connection, as by a restart of the database or a firewall."""
    cut = (
        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid"
        " WHERE l.locktype = 'advisory' AND a.pid <> pg_backend_pid() AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (l.classid::bigint << 32 | l.objid::bigint) IN (SELECT key FROM unnest(CAST(:keys AS bigint[])) key)"
    )
    from newsletter.store.database import advisory_key

    with write(of.engine) as connection:
        schema_name = connection.execute(text("SELECT current_schema()")).scalar()
        fence = connection.execute(text("SELECT fence FROM leases WHERE name = 'sending'")).scalar()
        connection.execute(text(cut), {"keys": [advisory_key(f"sending {schema_name} {fence}")]})


def test_who_lost_the_lock_before_freezing_touches_nothing(room: Newsroom, other: Newsroom) -> None:
    """Another has frozen the edition meanwhile, and sent some of it: its ledger stays as it is."""
    room.__class__ = Overtaken

    def meanwhile() -> None:
        cut_off(room)
        edition = frozen(other)
        for number in (0, 1):
            slices.deliver_slice(other, edition.id, number, Watch(Stop(other.clock)))

    room.meanwhile = meanwhile  # type: ignore[attr-defined]
    found = daily.send(room, room.today(), watch=watch(room))
    assert found.problem is not None
    assert states(other) == {"accepted": 20, "pending": 10}
    assert daily.send(other, other.today(), watch=watch(other)).accepted == READERS
    mails = [one for one in outbox(other) if "lecteurs" in one]
    assert len(mails) == len(set(mails)) == READERS


def claimed(room: Newsroom, edition: Edition, place: str | None = None, number: int = 10) -> tuple[int, list[int]]:
    """A run that has claimed some: its number, and theirs."""
    with write(room.engine) as connection:
        run = runs.begin(connection, edition.id, place or str(journal.here()), room.clock())
        return run, [one.id for one in deliveries.claim(connection, edition.id, run, room.clock(), number)]


def while_it_is_written(room: Newsroom, first: Callable[..., object], second: Callable[[], object]) -> None:
    """`second` begins while `first` has written, and not yet committed."""
    with write(room.engine) as connection:
        first(connection)
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(MOMENT)
    thread.join()


def test_a_claim_that_waited_takes_nothing_that_another_has_claimed(room: Newsroom, other: Newsroom) -> None:
    edition, got = frozen(room), []
    mine, theirs = (claimed(room, edition, number=0)[0] for _ in range(2))

    def second() -> None:
        with write(other.engine) as connection:
            got.extend(deliveries.claim(connection, edition.id, theirs, other.clock(), 10))

    while_it_is_written(room, lambda c: deliveries.claim(c, edition.id, mine, room.clock(), 10), second)
    assert got == []
    assert states(room) == {"claimed": 10, "pending": 20}


def test_a_claim_that_waited_takes_nothing_that_an_editor_took_for_accepted(room: Newsroom, other: Newsroom) -> None:
    edition, got = frozen(room), []
    with write(room.engine) as connection:
        connection.execute(update(schema.deliveries).values(state="uncertain", attempts=1))
        ids = [one.id for one in doubts.of_edition(connection, edition.id)]
    run, _ = claimed(room, edition, number=0)

    def second() -> None:
        with write(other.engine) as connection:
            got.extend(deliveries.claim_doubtful(connection, edition.id, run, other.clock(), 10))

    while_it_is_written(room, lambda c: doubts.take_for_accepted(c, edition.id, ids, room.clock()), second)
    assert got == []


def test_what_its_own_machine_settled_is_not_called_doubtful_by_another(room: Newsroom, other: Newsroom) -> None:
    edition = frozen(room)
    run, ids = claimed(room, edition)

    def second() -> None:
        with write(other.engine) as connection:
            deliveries.doubt(connection, edition.id, run, ids, "the run ended", other.clock())
            deliveries.give_back(connection, edition.id, run, ids, other.clock(), claimed=True)

    answered = [Entry(one, State.ACCEPTED, room.clock(), 250, "2.0.0 Ok") for one in ids]
    while_it_is_written(room, lambda c: record(c, edition.id, run, answered), second)
    assert states(room) == {"accepted": 10, "pending": 20}


def test_a_journal_of_another_run_of_the_same_number_settles_nothing(room: Newsroom) -> None:
    """A database that was restored, or made anew, gives its numbers once more."""
    edition = frozen(room)
    living, _ = claimed(room, edition, "another machine/its boot")
    Journal(room.journals, living).close(done=False)
    settle(room.engine, room.journals, room.clock, repeats_safely=False, repeats=True)
    assert states(room) == {"claimed": 10, "pending": 20}


def test_what_a_journal_knows_counts_also_after_another_had_doubted(room: Newsroom, clock: Clock) -> None:
    """With `hold` editors would be asked about readers who have it for certain."""
    edition = frozen(room)
    run, ids = claimed(room, edition)
    with write(room.engine) as connection:
        deliveries.doubt(connection, edition.id, run, ids, "the run ended", clock())
    kept = Journal(room.journals, run)
    for one in ids[:9]:
        kept.ended(Entry(one, State.ACCEPTED, clock(), 250, "2.0.0 Ok"))
    kept.close(done=False)
    settle(room.engine, room.journals, room.clock, repeats_safely=False, repeats=False)
    assert states(room) == {"accepted": 9, "uncertain": 1, "pending": 20}


def test_editors_are_told_that_it_came_too_late_whoever_found_it_out(room: Newsroom, clock: Clock) -> None:
    edition = frozen(room)
    clock.move(hours=13)
    for number in range(3):
        slices.deliver_slice(room, edition.id, number, watch(room))  # a worker is faster than `send`
    found = daily.send_named(room, edition.name, watch=watch(room), patient=False)
    assert isinstance(found.problem, NotSent)
    assert "30 of 30" in str(found.problem)


class Late(Newsroom):
    """Somebody ends the edition while we wait for the slice."""

    @property
    def journals(self):  # type: ignore[no-untyped-def]
        with write(self.engine) as connection:
            for edition in editions.sending(connection):
                editions.move(connection, edition.id, [EditionStatus.SENDING], EditionStatus.SENT)
        return super().journals


def test_a_slice_of_an_edition_that_has_ended_is_not_begun(room: Newsroom) -> None:
    edition = frozen(room)
    room.__class__ = Late
    assert slices.deliver_slice(room, edition.id, 0, watch(room)) is slices.ALONE
    assert states(room) == {"pending": 30}
