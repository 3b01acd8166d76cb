"""What each thing done to a cluster may have cost, against what the sink holds. Pure: tested with made-up cases.

An incident leaves in doubt what the machine had claimed when it happened, and what nobody knows the end of. Those
readers, and no others, may get one copy more for it (`resend`), or stand among the uncertain (`hold`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.chaos.judge import Case, Verdict, judge


@dataclass
class Incident:
    """Something that was done, and whose mails it left in doubt: for these no more than one copy each."""

    what: str
    who: str  # the machine
    at: float  # CLOCK_MONOTONIC
    doubted: set[str] = field(default_factory=set)
    messages: int = 0  # that the sink had when it happened
    copies: int = 0  # what it has cost, by `judge_cluster`
    uncertain: int = 0

    def as_dict(self) -> dict[str, object]:
        return {
            "what": self.what,
            "machine": self.who,
            "after": self.messages,
            "in_doubt": len(self.doubted),
            "copies": self.copies,
            "uncertain": self.uncertain,
        }


def judge_cluster(case: Case, incidents: Sequence[Incident]) -> Verdict:
    """All that `judge` asks, and that nobody is in doubt, or got a copy, whom no incident explains.

    Each incident is told what it has cost: a copy is put down to the first that explains it and still may.
    """
    bound = sum(len(one.doubted) for one in incidents)
    found = judge(replace(case, disturbed=(float("inf"),), bound=bound))
    explained: dict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        for reader in one.doubted:
            explained[reader].append(one)
    _copies(found, case, explained)
    _uncertain(found, case, explained)
    found.most_at_once = max((one.copies for one in incidents), default=0)
    return found


def _copies(found: Verdict, case: Case, explained: Mapping[str, Sequence[Incident]]) -> None:
    times = Counter(one.rcpt for one in case.took)
    beyond = []
    for reader, number in times.items():
        causes = explained.get(reader, ())[: number - 1]
        for one in causes:
            one.copies += 1
        if number - 1 > len(causes):
            beyond.append(reader)
    found.hold(not beyond, f"{len(beyond)} got more copies than incidents left them in doubt: {sorted(beyond)[:3]}")


def _uncertain(found: Verdict, case: Case, explained: Mapping[str, Sequence[Incident]]) -> None:
    uncertain = {address for address, state in case.states.items() if state == "uncertain"}
    for reader in uncertain & set(explained):
        explained[reader][0].uncertain += 1
    beyond = sorted(uncertain - set(explained))
    found.hold(not beyond, f"{len(beyond)} are uncertain whom no incident left in doubt: {beyond[:3]}")
