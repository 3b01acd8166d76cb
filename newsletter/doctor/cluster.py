"""Where several machines share the work, on PostgreSQL: what each of them needs, and how the workers are."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter import queue
from newsletter.doctor.finding import Finding, ok, warning
from newsletter.newsroom import Newsroom
from newsletter.store import postgresql, workers
from newsletter.store.database import KEPT, MOST, read
from newsletter.store.workers import SILENT, Seen

OF_A_WORKER = KEPT + 2  # connections of one process: for its slice, and for the queue
OF_THE_REST = 2 * MOST  # of `serve` and `send`
FULL = 0.9  # of the server's connections in use: a morning wants more than now


def look(room: Newsroom) -> Iterator[Finding]:
    """Nothing where no worker lives, or did within the day. Raises DatabaseError."""
    if room.engine.dialect.name != "postgresql":
        return
    with read(room.engine) as connection:
        known = workers.known(connection)
        used, most = postgresql.connections(connection)
    if not known:
        return
    living = [one for one in known if one.silent < SILENT]
    yield from _look_at_this_machine(room, known)
    yield from _look_at_workers(living)
    yield _judge_connections(len(living), used, most)


def _look_at_this_machine(room: Newsroom, known: list[Seen]) -> Iterator[Finding]:
    places = ", ".join(dict.fromkeys(one.who.place for one in known))
    if not queue.installed():
        said = (
            f"there are workers ({places}), and the extra is missing here: a `send` of this machine asks none of them"
        )
        yield warning("cluster extra", said, "pip install 'newsletter[cluster]'")
    if not room.config.newsletter.instance:
        said = f"there are workers ({places}), and newsletter.instance is not set: only one machine can send"
        yield warning("cluster instance", said, "give the installation a name, on each machine the same")


def _look_at_workers(living: list[Seen]) -> Iterator[Finding]:
    troubled = [one for one in living if one.trouble]
    for one in troubled:
        said = f"worker {one.id} (process {one.who.process} on {one.who.place}): {one.trouble}"
        yield warning("cluster worker", said, f"mend it on {one.who.place}; meanwhile the others take its slices")
    if living and not troubled:
        yield ok("cluster worker", f"{len(living)} live, none is in trouble")


def _judge_connections(living: int, used: int, most: int) -> Finding:
    wanted = living * OF_A_WORKER + OF_THE_REST
    said = f"the server has {most} connections, {used} in use; {living} workers, serve and send may want {wanted}"
    if wanted > most or used > FULL * most:
        return warning("cluster connections", said, "raise its max_connections: docs/cluster.md")
    return ok("cluster connections", said)
