"""A mail's bytes → its headers, texts and parts, however broken it is. Pure, never raises, and bounded.

The standard library's parser recurses as deep as a mail does and takes its time with large ones; here depth, parts and
what is decoded have limits, since what comes back comes from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.bounce.decode import header_text, text_of, transfer_decoded

MAX_BYTES = 16_000_000
MAX_DEPTH = 8
MAX_PARTS = 60  # of one mail, all levels together
MAX_HEAD = 200_000  # bytes
MAX_TEXT = 200_000  # bytes of one part that are read

_HEADER = re.compile(rb"([!-9;-~]{1,80})[ \t]{0,8}:[ \t]{0,200}(.*)", re.DOTALL)
_USUAL = re.compile(
    rb"\n(?:from|to|subject|date|received|message-id|mime-version|content-type|return-path|delivered-to|"
    rb"x-[\w-]{1,60}):[ \t]",
    re.I,
)
_PARAMETER = re.compile(r""";\s*([\w*-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.){0,300})"|([^\s;"]{1,300}))""")
_UNTOLD_BOUNDARY = re.compile(rb"\s{0,20}(?:[^\n]{0,200}\n){0,4}--([!-~]{5,80})\n(?:Content-[A-Za-z-]{2,30}:)", re.I)
_NESTED = ("message/rfc822", "message/global", "message/news")
_HEADERS_ONLY = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers", "text/rfc822-header")


@dataclass(slots=True)
class Part:
    """A mail, or a part of one."""

    headers: dict[str, list[str]] = field(default_factory=dict)  # by name in small letters, unfolded, not decoded
    kind: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: list[Part] = field(default_factory=list)
    inner: bool = False  # a part of a mail, not the mail itself

    def first(self, name: str) -> str:
        """The first header of this name, decoded; empty where there is none."""
        return header_text(self.headers[name][0]) if name in self.headers else ""

    def all(self, name: str) -> list[str]:
        return [header_text(value) for value in self.headers.get(name, [])]

    @property
    def text(self) -> str:
        """Its body as text."""
        data = transfer_decoded(self.body[: MAX_TEXT * 2], self.encoding)[:MAX_TEXT]
        return text_of(data, self.parameters.get("charset", ""))

    @property
    def encoding(self) -> str:
        return self.headers.get("content-transfer-encoding", [""])[0].strip().lower()

    @property
    def holds_headers_only(self) -> bool:
        return self.kind in _HEADERS_ONLY

    def walk(self, *, into_mails: bool = False) -> Iterator[Part]:
        """Itself and what is in it; of mails attached, what is in those only when asked for."""
        yield self
        if not into_mails and self.inner and (self.kind in _NESTED or self.is_bare_mail):
            return
        for part in self.parts:
            yield from part.walk(into_mails=into_mails)

    def attached(self) -> list[Part]:
        """The mails that are attached to it, whole or as their headers."""
        found = []
        for part in self.walk():
            if part is self:
                continue
            if part.kind in _NESTED or part.holds_headers_only:
                found += part.parts
            elif part.is_bare_mail:
                found.append(part)
        return found

    @property
    def is_bare_mail(self) -> bool:
        """A mail put in as it is, without a part's headers before it."""
        return "received" in self.headers or {"from", "subject", "message-id"} <= self.headers.keys()


def normal(raw: bytes) -> bytes:
    """A mail's bytes with plain line ends, without NULs and without mbox's first line."""
    data = raw[:MAX_BYTES].replace(b"\0", b"")
    if b"\n" not in data and data.count(b"\r\r") * 2.2 > data.count(b"\r"):
        data = data.replace(b"\r\r", b"\n")  # every line end turned into two
    data = data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n \t\xef\xbb\xbf")
    if data.startswith((b"From ", b">From ")):
        data = data.partition(b"\n")[2].lstrip(b"\n \t")
    return data


def parse(data: bytes) -> Part:
    """A mail whose line ends are plain (`normal`)."""
    return _Parser().mail(data, 0)


