"""The command `worker`, and what is to be seen of workers: faults of the program, the log, `status`."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter import cluster, slices, worker
from newsletter.commands import working
from newsletter.deliver import Stop
from newsletter.errors import TakenOver
from newsletter.logs import AsJson
from newsletter.model import Delivery, DeliveryState, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.queue import Queue
from newsletter.sending import Watch
from newsletter.speaker import sign, speaking
from newsletter.store import editions, workers
from newsletter.store.database import read, sending_lock, write
from newsletter.store.lease import lease
from newsletter.store.workers import Place
from newsletter.together import Together
from newsletter.worker import Doing
from tests.at_desk import AtDesk
from tests.cluster import ROOT, add_readers, found_newsroom, new_schema, now, send, started, until
from tests.desk import text_of

READERS = 30
LIST = "lettre.journal.example"


@pytest.fixture
def newsroom(postgres_url: str, tmp_path: Path) -> Iterator[Newsroom]:
    """A newsroom on PostgreSQL, with thirty readers."""
    room = found_newsroom(tmp_path / "lettre", new_schema(postgres_url))
    add_readers(room, READERS)
    yield room
    room.engine.dispose()


# --- Faults of the program --------------------------------------------------------------------------


class Broken(Queue):
    """A queue with a fault of the program in it."""

    def work(
        self,
        handle: Callable[[int, int], datetime | None],
        stopped: Callable[[], bool],
        rest: Callable[[], float] = lambda: 0.0,
    ) -> None:
        raise RuntimeError("a queue that breaks")


def test_a_fault_of_the_program_ends_the_process_by_1(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    newsroom.queue = Broken(newsroom.engine, newsroom.clock)
    rooms, stop, codes = Together([newsroom]), Stop(newsroom.clock), list[int]()
    rooms.open()
    working._work(rooms, newsroom, stop, Doing(LIST), False, codes.append)
    assert codes == [1]
    assert stop.asked  # its other newsletters leave too, and come again with this one
    [told] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert told.exc_info
    assert "a queue that breaks" in caplog.text


def test_one_that_can_never_work_leaves_the_others_alone(newsroom: Newsroom) -> None:
    newsroom.queue = None
    rooms, stop, codes = Together([newsroom]), Stop(newsroom.clock), list[int]()
    rooms.open()
    working._work(rooms, newsroom, stop, Doing(LIST), False, codes.append)
    assert codes == [78]
    assert not stop.asked


# --- Trouble ----------------------------------------------------------------------------------------


SHUTTING = "421 4.3.2 shutting down"
BAD = slices.Left(None, SHUTTING)
Outcome = slices.Left | Exception | DeliveryState


def errand(room: Newsroom, doing: Doing, *outcomes: Outcome) -> worker._Errand:
    """One whose slices come out so, one after the other; a state is of a delivery, in a slice that is then done."""
    left = iter(outcomes)

    def deliver(room: Newsroom, edition_id: int, number: int, watch: Watch) -> worker.Left:
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, slices.Left):
            return outcome
        watch.ended(Delivery(1, 1, 1, "ama@lecteurs.example", DeliveryState.CLAIMED), outcome)
        return slices.Left(None)

    return worker._Errand(room, Stop(room.clock), doing, deliver)


def test_being_fenced_off_is_no_trouble(newsroom: Newsroom) -> None:
    doing = Doing(LIST)
    one = errand(newsroom, doing, TakenOver("another run has taken over"))
    due = one.run(1, 1)
    assert due is not None
    assert due < now() + timedelta(seconds=10)
    assert (doing.trouble, one.rest()) == (None, 0.0)


def test_a_lease_that_was_taken_over_says_so(newsroom: Newsroom) -> None:
    with lease(newsroom.engine, "slice 1/1", renewed_every=60) as still_ours:
        with write(newsroom.engine) as connection:
            connection.execute(text("UPDATE leases SET fence = fence + 1"))
        with pytest.raises(TakenOver):
            until(lambda: still_ours())


def test_a_slice_left_alone_does_not_wipe_trouble(newsroom: Newsroom) -> None:
    doing = Doing(LIST)
    one = errand(newsroom, doing, BAD, slices.Left(None), slices.ALONE)
    for _ in range(3):
        one.run(1, 1)
        assert (doing.trouble, one.rest()) == (SHUTTING, 5.0)


@pytest.mark.parametrize("state", [DeliveryState.ACCEPTED, DeliveryState.REJECTED])
def test_a_delivery_that_ends_clears_trouble(newsroom: Newsroom, state: DeliveryState) -> None:
    doing = Doing(LIST)
    one = errand(newsroom, doing, BAD, state, BAD)
    one.run(1, 1)
    one.run(1, 1)
    assert (doing.trouble, one.rest()) == (None, 0.0)
    one.run(1, 1)
    assert one.rest() == 5.0  # begun anew


def test_trouble_is_over_when_no_edition_is_under_way(newsroom: Newsroom) -> None:
    edition = frozen(newsroom)
    doing, clock = Doing(LIST, trouble=SHUTTING, passes=True), Doing(LIST, trouble="the clock is wrong")
    who = Place("a.example", 1, "0.1.0", "outbox")
    worker._say(newsroom, doing, who)
    assert doing.trouble == SHUTTING
    with write(newsroom.engine) as connection:
        editions.change(connection, edition, status=EditionStatus.SENT)
    worker._say(newsroom, doing, who)
    worker._say(newsroom, clock, who)
    assert (doing.trouble, clock.trouble) == (None, "the clock is wrong")


def frozen(room: Newsroom) -> int:
    """The edition's id; frozen and in slices of ten, with nothing sent: its `send` was told to stop as it began."""
    report = send(room, freeze_only=True)
    assert report.pending == READERS
    with read(room.engine) as connection:
        edition = editions.named(connection, str(report.edition))
    assert edition is not None
    return edition.id


