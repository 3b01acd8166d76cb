"""Workers: slices of an edition, delivered by whoever lives; killed, stopped, cut off, in trouble."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cli import cli
from newsletter import cluster, instance, progress, tidy, worker
from newsletter.commands.watching import who_sends
from newsletter.deliver import Stop
from newsletter.errors import AlreadyRunning, ConfigError, DatabaseError, NotSent, Unavailable, WrongClock
from newsletter.logs import AsJson, AsText
from newsletter.newsroom import Newsroom
from newsletter.queue import Queue, Times
from newsletter.sending import Watch
from newsletter.speaker import about, sign, speaking
from newsletter.store import editions, notes, workers
from newsletter.store.database import read, sending_lock, write
from newsletter.store.workers import Place
from newsletter.web.workers import create_worker_app
from newsletter.worker import Doing
from tests.cluster import add_readers, found_newsroom, new_schema, now, outbox, send, started, until
from tests.smtp_server import Say, ScriptedServer, Silence

QUICK = Times(look=0.05, heartbeat=0.2, rescue=0.2, dead=2.0, trouble=0.5, patience=2.0)
READERS = 30


@pytest.fixture
def found(postgres_url: str, tmp_path: Path) -> Iterator[Callable[..., Newsroom]]:
    """A newsroom on PostgreSQL, with thirty readers; its queue is quick."""
    made: list[Newsroom] = []

    def make(name: str = "lettre", **more: str) -> Newsroom:
        room = found_newsroom(tmp_path / name, new_schema(postgres_url), **more)
        room.queue = Queue(room.engine, room.clock, QUICK)
        add_readers(room, READERS)
        made.append(room)
        return room

    yield make
    for room in made:
        room.engine.dispose()


@contextmanager
def working(room: Newsroom, **more: object) -> Iterator[Doing]:
    """A worker, in a thread."""
    stop, doing = Stop(room.clock), Doing("lettre.journal.example")
    errors: list[BaseException] = []

    def live() -> None:
        try:
            worker.work(room, stop, doing, runs=False, said_every=0.1, **more)  # type: ignore[arg-type]
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        until(lambda: errors or (doing.number and room.queue and room.queue.alive()))
        yield doing
    finally:
        stop.ask()
        thread.join(30)
        assert not thread.is_alive()
    assert not errors, errors


def lives(room: Newsroom, count: int = 1) -> None:
    """Wait until so many real processes are at the queue; their signs come every five seconds."""
    room.queue = Queue(room.engine, room.clock)
    until(lambda: room.queue and room.queue.alive() == cluster.look(room).alive == count)


@contextmanager
def process(room: Newsroom, *words: str) -> Iterator[subprocess.Popen[str]]:
    made = started(room, "worker", *words)
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


# --- Delivering -----------------------------------------------------------------------------------


def test_workers_deliver_what_send_freezes(found: Callable[..., Newsroom]) -> None:
    room = found()
    with working(room) as one, working(room) as other:
        report = send(room, slice_size=5)
        assert (report.status, report.accepted, report.problem) == ("sent", READERS, None)
        assert one.counts["accepted"] + other.counts["accepted"] == READERS  # and `send` none
    assert len(set(outbox(room))) == len(outbox(room)) == READERS
    assert room.queue is not None
    assert room.queue.counts() == {"todo": 0, "doing": 0}


def test_what_a_worker_is_at_stands_in_the_database_while_it_lives(found: Callable[..., Newsroom]) -> None:
    room, go_on = found(), threading.Event()

    def deliver(room: Newsroom, edition_id: int, number: int, watch: Watch) -> worker.Left:
        go_on.wait(30)
        return Left(None)

    with working(room, deliver=deliver):
        assert room.queue is not None
        edition = frozen(room)
        room.queue.ask_for([(edition, 0)])
        until(lambda: cluster.look(room).sending == 1)
        seen = cluster.look(room).workers[0]
        assert seen.lives
        assert (seen.seen.who.process, seen.seen.slice) == (os.getpid(), 0)
        assert seen.edition == room.today().isoformat()
        assert seen.figures()["via"] == str(room.config.delivery.via)
        go_on.set()
        until(lambda: cluster.look(room).sending == 0)
    assert cluster.look(room).workers == []


def test_the_last_of_an_edition_whose_sender_died_brings_it_to_its_end(found: Callable[..., Newsroom]) -> None:
    room = found()
    edition = frozen(room)
    assert room.queue is not None
    room.queue.ask_for([(edition, number) for number in range(3)])
    with working(room):
        until(lambda: cluster.look(room).left == 0 and len(outbox(room)) == READERS)
        until(lambda: send(room).already)


def test_a_worker_that_dies_in_a_slice_loses_nothing(found: Callable[..., Newsroom]) -> None:  # R01
    """A real process; the relay falls silent at its twelfth message, and it is killed there. What was at its dot may
    come twice; nothing else, and nobody goes without."""
    ok = Say("250 2.0.0 reçu")
    with ScriptedServer({".": [*[ok] * 11, Silence(), ok]}) as server:
        room = found(delivery=f'via = "smtp://127.0.0.1:{server.port}"\nconnections = 1')
        room.queue = Queue(room.engine, room.clock, replace(QUICK, dead=8.0))  # it gives a sign every five seconds
        with process(room, "--no-run") as other:
            until(lambda: room.queue and room.queue.alive())
            sender = threading.Thread(target=send, args=(room,))
            sender.start()
            until(lambda: len(server.messages) >= 12)
            assert cluster.look(room).workers[0].seen.who.process == other.pid
            other.send_signal(signal.SIGKILL)
            with working(room):
                sender.join(60)
                assert not sender.is_alive()
        times = Counter(message.rcpt for message in server.messages)
    assert len(times) == READERS
    assert sum(times.values()) == READERS + 1


@dataclass(frozen=True)
class Left:
    due: datetime | None
    trouble: str = ""


def frozen(room: Newsroom) -> int:
    """The edition's id; frozen and in slices of ten, with nothing sent: its `send` was told to stop as it began."""
    report = send(room, freeze_only=True)
    assert report.pending == READERS
    with read(room.engine) as connection:
        edition = editions.named(connection, str(report.edition))
    assert edition is not None
    return edition.id


