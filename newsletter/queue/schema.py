"""procrastinate's tables, made and kept up to date in our schema.

It comes with its migrations as files, and leaves to others which of them are in: we keep the name of the newest in a
note. Their names sort by version, and say which may come before the program is newer everywhere (`_pre_`) and which
only after (`_post_`: they take away what older programs call).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine

from newsletter.store import jobs, notes
from newsletter.store.database import read, write

log = logging.getLogger(__name__)

NOTE = "queue"


def prepare(engine: Engine, alive: Callable[[], int]) -> None:
    """Make the tables, or apply what the library has brought since. While others are at work (`alive`), what takes away
    from older programs waits for a start at which nobody is: machines are upgraded one after the other."""
    scripts = _migrations()
    with read(engine) as connection:
        if jobs.are_kept(connection) and notes.get(connection, NOTE) == scripts[-1].stem:
            return
    with write(engine) as connection:
        notes.one_at_a_time(connection, NOTE)
        if not jobs.are_kept(connection):
            jobs.run_script(connection, _whole())
            notes.put(connection, NOTE, scripts[-1].stem)
            return
        if notes.get(connection, NOTE) is None:  # made by somebody else's hand: by the library that is there
            notes.put(connection, NOTE, scripts[-1].stem)
            return
    _go_on(engine, scripts, others=alive() > 0)


def _go_on(engine: Engine, scripts: Sequence[Path], *, others: bool) -> None:
    """Each in a transaction of its own; another who does the same meanwhile finds it done."""
    for script in scripts:
        with write(engine) as connection:
            notes.one_at_a_time(connection, NOTE)
            newest = notes.get(connection, NOTE) or ""
            if script.stem <= newest or script not in to_apply(scripts, newest, others=others):
                continue
            jobs.run_script(connection, script.read_text(encoding="utf-8"))
            notes.put(connection, NOTE, script.stem)
            log.info("the queue's tables are brought up to date: %s", script.stem)


def to_apply(scripts: Sequence[Path], newest: str, *, others: bool) -> list[Path]:
    """Those that come now, in turn. With `others` at work the last ones that take away stay; those in the middle do
    not, since what follows builds upon them."""
    left = [script for script in scripts if script.stem > newest]
    while others and left and "_post_" in left[-1].name:
        left.pop()
    return left


def _migrations() -> list[Path]:
    from procrastinate.schema import migrations_path

    return sorted(migrations_path.glob("*.sql"))


def _whole() -> str:
    from procrastinate.schema import SchemaManager

    return SchemaManager.get_schema()
