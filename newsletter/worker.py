"""A worker: it takes slices of editions from the queue and delivers them, on any machine that reaches the database and
a relay. What it does is `slices.deliver_slice`; here is how it lives.

It outlives a database that cannot be reached and a relay in trouble. It leaves when it is told to: what has begun ends,
and the slice goes back.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter import __version__, clocks, daily, instance, queue, runner, slices
from newsletter.config import Config
from newsletter.deliver import Stop
from newsletter.errors import (
    AlreadyRunning,
    ConfigError,
    DatabaseError,
    NewsletterError,
    TakenOver,
    WrongClock,
)
from newsletter.model import Delivery, DeliveryState
from newsletter.newsroom import Newsroom
from newsletter.sending import Watch
from newsletter.speaker import about
from newsletter.store import editions, workers
from newsletter.store.database import read, write
from newsletter.store.workers import Place

log = logging.getLogger(__name__)

GETS_ON = (DeliveryState.ACCEPTED, DeliveryState.REJECTED)  # a delivery so ended tells that our relay works
SAID_EVERY = 5.0  # seconds between two words about ourselves
ATTENDED_EVERY = 15.0  # seconds between two looks after editions that nobody watches
BUSY = timedelta(seconds=5)  # until a slice that another has in hand is asked for again
TROUBLE = timedelta(seconds=30)  # until one is that met a fault of the house
GLANCE = 0.2  # seconds between two looks whether we are told to stop
FIRST_REST, LONGEST_REST = 5.0, 60.0  # seconds to take nothing after trouble: doubled each time, while it lasts


Deliver = Callable[[Newsroom, int, int, Watch], slices.Left]


def check(config: Config) -> None:
    """What can be seen before the database is opened. Raises ConfigError."""
    if not config.database_url.startswith("postgresql"):
        raise ConfigError(
            f'{config.path}: newsletter.database: workers share a PostgreSQL: database = "postgresql://…"; '
            "with SQLite `newsletter send` delivers by itself"
        )
    if not queue.installed():
        raise ConfigError("workers need the extra: pip install 'newsletter[cluster]'")


@dataclass
class Doing:
    """What a worker is at, and what it has done since it began; for any thread. Also its own last figures, where the
    database cannot be asked."""

    newsletter: str
    number: int | None = None  # of its row
    at: tuple[int, int] | None = None  # the edition's id and the slice's number
    trouble: str | None = None
    passes: bool = False  # the trouble was met at a slice: it is over where no edition is under way
    reached: bool = False  # the database, when it was asked last
    said_at: float = field(default_factory=time.monotonic)  # when it last was
    _counts: Counter[str] = field(default_factory=Counter)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def count(self, _delivery: Delivery, state: DeliveryState) -> None:
        with self._turn:
            self._counts[state.value] += 1
        if state in GETS_ON:
            self.trouble = None

    def silent(self) -> float:
        """Seconds since the database was told of us."""
        return time.monotonic() - self.said_at

    @property
    def counts(self) -> Mapping[str, int]:
        with self._turn:
            return {name: self._counts[name] for name in workers.COUNTED}


def work(
    room: Newsroom,
    stop: Stop,
    doing: Doing,
    *,
    runs: bool = True,
    deliver: Deliver = slices.deliver_slice,
    said_every: float = SAID_EVERY,
) -> None:
    """Until `stop` is asked. With `runs`, the runner lives beside it: letters, and what is due. While the clock
    is wrong, it waits.

    Raises ConfigError where it could never work, NotSent in a database that was not adopted, DatabaseError where the
    database cannot be reached at the beginning."""
    check(room.config)
    room.mailer, room.sealer, room.signer  # noqa: B018  what cannot be used is told now
    instance.check(room)
    jobs = room.queue
    if jobs is None:
        raise ConfigError(f"{room.config.path}: newsletter.database: there is no queue")
    errand = _Errand(room, stop, doing, deliver)
    with _said(room, doing, said_every):
        _wait_for_clock(room, stop, doing)
        with _attending(room, stop, errand.ended), _running(room, stop, wanted=runs):
            jobs.work(errand.run, lambda: stop.asked, errand.rest)


def _wait_for_clock(room: Newsroom, stop: Stop, doing: Doing) -> None:
    """By a wrong one, what nobody has yet would be too late."""
    while not stop.asked:
        try:
            clocks.check(room)
        except WrongClock as error:
            doing.trouble = str(error)
            log.warning("%s", error)
        else:
            doing.trouble = None
            return
        again = time.monotonic() + clocks.AGAIN
        while time.monotonic() < again and not stop.asked:
            time.sleep(GLANCE)


class _Errand:
    """What is done with a slice that the queue brings."""

    def __init__(self, room: Newsroom, stop: Stop, doing: Doing, deliver: Deliver) -> None:
        self._room = room
        self._stop = stop
        self._doing = doing
        self._deliver = deliver
        self._rest = 0.0
        self.ended = threading.Event()  # nothing is left of a slice

    def run(self, edition_id: int, number: int) -> datetime | None:
        """Returns when it is to be brought again, by whomever. What is raised here would be a fault of the program."""
        self._doing.at = (edition_id, number)
        try:
            with about(worker=self._doing.number, edition=self._name(edition_id), slice=number), _timed(self._doing):
                return self._try(edition_id, number)
        finally:
            self._doing.at = None

    def rest(self) -> float:
        """Seconds to take nothing: a relay in trouble here must not go through all slices, which other machines could
        deliver meanwhile."""
        return self._rest if self._doing.trouble else 0.0

    def _try(self, edition_id: int, number: int) -> datetime | None:
        watch = Watch(self._stop, ended=self._doing.count, put_off=self._doing.count)
        now = self._room.clock
        try:
            left = self._deliver(self._room, edition_id, number, watch)
        except AlreadyRunning as error:
            log.info("%s", error)
            return now() + BUSY
        except TakenOver as error:  # we have slept: no trouble of this house's
            log.warning("%s", error)
            return now() + BUSY
        except NewsletterError as error:
            self._met(str(error))
            return now() + TROUBLE
        if left.trouble:
            self._met(left.trouble)
        elif not self._doing.trouble:  # what stands, a slice that was left alone does not clear
            self._rest = 0.0
        if left.due is None:
            self.ended.set()
        return left.due

    def _met(self, trouble: str) -> None:
        self._doing.trouble, self._doing.passes = trouble, True
        self._rest = min(max(2 * self._rest, FIRST_REST), LONGEST_REST)
        log.warning("%s", trouble)

    def _name(self, edition_id: int) -> str:
        """As people call the edition; its number where nobody knows it, or the database is lost."""
        try:
            with read(self._room.engine) as connection:
                return editions.by_id(connection, edition_id).name
        except DatabaseError:
            return str(edition_id)


@contextmanager
def _timed(doing: Doing) -> Iterator[None]:
    """A slice's beginning and its end stand in the log, with what came of it and how long it took."""
    before, began = doing.counts, time.monotonic()
    log.info("begins with the slice")
    try:
        yield
    finally:
        done = [f"{n - before[name]} {name}" for name, n in doing.counts.items() if n > before[name]]
        log.info("leaves the slice after %.1f s: %s", time.monotonic() - began, ", ".join(done) or "nothing sent")


