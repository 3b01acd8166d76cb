"""A list of readers from elsewhere: a CSV file → people on the list, and which consent is claimed for them.

The whole file is read into a passing table before anybody is added, so a file that is no list adds nobody; then people
go on the list by the thousand. A crash leaves those that were added, and running again adds the others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from newsletter.errors import BadData
from newsletter.imports.rows import ListFile, check_bytes, look, rows
from newsletter.imports.usual import person
from newsletter.model import Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, notes
from newsletter.store import imports as lists
from newsletter.store.imports import Staged

TOLD = 20  # bad rows that are told
READ = 5000  # rows that go into the passing table at once
CHUNK = 5000  # people that go on the list in one transaction: a tenth of a second, in which a sign-up waits
PAUSE = 0.005  # seconds between two: on SQLite, who waits looks every millisecond whether it is free

Watch = Callable[[str, float, int], None]  # what is being done, which share of it is, and how many rows that were


# Within a cell, a line that has an address and a delimiter: very likely a reader of their own.
SWALLOWED = re.compile(r"\n[^\n]*(?:@[^\n]*[,;\t|]|[,;\t|][^\n]*@)")


class _Claim(NamedTuple):
    by: str
    text: str | None


@dataclass(slots=True)
class Imported:
    """What came of an import. `bad` and `twice` hold a line of text for the first rows of their kind."""

    format: str = ""
    added: int = 0
    known: int = 0  # on the list already, in whatever status, or forgotten: nothing about them changes
    left_out: Counter[str] = field(default_factory=Counter)  # who do not read on, by what the file says of them
    duplicates: int = 0
    bad_count: int = 0
    bad: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    @property
    def usable(self) -> int:
        return self.added + self.known


def import_file(
    room: Newsroom,
    path: Path,
    consent: str | None,
    *,
    by: str | None = None,
    dry_run: bool = False,
    told: int = TOLD,
    watch: Watch = lambda doing, share, rows: None,
) -> Imported:
    """Read a CSV file with a column of addresses, and put on the list whom it does not know.

    Nobody who has left, was unreachable, complained or is forgotten is revived. `by` is who imports (default: the
    system's user), `told` how many rows of a kind are told one by one. Raises BadData where the file has no column of
    addresses, or is broken: then nobody is added.
    """
    found = look(path)
    result = Imported(found.layout.format)
    with lists.stage(room.engine) as connection:
        staged = _stage(connection, found, result, told, watch)
        lists.order(connection)
        result.duplicates, again = lists.drop_repeated(connection, told)
        result.twice = [f"line {one.line}: {one.address} stands on line {one.earlier} already" for one in again]
        total = staged - result.duplicates
        if dry_run:
            forgotten = sum(_leave_forgotten(connection, piece) for piece, _ in lists.pieces(connection, CHUNK))
            result.known = forgotten + lists.known(connection)
            result.added = total - result.known
        else:
            _move(room, connection, found, result, _Claim(by or room.here.name, consent), total, watch)
    return result


# --- Reading --------------------------------------------------------------------------------------


def _stage(connection: Connection, found: ListFile, result: Imported, told: int, watch: Watch) -> int:
    """Put the usable rows into the passing table; returns how many they were. What is wrong goes into `result`."""
    share, staged = 0.0, 0
    batch: list[Staged] = []

    def at_byte(number: int) -> None:
        nonlocal share
        share = number / max(found.size, 1)

    for row in _usable(found, result, told, at_byte):
        batch.append(row)
        if len(batch) == READ:
            lists.put(connection, batch)
            staged += READ
            batch.clear()
            watch("reading", share, staged)
    if batch:
        lists.put(connection, batch)
    watch("reading", 1.0, staged + len(batch))
    return staged + len(batch)


def _usable(found: ListFile, result: Imported, told: int, at_byte: Callable[[int], None]) -> Iterator[Staged]:
    layout = found.layout
    for first, last, cells, problem in rows(found, at_byte):
        if not problem and not "".join(cells).strip():
            continue
        gone = "" if problem else layout.gone(cells)
        if gone:
            result.left_out[gone] += 1
            continue
        try:
            if problem:
                raise BadData(problem)
            address, name = layout.person(cells)
            check_bytes(found, layout.read(cells))
            if last > first:
                _check_lines(address, name, cells, last)
            one = person(address, name)
        except BadData as error:
            result.bad_count += 1
            if len(result.bad) < told:
                result.bad.append(f"line {first}: {error}")
            continue
        yield Staged(first, *one)


def _check_lines(address: str, name: str, cells: list[str], last: int) -> None:
    """A row that goes over several lines, as a note may, must not have swallowed other readers."""
    if "\n" in address or "\n" in name or any(SWALLOWED.search(cell) for cell in cells):
        raise BadData(f"it goes on to line {last}: is a quotation mark not closed?")


# --- On the list ----------------------------------------------------------------------------------


def _move(
    room: Newsroom, connection: Connection, found: ListFile, result: Imported, claim: _Claim, total: int, watch: Watch
) -> None:
    """Put the rows on the list, so many at a time, with the proof of it."""
    with lists.turn(connection):
        who = lists.Import(room.clock(), claim.by, found.path.name, found.digest, claim.text)
        import_id = lists.begin(connection, who, bad=result.bad_count)
    done = 0
    for piece, count in lists.pieces(connection, CHUNK):
        with lists.turn(connection):
            _leave_forgotten(connection, piece)
            added = lists.move(connection, import_id, piece, count)
        if room.engine.dialect.name == "sqlite":
            room.sleep(PAUSE)
        result.added += added
        result.known += count - added
        done += count
        watch("adding", done / total, done)
    if result.added:
        with lists.turn(connection):
            after = {"count": result.added, "file": found.path.name}
            audit.add(connection, Who(claim.by), "readers_imported", room.clock(), after=after)


def _leave_forgotten(connection: Connection, piece: lists.Piece) -> int:
    """Take those out who are forgotten, by what `subscribe.forgotten_key` makes of them; returns how many they were."""
    secret = notes.secret(connection, "forgotten_key")
    if secret is None or not lists.any_forgotten(connection):
        return 0
    places = {
        "hmac:" + hmac.digest(secret, key.encode(), hashlib.sha256).hex(): place
        for place, key in lists.keys(connection, piece)
    }
    forgotten = lists.held(connection, list(places))
    lists.leave_out(connection, [places[key] for key in forgotten])
    return len(forgotten)
