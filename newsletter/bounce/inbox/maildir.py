"""A Maildir: `new/` for what has come, `cur/` for what some mail program has seen. What is done goes into the Maildir++
folder `.NAME`, where IMAP servers show it as a folder of the mailbox.

Others may move, flag and delete files at the same time: a mail is known by its name without the flags, and one that is
gone was somebody's to take. The folders are listed once, and again when a mail is not where it was. Links and whatever
else is no file are not opened.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from newsletter.bounce.inbox import LARGEST, Arrived, too_large
from newsletter.errors import ConfigError, Unavailable

log = logging.getLogger(__name__)

SEEN = "S"
TRIES = 10  # at a file that another program renames whenever we look


class Maildir:
    """A visit to the Maildir at `path`."""

    reached = ""  # a visit comes to its end: there is no line to wait for

    def __init__(self, path: Path, folder: str, delete: bool) -> None:
        self._path = path
        self._target = path / f".{folder}"
        self._delete = delete
        self._left: set[str] = set()
        self._places: dict[str, Path] = {}  # where each mail lay when we looked last, by its name without the flags
        self._there = False  # the folder for what is done

    def __enter__(self) -> Self:
        for name in ("new", "cur"):
            if not _is_folder(self._path / name):
                raise ConfigError(
                    f"bounces.inbox: {self._path}: is no Maildir (it has no folder {name}), or may not be looked into:"
                    " name the folder that the mail server delivers into"
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def unread(self, limit: int | None = None) -> Iterator[Arrived]:
        taken = 0
        for name in self._names():
            if limit is not None and taken >= limit:
                return
            arrived = self._read(name)
            if arrived is not None:
                yield arrived
                taken += name not in self._left

    def done(self, arrived: Arrived, *, keep: bool = False) -> None:
        """At once: by one rename, or by unlinking it."""
        delete = self._delete and not keep
        try:
            if not delete:
                self._prepare()
            for file in self._tries(arrived.name):
                try:
                    if delete:
                        file.unlink()
                    else:
                        file.rename(self._free(arrived.name, _flags(file.name)))
                    return
                except FileNotFoundError:
                    continue  # flagged or taken by another program since we looked
        except OSError as error:
            raise Unavailable(
                f"{self._path}: mails cannot be {'deleted' if delete else 'moved'}: {error.strerror or error};"
                " the account that runs the newsletter needs the right to write there (docs/bounces.md)"
            ) from None

    def leave(self, arrived: Arrived) -> None:
        self._left.add(arrived.name)

    def _names(self) -> list[str]:
        """The mails without their flags, the oldest first; what some program has thrown away is not asked for."""
        found: dict[str, float] = {}
        for name, entry in self._look():
            if "T" not in _flags(entry.name):
                found.setdefault(name, _when(entry))
        return sorted(found, key=lambda name: (found[name], name))

    def _look(self) -> list[tuple[str, os.DirEntry[str]]]:
        """What lies there now."""
        found = []
        for folder in ("new", "cur"):
            try:
                with os.scandir(self._path / folder) as entries:
                    found += [(entry.name.partition(":")[0], entry) for entry in entries if _is_mail(entry)]
            except OSError as error:
                raise Unavailable(f"{self._path / folder}: cannot be read: {error.strerror or error}") from None
        self._places = {name: Path(entry.path) for name, entry in reversed(found)}
        return found

    def _read(self, name: str) -> Arrived | None:
        """Its bytes; None where it is gone, or cannot be read, which is told."""
        for file in self._tries(name):
            try:
                # Without following links, and without waiting for whoever writes into a pipe.
                handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("the mail %s cannot be read: %s", name, error.strerror or error)
                return None
            with open(handle, "rb") as opened:
                return _bytes(opened.fileno(), name)
        return None

    def _tries(self, name: str) -> Iterator[Path]:
        """Where it lay when we looked; where that was no good, all is looked at anew: as it came, or with flags that
        some program gave it. Nothing where it is gone."""
        for number in range(TRIES):
            if number:
                self._look()
            if name not in self._places:
                return
            yield self._places[name]

    def _free(self, name: str, flags: str) -> Path:
        """A name for it among what is done: its own, with the flag of what was seen."""
        flags = "".join(sorted({*flags, SEEN}))
        path, number = self._target / "cur" / f"{name}:2,{flags}", 0
        while path.is_symlink() or path.exists():
            number += 1
            path = self._target / "cur" / f"{name}_{number}:2,{flags}"
        return path

    def _prepare(self) -> None:
        """The folder for what is done, with the rights that the Maildir has, so that its owner can look into it."""
        if self._there:
            return
        mode = stat.S_IMODE(self._path.stat().st_mode)
        for folder in (self._target, *(self._target / name for name in ("tmp", "new", "cur"))):
            try:
                folder.mkdir(mode=0o700)
                folder.chmod(mode)
            except FileExistsError:
                if not _is_folder(folder):
                    raise OSError(errno.ENOTDIR, f"{folder} is no folder") from None
        marker = self._target / "maildirfolder"  # Maildir++: what stands here is a folder, no mailbox of its own
        if not marker.exists():
            marker.touch(mode=0o600)
            marker.chmod(mode & 0o666)
        self._there = True


def _bytes(handle: int, name: str) -> Arrived | None:
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            return None
        if info.st_size > LARGEST:
            too_large(name, info.st_size)
            return None
        with open(handle, "rb", closefd=False) as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        log.warning("the mail %s cannot be read: %s", name, error.strerror or error)
        return None
    return Arrived(raw, name, len(raw))


def _flags(name: str) -> str:
    return name.partition(":2,")[2]


def _is_mail(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)


def _when(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0  # gone since


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
