"""The two locks of an mbox, as Debian's policy (11.6) has them: fcntl(2), and a file `NAME.lock` beside it. Postfix
makes the second one before it opens the mailbox, so a mailbox may be replaced while we hold it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from newsletter.bounce.inbox import one_line
from newsletter.errors import ConfigError, Unavailable

log = logging.getLogger(__name__)

PAUSE = 0.1  # seconds between two tries
STALE = 600  # seconds after which a lock file is of a program that has died; Postfix takes 500


@contextmanager
def locked(
    path: Path, write: bool, seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[BinaryIO]:
    """The mailbox, open and ours alone. Raises Unavailable where another has it for longer, ConfigError where it is
    not there."""
    deadline = clock() + seconds
    while True:
        file = _open(path, write)
        try:
            if (dot := _take(file, path, write)) is not None:
                try:
                    yield file
                finally:
                    if dot:
                        _lock_file(path).unlink(missing_ok=True)
                return
        finally:
            file.close()
        if clock() >= deadline:
            raise Unavailable(
                f"{path}: another program has locked it for {seconds:g} s; where none is at work, remove"
                f" {_lock_file(path)}"
            )
        sleep(PAUSE)


def _open(path: Path, write: bool) -> BinaryIO:
    try:
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.fdopen(os.open(path, flags), "r+b" if write else "rb")
    except OSError as error:
        raise ConfigError(
            f"bounces.inbox: {path}: cannot be opened{' for writing' if write else ''}: {one_line(error.strerror)}"
        ) from None
    if not path.is_file():
        file.close()
        raise ConfigError(f"bounces.inbox: {path}: is no file; a Maildir is written maildir:{path}")
    return file


def _take(file: BinaryIO, path: Path, write: bool) -> bool | None:
    """Both locks, or none: None. True where there is a lock file of ours, False where the folder allows none."""
    try:
        fcntl.lockf(file, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return None
    dot = _make(_lock_file(path))
    if dot is None:
        return None
    try:
        same = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        same = False
    if not same:  # replaced between opening and locking
        if dot:
            _lock_file(path).unlink(missing_ok=True)
        return None
    return dot


def _make(lock: Path) -> bool | None:
    try:
        with open(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        return True
    except FileExistsError:
        _clear(lock)
        return None
    except OSError as error:
        # /var/mail belongs to root and the group mail: the other lock alone has to do, which Postfix holds as well.
        log.debug("%s: %s", lock, error)
        return False


def _clear(lock: Path) -> None:
    """Away with a lock file that nobody has touched for long."""
    try:
        if time.time() - lock.lstat().st_mtime > STALE:
            lock.unlink(missing_ok=True)
    except OSError:
        pass  # gone by itself, or not ours to remove: the wait has its end


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
