"""kill -9 at named steps (R01, R02): right before and right after each thing that must not be half done.

`STEPS` is data: where the program's parts get other names, it is this list that follows them. A name that is not there,
and a step that a run never reaches, is a failure of the check. The name must be the one by which the caller knows the
function: `newsletter.dispatch:recover`, since dispatch imports it by name.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from bench.chaos.finding import SETTLE, Finding, World, look
from bench.chaos.kills import GOOD
from bench.chaos.outside import LONG, sink
from bench.chaos.place import Place


@dataclass(frozen=True, slots=True)
class Step:
    """A function of the program, and at which of its calls the process dies."""

    at: str  # module:attribute
    call: int = 1
    when: tuple[str, ...] = ("before", "after")
    databases: tuple[str, ...] = ("sqlite", "postgresql")

    def __str__(self) -> str:
        return f"{self.at} #{self.call}"


AFTER = ("after",)
LITE, POSTGRES = ("sqlite",), ("postgresql",)  # where an edition goes as a whole, and where slice by slice
STEPS = (
    # Becoming the one that sends
    Step("newsletter.instance:renew"),
    Step("newsletter.instance:_write_state", 2),
    # Freezing: audience, wires, status in one transaction
    Step("newsletter.dispatch:_freeze"),
    Step("newsletter.store.audience:plan"),
    Step("newsletter.store.editions:keep_wires", when=AFTER),
    Step("newsletter.store.editions:move", 1, when=AFTER),
    # Taking hold
    Step("newsletter.dispatch:recover", databases=LITE),
    Step("newsletter.store.slices:cut", when=AFTER, databases=POSTGRES),
    Step("newsletter.slices:lease", databases=POSTGRES),
    Step("newsletter.slices:recover", databases=POSTGRES),
    Step("newsletter.deliver.ledger:Ledger.recover"),
    Step("newsletter.deliver.ledger:Ledger.claim"),
    Step("newsletter.store.deliveries:claim", when=AFTER),
    Step("newsletter.deliver.journal:Journal._begin"),
    # One message: connected, its envelope, the journal's line, its bytes, its answer
    Step("newsletter.mail.wire:Wire.connect"),
    Step("newsletter.deliver.ledger:Ledger.wants_it", 5),
    Step("newsletter.deliver.supply:Supply.take", 9),
    Step("newsletter.deliver.ledger:Ledger.sending", 6),
    Step("newsletter.deliver.journal:Journal.sending", 7),
    Step("newsletter.deliver.journal:_write", 3),
    Step("newsletter.mail.wire:Wire.push", 6),
    Step("newsletter.mail.wire:Wire.push", 7),
    Step("newsletter.mail.wire:Wire.push", 8),
    Step("newsletter.mail.wire:Wire.push", 9),
    Step("newsletter.mail.wire:Wire.gather", 12),
    Step("newsletter.deliver.supply:Supply.ended", 7),
    Step("newsletter.deliver.journal:Journal.ended", 7),
    Step("newsletter.deliver.journal:_write", 5),
    # Folding
    Step("newsletter.deliver.ledger:Ledger.fold", 2),
    Step("newsletter.deliver.journal:Journal.folded"),
    Step("newsletter.deliver.ledger:record", when=("before", "after")),
    # The end
    Step("newsletter.store.slices:put_off", databases=POSTGRES),
    Step("newsletter.deliver.supply:Supply.close"),
    Step("newsletter.deliver.ledger:Ledger.close"),
    Step("newsletter.deliver.journal:Journal.close"),
    Step("newsletter.dispatch:_conclude"),
    Step("newsletter.store.editions:move", 2),
    Step("newsletter.dispatch:deliver_edition", when=AFTER),
)


def named_steps(
    world: World, database: str, policy: str, *, steps: tuple[Step, ...] = STEPS, readers: int = 24
) -> Finding:
    """Each step of the list once, in a newsroom of its own, which then sends its edition to the end."""
    found = Finding("kill -9 at named steps", database, policy, "R01" if policy == "resend" else "R02")
    for step in steps:
        for when in step.when:
            if database in step.databases:
                _one(world, found, step, when, readers)
    return found.ended()


def _one(world: World, found: Finding, step: Step, when: str, readers: int) -> None:
    trial = f"{when} {step}"
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place(found.database, readers, port=outside.port, on_uncertain=found.policy) as place,
    ):
        died, said = _blow_up(place, step, when)
        found.hold(died, f"{trial}: never reached: {said}")
        time.sleep(SETTLE)
        moment = time.monotonic()
        last = place.finish()
        found.hold(last.code in GOOD, f"{trial}: the next run left with {last.code}: {last.said}")
        found.add(look(place, outside, policy=found.policy, disturbed=[moment], bound=place.connections), trial)
    found.count("steps reached", died)


def _blow_up(place: Place, step: Step, when: str) -> tuple[bool, str]:
    """Send with the bomb in it; whether it died there and then, and else what it said."""
    reached = place.folder / "reached"
    order = {"at": step.at, "when": when, "call": step.call, "reached": str(reached)}
    process = place.start_sending(through=("-m", "bench.chaos.driver", json.dumps(order)))
    _, said = process.communicate(timeout=LONG)
    return reached.exists() and process.returncode == -9, said.strip()[-300:] or f"exit code {process.returncode}"
