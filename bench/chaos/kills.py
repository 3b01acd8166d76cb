"""kill -9 at random moments of a sending run (R01, R02, R11).

A third of the runs die in their start, evenly over the time that it takes: importing, collecting, rendering, freezing.
The others die after a number of mails, drawn evenly so that a round of them comes to about the whole edition; where all
is sent, in the writing down of its end. Mails are counted, not seconds, so that a busy machine moves nothing.
"""

from __future__ import annotations

import functools
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from bench.chaos.finding import SETTLE, Finding, World, look
from bench.chaos.outside import LONG, Sink, sink
from bench.chaos.place import ALREADY_RUNNING, Place, Sent, ended, kill

IN_START = 1 / 3  # of the kills, before the first mail
JITTER = 0.01  # seconds: so that a kill falls anywhere between two mails
END = 0.2  # seconds from the last mail on, in which a run dies when all is sent
GOOD = (0, 3)  # exit codes: done; done, with some uncertain


@dataclass(frozen=True)
class Cut:
    """What a kill takes with it: nothing; or what was not synced (`power`)."""

    environ: Mapping[str, str] = field(default_factory=dict)
    after: Callable[[], None] = lambda: None


@contextmanager
def nothing_more(_place: Place) -> Iterator[Cut]:
    yield Cut()


@dataclass(frozen=True, slots=True)
class Life:
    """How long a run may live: seconds until its first mail, mails at the most, and mails in all."""

    start: float
    most: float
    mails: int

    def wait(self, share: float, chance: random.Random, process: subprocess.Popen[str], outside: Sink) -> None:
        """Let it live that share of the longest life, or until it ends by itself."""
        seconds = share / IN_START * self.start
        if share >= IN_START:
            wanted = len(outside.took()) + 1 + round((share - IN_START) / (1 - IN_START) * self.most)
            if not outside.wait_for(min(wanted, self.mails), lambda: process.poll() is not None):
                return
            seconds = chance.uniform(0, JITTER if wanted < self.mails else END)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


Cutter = Callable[[Place], AbstractContextManager[Cut]]


def random_kills(world: World, database: str, policy: str, *, kills: int, readers: int, per_round: int = 10) -> Finding:
    """So many kills; in doubt is at most one message on each connection."""
    found = Finding("kill -9 at random", database, policy, "R01" if policy == "resend" else "R02")
    rounds(world, found, kills, readers, per_round, bound=world.workshop.connections, cutter=nothing_more)
    return found.ended()


def rounds(
    world: World, found: Finding, kills: int, readers: int, per_round: int, *, bound: int, cutter: Cutter
) -> None:
    """As many rounds as the kills need; each is a newsroom that sends one edition to its end."""
    life = life_of(world, found.database, readers, per_round)
    done = number = 0
    while done < kills and number < 3 * kills:
        number += 1
        done += _round(world, found, number, life, min(per_round, kills - done), readers, bound, cutter)
    found.figures["kills"] = done
    found.hold(done >= kills, f"only {done} of {kills} runs lived long enough to be killed")
    sending = found.figures.get("killed in sending", 0)
    found.hold(sending * 4 >= done, f"only {sending} of {done} kills fell into the sending: this has proven little")


def _round(
    world: World, found: Finding, number: int, life: Life, kills: int, readers: int, bound: int, cutter: Cutter
) -> int:
    """One edition, killed up to `kills` times on its way; returns how often."""
    chance = world.chance(found.check, found.database, found.policy, number)
    moments: list[float] = []
    trial = f"round {number}"
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place(found.database, readers, port=outside.port, on_uncertain=found.policy) as place,
        cutter(place) as cut,
    ):
        patience, lives = time.monotonic() + LONG, shares(chance, kills)
        while len(moments) < kills and place.books.status() != "sent" and time.monotonic() < patience:
            process = place.start_sending(environ=cut.environ)
            life.wait(next(lives), chance, process, outside)
            if process.poll() is not None:
                _ended_before(found, ended(process), trial)
            elif kill(process):
                cut.after()
                time.sleep(SETTLE)
                moments.append(time.monotonic())
                found.count("killed in sending", place.books.status() == "sending")
                patience = time.monotonic() + LONG
        last = place.finish(environ=cut.environ)
        found.hold(last.code in GOOD, f"{trial}: the last run left with {last.code}: {last.said}")
        found.add(look(place, outside, policy=found.policy, disturbed=moments, bound=bound), trial)
    return len(moments)


def _ended_before(found: Finding, sent: Sent, trial: str) -> None:
    """A run had ended before it was killed: all is sent; or a dead run's lock outlives it, for which we wait."""
    if sent.status == ALREADY_RUNNING:
        found.count("found a dead run's lock")
        time.sleep(0.5)
    else:
        found.hold(sent.code in GOOD, f"{trial}: a run left with {sent.code}: {sent.said[-300:]}")


def shares(chance: random.Random, number: int) -> Iterator[float]:
    """Random shares between 0 and 1, spread evenly over so many: few trials must not all fall into the start."""
    while True:
        some = [(place + chance.random()) / number for place in range(number)]
        chance.shuffle(some)
        yield from some


def life_of(world: World, database: str, readers: int, per_round: int) -> Life:
    """A run's life where so many share one edition between them."""
    mails_each = readers / (per_round * (1 - IN_START))
    return Life(undisturbed(world, database, readers), 2 * mails_each, readers)


@functools.cache
def undisturbed(world: World, database: str, readers: int) -> float:
    """Seconds until the first mail of a run that nobody disturbs; it must be as it should, too."""
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place(database, readers, port=outside.port) as place,
    ):
        began = time.monotonic()
        sent = place.send()
        wrong = look(place, outside, policy="resend", disturbed=(), bound=0).problems
        if sent.code or wrong:
            raise RuntimeError(f"undisturbed, a run leaves with {sent.code}: {sent.said} {wrong}")
        return min(one.at for one in outside.took()) - began
