"""How `send` behaves as the list grows: memory, cost per message, time to the first message, planning."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, func, insert, literal, select
from sqlalchemy.types import TypeDecorator

from bench import newsroom
from bench.rounds import FEW
from bench.runs import Ground, run
from bench.senders import Sender
from newsletter.store import database, schema

TURNS = 3  # the middle one counts
SMALL = 10_000
PATIENCE = 24 * 3600.0
NOW = datetime(2026, 11, 25, 6, 30, tzinfo=UTC)


def growth(ground: Ground, sender: Sender, wanted: Any) -> list[dict[str, Any]]:
    """`send` with ever more subscribers; a run that is not over `wanted.scale_seconds` after its first message is told
    to stop, and what it has sent counts."""
    found = [_one(ground, sender, size, wanted.scale_seconds) for size in (FEW, *wanted.sizes)]
    few = found[0]
    for one in found[1:]:
        if not one["stopped"]:  # else what was planned for all is borne by few
            one["cpu_us"] = round((one["cpu"] - few["cpu"]) / (one["messages"] - few["messages"]) * 1e6, 2)
    return found


def _one(ground: Ground, sender: Sender, size: int, limit: float) -> dict[str, Any]:
    """One run; of a small list, where start-up weighs, that with the middle CPU of three."""
    runs = [run(ground, sender, "fast", size, stop_after=limit)]
    while len(runs) < TURNS and size <= SMALL and not runs[0]["stopped"]:
        runs.append(run(ground, sender, "fast", size, stop_after=limit))
    found = sorted(runs, key=lambda one: one["cpu"])[len(runs) // 2]
    found["database"] = sender.database
    ground.say(
        f"  {size:9,} subscribers: {found['messages']:,} sent, {found['rate'] or 0:,.0f}/s, first after"
        f" {found['first_after']} s, peak {found['peak_mb']} MB"
    )
    return found


def million(ground: Ground, sender: Sender, size: int) -> dict[str, Any]:
    """So many really sent, to the end; whether each was sent once is in `wrong`."""
    found = run(ground, sender, "fast", size, stop_after=PATIENCE)
    found["database"] = sender.database
    ground.say(
        f"  {found['messages']:,} messages, {found['ids']:,} different Message-IDs, in {found['whole_seconds']:,.1f} s,"
        f" {found['rate'] or 0:,.0f}/s, peak {found['peak_mb']} MB"
    )
    return found


# --- Planning ---------------------------------------------------------------------------------------


def planning(ground: Ground, sender: Sender, size: int) -> dict[str, Any]:
    """What stands between start and first message with so many subscribers, over what does with few; beside one
    INSERT … SELECT of as many rows into the same table."""
    planned, bare = [], []
    for _ in range(TURNS):
        few, many = (run(ground, sender, "fast", rows, stop_after=0.0)["first_after"] for rows in (FEW, size))
        planned.append(max(0.0, many - few))
        with ground.lists.newsroom(sender.database, size) as folder:
            bare.append(_bare_insert(folder, size))
    took, least = statistics.median(planned), statistics.median(bare)
    found = {
        "database": sender.database,
        "rows": size,
        "planning_seconds": round(took, 3),
        "insert_select_seconds": round(least, 3),
        "ratio": round(took / least, 2),
    }
    ground.say(f"  {sender.database}, {size:,} rows: planned in {took:.2f} s, INSERT … SELECT {least:.2f} s")
    return found


def _bare_insert(folder: Path, size: int) -> float:
    """The database's own way, in one transaction, opened as the store opens it."""
    engine = database.open_engine(newsroom.database_url(folder))
    database.upgrade(engine)
    with database.write(engine) as connection:
        names, values = _columns(_edition(connection))
    people = select(*values).where(schema.subscribers.c.status == "active").order_by(schema.subscribers.c.id)
    began = time.perf_counter()
    with database.write(engine) as connection:
        connection.execute(insert(schema.deliveries).from_select(names, people))
    took = time.perf_counter() - began
    with database.read(engine) as connection:
        done = connection.execute(select(func.count()).select_from(schema.deliveries)).scalar_one()
    engine.dispose()
    if done != size:
        raise RuntimeError(f"{done} rows instead of {size}")
    return took


def _edition(connection: Connection) -> int:
    """A row for the deliveries to belong to."""
    values = {column.name: _filler(column) for column in schema.editions.c if _must_be_given(column)}
    return int(connection.execute(insert(schema.editions).values(values).returning(schema.editions.c.id)).scalar_one())


def _columns(edition: int) -> tuple[list[str], list[Any]]:
    """What a planned row holds: who, and for the rest the plainest value there is."""
    people = schema.subscribers.c
    known = {"edition_id": literal(edition), "subscriber_id": people.id, "address": people.address}
    known |= {"variant": people.variant, "state": literal("pending")}
    given = [column for column in schema.deliveries.c if column.name in known or _must_be_given(column)]
    values = [known.get(column.name, literal(_filler(column), column.type)) for column in given]
    return [column.name for column in given], values


def _must_be_given(column: Column[Any]) -> bool:
    return not (column.nullable or column.server_default or column.autoincrement is True or column.primary_key)


def _filler(column: Column[Any]) -> Any:
    kind: Any = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    plainest: dict[type, Any] = {bool: False, int: 0, bytes: b"", datetime: NOW, date: NOW.date()}
    return plainest.get(kind.python_type, "")
