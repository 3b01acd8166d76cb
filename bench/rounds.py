"""All senders in turns: as many mails as each can send in a few seconds, round after round.

Machines are noisy, and noise lasts: what is compared is measured within the same minute, and the ratio is taken inside
each round, before the median. Each round begins with another sender.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.runs import Ground, run
from bench.senders import Sender

FEW = 20  # subscribers of a run whose cost is nearly all start-up
MOST = 100_000  # mails of one run
LONG_ENOUGH = 0.4  # seconds from first to last message from which a pilot run is believed
YARDSTICK = "smtp-source"
NOT_INTO = {  # what nobody asks about
    "far": {"smtplib", "smtplib-processes", "aiosmtplib", "ours-postgresql", "ours-ed25519", "ours-rsa", "ours-both"},
    "postfix": {"ours-postgresql"},
    "fast": set[str](),
}


@dataclass(frozen=True)
class Case:
    """One sender into one sink, with so many mails; `few` finds out what start-up costs."""

    sender: Sender
    sink: str
    count: int
    few: bool = False


def all_rounds(ground: Ground, senders: Sequence[Sender], wanted: Any) -> list[dict[str, Any]]:
    """Calibrate, run, and sum up. `wanted`: the command line's rounds, count, seconds, sinks."""
    pairs = [
        (sender, sink) for sink in wanted.sinks for sender in senders if sender.name not in NOT_INTO.get(sink, set())
    ]
    cases = [Case(sender, sink, wanted.count or calibrated(ground, sender, sink, wanted)) for sender, sink in pairs]
    few = {case.sender.name: Case(case.sender, "fast", FEW, few=True) for case in cases if case.sender.ours}
    turns = [*cases, *few.values()]
    results: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for number in range(wanted.rounds):
        ground.say(f"round {number + 1} of {wanted.rounds}")
        shift = number * len(turns) // max(1, wanted.rounds)
        for case in (*turns[shift:], *turns[:shift]):
            found = run(ground, case.sender, case.sink, case.count)
            results.setdefault((case.sender.name, case.sink, case.few), []).append(found)
            if not case.few:
                ground.say(
                    f"  {case.sender.name:18} into {case.sink:8}{found['messages']:8} {found['rate'] or 0:10,.1f}/s"
                )
    return [_summed_up(case, results) for case in cases]


def calibrated(ground: Ground, sender: Sender, sink: str, wanted: Any) -> int:
    """How many mails it sends in about `wanted.seconds`; found by runs that grow until one lasts long enough."""
    count = sender.pilot
    while True:
        rate = run(ground, sender, sink, count)["rate"] or 1.0
        if count / rate >= LONG_ENOUGH or count >= MOST:
            break
        count = min(MOST, count * 5)
    found = max(50, min(MOST, round_number(rate * wanted.seconds)))
    ground.say(f"  {sender.name} into {sink}: {rate:,.0f}/s at first sight, so {found:,} mails a round")
    return found


def round_number(value: float) -> int:
    """Of 1, 2, 5, 10, 20, … the nearest below, in steps of a half: few different lists have to be loaded."""
    step = 1
    while step * 10 <= value:
        step *= 10
    return max(step * factor // 2 for factor in (2, 3, 4, 6, 10, 14) if step * factor / 2 <= max(value, step))


# --- Summing up -------------------------------------------------------------------------------------


def _summed_up(case: Case, results: dict[tuple[str, str, bool], list[dict[str, Any]]]) -> dict[str, Any]:
    mine = results[case.sender.name, case.sink, False]
    found: dict[str, Any] = {
        "sender": case.sender.name,
        "label": case.sender.label,
        "sink": case.sink,
        "count": case.count,
        "rate": middle([one["rate"] for one in mine]),
        "rates": [one["rate"] for one in mine],
        "size": mine[-1]["size"],
        "peak_mb": middle([one["peak_mb"] for one in mine]),
        "cpu_whole_us": middle([one["cpu"] / one["messages"] * 1e6 for one in mine if one["messages"]]),
        "exact": not any(one["wrong"] for one in mine),
        "rounds": mine,
    }
    for other in (YARDSTICK, "nodemailer"):
        theirs = results.get((other, case.sink, False))
        if theirs and other != case.sender.name:
            found[f"of_{other}"] = ratio(mine, theirs)
    few = results.get((case.sender.name, "fast", True))
    if few:
        found["startup_cpu_s"] = middle([one["cpu"] for one in few])
        found["startup_s"] = middle([one["whole_seconds"] for one in few])
        found["cpu_us"] = middle([_cpu(one, start) for one, start in zip(mine, few, strict=True)])
    return found


def _cpu(one: dict[str, Any], few: dict[str, Any]) -> float | None:
    """User and system time of a message in µs, without what a run with few subscribers takes."""
    more = one["messages"] - few["messages"]
    return (one["cpu"] - few["cpu"]) / more * 1e6 if more > 0 else None


def ratio(mine: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> float | None:
    """The median of the rounds' ratios."""
    return middle([a["rate"] / b["rate"] for a, b in zip(mine, theirs, strict=True) if a["rate"] and b["rate"]], 4)


def middle(values: Sequence[float | None], digits: int = 2) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), digits) if known else None
