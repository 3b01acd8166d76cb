"""Several lines to a relay at once, driven by one thread: how an edition leaves.

    supply.take() → Offer       the next message to begin
    supply.note([offers])       these are about to be written; and what was told so far is to be kept
    supply.ended(offer, …)      what became of it

While one message's bytes go out, the next one's envelope goes with them where the relay offers PIPELINING, see
`exchange`. Connecting, TLS and log-in are smtplib's and block: they happen in threads of their own.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from newsletter.mail.exchange import Exchange, Offer, on_the_line
from newsletter.mail.handshake import Patience, Refused, Session
from newsletter.mail.replies import Lost
from newsletter.mail.supply import Supply
from newsletter.model import Outcome, Phase, Verdict

GLANCE = 0.5  # seconds between two looks at clocks and stops
GOODBYE = 5.0  # seconds for the reply to QUIT, which changes nothing
END = b".\r\n"  # behind a message's last line


class Lines:
    """At most `count` connections. Seconds on `clock`, see `Patience`; `messages` for each, 0 is as many as it takes.

    For one run.
    """

    def __init__(
        self,
        connect: Callable[[], Session],
        count: int,
        patience: Patience,
        messages: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._count = count
        self._patience = patience
        self._messages = messages
        self._clock = clock
        self._lines: dict[int, _Line] = {}  # by file number
        self._idle: list[_Line] = []
        self._going: list[_Line] = []  # the relay waits for the bytes of a message
        self._busy = 0  # lines on which a reply is awaited
        self._leaving = 0  # lines to which we have said goodbye: they count until they are closed
        self._dialing: set[Offer] = set()
        self._dialed: deque[tuple[Offer, Session | Exception]] = deque()
        self._over = False
        self._mouth_lock = threading.Lock()
        self._ear = self._mouth = -1  # a pipe by which other threads wake us
        self._poll = select.poll()
        self._now = clock()
        self._look_at = self._now  # the next look at deadlines

    def run(self, supply: Supply) -> None:
        """Until the supply says that it is over. Raises what the supply raises: no message that was not noted is
        complete then."""
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._mouth, False)
        self._poll.register(self._ear, select.POLLIN)
        supply.wake_by(self._wake)
        try:
            while self._turn(supply):
                pass
            self._say_goodbye()
        finally:
            for line in list(self._lines.values()):
                self._drop(line)
            with self._mouth_lock:
                self._over = True
                for _, session in self._dialed:
                    if isinstance(session, Session):
                        session.wire.close()
                os.close(self._ear)
                os.close(self._mouth)
                self._mouth = -1

    def _wake(self) -> None:
        # Threads that end later than we do must not write into what has our number by then.
        with self._mouth_lock, suppress(BlockingIOError):
            if self._mouth >= 0:
                os.write(self._mouth, b".")

    # --- One turn

    def _turn(self, supply: Supply) -> bool:
        self._begin(supply)
        again = self._write(supply)
        if not self._busy and not self._dialing and not self._leaving:
            pause = supply.rest()
            if pause is None:
                return False
            again = min(again, pause)
        self._listen(supply, min(again, GLANCE))
        self._now = self._clock()
        if self._now >= self._look_at:
            self._look_at_clocks(supply)
        return True

    def _begin(self, supply: Supply) -> None:
        """Give idle lines something to do; then open more, each for a message."""
        while self._idle:
            line = self._idle[-1]
            if self._messages and line.exchange.carried >= self._messages:
                self._leave(self._idle.pop())
                continue
            offer = supply.take()
            if offer is None:
                return
            self._idle.pop()
            self._start(line, offer, supply)
        while len(self._lines) + len(self._dialing) < self._count:
            offer = supply.take()
            if offer is None:
                return
            self._dialing.add(offer)
            threading.Thread(target=self._dial, args=(offer,), name="dial", daemon=True).start()

    def _start(self, line: _Line, offer: Offer, supply: Supply) -> None:
        self._busy += 1
        line.exchange.begin(offer)
        self._settle(line, supply)

    def _write(self, supply: Supply) -> float:
        """The bytes of those that the relay waits for, each with its dot and the next one's envelope."""
        going, self._going = [line for line in self._going if self._lines.get(line.number) is line], []
        offers = []
        for line in going:
            offer = line.exchange.go
            if offer is not None:
                offers.append(offer)
                line.load(offer, self._next(line, supply), self._now + self._patience.send)
        again = supply.note(offers)
        for line in going:
            following = line.following
            if following is not None and not supply.wanted(following):  # the lines before took their time
                line.withdraw(following)
                supply.untouched(following)
            self._push(line, supply)
            if line.exchange.ended:
                self._settle(line, supply)
        return again

    def _next(self, line: _Line, supply: Supply) -> Offer | None:
        exchange = line.exchange
        full = self._messages and exchange.carried >= self._messages
        return supply.take() if exchange.pipelined and not full and not exchange.closing else None

    def _listen(self, supply: Supply, seconds: float) -> None:
        for number, event in self._poll.poll(seconds * 1000):
            line = self._lines.get(number)
            if line is None:
                self._hear_dialers(supply)
                continue
            if event & select.POLLOUT:
                self._push(line, supply)
            if event & ~select.POLLOUT and number in self._lines:
                self._hear(line, supply)

    def _look_at_clocks(self, supply: Supply) -> None:
        self._look_at = self._now + GLANCE / 2
        for offer in [offer for offer in self._dialing if not supply.wanted(offer)]:
            self._dialing.discard(offer)
            supply.untouched(offer)
        left = supply.left()
        over = left is not None and left <= 0
        for line in list(self._lines.values()):
            if (over or line.deadline <= self._now) and (line.out or line.leaving or not line.exchange.idle):
                self._lose(line, "took no more data in time" if line.out else "gave no reply in time", supply)

    # --- Connecting

    def _dial(self, offer: Offer) -> None:
        """In a thread of its own."""
        try:
            session: Session | Exception = self._connect()
        except Exception as error:
            session = error
        with self._mouth_lock:
            if self._over and isinstance(session, Session):
                session.wire.close()
            else:
                self._dialed.append((offer, session))
        self._wake()

    def _hear_dialers(self, supply: Supply) -> None:
        self._drain()
        while self._dialed:
            offer, session = self._dialed.popleft()
            wanted = offer in self._dialing
            self._dialing.discard(offer)
            if isinstance(session, Session):
                line = self._open(session)
                if wanted and supply.wanted(offer):
                    self._start(line, offer, supply)
                else:
                    self._idle.append(line)
                    if wanted:
                        supply.untouched(offer)
            elif wanted:
                supply.ended(offer, not_connected(session))

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ear, 4096)

    def _open(self, session: Session) -> _Line:
        line = _Line(session)
        self._lines[line.number] = line
        self._poll.register(line.number, select.POLLIN)
        return line

    # --- One line

    def _push(self, line: _Line, supply: Supply) -> None:
        """Write what there is to write, as far as the system takes it now."""
        waited = line.waits
        try:
            line.push()
        except Lost as error:
            self._hear(line, supply)  # what it said before it hung up is worth more than "broken pipe"
            if line.number in self._lines:
                self._lose(line, str(error), supply)
            return
        if waited != line.waits:
            self._poll.modify(line.number, select.POLLIN | (select.POLLOUT if line.waits else 0))
        if not line.waits:
            line.deadline = self._now + (self._patience.dot if line.exchange.at_dot else self._patience.step)

    def _hear(self, line: _Line, supply: Supply) -> None:
        replies, lost = line.wire.gather()
        exchange = line.exchange
        for reply in replies:
            try:
                exchange.hear(reply)
            except Lost as error:
                lost = error
                break
            if exchange.closing:
                break
        if lost is not None:
            self._lose(line, str(lost), supply)
        elif replies:
            if not line.waits:
                line.deadline = self._now + (self._patience.dot if exchange.at_dot else self._patience.step)
            self._settle(line, supply)

    def _settle(self, line: _Line, supply: Supply) -> None:
        """Pass on what has become of messages, and say what is to be said next."""
        exchange = line.exchange
        if exchange.closing:
            self._lose(line, "closed the connection", supply)
            return
        self._tell(exchange, supply)
        if exchange.out:
            line.out.append(memoryview(exchange.out))
            exchange.out = b""
            self._push(line, supply)
        if exchange.go is not None:
            self._going.append(line)
        elif exchange.idle and not line.leaving and line.number in self._lines:
            self._busy -= 1
            self._idle.append(line)

    def _tell(self, exchange: Exchange, supply: Supply) -> None:
        for offer in exchange.ended:
            if offer.outcome is not None:
                supply.ended(offer, offer.outcome)
        exchange.ended.clear()
        for offer in exchange.untouched:
            supply.untouched(offer)
        exchange.untouched.clear()

    def _lose(self, line: _Line, reason: str, supply: Supply) -> None:
        if line in self._idle:
            self._idle.remove(line)
        elif not line.leaving:
            self._busy -= 1
        line.exchange.lose(reason)
        self._drop(line)
        self._tell(line.exchange, supply)

    def _drop(self, line: _Line) -> None:
        self._poll.unregister(line.number)
        del self._lines[line.number]
        self._leaving -= line.leaving
        line.wire.close()

    # --- The end of a line

    def _leave(self, line: _Line) -> None:
        """Say goodbye; its answer is waited for beside all else."""
        line.leaving = True
        self._leaving += 1
        line.deadline = self._now + GOODBYE
        line.out.append(memoryview(b"QUIT\r\n"))
        try:
            line.push()
        except Lost:
            self._drop(line)

    def _say_goodbye(self) -> None:
        """To all, within a few seconds. Whatever comes of that changes nothing for the messages (S11)."""
        while self._idle:
            self._leave(self._idle.pop())
        end = self._clock() + min(GOODBYE, self._patience.step)
        while self._lines and (left := end - self._clock()) > 0:
            for number, _ in self._poll.poll(left * 1000):
                line = self._lines.get(number)
                if line is not None:
                    self._drop(line)
                else:
                    self._drain()


