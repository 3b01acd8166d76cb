"""An edition in slices, on PostgreSQL: in one process's hands each, whoever comes and goes."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from newsletter import daily, instance, resolve, slices
from newsletter.deliver import Stop
from newsletter.deliver.judge import End
from newsletter.errors import AlreadyRunning, DatabaseError
from newsletter.model import DeliveryState, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.sending import Watch
from newsletter.store import editions, progress, runs, schema, subscribers, upgrading, workers
from newsletter.store import slices as cut
from newsletter.store.database import read, sending_lock, write
from newsletter.store.lease import FRESH, lease
from newsletter.store.subscribers import NewSubscriber
from tests.cluster import new_schema
from tests.conftest import Clock

State = DeliveryState
READERS = 30


@pytest.fixture
def database(postgres_url: str) -> str:
    """A schema of its own, as newsletter.toml names it."""
    return new_schema(postgres_url)


@pytest.fixture
def room(database: str, make_room: Callable[..., Newsroom], add_article: Callable[..., Path]) -> Newsroom:
    """A newsroom on PostgreSQL with an article, and thirty readers."""
    add_article("Le port s'agrandit")
    made = make_room(NEWSLETTER_DATABASE=database)
    with write(made.engine) as connection:
        addresses = [f"r{i:02}@lecteurs.example" for i in range(READERS)]
        subscribers.add(connection, [NewSubscriber(one, one) for one in addresses], now=made.clock())
    return made


def watch(room: Newsroom, **more: object) -> Watch:
    """Who looks on; three slices of ten are made where one would be enough."""

    def begun(found: Report) -> None:
        with write(room.engine) as connection:
            edition = editions.named(connection, str(found.edition))
            assert edition is not None
            connection.execute(delete(schema.slices))
            cut.cut(connection, edition.id, least=READERS // 3)

    return replace(Watch(Stop(room.clock), begun=begun), **more)  # type: ignore[arg-type]


def frozen(room: Newsroom) -> Edition:
    """The edition, frozen and in slices, with nothing sent: its `send` was stopped at its beginning."""
    stop = Stop(room.clock)
    begun = watch(room).begun

    def and_stop(found: Report) -> None:
        begun(found)
        stop.ask()

    found = daily.send(room, room.today(), watch=Watch(stop, begun=and_stop))
    assert (found.status, found.pending) == ("sending", READERS)
    with read(room.engine) as connection:
        edition = editions.named(connection, room.today().isoformat())
    assert edition is not None
    return edition


def outbox(room: Newsroom) -> list[str]:
    """To whom a mail lies there."""
    mails = [path.read_text(encoding="utf-8") for path in (room.config.folder / "outbox" / "new").iterdir()]
    return sorted(re.findall(r"^To: (.+)$", mail, re.MULTILINE)[0] for mail in mails)


def states(room: Newsroom) -> dict[str, int]:
    with read(room.engine) as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM deliveries GROUP BY state"))
        return {row[0]: row[1] for row in rows}


# --- How it is cut ---------------------------------------------------------------------------------


def test_every_delivery_is_in_one_slice_whoever_comes_later(room: Newsroom) -> None:  # R01
    edition = frozen(room)
    with read(room.engine) as connection:
        found = cut.left(connection, edition.id, repeats=True)
    assert [one.number for one in found] == [0, 1, 2]
    assert found[0].first == 0
    assert found[-1].last == (1 << 63) - 1
    assert all(before.last + 1 == after.first for before, after in itertools.pairwise(found))


def test_a_slice_is_not_smaller_than_a_lease_is_worth_nor_so_large_that_workers_wait(room: Newsroom) -> None:
    for readers, slices_, size in (
        (1, 1, 2_500),
        (5_000, 2, 2_500),
        (1_000_000, 200, 5_000),
        (20_000_000, 1000, 20_000),
    ):
        assert max(cut.LEAST, min(readers // cut.SHARES, cut.MOST)) == size
        assert -(-readers // size) == slices_


# --- Without any worker ----------------------------------------------------------------------------


def test_who_sends_delivers_by_itself_where_no_worker_lives(room: Newsroom) -> None:
    found = daily.send(room, room.today(), watch=watch(room))
    assert (found.status, found.accepted, found.problem) == ("sent", READERS, None)
    assert len(set(outbox(room))) == len(outbox(room)) == READERS
    with read(room.engine) as connection:
        assert connection.execute(select(schema.runs.c.id)).all()


def test_what_was_stopped_is_gone_on_with(room: Newsroom) -> None:
    frozen(room)
    assert daily.send(room, room.today(), watch=watch(room)).accepted == READERS
    assert len(outbox(room)) == READERS


def test_an_edition_frozen_before_there_were_slices_is_cut_now(room: Newsroom) -> None:
    frozen(room)
    with write(room.engine) as connection:
        connection.execute(delete(schema.slices))
    assert daily.send(room, room.today(), watch=Watch(Stop(room.clock))).accepted == READERS


# --- One slice -------------------------------------------------------------------------------------


def test_a_slice_is_delivered_alone(room: Newsroom) -> None:
    edition = frozen(room)
    assert slices.deliver_slice(room, edition.id, 1, watch(room)).due is None
    assert states(room) == {"accepted": 10, "pending": 20}
    assert outbox(room) == [f"r{i:02}@lecteurs.example" for i in range(10, 20)]
    assert slices.deliver_slice(room, edition.id, 1, watch(room)) == slices.Left(None)
    assert states(room) == {"accepted": 10, "pending": 20}


def test_a_slice_in_another_s_hands_is_left_to_them(room: Newsroom, make_room: Callable[..., Newsroom]) -> None:  # R03
    edition = frozen(room)
    with lease(room.engine, f"slice {edition.id}/1"), pytest.raises(AlreadyRunning):
        slices.deliver_slice(room, edition.id, 1, watch(room))
    assert states(room) == {"pending": 30}


def test_who_lost_a_slice_while_it_slept_sends_nothing_more_of_it(room: Newsroom) -> None:  # R04
    """Another has taken it over meanwhile; what it had claimed is sent by that one."""
    edition = frozen(room)

    def overtaken(_delivery: object, _state: object) -> None:
        with write(room.engine) as connection:
            connection.execute(update(schema.leases).values(fence=schema.leases.c.fence + 1))
        time.sleep(2 * FRESH)

    with pytest.raises(DatabaseError, match="taken over"):
        slices.deliver_slice(room, edition.id, 0, watch(room, ended=overtaken))
    assert len(outbox(room)) < 10
    assert slices.deliver_slice(room, edition.id, 0, watch(room)).due is None
    assert outbox(room) == [f"r{i:02}@lecteurs.example" for i in range(10)]


def test_what_is_not_to_go_is_left_alone(room: Newsroom, clock: Clock) -> None:
    edition = frozen(room)
    with write(room.engine) as connection:
        editions.change(connection, edition.id, paused_at=clock())
    assert slices.deliver_slice(room, edition.id, 0, watch(room)) is slices.ALONE
    with write(room.engine) as connection:
        editions.change(connection, edition.id, paused_at=None)
        editions.move(connection, edition.id, [EditionStatus.SENDING], EditionStatus.STOPPED)
    assert slices.deliver_slice(room, edition.id, 0, watch(room)) is slices.ALONE
    assert slices.deliver_slice(room, edition.id, 99, watch(room)) is slices.ALONE
    assert not (room.config.folder / "outbox").exists() or outbox(room) == []


def test_a_worker_that_the_schema_no_longer_serves_delivers_nothing(room: Newsroom) -> None:
    """Another machine was upgraded meanwhile, by a migration that takes away what this program needs."""
    edition = frozen(room)
    with write(room.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        upgrading.contracts(connection, "9999")
    with pytest.raises(DatabaseError, match="upgrade the program"):
        slices.deliver_slice(room, edition.id, 0, watch(room))
    assert states(room) == {"pending": 30}


def test_what_another_machine_had_claimed_waits_a_minute_for_it(room: Newsroom, clock: Clock) -> None:  # R01
    edition = frozen(room)
    with write(room.engine) as connection:
        dead = runs.begin(connection, edition.id, "another machine/its boot", clock())
        values = {"state": "claimed", "run_id": dead, "at": clock()}
        first = select(schema.deliveries.c.id).order_by(schema.deliveries.c.id).limit(4).scalar_subquery()
        connection.execute(update(schema.deliveries).where(schema.deliveries.c.id.in_(first)).values(**values))
    left = slices.deliver_slice(room, edition.id, 0, watch(room))
    assert (left.due, left.end) == (clock() + timedelta(minutes=1), End.WAITING)
    assert states(room) == {"accepted": 6, "claimed": 4, "pending": 20}
    clock.move(seconds=30)
    assert slices.deliver_slice(room, edition.id, 0, watch(room)) == slices.Left(left.due)
    clock.move(seconds=30)
    assert slices.deliver_slice(room, edition.id, 0, watch(room)).due is None
    assert states(room) == {"accepted": 10, "pending": 20}


# --- Beside workers --------------------------------------------------------------------------------


class Workers:
    """Workers of a test: they deliver what is asked for, when they are asked how many there are."""

    def __init__(self, room: Newsroom, number: int = 1) -> None:
        self.room, self.number = room, number
        self.asked: list[tuple[int, int]] = []

    def alive(self) -> int:
        return self.number

    def waiting(self) -> set[tuple[int, int]]:
        waiting, self.asked = set(self.asked), []
        for edition_id, number in waiting if self.number else ():
            slices.deliver_slice(self.room, edition_id, number, Watch(Stop(self.room.clock)))
        return waiting

    def ask_for(self, which: list[tuple[int, int]]) -> None:
        self.asked += which


def test_workers_deliver_and_who_sends_brings_it_to_its_end(
    room: Newsroom, database: str, make_room: Callable[..., Newsroom]
) -> None:
    team = Workers(make_room(NEWSLETTER_DATABASE=database))
    room.queue = team
    found = daily.send(room, room.today(), watch=watch(room))
    assert (found.status, found.accepted, found.problem) == ("sent", READERS, None)
    assert len(outbox(room)) == READERS
    with read(room.engine) as connection:
        assert connection.execute(select(schema.slices.c.number)).all()


def test_where_the_last_worker_is_gone_who_sends_goes_on_alone(room: Newsroom) -> None:
    team = Workers(room)
    room.queue = team

    def last(which: list[tuple[int, int]]) -> None:
        team.number = 0

    team.ask_for = last  # type: ignore[method-assign]
    assert daily.send(room, room.today(), watch=watch(room)).accepted == READERS


def test_what_somebody_has_in_hand_is_not_put_in_order(room: Newsroom, clock: Clock) -> None:
    """A correction waits for it: it goes to exactly those who have what it corrects."""
    edition = frozen(room)
    with write(room.engine) as connection:
        dead = runs.begin(connection, edition.id, "another machine/its boot", clock())
        connection.execute(update(schema.deliveries).values(state="claimed", run_id=dead, at=clock()))
    clock.move(hours=1)
    with sending_lock(room.engine):
        with lease(room.engine, f"slice {edition.id}/0"), pytest.raises(AlreadyRunning):
            slices.put_in_order(room, edition)
        assert states(room) == {"claimed": 30}
        assert len(slices.put_in_order(room, edition)) == 3  # one for each slice
    assert states(room) == {"uncertain": 30}


def test_nobody_decides_on_doubts_while_a_worker_is_sending(room: Newsroom) -> None:
    """`resolve` and `adopt` want to be alone: who sent the edition may have ended, and workers go on."""
    edition = frozen(room)
    with lease(room.engine, f"slice {edition.id}/2"):
        with pytest.raises(AlreadyRunning, match="a worker is sending"):
            resolve.resolve(room, None, "accepted")
        with pytest.raises(AlreadyRunning, match="a worker is sending"):
            instance.adopt(room, go_on=False)
    assert resolve.resolve(room, None, "accepted").uncertain == []


def test_where_who_sent_it_has_died_a_worker_brings_it_to_its_end(room: Newsroom) -> None:  # R11
    edition = frozen(room)
    for number in range(3):
        assert slices.attend(room) == []
        slices.deliver_slice(room, edition.id, number, watch(room))
    with sending_lock(room.engine):
        assert slices.attend(room) == []
    with lease(room.engine, f"slice {edition.id}/2"):
        assert slices.attend(room) == []  # what seems to have ended may yet be given back
    [found] = slices.attend(room)
    assert daily.send_named(room, found.name, watch=watch(room), patient=False).status == "sent"
    assert slices.attend(room) == []


def test_how_fast_it_goes_is_seen_in_whatever_slices_are_in_hand(room: Newsroom, clock: Clock) -> None:
    """Two workers: the lower slice would not be seen among the newest of the edition, were they many."""
    edition = frozen(room)
    for number in (2, 0):
        slices.deliver_slice(room, edition.id, number, watch(room))
    with read(room.engine) as connection:
        since = clock() - timedelta(seconds=10)
        assert len(cut.in_hand(connection, edition.id, since)) == 2
        assert progress.speed(connection, edition.id, since, clock()) == 2.0


def test_where_who_sent_it_has_died_workers_ask_for_what_has_no_job(room: Newsroom) -> None:
    """The queue was emptied, or they had not been asked for yet."""
    edition = frozen(room)
    team = Workers(room)
    room.queue = team
    with sending_lock(room.engine):
        assert slices.attend(room) == []
    assert team.asked == []
    with lease(room.engine, f"slice {edition.id}/1"):
        assert slices.attend(room) == []
    assert team.asked == [(edition.id, 0), (edition.id, 2)]
    team.asked.append((edition.id, 1))
    team.waiting()
    assert [one.id for one in slices.attend(room)] == [edition.id]
    assert states(room) == {"accepted": READERS}


def a_worker(room: Newsroom, trouble: str | None) -> None:
    """One that lives, as it says itself."""
    with write(room.engine) as connection:
        number = workers.begin(connection, workers.Place("b.example", 812, "0.1.0", "smtp://relay-b.example:587"))
        workers.say(connection, number, None, {}, trouble)


def test_who_sends_takes_over_where_all_workers_are_in_trouble(room: Newsroom) -> None:
    """It is a worker's own relay: that of who sends may be well."""
    idle = Workers(room)
    idle.waiting = set  # type: ignore[assignment, method-assign]
    room.queue = idle
    a_worker(room, "the relay cannot connect")
    found = daily.send(room, room.today(), watch=watch(room))
    assert (found.accepted, found.problem) == (READERS, None)


