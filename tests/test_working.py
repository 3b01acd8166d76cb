"""The command `worker`, and what is to be seen of workers: faults of the program, the log, `status`."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter import slices, worker
from newsletter.commands import working
from newsletter.deliver import Stop
from newsletter.errors import TakenOver
from newsletter.logs import AsJson
from newsletter.model import Delivery, DeliveryState, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.queue import Queue
from newsletter.sending import Watch
from newsletter.speaker import sign, speaking
from newsletter.store import editions
from newsletter.store.database import read, write
from newsletter.store.lease import lease
from newsletter.store.workers import Place
from newsletter.together import Together
from newsletter.worker import Doing
from tests.cluster import add_readers, found_newsroom, new_schema, now, send, started, until

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
