"""subscribers add, remove, list, find, show, import, export, forget, revive."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    complain,
    counted,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)
from newsletter.model import SubscriberStatus

if TYPE_CHECKING:
    from newsletter.imports import Imported, Watch
    from newsletter.model import Consent, Subscriber
    from newsletter.newsroom import Newsroom

STATUSES = [status.value for status in SubscriberStatus if status is not SubscriberStatus.FORGOTTEN]  # of people
TOLD, TOLD_IN_REHEARSAL = 20, 10  # rows of an import that are told one by one

consent_option = click.option("--consent", metavar="TEXT", help="How we know that they asked; kept with each.")


@click.group()
def subscribers() -> None:
    """Who is on the list.

    \b
    Example:
      newsletter subscribers import lecteurs.csv --consent "papier, kiosque de Lomé, 2026"
    """


@subscribers.command()
@click.argument("addresses", metavar="ADDRESS…", nargs=-1, required=True)
@consent_option
@dry_run_option
@with_newsroom
def add(room: Newsroom, addresses: tuple[str, ...], consent: str | None, dry_run: bool) -> None:
    """Put addresses on the list.

    \b
    Example:
      newsletter subscribers add afi@lecteurs.example --consent "par téléphone"
    """
    from newsletter import subscribe

    added = subscribe.add(room, addresses, consent, dry_run=dry_run)
    would = "would be " if dry_run else ""
    say(f"{len(added)} {would}added, {len(addresses) - len(added)} on the list already")


@subscribers.command()
@click.argument("address")
@click.option("--note", metavar="TEXT", help="Why, or how they asked; kept with it.")
@dry_run_option
@with_newsroom
def remove(room: Newsroom, address: str, note: str | None, dry_run: bool) -> None:
    """Unsubscribe an address; what it was sent stays in the ledger.

    \b
    Example:
      newsletter subscribers remove afi@lecteurs.example
    """
    from newsletter import subscribe

    before = subscribe.remove(room, address, note=note, dry_run=dry_run)
    if before.status in subscribe.MAY_LEAVE:
        say(f"{before.address}: {'would be ' if dry_run else ''}unsubscribed")
    else:
        say(f"{before.address}: {before.status} already")


@subscribers.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@json_option
@with_newsroom
def list_(room: Newsroom, status: str | None, as_json: bool) -> None:
    """List the subscribers.

    \b
    Example:
      newsletter subscribers list --status active
    """
    from newsletter import subscribe

    people = subscribe.listed(room, SubscriberStatus(status) if status else None)
    if as_json:
        print_json([_figures(one) for one in people])
    else:
        print_table(("address", "status", "since"), [tuple(_figures(one).values()) for one in people])


@subscribers.command()
@click.argument("text")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@json_option
@with_newsroom
def find(room: Newsroom, text: str, status: str | None, as_json: bool) -> None:
    """Look for subscribers by a part of their address or name: the newest fifty. A whole address finds its own alone.

    \b
    Example:
      newsletter subscribers find dossou
    """
    from newsletter import readers

    found = readers.find(room, text, SubscriberStatus(status) if status else None)
    rows = [_figures(one) | {"name": one.name} for one in found.people]
    if as_json:
        print_json(rows)
    else:
        print_table(("address", "status", "since", "name"), [tuple(row.values()) for row in rows])
    if found.more:
        complain(f"there are more than {len(rows)}: say more of the address or the name")


@subscribers.command()
@click.argument("address")
@click.option("--everything", is_flag=True, help="All that is kept of them, as JSON: what a reader may ask for.")
@json_option
@with_newsroom
def show(room: Newsroom, address: str, everything: bool, as_json: bool) -> None:
    """Show one subscriber; `newsletter trace` tells what they were sent.

    \b
    Example:
      newsletter subscribers show afi@lecteurs.example
      newsletter subscribers show afi@lecteurs.example --everything
    """
    from newsletter import readers, subscribe

    one = subscribe.find(room, address)
    if everything:
        print_json(readers.hand_out(room, one, who=room.here))
        return
    figures = _figures(one) | {"name": one.name, "variant": one.variant.value, "paused_until": iso(one.paused_until)}
    acts = [_act(act) for act in subscribe.history(room, one)]
    if as_json:
        print_json(figures | {"consents": acts})
        return
    for key, value in figures.items():
        say(f"{key}: {value or '–'}")
    print_table(tuple(acts[0]) if acts else (), [tuple(act.values()) for act in acts])


def _act(act: Consent) -> dict[str, object]:
    origin = act.origin
    figures: dict[str, object] = {"at": iso(act.at), "act": act.act.value, "how": origin.how, "page": origin.page}
    return figures | {"wording": origin.wording, "network": origin.network, "note": origin.note, "import": act.imported}


def _figures(one: Subscriber) -> dict[str, object]:
    return {"address": one.address, "status": one.status.value, "since": iso(one.since)}


@subscribers.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
@dry_run_option
@with_newsroom
def forget(room: Newsroom, address: str, yes: bool, dry_run: bool) -> None:
    """Delete what is personal of an address, for good: what a reader may ask for.

    A keyed hash stays, by which an import knows the address again and leaves it out. Its owner may sign up again.

    \b
    Example:
      newsletter subscribers forget afi@lecteurs.example
    """
    from newsletter import subscribe
    from newsletter.model import Origin

    one = subscribe.find(room, address)
    if not (yes or dry_run) and sys.stdin.isatty():
        click.confirm(f"Forget {one.address}? It cannot be undone.", abort=True)
    subscribe.forget(room, one, Origin("command"), who=room.here, dry_run=dry_run)
    say(f"{one.address}: {'would be ' if dry_run else ''}forgotten")


@subscribers.command()
@click.argument("address")
@click.option("--consent", metavar="TEXT", required=True, help="How we know that they asked; kept with it.")
@dry_run_option
@with_newsroom
def revive(room: Newsroom, address: str, consent: str, dry_run: bool) -> None:
    """Bring back an address that complained or was unreachable, since its owner asked for it.

    Who left comes back by signing up: nobody else may do that for them.

    \b
    Example:
      newsletter subscribers revive afi@lecteurs.example --consent "par téléphone, 12 mars 2026"
    """
    from newsletter import subscribe

    one = subscribe.revive(room, address, consent, dry_run=dry_run)
    say(f"{one.address}: {'would be ' if dry_run else ''}active again")


# --- Lists ----------------------------------------------------------------------------------------


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@consent_option
@click.option("--told", type=click.IntRange(min=0), help="How many bad rows to tell; default: 20, in a dry run 10.")
@dry_run_option
@json_option
@with_newsroom
def import_(room: Newsroom, file: Path, consent: str | None, told: int | None, dry_run: bool, as_json: bool) -> None:
    """Put the addresses of a CSV file on the list, as Mailchimp, MailPoet, listmonk, Ghost or Substack export it.

    Or any list with a column email (or adresse, e-mail, courriel), and perhaps name. Rows that cannot be used are told
    with their line, and the others go on. Who has left, here or by what the file says, is not brought back. Again
    with the same file changes nothing.

    \b
    Example:
      newsletter subscribers import lecteurs.csv --consent "formulaire du site, 2026" --dry-run
    """
    from newsletter import imports
    from newsletter.errors import BadData, Unfinished

    told = told if told is not None else TOLD_IN_REHEARSAL if dry_run else TOLD
    try:
        with _progress(quiet=as_json) as watch:
            result = imports.import_file(room, file, consent, dry_run=dry_run, told=told, watch=watch)
    except KeyboardInterrupt:
        raise Unfinished(f"{file}: stopped; who was added stays: run again, and it goes on") from None
    _complain_of(file, "", result.bad, result.bad_count)
    _complain_of(file, " again", result.twice, result.duplicates)
    if as_json:
        print_json(_sums(result))
    else:
        say(_said(result, dry_run))
    if not result.usable:
        why = f": {counted(result.left_out.total(), 'row')} left out by what the file says" if result.left_out else ""
        raise BadData(f"{file}: no row could be used{why}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Watch]:
    """A bar with rows, rate and time to go on a terminal; nothing in cron."""
    if quiet or not sys.stderr.isatty():
        yield lambda doing, share, rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def watch(doing: str, share: float, rows: int) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing, total=1.0, rows="")
            elapsed = next(task.elapsed for task in bar.tasks if task.id == tasks[doing]) or 0.0
            rate = f", {rows / elapsed:,.0f}/s" if elapsed else ""
            bar.update(tasks[doing], completed=share, rows=f"{rows:,} rows{rate}")

        yield watch


def _complain_of(file: Path, kind: str, lines: list[str], count: int) -> None:
    for line in lines:
        complain(f"{file}: {line}")
    if count > len(lines):
        complain(f"{file}: and {count - len(lines)} more{kind}")


def _sums(result: Imported) -> dict[str, object]:
    return {
        "format": result.format,
        "added": result.added,
        "known": result.known,
        "left_out": result.left_out.total(),
        "reasons": dict(result.left_out),
        "duplicates": result.duplicates,
        "bad_count": result.bad_count,
        "bad": result.bad,
    }


def _said(result: Imported, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    parts = [f"{result.added} {would}added", f"{result.known} on the list already"]
    if result.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.left_out.most_common())
        parts.append(f"{result.left_out.total()} left out ({reasons})")
    if result.duplicates:
        parts.append(f"{counted(result.duplicates, 'row')} for an address that stands there before")
    return ", ".join([*parts, f"{result.bad_count} unusable"]) + f" ({result.format})"


@subscribers.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--consent", "with_acts", is_flag=True, help="Every act of consent, one row each, in place of readers.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="Default: csv.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: here.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@with_newsroom
def export(room: Newsroom, status: str | None, with_acts: bool, form: str, out: Path | None, as_json: bool) -> None:
    """Hand out the list: each reader with how they joined; or, with --consent, all that readers did, as its proof.

    A file is made readable by its owner alone, and never written over another. The forgotten do not stand in it:
    nothing is left of them to hand out.

    \b
    Example:
      newsletter subscribers export --status active --out lecteurs.csv
      newsletter subscribers export --consent --format json
    """
    from newsletter import exports

    if with_acts and status:
        raise click.UsageError("--status goes with readers, not with --consent")
    as_json = as_json or form == "json"
    wanted = SubscriberStatus(status) if status else None
    exports.note(room, room.here, "json" if as_json else "csv", wanted, acts=with_acts)
    records = exports.acts(room) if with_acts else exports.people(room, wanted)
    columns = exports.ACT_COLUMNS if with_acts else exports.COLUMNS
    parts = exports.json_of(records) if as_json else exports.csv_of(columns, records)
    if out:
        exports.save(out, parts)
        return
    for part in parts:
        click.echo(part.encode(), nl=False)  # bytes: UTF-8 it is, whatever the terminal speaks
