"""Many starts at the same instant (R03), and a start while the one that sends is stopped (R04)."""

from __future__ import annotations

import json
import signal
import time

from bench.chaos.finding import Finding, World, look
from bench.chaos.outside import Sink, sink, wait_until
from bench.chaos.place import ALREADY_RUNNING, Place, ended

# What a second start may do while the first is stopped. A `lock` outlives any stop: the second says that another runs.
# A `lease` ends: the second takes over, and the first, when it wakes, begins nothing more.
HOLDS = {"sqlite": "lock", "postgresql": "lease"}


def many_starts(world: World, database: str, policy: str, *, races: int, readers: int = 40, most: int = 10) -> Finding:
    """Two to ten processes, released together; one sends, the others leave with 0 and say why."""
    found = Finding("starts at one instant", database, policy, "R03")
    for race in range(races):
        number = world.chance(found.check, database, race).randint(2, most)
        with (
            world.workshop.log() as log,
            sink(log, world.delay_ms) as outside,
            world.workshop.place(database, readers, port=outside.port, on_uncertain=policy) as place,
        ):
            _race(found, place, number, f"race {race} of {number}")
            found.add(look(place, outside, policy=policy, disturbed=(), bound=0), f"race {race} of {number}")
    losers = found.figures.get("already running", 0)
    found.hold(losers >= races, f"only {losers} ever said that another is running: the starts did not meet")
    return found.ended()


def _race(found: Finding, place: Place, number: int, trial: str) -> None:
    gate = place.folder / "gate"
    ready = [place.folder / f"ready{one}" for one in range(number)]
    orders = [json.dumps({"gate": str(gate), "ready": str(one)}) for one in ready]
    starts = [place.start_sending(through=("-m", "bench.chaos.driver", order)) for order in orders]
    wait_until(lambda: all(one.exists() for one in ready), lambda: any(one.poll() is not None for one in starts))
    gate.touch()
    results = [ended(one) for one in starts]
    found.count("processes", number)
    found.count("already running", sum(one.status == ALREADY_RUNNING for one in results))
    for one in results:
        fine = one.code == 0 and one.status in ("sent", ALREADY_RUNNING)
        found.hold(fine, f"{trial}: one left with {one.code}, status {one.status}: {one.said[-300:]}")
    senders = sum(one.status == "sent" for one in results)
    found.hold(senders >= 1, f"{trial}: nobody has sent")


def stopped_sender(
    world: World, database: str, policy: str, *, trials: int = 1, readers: int = 300, hold: str | None = None
) -> Finding:
    """SIGSTOP in the midst of a run, another start, SIGCONT. `hold`: see HOLDS."""
    hold = hold or HOLDS[database]
    found = Finding(f"SIGSTOP, another start, SIGCONT ({hold})", database, policy, "R04")
    for number in range(trials):
        with (
            world.workshop.log() as log,
            sink(log, world.delay_ms) as outside,
            world.workshop.place(database, readers, port=outside.port, on_uncertain=policy) as place,
        ):
            after = world.chance(found.check, database, number).randint(1, readers // 2)
            _stop(found, place, outside, after, hold, f"stopped after {after}")
    return found.ended()


def _stop(found: Finding, place: Place, outside: Sink, after: int, hold: str, trial: str) -> None:
    first = place.start_sending()
    alive = outside.wait_for(after, lambda: first.poll() is not None) and first.poll() is None
    found.hold(alive, f"{trial}: the run had ended before")
    first.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    second = place.send() if hold == "lock" else place.finish()
    held = len(outside.took())
    woken = time.monotonic()
    first.send_signal(signal.SIGCONT)
    result = ended(first)
    outside.took()
    if hold == "lock":
        found.hold(second.status == ALREADY_RUNNING, f"{trial}: the second said {second.status}: {second.said}")
        found.hold(second.code == 0, f"{trial}: the second left with {second.code}")
        found.hold(result.code == 0, f"{trial}: the first left with {result.code}: {result.said}")
        meanwhile = sum(stopped + 0.2 < began < woken for _, began in outside.began)
        found.hold(not meanwhile, f"{trial}: {meanwhile} messages were begun while it was stopped")
    else:
        further = sum(began > woken for _, began in outside.began)
        found.hold(second.status == "sent", f"{trial}: nobody took over: {second.status}, {second.said}")
        found.hold(held >= len(place.addresses) - place.connections, f"{trial}: the second sent {held}")
        found.hold(not further, f"{trial}: woken, the first began {further} messages more")
        found.hold(not result.crashed, f"{trial}: the first crashed: {result.said[-300:]}")
        found.count("begun after waking", further)
    disturbed = () if hold == "lock" else (woken,)
    found.add(look(place, outside, policy=found.policy, disturbed=disturbed, bound=place.connections), trial)
