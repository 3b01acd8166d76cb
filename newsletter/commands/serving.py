"""serve, run, tidy, schedule, embed, keys."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    config_option,
    dry_run_option,
    iso,
    json_option,
    log_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)
from newsletter.commands.several import with_newsrooms
from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from newsletter.config import Config
    from newsletter.deliver import Stop
    from newsletter.logs import Kind
    from newsletter.newsroom import Newsroom
    from newsletter.together import Together
    from newsletter.web.hosts import Hosts, Served

DESK_THREADS = 4  # a newsroom is few
LOOKS = 10  # newsletters at which a runner looks in a second: of fifty, each is looked at every five seconds


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; put a proxy in front.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64))
@click.option("--no-run", is_flag=True, help="Only the pages: letters leave by `newsletter run` or `send`.")
@log_option
@with_newsrooms(served=True)
def serve(rooms: Together, host: str, port: int, threads: int, no_run: bool, log: Kind) -> None:
    """Serve the readers' pages and the desk, and send their letters at once.

    The desk is below /desk, or alone at `desk.listen`. An edition is sent from here only with
    `schedule.by = "runner"`; else that stays with cron. Several newsletters, each by its CONFIG, are told apart by the
    host of `public_url`.

    \b
    Example:
      newsletter serve --host 127.0.0.1 --port 8000
      newsletter serve matin/newsletter.toml hebdo/newsletter.toml
    """
    from newsletter import logs
    from newsletter.web import server

    logs.begin(log, rooms.names)
    apps = _apps(rooms)
    rooms.open()
    with _stopping(rooms) as stop, _metrics(rooms), _desks(rooms), _running(rooms, stop, wanted=not no_run):
        pages = server.serve(apps, host, port, threads)
        reached = ", ".join(room.config.newsletter.public_url for room in rooms)
        say(f"serving on http://{host}:{pages.effective_port}, to be reached as {reached}")
        sys.stdout.flush()
        pages.run()  # until a signal ends it


def _apps(rooms: Together) -> Hosts:
    """The readers' pages of each. Raises ConfigError with all that keeps one from being served."""
    from newsletter.web import create_app
    from newsletter.web.hosts import Hosts

    made: list[Served] = []
    problems: list[str] = []
    for room in rooms:
        try:
            made.append(_served(rooms, room, create_app(room), room.config.newsletter.public_url))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return Hosts(made)


def _served(rooms: Together, room: Newsroom, app: WSGIApplication, address: str) -> Served:
    from urllib.parse import urlsplit

    from newsletter.values import host_name
    from newsletter.web.hosts import Served

    return Served(room, host_name(urlsplit(address).netloc), app, lambda: rooms.is_ready(room))


@contextmanager
def _stopping(rooms: Together) -> Iterator[Stop]:
    """SIGTERM and Ctrl-C: what has begun ends, and then we do."""
    stop = _asked_by_signals(rooms, lambda: sys.exit(0))  # out of waitress's loop
    try:
        yield stop
    finally:
        stop.ask()


def _asked_by_signals(rooms: Together, then: Callable[[], object]) -> Stop:
    """A stop that SIGTERM and Ctrl-C ask; `then` is called in the midst of what the main thread does."""
    from newsletter.deliver import Stop

    stop = Stop(next(iter(rooms)).clock)

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        for room in rooms:
            room.stirred.set()
        then()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


@contextmanager
def _running(rooms: Together, stop: Stop, *, wanted: bool) -> Iterator[None]:
    """The runners beside the web server. Not wanted, there is still to wait for the databases that do not answer."""
    threads = _runners(rooms, stop, wanted=wanted)
    try:
        yield
    finally:
        stop.ask()
        for room in rooms:
            room.stirred.set()
        for thread in threads:
            thread.join()


def _runners(rooms: Together, stop: Stop, *, wanted: bool) -> list[threading.Thread]:
    """A runner for each newsletter, in a thread that first waits for its database."""
    from newsletter import runner
    from newsletter.speaker import speaking

    look = max(runner.LOOK, len(rooms) / LOOKS)

    def live(room: Newsroom) -> None:
        with speaking(room.config.newsletter.list_id):
            if rooms.wait_for(room, lambda: stop.asked) and wanted:
                runner.run(room, stop, look)

    threads = [threading.Thread(target=live, args=(room,), name="runner") for room in rooms]
    for thread in threads:
        thread.start()
    return threads


@contextmanager
def _metrics(rooms: Together) -> Iterator[None]:
    """`/metrics` on its private address, where one is configured; those that name the same one share it."""
    from newsletter.web import server

    for place, those in _by_place(rooms, lambda config: config.web.metrics):
        from newsletter.web.metrics import create_metrics_app

        host, _, port = place.rpartition(":")
        app = create_metrics_app(*those, is_ready=rooms.is_ready)
        figures = server.serve(app, host.strip("[]"), int(port), 1)
        threading.Thread(target=figures.run, name="metrics", daemon=True).start()
    yield