# --- Trouble --------------------------------------------------------------------------------------


def errand(room: Newsroom, outcome: worker.Left | Exception) -> tuple[datetime | None, worker._Errand, Doing]:
    def deliver(room: Newsroom, edition_id: int, number: int, watch: Watch) -> worker.Left:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    doing = Doing("lettre.journal.example")
    one = worker._Errand(room, Stop(room.clock), doing, deliver)
    return one.run(1, 1), one, doing


def test_trouble_is_told_and_the_worker_rests(found: Callable[..., Newsroom], caplog: pytest.LogCaptureFixture) -> None:
    room = found()
    later = now() + timedelta(minutes=1)
    due, one, doing = errand(room, Left(later, "421 4.3.2 shutting down"))
    assert (due, doing.trouble, doing.at) == (later, "421 4.3.2 shutting down", None)
    rests = [one.rest()]
    for _ in range(5):
        one.run(1, 1)
        rests.append(one.rest())
    assert rests == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert "shutting down" in caplog.text


@pytest.mark.parametrize(
    "error", [DatabaseError("cut"), Unavailable("the relay refuses"), WrongClock("300 s behind"), ConfigError("no key")]
)
def test_a_slice_that_met_a_fault_of_the_house_is_asked_for_again(
    found: Callable[..., Newsroom], error: Exception
) -> None:
    room = found()
    due, one, doing = errand(room, error)
    assert due is not None
    assert due > now() + timedelta(seconds=20)
    assert doing.trouble == str(error)
    assert one.rest()


def test_a_slice_in_anothers_hands_is_no_trouble(found: Callable[..., Newsroom]) -> None:
    due, one, doing = errand(found(), AlreadyRunning("another"))
    assert due is not None
    assert due < now() + timedelta(seconds=10)
    assert (doing.trouble, one.rest()) == (None, 0.0)


def test_a_row_that_was_tidied_away_comes_again(found: Callable[..., Newsroom]) -> None:
    room = found()
    with working(room) as doing:
        first = doing.number
        with write(room.engine) as connection:
            assert workers.purge(connection, timedelta(0)) == 1
        until(lambda: doing.number != first)
    with read(room.engine) as connection:
        assert workers.known(connection) == []


