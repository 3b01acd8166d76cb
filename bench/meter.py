"""Runs one command and writes down what it took: python -S -E meter.py RESULT.json OUTPUT.log COMMAND…

It is a process of its own since a child's peak of memory, as Linux counts it, begins at that of the process that
started it: this one imports almost nothing. SIGTERM is handed on. Its own standard library only, and little of that.
"""

import os
import signal
import sys
import time


def main() -> int:
    result, output, *command = sys.argv[1:]
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    began = time.monotonic()
    child = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
    )
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, signal.SIGTERM))
    _, status, used = os.wait4(child, 0)
    ended = time.monotonic()
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "began": began,
        "ended": ended,
        "user": used.ru_utime,
        "system": used.ru_stime,
        "peak_kb": used.ru_maxrss,
    }
    with open(f"{result}.new", "w", encoding="ascii") as file:
        file.write("{" + ", ".join(f'"{name}": {value!r}' for name, value in figures.items()) + "}")
    os.rename(f"{result}.new", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
