"""One command in several processes: started, started anew when one dies, told to stop, waited for.

Each is the command line once more, so that `ps` and `pgrep -f "newsletter worker"` find it by its name. Its standard
input is a pipe of ours, on which nothing comes: it ends with us, however we end.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds until one that died is started anew; doubled each time
WELL = 60.0  # seconds after which one that dies has lived well: the pause begins anew
LOOK = 0.2  # seconds between two looks
LEAVE = 40.0  # seconds that they have to leave, once told to: more than a relay has to answer
HOPELESS = (2, 4, 78)  # exit codes that a new start would end by as well: wrong usage, not adopted, the configuration

Process = subprocess.Popen[bytes]


@dataclass
class _Child:
    number: int
    process: Process
    began: float
    pause: float = FIRST_PAUSE
    again: float | None = None  # when it is started anew


def keep(count: int, words: Callable[[int], Sequence[str]], stopped: Callable[[], bool]) -> int:
    """Keep so many processes of our command line with these words alive until `stopped`, or until one ends by what is
    hopeless. Returns their worst exit code; those that were killed count as 1."""

    def start(number: int) -> Process:
        return subprocess.Popen([*_ourselves(), *words(number)], stdin=subprocess.PIPE)  # noqa: S603  ourselves

    children = [_Child(number, start(number), time.monotonic()) for number in range(count)]
    codes: list[int] = []
    while not stopped() and not codes:
        for child in children:
            codes += _look_after(child, start)
        time.sleep(LOOK)
    return max([*codes, *_end(children)], default=0)


def _ourselves() -> list[str]:
    """The command line, as it was called."""
    called = sys.argv[0]
    return [sys.executable, *(["-m", "newsletter"] if Path(called).name == "__main__.py" else [called])]


def _look_after(child: _Child, start: Callable[[int], Process]) -> list[int]:
    """Returns the code by which it ended, where that ends all."""
    now, code = time.monotonic(), child.process.poll()
    if code is None:
        return []
    if code in HOPELESS:
        return [code]
    if child.again is None:
        child.pause = FIRST_PAUSE if now - child.began > WELL else child.pause
        child.again, child.pause = now + child.pause, min(2 * child.pause, LONGEST_PAUSE)
        log.error("worker process %d ended by %d: started anew", child.process.pid, code)
    elif now >= child.again:
        _close(child.process)
        child.process, child.began, child.again = start(child.number), now, None
    return []


def _end(children: list[_Child]) -> list[int]:
    """Tell them all, and wait; returns the codes of those that lived until then."""
    living = [child.process for child in children if child.process.poll() is None]
    for process in living:
        process.terminate()
    deadline = time.monotonic() + LEAVE
    for process in living:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("worker process %d does not leave: killed", process.pid)
            process.kill()
            process.wait()
    for child in children:
        _close(child.process)
    return [1 if process.returncode < 0 else process.returncode for process in living]


def _close(process: Process) -> None:
    if process.stdin:
        process.stdin.close()


# --- In such a process ------------------------------------------------------------------------------


def leave_with_parent(leave: Callable[[], object]) -> None:
    """A process whose parent was killed is nobody's: it leaves as if it had been told to."""

    def wait() -> None:
        while os.read(0, 1):  # ends with the pipe; not by `sys.stdin`, whose lock would hinder our end
            pass
        leave()

    threading.Thread(target=wait, name="parent", daemon=True).start()
