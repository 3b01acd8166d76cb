"""worker."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import click

from newsletter.commands import complain, exit_code, log_option, say
from newsletter.commands.processes import HOPELESS, keep, leave_with_parent
from newsletter.commands.several import with_newsrooms
from newsletter.errors import ConfigError, NewsletterError

if TYPE_CHECKING:
    from newsletter.deliver import Stop
    from newsletter.logs import Kind
    from newsletter.newsroom import Newsroom
    from newsletter.together import Together
    from newsletter.worker import Doing

log = logging.getLogger(__name__)


class Place(click.ParamType[str]):
    """An address to listen at."""

    name = "place"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no address; write it as 127.0.0.1:9108", param, ctx)
        return str(value)


class Wish(NamedTuple):
    """What each process is to do."""

    runs: bool
    metrics: str | None
    log: Kind


@click.command()
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="One for each core.")
@click.option("--no-run", is_flag=True, help="Only slices of editions: letters and what is due are left to others.")
@click.option("--metrics", type=Place(), help="Figures at this address; of the second process at the next port.")
@click.option("--child", hidden=True, type=click.IntRange(0), help="One of several processes, by its number.")
@log_option
@with_newsrooms()
def worker(rooms: Together, processes: int, no_run: bool, metrics: str | None, child: int | None, log: Kind) -> None:
    """Deliver slices of editions, on any machine that reaches the PostgreSQL and a relay.

    `newsletter send` makes the edition, and asks for its slices; where no worker lives it delivers by itself. A worker
    also does what `newsletter run` does, unless it is told --no-run. Several newsletters, each by its CONFIG, have a
    worker each in every process.

    \b
    Example:
      newsletter worker --processes 4 --metrics 127.0.0.1:9108 --log json
      newsletter worker matin/newsletter.toml hebdo/newsletter.toml
    """
    from newsletter import logs
    from newsletter import worker as workers

    logs.begin(log, rooms.names)
    for room in rooms:
        workers.check(room.config)
        room.mailer, room.sealer  # noqa: B018  what cannot be used is told now, and once
        if child is None:
            _tell_beginning(room, processes)
    wish, stop = Wish(not no_run, metrics, log), _asked_by_signals(rooms)
    if child is not None:
        leave_with_parent(stop.ask)
    if child is not None or processes == 1:
        sys.exit(_live(rooms, wish, child or 0, stop))
    paths = [str(room.config.path) for room in rooms]
    sys.exit(keep(processes, lambda number: _words(number, paths, wish), lambda: stop.asked))


def _tell_beginning(room: Newsroom, processes: int) -> None:
    from newsletter.speaker import speaking

    one = room.config
    with speaking(one.newsletter.list_id):
        how = "in one process" if processes == 1 else f"in {processes} processes"
        log.info("a worker begins on %s %s: %s, sending by %s", socket.gethostname(), how, one.path, one.delivery.via)


def _words(number: int, paths: Sequence[str], wish: Wish) -> list[str]:
    """By which one of several processes is called."""
    runs = [] if wish.runs else ["--no-run"]
    metrics = ["--metrics", wish.metrics] if wish.metrics else []
    return ["worker", "--child", str(number), *runs, *metrics, "--log", wish.log, *paths]


def _live(rooms: Together, wish: Wish, number: int, stop: Stop) -> int:
    """A worker for each newsletter, until we are told to stop. Returns the worst exit code: of those that can never
    work, which leave the others alone, and of one that was lost, which ends all, so that it is begun anew."""
    from newsletter.worker import Doing

    if len(rooms) > 1:  # one alone waits for its database as for all else
        rooms.open()
    doings = {room: Doing(room.config.newsletter.list_id) for room in rooms}
    codes: list[int] = []
    threads = [
        threading.Thread(target=_work, args=(rooms, room, stop, doing, wish.runs, codes.append), name="worker")
        for room, doing in doings.items()
    ]
    with _metrics(doings, wish.metrics, number):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return max(codes, default=0)


def _work(
    rooms: Together, room: Newsroom, stop: Stop, doing: Doing, runs: bool, ended: Callable[[int], object]
) -> None:
    from newsletter import worker as workers
    from newsletter.speaker import speaking

    with speaking(room.config.newsletter.list_id):
        code = 0
        try:
            if rooms.wait_for(room, lambda: stop.asked):
                workers.work(room, stop, doing, runs=runs)
        except NewsletterError as error:
            _tell(error)
            code = exit_code(error)
        except Exception:
            log.exception("a fault of the program: this process ends")
            code = 1
    ended(code)
    if code and code not in HOPELESS:  # whoever keeps us starts us anew, with all our newsletters
        stop.ask()


def _tell(error: NewsletterError) -> None:
    for line in str(error).splitlines():
        complain(line, grave=True)


def _asked_by_signals(rooms: Together) -> Stop:
    from newsletter.deliver import Stop

    stop = Stop(next(iter(rooms)).clock)

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        for room in rooms:
            room.stirred.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


def _metrics(doings: dict[Newsroom, Doing], place: str | None, number: int) -> AbstractContextManager[object]:
    """This process's figures, at the port that is as many further as there are processes before it."""
    if place is None:
        return nullcontext()
    from newsletter.web import server
    from newsletter.web.workers import create_worker_app

    host, _, port = place.rpartition(":")
    wanted = int(port) + number if int(port) else 0
    if wanted > 65535:
        raise ConfigError(f"--metrics {place}: there is no port for process {number + 1}: name a lower one")
    figures = server.serve(create_worker_app(doings), host.strip("[]"), wanted, 1)
    threading.Thread(target=figures.run, name="metrics", daemon=True).start()
    say(f"metrics of process {os.getpid()} on http://{host}:{figures.effective_port}/metrics")
    sys.stdout.flush()
    return nullcontext()