@contextmanager
def _desks(rooms: Together) -> Iterator[None]:
    """The desks at a place of their own, where one is configured; those that name the same one share it."""
    from newsletter.web import create_desk_app, server
    from newsletter.web.hosts import Hosts

    desks = []
    for place, those in _by_place(rooms, lambda config: config.desk.listen):
        host, _, port = place.rpartition(":")
        app = Hosts([_served(rooms, room, create_desk_app(room), room.config.desk_url) for room in those])
        desks.append(server.serve(app, host.strip("[]"), int(port), DESK_THREADS))
        threading.Thread(target=desks[-1].run, name="desk", daemon=True).start()
        reached = ", ".join(room.config.desk_url for room in those)
        say(f"the desk on http://{place}, to be reached as {reached}")
    try:
        yield
    finally:
        for desk in desks:
            desk.task_dispatcher.shutdown()  # what has begun ends


def _by_place(rooms: Together, of: Callable[[Config], str]) -> Iterator[tuple[str, list[Newsroom]]]:
    """The newsletters that name a place to listen at, by that place."""
    places: dict[str, list[Newsroom]] = {}
    for room in rooms:
        if place := of(room.config):
            places.setdefault(place, []).append(room)
    return iter(places.items())


@click.command()
@log_option
@with_newsrooms()
def run(rooms: Together, log: Kind) -> None:
    """Send letters at once, and do what is due: a small loop, for a service beside or without `serve`.

    Editions are left to cron, unless `schedule.by = "runner"`. However many run, each thing is done once. Several
    newsletters, each by its CONFIG, have a loop each.

    \b
    Example:
      newsletter run
      newsletter run matin/newsletter.toml hebdo/newsletter.toml
    """
    from newsletter import logs

    logs.begin(log, rooms.names)
    if len(rooms) > 1:  # one alone waits for its database as for all else
        rooms.open()
    stop = _asked_by_signals(rooms, lambda: None)
    for thread in _runners(rooms, stop, wanted=True):
        thread.join()


@click.command()
@dry_run_option
@json_option
@with_newsroom
def tidy(room: Newsroom, dry_run: bool, as_json: bool) -> None:
    """Delete and forget what is over its time, as [retention] says. `send` and `run` do it once a day.

    \b
    Example:
      newsletter tidy --dry-run
    """
    from dataclasses import asdict

    from newsletter import tidy as tidying

    done = asdict(tidying.tidy(room, dry_run=dry_run))
    if as_json:
        print_json(done)
        return
    what = {
        "unconfirmed": "sign-ups never confirmed: deleted",
        "departed": "people who left long ago: forgotten",
        "letters": "old letters: deleted",
        "deliveries": "old rows of the ledger: deleted",
        "sessions": "stays at the desk that nobody came back to: ended",
        "tickets": "links to the desk that are over: deleted",
        "audit": "old entries of the audit log: deleted",
        "bounces": "old rows of what came back: deleted",
    }
    for name, count in done.items():
        say(f"{'would be ' if dry_run else ''}{what[name]}: {count}")


@click.command()
@click.option("--systemd", "systemd", is_flag=True, help="Only the systemd units.")
@click.option("--cron", "cron", is_flag=True, help="Only the lines for the crontab.")
@config_option
@click.pass_context
def schedule(ctx: click.Context, systemd: bool, cron: bool) -> None:
    """Print the crontab lines and the systemd units for this newsroom.

    \b
    Example:
      newsletter schedule --cron
    """
    from newsletter import config
    from newsletter import schedule as schedules

    plan = schedules.plan(config.load(ctx.obj["config"]), sys.argv[0])
    if cron or not systemd:
        say(plan.crontab)
    if systemd or not cron:
        for name, text in plan.units.items():
            say(f"# /etc/systemd/system/{name}\n{text}")


@click.command()
@click.option("--kind", type=click.Choice(["form", "iframe", "wordpress"]), help="Only this one.")
@json_option
@with_newsroom
def embed(room: Newsroom, kind: str | None, as_json: bool) -> None:
    """Print the sign-up form to paste into the site: a plain form, a frame, a WordPress block.

    \b
    Example:
      newsletter embed --kind wordpress
    """
    from newsletter import embed as embedding

    texts = embedding.texts(room)
    if as_json:
        print_json({kind: texts[kind]} if kind else texts)
        return
    for name, text in texts.items():
        if kind in (None, name):
            say(f"<!-- {name} -->\n{text}\n" if kind is None else text)


@click.group()
def keys() -> None:
    """The keys that sign the links in mails.

    \b
    Example:
      newsletter keys rotate
    """


@keys.command("list")
@json_option
@with_newsroom
def list_(room: Newsroom, as_json: bool) -> None:
    """List the keys by number, never their secrets; the newest signs.

    \b
    Example:
      newsletter keys list
    """
    from newsletter import keyring

    rows = [{"number": number, "made": iso(made)} for number, made in keyring.listed(room)]
    print_json(rows) if as_json else print_table(("number", "made"), [tuple(row.values()) for row in rows])


@keys.command()
@dry_run_option
@with_newsroom
def rotate(room: Newsroom, dry_run: bool) -> None:
    """Make a new key. It signs from now on; links signed with older ones stay good.

    \b
    Example:
      newsletter keys rotate
    """
    from newsletter import keyring

    number = keyring.rotate(room, dry_run=dry_run)
    say(f"key {number} {'would sign' if dry_run else 'signs'} from now on; links signed with older keys stay good")
