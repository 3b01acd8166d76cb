"""edition move, drop, add, lead, rewrite, words, undo, redo, refresh, pick-anew, check: an edition by hand."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    complain,
    counted,
    dry_run_option,
    exit_code,
    json_option,
    print_json,
    print_table,
    say,
    which_edition,
    with_newsroom,
)
from newsletter.errors import BadData

if TYPE_CHECKING:
    from newsletter.model import Edition
    from newsletter.newsroom import Newsroom
    from newsletter.proof import Proof
    from newsletter.shaping import Change, Refreshed, Shaped

article_argument = click.argument("article", type=int)


@click.command()
@article_argument
@click.option("--before", type=int, metavar="ARTICLE", help="Put it before this one.")
@click.option("--to", "number", type=int, metavar="PLACE", help="Put it in this place; 1 is the lead.")
@which_edition
@dry_run_option
@with_newsroom
def move(
    room: Newsroom,
    article: int,
    before: int | None,
    number: int | None,
    day: date | None,
    name: str | None,
    dry_run: bool,
) -> None:
    """Put an article into another place. ARTICLE is the number that `edition explain` shows.

    \b
    Example:
      newsletter edition move 12 --before 9
      newsletter edition move 12 --to 1
    """
    from newsletter import shaping

    if (before is None) == (number is None):
        raise click.UsageError("--before or --to: where shall it go?")
    edition = _open(room, day, name)
    if number is not None:
        _told(shaping.place(room, room.here, edition.id, article, number, dry_run=dry_run), dry_run)
    else:
        _told(shaping.move(room, room.here, edition.id, article, before, dry_run=dry_run), dry_run)


@click.command()
@article_argument
@which_edition
@dry_run_option
@with_newsroom
def drop(room: Newsroom, article: int, day: date | None, name: str | None, dry_run: bool) -> None:
    """Take an article out of the edition; it stays for the next one.

    \b
    Example:
      newsletter edition drop 12
    """
    from newsletter import shaping

    _told(shaping.drop(room, room.here, _open(room, day, name).id, article, dry_run=dry_run), dry_run)


@click.command()
@article_argument
@which_edition
@dry_run_option
@with_newsroom
def add(room: Newsroom, article: int, day: date | None, name: str | None, dry_run: bool) -> None:
    """Take an article into the edition, at its end.

    \b
    Example:
      newsletter edition add 14
    """
    from newsletter import shaping

    _told(shaping.add(room, room.here, _open(room, day, name).id, article, dry_run=dry_run), dry_run)


@click.command()
@article_argument
@which_edition
@dry_run_option
@with_newsroom
def lead(room: Newsroom, article: int, day: date | None, name: str | None, dry_run: bool) -> None:
    """Make an article the lead; one that is out is taken in for it.

    \b
    Example:
      newsletter edition lead 12
    """
    from newsletter import shaping

    _told(shaping.lead(room, room.here, _open(room, day, name).id, article, dry_run=dry_run), dry_run)


# --- Words ------------------------------------------------------------------------------------------


@click.command()
@article_argument
@click.option("--title", help="In the place of the site's; empty: the site's again. So the next two.")
@click.option("--summary")
@click.option("--section")
@click.option("--picture", metavar="URL", help="Another picture.")
@click.option("--alt", metavar="TEXT", help="What the picture shows, for those who do not see it.")
@click.option("--no-picture", is_flag=True, help="None at all.")
@click.option("--as-site", is_flag=True, help="Everything as the site has it.")
@which_edition
@dry_run_option
@with_newsroom
def rewrite(
    room: Newsroom,
    article: int,
    day: date | None,
    name: str | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Write something in the place of what the site gave: in this edition alone.

    \b
    Example:
      newsletter edition rewrite 12 --title "Le pont rouvre lundi"
      newsletter edition rewrite 12 --as-site
    """
    from newsletter import shaping

    if not any(value is not None and value is not False for value in given.values()):
        raise click.UsageError("what shall be written? --title, --summary, --section, --picture, --alt, …")
    if given["no_picture"] and (given["picture"] is not None or given["alt"] is not None):
        raise click.UsageError("--no-picture: then neither --picture nor --alt")
    edition = _open(room, day, name)
    wanted = _wanted(**given)
    _told(shaping.rewrite(room, room.here, edition.id, article, wanted, dry_run=dry_run), dry_run)


