"""edition list, send-now, take-back, stop, resume: how editions go."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    complain,
    date_option,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom
    from newsletter.results import Line

named_option = click.option("--edition", "name", metavar="NAME", help="The edition by its name, as 2026-11-23-extra.")


@click.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="How many; default: 20.")
@json_option
@with_newsroom
def list_(room: Newsroom, limit: int, as_json: bool) -> None:
    """List the editions of every status, the newest first, with what has come of each.

    \b
    Example:
      newsletter edition list
      newsletter edition list --limit 5 --json
    """
    from newsletter import results

    lines, _ = results.listed(room, limit=limit)
    if as_json:
        print_json([_figures(one) for one in lines])
        return
    rows = [
        (one.edition.name, one.edition.status, one.articles, one.edition.audience or "–", one.all.accepted, one.subject)
        for one in lines
    ]
    print_table(("edition", "status", "articles", "audience", "accepted", "subject"), rows)


def _figures(one: Line) -> dict[str, object]:
    edition = one.edition
    return {
        "edition": edition.name,
        "status": edition.status.value,
        "subject": one.subject,
        "articles": one.articles,
        "audience": edition.audience,
        "states": one.all.figures(),
        "corrects": one.corrects.name if one.corrects else None,
        "started_at": iso(edition.started_at),
        "ended_at": iso(edition.ended_at),
    }


@click.command("send-now")
@date_option
@named_option
@dry_run_option
@with_newsroom
def send_now(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Approve an edition as it stands, and have it sent at once, after `desk.undo_seconds`: by the runner that lives.

    Whatever the schedule says. Until then `edition take-back` undoes it. Where no runner lives, the next
    `newsletter send` sends it.

    \b
    Example:
      newsletter edition send-now
      newsletter edition send-now --edition 2026-11-23-extra
    """
    from newsletter import edit, report

    found = edit.send_now(room, _number(room, day, name), room.here, dry_run=dry_run)
    goes = "would go" if dry_run else "goes"
    say(f"edition {found.name}: {goes} at {iso(found.go_at)}; `newsletter edition take-back` undoes it until then")
    if not report.runner_lives(room):
        complain("no runner lives: `newsletter send --edition NAME` sends it")


@click.command("take-back")
@date_option
@named_option
@dry_run_option
@with_newsroom
def take_back(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Put an edition that is about to go back to what it was: as long as no message of it was begun.

    \b
    Example:
      newsletter edition take-back
    """
    from newsletter import edit

    found = edit.take_back(room, _number(room, day, name), room.here, dry_run=dry_run)
    say(f"edition {found.name}: {'would be ' if dry_run else ''}taken back, {found.status} as before")


@click.command()
@date_option
@named_option
@dry_run_option
@with_newsroom
def stop(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Stop an edition on its way: within a second nothing more of it is begun, until `edition resume`.

    \b
    Example:
      newsletter edition stop
    """
    from newsletter import edit

    found = edit.stop_sending(room, _number(room, day, name), room.here, dry_run=dry_run)
    say(f"edition {found.name}: {'would be ' if dry_run else ''}stopped; `newsletter edition resume` goes on")


@click.command()
@date_option
@named_option
@dry_run_option
@with_newsroom
def resume(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Go on with an edition that was stopped: a runner does at once, else the next `newsletter send`.

    \b
    Example:
      newsletter edition resume
    """
    from newsletter import edit

    found = edit.resume_sending(room, _number(room, day, name), room.here, dry_run=dry_run)
    say(f"edition {found.name}: {'would go' if dry_run else 'goes'} on")


def _number(room: Newsroom, day: date | None, name: str | None) -> int:
    from newsletter import edit

    if day and name:
        raise click.UsageError("--date or --edition, one of them")
    return edit.named(room, day or room.today(), name).id


GOING = (list_, send_now, take_back, stop, resume)