# --- Beside it ------------------------------------------------------------------------------------


@contextmanager
def _running(room: Newsroom, stop: Stop, *, wanted: bool) -> Iterator[None]:
    """The runner, in a thread of its own."""
    from contextvars import copy_context

    thread = threading.Thread(target=copy_context().run, args=(runner.run, room, stop), name="runner")
    if wanted:
        thread.start()
    try:
        yield
    finally:
        stop.ask()
        room.stirred.set()
        if wanted:
            thread.join()


@contextmanager
def _attending(room: Newsroom, stop: Stop, ended: threading.Event) -> Iterator[None]:
    """A look now and then, and when a slice has ended, after editions that nobody watches any more. In a thread of its
    own: who brings an edition to its end waits for the slices that we deliver meanwhile."""
    from contextvars import copy_context

    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            ended.wait(ATTENDED_EVERY)
            ended.clear()
            if over.is_set():
                return
            try:
                for edition in slices.attend(room):
                    found = daily.send_named(room, edition.name, watch=Watch(stop), patient=False)
                    log.info("edition %s: %s", found.edition, found.said)
            except NewsletterError as error:
                log.warning("%s", error)
            except Exception:
                log.exception("a fault of the program")

    thread = threading.Thread(target=copy_context().run, args=(look,), name="attending")
    thread.start()
    try:
        yield
    finally:
        over.set()
        ended.set()
        thread.join()


@contextmanager
def _said(room: Newsroom, doing: Doing, every: float) -> Iterator[None]:
    """What it is at stands in the database while it lives, for `status` on whatever machine."""
    who = Place(socket.gethostname(), os.getpid(), __version__, str(room.config.delivery.via))
    over = threading.Event()
    _say(room, doing, who)

    def go_on() -> None:
        while not over.wait(every):
            try:
                _say(room, doing, who)
            except Exception:  # without a word it would count as dead
                log.exception("a fault of the program")

    thread = threading.Thread(target=go_on, name="said")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if doing.number is not None:
            with suppress(DatabaseError), write(room.engine) as connection:  # else `tidy` takes it
                workers.end(connection, doing.number)


def _say(room: Newsroom, doing: Doing, who: Place) -> None:
    try:
        with write(room.engine) as connection:
            if doing.trouble and doing.passes and doing.at is None and not editions.sending(connection):
                doing.trouble = None  # the next one tells anew
            there = doing.number is not None and workers.say(
                connection, doing.number, doing.at, doing.counts, doing.trouble
            )
            if not there:
                doing.number = workers.begin(connection, who)
        doing.reached, doing.said_at = True, time.monotonic()
    except DatabaseError as error:
        if doing.reached:
            log.warning("%s", error)
        doing.reached = False
