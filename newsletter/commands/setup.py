"""init, config, adopt, database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    alone,
    config_option,
    dry_run_option,
    json_option,
    open_newsroom,
    print_json,
    print_table,
    say,
    with_newsroom,
)
from newsletter.errors import Unfinished

if TYPE_CHECKING:
    from newsletter.copying import Copied, Watch
    from newsletter.newsroom import Newsroom


@click.command()
@click.option("--title", help="The paper's name.")
@click.option("--site", "site_url", help="Its site, as https://journal.example")
@click.option("--from", "sender", help="The address that writes, as lettre@journal.example")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.option("--timezone", default="Africa/Lome", show_default=True)
@click.option("--eject-templates", is_flag=True, help="Copy the look into templates/, to make it your own.")
@dry_run_option
@config_option
@click.pass_context
def init(
    ctx: click.Context,
    title: str | None,
    site_url: str | None,
    sender: str | None,
    language: str,
    timezone: str,
    eject_templates: bool,
    dry_run: bool,
) -> None:
    """Write a commented newsletter.toml and make the database. What no option says is asked.

    \b
    Example:
      newsletter init --title "Le Quotidien du Golfe" --site https://journal.example --from lettre@journal.example
      newsletter init --eject-templates
    """
    from newsletter import config

    path = config.find(ctx.obj["config"])
    if not (eject_templates and path.exists()):
        answers = {"title": title, "site_url": site_url, "sender": sender}
        _found(path, {**_ask(answers), "language": language, "timezone": timezone}, dry_run)
    if eject_templates:
        _eject(ctx, path, dry_run)


def _ask(answers: dict[str, str | None]) -> dict[str, str]:
    questions = {"title": "The paper's name", "site_url": "Its site (https://…)", "sender": "The address that writes"}
    options = {"title": "--title", "site_url": "--site", "sender": "--from"}
    missing = [options[name] for name, given in answers.items() if not given]
    if missing and not sys.stdin.isatty():
        raise click.UsageError(f"nobody to ask: give {', '.join(missing)}")
    return {name: given or click.prompt(questions[name]) for name, given in answers.items()}


def _found(path: Path, answers: dict[str, str], dry_run: bool) -> None:
    from newsletter import founding

    if dry_run:
        say(f"would write {path} and make the database beside it")
        return
    room = founding.found(path, founding.Answers(**answers))
    say(f"written: {path}")
    say(f"made:    {room.config.newsletter.database}")
    say("next:    newsletter collect; newsletter preview --open; newsletter subscribers add you@…; newsletter send")


def _eject(ctx: click.Context, path: Path, dry_run: bool) -> None:
    if dry_run:
        say(f"would copy the look to {path.parent / 'templates'}")
        return
    room = open_newsroom(ctx)
    for copied in room.look.copy_to(room.config.folder):
        say(f"copied: {copied}")


@click.command()
@json_option
@with_newsroom
def config(room: Newsroom, as_json: bool) -> None:
    """Show the configuration in force, secrets masked, and where each value comes from.

    \b
    Example:
      newsletter config
    """
    view = list(room.config.view())
    if as_json:
        print_json({key: {"value": _jsonable(value), "from": origin} for key, value, origin in view})
    else:
        print_table(("key", "value", "from"), [(key, _readable(value), origin) for key, value, origin in view])


def _jsonable(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, type(None))) else str(value)


def _readable(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@click.command()
@click.option("--resume", is_flag=True, help="Go on with an edition that was being sent; nobody else has.")
@dry_run_option
@with_newsroom
def adopt(room: Newsroom, resume: bool, dry_run: bool) -> None:
    """Let this copy of the database send: after a backup was restored, or the newsroom has moved.

    An edition that was being sent when the copy was made is stopped, since the original may have sent the rest.
    One that an editor had sent and that was about to go is held.
    An edition that the original sent later is not known here, and would be sent again.

    \b
    Example:
      newsletter adopt
    """
    from newsletter import instance, report

    latest = report.standing(room).latest
    say(f"the latest edition this database knows: {latest.edition or 'none'} ({latest.status})")
    with alone():
        unfinished = instance.adopt(room, go_on=resume, dry_run=dry_run)
    for edition in unfinished:
        say(f"edition {edition.name}: {'goes on' if resume else 'stopped' if edition.frozen else 'held'}")
    say("would be adopted" if dry_run else "adopted: this database sends from now on")


@click.group()
def database() -> None:
    """Keep the database.

    \b
    Example:
      newsletter database backup /backup/subscribers-2026-11-23.db
    """


@database.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@dry_run_option
@with_newsroom
def backup(room: Newsroom, file: Path, dry_run: bool) -> None:
    """Write a consistent copy, also while an edition is being sent. docs/backup.md tells the way back.

    \b
    Example:
      newsletter database backup /backup/subscribers-2026-11-23.db
    """
    from newsletter.store.database import backup as copy

    if dry_run:
        say(f"would write {file}")
        return
    copy(room.engine, file)
    say(f"written: {file}")


@database.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--retire", is_flag=True, help="FROM sends no more afterwards, unless it is adopted again.")
@click.option("--keep", is_flag=True, help="FROM may send on: for a try-out, with newsletter.instance set.")
@json_option
@dry_run_option
@config_option
@click.pass_context
def copy_database(
    ctx: click.Context, source: str, target: str, retire: bool, keep: bool, as_json: bool, dry_run: bool
) -> None:
    """Move the whole newsletter into another database: from SQLite to PostgreSQL, or back.

    FROM and TO are written as `database` in newsletter.toml. TO must be empty. Both are compared at the end, by counts
    and hashes. The copy does not send before `newsletter adopt`, and FROM does not send after --retire, which must be
    said (or --keep) where newsletter.instance is set. Stop `serve`, `run` and cron first, as docs/postgresql.md tells.

    \b
    Example:
      newsletter database copy --retire sqlite:///subscribers.db postgresql://lettre@localhost/lettre
    """
    from newsletter import config, copying

    loaded = config.load(ctx.obj["config"])
    name = loaded.newsletter.instance
    _check_what_becomes_of_it(name, retire, keep)
    urls = loaded.database_at(source), loaded.database_at(target)
    with _copying(quiet=as_json) as watch:
        result = copying.copy(*urls, watch, retire=retire, dry_run=dry_run)
    if as_json:
        tables = [asdict(one) for one in result.tables]
        print_json({"tables": tables, "written_meanwhile": result.written_meanwhile, "retired": result.retired})
    else:
        print_table(*_copied(result.tables, dry_run))
        say("would be copied" if dry_run else "copied, and both are the same: it sends once it is adopted")
        say(_the_old_one(name, retire))
    if result.written_meanwhile:
        raise Unfinished(
            "somebody has written into the old database meanwhile, and the copy does not have it: stop `serve` and"
            " `run`, empty the new one, and copy again"
        )


def _check_what_becomes_of_it(name: str | None, retire: bool, keep: bool) -> None:
    if retire and keep:
        raise click.UsageError("--retire and --keep: one or the other")
    if name and not (retire or keep):
        raise click.UsageError(
            f"the old database would go on sending beside the new one, since both are {name!r} (newsletter.instance):"
            " say --retire, or --keep where that is meant"
        )


def _the_old_one(name: str | None, retire: bool) -> str:
    if retire:
        return "afterwards the old one sends no more, unless it is adopted again"
    if name:
        return f"afterwards the old one STILL SENDS too, wherever newsletter.toml names it and the instance {name!r}"
    return "afterwards the old one still sends from here, until the new one is adopted here"


def _copied(tables: list[Copied], dry_run: bool) -> tuple[list[str], list[list[object]]]:
    if dry_run:
        return ["table", "rows"], [[one.table, one.rows] for one in tables]
    heads = ["table", "rows", "hash there", "hash here"]
    return heads, [[one.table, one.rows, one.digest[:16], one.digest_there[:16]] for one in tables]


@contextmanager
def _copying(*, quiet: bool) -> Iterator[Watch]:
    """A bar for each table on a terminal; nothing in cron."""
    if quiet or not sys.stderr.isatty():
        yield lambda table, doing, rows, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[tuple[str, str], TaskID] = {}

        def watch(table: str, doing: str, rows: int, total: int) -> None:
            if (table, doing) not in tasks:
                tasks[table, doing] = bar.add_task(f"{table} {doing}", total=total)
            bar.advance(tasks[table, doing], rows)

        yield watch


@database.command()
@dry_run_option
@with_newsroom
def upgrade(room: Newsroom, dry_run: bool) -> None:
    """Bring the database up to date. Every command that needs it does so by itself.

    \b
    Example:
      newsletter database upgrade
    """
    from newsletter.store.database import HEAD, open_engine, revision

    before = revision(open_engine(room.config.database_url))
    if dry_run:
        say(f"{before or 'no schema'} → {HEAD}")
        return
    say(f"{before or 'no schema'} → {revision(room.engine)}")
