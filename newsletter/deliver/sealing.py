"""Messages are signed in threads of their own, ahead of their turn: a signature by RSA takes longer than all else, and
OpenSSL lets Python's lock go meanwhile. What is to be hashed is hashed before, by who splices. Some at a time: to hand
over each alone costs a tenth of a signature.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from newsletter.mail.dkim import Prepared, Sealer, prepare
from newsletter.model import Delivery, Message

SOME = 8  # messages
AHEAD = 3  # times as many for each thread


class Sealed(NamedTuple):
    """Deliveries, and their messages as soon as they are signed."""

    deliveries: deque[Delivery]
    messages: Future[deque[Message]]


class Sealing:
    """A queue of messages that are being signed; for one thread. Close it."""

    def __init__(self, sealer: Sealer, threads: int | None = None) -> None:
        threads = threads or os.cpu_count() or 1
        self._sealer = sealer
        self._pool = ThreadPoolExecutor(threads, "seal")
        self._queue: deque[Sealed] = deque()
        self._most = AHEAD * threads * SOME
        self._wanted = False  # somebody waits for the first ones
        self._wake: Callable[[], None] = lambda: None

    @property
    def held(self) -> int:
        return sum(len(sealed.deliveries) for sealed in self._queue)

    def wake_by(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    @property
    def takes_more(self) -> bool:
        return self.held <= self._most - SOME

    def put(self, made: Iterable[tuple[Delivery, Message]]) -> None:
        """Some, or fewer where there are no more."""
        deliveries: deque[Delivery] = deque()
        prepared = []
        for delivery, message in made:
            deliveries.append(delivery)
            prepared.append(prepare(message))
        if prepared:
            signed = self._pool.submit(self._sign, prepared)
            signed.add_done_callback(self._done)
            self._queue.append(Sealed(deliveries, signed))

    def is_ready(self) -> bool:
        """Whether the first one is signed. If not, it will wake us."""
        self._wanted = True
        if self._queue and self._queue[0].messages.done():
            self._wanted = False
        return not self._wanted

    def take(self) -> tuple[Delivery, Message]:
        """The first one. Raises what signing raised."""
        first = self._queue[0]
        made = first.deliveries.popleft(), first.messages.result().popleft()
        if not first.deliveries:
            self._queue.popleft()
        return made

    def give_up(self) -> list[Delivery]:
        """Those that nobody has taken."""
        left = [delivery for sealed in self._queue for delivery in sealed.deliveries]
        self._queue.clear()
        return left

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _sign(self, prepared: list[Prepared]) -> deque[Message]:
        return deque(self._sealer.sign(one) for one in prepared)

    def _done(self, _signed: Future[deque[Message]]) -> None:
        """In the thread that has signed them."""
        if self._wanted:
            self._wake()
