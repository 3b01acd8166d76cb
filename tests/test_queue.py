"""The queue, on a real PostgreSQL: what is asked for is done once, and a dead worker's goes to another."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from newsletter.queue import TASK, Queue, Times, schema
from newsletter.store import jobs, notes
from newsletter.store.database import open_engine, read, upgrade, write

ROOT = Path(__file__).parent.parent
NUMBERS = itertools.count()
QUICK = Times(look=0.05, heartbeat=0.2, rescue=0.2, dead=1.5, trouble=0.5, patience=2.0)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def cluster(postgres_url: str) -> Iterator[Engine]:
    """A schema of its own in a real PostgreSQL, brought up to date."""
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    name = f"queue{os.getpid()}_{next(NUMBERS)}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    admin.dispose()
    engine = open_engine(url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(False))
    upgrade(engine)
    yield engine
    engine.dispose()


@contextmanager
def working(queue: Queue, handle: Callable[[int, int], datetime | None]) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=queue.work, args=(handle, stop.is_set))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


# --- Asking ---------------------------------------------------------------------------------------


def test_what_is_asked_for_waits_once(cluster: Engine) -> None:
    queue = Queue(cluster, now)
    assert queue.waiting() == set()
    assert queue.alive() == 0
    assert queue.ask_for([(7, 1), (7, 2), (7, 3)]) == 3
    assert queue.ask_for([(7, 3), (7, 4), (7, 4)]) == 1
    assert queue.ask_for([]) == 0
    assert queue.waiting() == {(7, 1), (7, 2), (7, 3), (7, 4)}
    assert queue.counts() == {"todo": 4, "doing": 0}


def test_many_who_ask_at_once_get_one_job_each(cluster: Engine) -> None:  # R03
    queue = Queue(cluster, now)
    threads = [threading.Thread(target=queue.ask_for, args=([(1, number) for number in range(500)],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.counts() == {"todo": 500, "doing": 0}


def test_two_newsletters_in_one_database_do_not_see_each_other(cluster: Engine, postgres_url: str) -> None:
    """The second has the first's schema on its search path, behind its own."""
    with read(cluster) as connection:
        first = jobs.place(connection)
    second = f"{first}_b"
    with write(cluster) as connection:
        connection.execute(text(f"CREATE SCHEMA {second}"))
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    other = open_engine(url.update_query_dict({"options": f"-csearch_path={second},{first}"}).render_as_string(False))
    try:
        one, two = Queue(cluster, now), Queue(other, now)
        one.ask_for([(1, 1)])
        with write(other) as connection:  # `upgrade` would find the first's tables: these alone are needed
            connection.execute(text(f"CREATE TABLE {second}.notes (LIKE {first}.notes INCLUDING ALL)"))
        assert two.waiting() == set()
        two.ask_for([(2, 2)])
        assert one.waiting() == {(1, 1)}
        assert two.waiting() == {(2, 2)}
        assert one.name != two.name
    finally:
        other.dispose()


# --- Working --------------------------------------------------------------------------------------


def test_each_slice_is_done_once_and_its_job_goes(cluster: Engine) -> None:
    queue, done = Queue(cluster, now, QUICK), []

    def handle(edition: int, number: int) -> None:
        done.append((edition, number))

    queue.ask_for((1, number) for number in range(20))
    with working(queue, handle), working(queue, handle):
        until(lambda: not queue.waiting())
        assert queue.alive() == 2
    assert sorted(done) == [(1, number) for number in range(20)]
    assert queue.alive() == 0  # they took their leave


def test_the_newest_edition_goes_first(cluster: Engine) -> None:
    queue, done = Queue(cluster, now, QUICK), []
    queue.ask_for([(1, 1), (1, 2)])
    queue.ask_for([(2, 1), (2, 2)])

    def handle(edition: int, number: int) -> None:
        done.append(edition)

    with working(queue, handle):
        until(lambda: len(done) == 4)
    assert done == [2, 2, 1, 1]


def test_what_is_due_later_comes_later(cluster: Engine) -> None:
    queue, calls = Queue(cluster, now, QUICK), []

    def handle(edition: int, number: int) -> datetime | None:
        calls.append(now())
        return now() + timedelta(seconds=1) if len(calls) == 1 else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: len(calls) == 2 and not queue.waiting())
    assert calls[1] - calls[0] >= timedelta(seconds=1)


def test_a_slice_that_is_due_at_once_goes_not_round_and_round(cluster: Engine) -> None:
    queue, calls = Queue(cluster, now, Times(look=0.5)), []

    def handle(edition: int, number: int) -> datetime | None:
        calls.append(time.monotonic())
        return now() - timedelta(days=1) if len(calls) < 3 else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: len(calls) == 3)
    assert calls[2] - calls[0] >= 1.0


