"""edition extra, correct, results."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    counted,
    date_option,
    dry_run_option,
    json_option,
    print_json,
    print_table,
    say,
    which_edition,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom
    from newsletter.results import Results


@click.command()
@date_option
@dry_run_option
@json_option
@with_newsroom
def extra(room: Newsroom, day: date | None, dry_run: bool, as_json: bool) -> None:
    """Make an extra edition beside the day's, with nothing in it yet.

    Take articles in, or give it a note and a subject; then approve it.

    \b
    Example:
      newsletter edition extra
    """
    from newsletter import corrections

    made = corrections.make_extra(room, day or room.today(), room.here, dry_run=dry_run)
    if as_json:
        print_json({"edition": made.name, "status": made.status.value})
        return
    would = "would be " if dry_run else ""
    say(f"edition {made.name}: {would}{made.status}, without an article; it goes to everybody who receives editions")


@click.command()
@click.argument("corrected", metavar="NAME")
@click.option("--text", help="What is corrected; - reads it from standard input.")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="The same, out of a file.")
@click.option("--subject", help="In the place of the one that says what it corrects.")
@click.option("--article", type=int, metavar="ID", help="The article concerned, of those that the edition carried.")
@dry_run_option
@json_option
@with_newsroom
def correct(
    room: Newsroom,
    corrected: str,
    text: str | None,
    file: Path | None,
    subject: str | None,
    article: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a correction of an edition that went out, as a draft for those who have it.

    \b
    Example:
      newsletter edition correct 2026-11-23 --text "Le port rouvre jeudi, et non mercredi."
      newsletter edition correct 2026-11-23 --file rectificatif.txt --article 12
    """
    from newsletter import corrections, edit

    edition, told, who = edit.named(room, None, corrected), _text(text, file), room.here
    seen = corrections.propose(room, edition.id, told, subject=subject, article=article)
    made = corrections.make_correction(room, edition.id, told, who, subject=subject, article=article, dry_run=dry_run)
    if as_json:
        figures = {"edition": made.name, "status": made.status.value, "corrects": edition.name}
        print_json(figures | {"subject": made.subject, "readers": seen.readers, "waiting": seen.waiting})
        return
    would = "would be " if dry_run else ""
    say(f"edition {made.name}: {would}{made.status}, « {made.subject} », for {counted(seen.readers, 'reader')}")
    if seen.waiting:
        say(f"{counted(seen.waiting, 'reader')} may still get {edition.name}, and not this: let it end first")


def _text(given: str | None, file: Path | None) -> str:
    """The text itself, a file's, or what stands on standard input."""
    if (given is None) == (file is None):
        raise click.UsageError("--text or --file says what is corrected: one of them")
    if given == "-":
        return sys.stdin.read()
    if file is None:
        return given or ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file}: {error}", param_hint="--file") from None


@click.command()
@which_edition
@json_option
@with_newsroom
def results(room: Newsroom, day: date | None, name: str | None, as_json: bool) -> None:
    """What came of an edition: by state and by mailbox provider, what was refused, how many left.

    \b
    Example:
      newsletter edition results
      newsletter edition results --edition 2026-11-23-extra --json
    """
    from newsletter import edit
    from newsletter import results as figures

    found = figures.of_edition(room, edit.named(room, day, name))
    if as_json:
        print_json(found.figures())
        return
    _print_results(found)


def _print_results(found: Results) -> None:
    from newsletter.results import STATES

    say(f"edition {found.edition.name}: {found.edition.status}, {counted(found.edition.audience, 'reader')}")
    if found.purged:
        since = f" since {found.since}" if found.since else ""
        say(f"its deliveries were over their time{since} (retention.ledger) and are deleted: this was kept of them")
    elif found.edition.audience and not found.all.total:
        say("its deliveries were deleted when their time was over (retention.ledger): there is nothing left to count")
        return
    heads = ("provider", *(state.replace("_", " ") for state in STATES))
    rows = [(one.name, *one.figures().values()) for one in found.providers]
    if found.other_count:
        rows.append((f"{found.other_count} others", *found.others.figures().values()))
    rows.append(("all", *found.all.figures().values()))
    if not sys.stdout.isatty():
        say("\t".join(heads))
    print_table(heads, rows)
    if found.newcomers and found.newcomers.total:
        say(f"to newcomers, of these: {found.newcomers.total}")
    for reply, times in found.refusals:
        say(f"  {times} × {reply}")
    if found.left is not None:
        say(f"{counted(found.left, 'reader')} left since, before the next edition")
    _print_back(found)


def _print_back(found: Results) -> None:
    if found.back is None and found.reads:
        say("what came back of it was over its time and is deleted (retention.bounces)")
        return
    if found.back is None:
        say("mails that come back later are not read yet: accepted says that the relay took them, no more")
        say("[bounces] in newsletter.toml says where they arrive")
        return
    of = found.back
    say(f"came back: {of.hard} for good, {of.soft} for now; {counted(of.complaints, 'complaint')}")
    for reason, number in of.reasons:
        say(f"  {number} × {reason.replace('_', ' ')}")
