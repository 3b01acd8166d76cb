"""Who holds a lock, without asking for it: a look must never keep out a run that is just beginning."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from newsletter.store import lease

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds it: a process."""

    number: int
    place: str = ""  # the machine, on PostgreSQL
    stopped: bool = False  # it was sent SIGSTOP, and holds the lock without doing anything

    def __str__(self) -> str:
        return f"process {self.number} on {self.place}" if self.place else f"process {self.number}"

    @property
    def stopped_and_why(self) -> str:
        """What to say of a stopped holder, with the cure."""
        return f"{self} holds the sending lock, but is stopped (SIGSTOP): `kill -CONT {self.number}`, or end it"


def sending_holder(engine: Engine) -> Holder | None:
    """Who holds the sending lock now; None where nobody does. Raises DatabaseError."""
    if engine.dialect.name == "sqlite":
        return _of_file(Path(f"{engine.url.database}.lock"))
    return _of_lease(engine)


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


def _of_lease(engine: Engine) -> Holder | None:
    """Whose lease it is; whether they are stopped is seen on this machine alone."""
    text = lease.holder(engine, "sending")
    if text is None:
        return None
    number, place = lease.read_holder(text)
    return Holder(number, place, place == socket.gethostname() and _is_stopped(number))
