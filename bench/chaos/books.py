"""What the database says of the edition, asked in plain SQL: nothing of the program's own is imported.

There is one edition in each trial. `late` deliveries (newcomers) are no part of its frozen audience.

SQLite's files are copied and the copy is asked, while nobody writes: whoever closes a database last folds its log into
it, and so would change what a dead run has left.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

LEDGER = "SELECT address, state FROM deliveries WHERE NOT late"
EDITION = "SELECT status, audience FROM editions"
KEYS = "SELECT number, secret FROM signing_keys"
CLAIMED = "SELECT address FROM deliveries WHERE state = 'claimed' AND run_id = ANY(%s)"
WORKERS = "SELECT count(*) FROM workers WHERE seen_at > now() - interval '1 minute'"
READERS = "SELECT id, address FROM subscribers"


class Books:
    """Read anew at each question, and never held open. Ask while no run is writing."""

    def __init__(self, database: str, url: str) -> None:
        self._file = url.removeprefix("sqlite:///") if database == "sqlite" else None
        self._url = url

    def states(self) -> dict[str, str]:
        """The frozen audience: each address with its delivery's state."""
        rows = self._ask(LEDGER)
        found = dict(rows)
        if len(found) != len(rows):
            raise RuntimeError("an address stands twice in the frozen audience")
        return found

    def edition(self) -> tuple[str, int]:
        """Its status and how many it was frozen for."""
        return next(iter(self._ask(EDITION)), ("not there", 0))

    def status(self) -> str | None:
        """The edition's status; None where there is no edition yet."""
        return next((status for status, _ in self._ask(EDITION)), None)

    def keys(self) -> dict[int, bytes]:
        """What signs links, by number."""
        return {number: bytes(secret) for number, secret in self._ask(KEYS)}

    def numbers(self) -> dict[str, int]:
        """Each reader's id by address."""
        return {address: number for number, address in self._ask(READERS)}

    def claimed(self, runs: Sequence[int]) -> set[str]:
        """Who is in the hands of these runs (PostgreSQL)."""
        with closing(self._postgres()) as connection:
            return {address for (address,) in connection.execute(CLAIMED, (list(runs),))}

    def workers(self) -> int:
        """How many were seen lately (PostgreSQL)."""
        return int(self._ask(WORKERS)[0][0])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else can write while this lasts: SQLite's one writer, or a lock on PostgreSQL's ledger."""
        opened = sqlite3.connect(self._file, timeout=60, isolation_level=None) if self._file else self._postgres()
        with closing(opened) as connection:
            connection.execute("BEGIN IMMEDIATE" if self._file else "LOCK TABLE deliveries IN EXCLUSIVE MODE")
            yield
            connection.execute("ROLLBACK")

    def _ask(self, query: str) -> list[Any]:
        if self._file is None:
            with closing(self._postgres()) as connection:
                return list(connection.execute(query).fetchall())
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(f"{self._file}{ending}", f"{folder}/copy{ending}")
            with closing(sqlite3.connect(f"{folder}/copy")) as copy:
                return copy.execute(query).fetchall()

    def _postgres(self) -> Any:
        import psycopg

        return psycopg.connect(self._url)
