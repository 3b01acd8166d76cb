"""A mail server that does as it is told: for each step an action, and every byte it gets is kept.

    with ScriptedServer({"RCPT": [Say("450 4.2.1 plus tard"), Say("250 2.1.5 oui")]}) as server: …

Steps are CONNECT, the commands' names, BODY (after 354, before anything of the message is read) and "." (the final
dot). A list gives one action per occurrence, over all connections; its last goes on for ever.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

# --- What the server can do at a step -------------------------------------------------------------


@dataclass(frozen=True)
class Say:
    """Send a reply, and hang up afterwards if told so. Text goes out as UTF-8, bytes as they are."""

    text: str | bytes
    hang_up: bool = False

    @property
    def raw(self) -> bytes:
        return self.text if isinstance(self.text, bytes) else self.text.replace("\n", "\r\n").encode() + b"\r\n"


@dataclass(frozen=True)
class Drip:
    """A tarpit: one byte, a pause, one byte, … and never a whole reply."""

    pause: float = 0.05


@dataclass(frozen=True)
class HangUp:
    """Close without a word."""


@dataclass(frozen=True)
class Reset:
    """Close with a TCP reset."""


@dataclass(frozen=True)
class Silence:
    """Say nothing more, and read nothing more."""


Action = Say | Drip | HangUp | Reset | Silence
DEFAULTS: dict[str, Action] = {
    "CONNECT": Say("220 relais.example ESMTP"),
    "HELO": Say("250 relais.example"),
    "STARTTLS": Say("220 2.0.0 go ahead"),
    "MAIL": Say("250 2.1.0 ok"),
    "RCPT": Say("250 2.1.5 ok"),
    "DATA": Say("354 go ahead"),
    ".": Say("250 2.0.0 queued as 4XyZ"),
    "RSET": Say("250 2.0.0 ok"),
    "QUIT": Say("221 2.0.0 bye", hang_up=True),
}


@dataclass
class Received:
    """One message the server took: its commands, and its bytes as they came, the dots still doubled."""

    mail: str
    rcpt: str
    raw: bytes

    @property
    def content(self) -> bytes:
        """As the sender meant it."""
        return b"".join(line.removeprefix(b".") for line in self.raw.splitlines(keepends=True))


@dataclass
class Connection:
    """What came over one connection."""

    commands: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    encrypted: bool = False
    first_after_starttls: bytes = b""


class _Gone(Exception):
    """The connection has ended."""


class ScriptedServer:
    """Listens on a free port of 127.0.0.1 while its `with` block lasts."""

    def __init__(
        self,
        script: Mapping[str, Action | list[Action]] | None = None,
        *,
        features: Iterable[str] = ("SIZE 10485760", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"),
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
        login: tuple[str, str] | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self.script = dict(script or {})
        self.features = list(features)
        self.tls = tls
        self.tls_at_once = tls_at_once
        self.login = login
        self.messages: list[Received] = []
        self.connections: list[Connection] = []
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(20)
        self.port: int = self._listener.getsockname()[1]

    @property
    def commands(self) -> list[str]:
        """All commands of all connections, in their order."""
        return [command for connection in self.connections for command in connection.commands]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with suppress(OSError):  # wakes accept()
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection()
        self.connections.append(connection)
        talk = _Talk(self, sock, connection)
        try:
            talk.run()
        except (_Gone, OSError, ValueError):
            pass  # the client has gone, or we were told to go
        finally:
            talk.close()

    def action(self, step: str) -> Action | None:
        """What the script says for this occurrence of a step."""
        with self._lock:
            number = self._counts.get(step, 0)
            self._counts[step] = number + 1
        told = self.script.get(step, DEFAULTS.get(step))
        return told[min(number, len(told) - 1)] if isinstance(told, list) else told

    def stopped(self, seconds: float) -> bool:
        return self._stop.wait(seconds)


class _Talk:
    """One connection's conversation."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, connection: Connection) -> None:
        sock.settimeout(20)
        self.server = server
        self.sock = sock
        self.connection = connection
        self.buffer = bytearray()
        self.mail = self.rcpt = ""

    def run(self) -> None:
        if self.server.tls_at_once:
            self._encrypt()
        self._act("CONNECT")
        while True:
            line = self._line().decode("utf-8").rstrip("\r\n")
            self.connection.commands.append(line)
            self._answer(line, line.partition(" ")[0].partition(":")[0].upper())

    def close(self) -> None:
        self.sock.close()

    def _answer(self, line: str, verb: str) -> None:
        if verb == "EHLO" and "EHLO" not in self.server.script:
            lines = ["relais.example", *self._features()]
            self._do(Say("\n".join(f"250{' ' if i == len(lines) - 1 else '-'}{one}" for i, one in enumerate(lines))))
        elif verb == "AUTH" and "AUTH" not in self.server.script:
            self._log_in(line)
        else:
            reply = self._act(verb) if verb in {**DEFAULTS, **self.server.script} else self._do(Say("500 what?"))
            self._after(verb, line, reply)

    def _after(self, verb: str, line: str, reply: bytes) -> None:
        yes = reply[:1] in (b"2", b"3")
        if verb == "MAIL" and yes:
            self.mail = line
        elif verb == "RCPT" and yes:
            self.rcpt = line
        elif verb == "DATA" and reply[:1] == b"3":
            self._message()
        elif verb == "STARTTLS" and reply[:1] == b"2" and self.server.tls:
            self.connection.first_after_starttls = self.sock.recv(1, socket.MSG_PEEK)
            self._encrypt()

    def _features(self) -> list[str]:
        hidden = "STARTTLS" if self.connection.encrypted else ""
        return [feature for feature in self.server.features if feature != hidden]

    def _log_in(self, line: str) -> None:
        user, password = self.server.login or ("", "")
        expected = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        right = line == f"AUTH PLAIN {expected}"
        self._do(Say("235 2.7.0 welcome" if right else "535 5.7.8 wrong user or password"))

    def _message(self) -> None:
        if "BODY" in self.server.script:
            self._act("BODY")
        lines = list(iter(self._line, b".\r\n"))
        self._act(".", Received(self.mail, self.rcpt, b"".join(lines)))

    def _act(self, step: str, message: Received | None = None) -> bytes:
        action = self.server.action(step) or Say("500 what?")
        # The server commits before it answers: what it then fails to say, it has taken all the same.
        if message and not (isinstance(action, Say) and action.raw[:1] in (b"4", b"5")):
            self.server.messages.append(message)
        return self._do(action)

    def _do(self, action: Action) -> bytes:
        if isinstance(action, Say):
            self.sock.sendall(action.raw)
            if action.hang_up:
                raise _Gone
            return action.raw
        if isinstance(action, Drip):
            while not self.server.stopped(action.pause):
                self.sock.sendall(b"2")
        if isinstance(action, Silence):
            while not self.server.stopped(0.2):
                pass
        if isinstance(action, Reset):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        raise _Gone

    def _line(self) -> bytes:
        while (end := self.buffer.find(b"\n")) < 0:
            data = self.sock.recv(65536)
            if not data:
                raise _Gone
            self.connection.raw += data
            self.buffer += data
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        return line

    def _encrypt(self) -> None:
        assert self.server.tls
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)
        self.connection.encrypted = True
