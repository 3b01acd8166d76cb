"""`status --watch`: a running send, seen every second; in place on a terminal, a line each elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from newsletter.commands import iso, print_table, say

if TYPE_CHECKING:
    from newsletter.cluster import Cluster, Worker
    from newsletter.newsroom import Newsroom
    from newsletter.progress import Progress
    from newsletter.report import Report

EVERY = 1.0  # seconds
COUNTED = ("accepted", "rejected", "deferred", "uncertain")
ENDED = ("accepted", "rejected", "deferred")  # for people: a doubt stands in the edition's figures
WIDE = 110  # columns, from which on a terminal also shows each worker's relay
STATES = ("accepted", "rejected", "pending", "deferred", "uncertain", "skipped")


def look_on(room: Newsroom, *, as_json: bool) -> None:
    """Show how a send goes on, until nothing is under way and nobody is sending; Ctrl-C ends the looking alone."""
    try:
        if as_json:
            _follow(room, lambda seen: say(json.dumps(_figures(seen), ensure_ascii=False, default=iso)))
        elif sys.stdout.isatty():
            _on_terminal(room)
        else:
            _follow(room, lambda seen: say(line_of(seen, room.config.newsletter.zone)))
    except KeyboardInterrupt:
        pass


def _follow(room: Newsroom, show: Any) -> None:
    from newsletter import progress

    while True:
        begun = time.monotonic()
        seen = progress.look(room)
        show(seen)
        sys.stdout.flush()
        if not seen.running and seen.holder is None and not seen.cluster.sending:
            return
        room.sleep(max(0.0, EVERY - (time.monotonic() - begun)))


def _figures(seen: Progress) -> dict[str, object]:
    figures = {"at": seen.at} | seen.report.figures() | seen.figures()
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in figures.items()}


# --- In words --------------------------------------------------------------------------------------


def who_sends(seen: Progress) -> str:
    """Whose hands it is in."""
    if seen.paused:
        return seen.report.said or "stopped by an editor"
    if seen.cluster.sending:
        return _workers_send(seen)
    if seen.holder:
        return seen.holder.stopped_and_why if seen.holder.stopped else f"{seen.holder} is sending"
    if not seen.running:
        return "nobody is sending"
    if seen.cluster.alive:
        live = "1 worker lives" if seen.cluster.alive == 1 else f"{seen.cluster.alive} workers live"
        return f"nobody has a slice of it in hand just now; {live}, and what is due is taken in a moment"
    if seen.attended:
        return "no sender is to be seen from here, but messages ended in the last ten seconds"
    return "not finished, and nobody is sending: run `newsletter send` again"


def _workers_send(seen: Progress) -> str:
    n, holder = seen.cluster.sending, seen.holder
    said = "1 worker is sending" if n == 1 else f"{n} workers are sending"
    if holder is None:
        return f"{said}; the run that asked for it has ended, and the last of them ends the edition"
    return f"{said}; {holder.stopped_and_why}" if holder.stopped else f"{said}; {holder} watches"


def pace_of(seen: Progress, zone: ZoneInfo) -> str:
    """How fast, how many are left, and when it will be done, on the newsroom's clock."""
    speed = f"{seen.speed:,.0f}" if seen.speed >= 10 else f"{seen.speed:.1f}"
    end = f", done at about {_clock(seen.ends_at, seen.at, zone)}" if seen.ends_at else ""
    return f"{speed} messages a second, {seen.remaining:,} left{end}"


