"""One socket to a relay. Every step has a deadline on the wall clock: smtplib's timeout counts for each recv() anew,
so that a server sending a byte now and then holds it for ever (seen: 55 seconds and more with timeout=1).

The socket does not block: while we write, we also hear, and a server that refuses in the midst of a message and reads
no further (smtp-sink -A) cannot hold us.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Self

from newsletter.mail.replies import Lost, Replies, Reply

CHUNK = 65536
BUFFER = 256 * 1024  # bytes that the system takes from us at once: a whole message, so that one call writes it


class Wire:
    """A connected socket, heard reply by reply. Its failures are Lost; all times are in seconds."""

    def __init__(self, sock: socket.socket, clock: Callable[[], float]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._clock = clock
        self._replies = Replies()
        self.written = 0  # bytes that the system, or TLS, has taken from us

    @classmethod
    def connect(cls, host: str, port: int, seconds: float, clock: Callable[[], float]) -> Self:
        """Connect to the first of the host's addresses that answers, all of them within `seconds`."""
        deadline = clock() + seconds
        try:
            places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Lost(f"cannot find {host}: {_reason(error)}") from None
        reason = "no time left"
        for family, kind, protocol, _, place in places:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(max(deadline - clock(), 0.001))
                sock.connect(place)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the dot waits for an ACK
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                return cls(sock, clock)
            except OSError as error:
                sock.close()
                reason = _reason(error)
        raise Lost(f"cannot connect to {host}:{port}: {reason}")

    def encrypt(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """TLS from here on. Raises ssl.SSLError as it comes: a bad certificate is no lost line."""
        self._sock.settimeout(seconds)  # for the whole handshake, as OpenSSL's binding counts it
        try:
            self._sock = context.wrap_socket(self._sock, server_hostname=host)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise Lost(f"hung up in the TLS handshake: {_reason(error)}") from None
        except ssl.SSLError:
            raise
        except OSError as error:
            raise Lost(f"was lost in the TLS handshake: {_reason(error)}") from None
        self._sock.setblocking(False)

    @property
    def certified_until(self) -> datetime | None:
        """Until when the certificate that the server has shown is good."""
        shown = self._sock.getpeercert() if isinstance(self._sock, ssl.SSLSocket) else None
        until = shown.get("notAfter") if shown else None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC) if isinstance(until, str) else None

    @property
    def pending(self) -> bool:
        """Something has been said that nobody has asked for."""
        return self._replies.pending

    def write(self, data: bytes | memoryview, seconds: float) -> bool:
        """Hand over all of `data`. False: the server has answered before we had ended, and its reply can be read."""
        deadline = self._clock() + seconds
        rest = memoryview(data)
        while rest:
            try:
                taken = self._sock.send(rest[:CHUNK])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._wait(select.POLLIN | select.POLLOUT, deadline)
                if self.spoken():
                    return False
            except OSError as error:
                # What it said before it hung up lies in the socket still, and is worth more than "broken pipe".
                if self._last_words():
                    return False
                raise Lost(_gone(error)) from None
            else:
                self.written += taken
                rest = rest[taken:]
        return True

    def spoken(self) -> bool:
        """Whether a whole reply has come by now. Does not wait; raises Lost where the server has hung up."""
        while not self._replies.ready():
            if not self._receive():
                return False
        return True

    def reply(self, seconds: float) -> Reply:
        """Wait for the next whole reply."""
        deadline = self._clock() + seconds
        while (reply := self._replies.take()) is None:
            if not self._receive():
                self._wait(select.POLLIN, deadline)
            elif self._clock() > deadline:
                raise Lost("gave no whole reply in time")
        return reply

    # For who drives several wires at once: nothing here waits.

    def fileno(self) -> int:
        return self._sock.fileno()

    def push(self, buffers: Sequence[memoryview]) -> int:
        """Hand over as much as is taken now; returns how many bytes that was."""
        try:
            if isinstance(self._sock, ssl.SSLSocket):
                return self._push_encrypted(buffers)
            taken = self._sock.sendmsg(buffers)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            raise Lost(_gone(error)) from None
        return taken

    def _push_encrypted(self, buffers: Sequence[memoryview]) -> int:
        total = 0
        for buffer in buffers:
            while len(buffer):
                try:
                    taken = self._sock.send(buffer[:CHUNK])
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    return total
                total += taken
                buffer = buffer[taken:]
        return total

    def gather(self) -> tuple[list[Reply], Lost | None]:
        """The whole replies that have come, and what has gone wrong behind them."""
        try:
            self._receive()
            while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                self._receive()
        except Lost as error:
            return self._replies.taken()[0], error
        return self._replies.taken()

    def close(self) -> None:
        self._sock.close()

    def _last_words(self) -> bool:
        try:
            return self.spoken()
        except Lost:  # it had said nothing: the error of writing tells more
            return False

    def _receive(self) -> bool:
        """Take in what is there. False: nothing yet."""
        try:
            data = self._sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            raise Lost(_gone(error)) from None
        if not data:
            raise Lost("closed the connection")
        self._replies.feed(data)
        return True

    def _wait(self, events: int, deadline: float) -> None:
        left = deadline - self._clock()
        poll = select.poll()
        poll.register(self._sock, events)
        if left <= 0 or not poll.poll(math.ceil(left * 1000)):
            raise Lost("gave no reply in time" if events == select.POLLIN else "took no more data in time")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _gone(error: OSError) -> str:
    """What the relay did, as its name goes before it."""
    hung_up = isinstance(error, (ConnectionResetError, BrokenPipeError))
    return f"{'closed the connection' if hung_up else 'is out of reach'}: {_reason(error)}"
