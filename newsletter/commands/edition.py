"""edition build, show, explain, draft, approve, hold, cancel; others stand in `shaping`, `corrections`, `going`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    complain,
    counted,
    date_option,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    which_edition,
    with_newsroom,
)
from newsletter.commands.corrections import correct, extra, results
from newsletter.commands.going import GOING
from newsletter.commands.shaping import SHAPING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Choice, Edition, EditionStatus
    from newsletter.newsroom import Newsroom


@click.group()
def edition() -> None:
    """Make the day's edition, look at it, decide on it; and what came of it.

    \b
    Example:
      newsletter edition build
      newsletter edition explain
      newsletter edition hold --date 2026-11-23
    """


for command in (*SHAPING, extra, correct, results, *GOING):
    edition.add_command(command)

subject_option = click.option("--subject", help="In the place of the lead's title; empty: the lead's title again.")


@edition.command()
@date_option
@subject_option
@dry_run_option
@json_option
@with_newsroom
def build(room: Newsroom, day: date | None, subject: str | None, dry_run: bool, as_json: bool) -> None:
    """Collect the articles and pick the day's choice, as a draft.

    \b
    Example:
      newsletter edition build --dry-run
    """
    from newsletter import making

    made = making.make(room, day or room.today(), room.here, subject=subject, dry_run=dry_run)
    for harvest in made.gathered.harvests:
        if harvest.error:
            complain(harvest.complaint)
    made.gathered.check()
    _show(made.edition, made.picked, as_json)


@edition.command()
@which_edition
@json_option
@with_newsroom
def show(room: Newsroom, day: date | None, name: str | None, as_json: bool) -> None:
    """Show the edition as it stands.

    \b
    Example:
      newsletter edition show --json
    """
    from newsletter import edit

    found, choices = edit.look(room, day, name)
    _show(found, [choice for choice in choices if choice.picked], as_json)


def _show(found: Edition, picked: Sequence[Choice], as_json: bool) -> None:
    if as_json:
        articles = [_figures(choice) for choice in picked]
        print_json(
            {"edition": found.name, "status": found.status.value, "picked_at": iso(found.picked_at)}
            | {"articles": articles}
        )
        return
    say(
        f"edition {found.name}: {found.status}, {counted(len(picked), 'article')}"
        + (f": {found.remark}" if found.remark else "")
    )
    rows = [
        (one.place, one.candidate.id, one.section, one.article.title, ", ".join(one.article.authors)) for one in picked
    ]
    print_table(("place", "article", "section", "title", "authors"), rows)


def _figures(choice: Choice) -> dict[str, Any]:
    article = choice.article
    return {
        "article": choice.candidate.id,
        "place": choice.place,
        "section": choice.section,
        "title": article.title,
        "url": article.url,
        "authors": list(article.authors),
        "published": iso(choice.candidate.published),
    }


@edition.command()
@which_edition
@json_option
@with_newsroom
def explain(room: Newsroom, day: date | None, name: str | None, as_json: bool) -> None:
    """Say of every article considered why it is in or out.

    \b
    Example:
      newsletter edition explain --date 2026-11-23
    """
    from newsletter import edit

    _found, choices = edit.look(room, day, name)
    if as_json:
        print_json(
            [
                {
                    "article": choice.candidate.id,
                    "title": choice.article.title,
                    "url": choice.article.url,
                    "picked": choice.picked,
                    "place": choice.place,
                    "reason": choice.reason,
                    "by": choice.by,
                }
                for choice in choices
            ]
        )
        return
    print_choices(choices)


def print_choices(choices: Sequence[Choice]) -> None:
    """Every article considered, in or out, with its reason."""
    if not choices:
        say("no article was considered: the sources gave none")
    rows = [(one.place or "–", one.candidate.id, one.section, one.article.title, one.reason, one.by) for one in choices]
    print_table(("place", "article", "section", "title", "reason", "by"), rows)


@edition.command()
@which_edition
@subject_option
@dry_run_option
@with_newsroom
def approve(room: Newsroom, day: date | None, name: str | None, subject: str | None, dry_run: bool) -> None:
    """Keep the edition's choice as it is: `send` will not pick again.

    \b
    Example:
      newsletter edition approve --subject "Le port rouvre ce matin"
    """
    from newsletter.model import EditionStatus

    _decide(room, day, name, EditionStatus.APPROVED, dry_run, subject)


@edition.command()
@which_edition
@dry_run_option
@with_newsroom
def hold(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Keep the edition from being sent, until it is approved.

    \b
    Example:
      newsletter edition hold
    """
    from newsletter.model import EditionStatus

    _decide(room, day, name, EditionStatus.HELD, dry_run)


@edition.command()
@which_edition
@dry_run_option
@with_newsroom
def cancel(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """No edition that day; its articles stay for the next one.

    \b
    Example:
      newsletter edition cancel --date 2026-12-25
    """
    from newsletter.model import EditionStatus

    _decide(room, day, name, EditionStatus.CANCELLED, dry_run)


def _decide(
    room: Newsroom,
    day: date | None,
    name: str | None,
    status: EditionStatus,
    dry_run: bool,
    subject: str | None = None,
) -> None:
    from newsletter import edit
    from newsletter.model import DAILY

    meant = edit.named(room, None, name) if name else None
    slot = meant.slot if meant else DAILY
    day = meant.day if meant else day or room.today()
    found = edit.decide(room, day, status, slot=slot, subject=subject, dry_run=dry_run)
    at = f", and goes at {found.go_at.astimezone(room.config.newsletter.zone):%H:%M:%S}" if found.go_at else ""
    say(f"edition {found.name}: {'would be ' if dry_run else ''}{found.status}{at}")


@edition.command()
@date_option
@click.option("--again", is_flag=True, help="Also where it was mailed today already.")
@dry_run_option
@with_newsroom
def draft(room: Newsroom, day: date | None, again: bool, dry_run: bool) -> None:
    """Make the day's draft, and mail it to those who work at the desk, with links to decide on it. Once a day.

    `newsletter run` does it by itself at `schedule.draft_at`.

    \b
    Example:
      newsletter edition draft
    """
    from newsletter import draft as drafts
    from newsletter import post

    day = day or room.today()
    if drafts.was_mailed(room, day) and not again:
        say(f"the draft of {day} was mailed already; --again mails it once more")
        return
    done = drafts.mail(room, day, again=again, dry_run=dry_run)
    for remark in done.made.gathered.remarks:
        complain(remark)
    would = "would be " if dry_run else ""
    told = f"{would}mailed to {counted(len(done.told), 'editor')}" if done.told else "nobody works at the desk yet"
    say(f"edition {done.made.edition.name}: {counted(len(done.made.picked), 'article')}, {told}")
    if not dry_run:
        post.try_to_send(room, lambda: False)