def _clock(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    day = "" if local.date() == now.astimezone(zone).date() else f" on {local.date()}"
    return f"{local:%H:%M:%S}{day}"


def line_of(seen: Progress, zone: ZoneInfo) -> str:
    """All of it in a line."""
    parts = [f"{seen.at.astimezone(zone):%H:%M:%S} edition {seen.report.edition or '-'}: {seen.report.status}"]
    parts += [states_of(seen.report)] if states_of(seen.report) else []
    parts += [pace_of(seen, zone)] if seen.running else []
    parts += [who_sends(seen)] if not seen.attended and seen.running else []
    if seen.running and seen.refusals:
        at, state, reply = seen.refusals[0]
        parts.append(f"last refusal {at.astimezone(zone):%H:%M:%S} {state}: {reply}")
    return "; ".join(parts)


def states_of(found: Report) -> str:
    """An edition's figures in a line; empty while there are none."""
    states = [f"{getattr(found, state)} {state}" for state in STATES if getattr(found, state)]
    return f"{', '.join(states)} of {found.audience}" if states else ""


def of_workers(seen: Progress) -> None:
    """The workers in a table, and how many slices are left; nothing where there is no worker and no slice. People on a
    terminal get what fits there: those that live, and in words who is in trouble and who is gone."""
    of = seen.cluster
    if sys.stdout.isatty():
        _of_workers_for_people(of)
    elif of.workers:
        heads = ("worker", "process", "on", "version", "sends by", "slice", *COUNTED, "seen", "trouble")
        print_table(heads, [_row(one) for one in of.workers])
    if of.left:
        say(f"slices left: {of.left}, of them {of.held} in hand, {of.later} put off, {of.unasked} due without a job")


def _row(one: Worker) -> tuple[object, ...]:
    seen = one.seen
    silent = f"{seen.silent:.0f} s ago" + ("" if one.lives else ": gives no sign of life")
    who = (f"worker {seen.id}", seen.who.process, seen.who.place, seen.who.version, seen.who.via)
    return (*who, _at(one), *(seen.counts[name] for name in COUNTED), silent, seen.trouble)


def _at(one: Worker) -> str:
    return f"{one.edition}/{one.seen.slice}" if one.seen.slice is not None else "-"


def _of_workers_for_people(of: Cluster) -> None:
    via = ("sends by",) if shutil.get_terminal_size().columns >= WIDE else ()
    rows = [
        (
            one.who.process,
            one.who.place,
            *[one.who.via for _ in via],
            _at(each),
            *(one.counts[n] for n in ENDED),
        )
        for each in of.workers
        if each.lives and (one := each.seen)
    ]
    if rows:
        print_table(("process", "on", *via, "slice", *ENDED), rows)
    for each in of.in_trouble:
        say(f"in trouble: {each}: {each.seen.trouble}")
    dead = [
        f"{one.seen.id} (process {one.seen.who.process} on {one.seen.who.place})" for one in of.workers if not one.lives
    ]
    if dead:
        say(f"no sign of life any more of worker {', '.join(dead)}")


# --- On a terminal ---------------------------------------------------------------------------------


def _on_terminal(room: Newsroom) -> None:
    from rich.console import Console
    from rich.live import Live

    zone = room.config.newsletter.zone
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        _follow(room, lambda seen: live.update(picture(seen, zone), refresh=True))


def picture(seen: Progress, zone: ZoneInfo) -> Any:
    """The whole as rich draws it: a bar, the pace, the states, the last refusals."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    found = seen.report
    done = found.accepted + found.rejected + found.uncertain + found.skipped
    share = f"{done:,} of {found.audience:,} ({100 * done / found.audience:.0f} %)" if found.audience else ""
    head = Text(f"edition {found.edition or '-'}: {found.status}", style="bold")
    head.append(f"   {share}   {seen.at.astimezone(zone):%H:%M:%S}", style="default not bold")
    lines: list[Any] = [head]
    if found.audience:
        bar = Table.grid()  # alone, a bar does not end its line
        bar.add_row(ProgressBar(total=found.audience, completed=done, width=60))
        lines.append(bar)
    if seen.running:
        lines.append(Text(pace_of(seen, zone)))
    lines.append(Text(who_sends(seen), style="default" if seen.attended or not seen.running else "bold red"))
    states = Table.grid(padding=(0, 3, 0, 0))
    for _ in STATES:
        states.add_column(justify="right")
    states.add_row(*(Text(state, style="dim") for state in STATES))
    states.add_row(*(f"{getattr(found, state):,}" for state in STATES))
    lines += [Text(), states]
    if seen.refusals:
        lines += [Text(), Text("last refusals", style="dim")]
        lines += [
            Text(f"{at.astimezone(zone):%H:%M:%S} {state}  {reply}", no_wrap=True, overflow="ellipsis")
            for at, state, reply in seen.refusals
        ]
    return Group(*lines)