def _wanted(
    as_site: bool, no_picture: bool, picture: str | None, alt: str | None, **texts: str | None
) -> dict[str, Any]:
    """What `shaping.rewrite` takes, out of the options."""
    wanted: dict[str, Any] = dict.fromkeys(("title", "summary", "picture")) if as_site else {}
    wanted |= {name: text for name, text in texts.items() if text is not None}
    if no_picture:
        wanted["picture"] = {}
    elif picture is not None:
        wanted["picture"] = {"url": picture, "alt": alt or ""}
    elif alt is not None:
        wanted["picture"] = {"alt": alt}
    return wanted


@click.command()
@click.option("--subject", help="In the place of the lead's title; empty: the lead's title again.")
@click.option("--preheader", help="What stands beside the subject; empty: the headlines again.")
@click.option("--note", help="Above the lead; - reads it from standard input, empty takes it away.")
@which_edition
@dry_run_option
@with_newsroom
def words(
    room: Newsroom,
    day: date | None,
    name: str | None,
    dry_run: bool,
    **given: str | None,
) -> None:
    """Write the edition's subject, preheader or note.

    \b
    Example:
      newsletter edition words --subject "Le port rouvre ce matin"
      cat mot.txt | newsletter edition words --note -
    """
    from newsletter import shaping

    if given["note"] == "-":
        given["note"] = sys.stdin.read()
    wanted = {key: text for key, text in given.items() if text is not None}
    if not wanted:
        raise click.UsageError("what shall be written? --subject, --preheader or --note")
    _told(shaping.write_words(room, room.here, _open(room, day, name).id, wanted, dry_run=dry_run), dry_run)


# --- Back -------------------------------------------------------------------------------------------


