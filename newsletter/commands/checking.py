"""check-edition."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    counted,
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
    from newsletter.inspection import Inspection, Mute, Score
    from newsletter.newsroom import Newsroom


@click.command("check-edition")
@which_edition
@click.option("--offline", is_flag=True, help="Ask no link and no picture.")
@json_option
@with_newsroom
def check_edition(room: Newsroom, day: date | None, name: str | None, offline: bool, as_json: bool) -> None:
    """Look the whole mail through before it goes: spam filters, dead links, weight, contrast.

    Where there is no edition yet, one is made up and not kept. Leaves with 65 where
    there is a problem.

    \b
    Example:
      newsletter check-edition
      newsletter check-edition --offline --json
    """
    from newsletter import inspection

    found = inspection.inspect(room, day, name, offline=offline)
    if as_json:
        print_json(_figures(found, offline))
    else:
        _print(found, offline)
    if not found.sound:
        sys.exit(exit_code(BadData()))


def _figures(found: Inspection, offline: bool) -> dict[str, Any]:
    from newsletter.proof import CLIPPING

    return {
        "edition": found.edition.name,
        "bytes": found.html,
        "limit": CLIPPING,
        "phone": {"mail": found.cost.mail, "pictures": found.cost.pictures, "seconds": found.cost.seconds},
        "pictures": [{"url": one.url, "bytes": one.bytes, "status": one.status} for one in found.pictures],
        "asked": None if offline else found.asked,
        "not_asked": list(found.left),
        "filters": [_judgement(one) for one in found.judgements],
        "findings": [
            {"check": one.check.value, "level": one.level.value, "article": one.article, "said": one.said}
            for one in found.findings
        ],
    }


def _judgement(one: Score | Mute) -> dict[str, Any]:
    from newsletter.inspection import Mute

    if isinstance(one, Mute):
        return {"program": one.program, "points": None, "why": one.why}
    rules = [{"name": rule.name, "points": rule.points, "meaning": rule.meaning} for rule in one.rules]
    return {"program": one.program, "points": one.points, "threshold": one.threshold, "spam": one.spam, "rules": rules}


def _print(found: Inspection, offline: bool) -> None:
    from newsletter.inspection import Mute
    from newsletter.proof import CLIPPING

    if found.findings:
        rows = [(one.level, one.check, one.article or "–", one.said) for one in found.findings]
        print_table(("level", "check", "article", "what"), rows)
    if found.pictures:
        print_table(
            ("picture", "bytes"), [(one.url, "?" if one.bytes is None else one.bytes) for one in found.pictures]
        )
    for one in found.judgements:
        if not isinstance(one, Mute):
            say(f"{one.program}: {one.points:g} points, {one.threshold:g} are spam")
            rows_of = [(f"{rule.points:+.1f}", rule.name, rule.meaning) for rule in one.rules if rule.points]
            print_table(("points", "rule", "meaning"), rows_of)
    if not found.judgements:
        say("no spam filter is installed here (spamassassin, rspamd): nothing is said of that")
    asked = "nobody was asked" if offline else f"{found.asked} links and pictures asked"
    say(f"a phone fetches {found.cost.all} bytes: {found.cost.mail} of mail, {found.cost.pictures} of pictures;"
        f" {counted(found.cost.seconds, 'second')} on a poor line")  # fmt: skip
    say(
        f"edition {found.edition.name}: {counted(len(found.findings), 'finding')}; {found.html} bytes of HTML,"
        f" Gmail cuts at {CLIPPING}; {asked}"
    )