def test_who_sends_tells_where_workers_live_and_nothing_gets_on(room: Newsroom, clock: Clock) -> None:
    """Each look takes a minute here."""
    idle = Workers(room)

    def waiting() -> set[tuple[int, int]]:
        clock.move(minutes=1)
        return set()

    idle.waiting = waiting  # type: ignore[method-assign]
    room.queue = idle
    a_worker(room, None)
    found = daily.send(room, room.today(), watch=watch(room))
    assert "the workers do not get on" in str(found.problem)
    assert (found.status, found.pending) == ("sending", READERS)


def test_workers_that_it_cannot_ask_are_told_of(room: Newsroom) -> None:
    room.queue = None
    a_worker(room, None)
    found = daily.send(room, room.today(), watch=watch(room))
    assert found.accepted == READERS
    assert any("newsletter[cluster]" in remark for remark in found.remarks)


def test_nobody_waits_for_a_dead_one_s_slice(room: Newsroom) -> None:
    """`send` was killed at a slice, and is called again: its lease would last for half a minute more."""
    edition = frozen(room)
    with write(room.engine) as connection:
        first = cut.get(connection, edition.id, 0)
        assert first is not None
        until = text("clock_timestamp() + interval '30 seconds'")
        dead = {"name": first.lease, "fence": 7, "holder": "process 1 on another.example"}
        connection.execute(insert(schema.leases).values(until=until, **dead))
    with read(room.engine) as connection:
        assert cut.held(connection) == {}
    with lease(room.engine, first.lease), read(room.engine) as connection:
        assert list(cut.held(connection)) == [first.lease]
