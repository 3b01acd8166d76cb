"""A whole newsletter moved from one database into another: from SQLite to PostgreSQL, back, or between two of a kind.

What is read is one state of the source, which nobody can change meanwhile. What is written is one transaction, in which
the copy is read again and compared: so there is never half a copy, however this ends, and none that differs. The copy
never sends by itself (`instance`): it waits for `newsletter adopt`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import AlreadyRunning, DatabaseError, Unfinished
from newsletter.store import copying, slices
from newsletter.store.database import (
    HEAD,
    Held,
    letters_lock,
    newcomers_lock,
    open_engine,
    read,
    revision,
    sending_lock,
    shown,
    upgrade,
    write,
)
from newsletter.store.openers import openers

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from newsletter.store.copying import Print

AFTERWARDS = 0.5  # seconds in which we look whether somebody was waiting to write into the source

# Told which table is at hand, what is done to it, how many rows were done since, and how many it has.
Watch = Callable[[str, str, int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """One table, as it was read and as it stands in the copy; in a rehearsal only as it is to be read."""

    table: str
    rows: int
    digest: str = ""
    digest_there: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    tables: list[Copied]
    # Somebody has written into the source, or waited to: that is not in the copy. Who gave up waiting is not seen.
    written_meanwhile: bool
    retired: bool = False  # the source sends no more


def copy(source_url: str, target_url: str, watch: Watch, *, retire: bool = False, dry_run: bool = False) -> Result:
    """Copy all that the source holds into an empty target. The URLs are those of `Config.database_at`.

    With `retire` the source sends no more afterwards. Raises Unfinished where somebody is sending or has SQLite's file
    open, DatabaseError where either is not fit for it, where something cannot be read, held or written, or where both
    differ in the end.
    """
    if source_url == target_url:
        raise DatabaseError("source and target are one database: name another target")
    with _opened(source_url, target_url) as (source, target):
        _check_source(source)
        _check_target(target)
        if dry_run:
            with read(source) as connection:
                counts = [(table.name, copying.count(connection, table)) for table in copying.tables()]
            return Result([Copied(*one) for one in counts], written_meanwhile=False)
        upgrade(target)
        return _copy(source, target, watch, retire)


@contextmanager
def _opened(source_url: str, target_url: str) -> Iterator[tuple[Engine, Engine]]:
    if source_url.startswith("sqlite:///") and not Path(source_url.removeprefix("sqlite:///")).exists():
        raise DatabaseError(f"database {source_url.removeprefix('sqlite:///')}: there is no such file")
    source, target = open_engine(source_url), open_engine(target_url)
    try:
        yield source, target
    finally:
        source.dispose()
        target.dispose()


def _check_source(source: Engine) -> None:
    found = revision(source)
    if found is None:
        raise DatabaseError(f"database {shown(source)}: holds no newsletter")
    if found != HEAD:
        raise DatabaseError(
            f"database {shown(source)}: has schema {found}, and this program has {HEAD}: bring it up to date first"
            " (`newsletter database upgrade`, by the newest program)"
        )


def _check_target(target: Engine) -> None:
    """A SQLite file that is not there is not made by looking."""
    if target.dialect.name == "sqlite" and not Path(target.url.database or "").exists():
        return
    found = revision(target)
    if found is None:
        return
    if found != HEAD:
        raise DatabaseError(
            f"database {shown(target)}: has schema {found}, and this program has {HEAD}: name an empty one"
        )
    with read(target) as connection:
        table = copying.holding(connection)
    if table:
        raise DatabaseError(f"database {shown(target)}: holds something already (in {table}): name an empty one")


def _copy(source: Engine, target: Engine, watch: Watch, retire: bool) -> Result:
    with _nobody_sends(source), _nobody_sends(target):
        _check_openers(source)
        door = Held(source)
        try:
            door.written_by_others()
            with door.write() as there:
                copying.hold_still(there)
                _check_claims(there, source)
                with write(target) as here:
                    copying.be_patient(here)
                    result = _fill(there, here, target, watch)
                waiting = copying.somebody_waits(there)
                if retire:
                    copying.retire(there, shown(target))
            time.sleep(AFTERWARDS)
            return Result(result, waiting or bool(door.written_by_others()), retire)
        finally:
            door.close()


@contextmanager
def _nobody_sends(engine: Engine) -> Iterator[None]:
    with ExitStack() as held:
        try:
            for lock in (sending_lock, newcomers_lock, letters_lock):
                held.enter_context(lock(engine))
        except AlreadyRunning as error:
            raise Unfinished(f"database {shown(engine)}: {error}: copy it when that has ended") from error
        yield


def _check_openers(source: Engine) -> None:
    """Who waits to write into SQLite gives up after a minute, and nothing tells us of it: so nobody may be there."""
    if source.dialect.name != "sqlite":
        return
    others = openers(Path(source.url.database or ""))
    if others:
        who = "process " + ", ".join(map(str, others))
        raise Unfinished(f"database {shown(source)}: {who} has it open: stop `serve`, `run` and whatever else uses it")


def _check_claims(connection: Connection, source: Engine) -> None:
    try:
        slices.check_idle(connection)
    except AlreadyRunning as error:
        raise Unfinished(f"database {shown(source)}: {error}: stop the workers first") from error
    left = copying.claimed(connection)
    if left:
        raise Unfinished(
            f"database {shown(source)}: a run that died has left {left} deliveries in its hands, and its journal alone"
            " knows of them: run `newsletter send` first"
        )


def _fill(source: Connection, target: Connection, engine: Engine, watch: Watch) -> list[Copied]:
    """Raises DatabaseError where both differ in the end; the caller's transaction then leaves nothing of it."""
    if copying.holding(target):
        raise DatabaseError(f"database {shown(engine)}: somebody has begun to fill it meanwhile: name an empty one")
    totals = {table.name: copying.count(source, table) for table in copying.tables()}
    prints: dict[str, tuple[Print, Print]] = {}
    for table in copying.tables():
        seen = _seen(watch, table.name, "copied", totals[table.name])
        was = copying.copy(source, target, table, seen)
        copying.go_on_numbering(source, target, table)
        prints[table.name] = (was, was)
    for table in copying.tables():
        seen = _seen(watch, table.name, "compared", totals[table.name])
        prints[table.name] = (prints[table.name][0], copying.fingerprint(target, table, seen))
    wrong = [_difference(name, *both) for name, both in prints.items() if both[0] != both[1]]
    if wrong:
        raise DatabaseError(f"database {shown(engine)}: not what was read; nothing of it is kept\n" + "\n".join(wrong))
    copying.conclude(target)
    return [Copied(name, was.rows, was.digest, there.digest) for name, (was, there) in prints.items()]


def _seen(watch: Watch, name: str, doing: str, total: int) -> Callable[[int], None]:
    return lambda rows: watch(name, doing, rows, total)


def _difference(name: str, was: Print, there: Print) -> str:
    return f"{name}: {was.rows} rows, {was.digest[:16]}…; in the copy {there.rows} rows, {there.digest[:16]}…"
