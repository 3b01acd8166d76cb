"""serve, run, tidy, schedule, embed, keys."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    config_option,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.deliver import Stop
    from newsletter.newsroom import Newsroom

DESK_THREADS = 4  # a newsroom is few


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; put a proxy in front.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64))
@click.option("--no-run", is_flag=True, help="Only the pages: letters leave by `newsletter run` or `send`.")
@with_newsroom
def serve(room: Newsroom, host: str, port: int, threads: int, no_run: bool) -> None:
    """Serve the readers' pages and the desk, and send their letters at once.

    The desk is below /desk, or alone at `desk.listen`. An edition is sent from here only with
    `schedule.by = "runner"`; else that stays with cron.

    \b
    Example:
      newsletter serve --host 127.0.0.1 --port 8000
    """
    from newsletter.web import create_app, server

    _log_to_stderr()
    room.signer, room.forgotten_secret  # noqa: B018  made now, not by the first reader
    with _stopping(room) as stop, _metrics(room), _desk(room), _running(room, stop, wanted=not no_run):
        pages = server.serve(create_app(room), host, port, threads)
        say(f"serving on http://{host}:{pages.effective_port}, to be reached as {room.config.newsletter.public_url}")
        sys.stdout.flush()
        pages.run()  # until a signal ends it


@contextmanager
def _stopping(room: Newsroom) -> Iterator[Stop]:
    """SIGTERM and Ctrl-C: what has begun ends, and then we do."""
    from newsletter.deliver import Stop

    stop = Stop(room.clock)

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        room.stirred.set()
        raise SystemExit(0)  # out of waitress's loop

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        stop.ask()


@contextmanager
def _running(room: Newsroom, stop: Stop, *, wanted: bool) -> Iterator[None]:
    """The runner beside the web server."""
    from newsletter import runner

    thread = threading.Thread(target=runner.run, args=(room, stop), name="runner")
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
def _metrics(room: Newsroom) -> Iterator[None]:
    """`/metrics` on its private address, where one is configured."""
    place = room.config.web.metrics
    if place:
        from newsletter.web import server
        from newsletter.web.metrics import create_metrics_app

        host, _, port = place.rpartition(":")
        figures = server.serve(create_metrics_app(room), host.strip("[]"), int(port), 1)
        threading.Thread(target=figures.run, name="metrics", daemon=True).start()
    yield


@contextmanager
def _desk(room: Newsroom) -> Iterator[None]:
    """The desk at a place of its own, where one is configured."""
    if not room.config.desk.listen:
        yield
        return
    from newsletter.web import create_desk_app, server

    host, _, port = room.config.desk.listen.rpartition(":")
    desk = server.serve(create_desk_app(room), host.strip("[]"), int(port), DESK_THREADS)
    threading.Thread(target=desk.run, name="desk", daemon=True).start()
    say(f"the desk on http://{room.config.desk.listen}, to be reached as {room.config.desk_url}")
    try:
        yield
    finally:
        desk.task_dispatcher.shutdown()  # what has begun ends


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")


@click.command()
@with_newsroom
def run(room: Newsroom) -> None:
    """Send letters at once, and do what is due: a small loop, for a service beside or without `serve`.

    Editions are left to cron, unless `schedule.by = "runner"`. However many run, each thing is done once.

    \b
    Example:
      newsletter run
    """
    from newsletter import runner
    from newsletter.deliver import Stop

    _log_to_stderr()
    stop = Stop(room.clock)

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        room.stirred.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    runner.run(room, stop)


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