def test_a_clock_that_is_behind_makes_no_worker_go_round_and_round(cluster: Engine) -> None:
    """What counts is how long it is until a slice is due, by whatever clock."""
    behind = lambda: now() - timedelta(minutes=5)  # noqa: E731
    queue, calls = Queue(cluster, behind, QUICK), []

    def handle(edition: int, number: int) -> datetime | None:
        calls.append(time.monotonic())
        return behind() + timedelta(seconds=2) if len(calls) == 1 else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: len(calls) == 2 and not queue.waiting())
    assert calls[1] - calls[0] >= 2


def test_a_clock_that_is_ahead_keeps_no_slice_waiting(cluster: Engine) -> None:
    ahead = lambda: now() + timedelta(days=1)  # noqa: E731
    queue, calls = Queue(cluster, ahead, QUICK), []

    def handle(edition: int, number: int) -> datetime | None:
        calls.append(number)
        return ahead() + timedelta(seconds=1) if len(calls) == 1 else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: len(calls) == 2 and not queue.waiting())


def test_a_slice_asked_for_while_it_is_in_work_is_kept_once(cluster: Engine) -> None:
    queue, begun, go_on = Queue(cluster, now, QUICK), threading.Event(), threading.Event()
    calls = []

    def handle(edition: int, number: int) -> datetime | None:
        calls.append(number)
        begun.set()
        go_on.wait(20)
        return now() if len(calls) == 1 else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        begun.wait(20)
        assert queue.ask_for([(1, 1)]) == 1
        assert queue.counts() == {"todo": 1, "doing": 1}
        go_on.set()
        until(lambda: not queue.waiting())
    assert len(calls) == 2


def test_a_fault_of_the_program_ends_no_worker(cluster: Engine, caplog: pytest.LogCaptureFixture) -> None:
    queue, calls = Queue(cluster, now, QUICK), []

    def handle(edition: int, number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            raise ZeroDivisionError

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: len(calls) == 2 and not queue.waiting())
    assert "a fault of the program, at slice 1/1" in caplog.text


def test_jobs_that_nobody_knows_are_dropped(cluster: Engine, caplog: pytest.LogCaptureFixture) -> None:
    queue, done = Queue(cluster, now, QUICK), []
    queue.ask_for([(1, 1)])
    with write(cluster) as connection:
        insert = (
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args) VALUES (:queue, :task, 9, :args)"
        )
        for task, args in [("gone", "{}"), (TASK, '{"edition": "x"}'), (TASK, "[1]"), ("gone", '{"edition": true}')]:
            connection.execute(text(insert), {"queue": queue.name, "task": task, "args": args})
    with working(queue, lambda edition, number: done.append((edition, number))):
        until(lambda: done and not queue.counts()["todo"] and not queue.counts()["doing"])
    assert done == [(1, 1)]
    assert caplog.text.count("none that this version knows") == 4


def test_what_is_in_hand_when_we_are_told_to_stop_goes_back_at_once(cluster: Engine) -> None:  # R15
    queue, begun, stop = Queue(cluster, now, QUICK), threading.Event(), threading.Event()

    def handle(edition: int, number: int) -> datetime:
        begun.set()
        stop.wait(20)
        return now()

    queue.ask_for([(1, 1), (1, 2)])
    thread = threading.Thread(target=queue.work, args=(handle, stop.is_set))
    thread.start()
    begun.wait(20)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert queue.counts() == {"todo": 2, "doing": 0}
    assert queue.alive() == 0


# --- The dead -------------------------------------------------------------------------------------

