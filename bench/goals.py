"""What the sender should reach, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.newsroom import CONNECTIONS


@dataclass(frozen=True)
class Goal:
    """`least`: the figure must reach it; else it must not pass it. `found` is None where it was not measured."""

    name: str
    goal: float
    found: float | None
    unit: str = "×"
    least: bool = True

    @property
    def met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.goal if self.least else self.found <= self.goal

    @property
    def verdict(self) -> str:
        """In words, with how much is missing."""
        if self.found is None:
            return "not measured"
        if self.met:
            return "met"
        if self.least:
            return f"short by {100 * (1 - self.found / self.goal):.0f} %"
        return f"over by {100 * (self.found / self.goal - 1):.0f} %" if self.goal else "over"


def goals(results: dict[str, Any]) -> list[Goal]:
    """All of them, in the order of the report."""
    ours, fast = _case(results, "ours", "postfix"), _case(results, "ours", "fast")
    return [
        Goal("into smtp-sink, of smtp-source", 1.0, ours.get("of_smtp-source")),
        Goal("into smtp-sink, of nodemailer", 10.0, ours.get("of_nodemailer")),
        Goal("into fastsink, of smtp-source", 1.0, fast.get("of_smtp-source")),
        Goal("into fastsink, of nodemailer", 40.0, fast.get("of_nodemailer")),
        Goal(
            "PostgreSQL, into fastsink, of smtp-source",
            0.65,
            _case(results, "ours-postgresql", "fast").get("of_smtp-source"),
        ),
        Goal("RSA-2048, into fastsink, of `openssl speed` on one core for each thread", 0.85, _rsa(results)),
        Goal(f"{results.get('delay_ms', 20)} ms of delay, of connections ÷ round trip", 0.9, far(results)),
        Goal("CPU of a message without DKIM, into fastsink", 70, fast.get("cpu_us"), "µs", least=False),
        *_growth(results.get("scale", [])),
        *(
            Goal(
                f"planning {one['rows']:,} on {NAMES[one['database']]}, of INSERT … SELECT",
                3.0,
                one["ratio"],
                least=False,
            )
            for one in results.get("planning", [])
        ),
        *_million(results.get("million")),
    ]


NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _case(results: dict[str, Any], sender: str, sink: str) -> dict[str, Any]:
    for case in results.get("cases", []):
        if case["sender"] == sender and case["sink"] == sink:
            return dict(case)
    return {}


def _rsa(results: dict[str, Any]) -> float | None:
    """Of what all cores could sign: the sender signs in as many threads."""
    rate, signs = _case(results, "ours-rsa", "fast").get("rate"), results.get("rsa_signs_per_core")
    return rate / (signs * results["machine"]["cores"]) if rate and signs else None


def far(results: dict[str, Any]) -> float | None:
    """What it reaches where each reply takes its time, of one message a round trip on each connection."""
    rate = _case(results, "ours", "far").get("rate")
    return rate / (CONNECTIONS / (results["delay_ms"] / 1000)) if rate else None


def _growth(runs: list[dict[str, Any]]) -> list[Goal]:
    sizes = [one for one in runs if one["wanted"] >= 10_000]
    if not sizes:
        return []
    least, most = sizes[0], sizes[-1]
    peaks = [one["peak_mb"] for one in sizes]
    early = ", stopped before its end" if any(one["stopped"] for one in sizes) else ""
    found = [Goal(f"peak of memory, up to {most['wanted']:,} subscribers{early}", 90, max(peaks), "MB", least=False)]
    if least is not most:
        span = f"from {least['wanted']:,} to {most['wanted']:,}{early}"
        found.append(Goal(f"growth of that peak, {span}", 10, round(peaks[-1] - peaks[0], 1), "MB", least=False))
        cost = most["cpu_us"] / least["cpu_us"] if least.get("cpu_us") and most.get("cpu_us") else None
        found.append(Goal(f"CPU of a message, {span}", 1.1, cost, least=False))
    return found


def _million(run: dict[str, Any] | None) -> list[Goal]:
    if run is None:
        return []
    once = run["ids"] if not run["wrong"] else 0
    return [Goal(f"{run['wanted']:,} really sent, each once", run["wanted"], once, "messages")]
