"""kill -9 at random moments of a sending run (R01, R02, R11).

How long each run may live is drawn evenly from nothing to twice its share of an undisturbed run, its start included: so
the kills of a round fall everywhere, from the first import of a module to the writing down of the edition's end. What
is longer than the start is counted in mails, so that a machine that is busier than it was moves nothing.
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

JITTER = 0.01  # seconds: so that a kill falls anywhere between two mails
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
    """How long a run may live: seconds until its first mail, seconds at the longest, mails a second, mails in all."""

    start: float
    longest: float
    rate: float
    mails: int

    def wait(self, chance: random.Random, process: subprocess.Popen[str], outside: Sink) -> None:
        """Let it live as long as chance will have it, or until it ends by itself."""
        seconds = chance.uniform(0, self.longest)
        moment = chance.uniform(0, JITTER)
        if seconds > self.start:
            wanted = len(outside.took()) + round((seconds - self.start) * self.rate)
            if not outside.wait_for(min(wanted, self.mails), lambda: process.poll() is not None):
                return
            seconds = moment if wanted < self.mails else moment * 20  # all are sent: somewhere in the end
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
        patience = time.monotonic() + LONG
        while len(moments) < kills and place.books.status() != "sent" and time.monotonic() < patience:
            process = place.start_sending(environ=cut.environ)
            life.wait(chance, process, outside)
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


def life_of(world: World, database: str, readers: int, per_round: int) -> Life:
    """A run's life where so many are to share one edition between them."""
    start, whole = undisturbed(world, database, readers)
    return Life(start, 2 * (start + (whole - start) / per_round), readers / (whole - start), readers)


@functools.cache
def undisturbed(world: World, database: str, readers: int) -> tuple[float, float]:
    """Seconds to the first mail and to the end of a run that nobody disturbs; it must be as it should, too."""
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place(database, readers, port=outside.port) as place,
    ):
        began = time.monotonic()
        sent = place.send()
        whole = time.monotonic() - began
        wrong = look(place, outside, policy="resend", disturbed=(), bound=0).problems
        if sent.code or wrong:
            raise RuntimeError(f"undisturbed, a run leaves with {sent.code}: {sent.said} {wrong}")
        return min(one.at for one in outside.took()) - began, whole