WORKER = """
import sys, time
from datetime import UTC, datetime
from newsletter.queue import Queue, Times
from newsletter.store.database import open_engine
def handle(edition, number):
    print("has", number, flush=True)
    time.sleep(600)
Queue(open_engine(sys.argv[1]), lambda: datetime.now(UTC), Times(look=0.05, heartbeat=0.2, rescue=0.2, dead=1.5)).work(handle, lambda: False)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_the_slice_of_a_worker_that_gives_no_sign_goes_to_another(cluster: Engine, how: signal.Signals) -> None:  # R01
    queue, done = Queue(cluster, now, QUICK), []
    queue.ask_for([(1, 1)])
    url = cluster.url.render_as_string(False)
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", WORKER, url], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "has 1\n"
        with working(queue, lambda edition, number: done.append(number)):
            until(lambda: queue.alive() == 2)
            time.sleep(2)  # longer than `dead`: while it gives signs nobody takes its slice
            assert done == []
            process.send_signal(how)
            until(lambda: done == [1])
            until(lambda: queue.alive() == 1)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_worker_survives_that_its_connections_are_cut(cluster: Engine) -> None:
    queue, done = Queue(cluster, now, QUICK), []
    cut = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND query LIKE '%procrastinate%'"
    )
    with working(queue, lambda edition, number: done.append(number)):
        for number in range(3):
            queue.ask_for([(1, number)])
            until(lambda number=number: number in done)
            with write(cluster) as connection:
                connection.execute(cut)
    assert done == [0, 1, 2]


def test_a_job_given_to_a_worker_that_did_not_hear_of_it_comes_back(cluster: Engine) -> None:
    """The answer to its asking was lost: the job is marked as in work at a worker that lives."""
    queue, done = Queue(cluster, now, QUICK), []
    with working(queue, lambda edition, number: done.append(number)):
        until(lambda: queue.alive() == 1)
        with write(cluster) as connection:
            connection.execute(text("ALTER TABLE procrastinate_jobs RENAME TO elsewhere"))  # asking fails meanwhile
        time.sleep(0.5)
        with write(cluster) as connection:
            insert = (
                "INSERT INTO elsewhere (queue_name, task_name, args, status, worker_id) SELECT :queue, :task,"
                " '{\"edition\": 1, \"slice\": 1}', 'doing', id FROM procrastinate_workers"
            )
            connection.execute(text(insert.replace('": 1', '"\\: 1')), {"queue": queue.name, "task": TASK})
            connection.execute(text("ALTER TABLE elsewhere RENAME TO procrastinate_jobs"))
        until(lambda: done == [1])
        assert queue.alive() == 1


def test_a_job_that_went_to_another_is_not_ours_to_end(cluster: Engine) -> None:
    """As if we had given no sign for long: our end of it is no error, and we go on."""
    queue, done = Queue(cluster, now, QUICK), []

    def handle(edition: int, number: int) -> None:
        if not done:
            with write(cluster) as connection:
                connection.execute(text("DELETE FROM procrastinate_jobs"))
            queue.ask_for([(1, 2)])
        done.append(number)

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        until(lambda: done == [1, 2] and not queue.waiting())


@pytest.mark.parametrize("again", [False, True])
def test_a_worker_that_wakes_up_leaves_its_job_to_who_came_after(cluster: Engine, again: bool) -> None:
    """It gave no sign for long, and its job went to another, who is at it: neither ended nor given to a third."""
    queue, begun, go_on = Queue(cluster, now, QUICK), threading.Event(), threading.Event()

    def handle(edition: int, number: int) -> datetime | None:
        begun.set()
        go_on.wait(20)
        return now() if again else None

    queue.ask_for([(1, 1)])
    with working(queue, handle):
        assert begun.wait(20)
        with write(cluster) as connection:
            connection.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
            connection.execute(
                text("UPDATE procrastinate_jobs SET worker_id = (SELECT max(id) FROM procrastinate_workers)")
            )
        go_on.set()
        time.sleep(0.5)
        assert queue.counts() == {"todo": 0, "doing": 1}


def test_of_two_who_rescue_a_job_the_slower_does_not_take_it_from_its_new_worker(cluster: Engine) -> None:
    queue = Queue(cluster, now, QUICK)
    queue.ask_for([(1, 1)])
    with write(cluster) as connection:
        put = "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"
        dead, living = (connection.execute(text(put)).scalar_one() for _ in range(2))
        take = text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker RETURNING id")
        job = connection.execute(take, {"worker": dead}).scalar_one()
        raw = connection.connection.driver_connection
        assert raw is not None

        def rescue() -> int:
            whose = {"job": job, "worker": dead, "seconds": 0.0}
            return int(raw.execute(jobs.PUT_BACK, whose).rowcount)

        assert rescue() == 1
        connection.execute(take, {"worker": living})
        assert rescue() == 0
    assert queue.counts() == {"todo": 0, "doing": 1}


# --- Its tables -----------------------------------------------------------------------------------


def test_the_tables_are_made_by_many_at_once(cluster: Engine) -> None:
    threads = [threading.Thread(target=Queue(cluster, now).prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(cluster) as connection:
        assert jobs.are_kept(connection)
        assert notes.get(connection, schema.NOTE) == schema._migrations()[-1].stem


def test_tables_of_an_older_library_are_brought_up_to_date(cluster: Engine) -> None:
    """Made by its migrations up to 3.1, then prepared by ours: the functions of today are there, and work."""
    old = [script for script in schema._migrations() if script.stem < "03.02"]
    for script in old:
        with write(cluster) as connection:
            jobs.run_script(connection, script.read_text(encoding="utf-8"))
    with write(cluster) as connection:
        notes.put(connection, schema.NOTE, old[-1].stem)
    queue, done = Queue(cluster, now, QUICK), []
    queue.ask_for([(1, 1)])
    with working(queue, lambda edition, number: done.append(number)):
        until(lambda: done == [1])
    with read(cluster) as connection:
        assert notes.get(connection, schema.NOTE) == schema._migrations()[-1].stem


def test_what_takes_away_from_older_programs_waits_while_some_are_at_work() -> None:
    names = ["1_01_pre_a", "1_50_post_a", "2_01_pre_b", "2_50_post_b", "2_51_post_c"]
    scripts = [Path(f"{name}.sql") for name in names]
    stems = lambda newest, others: [one.stem for one in schema.to_apply(scripts, newest, others=others)]  # noqa: E731
    assert stems("", True) == ["1_01_pre_a", "1_50_post_a", "2_01_pre_b"]
    assert stems("", False) == names
    assert stems("2_01_pre_b", True) == []
    assert stems("2_01_pre_b", False) == ["2_50_post_b", "2_51_post_c"]
