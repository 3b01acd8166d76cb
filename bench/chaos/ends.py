"""SIGTERM at random moments (R15): what has begun ends, nothing more begins, and nothing is left in doubt.

The relay answers within milliseconds, so nobody is uncertain and nobody gets two, with either policy.
"""

from __future__ import annotations

import time

from bench.chaos.finding import Finding, World, look
from bench.chaos.kills import GOOD, life_of, shares
from bench.chaos.outside import LONG, sink
from bench.chaos.place import ended

SOON = 30.0  # seconds in which it has to be out
UNFINISHED = 75
TAKEN_LITERALLY = -15  # it did not listen to signals yet, or any more: only before the first mail, or when all is sent


def sigterms(world: World, database: str, policy: str, *, trials: int, readers: int, per_round: int = 5) -> Finding:
    """So many SIGTERMs, over as many rounds as they need."""
    found = Finding("SIGTERM at random", database, policy, "R15")
    done = number = 0
    while done < trials and number < 3 * trials:
        number += 1
        done += _round(world, found, number, min(per_round, trials - done), readers, per_round)
    found.hold(done >= trials, f"only {done} of {trials} runs lived long enough to be told")
    stopped = found.figures.get("stopped in sending", 0)
    found.hold(stopped * 4 >= done, f"only {stopped} of {done} were sending: this has proven little")
    return found.ended()


def _round(world: World, found: Finding, number: int, trials: int, readers: int, per_round: int) -> int:
    """One edition, told to stop up to `trials` times on its way; returns how often."""
    chance = world.chance(found.check, found.database, found.policy, number)
    life, done, trial = life_of(world, found.database, readers, per_round), 0, f"round {number}"
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place(found.database, readers, port=outside.port, on_uncertain=found.policy) as place,
    ):
        lives = shares(chance, trials)
        while done < trials and place.books.status() != "sent":
            before = len(outside.took())
            process = place.start_sending()
            life.wait(next(lives), chance, process, outside)
            told, alive = time.monotonic(), process.poll() is None
            process.terminate()
            sent = ended(process)
            took = time.monotonic() - told
            done += alive
            found.hold(took < min(SOON, LONG), f"{trial}: it took {took:.1f} s to leave")
            found.figures["longest, s"] = max(found.figures.get("longest, s", 0), round(took, 1))
            idle = len(outside.took()) == before or place.books.status() == "sent"
            fine = sent.code in (0, UNFINISHED) or (sent.code == TAKEN_LITERALLY and idle)
            found.hold(fine, f"{trial}: it left with {sent.code}: {sent.said[-300:]}")
            found.count("stopped in sending", alive and len(outside.took()) > before)
            if not alive and not fine:
                break
        last = place.finish()
        found.hold(last.code in GOOD, f"{trial}: the last run left with {last.code}: {last.said}")
        found.add(look(place, outside, policy=found.policy, disturbed=(), bound=0), trial)
    return done