# --- Seen from outside ------------------------------------------------------------------------------


def say_of(room: Newsroom, at: tuple[int, int] | None, trouble: str | None = None) -> None:
    """A worker on another machine has said so just now."""
    with write(room.engine) as connection:
        number = workers.begin(connection, Place("b.example", 812, "0.1.0", "smtp://relais-b.example:587"))
        workers.say(connection, number, at, {"accepted": 21400, "rejected": 12}, trouble)


def silence_all(room: Newsroom) -> None:
    with write(room.engine) as connection:
        connection.execute(text("UPDATE workers SET seen_at = seen_at - interval '1 minute'"))


@dataclass(frozen=True)
class Told:
    exit_code: int
    stdout: str
    stderr: str


def status(room: Newsroom, *words: str) -> Told:
    made = started(room, "status", *words)
    stdout, stderr = made.communicate(timeout=60)
    return Told(made.returncode, stdout, stderr)


def test_status_shows_the_whole_cluster(found: Callable[..., Newsroom]) -> None:
    room = found()
    edition = frozen(room)
    say_of(room, (edition, 1))
    say_of(room, None, "421 4.3.2 shutting down")
    told = status(room)
    assert told.exit_code == 0
    day = room.today().isoformat()
    assert f"812\tb.example\t0.1.0\tsmtp://relais-b.example:587\t{day}/1\t21400\t12\t0\t0" in told.stdout
    assert "slices left: 3, of them 0 in hand, 0 put off, 3 due without a job" in told.stdout
    assert "1 worker is sending; the run that asked for it has ended" in told.stdout
    figures = json.loads(status(room, "--json").stdout)
    assert [one["slice"] for one in figures["workers"]] == [1, None]
    assert figures["slices"] == {"left": 3, "held": 0, "later": 0, "unasked": 3}
    assert figures["sending"]


def test_strict_complains_of_a_worker_in_trouble_and_of_a_machine_without_any(found: Callable[..., Newsroom]) -> None:
    room = found()
    edition = frozen(room)
    say_of(room, (edition, 1))
    say_of(room, None, "421 4.3.2 shutting down")
    told = status(room, "--strict")
    assert told.exit_code == 75
    assert told.stderr.splitlines() == ["newsletter: worker 2 (process 812 on b.example): 421 4.3.2 shutting down"]
    silence_all(room)
    told = status(room, "--strict")
    assert "shutting down" not in told.stderr
    assert "is not finished (30 of 30 left), and nobody is sending" in told.stderr
    assert "process 812 on b.example) has given no sign of life for 1 minute, and no other lives there" in told.stderr
    assert told.stderr.count("no sign of life") == 1


def test_strict_leaves_to_workers_what_they_go_on_with(found: Callable[..., Newsroom]) -> None:
    """Its sender has died, no slice is in hand, and a worker has just died beside one that lives."""
    room = found()
    frozen(room)
    say_of(room, None)
    silence_all(room)
    say_of(room, None)
    told = status(room, "--strict")
    assert (told.exit_code, told.stderr) == (0, "")
    assert "nobody has a slice of it in hand just now; 1 worker lives" in told.stdout


def test_three_workers_are_sending_while_one_watches(found: Callable[..., Newsroom]) -> None:
    room = found()
    edition = frozen(room)
    for number in range(3):
        say_of(room, (edition, number))
    with sending_lock(room.engine):
        said = who_sends(progress.look(room))
    assert re.fullmatch(r"3 workers are sending; process \d+ on \S+ watches", said)


def test_who_could_not_take_their_leave_goes_after_a_day(found: Callable[..., Newsroom]) -> None:
    room = found()
    say_of(room, None)
    tidy.tidy(room)
    assert len(cluster.look(room).workers) == 1
    with write(room.engine) as connection:
        connection.execute(text("UPDATE workers SET seen_at = seen_at - interval '25 hours'"))
    tidy.tidy(room)
    assert cluster.look(room).workers == []


def test_on_sqlite_there_is_nothing_to_see(room: Newsroom) -> None:
    assert cluster.look(room) == cluster.Cluster()
    figures = json.loads(status(room, "--json").stdout)
    assert figures["workers"] == []


# --- What it needs --------------------------------------------------------------------------------


