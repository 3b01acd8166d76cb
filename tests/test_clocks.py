"""A machine whose clock is not the database's does nothing before it is set; on a real PostgreSQL, in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from newsletter import clocks, config, daily, runner, slices, worker
from newsletter.commands import exit_code
from newsletter.deliver import Stop
from newsletter.errors import DatabaseError, WrongClock
from newsletter.newsroom import Newsroom
from newsletter.report import ALIVE
from newsletter.sending import Watch
from newsletter.store import clock as apart
from newsletter.store import notes
from newsletter.store.database import read, write
from newsletter.worker import Doing
from tests.cluster import add_readers, found_newsroom, new_schema, now, outbox, send, until
from tests.conftest import Clock

READERS = 30


@pytest.fixture
def room(postgres_url: str, tmp_path: Path) -> Iterator[Newsroom]:
    made = found_newsroom(tmp_path / "lettre", new_schema(postgres_url))
    add_readers(made, READERS)
    yield made
    made.engine.dispose()


def set_apart(room: Newsroom, **span: float) -> None:
    """As on a machine whose clock is so much ahead of PostgreSQL's."""
    room.clock = lambda: now() + timedelta(**span)


# --- The look ---------------------------------------------------------------------------------------


def test_a_clock_that_is_a_little_apart_is_right(room: Newsroom) -> None:
    for seconds in (-9, 0, 9):
        set_apart(room, seconds=seconds)
        clocks.check(room)


@pytest.mark.parametrize(("seconds", "said"), [(43_201, "43201 s ahead of"), (-300, "300 s behind")])
def test_one_that_is_far_apart_is_told_with_the_cure(room: Newsroom, seconds: int, said: str) -> None:
    set_apart(room, seconds=seconds)
    with pytest.raises(WrongClock, match=f"{said} that of the database postgresql.*NTP") as error:
        clocks.check(room)
    assert "\n" not in str(error.value)
    assert exit_code(error.value) == 69


def test_a_question_that_takes_long_makes_no_clock_wrong(room: Newsroom) -> None:
    """We sleep between our look and PostgreSQL's, as a machine that is paused."""

    def slow() -> datetime:
        found = room.clock()
        time.sleep(0.5)
        return found

    with read(room.engine) as connection:
        assert apart.ahead(connection, slow) == timedelta(0)
        set_apart(room, seconds=20)
        assert timedelta(seconds=19) < apart.ahead(connection, slow) <= timedelta(seconds=20)
        set_apart(room, seconds=-20)
        assert timedelta(seconds=-20) <= apart.ahead(connection, slow) < timedelta(seconds=-15)


def test_a_newsroom_with_a_clock_of_its_own_has_no_other_to_be_compared_with(
    engine: Engine, folder: Path, clock: Clock
) -> None:
    made = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock)
    made.engine = engine
    clocks.check(made)


def test_nor_has_one_machine_alone(folder: Path) -> None:
    made = Newsroom(config.load(folder / "newsletter.toml", {}))
    made.clock = lambda: now() + timedelta(days=1)
    clocks.check(made)


# --- Who heeds it -----------------------------------------------------------------------------------