class _Line:
    """One connection, and what is to be written on it."""

    __slots__ = (
        *("_before_dot", "_sending", "deadline", "exchange", "following"),
        *("leaving", "number", "out", "waits", "wire"),
    )

    def __init__(self, session: Session) -> None:
        self.wire = session.wire
        self.number = session.wire.fileno()
        self.exchange = Exchange(session.features)
        self.out: list[memoryview] = []
        self.waits = False  # for the system to take more
        self.leaving = False
        self.deadline = 0.0
        self.following: Offer | None = None  # whose envelope stands in `out`, behind a message's dot
        self._sending: Offer | None = None
        self._before_dot = 0  # bytes

    def load(self, offer: Offer, following: Offer | None, deadline: float) -> None:
        """Put a message's bytes and its dot before what is to be written next: the envelope of the one after it."""
        exchange = self.exchange
        exchange.go = None
        if following is not None:
            exchange.begin(following)
        content = on_the_line(offer.message)
        self.out += (memoryview(content), memoryview(END + exchange.out))
        exchange.out = b""
        self._sending, self._before_dot, self.deadline = offer, len(content), deadline
        self.following = following if following is not None and following.outcome is None else None

    def withdraw(self, following: Offer) -> None:
        """Write the message and its dot alone."""
        self.exchange.withdraw(following)
        self.out[-1] = memoryview(END)

    def push(self) -> None:
        """Write as much as is taken. Raises Lost."""
        self.following = None
        out = self.out
        taken = self.wire.push(out)
        if self._sending is not None:
            self._before_dot -= taken
            if self._before_dot < 0:
                self._sending.phase = Phase.DOT
                self._sending = None
        while out and taken >= len(out[0]):
            taken -= len(out[0])
            del out[0]
        if taken:
            out[0] = out[0][taken:]
        self.waits = bool(out)


def not_connected(error: Exception) -> Outcome:
    """What failing to connect means for the message that was to be sent. Raises what is no failure of the relay's."""
    if isinstance(error, Refused):
        return Outcome(Verdict.REFUSED, Phase.CONNECT, error.code, str(error))
    if isinstance(error, Lost):
        return Outcome(Verdict.LOST, Phase.CONNECT, None, f"the relay {error}")
    raise error