def test_sqlite_has_no_workers(room: Newsroom) -> None:
    with pytest.raises(ConfigError, match="share a PostgreSQL"):
        worker.check(room.config)
    result = CliRunner().invoke(cli, ["worker", str(room.config.path)])
    assert result.exit_code == 78
    assert "workers share a PostgreSQL" in result.stderr


def test_a_database_that_is_not_ours_is_left_alone_and_the_cure_is_said(found: Callable[..., Newsroom]) -> None:
    room = found(instance="")
    with write(room.engine) as connection:
        notes.put(connection, "instance", "another")
    with pytest.raises(NotSent, match=r"on several machines set newsletter\.instance first.*newsletter adopt"):
        worker.work(room, Stop(room.clock), Doing("x"), runs=False)
    with process(room, "--processes", "2") as started:
        _, said = started.communicate(timeout=60)
        assert started.returncode == 4
        assert "set newsletter.instance first" in said


def test_who_mistypes_the_name_of_the_installation_is_not_led_to_take_it_away(
    found: Callable[..., Newsroom],
) -> None:  # R10
    """`adopt` on a second machine would stop the edition, and shut all the others out."""
    room = found(instance="matin")
    with write(room.engine) as connection:
        notes.put(connection, "instance", "soir")
        workers.begin(connection, Place("a.example", 4711, "1", "smtp://relay.example"))
    with pytest.raises(NotSent, match=r"'matin'; set newsletter\.instance to the name .* only if .* has moved"):
        worker.work(room, Stop(room.clock), Doing("x"), runs=False)
    with pytest.raises(AlreadyRunning, match=r"lives on a\.example \(process 4711\)"):
        instance.adopt(room, go_on=False)
    with pytest.raises(NotSent):
        instance.check(room)
    with write(room.engine) as connection:  # it was killed half a minute ago
        connection.execute(text("UPDATE workers SET seen_at = seen_at - interval '30 seconds'"))
    instance.adopt(room, go_on=False)
    instance.check(room)


# --- Processes ------------------------------------------------------------------------------------


def test_several_processes_leave_together_and_one_that_dies_is_started_anew(found: Callable[..., Newsroom]) -> None:
    room = found()
    with process(room, "--processes", "2", "--no-run", "--log", "json") as parent:
        lives(room, 2)
        first = cluster.look(room).workers[0].seen
        os.kill(first.who.process, signal.SIGKILL)
        until(lambda: len(cluster.look(room).workers) == 3)
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=60)
        assert parent.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert any(line["level"] == "error" and "started anew" in line["message"] for line in lines)
    assert [one.seen.id for one in cluster.look(room).workers] == [first.id]  # who was killed could not say so


def test_whose_parent_is_killed_leaves(found: Callable[..., Newsroom]) -> None:
    room = found()
    with process(room, "--processes", "2", "--no-run") as parent:
        lives(room, 2)
        parent.send_signal(signal.SIGKILL)
        until(lambda: cluster.look(room).workers == [])


def test_two_newsletters_have_a_worker_each_in_one_process(found: Callable[..., Newsroom]) -> None:
    one, other = found("matin"), found("soir")
    toml = other.config.path
    toml.write_text(toml.read_text(encoding="utf-8").replace("lettre.journal", "soir.journal"), encoding="utf-8")
    with several(one, other) as both:
        lives(one)
        lives(other)
        assert cluster.look(one).workers[0].seen.who == cluster.look(other).workers[0].seen.who
        assert send(one).accepted == READERS
        both.send_signal(signal.SIGTERM)
        both.communicate(timeout=60)
        assert both.returncode == 0
    assert len(outbox(one)) == READERS
    assert not (other.config.folder / "outbox").exists()


@contextmanager
def several(*rooms: Newsroom) -> Iterator[subprocess.Popen[str]]:
    import sys

    from tests.cluster import ROOT

    paths = [str(room.config.path) for room in rooms]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    made = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "worker", "--no-run", *paths],
        env=environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


# --- Figures --------------------------------------------------------------------------------------