# --- The log ----------------------------------------------------------------------------------------


def logged(made: subprocess.Popen[str]) -> list[dict[str, object]]:
    """All of its standard error, which must be JSON to the last line."""
    _, said = made.communicate(timeout=60)
    return [json.loads(line) for line in said.splitlines()]


def test_what_send_complains_of_is_json_too(newsroom: Newsroom) -> None:
    """A relay that is not there: a complaint at the end, which is no delivery's."""
    toml = newsroom.config.path
    toml.write_text(toml.read_text(encoding="utf-8") + 'via = "smtp://127.0.0.1:9"\n', encoding="utf-8")
    told = logged(started(newsroom, "send", "--now", "--force", "--log", "json"))
    assert {line["newsletter"] for line in told} == {LIST}
    assert told[-1]["level"] == "error"
    assert "run `newsletter send` again" in str(told[-1]["message"])


def test_so_is_a_broken_configuration(newsroom: Newsroom) -> None:
    newsroom.config.path.write_text("[newsletter]\nnom = 3\n", encoding="utf-8")
    for words in (["send", "--log", "json"], ["worker", "--log", "json"], ["run", "--log", "json"]):
        told = logged(started(newsroom, *words))
        assert {(line["level"], line["newsletter"]) for line in told} == {("error", "")}


def test_lines_of_one_newsletter_all_say_so_and_of_several_where_it_is_known() -> None:
    record = logging.makeLogRecord({"msg": "stopped", "levelname": "INFO"})
    sign(record)
    assert json.loads(AsJson(LIST).format(record))["newsletter"] == LIST
    assert json.loads(AsJson(LIST, "soir.example").format(record))["newsletter"] == ""
    with speaking("soir.example"):
        record = logging.makeLogRecord({"msg": "stopped", "levelname": "INFO"})
        sign(record)
    assert json.loads(AsJson(LIST, "soir.example").format(record))["newsletter"] == "soir.example"


