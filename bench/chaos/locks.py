"""Another writer holds the database (R05): BEGIN IMMEDIATE on SQLite, a lock on the ledger in PostgreSQL.

It costs time, not mails: the run waits, or ends with a code that says so and the next goes on; nobody gets two, since
no mail may leave of which the ledger could not know.
"""

from __future__ import annotations

import time

from bench.chaos.finding import Finding, World, look
from bench.chaos.kills import GOOD
from bench.chaos.outside import sink
from bench.chaos.place import ended

LATER = (69, 75)  # no database; unfinished, run again


def locked_out(world: World, database: str, policy: str, *, trials: int, seconds: float, readers: int = 300) -> Finding:
    """By turns in the midst of a run, and from before its start on."""
    found = Finding(f"another writer for {seconds:g} s", database, policy, "R05")
    for number in range(trials):
        after = 0 if number % 2 else world.chance(found.check, database, number).randint(1, readers // 2)
        trial = f"held after {after} mails"
        with (
            world.workshop.log() as log,
            sink(log, world.delay_ms) as outside,
            world.workshop.place(database, readers, port=outside.port, on_uncertain=policy) as place,
        ):
            process = place.start_sending() if after else None
            if process:
                running = outside.wait_for(after, lambda one=process: one.poll() is not None)  # type: ignore[misc]
                found.hold(running, f"{trial}: the run had ended before")
            with place.books.held():
                process = process or place.start_sending()
                time.sleep(seconds)
                held = len(outside.took())
            first = ended(process)
            found.hold(first.code in (*GOOD, *LATER), f"{trial}: it left with {first.code}: {first.said[-300:]}")
            found.hold(not first.crashed, f"{trial}: it crashed: {first.said[-300:]}")
            found.hold(held < readers, f"{trial}: all was sent while the ledger could not be written")
            found.count("ended by it", first.code in LATER)
            last = place.finish()
            found.hold(last.code in GOOD, f"{trial}: the next run left with {last.code}: {last.said}")
            found.add(look(place, outside, policy=policy, disturbed=(), bound=0), trial)
    return found.ended()
