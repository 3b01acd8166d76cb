"""bounces classify."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import complain, json_option, say

if TYPE_CHECKING:
    from newsletter.model.bounces import Returned

CLASSES = {True: "permanent", False: "temporary", None: None}
# What it says to a judge from outside: who asks for a proof is a machine that answers, and people's mails are none.
KINDS = {"challenge": "vacation", "unsubscribe": "none", "letter": "none"}


@click.group()
def bounces() -> None:
    """What comes back: bounces, complaints, answers.

    \b
    Example:
      newsletter bounces classify mail.eml
    """


@bounces.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@json_option
def classify(files: tuple[str, ...], as_json: bool) -> None:
    """Say what returned mails are, whom they name and why. It touches no database, and needs no configuration.

    FILE may be - for standard input.

    \b
    Example:
      newsletter bounces classify --json mail.eml
      newsletter bounces classify - < mail.eml
    """
    from newsletter import bounce

    unread = 0
    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except (OSError, ValueError) as error:
            complain(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})")
            unread += 1
            continue
        returned = bounce.read(raw)
        say(json.dumps(_figures(name, returned)) if as_json else _line(name, returned))
    if unread:
        raise SystemExit(65)


def _figures(name: str, returned: Returned) -> dict[str, Any]:
    kind = returned.kind.value
    recipients = [
        {
            "address": failure.address,
            "class": CLASSES[failure.permanent],
            "reason": failure.reason.value,
            "suppress": failure.suppress,
        }
        for failure in returned.failures
        if failure.address
    ]
    return {"file": name, "kind": KINDS.get(kind, kind), "recipients": recipients}


def _line(name: str, returned: Returned) -> str:
    people = [
        f"{failure.address} ({', '.join(filter(None, (CLASSES[failure.permanent], failure.reason.value)))}"
        f"{', gone' if failure.suppress else ''})"
        for failure in returned.failures
        if failure.address
    ]
    return f"{name}: {returned.kind.value}{': ' if people else ''}{', '.join(people)}"
