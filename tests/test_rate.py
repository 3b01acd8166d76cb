"""One rate for all who send, on however many machines: by PostgreSQL's clock, judged by when a sink was reached."""

from __future__ import annotations

import bisect
import itertools
import multiprocessing
import random
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from newsletter import config
from newsletter.config import DeliveryTable
from newsletter.deliver import Ledger, Run, Stop, deliver, pace, take_shared_turn, turns
from newsletter.model import Message, Variant
from newsletter.newsroom import Newsroom, utc_now
from newsletter.settings import Rate
from newsletter.store import database
from newsletter.store import turns as kept
from newsletter.store.database import Held, write
from newsletter.store.deliveries import Span
from tests.conftest import Clock
from tests.fakes import FakeMailer
from tests.test_deliver import SIGNER, WIRE, Post

ON_POSTGRESQL = pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
SO_TIMESTAMPNS = 35  # socket(7): the kernel says when a packet came; a busy sink that reads it later changes nothing


def a_rate(text: str) -> Rate:
    found = Rate.parse(text)
    assert found is not None
    return found


class Sink:
    """Where messages arrive: one packet each."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.place = self._socket.getsockname()
        self.times: list[tuple[float, bytes]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    @contextmanager
    def listening(self) -> Iterator[Sink]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self._socket.close()

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                packet, [(_level, _kind, data)], *_ = self._socket.recvmsg(100, 100)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            self.times.append((seconds + nanoseconds / 1e9, packet))


def fullest(times: list[float], seconds: float) -> int:
    """How many the fullest window of that length holds."""
    return max(bisect.bisect_left(times, moment + seconds) - i for i, moment in enumerate(times))


def send_part(url: str, span: Span, edition: int, text: str, skew: float, sink: tuple[str, int], go: Any) -> None:
    """A process that delivers its slice; its own clock is wrong."""
    engine = database.open_engine(url)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(sink)

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=skew)

    def arrives(message: Message) -> None:
        out.send(message.recipient.encode())

    folder = Path(tempfile.mkdtemp(prefix="journals-"))
    run = Run(
        ledger=Ledger(engine, edition, clock, folder, span=span, shared_clock=kept.now),
        mailer=FakeMailer(meanwhile=arrives),
        wires={Variant.FULL: WIRE},
        signer=SIGNER,
        rules=DeliveryTable.model_validate({"connections": 1, "rate": text}),
        until=clock() + timedelta(hours=1),
        clock=clock,
        stop=Stop(clock),
        patient=False,
    )
    go.wait()
    deliver(run)
    out.close()
    engine.dispose()


def sent(engine: Engine, post: Post, first: int, shares: list[int], text: str) -> list[tuple[float, bytes]]:
    """What the sink saw of as many processes as there are shares, from that delivery on."""
    spawn = multiprocessing.get_context("spawn")
    go, url = spawn.Event(), engine.url.render_as_string(hide_password=False)
    sink = Sink()
    bounds = list(itertools.accumulate([first, *shares]))
    with sink.listening():
        processes = [
            spawn.Process(target=send_part, args=(url, Span(low, high - 1), post.id, text, 7.0 * i, sink.place, go))
            for i, (low, high) in enumerate(itertools.pairwise(bounds))
        ]
        for process in processes:
            process.start()
        go.set()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * len(shares)
    return sorted(sink.times)


@ON_POSTGRESQL
@pytest.mark.parametrize("processes", [2, 3])
def test_several_machines_together_hold_the_rate(engine: Engine, processes: int) -> None:
    rate, each = a_rate("50/second"), 90
    post = Post(engine, *(f"r{i}" for i in range(processes * each)))
    seen = sent(engine, post, 1, [each] * processes, rate.text)
    assert len({packet for _, packet in seen}) == processes * each
    # One in each hand may be held up by the machine between its turn and its leaving.
    assert fullest([moment for moment, _ in seen], rate.seconds) <= rate.count + processes


@ON_POSTGRESQL
def test_one_alone_is_hardly_slower_than_it_may_be(engine: Engine) -> None:
    """A turn that was not used in its moment is lost: on a busy machine many are, so the best of some counts, and what
    a quiet one reaches (95 %) is not asked here."""
    rate, each = a_rate("50/second"), 100
    post = Post(engine, *(f"r{i}" for i in range(6 * each)))
    speeds = []
    for turn in range(6):
        times = [moment for moment, _ in sent(engine, post, 1 + turn * each, [each], rate.text)]
        speeds.append((len(times) - 1) / (times[-1] - times[0]))
        if speeds[-1] >= 0.7 * rate.count:
            break
    assert max(speeds) >= 0.7 * rate.count


@given(
    st.sampled_from(["20/second", "50/second", "500/second", "3000/minute", "90000/hour"]),
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 60), st.floats(0, pace.LATE)), min_size=5, max_size=60),
)
def test_turns_taken_ahead_hold_every_window(text: str, asked: list[tuple[float, int, float]]) -> None:
    """Whoever asks whenever, and however late in its moment each is used."""
    rate, now, state = a_rate(text), datetime(2026, 11, 23, tzinfo=UTC), pace.Turns()
    used: list[float] = []
    began = now
    for gap, count, late in asked:
        now += timedelta(seconds=gap)
        offsets, left, state = pace.ask_some(state, rate, now, min(count, pace.most(rate)))
        assert bool(offsets) != bool(left)
        assert not offsets or offsets[-1] <= pace.AHEAD + pace.SOME * 1.1
        used += [(now - began).total_seconds() + offset + late for offset in offsets]
    assert not used or fullest(sorted(used), rate.seconds - 1e-5) <= rate.count


@ON_POSTGRESQL
def test_what_was_not_used_in_its_moment_is_lost(engine: Engine) -> None:
    """Saved up, it would be sent at once later, on top of what others send then."""
    rate = a_rate("100/second")
    taken = turns.Taken(Held(engine), kept.now)
    moments: list[float] = []
    for _ in range(40):  # until it takes ten at once
        left = taken.take(rate)
        moments.append(left)
        threading.Event().wait(left)
    threading.Event().wait(1.0)  # the relay was busy: a hundred turns have passed
    at_once = 0
    while taken.take(rate) == 0 and at_once < 100:
        at_once += 1
    assert at_once <= 1 + pace.LATE / rate.interval


class Distant(Held):
    """A database whose answers come late, by so many seconds."""

    def __init__(self, engine: Engine, late: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(engine)
        self.late = late
        self.asked = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.asked += 1
        with super().write() as connection:
            yield connection
        time.sleep(self.late())


@ON_POSTGRESQL
def test_what_is_answered_late_is_good_for_one_message(engine: Engine) -> None:
    rate, distant, used = a_rate("100/second"), Distant(engine), 0
    taken = turns.Taken(distant, kept.now)
    for _ in range(40):  # until it takes ten at once
        time.sleep(taken.take(rate))
    before, distant.late = distant.asked, lambda: 0.4
    while distant.asked < before + 2:
        left = taken.take(rate)
        used += not left and distant.asked == before + 1
        time.sleep(left)
    assert used <= 1


@ON_POSTGRESQL
def test_the_rate_holds_where_the_database_answers_late(engine: Engine) -> None:
    rate, machines, used, until = a_rate("100/second"), 3, [], time.monotonic() + 5

    def send(number: int) -> None:
        chance = random.Random(number)
        taken = turns.Taken(Distant(engine, lambda: 0.4 * chance.random()), kept.now)
        while time.monotonic() < until:
            left = taken.take(rate)
            if left:
                time.sleep(min(left, 0.05))
            else:
                used.append(time.monotonic())

    threads = [threading.Thread(target=send, args=[number]) for number in range(machines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(used) > 10
    # One in each hand may be held up by the machine between its turn and its leaving; and one by a late answer.
    assert fullest(sorted(used), rate.seconds) <= rate.count + 2 * machines


@ON_POSTGRESQL
def test_turns_that_are_over_before_they_are_answered_let_one_message_go(engine: Engine) -> None:
    """Neither all at once, nor none for ever."""

    def slow(connection: Connection) -> datetime:
        time.sleep(2 * pace.LATE)
        return kept.now(connection)

    rate, taken, began = a_rate("100/second"), turns.Taken(Held(engine), slow), time.monotonic()
    assert [taken.take(rate) for _ in range(6)] == [0.0] * 6
    assert time.monotonic() - began >= 6 * 2 * pace.LATE


@ON_POSTGRESQL
def test_letters_and_editions_have_a_turn_each_also_where_turns_are_taken_ahead(engine: Engine) -> None:
    rate = a_rate("40/second")
    edition, pause = turns.Taken(Held(engine), kept.now), threading.Event()
    had = {"edition": 0, "letter": 0}
    for _ in range(400):
        if not edition.take(rate):
            had["edition"] += 1
        with write(engine) as connection:
            had["letter"] += not take_shared_turn(connection, rate, kept.now)
        pause.wait(0.005)
        if sum(had.values()) >= 60:
            break
    assert min(had.values()) >= 0.3 * sum(had.values())


@ON_POSTGRESQL
def test_the_clock_of_the_database_counts_unless_a_newsroom_has_its_own(
    engine: Engine, folder: Path, clock: Clock
) -> None:
    loaded = config.load(folder / "newsletter.toml", {})
    with_own, real = Newsroom(loaded, clock=clock), Newsroom(loaded)
    with_own.engine = real.engine = engine
    assert with_own.shared_clock is None
    assert real.shared_clock is not None
    with write(engine) as connection:
        assert abs(real.shared_clock(connection) - utc_now()) < timedelta(minutes=1)


def test_one_machine_has_one_clock(room: Newsroom) -> None:
    assert Newsroom(room.config).shared_clock is None
