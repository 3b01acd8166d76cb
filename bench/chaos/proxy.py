"""The line between one machine and the database: it can be cut, can fall silent, and can be mended.

cut       every connection breaks off, and nobody gets a new one
silent    nothing passes and nothing breaks off, as where a switch has died; what was said meanwhile arrives late
healed    as it was
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

PIECE = 64 * 1024  # bytes


class Proxy:
    """Listens on 127.0.0.1 and `port`, and hands on to 127.0.0.1 and `to`. In a thread of its own; close it."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._lines: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._do(self._listen())

    def cut(self) -> None:
        self._do(self._cut())

    def silence(self) -> None:
        self._loop.call_soon_threadsafe(self._passing.clear)

    def heal(self) -> None:
        self._loop.call_soon_threadsafe(self._passing.set)
        if self._server is None:
            self._do(self._listen())

    def close(self) -> None:
        self.heal()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in list(self._lines):
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        if line is None:
            raise RuntimeError("no task")
        self._lines.add(line)
        ends = [writer]
        try:
            await self._passing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            ends.append(back)
            ways = [asyncio.create_task(self._pass_on(reader, back)), asyncio.create_task(self._pass_on(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(line)
            for end in ends:
                end.transport.abort() if self._server is None else end.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one end has had enough; what comes while nothing passes waits here."""
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                await self._passing.wait()
                writer.write(piece)
                await writer.drain()
            await self._passing.wait()
