"""A running send, seen from outside: who sends, how fast, and when it will be done."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from cli import cli
from newsletter import daily, metrics, progress, subscribe
from newsletter.commands.watching import line_of, picture
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import DeliveryState, EditionStatus, Entry
from newsletter.newsroom import Newsroom
from newsletter.report import Forecast, Report, in_words
from newsletter.store import deliveries, editions, runs
from newsletter.store.database import sending_lock, write
from newsletter.store.holder import Holder, sending_holder
from newsletter.store.recording import record
from newsletter.web.metrics import create_metrics_app
from tests.conftest import TOML, Clock
from tests.smtp_server import ScriptedServer

ON_BOTH = True

ROOT = Path(__file__).parent.parent
State = DeliveryState
Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]


# --- Who sends ------------------------------------------------------------------------------------


def test_who_holds_the_lock_is_seen_without_asking_for_it(engine: Engine) -> None:
    assert sending_holder(engine) is None
    with sending_lock(engine):
        holder = sending_holder(engine)
        assert holder is not None
        assert not holder.stopped
        if engine.dialect.name == "sqlite":
            assert str(holder) == f"process {os.getpid()}"
        else:
            assert str(holder) == f"process {os.getpid()} on {socket.gethostname()}"
    assert sending_holder(engine) is None  # though the file still holds the number


def test_a_number_left_behind_is_no_holder(room: Newsroom) -> None:
    Path(f"{room.engine.url.database}.lock").write_text("1")  # a process that lives, and is another
    assert sending_holder(room.engine) is None


def test_a_stopped_process_is_told_of_with_its_cure(room: Newsroom) -> None:
    """A real process that holds the lock, and is sent SIGSTOP."""
    place = "" if room.engine.dialect.name == "sqlite" else socket.gethostname()
    script = (
        "import sys, time; from newsletter.store.database import open_engine, sending_lock\n"
        f"with sending_lock(open_engine({room.config.database_url!r})): print('held', flush=True); time.sleep(600)"
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert sending_holder(room.engine) == Holder(process.pid, place)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        holder = sending_holder(room.engine)
        assert holder == Holder(process.pid, place, stopped=True)
        assert holder.stopped_and_why == (
            f"{Holder(process.pid, place)} holds the sending lock, but is stopped (SIGSTOP):"
            f" `kill -CONT {process.pid}`, or end it"
        )
        found = daily.send(room, room.today(), watch=Watch(Stop(room.clock)))
        assert (found.status, found.said) == ("already_running", f"another run is sending: {holder.stopped_and_why}")
        process.send_signal(signal.SIGCONT)
        os.waitpid(process.pid, os.WCONTINUED)
        assert sending_holder(room.engine) == Holder(process.pid, place)
    finally:
        process.kill()
        process.communicate()
    for _ in range(600):  # PostgreSQL hears of it in a moment, and long before the lease is over
        if sending_holder(room.engine) is None:
            break
        time.sleep(0.01)
    assert sending_holder(room.engine) is None


# --- How fast -------------------------------------------------------------------------------------


@pytest.fixture
def under_way(make_room: MakeRoom, add_article: Add, clock: Clock) -> Newsroom:
    """An edition to 200 readers, begun 40 seconds ago; ten a second were accepted, one of them each second put off."""
    room = make_room()
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(200)], "test")
    add_article("Le port rouvre")
    edition = daily.make_edition(room, room.today()).edition
    with write(room.engine) as connection:
        editions.move(connection, edition.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=clock())
        deliveries.plan(connection, edition.id, clock())
        editions.change(connection, edition.id, audience=200)
    for _ in range(12):
        clock.move(seconds=1)
        with write(room.engine) as connection:
            run_id = runs.begin(connection, edition.id, "here", clock())
            first, *others = deliveries.claim(connection, edition.id, run_id, clock(), 10)
            again = clock() + timedelta(minutes=10)
            put_off = Entry(first.id, State.DEFERRED, clock(), 450, "450 4.2.0 plus tard", again)
            accepted = [Entry(one.id, State.ACCEPTED, clock(), 250, "250 Ok") for one in others]
            record(connection, edition.id, run_id, [put_off, *accepted])
    return room


def test_speed_and_finishing_time_come_from_the_database(under_way: Newsroom, clock: Clock) -> None:
    with sending_lock(under_way.engine):
        seen = progress.look(under_way)
    assert (seen.running, seen.attended, seen.remaining) == (True, True, 92)
    assert seen.speed == pytest.approx(9.0)
    assert seen.ends_at == clock() + timedelta(minutes=10)  # the last of those put off
    assert seen.refusals[0] == (clock(), "deferred", "450 4.2.0 plus tard")
    assert len(seen.refusals) == 5
    clock.move(seconds=5)
    assert progress.look(under_way).speed == pytest.approx(4.5)
    clock.move(seconds=10)
    assert progress.look(under_way).speed == 0


def test_without_any_put_off_it_ends_when_all_are_sent(under_way: Newsroom, clock: Clock) -> None:
    with write(under_way.engine) as connection:
        edition = editions.sending(connection)[0]
        deliveries.expire(connection, edition.id, "expired", clock(), untried=False)
    with sending_lock(under_way.engine):
        seen = progress.look(under_way)
    assert seen.remaining == 80
    assert seen.ends_at == clock() + timedelta(seconds=80 / seen.speed)


def test_nothing_is_claimed_where_nobody_is_sending(under_way: Newsroom, clock: Clock) -> None:
    clock.move(minutes=1)
    seen = progress.look(under_way)
    assert (seen.attended, seen.ends_at, seen.holder) == (False, None, None)
    assert "nobody is sending" in line_of(seen, under_way.config.newsletter.zone)


def test_a_slow_rate_says_more_than_the_last_seconds(under_way: Newsroom, make_room: MakeRoom, clock: Clock) -> None:
    room = make_room(NEWSLETTER_DELIVERY_RATE="6/minute")
    clock.move(minutes=5)
    with sending_lock(room.engine):
        assert progress.look(room).ends_at == clock() + timedelta(seconds=80 * 10)


def test_the_same_figures_for_a_monitor(under_way: Newsroom, clock: Clock) -> None:
    with sending_lock(under_way.engine):
        lines = create_metrics_app(under_way).test_client().get("/metrics").text.splitlines()
    end = int((clock() + timedelta(minutes=10)).timestamp())
    for line in (
        "newsletter_sending 1",
        "newsletter_messages_per_second 9.0",
        "newsletter_deliveries_remaining 92",
        f"newsletter_estimated_finish_timestamp_seconds {end}",
        "newsletter_edition_overdue 0",
        "newsletter_edition_paused 0",
        'newsletter_deliveries{edition="2026-11-23",state="accepted"} 108',
    ):
        assert line in lines
    clock.move(minutes=1)
    assert metrics.figures(under_way)["ends_at"] is None
    text = create_metrics_app(under_way).test_client().get("/metrics").text
    assert "newsletter_sending 0" in text
    assert "estimated_finish" not in text


def test_the_picture_holds_what_there_is_to_know(under_way: Newsroom) -> None:
    from rich.console import Console

    with sending_lock(under_way.engine):
        seen = progress.look(under_way)
    console = Console(width=90, record=True, file=io.StringIO())
    console.print(picture(seen, under_way.config.newsletter.zone))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0] == "edition 2026-11-23: sending   108 of 200 (54 %)   06:30:12"
    assert lines[2] == "9.0 messages a second, 92 left, done at about 06:40:12"
    on = "" if under_way.engine.dialect.name == "sqlite" else f" on {socket.gethostname()}"
    assert lines[3] == f"process {os.getpid()}{on} is sending"
    assert lines[5].split() == ["accepted", "rejected", "pending", "deferred", "uncertain", "skipped"]
    assert lines[6].split() == ["108", "0", "80", "12", "0", "0"]
    assert lines[-1] == "06:30:08 deferred  450 4.2.0 plus tard"


# --- Before it begins -------------------------------------------------------------------------------


def begun(room: Newsroom) -> Forecast | None:
    """What is said before the first message."""
    said: list[Report] = []
    daily.send(room, room.today(), watch=Watch(Stop(room.clock), begun=said.append))
    return said[0].forecast


def test_the_rate_says_when_it_will_be_done(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_DELIVERY_RATE="30/minute")
    found = progress.forecast(room, Report("2026-11-23", "sending", pending=80, deferred=10))
    assert found is not None
    assert found.said(room.config.newsletter.zone) == "90 messages at 30/minute: about 3 min, done at about 06:33"


def test_an_earlier_edition_says_it_where_no_rate_does(room: Newsroom, add_article: Add, clock: Clock) -> None:
    """150 readers at ten a second; for one of them, the relay took an hour to say yes, which is not counted."""
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(150)], "test")
    add_article("Le port rouvre")
    edition = daily.make_edition(room, room.today()).edition
    next_one = Report("2026-11-24", "sending", pending=300)
    with write(room.engine) as connection:
        editions.move(connection, edition.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=clock())
        deliveries.plan(connection, edition.id, clock())
        run_id = runs.begin(connection, edition.id, "here", clock())
        for i, one in enumerate(deliveries.claim(connection, edition.id, run_id, clock(), 150), 1):
            at = clock() + (timedelta(hours=1) if i == 140 else timedelta(seconds=i / 10))
            record(connection, edition.id, run_id, [Entry(one.id, State.ACCEPTED, at, 250, "250 Ok")])
    assert progress.forecast(room, next_one) is None  # it has not ended
    with write(room.engine) as connection:
        ended = {"ended_at": clock() + timedelta(hours=1), "audience": 150}
        editions.move(connection, edition.id, [EditionStatus.SENDING], EditionStatus.SENT, **ended)
    found = progress.forecast(room, next_one)
    assert found is not None
    assert found.messages == 300
    assert 28 < found.seconds < 30
    assert "a second, as before: about" in found.said(room.config.newsletter.zone)
    assert progress.forecast(room, Report("2026-11-24", "sending")) is None  # there is nothing to send


def test_a_small_edition_is_no_measure(room: Newsroom, add_article: Add, clock: Clock) -> None:
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    for day in range(2):
        add_article(f"Le jour {day}")
        assert begun(room) is None
        clock.move(days=1)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.01, "1 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (20_000, "5 h 33 min")]
)
def test_lengths_of_time_in_words(seconds: float, said: str) -> None:
    assert in_words(seconds) == said


def test_a_rehearsal_foretells_too(make_room: MakeRoom, add_article: Add) -> None:
    room = make_room(NEWSLETTER_DELIVERY_RATE="1/hour")
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(24)], "test")
    add_article("Le port rouvre")
    found = daily.send(room, room.today(), dry_run=True, watch=Watch(Stop(room.clock)))
    assert found.forecast is not None
    said = found.forecast.said(room.config.newsletter.zone)
    assert said == "24 messages at 1/hour: about 24 h 00 min, done at about 06:30 on 2026-11-24"


# --- The command ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A newsroom's folder, in which we stand; late it never is, whatever the hour of the test."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "newsletter.toml").write_text(TOML + "\n[schedule]\nmax_lateness_hours = 24\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(arguments), prog_name="newsletter")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def sending(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A real `newsletter send` at five messages a second, which has begun."""
    published = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    text = f"---\ntitle: Le port rouvre\ndate: {published}\n---\nCe matin.\n"
    (folder / "articles" / "port.md").write_text(text, encoding="utf-8")
    (folder / "liste.csv").write_text("email\n" + "".join(f"r{i}@lecteurs.example\n" for i in range(40)))
    run("subscribers", "import", "liste.csv")
    with ScriptedServer() as server:
        via = f'\n[delivery]\nvia = "smtp://127.0.0.1:{server.port}"\nrate = "5/second"\n'
        (folder / "newsletter.toml").write_text((folder / "newsletter.toml").read_text() + via)
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "newsletter", "send"]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not server.messages and time.monotonic() < deadline:
            time.sleep(0.05)
        yield process
        process.kill()
        process.communicate()


