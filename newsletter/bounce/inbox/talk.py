"""imaplib on a socket of ours. Every step has a deadline on the wall clock, and what is held of an answer a bound:
imaplib's timeout counts for each recv() anew, and it keeps whatever a server says.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from newsletter.bounce.inbox import LARGEST, Patience, one_line
from newsletter.errors import Unavailable
from newsletter.settings import Inbox

CHUNK = 65_536
MOST = LARGEST + 5_000_000  # bytes of one answer: a mail, or the numbers of a million of them
# What imaplib raises where a server does not speak as it should: it takes answers apart without looking.
GARBAGE = (imaplib.IMAP4.error, OSError, ValueError, LookupError, TypeError, AttributeError)


class Talk(imaplib.IMAP4):
    """A connection: its commands are given inside `step`, which turns whatever goes wrong into Unavailable."""

    def __init__(
        self, where: Inbox, context: ssl.SSLContext | None, patience: Patience, clock: Callable[[], float]
    ) -> None:
        self._where = where
        self._context = context or (ssl.create_default_context() if where.security != "plain" else None)
        self._patience = patience
        self._clock = clock
        self._end = clock() + patience.total
        self._deadline = self._end
        self._buffer = bytearray()
        self._heard = 0
        with self.step("cannot be reached", patience.connect + patience.step):
            super().__init__(where.host, where.port)

    @property
    def late(self) -> bool:
        """Time to come to an end: what is under way would be cut off soon."""
        return self._clock() > self._end - min(self._patience.step, self._patience.total / 4)

    @contextmanager
    def step(self, what: str, seconds: float | None = None) -> Iterator[None]:
        """A command and its answer; `what` says of the server what it is when that goes wrong."""
        self._deadline = min(self._clock() + (seconds or self._patience.step), self._end)
        self._heard = 0
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(
                f"bounces.inbox: {self._where}: the certificate of {self._where.host} is not to be trusted"
                f" ({error.verify_message}): write the host as its certificate names it, or name its authority's file"
                " in SSL_CERT_FILE"
            ) from None
        except GARBAGE as error:
            raise Unavailable(f"bounces.inbox: {self._where}: {what}: {_said(error)}") from None

    # What imaplib builds upon.

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock = self._connected(host, port)
        if self._where.security == "tls":
            self._encrypt()

    def read(self, size: int) -> bytes:
        if size > MOST:
            raise self.abort(f"it announces {size} bytes")
        while len(self._buffer) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._receive()
        return self._take(end + 1)

    def send(self, data: bytes) -> None:  # type: ignore[override]
        self._arm()
        self.sock.sendall(data)

    def shutdown(self) -> None:
        self.sock.close()

    def begin_tls(self) -> None:
        """STARTTLS. What the server said before TLS counts no more (RFC 3501, 6.2.1; CVE-2011-0411)."""
        if "STARTTLS" not in self.capabilities:
            raise self.abort("it offers no STARTTLS; imaps:// if it takes TLS on another port")
        kind, data = self.xatom("STARTTLS")
        if kind != "OK":
            raise self.abort(f"it does not begin TLS: {one_line(data[-1])}")
        if self._buffer:
            raise self.abort("it said more than was asked before TLS began: somebody may be on the line")
        self._encrypt()
        kind, data = self.capability()
        self.capabilities = tuple(data[-1].decode("ascii", "replace").upper().split()) if data[-1] else ()

    def _connected(self, host: str, port: int) -> socket.socket:
        error: OSError = OSError("it has no address")
        deadline = self._clock() + self._patience.connect
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(max(deadline - self._clock(), 0.001))
                sock.connect(place)
                return sock
            except OSError as failed:
                sock.close()
                error = failed
        raise error

    def _encrypt(self) -> None:
        self.sock.settimeout(self._patience.connect)  # for the whole handshake, as OpenSSL's binding counts it
        plain = self.sock
        try:
            context = self._context or ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise

    def _arm(self) -> None:
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self.sock.settimeout(left)

    def _receive(self) -> None:
        self._arm()
        try:
            data = self.sock.recv(CHUNK)
        except TimeoutError:
            raise TimeoutError("no answer in time") from None
        if not data:
            raise self.abort("it closed the connection")
        self._heard += len(data)
        if self._heard > MOST:
            raise self.abort("it says more than can be meant")
        self._buffer += data

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it speaks no TLS that we accept ({error.reason or one_line(error)})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(error.args[0] if error.args else error) or type(error).__name__
