"""The queue: it brings slices to workers, and tells by their heartbeats which have died. procrastinate, in PostgreSQL.

    queue.ask_for(slices)           somebody is to deliver these slices
    queue.waiting()                 the slices for which there is a job
    queue.alive()                   how many workers live
    queue.work(handle, stopped)     be one of them

It is a messenger only. What is true of a slice stands in our own tables: a job that gets lost is asked for again, and
one that comes twice finds the slice in another's hands, or done. This room alone imports procrastinate.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Connection, Engine

from newsletter.errors import ConfigError, DatabaseError
from newsletter.store import jobs
from newsletter.store.database import read, write

TASK = "newsletter.deliver_slice"
TRIES = 5  # to ask for slices, while workers ask for the same

SliceName = tuple[int, int]  # the edition's id, and the slice's number in it
Handle = Callable[[int, int], datetime | None]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. A worker is dead after `dead` without a sign of life; all that live look for its jobs."""

    look: float = 2.0  # between two looks for a job, while there was none
    heartbeat: float = 5.0  # between two signs of life
    rescue: float = 5.0  # between two looks for jobs of dead workers
    dead: float = 30.0
    trouble: float = 30.0  # the longest pause while the database cannot be reached; and after a fault of the program
    patience: float = 5.0  # for what is done last, once we are told to stop


def installed() -> bool:
    """Whether the extra `cluster` is there."""
    return importlib.util.find_spec("procrastinate") is not None


class Queue:
    """The queue of one newsletter, in the schema of its database. Safe to share between threads.

    `engine` is PostgreSQL's; `clock` gives aware UTC times. Raises ConfigError where the extra is not installed."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], times: Times | None = None) -> None:
        if not installed():
            raise ConfigError("several machines need the extra: pip install 'newsletter[cluster]'")
        self._engine = engine
        self._clock = clock
        self.times = times or Times()

    @cached_property
    def name(self) -> str:
        """Each newsletter has its own, so that a job of one wakes no worker of another that shares the database.
        Shortened: PostgreSQL allows a channel 63 bytes, of which procrastinate takes some."""
        with read(self._engine) as connection:
            return "slices-" + hashlib.sha256(jobs.place(connection).encode()).hexdigest()[:12]

    def prepare(self) -> None:
        """Make the queue's tables, or bring them up to date. Safe to call from several at once."""
        from newsletter.queue import schema

        schema.prepare(self._engine, lambda: self.alive())

    # --- What `send` says

    def ask_for(self, slices: Iterable[SliceName]) -> int:
        """Have these slices delivered. Those that wait already wait on; returns how many there are
        more. All in one statement: 20 million readers are 1,000 slices."""
        wanted = sorted(set(slices))
        if not wanted:
            return 0
        self.prepare()
        from procrastinate.exceptions import AlreadyEnqueued

        for _ in range(TRIES):
            try:
                with write(self._engine) as connection:
                    return self._ask_for(connection, wanted)
            except AlreadyEnqueued:
                continue  # a worker has given one back between our look and our word
        raise DatabaseError("the queue does not take the slices of the edition: others ask for the same all the time")

    def _ask_for(self, connection: Connection, slices: list[SliceName]) -> int:
        from procrastinate.jobs import Job
        from procrastinate.manager import JobManager
        from procrastinate.sync_psycopg_connector import SyncPsycopgConnector

        there = jobs.waiting(connection, self.name, begun=False)
        asked = [
            Job(
                queue=self.name,
                task_name=TASK,
                task_kwargs={"edition": edition_id, "slice": number},
                priority=min(edition_id, 2**31 - 1),  # the newest edition goes first, as with one sender
                lock=f"slice {edition_id}/{number}",  # no two of one slice are worked at,
                queueing_lock=f"slice {edition_id}/{number}",  # and no two wait
            )
            for edition_id, number in slices
            if (edition_id, number) not in there
        ]
        if asked:
            raw = connection.connection.driver_connection
            JobManager(SyncPsycopgConnector()).batch_defer_jobs(asked, connection=raw)
        return len(asked)

    # --- What there is to see

    def waiting(self) -> set[SliceName]:
        """The edition and the number of each slice for which there is a job, waiting or in work."""
        with read(self._engine) as connection:
            return jobs.waiting(connection, self.name) if jobs.are_kept(connection) else set()

    def counts(self) -> dict[str, int]:
        """How many jobs wait (`todo`), and how many are in work (`doing`)."""
        with read(self._engine) as connection:
            return jobs.counts(connection, self.name) if jobs.are_kept(connection) else {"todo": 0, "doing": 0}

    def alive(self) -> int:
        """How many workers live."""
        with read(self._engine) as connection:
            within = timedelta(seconds=self.times.dead)
            return jobs.alive(connection, within) if jobs.are_kept(connection) else 0

    # --- What a worker does

    def work(self, handle: Handle, stopped: Callable[[], bool], rest: Callable[[], float] = lambda: 0.0) -> None:
        """Do what is asked for, one slice after the other, until `stopped` says so; what is in hand then is waited for.

        `handle` gets the edition and the slice, in a thread of its own; a moment that it returns asks for the slice
        again then. `rest` says how many seconds to take nothing after it. Where the database cannot be reached we wait
        for it, and never leave by ourselves.
        """
        from newsletter.queue import loop

        loop.run(self, self._engine, loop.Work(handle, stopped, rest, self._clock))