def test_the_figures_of_a_process(found: Callable[..., Newsroom]) -> None:
    room = found()
    with process(room, "--no-run", "--metrics", "127.0.0.1:0") as one:
        assert one.stdout is not None
        address = one.stdout.readline().split()[-1]
        lives(room)
        assert send(room).accepted == READERS
        with urllib.request.urlopen(address) as answer:
            told = answer.read().decode()
    label = 'newsletter="lettre.journal.example"'
    assert f'newsletter_worker_messages_total{{{label},outcome="accepted"}} {READERS}' in told
    assert f"newsletter_worker_database_up{{{label}}} 1" in told
    assert f"newsletter_workers{{{label}}} 1" in told
    assert f'newsletter_jobs{{{label},state="todo"}} 0' in told


def test_they_are_told_where_the_database_is_cut(room: Newsroom) -> None:
    doing = Doing("lettre.journal.example", trouble="cut")
    told = create_worker_app({room: doing}).test_client().get("/metrics").text
    assert 'newsletter_worker_database_up{newsletter="lettre.journal.example"} 0' in told
    assert 'newsletter_worker_trouble{newsletter="lettre.journal.example"} 1' in told
    assert "newsletter_workers{" not in told


# --- The log --------------------------------------------------------------------------------------


def line(message: str, **extra: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "newsletter.x", "levelno": 20, "levelname": "INFO", "msg": message} | extra)
    sign(record)
    return record


def test_a_line_says_what_it_is_about_and_nobodys_address() -> None:
    with speaking("lettre.journal.example"), about(worker=3, edition="2026-11-23", slice=7):
        record = line("550 no such user <afi@lecteurs.example>", delivery=12, run=4)
    told = json.loads(AsJson().format(record))
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "info",
        "logger": "newsletter.x",
        "message": "550 no such user <…@lecteurs.example>",
        "newsletter": "lettre.journal.example",
        "worker": 3,
        "edition": "2026-11-23",
        "slice": 7,
        "run": 4,
        "delivery": 12,
    }
    assert AsText(several=False).format(record).endswith("[worker=3 edition=2026-11-23 slice=7 run=4 delivery=12]")
    assert "[newsletter=lettre.journal.example worker=3" in AsText(several=True).format(record)


def test_a_fault_of_the_program_is_one_line_too() -> None:
    try:
        raise ValueError("ama@lecteurs.example")
    except ValueError as error:
        record = line("a fault", exc_info=(ValueError, error, error.__traceback__))
    told = AsJson().format(record)
    assert "\n" not in told
    assert "ama@" not in told
    assert "Traceback" in json.loads(told)["trace"]


def test_each_delivery_that_did_not_go_well_is_logged_by_its_number(
    found: Callable[..., Newsroom], caplog: pytest.LogCaptureFixture
) -> None:
    script = {"RCPT": [Say("550 5.1.1 <r000@lecteurs.example> unknown"), Say("250 2.1.5 oui")]}
    with ScriptedServer(script) as server:
        room = found(delivery=f'via = "smtp://127.0.0.1:{server.port}"\nconnections = 1')
        with caplog.at_level(logging.INFO), working(room) as doing:
            assert send(room).rejected == 1
    told = [one for one in caplog.records if one.name == "newsletter.deliver.supply"]
    assert [one.getMessage() for one in told] == ["rejected (550): 5.1.1 <…@lecteurs.example> unknown"]
    assert told[0].delivery > 0  # type: ignore[attr-defined]
    assert told[0].run > 0  # type: ignore[attr-defined]
    assert doing.counts["rejected"] == 1


def test_send_logs_what_it_does_where_it_is_asked_to(found: Callable[..., Newsroom]) -> None:
    with ScriptedServer({"RCPT": [Say("550 5.1.1 unknown"), Say("250 2.1.5 oui")]}) as server:
        room = found(delivery=f'via = "smtp://127.0.0.1:{server.port}"\nconnections = 1')
        made = started(room, "send", "--now", "--log", "json")
        _, said = made.communicate(timeout=60)
    told = [json.loads(line) for line in said.splitlines()]
    one = next(line for line in told if line["message"].startswith("rejected"))
    assert one["message"] == "rejected (550): 5.1.1 unknown"
    assert (one["newsletter"], one["edition"]) == ("lettre.journal.example", room.today().isoformat())
    assert one["slice"] == 0
    assert {"run", "delivery"} < one.keys()
