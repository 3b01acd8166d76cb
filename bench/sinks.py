"""The other side: relays that accept everything and count. What a sender says of itself counts for nothing here.

`fast` is fastsink.c, compiled when it is needed; `postfix` is Debian's smtp-sink. Each run gets a fresh one, so that
what it has counted is that run's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "fastsink.c"
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
LOOK = 0.005  # seconds between two looks at what smtp-sink has counted


def program(name: str) -> str | None:
    """Where a program is; Debian keeps Postfix's in a place that is not everybody's."""
    return shutil.which(name, path=PLACES)


def compile_fastsink(folder: Path) -> str:
    """Make it; raises where there is no C compiler."""
    made = folder / "fastsink"
    compiler = program("cc") or program("gcc") or "gcc"
    subprocess.run([compiler, "-O2", "-o", str(made), str(SOURCE)], check=True)  # noqa: S603  our own source
    return str(made)


@dataclass
class Count:
    """What a sink has seen, complete once it has ended. Moments are those of CLOCK_MONOTONIC."""

    messages: int = 0
    first: float = 0.0
    last: float = 0.0
    recipients: int | None = None  # how many different ones; only a sink with a log knows
    ids: int | None = None  # how many different Message-IDs
    size: int | None = None  # bytes of a message, on average


@dataclass
class Sink:
    """One that is listening."""

    port: int
    count: Count = field(default_factory=Count)
    begun: threading.Event = field(default_factory=threading.Event)  # the first message is there; fastsink alone tells
    pid: int = 0


@contextmanager
def fast(binary: str, folder: Path, delay: int = 0) -> Iterator[Sink]:
    """fastsink; `delay` in milliseconds keeps each reply back."""
    log = folder / "fastsink.log"
    words = [binary, "-p", "0", "-l", str(log), *(["-d", str(delay)] if delay else [])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own
    if process.stdout is None:
        raise RuntimeError("no output")
    said = process.stdout
    sink = Sink(int(said.readline().partition("=")[2]), pid=process.pid)
    told: dict[str, str] = {}
    listener = threading.Thread(target=_listen, args=(said, told, sink.begun))
    listener.start()
    try:
        yield sink
    finally:
        end(process)
        listener.join()
        said.close()
    found = sink.count
    found.messages = int(told["messages"])
    found.first, found.last = float(told["first"]), float(told["last"])
    found.size = int(told["bytes"]) // found.messages if found.messages else None
    lines, found.recipients, found.ids = read_log(log)
    if lines != found.messages:
        raise RuntimeError(f"fastsink counted {found.messages} and wrote {lines}")


def _listen(said: Iterable[str], told: dict[str, str], begun: threading.Event) -> None:
    for line in said:
        for word in line.split():
            name, _, value = word.partition("=")
            told[name] = value
        if "first" in told:
            begun.set()


def read_log(log: Path) -> tuple[int, int, int]:
    """Lines, different recipients, different Message-IDs."""
    lines, recipients, ids = 0, set(), set()
    with log.open("rb") as file:
        for line in file:
            recipient, message_id, _size = line.split(b"\t")
            lines += 1
            recipients.add(recipient)
            ids.add(message_id)
    return lines, len(recipients), len(ids)


@contextmanager
def postfix(binary: str, folder: Path) -> Iterator[Sink]:
    """Debian's smtp-sink. It prints its counters at each message; we look at the last of them."""
    port = _free_port()
    printed = folder / "smtp-sink.out"
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with printed.open("wb") as out:
        words = [binary, "-c", *user, f"127.0.0.1:{port}", "1000"]
        process = subprocess.Popen(words, stdout=out)  # noqa: S603
    sink = Sink(port, pid=process.pid)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(printed, sink.count, over))
    try:
        _wait_for(port)
        watch.start()
        yield sink
    finally:
        end(process)
        over.set()
        watch.join()
        printed.unlink()


COUNTED = re.compile(rb"mesg=(\d+)\r")


def _watch(printed: Path, count: Count, over: threading.Event) -> None:
    with printed.open("rb") as file:
        ending = False
        while not ending:
            ending = over.is_set()
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 200))
            found = COUNTED.findall(file.read())
            number, moment = int(found[-1]) if found else 0, time.monotonic()
            if number and not count.messages:
                count.first = moment
            if number != count.messages:
                count.messages, count.last = number, moment
            over.wait(LOOK)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int, patience: float = 10.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes], patience: float = 60.0) -> None:
    """End one that we started."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
