"""An IMAP server that misbehaves as it is told: it plays one script, line by line, to whoever connects.

A script maps a command's name, or all of the command, to what is answered; `{tag}` stands for the command's tag. What is not in it is answered
as a poor but honest server would.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

MAIL = b"Subject: retour\r\n\r\nBonjour\r\n"
HANG = b"\0hang"  # says no more, and keeps the line
DRIP = b"\0drip"  # a byte now and then, for ever
FLOOD = b"\0flood"  # as much as is taken
CLOSE = b"\0close"

HONEST = {
    "GREETING": b"* OK ready\r\n",
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n",
    "AUTHENTICATE": b"+ \r\n",
    "AUTHENTICATED": b"{tag} OK welcome\r\n",
    "LOGIN": b"{tag} OK welcome\r\n",
    "SELECT": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n{tag} OK [READ-WRITE] selected\r\n",
    "UID SEARCH": b"* SEARCH 12 5\r\n{tag} OK done\r\n",
    "UID FETCH SIZE": b"* 1 FETCH (UID 5 RFC822.SIZE 28)\r\n* 2 FETCH (RFC822.SIZE 28 UID 12)\r\n{tag} OK done\r\n",
    "UID FETCH 5": b"* 1 FETCH (UID 5 BODY[] {28}\r\n" + MAIL + b")\r\n{tag} OK done\r\n",
    "UID FETCH 12": b"* 2 FETCH (BODY[] {28}\r\n" + MAIL + b" UID 12)\r\n{tag} OK done\r\n",
    "LIST": b'* LIST (\\HasNoChildren) "." INBOX\r\n{tag} OK done\r\n',
    "LOGOUT": b"* BYE see you\r\n{tag} OK done\r\n",
}


class Server:
    """One, listening; `said` is all that its visitors have said."""

    def __init__(self, script: dict[str, bytes]) -> None:
        self._script = HONEST | script
        self._place = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self.port: int = self._place.getsockname()[1]
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._place.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            line, _ = self._place.accept()
            with line, line.makefile("rb") as heard:
                try:
                    self._talk(line, heard)
                except OSError:
                    pass  # the visitor has hung up

    def _talk(self, line: socket.socket, heard: BufferedReader) -> None:
        going = not self._stop.is_set() and self._answer(line, "GREETING", "")
        while going and (said := heard.readline().decode("latin-1").rstrip("\r\n")):
            self.said.append(said)
            tag, _, rest = said.partition(" ")
            name = self._name(rest)
            going = self._answer(line, name, tag)
            if going and name == "AUTHENTICATE" and self._script[name].startswith(b"+"):
                self.said.append(heard.readline().decode("latin-1").rstrip("\r\n"))
                going = self._answer(line, "AUTHENTICATED", tag)

    def _name(self, rest: str) -> str:
        if rest.upper() in self._script:
            return rest.upper()
        words = rest.upper().split(" ")
        if words[0] == "UID" and words[1] == "FETCH":
            return "UID FETCH SIZE" if "SIZE" in rest else f"UID FETCH {words[2]}"
        return " ".join(words[:2]) if words[0] == "UID" else words[0]

    def _answer(self, line: socket.socket, name: str, tag: str) -> bool:
        answer = self._script.get(name, b"{tag} OK done\r\n").replace(b"{tag}", tag.encode())
        for part in answer.split(b"\0"):
            if part.startswith(b"hang"):
                while not self._stop.is_set() and line.recv(1000):
                    pass
                return False
            if part.startswith(b"close"):
                return False
            if part.startswith(b"drip"):
                while not self._stop.is_set():
                    line.sendall(b"*")
                    time.sleep(0.05)
            elif part.startswith(b"flood"):
                while not self._stop.is_set():
                    line.sendall(b"* 1 EXISTS\r\n" * 10_000)
            else:
                line.sendall(part)
        return True


@contextmanager
def playing(**script: bytes) -> Iterator[Server]:
    """`UID_FETCH_5=b"…"` stands for the command `UID FETCH 5`."""
    server = Server({name.replace("_", " "): answer for name, answer in script.items()})
    try:
        yield server
    finally:
        server.close()
