"""The machines of a cluster, as far as one machine can play them: each a folder of its own, with its own
newsletter.toml and its own journals, a line of its own to the database (`Proxy`) and an address of its own at the sink.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.chaos.outside import Sink, sink
from bench.chaos.place import Place, Workshop, kill
from bench.chaos.proxy import Proxy
from bench.postgres import Postgres, through

INSTANCE = {"NEWSLETTER_INSTANCE": "le groupe"}  # all of them send for one installation
MOST = 9  # machines in one trial, the sending one included: that many addresses the sink listens on
JOURNALS = ".newsletter-runs-*/run-*.journal"


class Machine:
    """One of them. `process` is the program that runs there, if there is one."""

    def __init__(self, name: str, place: Place, proxy: Proxy, shorter: Mapping[str, float]) -> None:
        self.name, self.place, self.proxy = name, place, proxy
        self._through = ["-m", "bench.chaos.driver", json.dumps({"shorten": shorter})] if shorter else ["cli.py"]
        self.process: subprocess.Popen[str] | None = None
        self.wanted = False  # it should be running: where it ends by itself it is started anew
        self._log = place.folder / "worker.log"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def work(self) -> None:
        """`newsletter worker`, and nothing of the runner's acts."""
        self.wanted = True
        with self._log.open("a") as log:
            streams = {"stdout": log, "stderr": subprocess.STDOUT}
            self.process = self.place.start("worker", "--no-run", through=self._through, environ=INSTANCE, **streams)

    def send(self) -> subprocess.Popen[str]:
        self.wanted = True
        self.process = self.place.start_sending(through=self._through, environ=INSTANCE)
        return self.process

    def kill(self) -> None:
        """kill -9."""
        self.wanted = False
        if self.process is not None:
            kill(self.process)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def runs(self) -> list[int]:
        """The numbers of its runs over slices that have not ended in good order."""
        return [int(path.stem.partition("-")[2]) for path in self.place.folder.glob(JOURNALS)]

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


class Cluster:
    """A database, a sink, the machine that sends, and workers that come and go."""

    def __init__(self, place: Place, outside: Sink, postgres: Postgres, stack: ExitStack, how: How) -> None:
        self.place, self.outside, self.postgres = place, outside, postgres
        self._stack, self._how, self._count = stack, how, 0
        self.workers: list[Machine] = []
        self.sender = self._machine("sender")

    def add(self) -> Machine:
        """One worker more, on a machine of its own; it begins at once."""
        one = self._machine(f"worker {self._count}")
        self.workers.append(one)
        one.work()
        return one

    @property
    def machines(self) -> list[Machine]:
        return [self.sender, *self.workers]

    def _machine(self, name: str) -> Machine:
        self._count += 1
        proxy = Proxy(self.postgres.port)
        self._stack.callback(proxy.close)
        folder = self.place.folder.with_name(f"{self.place.folder.name}-{self._count}")
        shutil.copytree(self.place.folder, folder)
        self._stack.callback(shutil.rmtree, folder)
        one = Place(folder, "postgresql", through(self.place.url, proxy.port), len(self.place.addresses))
        one.day = self.place.day
        via = f"smtp://127.0.0.{self._count}:{self.outside.port}"
        one.configure(**(self._how.delivery | {"via": via}))
        self._stack.callback(one.end_all)
        return Machine(name, one, proxy, self._how.shorter)

    def wait_for_workers(self, number: int, seconds: float = 60) -> bool:
        """Until so many stand in the database."""
        until = time.monotonic() + seconds
        while self.place.books.workers() < number:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


class How:
    """What machines are told: their [delivery], and what lasts less long there than in a newsroom (see `driver`)."""

    def __init__(self, delivery: Mapping[str, Any], shorter: Mapping[str, float]) -> None:
        self.delivery, self.shorter = dict(delivery), dict(shorter)


@contextmanager
def cluster(
    workshop: Workshop, readers: int, delay_ms: float, shorter: Mapping[str, float], delivery: Mapping[str, Any]
) -> Iterator[Cluster]:
    """A fresh one, without workers; all is ended and thrown away at the end."""
    with (
        workshop.log() as log,
        sink(log, delay_ms, hosts=MOST) as outside,
        workshop.place("postgresql", readers, port=outside.port, **delivery) as place,
        ExitStack() as stack,
    ):
        yield Cluster(place, outside, workshop.server.postgres, stack, How(place.delivery, shorter))


def tails(machines: Sequence[Machine], length: int = 300) -> str:
    """What their workers said last."""
    return "; ".join(f"{one.name}: {one.said()[-length:].strip()}" for one in machines if one.said())