class _Parser:
    """Counts the parts, so that a mail of a million of them costs what one of sixty does."""

    def __init__(self) -> None:
        self.left = MAX_PARTS

    def mail(self, data: bytes, depth: int, otherwise: str = "text/plain") -> Part:
        self.left -= 1
        headers, body = split(data)
        kind, parameters = content_type(headers.get("content-type", [""])[0], otherwise)
        part = Part(headers, kind, parameters, body)
        if depth < MAX_DEPTH:
            self._look_inside(part, depth)
        return part

    def _look_inside(self, part: Part, depth: int) -> None:
        if part.kind in _NESTED or part.holds_headers_only:
            body = transfer_decoded(part.body, part.encoding)
            part.parts = [self.mail(body.lstrip(b"\n"), depth + 1)] if body.strip() else []
            return
        boundary = part.parameters.get("boundary", "").encode("utf-8", "replace").rstrip()
        pieces = self._pieces(part.body, boundary) if boundary and part.kind.startswith("multipart/") else []
        if not pieces and depth == 0 and (untold := _UNTOLD_BOUNDARY.match(part.body[:4000])):
            pieces = self._pieces(part.body, untold[1])
            part.kind = part.kind if part.kind.startswith("multipart/") else "multipart/mixed"
        otherwise = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for piece in pieces:
            if self.left <= 0:
                return
            part.parts.append(self.mail(piece, depth + 1, otherwise))
            part.parts[-1].inner = True

    def _pieces(self, body: bytes, boundary: bytes) -> list[bytes]:
        mark = b"\n--" + boundary
        pieces = (b"\n" + body).split(mark, self.left + 1)[1:]
        found = []
        for piece in pieces:
            if piece.startswith(b"--"):
                break
            line, _, rest = piece.partition(b"\n")
            if not line.strip(b" \t"):  # else another boundary that begins with this one
                found.append(rest)
            elif found:
                found[-1] += mark + piece
        return found


def split(data: bytes) -> tuple[dict[str, list[str]], bytes]:
    """Headers and body. A line that can be no header ends them, unless usual ones follow before an empty line."""
    headers: dict[str, list[str]] = {}
    values: list[tuple[str, list[bytes]]] = []
    at, end, usual = 0, min(len(data), MAX_HEAD), -1
    while at < end:
        stop = data.find(b"\n", at)
        stop = len(data) if stop < 0 else stop
        line = data[at:stop]
        if not line:
            at = stop + 1
            break
        if line[:1] in b" \t" and values:
            values[-1][1].append(line)
        elif match := _HEADER.match(line):
            values.append((match[1].decode("ascii", "replace").lower(), [match[2]]))
        elif values and (values[-1][1][-1].rstrip().endswith(b";") or (usual := _next_usual(data, stop, usual)) >= 0):
            values[-1][1].append(line)  # folded, and its indentation was lost on the way
        else:
            break
        at = stop + 1
    for name, lines in values:
        headers.setdefault(name, []).append(text_of(b" ".join(line.strip() for line in lines)[:20_000], ""))
    return headers, data[at:]


def _next_usual(data: bytes, at: int, known: int) -> int:
    """Where the next usual header stands before an empty line, else -1; `known` is where one was found before."""
    if known >= at:
        return known
    end = data.find(b"\n\n", at, at + 20_000)
    match = _USUAL.search(data, at, end if end >= 0 else at + 20_000)
    return match.start() if match else -1


def content_type(value: str, otherwise: str = "text/plain") -> tuple[str, dict[str, str]]:
    """`text/plain; charset=x` → its kind and its parameters, in small letters but for their values."""
    kind = value.partition(";")[0].strip().lower().replace(" ", "")
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value[:2000]):
        parameters.setdefault(name.lower().rstrip("*"), re.sub(r"\\(.)", r"\1", quoted) or bare)
    return (kind if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,80}", kind) else otherwise), parameters
