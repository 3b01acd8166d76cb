"""Which other processes have a SQLite database open, as far as Linux tells."""

from __future__ import annotations

import os
from pathlib import Path

LOCKS = Path("/proc/locks")  # proc(5): "4: POSIX  ADVISORY  READ 12002 fe:00:3704033 128 128"
# Whoever has a database in WAL mode open holds a lock on this byte of its -shm file (wal.c, UNIX_SHM_DMS).
BYTE = "128"


def openers(database: Path) -> list[int]:
    """Their numbers, without our own; none where nobody has, or where the system does not say. The file itself is not
    opened: to close it again would let go of the locks of our own connections (fcntl(2))."""
    try:
        found = os.stat(f"{database.resolve()}-shm")
        lines = LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    fields = (line.split() for line in lines)
    processes = {int(said[-4]) for said in fields if said[-3:] == [wanted, BYTE, BYTE]}
    return sorted(number for number in processes if number > 0 and number != os.getpid())
