"""All who deliver at this moment, seen from outside: the workers on whatever machine, and what is left for them. From
the database alone; on SQLite there is nothing to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from newsletter.newsroom import Newsroom
from newsletter.slices import due_and_free, unfinished
from newsletter.store import editions, slices, workers
from newsletter.store.database import read
from newsletter.store.workers import SILENT, Seen


@dataclass(frozen=True, slots=True)
class Worker:
    """One that lives, or has said nothing for less than a day."""

    seen: Seen
    edition: str | None  # by its name, where it is at one

    @property
    def lives(self) -> bool:
        return self.seen.silent < SILENT

    def __str__(self) -> str:
        return f"worker {self.seen.id} (process {self.seen.who.process} on {self.seen.who.place})"

    def figures(self) -> dict[str, object]:
        """What `status --json` says of it."""
        one = self.seen
        return {
            "number": one.id,
            "place": one.who.place,
            "process": one.who.process,
            "version": one.who.version,
            "via": one.who.via,
            "began_at": one.began_at,
            "seen_at": one.seen_at,
            "alive": self.lives,
            "edition": self.edition,
            "slice": one.slice,
            **one.counts,
            "trouble": one.trouble,
        }


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers, and the slices that are not done of the editions under way."""

    workers: list[Worker] = field(default_factory=list)
    left: int = 0  # slices that are not done
    held: int = 0  # of them, in somebody's hands
    later: int = 0  # of them, not to be taken yet: what is left was put off
    unasked: int = 0  # of them, due, and no job brings them to anybody
    jobs: Mapping[str, int] = field(default_factory=lambda: {"todo": 0, "doing": 0})

    @property
    def alive(self) -> int:
        return sum(one.lives for one in self.workers)

    @property
    def sending(self) -> int:
        """How many have a slice in hand."""
        return sum(one.lives and one.seen.slice is not None for one in self.workers)

    @property
    def in_trouble(self) -> list[Worker]:
        """Those that live, and whose last slice met trouble."""
        return [one for one in self.workers if one.lives and one.seen.trouble]

    @property
    def machines_sending(self) -> int:
        """On how many machines somebody has a slice in hand."""
        return len({one.seen.who.place for one in self.workers if one.lives and one.seen.slice is not None})

    @property
    def machines_in_trouble(self) -> int:
        return len({one.seen.who.place for one in self.in_trouble})

    @property
    def last_of_their_place(self) -> list[Worker]:
        """Of each machine on which none lives any more, the one that was seen last."""
        places = {one.seen.who.place for one in self.workers if one.lives}
        dead = sorted(
            (one for one in self.workers if one.seen.who.place not in places), key=lambda one: -one.seen.silent
        )
        return list({one.seen.who.place: one for one in dead}.values())

    def figures(self) -> dict[str, object]:
        """What `status --json` says of it."""
        told = {"left": self.left, "held": self.held, "later": self.later, "unasked": self.unasked}
        return {"workers": [one.figures() for one in self.workers], "slices": told}


def look(room: Newsroom) -> Cluster:
    """What there is to see now."""
    if room.engine.dialect.name != "postgresql":
        return Cluster()
    jobs = room.queue
    asked = jobs.waiting() if jobs else set()
    with read(room.engine) as connection:
        under_way = [one for one in editions.sending(connection) if not one.paused_at]
        open_ones = [one for edition in under_way for one in unfinished(room, connection, edition)]
        held = slices.held(connection) if open_ones else {}
        free = sum(one.lease not in held for one in open_ones)
        due = due_and_free(room, open_ones, held)
        return Cluster(
            workers=[Worker(one, _name(connection, one.edition_id)) for one in workers.known(connection)],
            left=len(open_ones),
            held=len(open_ones) - free,
            later=free - len(due),
            unasked=sum((one.edition_id, one.number) not in asked for one in due),
            jobs=jobs.counts() if jobs else {"todo": 0, "doing": 0},
        )


def _name(connection: Connection, edition_id: int | None) -> str | None:
    return editions.by_id(connection, edition_id).name if edition_id is not None else None
