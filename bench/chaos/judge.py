"""What is wrong with what the sink holds, against the frozen audience. Pure: it is tested with made-up cases.

`resend`   nobody is forgotten; at most `bound` copies more than readers for each disturbance; every copy the same bytes
`hold`     nobody gets two; who got none stands among the uncertain; at most `bound` uncertain for each disturbance

In both: nobody gets mail who is not in the audience, the audience is the list, every delivery has ended, the edition
is `sent`, and the figures add up (R11).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.chaos.outside import Took

ENDED = {"accepted", "rejected", "skipped", "uncertain"}


@dataclass(frozen=True)
class Case:
    """What one trial left."""

    policy: str
    readers: Collection[str]  # everybody who should get it
    states: Mapping[str, str]  # the frozen audience
    edition: tuple[str, int]
    took: Sequence[Took]
    disturbed: Sequence[float] = ()  # when the next run was started after each kill, cut, …
    bound: int = 4  # in doubt at most for each of those
    skipped: Collection[str] = ()  # who left meanwhile, and need not have it
    shown: int | None = None  # the uncertain that `newsletter status` names


@dataclass
class Verdict:
    """Figures of one trial, and everything that is wrong with it."""

    audience: int = 0
    messages: int = 0
    lost: int = 0  # got nothing, and nobody says so
    in_doubt: int = 0  # got nothing, and are among the uncertain
    duplicates: int = 0
    most_at_once: int = 0  # duplicates of one disturbance
    uncertain: int = 0
    problems: list[str] = field(default_factory=list)

    def hold(self, true: bool, said: str) -> None:
        if not true:
            self.problems.append(said)


def judge(case: Case) -> Verdict:
    """Look at everything; one line for each thing that is not as promised."""
    copies: dict[str, list[Took]] = defaultdict(list)
    for one in case.took:
        copies[one.rcpt].append(one)
    uncertain = {address for address, state in case.states.items() if state == "uncertain"}
    missing = set(case.readers) - set(copies) - set(case.skipped)
    found = Verdict(
        audience=len(case.states),
        messages=len(case.took),
        lost=len(missing - uncertain),
        in_doubt=len(missing & uncertain),
        duplicates=len(case.took) - len(copies),
        most_at_once=_most_at_once(copies, case.disturbed),
        uncertain=len(uncertain),
    )
    _books(case, found, set(copies))
    _readers(case, found, missing, uncertain)
    _copies(case, found, copies)
    return found


def _books(case: Case, found: Verdict, reached: set[str]) -> None:
    """The audience, the states and the figures."""
    status, audience = case.edition
    found.hold(set(case.states) == set(case.readers), "the frozen audience is not the list")
    found.hold(
        audience == len(case.states), f"the edition was frozen for {audience}, the ledger has {len(case.states)}"
    )
    found.hold(status == "sent", f"the edition is {status}")
    open_ones = Counter(state for state in case.states.values() if state not in ENDED)
    found.hold(not open_ones, f"deliveries that have not ended: {dict(open_ones)}")
    rejected = sum(state == "rejected" for state in case.states.values())
    found.hold(not rejected, f"{rejected} rejected, and the sink has refused nobody")
    untrue = [address for address, state in case.states.items() if state == "accepted" and address not in reached]
    found.hold(not untrue, f"{len(untrue)} are accepted, and the sink has nothing for them: {untrue[:3]}")
    denied = {address for address, state in case.states.items() if state == "skipped"} & reached
    found.hold(not denied, f"{len(denied)} are skipped, and the sink has their mail: {sorted(denied)[:3]}")
    if case.shown is not None:
        found.hold(case.shown == found.uncertain, f"status names {case.shown} uncertain, there are {found.uncertain}")


def _readers(case: Case, found: Verdict, missing: set[str], uncertain: set[str]) -> None:
    """Who got nothing, and who is in doubt."""
    lost = sorted(missing - uncertain)
    found.hold(not lost, f"{len(lost)} got nothing and nobody says so: {lost[:3]}")
    if case.policy == "resend":
        doubt = sorted(missing & uncertain)
        found.hold(not doubt, f"{len(doubt)} got nothing; they are named as uncertain: {doubt[:3]}")
        return
    most = case.bound * len(case.disturbed)
    found.hold(found.uncertain <= most, f"{found.uncertain} uncertain, {most} at most")


def _copies(case: Case, found: Verdict, copies: Mapping[str, Sequence[Took]]) -> None:
    """Who got more than one, and whether they are one mail."""
    strangers = sorted(set(copies) - set(case.states))
    found.hold(not strangers, f"{len(strangers)} got it who are not in the audience: {strangers[:3]}")
    differ = sorted(rcpt for rcpt, some in copies.items() if len({(one.sha256, one.id) for one in some}) > 1)
    found.hold(not differ, f"{len(differ)} got two mails that differ: {differ[:3]}")
    ids = Counter(next(iter(some)).id for some in copies.values())
    shared = [one for one, times in ids.items() if times > 1 or not one]
    found.hold(not shared, f"Message-IDs that are missing or shared by readers: {shared[:3]}")
    if case.policy == "hold":
        found.hold(not found.duplicates, f"{found.duplicates} duplicates, and hold allows none")
        return
    most = case.bound * len(case.disturbed)
    found.hold(found.duplicates <= most, f"{found.duplicates} duplicates, {most} at most")
    found.hold(found.most_at_once <= case.bound, f"{found.most_at_once} duplicates of one kill, {case.bound} at most")


def _most_at_once(copies: Mapping[str, Sequence[Took]], disturbed: Sequence[float]) -> int:
    """The most copies that one disturbance has cost: each copy but the last is that of the run which took it."""
    cost = Counter(
        sum(moment < one.at for moment in disturbed) for some in copies.values() for one in sorted_by_time(some)[:-1]
    )
    return max(cost.values(), default=0)


def sorted_by_time(some: Sequence[Took]) -> list[Took]:
    return sorted(some, key=lambda one: one.at)
