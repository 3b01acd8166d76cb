"""The sink as seen from here: started, ordered about, and its log read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LONG = 120.0  # seconds after which something that must happen has not happened


@dataclass(frozen=True, slots=True)
class Took:
    """A message the sink has accepted. Times are of CLOCK_MONOTONIC."""

    rcpt: str
    began: float  # its MAIL FROM had come
    at: float  # its last byte had come
    sha256: str
    id: str
    connection: int
    host: str = "127.0.0.1"  # of ours, to which it came


class Sink:
    """A running sink and its log. `port` is where it listens on 127.0.0.1."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._log = log
        self._read = 0
        self._took: list[Took] = []
        self.began: list[tuple[str, float]] = []  # every RCPT TO accepted: whose, and when its MAIL FROM had come
        self._orders, self._answers = process.stdin, process.stdout
        self.port = int(self._answer())

    def order(self, **wanted: object) -> None:
        """See `sink`: the delay, and rules of misbehaviour. In force when this returns."""
        if self._orders:
            self._orders.write(json.dumps(wanted) + "\n")
            self._orders.flush()
        self._answer()

    def _answer(self) -> str:
        line = self._answers.readline() if self._answers else ""
        if not line:
            raise RuntimeError("the sink has gone")
        return line

    def took(self) -> list[Took]:
        """All that it has accepted up to now, in that order."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        whole = lines.rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        for line in whole.splitlines():
            self._keep(json.loads(line))
        return self._took

    def _keep(self, entry: dict[str, Any]) -> None:
        if entry["what"] == "began":
            self.began.append((entry["rcpt"], entry["began"]))
            return
        values = (entry["rcpt"], entry["began"], entry["at"], entry["sha256"], entry["id"] or "", entry["connection"])
        self._took.append(Took(*values, entry["host"]))

    def wait_for(self, number: int, unless: Callable[[], bool] = lambda: False) -> bool:
        """Wait until it has taken so many messages; False where `unless` became true before."""
        return wait_until(lambda: len(self.took()) >= number, unless)


@contextmanager
def sink(log: Path, delay_ms: float, hosts: int = 1) -> Iterator[Sink]:
    """A sink that writes into `log` and waits so long before each reply to a dot; on so many addresses of 127/8."""
    log.touch()
    command = [sys.executable, "-m", "bench.chaos.sink", "--log", str(log), "--delay", str(delay_ms)]
    command += ["--hosts", str(hosts)]
    process = subprocess.Popen(  # noqa: S603  our own command
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Sink(process, log)
    finally:
        process.kill()
        process.communicate()


def wait_until(true: Callable[[], bool], unless: Callable[[], bool] = lambda: False, pause: float = 0.002) -> bool:
    """Wait until something is so; False where `unless` was first. Raises TimeoutError when neither came."""
    deadline = time.monotonic() + LONG
    while not true():
        if unless():
            return true()
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(pause)
    return True
