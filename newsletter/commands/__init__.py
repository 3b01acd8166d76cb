"""The edge where people are: parse → call one operation → print. Only here is anything printed; no rule lives here.

Heavy rooms are imported inside the commands that need them.
"""

from __future__ import annotations

import functools
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from newsletter.errors import (
    AlreadyRunning,
    BadData,
    ConfigError,
    NewsletterError,
    NotSent,
    Unavailable,
    Unfinished,
)

if TYPE_CHECKING:
    from newsletter.logs import Kind
    from newsletter.newsroom import Newsroom

log = logging.getLogger(__name__)

EXIT_CODES = {
    0: "done, or nothing to do",
    1: "a fault of the program",
    2: "wrong usage",
    3: "finished, some rejected or uncertain",
    4: "not sent by decision (held, too late, not adopted)",
    65: "bad data",
    69: "all sources down, the relay refuses everything, no database, or a clock that is wrong",
    75: "unfinished, run again",
    78: "configuration",
}

EXIT_OF: dict[type[NewsletterError], int] = {
    ConfigError: 78,
    BadData: 65,
    Unavailable: 69,
    NotSent: 4,
    AlreadyRunning: 0,
    Unfinished: 75,
}

F = TypeVar("F", bound=Callable[..., Any])


def exit_code(error: NewsletterError) -> int:
    """The exit code an error stands for."""
    return next((code for kind, code in EXIT_OF.items() if isinstance(error, kind)), 1)


class Door(click.Group):
    """A group that turns an error we mean to show into a line and an exit code: the one place where that is done."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NewsletterError as error:
            if (ctx.obj or {}).get("debug"):
                raise
            for line in str(error).splitlines():
                complain(line, grave=True)
            ctx.exit(exit_code(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            if not _for_machines():
                raise
            log.exception("a fault of the program")
            ctx.exit(1)


@contextmanager
def alone() -> Iterator[None]:
    """What wants to be alone and is not was not done: for `send`, which another does as well, that is no matter."""
    try:
        yield
    except AlreadyRunning as error:
        raise Unfinished(f"{error}: nothing was changed; run it again when that has ended") from error


# --- Options that many commands share -------------------------------------------------------------


def _remember_config(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value:
        ctx.obj["config"] = value


config_option = click.option(
    "--config",
    metavar="FILE",
    expose_value=False,
    callback=_remember_config,
    help="newsletter.toml; default: NEWSLETTER_CONFIG, or here.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Pure JSON on standard output.")


def _begin_log(_ctx: click.Context, _parameter: click.Parameter, value: Kind | None) -> Kind | None:
    """What is complained of from here on, of a broken configuration too, is a log line for machines already."""
    if value == "json":
        from newsletter import logs

        logs.begin(value)
    return value


log_option = click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    callback=_begin_log,
    help="How to log, on standard error: lines for people, or a JSON object each.",
)
log_if_asked_option = click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    callback=_begin_log,
    help="Log on standard error all it does, each delivery that fails too; default: warnings alone.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Do everything but write or send; say what would be.")


class Day(click.ParamType[date]):
    """A date as 2026-11-23."""

    name = "date"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2026-11-23", param, ctx)


date_option = click.option("--date", "day", type=Day(), help="The edition's local date; default: today.")

edition_option = click.option("--edition", "name", metavar="NAME", help="By its name, as 2026-11-23-extra.")


def which_edition(command: F) -> F:
    """Let the command take --date or --edition, not both; it is handed `day` and `name`."""

    @date_option
    @edition_option
    @functools.wraps(command)
    def wrapped(*args: Any, day: date | None, name: str | None, **kwargs: Any) -> Any:
        if day and name:
            raise click.UsageError("--date and --edition: one or the other")
        return command(*args, day=day, name=name, **kwargs)

    return wrapped  # type: ignore[return-value]


def with_newsroom(command: F) -> F:
    """Hand the command the Newsroom of the configuration, as its first argument; and let it take --config."""

    @config_option
    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        room = open_newsroom(ctx)
        if kwargs.get("dry_run"):
            room.rehearse()
        return command(room, *args, **kwargs)

    return wrapped  # type: ignore[return-value]


def open_newsroom(ctx: click.Context) -> Newsroom:
    """The Newsroom of the configuration. Raises ConfigError."""
    from newsletter import config
    from newsletter.newsroom import Newsroom

    loaded = config.load(ctx.obj["config"])
    if sys.stderr.isatty() or ctx.info_name == "config":  # cron need not hear it every morning
        for warning in loaded.warnings():
            complain(f"warning: {warning}")
    room = Newsroom(loaded)
    ctx.call_on_close(room.close)
    return room


# --- Printing -------------------------------------------------------------------------------------


def say(text: str = "") -> None:
    """A line on standard output."""
    click.echo(text)


def complain(text: str, *, grave: bool = False) -> None:
    """A line on standard error, so that standard output stays what was asked for; with `--log json` a line of the log,
    an error where it is `grave`."""
    if _for_machines():
        log.log(logging.ERROR if grave else logging.WARNING, "%s", text)
    else:
        click.echo(f"newsletter: {text}", err=True)


def _for_machines() -> bool:
    from newsletter import logs

    return logs.for_machines()


def counted(n: int, noun: str) -> str:
    """1 article, 2 articles."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return iso(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"no JSON for {type(value)}")


def iso(moment: date | datetime | None) -> str | None:
    """ISO 8601; a moment in UTC, to the second, with Z."""
    if isinstance(moment, datetime):
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return moment.isoformat() if moment else None


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; elsewhere lines with tabs between, which other programs can cut."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            say("\t".join(cell.replace("\t", " ") for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: a title's [brackets] are no markup
    Console().print(table)
