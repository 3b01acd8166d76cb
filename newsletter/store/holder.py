"""Who holds a lock, without asking for it: a look must never keep out a run that is just beginning."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from newsletter.store.database import _lock_key, read

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds it: a process of this machine, or a connection of PostgreSQL's."""

    number: int  # of the process, or of PostgreSQL's own process for that connection
    place: str = ""  # where the connection comes from, on PostgreSQL
    stopped: bool = False  # it was sent SIGSTOP, and holds the lock without doing anything

    def __str__(self) -> str:
        if self.place:
            return f"a connection from {self.place} (PostgreSQL's process {self.number})"
        return f"process {self.number}"

    @property
    def stopped_and_why(self) -> str:
        """What to say of a stopped holder, with the cure."""
        return f"{self} holds the sending lock, but is stopped (SIGSTOP): `kill -CONT {self.number}`, or end it"


def sending_holder(engine: Engine) -> Holder | None:
    """Who holds the sending lock now; None where nobody does. Raises DatabaseError."""
    if engine.dialect.name == "sqlite":
        return _of_file(Path(f"{engine.url.database}.lock"))
    return _of_connection(engine)


def _of_file(path: Path) -> Holder | None:
    """The process that holds the flock. Linux lists them, but for those of another container; elsewhere the number in
    the file is believed while such a process lives. (Not by trying the lock: for that moment it would be ours.)
    """
    try:
        inode, written = path.stat().st_ino, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    listed = _listed(inode)
    if listed is None:
        number = int(written) if written.isdigit() else 0
        return Holder(number, stopped=False) if number and _lives(number) else None
    number = int(written) if written.isdigit() and int(written) in listed else next(iter(listed), 0)
    return Holder(number, stopped=_is_stopped(number)) if number else None


def _listed(inode: int) -> list[int] | None:
    """The processes that hold a flock on that inode (proc_locks(5)); None where the system has no such list.

    The inode alone is compared: the device's number is another one in the list than in stat() on Btrfs and overlays.
    """
    try:
        rows = [line.split() for line in (PROC / "locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    held = [row for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode)]
    return [int(row[4]) for row in held if row[4].isdigit()]


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _is_stopped(number: int) -> bool:
    """State T in /proc/<pid>/stat (proc_pid_stat(5)); the name before it may hold anything, also brackets."""
    try:
        after_name = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return False
    return after_name.split()[:1] == ["T"]


def _of_connection(engine: Engine) -> Holder | None:
    """Whose connection holds the advisory lock; its 64 bits stand in pg_locks as two numbers."""
    query = text(
        "SELECT held.pid, coalesce(host(seen.client_addr), 'this machine') AS place FROM pg_locks AS held"
        " LEFT JOIN pg_stat_activity AS seen ON seen.pid = held.pid"
        " WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1"
        " AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND held.classid::bigint = :high AND held.objid::bigint = :low"
    )
    with read(engine) as connection:
        schema = connection.execute(text("SELECT current_schema()")).scalar()
        key = _lock_key(f"sending {schema}") % 2**64
        row = connection.execute(query, {"high": key >> 32, "low": key % 2**32}).first()
    return Holder(row.pid, place=row.place) if row else None
