"""Results → Markdown: python -m bench.report bench-results.json [MORE.json …] [--into docs/benchmarks.md]

Printed, or written into a page between the two lines MARKS. What stands in a later file goes before what stands in an
earlier one: parts may be measured one by one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.goals import NAMES, Goal, far, goals
from bench.newsroom import CONNECTIONS

ABOUT = ("machine", "wanted", "edition")
MARKS = ("<!-- measured -->", "<!-- end of what was measured -->")
SINKS = {
    "postfix": "Into Debian's smtp-sink",
    "fast": "Into fastsink",
    "far": "Into fastsink, each reply {delay} ms late",
}


def markdown(results: dict[str, Any]) -> str:
    """All the tables that the results allow, each under a heading of the third rank."""
    parts = [_machine(results)]
    for sink, title in SINKS.items():
        cases = [case for case in results.get("cases", []) if case["sink"] == sink]
        if cases:
            parts.append(_section(title.format(delay=results.get("delay_ms")), _speed(results, cases)))
    parts += [_section(title, make(results[part])) for part, (title, make) in TABLES.items() if results.get(part)]
    parts.append(_section("Goals", _goals(goals(results))))
    if results.get("without"):
        parts.append("\n".join(f"Without {name}: {reason}." for name, reason in results["without"].items()) + "\n")
    if results.get("wrong"):
        parts.append("**Not as it should be:**\n\n" + "\n".join(f"- {line}" for line in results["wrong"]) + "\n")
    return "\n".join(parts)


def load(files: Iterable[str]) -> dict[str, Any]:
    """Several results as one; the machine is told as it was when the senders were compared, else at first."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for file in files:
        one = json.loads(Path(file).read_text(encoding="utf-8"))
        wrong += one.get("wrong", [])
        kept = {} if "cases" in one else {name: found[name] for name in ABOUT if name in found}
        found |= one | kept
    return found | {"wrong": wrong}


# --- Tables -------------------------------------------------------------------------------------------


def _machine(results: dict[str, Any]) -> str:
    told, wanted = results["machine"], results["wanted"]
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    return (
        f"{told['date'][:10]}, program {told['program']}: {told['cores']} cores ({told['cpu']}),"
        f" {told['memory_gb']:g} GB, {told['system']}; a commit in {told['commit_ms']:g} ms;"
        f" load {told['load_before']:g} before. {versions}."
        f" An edition of {results['edition']['bytes']:,} bytes; {wanted['rounds']} rounds.\n"
    )