def test_a_slice_s_beginning_and_end_are_logged(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    edition = frozen(newsroom)
    caplog.clear()
    caplog.handler.addFilter(sign)
    with caplog.at_level(logging.INFO, "newsletter.worker"):
        errand(newsroom, Doing(LIST, number=3), DeliveryState.ACCEPTED, slices.ALONE).run(edition, 2)
    first, last = [one for one in caplog.records if one.name == "newsletter.worker"]
    assert first.getMessage() == "begins with the slice"
    assert re.fullmatch(r"leaves the slice after \d+\.\d s: 1 accepted", last.getMessage())
    assert (last.worker, last.edition, last.slice) == (3, newsroom.today().isoformat(), 2)  # type: ignore[attr-defined]


def test_a_worker_s_beginning_is_logged(newsroom: Newsroom) -> None:
    made = started(newsroom, "worker", "--no-run", "--log", "json")
    try:
        newsroom.queue = Queue(newsroom.engine, newsroom.clock)
        until(lambda: newsroom.queue and newsroom.queue.alive())
        made.send_signal(signal.SIGTERM)
        first = logged(made)[0]
    finally:
        made.kill()
    said = f"in one process: {newsroom.config.path}, sending by {newsroom.config.delivery.via}"
    assert first["message"] == f"a worker begins on {socket.gethostname()} {said}"
    assert first["newsletter"] == LIST


# --- `status` on a terminal -------------------------------------------------------------------------


def on_terminal(room: Newsroom, *words: str, columns: int) -> list[str]:
    """What a real terminal of that width shows, line by line."""
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    environ |= {"PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "dumb"}
    command = [sys.executable, "-m", "newsletter", "--config", str(room.config.path), *words]
    with subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        found = b""
        with suppress(OSError):  # EIO: nobody writes any more
            while piece := os.read(ours, 4096):
                found += piece
    os.close(ours)
    return [line.rstrip() for line in found.decode().splitlines()]


def say_of(
    room: Newsroom,
    process: int,
    at: tuple[int, int] | None,
    trouble: str | None = None,
    *,
    place: str = "redaction-b.example",
) -> None:
    """A worker on another machine has said so just now."""
    with write(room.engine) as connection:
        number = workers.begin(connection, Place(place, process, "0.1.0", "smtp://relais-b.example:587"))
        workers.say(connection, number, at, {"accepted": 2140000, "rejected": 1200}, trouble)


def test_status_fits_a_terminal_of_80_columns(newsroom: Newsroom) -> None:
    edition = frozen(newsroom)
    for process in (811, 812):
        say_of(newsroom, process, None)
    with write(newsroom.engine) as connection:
        connection.execute(text("UPDATE workers SET seen_at = seen_at - interval '1 minute'"))
    say_of(newsroom, 813, (edition, 2))
    say_of(newsroom, 814, None, SHUTTING)
    shown = on_terminal(newsroom, "status", columns=80)
    day = newsroom.today().isoformat()
    assert [line.split() for line in shown if "redaction-b.example" in line][:2] == [
        ["813", "redaction-b.example", f"{day}/2", "2140000", "1200", "0"],
        ["814", "redaction-b.example", "-", "2140000", "1200", "0"],
    ]
    assert f"in trouble: worker 4 (process 814 on redaction-b.example): {SHUTTING}" in shown
    gone = "1 (process 811 on redaction-b.example), 2 (process 812 on redaction-b.example)"
    assert f"no sign of life any more of worker {gone}" in "".join(f"{line}" for line in shown)
    assert any("relais-b" in line for line in on_terminal(newsroom, "status", columns=120))


def test_an_edition_on_its_way_beside_the_day_s_has_its_own_figures(newsroom: Newsroom) -> None:
    edition = frozen(newsroom)
    with write(newsroom.engine) as connection:
        editions.change(connection, edition, slot="extra")
    with sending_lock(newsroom.engine):
        told, _ = started(newsroom, "status").communicate(timeout=60)
    day = newsroom.today().isoformat()
    assert f"edition {day}-extra: {READERS} pending of {READERS}; 0.0 messages a second, {READERS} left" in told


# --- At the desk ------------------------------------------------------------------------------------


def test_the_desk_says_how_many_machines_send_and_that_one_is_in_trouble(newsroom: Newsroom) -> None:
    edition = frozen(newsroom)
    desk = AtDesk(newsroom)
    path = f"/edition/{newsroom.today().isoformat()}/progress"
    assert "machine" not in text_of(desk.get(path).text)
    say_of(newsroom, 811, None)
    assert "Aucune machine n’y travaille à cet instant" in text_of(desk.get(path).text)
    for process in (812, 813):
        say_of(newsroom, process, (edition, process - 811))
    assert "1 machine is sending it." in text_of(desk.get(path, "en").text)
    say_of(newsroom, 814, (edition, 0), SHUTTING, place="redaction-c.example")
    french, english = text_of(desk.get(path).text), text_of(desk.get(path, "en").text)
    assert "2 machines l’envoient." in french
    assert "1 machine d’envoi est en difficulté ; la personne" in french  # text_of makes one space of any
    assert "2 machines are sending it." in english
    assert "1 machine that sends is in trouble; whoever looks after it sees why in newsletter status." in english


# --- In `ps` ----------------------------------------------------------------------------------------


def test_each_process_is_found_by_its_command_line(newsroom: Newsroom) -> None:
    made = started(newsroom, "worker", "--processes", "2", "--no-run")
    try:
        until(lambda: cluster.look(newsroom).alive == 2)
        found = [one.seen.who.process for one in cluster.look(newsroom).workers]
        called = sorted(Path(f"/proc/{one}/cmdline").read_bytes().decode().split("\0")[1:6] for one in found)
        assert called == [["-m", "newsletter", "worker", "--child", number] for number in ("0", "1")]
    finally:
        made.terminate()
        made.communicate(timeout=60)
    assert made.returncode == 0
