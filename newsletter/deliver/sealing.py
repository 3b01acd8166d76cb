"""Messages are signed in threads of their own, a few of them ahead of their turn: a signature by RSA takes longer than
all else, and OpenSSL lets Python's lock go meanwhile. What is to be hashed is hashed before, by who splices."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from newsletter.mail.dkim import Sealer, prepare
from newsletter.model import Delivery, Message

AHEAD = 4  # messages for each thread


class Sealed(NamedTuple):
    """A delivery, and its message as soon as it is signed."""

    delivery: Delivery
    message: Future[Message]


class Sealing:
    """A queue of messages that are being signed; for one thread. Close it."""

    def __init__(self, sealer: Sealer, threads: int | None = None) -> None:
        threads = threads or os.cpu_count() or 1
        self._sealer = sealer
        self._pool = ThreadPoolExecutor(threads, "seal")
        self._queue: deque[Sealed] = deque()
        self._longest = AHEAD * threads
        self._wanted = False  # somebody waits for the first one
        self._wake: Callable[[], None] = lambda: None

    @property
    def held(self) -> int:
        return len(self._queue)

    def wake_by(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    @property
    def full(self) -> bool:
        return len(self._queue) >= self._longest

    def put(self, delivery: Delivery, message: Message) -> None:
        signed = self._pool.submit(self._sealer.sign, prepare(message))
        signed.add_done_callback(self._done)
        self._queue.append(Sealed(delivery, signed))

    def is_ready(self) -> bool:
        """Whether the first one is signed. If not, it will wake us."""
        self._wanted = True
        if self._queue and self._queue[0].message.done():
            self._wanted = False
        return not self._wanted

    def take(self) -> tuple[Delivery, Message]:
        """The first one."""
        delivery, message = self._queue.popleft()
        return delivery, message.result()

    def give_up(self) -> list[Delivery]:
        """Those that nobody has taken."""
        left = [sealed.delivery for sealed in self._queue]
        self._queue.clear()
        return left

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _done(self, _signed: Future[Message]) -> None:
        """In the thread that has signed it."""
        if self._wanted:
            self._wake()
