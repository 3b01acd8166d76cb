"""The journal of a run: what is about to be sent, and what became of it, in a file that survives our death at once.

A line is written before a message's bytes are, and one when the relay has answered; `fold` takes them into the
database a little later, many at a time. The file is not synced: it outlives a killed process, not a power cut. So it
counts only on the machine, and in the boot, that wrote it, and elsewhere every claim that was not folded is in doubt.

    newsletter-journal 1 7 d41d…/3f2a…/a    the run, and its place
    > 1234                                  about to be sent
    < 1234 accepted 250 1764050400123 - 1 2.0.0 queued as 4XyZ
    > 1235
    - 1235                                  it was not: to be sent as if nothing had been
    =                                       what had ended before this line is in the database
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from newsletter.errors import DatabaseError
from newsletter.model import DeliveryState, Entry

HEAD = "newsletter-journal 1"
LARGE = 4 << 20  # bytes, after which the file is begun anew
MACHINE_ID = Path("/etc/machine-id")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SHORT = re.compile(r"[\w.-]{1,50}", re.ASCII)  # a host's name that fits into a place, which has 120 characters


class Told(NamedTuple):
    """What a journal tells of a run that died."""

    ended: list[Entry]
    sending: set[int]  # about to be sent, and nothing is known since
    place: str = ""  # where it was written, as the run's row has it too


def here() -> str | None:
    """This machine in this boot: the ids of both, and the host's name; None where the system tells of no boot.

    The machine's id may be missing, empty (containers) or another's too, where it came with an image. A boot's is not.
    """
    try:
        boot = BOOT_ID.read_text().strip()
    except OSError:
        return None
    host = os.uname().nodename
    if not SHORT.fullmatch(host):
        host = hashlib.sha256(host.encode()).hexdigest()[:32]
    return f"{_machine()}/{boot}/{host}" if boot else None


def _machine() -> str:
    """Its id (machine-id(5)), which before the first boot is none; empty where it has none."""
    try:
        found = MACHINE_ID.read_text().strip()[:32]
    except OSError:
        return ""
    return "" if found == "uninitialized" else found


def is_here(place: str | None) -> bool:
    """Whether it is this machine in this boot. The host's name does not matter: a container that is started anew bears
    another, and places of older programs have none."""
    now = here()
    return place is not None and now is not None and place.split("/")[:2] == now.split("/")[:2]


def is_lost(place: str | None) -> bool:
    """Whether what was written there counts no more anywhere: it was this machine, in an earlier boot. Only where its
    id and its name both say so: else it may live, and has its time to come back."""
    now = here()
    if place is None or now is None or is_here(place):
        return False
    machine, _, host = now.split("/")
    return machine != "" and place.split("/")[0::2] == [machine, host]


def path_of(folder: Path, run_id: int) -> Path:
    return folder / f"run-{run_id}.journal"


class Journal:
    """The journal of run `run_id`, a new file in `folder`. Raises DatabaseError where it cannot be written."""

    def __init__(self, folder: Path, run_id: int, *, large: int = LARGE) -> None:
        self._large = large
        self._path = path_of(folder, run_id)
        self._head = f"{HEAD} {run_id} {here() or '-'}\n".encode()
        self._sending: dict[int, None] = {}  # by id, in the order in which they were begun
        self._lines: list[str] = []
        self._broken = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._begin(self._path)
        except OSError as error:
            raise _full(self._path, error) from error

    def _begin(self, path: Path) -> int:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)  # as long as we live: see `dead`
        lines = self._head + b"".join(b"> %d\n" % delivery_id for delivery_id in self._sending)
        self._size = len(lines)
        _write(file, lines)
        return file

    def sending(self, delivery_id: int) -> None:
        """To be written by the next `flush`, as is all else."""
        self._sending[delivery_id] = None
        self._lines.append(f"> {delivery_id}\n")

    def cancelled(self, delivery_id: int) -> None:
        """It was not sent after all."""
        if delivery_id in self._sending:
            del self._sending[delivery_id]
            self._lines.append(f"- {delivery_id}\n")

    def ended(self, entry: Entry) -> None:
        """What became of one."""
        self._sending.pop(entry.delivery_id, None)
        self._lines.append(_line(entry))

    def flush(self) -> None:
        """From here on it survives our death. Raises DatabaseError: then nothing more may be sent."""
        if not self._lines:
            return
        lines = "".join(self._lines).encode()
        self._lines.clear()
        self._size += len(lines)
        try:
            _write(self._file, lines)
        except OSError as error:
            self._broken = True
            raise _full(self._path, error) from error

    def folded(self) -> None:
        """All that ended is in the database, and may be claimed anew: what is told of it does not count any more. A
        file that has grown large is begun anew."""
        if self._size < self._large:
            self._lines.append("=\n")
            return
        new = self._path.with_suffix(".new")
        try:
            file = self._begin(new)
            new.replace(self._path)
        except OSError as error:
            raise _full(self._path, error) from error
        os.close(self._file)
        self._file = file

    def close(self, *, done: bool) -> None:
        """With `done` all of it is in the database, and the file goes. Else what was heard last is kept."""
        if not done and not self._broken:
            with suppress(DatabaseError):
                self.flush()
        os.close(self._file)
        if done:
            self._path.unlink(missing_ok=True)


def read(folder: Path, run_id: int, place: str | None) -> Told | None:
    """What a dead run has left in its journal; None where there is none that counts here and now."""
    if not is_here(place):
        return None
    try:
        lines = path_of(folder, run_id).read_bytes().split(b"\n")[:-1]  # behind the last line's end: torn, or nothing
    except OSError:
        return None
    written, _, at = (lines[0] if lines else b"").decode("ascii", "replace").rpartition(" ")
    if written != f"{HEAD} {run_id}" or not is_here(at):
        return None
    return _told(lines[1:], at)


def _told(lines: Iterable[bytes], place: str) -> Told:
    ended: dict[int, Entry] = {}
    sending: set[int] = set()
    for line in lines:
        kind, rest = line[:1], line[2:]
        if kind == b"=":
            ended.clear()
        elif kind == b">":
            sending.add(int(rest))
            ended.pop(int(rest), None)
        elif kind == b"-":
            sending.discard(int(rest))
        else:
            entry = _entry(line.decode())
            ended[entry.delivery_id] = entry
            sending.discard(entry.delivery_id)
    return Told(list(ended.values()), sending, place)


def left(folder: Path) -> list[int]:
    """The runs that have a journal there, the oldest first: living ones too."""
    numbers = [path.stem.removeprefix("run-") for path in folder.glob("run-*.journal")]
    return sorted(int(number) for number in numbers if number.isdigit())


@contextmanager
def dead(folder: Path, run_id: int) -> Iterator[Told | None]:
    """What the journal of a run tells that is certainly dead: its process has let go of the file. None where it lives,
    or the journal does not count here and now. Nobody else puts it in order while the block lasts."""
    path = path_of(folder, run_id)
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_the_same(file, path):
                yield read(folder, run_id, here())
                return
        yield None
    finally:
        os.close(file)


def _is_the_same(file: int, path: Path) -> bool:
    """It was not begun anew, or put in order, between our opening and our holding it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def forget(folder: Path, run_id: int) -> None:
    """A dead run's journal, once it is in the database."""
    with suppress(OSError):
        path_of(folder, run_id).unlink(missing_ok=True)


def _line(entry: Entry) -> str:
    code = "-" if entry.code is None else entry.code
    times = f"{_number(entry.at)} {_number(entry.next_attempt)}"
    reply = entry.reply.replace("\n", " ")
    return f"< {entry.delivery_id} {entry.state} {code} {times} {entry.attempted:d} {reply}\n"


def _entry(line: str) -> Entry:
    _, number, state, code, at, following, attempted, reply = line.split(" ", 7)
    return Entry(
        int(number),
        DeliveryState(state),
        _moment(at) or EPOCH,
        None if code == "-" else int(code),
        reply,
        _moment(following),
        attempted == "1",
    )


@lru_cache(maxsize=64)
def _number(moment: datetime | None) -> str:
    return "-" if moment is None else str((moment - EPOCH) // MILLISECOND)


def _moment(number: str) -> datetime | None:
    return None if number == "-" else EPOCH + int(number) * MILLISECOND


def _write(file: int, data: bytes) -> None:
    if os.write(file, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full(path: Path, error: OSError) -> DatabaseError:
    return DatabaseError(f"the run's journal {path}: {error.strerror}: nothing more is sent before it can be written")