def _speed(results: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    head = (
        "sender",
        "messages/s",
        "lowest to highest",
        "of smtp-source",
        "of nodemailer",
        "CPU, µs",
        "peak, MB",
        "mails",
    )
    rows = []
    for case in sorted(cases, key=lambda one: -(one["rate"] or 0)):
        rates = [rate for rate in case["rates"] if rate]
        cpu = case.get("cpu_us") if case.get("cpu_us") is not None else case["cpu_whole_us"]
        rows.append(
            (
                f"**{case['label']}**" if case["sender"].startswith("ours") else case["label"],
                _number(case["rate"]),
                f"{_number(min(rates))} to {_number(max(rates))}" if rates else "",
                _times(case.get("of_smtp-source")),
                _times(case.get("of_nodemailer")),
                _number(cpu),
                _number(case["peak_mb"]),
                f"{case['count']:,}" if case["exact"] else f"{case['count']:,}, NOT EXACT",
            )
        )
    return _table(head, rows) + _beside(results, cases)


def _beside(results: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    lines = []
    ours = next((case for case in cases if case.get("startup_cpu_s") is not None), None)
    if ours:
        lines.append(
            f"CPU is user and system time of the sending process for each message; of ours without start-up, collecting"
            f" and rendering, which take {ours['startup_cpu_s']:g} s of CPU and {ours['startup_s']:g} s in all (a run"
            " with 20 subscribers)."
        )
    signs = results.get("rsa_signs_per_core")
    if signs and cases[0]["sink"] == "fast":
        lines.append(f"`openssl speed rsa2048` signs {_number(signs)} times a second on one core.")
    if cases[0]["sink"] == "far" and far(results) is not None:
        most = CONNECTIONS / results["delay_ms"] * 1000
        lines.append(f"One message a round trip on each of {CONNECTIONS} connections would be {most:,.0f}/s.")
    return "".join(f"\n{line}\n" for line in lines)


def _scale(runs: list[dict[str, Any]]) -> str:
    head = ("subscribers", "sent", "messages/s", "first message after, s", "CPU of a message, µs", "peak, MB")
    return _table(
        head,
        [
            (
                f"{one['wanted']:,}",
                f"{one['messages']:,}" + (", then stopped" if one["stopped"] else ", all"),
                _number(one["rate"]) if one["messages"] >= 100 else "",
                _number(one["first_after"]),
                _number(one.get("cpu_us")),
                _number(one["peak_mb"]),
            )
            for one in runs
        ],
    )


def _planning(runs: list[dict[str, Any]]) -> str:
    head = ("database", "deliveries", "planned in, s", "one INSERT … SELECT, s", "ratio")
    rows = [
        (
            NAMES[one["database"]],
            f"{one['rows']:,}",
            f"{one['planning_seconds']:.2f}",
            f"{one['insert_select_seconds']:.2f}",
            _times(one["ratio"]),
        )
        for one in runs
    ]
    return _table(head, rows) + "\nPlanned in: by how much later the first message comes than with 20 subscribers.\n"


def _million(run: dict[str, Any]) -> str:
    head = (
        "on",
        "log lines",
        "different Message-IDs",
        "different readers",
        "first message after, s",
        "in all, s",
        "messages/s",
        "peak, MB",
    )
    row = (
        NAMES[run["database"]],
        f"{run['messages']:,}",
        f"{run['ids']:,}",
        "all" if not run["wrong"] else run["wrong"],
        _number(run["first_after"]),
        f"{run['whole_seconds']:,.1f}",
        _number(run["rate"]),
        _number(run["peak_mb"]),
    )
    return _table(head, [row])


def _startup(found: dict[str, Any]) -> str:
    rows = [
        (
            f"`{name}`" if name != "python" else "Python alone",
            f"{1000 * one['seconds']:.0f}",
            f"{1000 * one['cpu']:.0f}",
            _number(one["peak_mb"]),
        )
        for name, one in found.items()
    ]
    return _table(("command", "ms", "CPU, ms", "peak, MB"), rows)


def _day(found: dict[str, Any]) -> str:
    rows = [
        (f"`{name}`", f"{found[name]['seconds']:.2f}", f"{found[name]['cpu']:.2f}", _number(found[name]["peak_mb"]))
        for name in ("collect", "preview")
    ]
    size = f"{found['html_bytes'] / 1000:.0f} KB of HTML"
    what = (
        f"\n{found['sources']} feeds of this machine with {found['articles']} articles, from nothing. `preview`"
        f" collects, picks and renders; {found['shown']} articles found room in {size}.\n"
    )
    return _table(("command", "s", "CPU, s", "peak, MB"), rows) + what


TABLES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "scale": ("As the list grows", _scale),
    "planning": ("Planning", _planning),
    "million": ("A whole list, to the end", _million),
    "startup": ("Start-up", _startup),
    "day": ("A day of ten sources", _day),
}


def _goals(found: Sequence[Goal]) -> str:
    rows = []
    for one in found:
        sign = "≥" if one.least else "≤"
        measured = "" if one.found is None else f"{_figure(one.found)} {one.unit}"
        rows.append((one.name, f"{sign} {_figure(one.goal)} {one.unit}", measured, one.verdict))
    return _table(("goal", "wanted", "found", "verdict"), rows)


# --- Writing ------------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"### {title}\n\n{body}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _times(value: float | None) -> str:
    return (
        ""
        if value is None
        else f"{value:.1f} ×"
        if value >= 10
        else f"{value:.2f} ×"
        if value >= 0.1
        else f"{value:.3f} ×"
    )


def into(page: str, tables: str) -> str:
    """The page with these tables in the place of those it has. Raises ValueError where it has no place for them."""
    before, found, rest = page.partition(MARKS[0])
    _old, end, after = rest.partition(MARKS[1])
    if not found or not end:
        raise ValueError(f"no lines {MARKS[0]} and {MARKS[1]}")
    return f"{before}{MARKS[0]}\n\n{tables}\n{MARKS[1]}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="Results as Markdown.")
    parser.add_argument("results", nargs="+", help="JSON files; later ones go before earlier ones")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="write the tables there; default: print them")
    given = parser.parse_args()
    tables = markdown(load(given.results))
    if given.into is None:
        sys.stdout.write(tables)
    else:
        given.into.write_text(into(given.into.read_text(encoding="utf-8"), tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
