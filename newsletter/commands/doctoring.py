"""doctor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import json_option, print_json, say, with_newsroom
from newsletter.commands.dkim import print_record

if TYPE_CHECKING:
    from newsletter.doctor import Look
    from newsletter.doctor.finding import Finding
    from newsletter.doctor.records import Entry
    from newsletter.newsroom import Newsroom

COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}
PATIENCE = 15.0  # seconds for a site, its repeats included: somebody is waiting
OUT_OF_REACH = {"sources", "relay", "database"}  # what fails there is not at work; all else is set up wrongly


@click.command()
@click.option("--send-to", metavar="ADDRESS", help="Mail today's edition there as a test, and say how to look at it.")
@click.option(
    "--received",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Look at a test mail as it arrived: its source, saved as a file.",
)
@json_option
@with_newsroom
def doctor(room: Newsroom, send_to: str | None, received: Path | None, as_json: bool) -> None:
    """Is all set up so that mail arrives, and readers can leave? Says what is wrong, and what to do about it.

    Nothing is changed, and nothing is sent but what --send-to asks for.

    \b
    Example:
      newsletter doctor
      newsletter doctor --send-to redaction@mailbox.example
      newsletter doctor --received test.eml
    """
    if send_to and received:
        raise click.UsageError("--received goes without --send-to: first send, then look at what arrived")
    sys.exit(run(room, send_to=send_to, received=received, as_json=as_json))


def run(room: Newsroom, *, send_to: str | None, received: Path | None, as_json: bool) -> int:
    """All of the command; returns its exit code."""
    from newsletter import doctor as doctors
    from newsletter.doctor import arrived, records

    room.fetcher, room.lookup = room.fetcher.hurried(PATIENCE), room.lookup.remembering()
    if received:
        with _telling("reading the mail"):
            findings, entries = arrived.look(room, received.read_bytes()), []
    else:
        with _telling("looking") as tell:
            written: list[Entry] = []
            looks = [*doctors.looks(room), *records.looks(room, written)]
            findings = doctors.examine(looks, lambda look: tell(_said(look)))
            entries = records.seen(written, findings)
        if send_to:
            findings += arrived.send(room, send_to)
    if as_json:
        print_json({"findings": [_figures(one) for one in findings], "records": [_row(one) for one in entries]})
    else:
        _print(findings)
        _print_records(entries)
    return _exit_code(findings)


def _exit_code(findings: list[Finding]) -> int:
    """0 where nothing failed; 69 where only what is out of reach did, 78 where something is set up wrongly."""
    failed = {one.subject for one in findings if one.level == "failure"}
    if not failed:
        return 0
    return 69 if failed <= OUT_OF_REACH else 78


def _said(look: Look) -> str:
    return f"looking at {look.name}"


@contextmanager
def _telling(first: str) -> Iterator[Callable[[str], None]]:
    """What is being done, on a terminal; in cron and in pipes, nothing."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(first)) as status:
        yield lambda text: status.update(Text(text))


def _print(findings: list[Finding]) -> None:
    for one in findings:
        say(f"{click.style(f'{one.level:8}', fg=COLOURS[one.level])} {one.name}: {one.said}")
        if one.remedy:
            say(f"{'':8} → {one.remedy}")
    counts = {level: sum(one.level == level for one in findings) for level in COLOURS}
    say(f"\n{counts['ok']} ok, {counts['warning']} to look at, {counts['failure']} wrong")


def _print_records(entries: list[Entry]) -> None:
    missing = [one for one in entries if not one.there]
    if entries and not missing:
        say("\nAll records stand in the DNS as they should.")
    for one in missing:
        say(f"\n{one.kind}")
        if one.type == "TXT":
            print_record(one.name, one.value, one.strings)
            if one.left_out:
                say(f"\nLeft out, since it does not hold: {', '.join(one.left_out)}")
        else:
            say(f"\nInto the DNS, in a zone file:\n\n{one.name}. IN MX {one.value}")
            priority, _, host = one.value.partition(" ")
            said = f"type MX, for {one.name}, priority {priority}, server {host.rstrip('.')}"
            say(f"\nor in a form: {said}")


def _figures(one: Finding) -> dict[str, str]:
    return {"name": one.name, "level": one.level.value, "said": one.said, "remedy": one.remedy}


def _row(one: Entry) -> dict[str, object]:
    return {
        "kind": one.kind,
        "type": one.type,
        "name": one.name,
        "value": one.value,
        "strings": one.strings,
        "there": one.there,
        "left_out": list(one.left_out),
    }
