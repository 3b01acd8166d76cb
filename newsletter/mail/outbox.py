"""The same as a relay, into a Maildir: the embedded default. No reader receives anything from it.

A message's file carries the delivery's name, and is linked into `new/` whole and synced, or not at all. What stands
in `new/` or, read and flagged, in `cur/` is accepted: so nothing here is ever uncertain, and a repeat never makes a
second copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from newsletter.mail.headers import one_line
from newsletter.mail.supply import OneByOne
from newsletter.model import Message, Outcome, Phase, Verdict

FOLDERS = ("tmp", "new", "cur")


class Outbox:
    """A Maildir at `path`, made on demand. `clock` gives aware UTC times: a file's date is when it was delivered."""

    repeats_safely = True

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def open(self) -> OutboxLine:
        """A new line. It makes the folders when there is something to send."""
        return OutboxLine(self._path, self._clock)

    def lines(self, count: int) -> OneByOne:
        """One, however many are wanted: a disk writes one file at a time."""
        return OneByOne(self.open())


class OutboxLine:
    """One way into the folder. For one thread."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock
        self._there: set[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        """Keep one message; see `mail.Line`. A full or forbidden disk refuses everybody alike."""
        name = file_name(message.name)
        try:
            there = self._there = _prepare(self._path) if self._there is None else self._there
            temporary = None if name in there else self._write(name, message.content)
        except OSError as error:
            return self._refused(error)
        if temporary is not None:
            try:
                at_dot()
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            try:
                self._deliver(temporary, name)
            except OSError as error:
                return self._refused(error)
        there.add(name)
        return Outcome(Verdict.ACCEPTED, Phase.DOT, None, one_line(f"kept in {self._path} as {name}", 500))

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, name: str, content: bytes) -> Path:
        """A whole file in tmp/, safely on the disk."""
        path = self._path / "tmp" / name
        # What a dead run left under this name may be linked elsewhere by now: it is unlinked, never written into.
        path.unlink(missing_ok=True)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            seconds = self._clock().timestamp()
            os.utime(path, (seconds, seconds))  # mail programs take it for the day of arrival
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def _deliver(self, temporary: Path, name: str) -> None:
        """The moment at which the message is there: whole, and under its final name."""
        try:
            os.link(temporary, self._path / "new" / name)
        except FileExistsError:
            pass  # delivered already, since this line was opened
        finally:
            temporary.unlink(missing_ok=True)
        _sync(self._path / "new")

    def _refused(self, error: OSError) -> Outcome:
        said = f"cannot write into the outbox {self._path}: {error.strerror or error}"
        return Outcome(Verdict.REFUSED, Phase.CONNECT, None, one_line(said, 500))


def file_name(name: str) -> str:
    """A message's name as a Maildir takes it: no slash, no colon (the flags' sign), no dot in front (hidden)."""
    safe = quote(name, safe="@+=,_~ ")
    return "%2E" + safe[1:] if safe.startswith(".") else safe


def _prepare(path: Path) -> set[str]:
    """Make what is missing; the names of what is there."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
        _sync(path.parent)
    for folder in FOLDERS:
        (path / folder).mkdir(mode=0o700, exist_ok=True)
    _sync(path)
    return _delivered(path)


def _delivered(path: Path) -> set[str]:
    """The names in new/, then those in cur/ without their flags: a message moves from the one to the other."""
    names: set[str] = set()
    for folder in ("new", "cur"):
        try:
            names.update(name.partition(":")[0] for name in os.listdir(path / folder))
        except FileNotFoundError:
            pass  # no outbox yet
    return names


def _sync(folder: Path) -> None:
    """A name in a folder is safe only when the folder is synced too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
