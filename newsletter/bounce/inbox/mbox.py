"""An mbox: all mails in one file, each begun by a line "From ". It is read in pieces and never held whole.

The locks are held for a piece at a time, so that the mail server does not have to wait for us. With `delete` what is
done goes away at the end of the visit: the rest is written beside the mailbox and takes its place by one rename, or,
where nothing is left, the file is cut to nothing. Without it nothing is changed, and all comes again next time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from newsletter.bounce.inbox import LARGEST, Arrived, one_line, too_large
from newsletter.bounce.inbox.locks import locked
from newsletter.errors import ConfigError, Unavailable

log = logging.getLogger(__name__)

PIECE = 4_000_000  # bytes of mails that are read under one lock
CHUNK = 1_000_000
LINE = 65_536  # a longer line is read in parts
DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
BEGIN = re.compile(rb"From .{0,1000}" + DAY + rb" [A-Z][a-z]{2} [ 0-9]?\d \d\d:\d\d")  # RFC 4155, appendix A
QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
# The first "mail" of a file that UW-IMAP or Pine kept: their notes.
INTERNAL = re.compile(rb"^(?:X-IMAP|X-IMAPbase): ", re.MULTILINE)


@dataclass(slots=True)
class Span:
    """One mail of the file, with the line that begins it."""

    start: int
    end: int = 0
    digest: bytes = b""
    content: bytearray = field(default_factory=bytearray)  # empty where it is too large, or not wanted


class Mbox:
    """A visit to the mbox at `path`."""

    reached = ""  # a visit comes to its end: there is no line to wait for

    def __init__(
        self,
        path: Path,
        delete: bool,
        seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._path = path
        self._delete = delete
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._read: dict[str, bytes] = {}  # the digests of what was given out
        self._done: Counter[bytes] = Counter()
        self._left: set[str] = set()
        self._last: Span | None = None  # the mail that was read last

    def __enter__(self) -> Self:
        with self._locked(self._delete) as file:
            _must_begin(file, self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done:
            self._remove()

    def unread(self, limit: int | None = None) -> Iterator[Arrived]:
        taken = 0
        while piece := self._piece():
            for span in piece:
                if self._delete and limit is not None and taken >= limit:
                    return
                arrived = self._arrived(span)
                if arrived is not None:
                    yield arrived
                    taken += arrived.name not in self._left

    def done(self, arrived: Arrived, *, keep: bool = False) -> None:
        """To be removed when the visit ends, where that is wanted."""
        digest = self._read.pop(arrived.name, None)
        if keep:
            self._left.add(arrived.name)
        elif self._delete and digest is not None:
            self._done[digest] += 1

    def leave(self, arrived: Arrived) -> None:
        self._left.add(arrived.name)

    def _locked(self, write: bool) -> AbstractContextManager[BinaryIO]:
        return locked(self._path, write, self._seconds, self._clock, self._sleep)

    def _piece(self) -> list[Span]:
        """The next mails."""
        found: list[Span] = []
        size = 0
        with self._locked(False) as file:
            if self._last and not _stands(file, self._last):
                log.warning("%s was changed by another program while it was read: the rest comes next time", self._path)
                return []
            for span in spans(file, self._last.end if self._last else 0, keep=True):
                found.append(span)
                size += span.end - span.start
                if size >= PIECE:
                    break
        self._last = found[-1] if found else self._last
        return found

    def _arrived(self, span: Span) -> Arrived | None:
        name, size = f"{self._path.name}-{span.start}", span.end - span.start
        if not span.content:
            too_large(name, size)
            return None
        raw = _unquoted(span.content)
        if span.start == 0 and INTERNAL.search(raw.partition(b"\n\n")[0]):
            return None
        self._read[name] = span.digest
        return Arrived(raw, name, size)

    def _remove(self) -> None:
        """What is done goes; what has come meanwhile, or was left, stays."""
        try:
            with self._locked(True) as file:
                kept, gone = self._sorted(file)
                if not gone:
                    return
                if not kept:
                    file.truncate(0)
                    os.fsync(file.fileno())
                else:
                    _replace(self._path, file, kept)
        except OSError as error:
            raise Unavailable(
                f"{self._path}: what was read cannot be removed: {one_line(error.strerror or error)}; the account that"
                " runs the newsletter needs the right to write into its folder, or let bounces.delete be false"
            ) from None
        self._done.clear()

    def _sorted(self, file: BinaryIO) -> tuple[list[tuple[int, int]], int]:
        """The stretches of the file that stay, and how many mails go: known by their bytes, wherever they are now."""
        going = Counter(self._done)
        kept: list[tuple[int, int]] = []
        gone = 0
        for span in spans(file, 0, keep=False):
            if going[span.digest] > 0:
                going[span.digest] -= 1
                gone += 1
            elif kept and kept[-1][1] == span.start:
                kept[-1] = (kept[-1][0], span.end)
            else:
                kept.append((span.start, span.end))
        return kept, gone


# --- The file -------------------------------------------------------------------------------------


def spans(file: BinaryIO, start: int, *, keep: bool) -> Iterator[Span]:
    """The mails from there on, one after the other; with their content where that is to be kept and not too large."""
    file.seek(start)
    at, blank, whole = start, True, True
    span: Span | None = None
    hashed, held = hashlib.sha256(), 0
    while line := file.readline(LINE):
        if whole and (blank or span is None) and BEGIN.match(line):
            if span is not None:
                yield _closed(span, at, hashed.digest())
            span, hashed, held = Span(at), hashlib.sha256(), 0
        if span is None:
            span = Span(at)
        hashed.update(line)
        held += len(line)
        if keep and held <= LARGEST:
            span.content += line
        elif span.content:
            span.content = bytearray()
        blank = whole and line in (b"\n", b"\r\n")
        whole = line.endswith(b"\n")
        at += len(line)
    if span is not None:
        yield _closed(span, at, hashed.digest())


def _closed(span: Span, end: int, digest: bytes) -> Span:
    span.end, span.digest = end, digest
    return span


def _unquoted(content: bytearray) -> bytes:
    """The mail as it was: without the line that begins it, the blank one that ends it, and the > before "From "."""
    raw = bytes(memoryview(content)[content.find(b"\n") + 1 :]) if b"\n" in content else b""
    if raw.endswith((b"\n\n", b"\n\r\n")):
        raw = raw[: -2 if raw.endswith(b"\r\n") else -1]
    return QUOTED.sub(rb"\1", raw)


def _must_begin(file: BinaryIO, path: Path) -> None:
    first = file.readline(LINE)
    if first and not BEGIN.match(first):
        raise ConfigError(f'bounces.inbox: {path}: is no mbox: its first line does not begin with "From " and a date')


def _stands(file: BinaryIO, span: Span) -> bool:
    """Whether a mail is still where it was read."""
    file.seek(span.start)
    hashed, left = hashlib.sha256(), span.end - span.start
    while left > 0 and (chunk := file.read(min(left, CHUNK))):
        hashed.update(chunk)
        left -= len(chunk)
    return left == 0 and hashed.digest() == span.digest


def _replace(path: Path, file: BinaryIO, kept: list[tuple[int, int]]) -> None:
    """The rest in the place of the whole: complete, on the disk and with its owner and rights before it is there."""
    beside = path.with_name(f".{path.name}.newsletter")
    beside.unlink(missing_ok=True)  # of a run that died before its rename
    info = os.fstat(file.fileno())
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as fresh:
            for start, end in kept:
                file.seek(start)
                _copy(file, fresh, end - start)
            fresh.flush()
            if os.fstat(fresh.fileno()).st_uid != info.st_uid or os.fstat(fresh.fileno()).st_gid != info.st_gid:
                os.fchown(fresh.fileno(), info.st_uid, info.st_gid)
            os.fchmod(fresh.fileno(), info.st_mode & 0o7777)
            os.fsync(fresh.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size > 0 and (chunk := source.read(min(size, CHUNK))):
        target.write(chunk)
        size -= len(chunk)
