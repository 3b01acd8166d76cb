"""Several machines and one database (R16): workers are killed, stopped, cut off and added while an edition is on its
way; the one that sends dies, and PostgreSQL too.

    python -m bench.chaos.cluster --readers 100000 --seconds 420 --policy resend

What each incident may cost is looked up in the ledger the moment it happens: whom that machine had in its hands. Nobody
else may get a second copy, or stand among the uncertain.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.chaos.doubts import Incident, judge_cluster
from bench.chaos.finding import PASSED, SETTLE, Finding, World, markdown
from bench.chaos.judge import Case
from bench.chaos.machines import Cluster, Machine, cluster, tails
from bench.chaos.place import POLICIES, Server, Workshop

WORKERS = 3
LOOK = 0.1  # seconds between two looks at how things stand
PATIENCE = 240.0  # seconds without any mail, after which nothing more is expected
DONE = (0, 3)  # exit codes of a `send` that has nothing left to do
LATER = (69, 75)  # … and of one that is to be called again: the database was away, or it was stopped


@dataclass(frozen=True)
class Act:
    """What is done, when that share of the mails has gone out."""

    share: float
    do: Callable[[Trial], None]


@dataclass
class Trial:
    """One edition on its way through a cluster, and all that was done to it."""

    cluster: Cluster
    found: Finding
    chance: random.Random
    incidents: list[Incident] = field(default_factory=list)
    over: bool = False  # the sending one says that all is sent
    _moved: tuple[int, float] = (0, 0.0)

    # --- What is done

    def begin(self, what: str, who: Machine | None = None) -> Incident:
        one = Incident(what, who.name if who else "all", time.monotonic())
        one.messages = len(self.cluster.outside.took())
        self.incidents.append(one)
        return one

    def victim(self) -> Machine:
        """Any that works now."""
        return self.chance.choice([one for one in self.cluster.workers if one.wanted and one.alive])

    def doubt(self, incident: Incident, runs: Sequence[int], seconds: float = 0.0) -> None:
        """Who is in the hands of these runs, now and for so long: what was on its way to the database arrives late."""
        until = time.monotonic() + seconds
        while True:
            incident.doubted |= self.cluster.place.books.claimed(runs)
            if time.monotonic() >= until:
                return
            time.sleep(LOOK)
            self.supervise()

    # --- How it goes on

    def supervise(self) -> None:
        """As cron and systemd do: what ended before its time is started again."""
        self._look_at_sender()
        for one in self.cluster.workers:
            if one.wanted and not one.alive:
                code = one.process.returncode if one.process else None
                self.found.count(f"workers that left with {code}")
                one.work()

    def _look_at_sender(self) -> None:
        sender = self.cluster.sender
        if self.over or not sender.wanted or sender.alive or sender.process is None:
            return
        out, said = sender.process.communicate()
        code = sender.process.returncode
        self.over = code in DONE and '"already_running"' not in out
        if not self.over:
            self.found.count(f"sends that left with {code}")
            self.found.hold(code in (*DONE, *LATER), f"send left with {code}: {said[-400:]}")
            time.sleep(0.2)
            sender.send()

    def wait_for(self, number: int) -> bool:
        """Until the sink has so many; False where all is over before."""
        self._moved = (-1, time.monotonic())
        while not self.over:
            took = len(self.cluster.outside.took())
            if took >= number:
                return True
            self._hold_patience(took)
            time.sleep(LOOK)
            self.supervise()
        return False

    def _hold_patience(self, took: int) -> None:
        now = time.monotonic()
        if took != self._moved[0]:
            self._moved = (took, now)
        elif now - self._moved[1] > PATIENCE:
            raise TimeoutError(f"nothing goes on after {took} mails: {tails(self.cluster.workers)}")


# --- What may happen to a cluster -----------------------------------------------------------------------


def killed(trial: Trial) -> None:
    """kill -9, and started anew at once: its own journals tell it what it had sent."""
    who = trial.victim()
    _kill(trial, "kill -9, started anew", who)
    who.work()


def killed_for_good(trial: Trial) -> None:
    """kill -9, and never seen again: nobody can read its journals."""
    _kill(trial, "kill -9, gone for good", trial.victim())


def _kill(trial: Trial, what: str, who: Machine) -> None:
    who.kill()
    incident = trial.begin(what, who)
    trial.doubt(incident, who.runs(), SETTLE)


def added(trial: Trial) -> None:
    trial.begin("a worker more", trial.cluster.add())


def stopped(seconds: float) -> Callable[[Trial], None]:
    """SIGSTOP, and SIGCONT so many seconds later."""

    def act(trial: Trial) -> None:
        who = trial.victim()
        who.signal(signal.SIGSTOP)
        incident = trial.begin(f"SIGSTOP for {seconds:g} s", who)
        trial.doubt(incident, who.runs(), seconds)
        who.signal(signal.SIGCONT)

    return act


def cut(seconds: float) -> Callable[[Trial], None]:
    """All its lines to the database break off, and no new ones come about."""

    def act(trial: Trial) -> None:
        who = trial.victim()
        runs = who.runs()
        who.proxy.cut()
        trial.doubt(trial.begin(f"cut from the database for {seconds:g} s", who), [*runs, *who.runs()], seconds)
        who.proxy.heal()

    return act


def silent(seconds: float) -> Callable[[Trial], None]:
    """Nothing passes between it and the database, and nothing breaks off; then all that waited arrives."""

    def act(trial: Trial) -> None:
        who = trial.victim()
        who.proxy.silence()
        incident = trial.begin(f"no word from the database for {seconds:g} s", who)
        runs = who.runs()
        trial.doubt(incident, runs, seconds)
        who.proxy.heal()
        trial.doubt(incident, runs, SETTLE)

    return act


def sender_killed(trial: Trial) -> None:
    """The `send` that watches, killed and called again."""
    sender = trial.cluster.sender
    _kill(trial, "kill -9 of send, called again", sender)
    sender.send()


def database_restarted(trial: Trial) -> None:
    """PostgreSQL, at once and without good-bye. Nobody claims anything between the look and that."""
    machines = trial.cluster.machines
    for one in machines:
        one.proxy.silence()
    time.sleep(SETTLE)
    incident = trial.begin("PostgreSQL restarted (immediate)")
    trial.doubt(incident, [run for one in machines for run in one.runs()])
    trial.cluster.postgres.stop("immediate")
    trial.cluster.postgres.start()
    for one in machines:
        one.proxy.heal()


WHOLE = (  # leases last 30 s, and a dead run's claims are in doubt after a minute: seconds on both sides of these
    Act(0.04, killed),
    Act(0.09, killed_for_good),
    Act(0.12, added),
    Act(0.16, stopped(45)),
    Act(0.30, cut(5)),
    Act(0.34, cut(75)),
    Act(0.48, silent(75)),
    Act(0.62, sender_killed),
    Act(0.66, database_restarted),
    Act(0.72, stopped(5)),
    Act(0.76, killed),
    Act(0.77, killed),
    Act(0.84, killed_for_good),
    Act(0.88, added),
)
SHORT_ACTS = (
    Act(0.05, killed),
    Act(0.15, killed_for_good),
    Act(0.20, added),
    Act(0.30, stopped(6)),
    Act(0.50, cut(6)),
    Act(0.65, sender_killed),
    Act(0.75, database_restarted),
)
SHORTER = {
    "newsletter.store.lease:LASTS": 4,
    "newsletter.store.lease:lease.renewed_every": 1,
    "newsletter.deliver.ledger:RETURNS_WITHIN": 5,
    "newsletter.store.slices:cut.least": 50,
    "newsletter.queue:Times.look": 0.5,
    "newsletter.queue:Times.heartbeat": 1,
    "newsletter.queue:Times.rescue": 1,
    "newsletter.queue:Times.dead": 4,
}


# --- A trial ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """To how many, in about how many seconds, what is done meanwhile, and what lasts less long there (see `driver`)."""

    readers: int = 100_000
    seconds: float = 420
    acts: tuple[Act, ...] = WHOLE
    shorter: Mapping[str, float] = field(default_factory=dict)
    workers: int = WORKERS


SHORT = Plan(1_500, 20, SHORT_ACTS, SHORTER)


def clusters(world: World, policy: str, *, trials: int = 1, plan: Plan = Plan()) -> Finding:
    """So many editions, each through a cluster of its own."""
    found = Finding("a cluster, ill-treated", "postgresql", policy, "R16")
    for number in range(trials):
        _trial(world, found, policy, number, plan)
    return found.ended()


def _trial(world: World, found: Finding, policy: str, number: int, plan: Plan) -> None:
    lines = plan.workers * world.workshop.connections
    delay = 1000 * plan.seconds * lines / plan.readers
    with cluster(world.workshop, plan.readers, delay, plan.shorter, {"on_uncertain": policy}) as made:
        trial = Trial(made, found, world.chance(found.check, policy, number))
        for _ in range(plan.workers):
            made.add()
        if not made.wait_for_workers(plan.workers):
            raise RuntimeError(f"there are no workers: {tails(made.workers)}")
        made.sender.send()
        for act in plan.acts:
            if trial.wait_for(round(act.share * plan.readers)):
                act.do(trial)
        trial.wait_for(plan.readers * 10)
        for one in made.workers:
            one.kill()
        time.sleep(SETTLE)
        _judge(trial, policy, len(plan.acts))


def _judge(trial: Trial, policy: str, acts: int) -> None:
    made, found = trial.cluster, trial.found
    found.hold(len(trial.incidents) == acts, f"only {len(trial.incidents)} of {acts} incidents came about")
    took, place = list(made.outside.took()), made.place
    shown = made.sender.place.status()["uncertain"]
    case = Case(policy, place.addresses, place.books.states(), place.books.edition(), took, shown=shown)
    found.add(judge_cluster(case, trial.incidents), f"trial {found.trials + 1}")
    found.incidents += [one.as_dict() for one in trial.incidents]
    for number, machine in enumerate(made.machines, 1):
        found.count(f"by {machine.name}", sum(one.host == f"127.0.0.{number}" for one in took))
        crashed = machine.said().count("Traceback")
        found.hold(not crashed, f"{machine.name} crashed {crashed} times: {machine.said()[-600:]}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos.cluster", description=__doc__)
    parser.add_argument("--readers", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=420, help="how long the edition is on its way, about")
    parser.add_argument("--policy", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--claim-size", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--short", action="store_true", help="what the tests do; takes a minute")
    wanted = parser.parse_args()
    plan = SHORT if wanted.short else Plan(wanted.readers, wanted.seconds)
    findings = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        server = Server(Path(folder) / "postgres")
        world = World(Workshop(Path(folder), server, {"claim_size": wanted.claim_size}), wanted.seed)
        try:
            for policy in wanted.policy:
                findings.append(clusters(world, policy, plan=plan))
        finally:
            server.close()
    sys.stdout.write(markdown(findings, wanted.seed))
    return 0 if all(one.state == PASSED for one in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