@click.command()
@which_edition
@dry_run_option
@with_newsroom
def undo(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Take the last act back, whoever did it; again, the one before.

    \b
    Example:
      newsletter edition undo
    """
    from newsletter import shaping

    _told(shaping.undo(room, room.here, _open(room, day, name).id, dry_run=dry_run), dry_run)


@click.command()
@which_edition
@dry_run_option
@with_newsroom
def redo(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Do again what was undone last.

    \b
    Example:
      newsletter edition redo
    """
    from newsletter import shaping

    _told(shaping.redo(room, room.here, _open(room, day, name).id, dry_run=dry_run), dry_run)


@click.command("pick-anew")
@which_edition
@dry_run_option
@with_newsroom
def pick_anew(room: Newsroom, day: date | None, name: str | None, dry_run: bool) -> None:
    """Begin again: the machine's choice, from the articles known now. `edition undo` takes it back.

    \b
    Example:
      newsletter edition pick-anew
    """
    from newsletter import shaping

    _told(shaping.pick_anew(room, room.here, _open(room, day, name).id, dry_run=dry_run), dry_run)


def _open(room: Newsroom, day: date | None, name: str | None) -> Edition:
    from newsletter import edit

    return edit.named(room, None if name else day or room.today(), name)


def _told(shaped: Shaped, dry_run: bool) -> None:
    edition = shaped.edition
    if not shaped.changed:
        say(f"edition {edition.name}: nothing to change")
        return
    say(f"edition {edition.name}: {'would be ' if dry_run else ''}changed (version {edition.version})")


# --- The sites, and a last look ---------------------------------------------------------------------


@click.command()
@click.option("--take", type=int, multiple=True, metavar="ARTICLE", help="Take over what its site changed; repeatable.")
@click.option("--take-all", is_flag=True, help="Take over all that the sites changed.")
@click.option("--leave", type=int, multiple=True, metavar="ARTICLE", help="Keep it as it was, and say no more of it.")
@which_edition
@dry_run_option
@json_option
@with_newsroom
def refresh(
    room: Newsroom,
    take: tuple[int, ...],
    take_all: bool,
    leave: tuple[int, ...],
    day: date | None,
    name: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Ask the sites what they changed since an editor decided on the edition.

    \b
    Example:
      newsletter edition refresh
      newsletter edition refresh --take 12 --leave 9
    """
    from newsletter import shaping

    edition = _open(room, day, name)
    found = shaping.refresh(room, room.here, edition.id, take=take, take_all=take_all, leave=leave, dry_run=dry_run)
    for harvest in found.gathered.harvests:
        if harvest.error:
            complain(harvest.complaint)
    if as_json:
        print_json(_figures(found))
    else:
        _print_refreshed(found)
    found.gathered.check()


def _figures(found: Refreshed) -> dict[str, Any]:
    return {
        "edition": found.edition.name,
        "changed": [_changed(one) for one in found.changes],
        "followed": [_changed(one) for one in found.followed],
        "withdrawn": [{"article": one.candidate.id, "answer": one.candidate.answer} for one in found.withdrawn],
        "new": [{"article": one.candidate.id, "title": one.article.title} for one in found.fresh],
        "taken": list(found.taken),
    }


def _changed(one: Change) -> dict[str, Any]:
    return {"article": one.choice.candidate.id, "fields": list(one.fields), "was": one.was.title, "now": one.now.title}


def _print_refreshed(found: Refreshed) -> None:
    rows = [("changed", one.choice.candidate.id, one.now.title, ", ".join(one.fields)) for one in found.changes]
    rows += [("followed", one.choice.candidate.id, one.now.title, ", ".join(one.fields)) for one in found.followed]
    rows += [("withdrawn", one.candidate.id, one.article.title, str(one.candidate.answer)) for one in found.withdrawn]
    rows += [("new", one.candidate.id, one.article.title, one.reason) for one in found.fresh]
    if rows:
        print_table(("what", "article", "title", "how"), rows)
    taken = f"; taken over: {', '.join(map(str, found.taken))}" if found.taken else ""
    say(f"edition {found.edition.name}: {counted(len(found.changes), 'change')} to take or leave{taken}")


@click.command()
@click.option("--links", is_flag=True, help="Ask the articles' pages whether they answer.")
@which_edition
@json_option
@with_newsroom
def check(room: Newsroom, links: bool, day: date | None, name: str | None, as_json: bool) -> None:
    """Say what should be looked at before the edition goes out. Leaves with 65 where it should not go out so.

    \b
    Example:
      newsletter edition check --links
    """
    from newsletter import proof

    found = proof.check(room, _open(room, day, name), links=links)
    if as_json:
        remarks = [{"level": one.level.value, "article": one.article, "said": one.said} for one in found.remarks]
        figures = {"edition": found.edition.name, "bytes": found.weight, "limit": proof.CLIPPING}
        print_json(figures | {"pictures": found.pictures, "remarks": remarks})
    else:
        _print_proof(found, proof.CLIPPING)
    if not found.sound:
        sys.exit(exit_code(BadData()))


def _print_proof(found: Proof, limit: int) -> None:
    if found.remarks:
        print_table(("level", "article", "what"), [(one.level, one.article or "–", one.said) for one in found.remarks])
    said = f"{found.weight} bytes of HTML, Gmail cuts at {limit}; {found.pictures} bytes of pictures"
    say(f"edition {found.edition.name}: {counted(len(found.remarks), 'remark')}; {said}")


SHAPING = (move, drop, add, lead, rewrite, words, undo, redo, pick_anew, refresh, check)
