"""The command `worker`, and what is to be seen of workers: faults of the program, the log, `status`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from newsletter.commands import working
from newsletter.deliver import Stop
from newsletter.newsroom import Newsroom
from newsletter.queue import Queue
from newsletter.together import Together
from newsletter.worker import Doing
from tests.cluster import add_readers, found_newsroom, new_schema

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
