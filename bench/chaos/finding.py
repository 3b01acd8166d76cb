"""How a check ended, what all checks are given, and how both are shown."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.chaos.judge import Case, Verdict, judge
from bench.chaos.outside import Sink
from bench.chaos.place import Place, Workshop

SETTLE = 0.05  # seconds in which the sink takes what a dead process had on the line
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass(frozen=True, eq=False)
class World:
    """What every check is given."""

    workshop: Workshop
    seed: int
    delay_ms: float = 4.0  # between the sink's accepting and its saying so

    def chance(self, *what: object) -> random.Random:
        """The same for the same seed and the same trial, whatever ran before."""
        return random.Random(" ".join(map(str, [self.seed, *what])))


@dataclass
class Finding:
    """One row of the report. A check that could not be run has not passed."""

    check: str
    database: str
    policy: str
    promise: str  # its number in docs/promises.md
    trials: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    not_run: str = ""  # why
    incidents: list[dict[str, Any]] = field(default_factory=list)  # what was done to a cluster, and what it cost
    seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic, repr=False)

    @property
    def state(self) -> str:
        if self.problems:
            return FAILED
        return NOT_RUN if self.not_run or not self.trials else PASSED

    def add(self, verdict: Verdict, trial: str) -> None:
        """Take a trial's figures and problems in."""
        self.trials += 1
        for name in ("audience", "messages", "lost", "in_doubt", "duplicates", "uncertain"):
            self.count(name, getattr(verdict, name))
        self.figures["most_at_once"] = max(self.figures.get("most_at_once", 0), verdict.most_at_once)
        self.problems += [f"{trial}: {problem}" for problem in verdict.problems]

    def count(self, name: str, more: int = 1) -> None:
        self.figures[name] = self.figures.get(name, 0) + more

    def hold(self, true: bool, said: str) -> None:
        if not true:
            self.problems.append(said)

    def ended(self) -> Finding:
        self.seconds = round(time.monotonic() - self._began, 1)
        return self

    def as_dict(self) -> dict[str, Any]:
        shown = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        return shown | {"state": self.state}


def look(place: Place, sink: Sink, *, policy: str, disturbed: Sequence[float], bound: int, **more: Any) -> Verdict:
    """Judge what a trial has left, `newsletter status` included."""
    time.sleep(SETTLE)
    return judge(
        Case(
            policy=policy,
            readers=place.addresses,
            states=place.books.states(),
            edition=place.books.edition(),
            took=list(sink.took()),
            disturbed=disturbed,
            bound=bound,
            shown=place.status()["uncertain"],
            **more,
        )
    )


def markdown(findings: Sequence[Finding], seed: int) -> str:
    """The report as a table for docs/benchmarks.md."""
    lines = [
        f"Seed {seed}. *Lost* got nothing, and nobody says so; *named* got nothing, and stand among the uncertain;",
        "*copies* are mails that somebody got a second time, *at once* the most of them for one disturbance.",
        "",
        "| check | database | policy | trials | mails | lost | copies | at once | uncertain | named | more | result |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    shown = ("messages", "lost", "duplicates", "most_at_once", "uncertain", "in_doubt")
    for one in findings:
        figures = [one.figures.get(name, "") for name in shown]
        others = {name: value for name, value in one.figures.items() if name not in (*shown, "audience")}
        more = ", ".join(f"{name}: {value}" for name, value in others.items())
        result = f"{one.state}: {one.not_run}" if one.state == NOT_RUN else one.state
        cells = [f"{one.check} ({one.promise})", one.database, one.policy, one.trials, *figures, more, result]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += _incidents(findings)
    problems = [f"- {one.check}, {one.database}, {one.policy}: {said}" for one in findings for said in one.problems]
    return "\n".join([*lines, *(["", "What failed:", ""] if problems else []), *problems]) + "\n"


def _incidents(findings: Sequence[Finding]) -> list[str]:
    """What was done, one after the other: whose mails it left in doubt, and what came of that."""
    rows = [(one, incident) for one in findings for incident in one.incidents]
    if not rows:
        return []
    lines = [
        "",
        "| policy | done | to | after mails | in doubt at most | copies | uncertain |",
        "|---|---|---|---|---|---|---|",
    ]
    names = ("what", "machine", "after", "in_doubt", "copies", "uncertain")
    lines += ["| " + " | ".join(map(str, [one.policy, *(row[name] for name in names)])) + " |" for one, row in rows]
    return lines
