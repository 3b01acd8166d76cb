"""What processes have cost, as Linux counts it (proc_pid_stat(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
USER, ENDED = 11, 13  # behind the name: utime, stime; and those of children that were waited for


def cpu(pid: int) -> float:
    """Seconds of user and system time of a process and of all its children, those included that it has waited for."""
    total = 0.0
    with suppress(OSError):  # it has ended meanwhile: its parent counts it
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        total = sum(int(field) for field in fields[USER : ENDED + 2]) / TICK
        total += sum(cpu(child) for child in children(pid))
    return total


def children(pid: int) -> list[int]:
    """Of all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return found
