"""resolve."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    alone,
    counted,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    which_edition,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom
    from newsletter.resolve import Decision


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--accepted", "decision", flag_value="accepted", help="They have it: it counts as accepted.")
@click.option("--resend", "decision", flag_value="resend", help="The next `send` sends it to them once more.")
@which_edition
@dry_run_option
@json_option
@with_newsroom
def resolve(
    room: Newsroom,
    addresses: tuple[str, ...],
    decision: Decision | None,
    day: date | None,
    name: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """List the readers who may or may not have an edition; decide on them.

    No answer of the relay was heard: its log tells whether it had taken the mail.

    \b
    Example:
      newsletter resolve
      newsletter resolve ama@exemple.com --accepted
      newsletter resolve --resend && newsletter send
    """
    from newsletter import resolve as resolving

    if decision is not None:
        with alone():
            edition, chosen = resolving.resolve(room, day, decision, addresses, name=name, dry_run=dry_run)
    else:
        edition, chosen = resolving.doubts(room, day, addresses, name=name)
    if as_json:
        rows = [{"address": one.address, "at": iso(one.at), "reply": one.reply} for one in chosen]
        print_json({"edition": edition.name, "decision": decision, "doubts": rows})
        return
    say(f"edition {edition.name}: {counted(len(chosen), 'doubt')}")
    if decision is None and chosen:
        print_table(("address", "since", "what is known"), [(one.address, iso(one.at), one.reply) for one in chosen])
    elif chosen:
        would = "would " if dry_run else ""
        said = {"accepted": f"{would}count as accepted now", "resend": f"{would}get it from the next `newsletter send`"}
        say(f"{len(chosen)} {said[decision or '']}")
