"""One hop's way out: a connection to addresses that were judged, under a watchdog. The only socket of this room."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError


class Line:
    """One hop's way out: the judged addresses, and the watchdog over its socket."""

    def __init__(self, addresses: list[str], port: int, deadline: float) -> None:
        self.addresses = addresses
        self.port = port
        self.deadline = deadline
        self.cut = False
        self.certified_until: datetime | None = None  # of the certificate that the server has shown
        self._watched: list[tuple[threading.Timer, socket.socket]] = []

    def connect(self, timeout: float) -> socket.socket:
        """A TCP connection to the first address that answers, under watch from now on."""
        error: OSError = OSError("no address")
        for address in self.addresses[:4]:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the total time is over")
            try:
                line = socket.create_connection((address, self.port), timeout=min(timeout, left))
            except OSError as failed:
                error = failed
            else:
                self._watch(line)
                return line
        raise error

    def _watch(self, line: socket.socket) -> None:
        # A copy of the descriptor: TLS takes the first one over, and shutting down either ends both.
        copy = line.dup()
        timer = threading.Timer(max(0.0, self.deadline - time.monotonic()), self._shut, [copy])
        timer.daemon = True
        timer.start()
        self._watched.append((timer, copy))

    def _shut(self, line: socket.socket) -> None:
        self.cut = True
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was quicker

    def close(self) -> None:
        for timer, copy in self._watched:
            timer.cancel()
            timer.join()
            copy.close()


class Adapter(HTTPAdapter):
    """requests' transport, with its connections made by a Line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        line = self._line

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(line, self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(line, self)

            def connect(self) -> None:
                super().connect()
                line.certified_until = _certified_until(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _connect(line: Line, connection: HTTPConnection) -> socket.socket:
    timeout = connection.timeout
    try:
        return line.connect(float(timeout) if isinstance(timeout, int | float) else 5.0)
    except OSError as error:
        raise NewConnectionError(connection, f"cannot connect: {error.strerror or error}") from error


def _certified_until(sock: socket.socket | None) -> datetime | None:
    shown = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    until = shown.get("notAfter") if shown else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC) if isinstance(until, str) else None
