"""audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.commands import iso, json_option, print_json, print_table, with_newsroom

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom


@click.command()
@click.option("--edition", default="", metavar="NAME", help="Only what was done to that edition, as 2026-11-23.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=40, help="How many entries; default: 40.")
@json_option
@with_newsroom
def audit(room: Newsroom, edition: str, limit: int, as_json: bool) -> None:
    """What was done at the desk and here, the newest first: when, by whom, what.

    \b
    Example:
      newsletter audit --limit 10
      newsletter audit --edition 2026-11-23 --json
    """
    from newsletter import auditlog

    found, words = auditlog.page(room, limit=limit, edition=edition), room.words_in("en")
    rows = [
        {
            "id": one.id,
            "at": iso(one.at),
            "who": one.who.name,
            "act": one.act,
            "told": auditlog.told(one, words, found.titles),
            "edition": found.editions.get(one.edition_id) if one.edition_id is not None else None,
            "article": one.article_id,
            "subscriber": one.subscriber_id,
            "before": one.before,
            "after": one.after,
            "undone": one.undone,
        }
        for one in found.entries
    ]
    if as_json:
        print_json(rows)
        return
    names = [auditlog.name_of(one, words) for one in found.entries]
    told = [f"{row['told']}{' (taken back since)' if row['undone'] else ''}" for row in rows]
    print_table(
        ("when", "who", "edition", "what"),
        [(row["at"], name, row["edition"], what) for row, name, what in zip(rows, names, told, strict=True)],
    )
