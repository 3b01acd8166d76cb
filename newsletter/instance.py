"""Is this the database that sent yesterday's edition, on the machine that sent it?

A restored backup or a cloned machine holds a ledger that does not know what was sent since: it must not send before
somebody has looked (`newsletter adopt`). Two signs are compared:

- a stamp, renewed at each run, in the database and in a state file beside newsletter.toml: a restored database carries
  an older one;
- the machine's id, in the state file: a cloned folder carries another machine's. In containers, where neither file nor
  machine lasts, `newsletter.instance` names the installation instead, and the database must have been adopted by it.

While the stamp is renewed, the state file holds both the old and the new one, so that a run killed in between raises
no false alarm.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from newsletter.errors import AlreadyRunning, NotSent, Unavailable
from newsletter.model import Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.store import deliveries, editions, notes, slices, workers
from newsletter.store.copying import MOVED, STAMP
from newsletter.store.database import BACKUP, read, sending_lock, write

STATE_FILE = ".newsletter-instance"
NOTE = "instance"
COPIES = (STAMP, BACKUP)  # the stamps that `database copy` and `database backup` write
ADOPT = "if this is the one that should send, run `newsletter adopt`"
MACHINE_ID = Path("/etc/machine-id")


def check(room: Newsroom) -> None:
    """Raise NotSent where this database may be a copy. A database that has never sent belongs to whoever asks first."""
    stamp = _stamp(room)
    while True:
        if stamp is None and (room.config.newsletter.instance or not _state_path(room).exists()):
            return
        problem = _problem(room, stamp)
        before, stamp = stamp, _stamp(room) if problem else stamp
        if stamp == before:  # else a run has renewed it between our two looks
            break
    if problem:
        raise NotSent(f"{problem}; {_cure(room, stamp)}")


def _stamp(room: Newsroom) -> str | None:
    with read(room.engine) as connection:
        return notes.get(connection, NOTE)


def _cure(room: Newsroom, stamp: str | None) -> str:
    """`adopt` takes the database away from whoever has it: on several machines it is the wrong answer nearly always."""
    if stamp in COPIES or (stamp or "").startswith(MOVED):
        return ADOPT
    if room.config.newsletter.instance:
        return (
            "set newsletter.instance to the name that the other machines have; only if the installation has moved, run"
            " `newsletter adopt`"
        )
    if room.engine.dialect.name == "postgresql":
        return f"on several machines set newsletter.instance first, to the same name on each; {ADOPT}"
    return ADOPT


def renew(room: Newsroom) -> None:
    """Give database and state file a new stamp. Call after `check`, holding the sending lock."""
    name = room.config.newsletter.instance
    new = name or secrets.token_hex(16)
    with read(room.engine) as connection:
        old = notes.get(connection, NOTE)
    if name and old == new:
        return
    if not name:
        _write_state(room, [old, new])
    with write(room.engine) as connection:
        notes.put(connection, NOTE, new)
    if not name:
        _write_state(room, [new])


def adopt(room: Newsroom, *, go_on: bool, dry_run: bool = False) -> list[Edition]:
    """Make this the database that sends. Returns the editions it knows as unfinished, and those about to go.

    Unless `go_on`, the first are stopped: the original may have sent the rest of them, so what is open ends as
    uncertain and is not repeated. The others are held: the original may have sent them. Raises AlreadyRunning while a
    run is sending, or a worker lives, on whatever machine: then this is no copy.
    """
    _check_workers(room)
    with sending_lock(room.engine):
        unfinished = _take_over(room, go_on, dry_run)
        if not dry_run:
            renew(room)
    return unfinished


def _check_workers(room: Newsroom) -> None:
    with read(room.engine) as connection:
        living = workers.alive(connection)
    for one in living:
        raise AlreadyRunning(
            f"a worker lives on {one.who.place} (process {one.who.process}), and sends from this database: stop all"
            " workers first, if the installation has moved; else set newsletter.instance as it is set there"
        )


def _take_over(room: Newsroom, go_on: bool, dry_run: bool) -> list[Edition]:
    now = room.clock()
    with write(room.engine, rehearsal=dry_run) as connection:
        slices.check_idle(connection)
        unfinished = editions.sending(connection)
        called = editions.not_taken_up(connection)
        if not go_on:
            remark = "held when this copy of the database was adopted: the original may have sent it"
            editions.drop_calls(connection, status=EditionStatus.HELD, remark=remark)
            for edition in unfinished:
                remark = "stopped when this copy of the database was adopted"
                deliveries.give_up(connection, edition.id, remark, now)
                origin = [EditionStatus.SENDING]
                values: dict[str, Any] = {"remark": remark, "ended_at": now, "go_at": None}
                editions.move(connection, edition.id, origin, EditionStatus.STOPPED, **values)
        notes.drop(connection, NOTE)
    return unfinished + called


def _problem(room: Newsroom, stamp: str | None) -> str | None:
    name = room.config.newsletter.instance
    if stamp and stamp.startswith(MOVED):
        return f"this newsletter was {stamp} (newsletter.database)"
    if name and stamp in COPIES:
        return "this database is a copy that nobody has adopted"
    if name:
        return None if stamp == name else f"this database belongs to another instance than {name!r}"
    path = _state_path(room)
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        stamps, machine, folder = list(state["stamps"]), state["machine"], state.get("folder")
    except FileNotFoundError:
        return f"this database has sent before, but not from here ({path.name} is missing): it may be a copy"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{path} cannot be read"
    if stamp not in stamps:
        return "this database is not the one that sent last from here: it may be a restored backup"
    if machine != _machine():
        return "this folder came from another machine (in containers, set newsletter.instance)"
    if folder not in (None, str(path.parent.resolve())):
        return f"this folder was copied or moved from {folder}"
    return None


def _write_state(room: Newsroom, stamps: list[str | None]) -> None:
    """Written beside, then moved into place: never half a file."""
    path = _state_path(room)
    partial = path.with_name(path.name + ".part")
    state = {"stamps": stamps, "machine": _machine(), "folder": str(path.parent.resolve())}
    try:
        partial.write_text(json.dumps(state), encoding="utf-8")
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        _keep_names(path.parent)
    except OSError as error:
        raise Unavailable(
            f"{path}: {error.strerror}: we must write there, or set newsletter.instance where the folder does not last"
        ) from error


def _keep_names(folder: Path) -> None:
    """A file moved into place stands there after a power cut only when its folder was synced too (fsync(2)): else the
    database would be newer than the state file, and taken for a copy."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _state_path(room: Newsroom) -> Path:
    return room.config.folder / STATE_FILE


def _machine() -> str:
    """The machine's id (systemd's machine-id(5)); its name, where it has none."""
    try:
        return MACHINE_ID.read_text(encoding="ascii").strip() or os.uname().nodename
    except OSError:
        return os.uname().nodename
