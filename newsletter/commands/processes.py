"""One command in several processes: started, started anew when one dies, told to stop, waited for."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds until one that died is started anew; doubled each time
WELL = 60.0  # seconds after which one that dies has lived well: the pause begins anew
LOOK = 0.2  # seconds between two looks
LEAVE = 40.0  # seconds that they have to leave, once told to: more than a relay has to answer
HOPELESS = (2, 4, 78)  # exit codes that a new start would end by as well: wrong usage, not adopted, the configuration


@dataclass
class _Child:
    number: int
    process: multiprocessing.process.BaseProcess
    began: float
    pause: float = FIRST_PAUSE
    again: float | None = None  # when it is started anew


def keep(count: int, target: Callable[..., None], args: tuple[object, ...], stopped: Callable[[], bool]) -> int:
    """Keep so many processes of `target(number, *args)` alive until `stopped`, or until one ends by what is hopeless.
    Returns their worst exit code; those that were killed count as 1."""
    made = multiprocessing.get_context("spawn")  # a fork would copy our threads' locks

    def start(number: int) -> multiprocessing.process.BaseProcess:
        process = made.Process(target=target, args=(number, *args), name=f"worker {number + 1}")
        process.start()
        return process

    children = [_Child(number, start(number), time.monotonic()) for number in range(count)]
    codes: list[int] = []
    while not stopped() and not codes:
        for child in children:
            codes += _look_after(child, start)
        time.sleep(LOOK)
    return max([*codes, *_end(children)], default=0)


def _look_after(child: _Child, start: Callable[[int], multiprocessing.process.BaseProcess]) -> list[int]:
    """Returns the code by which it ended, where that ends all."""
    now, code = time.monotonic(), child.process.exitcode
    if code is None:
        return []
    if code in HOPELESS:
        return [code]
    if child.again is None:
        child.pause = FIRST_PAUSE if now - child.began > WELL else child.pause
        child.again, child.pause = now + child.pause, min(2 * child.pause, LONGEST_PAUSE)
        log.error("worker process %d ended by %d: started anew", child.process.pid, code)
    elif now >= child.again:
        child.process.close()
        child.process, child.began, child.again = start(child.number), now, None
    return []


def _end(children: list[_Child]) -> list[int]:
    """Tell them all, and wait; returns the codes of those that lived until then."""
    living = [child.process for child in children if child.process.exitcode is None]
    for process in living:
        process.terminate()
    deadline = time.monotonic() + LEAVE
    for process in living:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            log.error("worker process %d does not leave: killed", process.pid)
            process.kill()
            process.join()
    return [1 if (process.exitcode or 0) < 0 else process.exitcode or 0 for process in living]
