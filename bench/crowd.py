"""What stands around the newsroom that is measured: a crowd of readers, and a relay. Each in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

SPAWN = multiprocessing.get_context("spawn")  # a process of its own, which inherits no thread and no socket
HEADERS = "Host: lettre.journal.example\r\nX-Forwarded-For: {network}\r\n"
ONE_CLICK = "List-Unsubscribe=One-Click"


@contextmanager
def relay() -> Iterator[int]:
    """A relay that accepts everything and keeps nothing; gives its port."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=_relay_process, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _relay_process(pipe: Pipe) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(_relay_line, "127.0.0.1", 0, limit=2**22)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def _relay_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        writer.write(b"220 relay.example ESMTP\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                writer.write(b"250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 taken\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()
    writer.close()


# --- The crowd ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Task:
    port: int
    kind: str
    connections: int
    seconds: float
    tokens: Sequence[str]
    stamp: int


def crowd(
    port: int, kind: str, connections: int, seconds: float, tokens: Sequence[str], *, until: Any = None
) -> dict[str, Any]:
    """That many readers at once, in a process of their own, each asking again as soon as it is answered."""
    here, there = SPAWN.Pipe()
    task = _Task(port, kind, connections, seconds, tokens, time.monotonic_ns())
    process = SPAWN.Process(target=_crowd_process, args=(there, task, until), daemon=True)
    process.start()
    there.close()
    try:
        found: dict[str, Any] = here.recv()
    finally:
        process.join(5)
        process.terminate()
        process.join()
    return found


def _crowd_process(pipe: Pipe, task: _Task, until: Any) -> None:
    pipe.send(asyncio.run(_Crowd(task, until).go()))


class _Crowd:
    def __init__(self, task: _Task, until: Any) -> None:
        self._task = task
        self._until = until
        self._tokens = iter(task.tokens)
        self._number = 0
        self._moments: list[tuple[float, float]] = []
        self._bad: dict[str, int] = {}

    async def go(self) -> dict[str, Any]:
        began = time.monotonic()
        end = began + self._task.seconds
        await asyncio.gather(*(self._reader(end) for _ in range(self._task.connections)))
        lasted = time.monotonic() - began
        waits = sorted((b - a) * 1000 for a, b in self._moments) or [0.0]
        return {
            "requests": len(self._moments),
            "a second": round(len(self._moments) / lasted),
            "median": round(statistics.median(waits), 1),
            "p99": round(waits[int(len(waits) * 0.99)], 1),
            "max": round(waits[-1], 1),
            "not 2xx": sum(self._bad.values()),
            "bad": self._bad,
            "moments": self._moments if self._task.connections == 1 else [],
        }

    async def _reader(self, end: float) -> None:
        line = None
        while time.monotonic() < end and not (self._until and self._until.is_set()):
            request = self._request()
            if request is None:
                break
            began = time.monotonic()
            try:
                line = line or await asyncio.open_connection("127.0.0.1", self._task.port)
                status, closing_ = await _ask(*line, request)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                status, closing_ = type(error).__name__, True
            self._moments.append((began, time.monotonic()))
            if not status.startswith("2"):
                self._bad[status] = self._bad.get(status, 0) + 1
            if closing_ and line:
                line[1].close()
                line = None
        if line:
            line[1].close()

    def _request(self) -> bytes | None:
        """The next one; None where there is nobody left who could leave."""
        self._number += 1
        n, task = self._number, self._task
        network = f"{20 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.7"
        head = HEADERS.format(network=network)
        if task.kind == "page":
            return f"GET / HTTP/1.1\r\n{head}\r\n".encode()
        path, body = "/", f"email=lectrice{n}.{task.stamp}@lecteurs.example"
        if task.kind == "one-click":
            token = next(self._tokens, None)
            if token is None:
                return None
            path, body = f"/u/{token}", ONE_CLICK
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        return f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[str, bool]:
    """The status, and whether the server closes the line after it."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = re.search(r"^content-length: *(\d+)", head, re.MULTILINE)
    if length is None:
        raise ValueError("no length")
    await reader.readexactly(int(length[1]))
    return head.split(" ", 2)[1], "connection: close" in head
