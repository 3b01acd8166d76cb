"""A worker at the queue: it gives signs of life, takes a job, does it, takes the next; and looks after the dead.

procrastinate's own worker is not used, but what it is made of. It ends with the first heartbeat that fails, and where
the end of a job cannot be written down, that job stays with it for ever, since it lives: seen in its source, 3.10. Ours
waits until the database is back, and tries again. Nor do we listen for notices: a look every two seconds costs less
than a connection for each worker, and an edition may begin two seconds late.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job
from sqlalchemy import Engine

from newsletter.errors import DatabaseError
from newsletter.queue import Handle, Queue
from newsletter.store import jobs
from newsletter.store.database import shown
from newsletter.store.postgresql import CALM

log = logging.getLogger(__name__)

TROUBLE = (ConnectorException, psycopg.Error, DatabaseError, OSError)
FIRST_PAUSE = 1.0  # seconds; doubled at each further try
OPEN = 10.0  # seconds for the first connections
GLANCE = 0.2  # seconds between two looks whether we are told to stop
FORGOTTEN = 10  # times `dead`: then the row of a worker that gave no sign goes


class Work(NamedTuple):
    """What is done, by whom it is ended, and when: see `Queue.work`."""

    handle: Handle
    stopped: Callable[[], bool]
    rest: Callable[[], float]
    clock: Callable[[], datetime]


def run(queue: Queue, engine: Engine, work: Work) -> None:
    """See `Queue.work`."""
    asyncio.run(_again_and_again(queue, engine, work))


async def _again_and_again(queue: Queue, engine: Engine, work: Work) -> None:
    """A database that cannot be reached when we begin is waited for; once we have begun, `_Loop` waits itself."""
    pause = FIRST_PAUSE
    while not work.stopped():
        try:
            await asyncio.to_thread(queue.prepare)
            await _Loop(queue, _connector(engine), work).run()
        except TROUBLE as error:
            log.warning("the queue cannot be reached, tried again in %.0f s: %s", pause, _said(engine, error))
        except Exception:
            log.exception("a fault of the program; begun anew in %.0f s", pause)
        else:
            return
        await _pass(pause, work.stopped)
        pause = min(2 * pause, queue.times.trouble)


def _connector(engine: Engine) -> PsycopgConnector:
    """At most two connections: one for the jobs, one for the signs of life."""
    _, arguments = engine.dialect.create_connect_args(engine.url)
    arguments.pop("context", None)  # how SQLAlchemy reads its types
    # reconnect_timeout: a pool that has failed for long tries more and more rarely; after that it begins anew.
    return PsycopgConnector(
        kwargs={**CALM, **arguments}, min_size=1, max_size=2, timeout=10.0, reconnect_timeout=10.0, name="queue"
    )


class _Loop:
    """One worker, as long as it lives."""

    def __init__(self, queue: Queue, connector: PsycopgConnector, work: Work) -> None:
        self._queue = queue
        self._times = queue.times
        self._app = App(connector=connector)
        self._jobs = self._app.job_manager
        self._clock = work.clock
        self._handle = work.handle
        self._stopped = work.stopped
        self._rest = work.rest
        self._number = 0
        self._seen_at = 0.0
        self._cut = False  # the database could not be reached when it was asked last

    async def run(self) -> None:
        try:
            await asyncio.wait_for(self._app.open_async(), OPEN)
            await self._register()
            beside = [
                asyncio.create_task(self._each(self._times.heartbeat, self._give_sign)),
                asyncio.create_task(self._each(self._times.rescue, self._rescue)),
            ]
            try:
                await self._work()
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await self._last(self._jobs.unregister_worker(self._number))
        finally:
            await self._last(self._app.close_async())

    async def _last(self, act: Awaitable[object]) -> None:
        """What is left undone of this, others find by our silence."""
        with suppress(*TROUBLE, asyncio.TimeoutError):
            await asyncio.wait_for(act, self._times.patience)

    # --- Jobs

    async def _work(self) -> None:
        pause, failed = FIRST_PAUSE, False
        while not self._stopped():
            try:
                if failed:
                    await self._come_anew()
                job = await self._fetch()
                self._cut, pause, failed = False, FIRST_PAUSE, False
            except TROUBLE as error:
                self._complain(error)
                failed = True
                await _pass(pause, self._stopped)
                pause = min(2 * pause, self._times.trouble)
                continue
            if job is None:
                await _pass(self._times.look, self._stopped)
            else:
                await self._do(job)
                await _pass(self._rest(), self._stopped)

    async def _fetch(self) -> Job | None:
        """The next job. Told to stop, we wait for the answer a moment longer; what it would have been goes to another,
        since we take our leave."""
        task = asyncio.ensure_future(self._jobs.fetch_job([self._queue.name], self._number))
        while not task.done() and not self._stopped():
            await asyncio.wait({task}, timeout=GLANCE)
        return await asyncio.wait_for(task, self._times.patience)

    async def _do(self, job: Job) -> None:
        told: object = job.task_kwargs
        edition, number = (told.get("edition"), told.get("slice")) if isinstance(told, dict) else (None, None)
        if type(edition) is int and type(number) is int:
            again = await asyncio.to_thread(self._handled, edition, number)
        else:
            log.warning("job %s (%s) is none that this version knows: dropped", job.id, job.task_name)
            again = None
        await self._settle(job, again)

    def _handled(self, edition: int, number: int) -> datetime | None:
        try:
            return self._handle(edition, number)
        except Exception:
            log.exception("a fault of the program, at slice %s/%s", edition, number)
            return self._clock() + timedelta(seconds=self._times.trouble)

    async def _settle(self, job: Job, again: datetime | None) -> None:
        """Write down what came of it, as soon as the database takes it. Told to stop, we try for a moment only."""
        least = 0.0 if self._stopped() else self._times.look  # never round and round
        # A moment by our clock, which may not be the database's: so what counts is how long it is until then.
        left = None if again is None else max((again - self._clock()).total_seconds(), least)
        pause, deadline = FIRST_PAUSE, None
        while True:
            try:
                await (self._finish(job) if left is None else self._put_back(job, left))
                return
            except TROUBLE as error:
                self._complain(error)
            if self._stopped():
                deadline = deadline or time.monotonic() + self._times.patience
                if time.monotonic() >= deadline:
                    return
            await asyncio.sleep(min(pause, GLANCE if self._stopped() else pause))
            pause = min(2 * pause, self._times.trouble)

    async def _put_back(self, job: Job, seconds: float = 0.0) -> None:
        """To be taken again in so long. Nothing, as for `_finish`, where it went to another when we gave no sign."""
        whose = {"job": job.id, "worker": job.worker_id}
        try:
            await self._app.connector.execute_query_async(jobs.PUT_BACK, seconds=seconds, **whose)
        except UniqueViolation:  # it was asked for meanwhile, and waits
            await self._finish(job)

    async def _finish(self, job: Job) -> None:
        await self._app.connector.execute_query_async(jobs.FINISH, job=job.id, worker=job.worker_id)

    # --- The living and the dead

    async def _register(self) -> None:
        self._number = await self._jobs.register_worker()
        self._seen_at = time.monotonic()

    async def _come_anew(self) -> None:
        """As another worker: the job that we asked for may have been given to us without our hearing of it, and would
        stay with us for ever. With our old name gone, it is a dead worker's."""
        await self._jobs.unregister_worker(self._number)
        await self._register()

    async def _give_sign(self) -> None:
        """Who slept so long that others may have struck it off the list (SIGSTOP, a network cut) comes as a new one."""
        if time.monotonic() - self._seen_at > self._times.dead * FORGOTTEN / 2:
            await self._register()
        await self._jobs.update_heartbeat(self._number)
        self._seen_at = time.monotonic()

    async def _rescue(self) -> None:
        dead = self._times.dead
        for job in await self._jobs.get_stalled_jobs(queue=self._queue.name, seconds_since_heartbeat=dead):
            log.warning("a worker gives no sign of life: its job (%s) goes to another", job.lock or job.id)
            await self._put_back(job)
        await self._jobs.prune_stalled_workers(dead * FORGOTTEN)

    async def _each(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except TROUBLE as error:
                self._complain(error)

    def _complain(self, error: BaseException) -> None:
        """Once, until it is reached again."""
        if not self._cut:
            log.warning("the queue cannot be reached: %s", _first_line(error))
        self._cut = True


async def _pass(seconds: float, stopped: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stopped() and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, GLANCE))


def _said(engine: Engine, error: BaseException) -> str:
    return str(error) if isinstance(error, DatabaseError) else f"database {shown(engine)}: {_first_line(error)}"


def _first_line(error: Any) -> str:
    said: Any = error.__cause__ or error
    return (str(said).strip().splitlines() or [type(said).__name__])[0]