def test_send_does_nothing_by_a_wrong_clock(room: Newsroom) -> None:
    set_apart(room, hours=12)
    with pytest.raises(WrongClock):
        daily.send(room, room.today(), regardless=True, watch=Watch(Stop(room.clock)))
    with read(room.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM editions")).scalar() == 0
    told = daily.send(room, room.today(), regardless=True, dry_run=True, watch=Watch(Stop(room.clock)))
    assert isinstance(told.problem, WrongClock)
    set_apart(room, seconds=0)
    assert send(room).accepted == READERS


def test_a_wrong_clock_expires_nobody(room: Newsroom) -> None:
    """Frozen here; the machine that goes on with it is half a day ahead, which is when it would be too late."""
    assert send(room, freeze_only=True).pending == READERS
    name = room.today().isoformat()
    set_apart(room, hours=12, seconds=1)
    with pytest.raises(WrongClock):
        daily.send_named(room, name, watch=Watch(Stop(room.clock)))
    set_apart(room, seconds=0)
    assert daily.send_named(room, name, watch=Watch(Stop(room.clock))).accepted == READERS


def test_a_worker_whose_clock_is_set_ahead_later_gives_its_slices_back(room: Newsroom) -> None:
    assert send(room, freeze_only=True).pending == READERS
    assert room.queue is not None
    room.queue.ask_for([(1, 0)])
    doing = Doing("lettre.journal.example")

    def too_late(room: Newsroom, edition_id: int, number: int, watch: Watch) -> slices.Left:
        set_apart(room, hours=12, seconds=1)
        return slices.deliver_slice(room, edition_id, number, watch)

    with living(room, lambda stop: worker.work(room, stop, doing, runs=False, deliver=too_late)):
        until(lambda: doing.trouble)
    with read(room.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM deliveries WHERE state = 'pending'")).scalar() == READERS
        left = connection.execute(text("SELECT scheduled_at - clock_timestamp() FROM procrastinate_jobs")).scalar_one()
    assert left <= worker.TROUBLE  # not by half a day


@contextmanager
def living(room: Newsroom, life: Callable[[Stop], object]) -> Iterator[None]:
    stop = Stop(room.clock)
    thread = threading.Thread(target=life, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.ask()
        thread.join(60)
        assert not thread.is_alive()


def test_a_worker_waits_until_its_clock_is_set(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "AGAIN", 0.1)
    assert send(room, freeze_only=True).pending == READERS
    queue, doing = room.queue, Doing("lettre.journal.example")
    assert queue is not None
    queue.ask_for([(1, number) for number in range(3)])
    set_apart(room, hours=12, seconds=1)
    with living(room, lambda stop: worker.work(room, stop, doing, runs=False)):
        until(lambda: doing.trouble)
        assert "43201 s ahead" in str(doing.trouble)
        time.sleep(1)
        assert queue.alive() == 0
        assert queue.counts() == {"todo": 3, "doing": 0}
        set_apart(room, seconds=0)
        until(lambda: not queue.waiting())
        assert doing.trouble is None
    assert len(outbox(room)) == READERS


def test_a_worker_that_waits_for_its_clock_leaves_when_it_is_told_to(room: Newsroom) -> None:
    set_apart(room, hours=1)
    doing = Doing("lettre.journal.example")
    with living(room, lambda stop: worker.work(room, stop, doing)):
        until(lambda: doing.trouble)


def test_a_runner_does_nothing_by_a_wrong_clock(room: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, though it has six works."""
    set_apart(room, hours=1)
    with living(room, lambda stop: runner.run(room, stop, look=0.05)):
        time.sleep(1)
        with read(room.engine) as connection:
            assert notes.get(connection, ALIVE) is None
            assert notes.get(connection, "tidied") is None
    assert caplog.text.count("3600 s ahead") == 1


def test_it_goes_on_when_the_clock_is_set(room: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    watched = clocks.Watched(room, every=0.0, again=0.0)
    assert watched.is_right()
    set_apart(room, hours=1)
    assert [watched.is_right() for _ in range(3)] == [False] * 3
    set_apart(room, seconds=0)
    assert watched.is_right()
    set_apart(room, hours=-1)
    assert not watched.is_right()
    assert caplog.text.count("of the database") == 2


def test_while_the_database_is_lost_it_is_looked_at_again_and_again(room: Newsroom) -> None:
    lost = Newsroom(config.load(room.config.path, {"NEWSLETTER_DATABASE": "postgresql://127.0.0.1:9/nobody"}))
    watched = clocks.Watched(lost)
    for _ in range(2):
        with pytest.raises(DatabaseError):
            watched.is_right()


# --- Turns, with clocks that are a little apart -----------------------------------------------------


def test_two_machines_whose_clocks_differ_by_a_second_take_each_turn_once(room: Newsroom) -> None:
    every, moment = timedelta(minutes=10), now()

    def take(seconds: float) -> bool:
        with write(room.engine) as connection:
            return notes.take_turn(connection, "drafted", moment + timedelta(seconds=seconds), every)

    assert take(1)
    assert not take(0)
    assert not take(-9)
    assert not take(600)
    assert take(601)
    assert take(0)  # a clock that was set back by more: it does not wait for its old time to come again
