"""bounces, bounces list, bounces letters, bounces classify."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    complain,
    config_option,
    counted,
    iso,
    json_option,
    open_newsroom,
    print_json,
    print_table,
    say,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.model import Bounce, Returned
    from newsletter.newsroom import Newsroom
    from newsletter.returns.inbox import Sums

LARGEST = 30_000_000  # bytes of a mail on standard input
AGAIN = 75  # what tells a mail server to try again (EX_TEMPFAIL): with any other code it would send the mail back
LISTED = 50
CLASSES = {True: "permanent", False: "temporary", None: None}
# What it says to a judge from outside: who asks for a proof is a machine that answers, and people's mails are none.
KINDS = {"challenge": "vacation", "unsubscribe": "none", "letter": "none"}


@click.group(invoke_without_command=True)
@click.option("--inbox", metavar="PLACE", help="Another mailbox than bounces.inbox, written as that is.")
@click.option("--stdin", "by_pipe", is_flag=True, help="One mail on standard input, as a mail server's pipe gives it.")
@config_option
@json_option
@click.pass_context
def bounces(ctx: click.Context, inbox: str | None, by_pipe: bool, as_json: bool) -> None:
    """Read what came back: bounces, complaints, answers by machines and by people. Who is gone leaves the list.

    Reading the same mailbox twice changes nothing. What a person wrote goes on to the newsroom.

    \b
    Example:
      newsletter bounces
      newsletter bounces --inbox mbox:/var/mail/lettre
      newsletter bounces --stdin < mail.eml
    """
    if ctx.invoked_subcommand:
        return
    if by_pipe and inbox:
        raise click.UsageError("--inbox and --stdin: one or the other")
    if by_pipe:
        _take_piped(ctx)
        return
    sums = _read(open_newsroom(ctx), inbox)
    print_json(sums.figures()) if as_json else _tell(sums)


def _read(room: Newsroom, inbox: str | None) -> Sums:
    from newsletter import instance
    from newsletter.returns.inbox import read_inbox
    from newsletter.settings import Inbox

    instance.check(room)
    try:
        where = Inbox.parse(inbox)
    except ValueError as error:
        raise click.BadParameter(f"{inbox}: {error}", param_hint="--inbox") from None
    return read_inbox(room, where)


def _take_piped(ctx: click.Context) -> None:
    """Whatever goes wrong, the mail server keeps the mail and tries again: none is lost, and none is sent back."""
    try:
        from newsletter import instance
        from newsletter.returns import Done
        from newsletter.returns.inbox import is_empty, take_mail

        room = open_newsroom(ctx)
        instance.check(room)
        raw = _piped(LARGEST + 1)
        if is_empty(raw):
            return
        if len(raw) > LARGEST:
            complain(f"a mail of more than {LARGEST:,} bytes: not taken")
            ctx.exit(AGAIN)
        if take_mail(room, raw, via="stdin").done is Done.LEFT_THERE:
            complain("a letter that cannot be passed on now")
            ctx.exit(AGAIN)
    except (click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        logging.getLogger(__name__).debug("not taken in", exc_info=True)
        complain(str(error) or type(error).__name__)
        ctx.exit(AGAIN)


def _piped(most: int = -1) -> bytes:
    if sys.stdin is None:  # as Python has it where whoever called us has closed it
        raise OSError("standard input is closed: there is no mail")
    return sys.stdin.buffer.read(most)


def _tell(sums: Sums) -> None:
    kinds = [f"{n} {kind.value}" for kind, n in sums.kinds.most_common()]
    say(f"{counted(sums.mails, 'mail')}{': ' if kinds else ''}{', '.join(kinds)}")
    for done, n in sums.done.most_common():
        say(f"{done.value.replace('_', ' ')}: {n}")
    if sums.failed:
        complain(f"{counted(sums.failed, 'mail')} could not be taken in, and stayed where they are")
    if sums.refusals:
        say(f"unreachable by what the relay said when we sent: {sums.refusals}")


@bounces.command("list")
@click.option("--edition", "name", metavar="NAME", help="Only of this edition, as 2026-11-23.")
@click.option("--unproven", is_flag=True, help="Only what nothing proves whose it is: it takes nobody off.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=LISTED, show_default=True, help="At most so many.")
@json_option
@with_newsroom
def list_(room: Newsroom, name: str | None, unproven: bool, limit: int, as_json: bool) -> None:
    """List what came back, the newest first.

    \b
    Example:
      newsletter bounces list --edition 2026-11-23
    """
    from newsletter import returns

    rows = [_row(one, reader) for one, reader in returns.listed(room, name, unproven=unproven, limit=limit)]
    print_json(rows) if as_json else print_table(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


def _row(one: Bounce, reader: str) -> dict[str, object]:
    figures: dict[str, object] = {"at": iso(one.at), "kind": one.kind.value, "address": reader or one.address or None}
    figures |= {"via": one.via, "proof": one.proof.value, "reason": one.reason.value if one.reason else None}
    return figures | {
        "permanent": one.permanent,
        "dead": one.suppress,
        "code": one.code or None,
        "said": one.text or None,
    }


@bounces.command("letters")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Save them there.")
@json_option
@with_newsroom
def letters_(room: Newsroom, out: Path | None, as_json: bool) -> None:
    """List readers' letters that could not be passed on to the newsroom; with --out, save and keep them there alone.

    \b
    Example:
      newsletter bounces letters --out courrier
    """
    from newsletter import returns

    if out:
        for path in returns.save_letters(room, out):
            say(str(path))
        return
    rows = [
        {"number": one.id, "at": iso(one.created_at), "to": one.address, "from": one.details.get("reply_to") or None}
        | {"subject": one.details.get("subject"), "said": one.reply}
        for one in returns.not_passed_on(room)
    ]
    print_json(rows) if as_json else print_table(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


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
            raw = _piped() if name == "-" else Path(name).read_bytes()
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
