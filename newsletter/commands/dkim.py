"""dkim keygen, dkim show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import dry_run_option, json_option, print_json, say, with_newsroom

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom


@click.group()
def dkim() -> None:
    """The keys that sign mails, and what belongs into the DNS for them.

    \b
    Example:
      newsletter dkim keygen
    """


@dkim.command()
@click.option("--selector", help="The key's name in the DNS; default: the configured one, else newsletter.")
@click.option("--ed25519", is_flag=True, help="An Ed25519 key beside the RSA key, which is kept if it is there.")
@dry_run_option
@with_newsroom
def keygen(room: Newsroom, selector: str | None, ed25519: bool, dry_run: bool) -> None:
    """Make a key, and print what belongs into the DNS and into newsletter.toml. Never overwrites one.

    \b
    Example:
      newsletter dkim keygen
      newsletter dkim keygen --selector lettre-2027
    """
    from newsletter import domainkeys

    made = domainkeys.keygen(room, selector, ed25519=ed25519, dry_run=dry_run)
    for one in made:
        say(f"{_deed(one.new, dry_run)}: {one.path}")
    for one in made:
        if one.record:
            print_record(one.record.name, one.record.value, one.record.strings)
    say("\nInto newsletter.toml, when the DNS knows it:\n")
    for line in domainkeys.lines(room.config, made):
        say(line)


def _deed(new: bool, dry_run: bool) -> str:
    if not new:
        return "there already"
    return "would write" if dry_run else "written"


@dkim.command()
@json_option
@with_newsroom
def show(room: Newsroom, as_json: bool) -> None:
    """Print again what belongs into the DNS for the keys that sign.

    \b
    Example:
      newsletter dkim show
    """
    from newsletter import domainkeys

    found = domainkeys.records(room)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": one.name, "type": "TXT", "value": one.value, "strings": one.strings} for one in found
        ]
        print_json(rows)
        return
    for one in found:
        print_record(one.name, one.value, one.strings)


def print_record(name: str, value: str, strings: list[str]) -> None:
    """As a line of a zone file, and as a form on a web page asks for it."""
    say("\nInto the DNS, in a zone file:\n")
    quoted = [f'"{string}"' for string in strings]
    say(f"{name}. IN TXT {quoted[0]}" if len(quoted) == 1 else f"{name}. IN TXT (")
    if len(quoted) > 1:
        for string in quoted:
            say(f"  {string}")
        say(")")
    say("\nor in a form: type TXT, with this name and this value (in one line, without quotes):\n")
    say(name)
    say(value)
