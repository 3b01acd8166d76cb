"""report."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    Day,
    counted,
    edition_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.newsroom import Newsroom
    from newsletter.trends import Provider, Sum, Trends
    from newsletter.trends.tables import Row

TABLES = ("editions", "providers", "reasons", "growth")  # as trends.tables has them, which no --help should load
DAYS = 14  # of growth in a table for people; beyond, by the week


@click.command()
@click.option("--date", "day", type=Day(), help="That day's edition alone.")
@edition_option
@click.option("--last", type=click.IntRange(1, 400), help="So many editions; default: 30.")
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets, on standard output.")
@click.option("--table", type=click.Choice(TABLES), help="Which one, with --csv; default: editions.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A page with plots.")
@json_option
@with_newsroom
def report(
    room: Newsroom,
    day: date | None,
    name: str | None,
    last: int | None,
    as_csv: bool,
    table: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """What came of the last editions, of the list, and how each mailbox provider does.

    \b
    Example:
      newsletter report
      newsletter report --last 60 --html bilan.html
      newsletter report --csv --table providers
    """
    from newsletter.trends import page, tables

    _check(day, name, last, [as_csv, as_json, html is not None], table)
    found = _found(room, day, name, last)
    if html:
        page.save(room, found, html)
        say(f"{html}: {counted(len(found.editions), 'edition')}")
    elif as_json:
        print_json(tables.figures(found))
    elif as_csv:
        wanted = table or "editions"
        _print_csv(tables.COLUMNS[wanted], tables.rows(found, wanted))
    else:
        _print(room, found)


def _check(day: date | None, name: str | None, last: int | None, forms: list[bool], table: str | None) -> None:
    if sum(one is not None for one in (day, name, last)) > 1:
        raise click.UsageError("--date, --edition and --last: one of them")
    if sum(forms) > 1:
        raise click.UsageError("--csv, --json and --html: one of them")
    if table and not forms[0]:
        raise click.UsageError("--table goes with --csv")


def _found(room: Newsroom, day: date | None, name: str | None, last: int | None) -> Trends:
    from newsletter import edit, trends

    if day or name:
        return trends.of_edition(room, edit.named(room, day, name))
    return trends.of_last(room, last or trends.LAST)


def _print_csv(columns: Sequence[str], rows: Sequence[Row]) -> None:
    from newsletter import exports

    plain = [{name: _cell(value) for name, value in row.items()} for row in rows]
    for part in exports.csv_of(columns, plain):
        click.echo(part, nl=False)


def _cell(value: object) -> str | None:
    from datetime import date

    return None if value is None else iso(value) if isinstance(value, date) else str(value)


# --- For people -------------------------------------------------------------------------------------


def _print(room: Newsroom, found: Trends) -> None:
    """The tables, and what matters below them, where a terminal ends."""
    from newsletter.trends import said

    words = room.words_in("en")
    if found.editions:
        _print_growth(found)
        _print_reasons(room, found)
        _print_providers(found)
        _print_editions(found)
    for one in found.warned:
        say(f"{'problem' if one.grave else 'warning'}: {said.warning(words, one)}")
    say(said.verdict(words, found))
    if not found.read:
        say("what comes back (bounces, complaints) is not read: [bounces] in newsletter.toml says where from")
    elif found.unattributed:
        say(f"{counted(found.unattributed, 'bounce')} that nothing proves to be ours: counted for no one")
    say("who opens a mail or follows a link is not followed, and so not told")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """With its title, and its heads elsewhere than on a terminal too: there are several."""
    say(title)
    if not sys.stdout.isatty():
        say("\t".join(heads))
    print_table(heads, rows)
    if not sys.stdout.isatty():
        say()


def _print_editions(found: Trends) -> None:
    heads = ("edition", "to", "accepted", "refused", "put off", "hard", "soft", "complaints", "left")

    def cells(of: Sum, known: bool) -> list[object]:
        back = (of.hard, of.soft, of.complaints) if known else ("–",) * 3
        return [of.total, of.accepted, of.refused, of.put_off, *back]

    rows = [
        (one.edition.name, *cells(one.sum, one.known), "–" if one.left is None else one.left) for one in found.editions
    ]
    if len(rows) > 1:
        rows.append(("all", *cells(found.sum, any(one.known for one in found.editions)), found.left))
    _table("Editions", heads, rows)


def _print_providers(found: Trends) -> None:
    heads = ("provider", "accepted", "refused", "%", "put off", "%", "hard", "soft", "complaints", "‰", "")
    rows = [_provider(one.name, one) for one in found.providers]
    if found.others.sum.total:
        rows.append(_provider(f"{found.other_count} others" if found.other_count else "others", found.others))
    _table("Mailbox providers", heads, rows)


def _provider(name: str, one: Provider) -> tuple[object, ...]:
    of = one.sum
    mark = "" if not one.warned else "problem" if any(w.grave for w in one.warned) else "warning"
    return (
        *(name, of.accepted, of.refused, _per(of.refused, of.answered, 100)),
        *(of.put_off, _per(of.put_off, of.offered, 100), of.hard, of.soft),
        *(of.complaints, _per(of.complaints, of.accepted, 1000), mark),
    )


def _per(part: int, whole: int, of: int) -> str:
    return f"{of * part / whole:.2f}" if whole else "–"


def _print_reasons(room: Newsroom, found: Trends) -> None:
    from newsletter.trends import said, tables

    words = room.words_in("en")
    pooled = tables.by_reason(found.reasons)
    rows = [(said.reason(words, one.reason), one.refused, one.hard, one.soft, _most(found, one)) for one in pooled]
    if rows:
        _table("Why mails failed", ("why", "refused", "hard", "soft", "most at"), rows)


def _most(found: Trends, why: object) -> str:
    names = [one.provider for one in found.reasons if one.reason == getattr(why, "reason", None)]
    return names[0] or "others"


def _print_growth(found: Trends) -> None:
    from newsletter.trends import growth

    days = found.growth if len(found.growth) <= DAYS else growth.by_week(found.growth)
    title = "The list, day by day" if days is found.growth else "The list, week by week (from Monday)"
    heads = ("from", "joined", "left", "unreachable", "complained", "on the list")
    rows = [(one.day, one.joined, one.left, one.unreachable, one.complained, one.active) for one in days]
    _table(title, heads, rows)
