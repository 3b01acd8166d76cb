"""What a server says (RFC 5321, 4.2): bytes in, whole replies out. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from newsletter.mail.headers import one_line

LONGEST = 500  # characters of a reply that are kept
MAX_LINE = 8192  # bytes; RFC 5321, 4.5.3.1.5 says 512, and real servers write more
MAX_LINES = 200
MANY = 20  # replies that are remembered

USUAL = re.compile(rb"([2-5]\d\d) ([!-~](?:[ -~]*[!-~])?)")
LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class Lost(Exception):
    """The line is dead, or as good as dead; the text says how."""


class BadReply(Lost):
    """What came is no SMTP reply: from here on nobody knows what answers what."""


class Reply(NamedTuple):
    """One reply. `raw` holds its lines without their codes, in the server's own bytes."""

    code: int
    raw: bytes

    @property
    def text(self) -> str:
        """In one line, without control characters."""
        return readable(self.raw)

    @property
    def kind(self) -> int:
        """The first digit: 2 yes, 3 go on, 4 not now, 5 no."""
        return self.code // 100


def readable(raw: bytes) -> str:
    """A server's words for a person: UTF-8 where they are that, else Latin-1 (RFC 5321 allows ASCII only)."""
    if len(raw) <= LONGEST and raw.isascii() and (text := raw.decode()).isprintable():
        return text.strip()  # as nearly all are
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return one_line(text, LONGEST)


class Replies:
    """Collects what has come in until it is a whole reply."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._whole: Reply | None = None
        self._known: dict[bytes, Reply] = {}  # what a relay says before each message, again and again

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def ready(self) -> bool:
        """Whether a whole reply is here. Raises BadReply."""
        while self._whole is None and (line := self._next_line()) is not None:
            self._take_line(line)
        return self._whole is not None

    def take(self) -> Reply | None:
        """The next whole reply, once. Raises BadReply."""
        self.ready()
        reply, self._whole = self._whole, None
        return reply

    def taken(self) -> tuple[list[Reply], BadReply | None]:
        """All the whole replies that are here, and what is wrong behind them."""
        found = self._usual()
        if found:
            return found, None
        try:
            while (reply := self.take()) is not None:
                found.append(reply)
        except BadReply as error:
            return found, error
        return found, None

    def _usual(self) -> list[Reply]:
        """Whole replies of one line each, as nearly all are, are read at a fraction of the cost; else nothing is."""
        buffer = self._buffer
        if self._lines or self._whole or len(buffer) > MAX_LINE or not buffer.endswith(b"\r\n"):
            return []
        found = []
        for line in bytes(buffer[:-2]).split(b"\r\n"):
            reply = self._known.get(line)
            if reply is None:
                match = USUAL.fullmatch(line)
                if match is None:
                    return []
                reply = Reply(int(match[1]), match[2])
                if len(self._known) < MANY:
                    self._known[line] = reply
            found.append(reply)
        buffer.clear()
        return found

    @property
    def pending(self) -> bool:
        """Anything at all has come that no one has taken."""
        return bool(self._buffer or self._lines or self._whole)

    def _next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end > MAX_LINE or (end < 0 and len(self._buffer) > MAX_LINE):
            raise BadReply(f"sent a line of more than {MAX_LINE} bytes")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.rstrip(b"\r")

    def _take_line(self, line: bytes) -> None:
        match = LINE.fullmatch(line)
        if not match:
            raise BadReply(f"sent what is no SMTP reply: {readable(line)[:100]!r}")
        self._lines.append((match[3] or b"").strip())
        if len(self._lines) > MAX_LINES:
            raise BadReply(f"sent a reply of more than {MAX_LINES} lines")
        if match[2] != b"-":
            # Where the lines' codes differ, the last one counts, as Postfix has it.
            self._whole = Reply(int(match[1]), b"\n".join(self._lines))
            self._lines = []