def test_the_send_says_when_it_will_be_done_and_can_be_watched(sending: subprocess.Popen[str]) -> None:
    assert sending.stdout is not None
    first = sending.stdout.readline()
    assert re.fullmatch(
        r"edition [\d-]{10}: 40 messages at 5/second: about 8 s, done at about \d\d:\d\d( on .*)?\n", first
    )
    deadline = time.monotonic() + 60
    now = json.loads(run("status", "--json").stdout)
    while now["remaining"] == 40 and time.monotonic() < deadline:  # a tenth of a second, until the first is recorded
        now = json.loads(run("status", "--json").stdout)
    assert (now["sending"], now["stopped"], now["status"]) == (True, False, "sending")
    assert 0 < now["remaining"] < 40
    assert now["ends_at"]
    lines = run("status", "--watch").stdout.splitlines()  # until it has ended
    assert len(lines) >= 3
    assert re.search(r"\d+ accepted, \d+ pending of 40; \d\.\d messages a second, \d+ left, done at about", lines[0])
    assert lines[-1].endswith(": sent; 40 accepted of 40")
    assert [json.loads(line)["accepted"] for line in run("status", "--watch", "--json").stdout.splitlines()] == [40]


def test_strict_leaves_with_75_and_says_why(sending: subprocess.Popen[str]) -> None:
    assert "wrong" not in json.loads(run("status", "--json").stdout)
    assert json.loads(run("status", "--json", "--strict").stdout)["wrong"] == []
    sending.send_signal(signal.SIGSTOP)
    os.waitpid(sending.pid, os.WUNTRACED)
    stopped = run("status", "--strict", code=75)
    why = f"process {sending.pid} holds the sending lock, but is stopped (SIGSTOP): `kill -CONT {sending.pid}`"
    assert why in stopped.stdout
    assert f"newsletter: {why}" in stopped.stderr


def test_a_killed_send_is_complained_of_until_another_goes_on(sending: subprocess.Popen[str]) -> None:
    sending.kill()
    sending.wait()
    deadline = time.monotonic() + 60
    while json.loads(run("status", "--json").stdout)["speed"] and time.monotonic() < deadline:
        time.sleep(0.5)  # what the last ten seconds hold might as well be somebody else's work
    [line] = run("status", "--strict", code=75).stderr.splitlines()
    assert line.endswith("and nobody is sending: run `newsletter send` again")
    run("send")
    run("status", "--strict")
