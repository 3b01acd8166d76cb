"""What editors decide about an edition: approve, hold, cancel, send now, stop, go on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter import pauses, shape
from newsletter.errors import BadData, NotSent
from newsletter.model import DAILY, AuditEntry, Choice, Edition, EditionStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.shaping import check_stays, pin, set_subject
from newsletter.store import articles, audit, editions, shapes
from newsletter.store.database import read, write

Status = EditionStatus

# From where an editor may bring an edition to which status. A frozen edition is beyond deciding.
DECISIONS = {
    Status.APPROVED: (Status.DRAFT, Status.HELD, Status.CANCELLED, Status.APPROVED),
    Status.HELD: (Status.DRAFT, Status.APPROVED, Status.HELD),
    Status.CANCELLED: (Status.DRAFT, Status.APPROVED, Status.HELD, Status.CANCELLED),
}
OPEN = (Status.DRAFT, Status.APPROVED, Status.HELD)  # what may be sent now; who cancelled it approves it first
CALLS = ("send_now", Status.APPROVED.value)  # the acts that name the moment at which an edition goes
SEND_NOW, TAKE_BACK, STOP, RESUME = "send_now", "take_back", "stop", "resume"  # as the audit log names them


class Changed(BadData):
    """What an editor decides on is not any more what they saw. `meanwhile` says who did it; nobody, where the machine
    picked anew."""

    def __init__(self, edition: Edition, meanwhile: Sequence[AuditEntry]) -> None:
        who = ", ".join(dict.fromkeys(entry.who.name for entry in meanwhile)) or "a new picking"
        super().__init__(f"the edition {edition.name} was changed meanwhile by {who}; look again")
        self.edition = edition
        self.meanwhile = tuple(meanwhile)


# --- Whether it goes --------------------------------------------------------------------------------


def decide(
    room: Newsroom,
    day: date,
    status: EditionStatus,
    *,
    who: Who | None = None,
    slot: str = DAILY,
    subject: str | None = None,
    seen: str = "",
    origin: Sequence[EditionStatus] = (),
    remark: str | None = None,
    scheduled: bool = False,
    dry_run: bool = False,
) -> Edition:
    """Approve, hold or cancel an edition, as `who` does (by default, whoever is at the command line). One of the day
    that does not exist yet can be held or cancelled beforehand.

    What is approved is kept as it stands: what its sites change after that is taken over by hand (`shaping.take`). Past
    its hour, and not too late, it goes after `desk.undo_seconds`, as if it were sent now: the run of its hour may be
    over. Not where the decision is `scheduled`: then it is that run's own. What is about to go stays so.

    `subject` goes before the lead's title, also in a later picking; empty, the lead's title it is again. `seen` is what
    they had before them (see `sight`), `origin` the statuses out of which alone, `remark` why.

    Raises BadData where there is nothing to approve, Changed where it is not any more what they saw, NotSent where it
    is too late for the decision.
    """
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = editions.get(connection, day, slot)
        if edition is None and (status is Status.APPROVED or slot != DAILY):
            raise BadData(_absent(day, slot))
        if edition is None:
            edition = editions.keep_draft(connection, day, slot, room.clock(), [])
        edition = editions.lock(connection, edition.id)
        if status is Status.APPROVED:
            _check_seen(connection, edition, seen, who)
            _check_can_go(room, connection, edition, subject)
        if status is edition.status is Status.APPROVED and edition.go_at and subject is None:
            return edition
        if status is Status.APPROVED and subject is not None:
            check_stays(room, edition)
        go_at = None if scheduled or status is not Status.APPROVED else _past_its_hour(room, edition)
        values: dict[str, Any] = {"go_at": go_at, "remark": remark}
        if not editions.move(connection, edition.id, origin or DECISIONS[status], status, **values):
            raise NotSent(f"the edition of {edition.name} is {edition.status} already: it cannot be {status} any more")
        if subject is not None:
            set_subject(connection, room, who or room.here, edition, subject)
        _write_down(room, connection, edition, who or room.here, status, status.value)
        return editions.by_id(connection, edition.id)


def _past_its_hour(room: Newsroom, edition: Edition) -> datetime | None:
    """When an edition goes that is approved now; None where the schedule sends it, or does not any more."""
    config, now = room.config, room.clock()
    on_schedule = edition.slot == DAILY and edition.day.weekday() in config.schedule.days
    if on_schedule and config.due(edition.day) < now <= config.too_late(edition.day):
        return edition.go_at or now + timedelta(seconds=config.desk.undo_seconds)
    return None


def _write_down(
    room: Newsroom, connection: Connection, edition: Edition, who: Who, status: EditionStatus, act: str
) -> None:
    """What was decided, with all that takes it back: what is approved is pinned by it."""
    known = shapes.read(connection, edition.id)
    patch = pin(connection, edition.id) if status is Status.APPROVED else {}
    version = shapes.write(connection, edition.id, patch)
    told: dict[str, Any] = {"edition_id": edition.id, "version": version, "after": dict(patch) | {"status": status}}
    told["before"] = shape.before(known, patch) | {"status": edition.status}
    audit.add(connection, who, act, room.clock(), **told)


def _absent(day: date | None, slot: str = DAILY) -> str:
    if slot != DAILY:
        return f"there is no edition {day}-{slot}: the desk names those there are"
    return f"there is no edition{f' of {day}' if day else ''} yet: `newsletter edition build` makes one"


def _check_can_go(room: Newsroom, connection: Connection, edition: Edition, subject: str | None) -> None:
    """Raise BadData where nothing is left to send: another edition may have taken its articles since."""
    if edition.frozen:
        return
    if edition.corrects is not None and not edition.note:
        raise BadData(f"the correction {edition.name} has no text: it corrects nothing")
    if edition.corrects is not None:
        return
    taken = articles.taken(connection, edition.id)  # it was held or cancelled, and another has sent them since
    said = {id: room.words.say("already in the edition of {day}", day=day) for id, day in taken.items()}
    editions.leave_out(connection, edition.id, said)
    edition = edition if subject is None else replace(edition, subject=subject.strip() or None)
    if editions.picked(connection, edition.id) or edition.stands_alone:
        return
    if edition.slot == DAILY:
        raise BadData(f"the edition of {edition.day} carries no article: `newsletter edition build` picks them")
    raise BadData(f"the edition {edition.name} carries no article: take one in, or give it a note and a subject")


def find(room: Newsroom, name: str) -> Edition | None:
    """The edition of that name (`2026-11-23`, `2026-11-23-extra`); None where there is none."""
    with read(room.engine) as connection:
        return editions.named(connection, name)


def with_choices(room: Newsroom, edition_id: int) -> tuple[Edition, list[Choice]]:
    """An edition as it is now, with every article considered for it."""
    with read(room.engine) as connection:
        return editions.by_id(connection, edition_id), editions.choices_of(connection, edition_id)


def history(room: Newsroom, edition: Edition, since: int = -1) -> list[AuditEntry]:
    """What was done to an edition since it had that version, the newest first; all of it where none is named."""
    with read(room.engine) as connection:
        return audit.of_edition(connection, edition.id, after_version=since)


def named(room: Newsroom, day: date | None, name: str | None) -> Edition:
    """The edition of that name; else the day's; else the latest of the daily ones up to today.

    Raises BadData where there is none.
    """
    with read(room.engine) as connection:
        if name:
            found = editions.named(connection, name)
        else:
            found = editions.get(connection, day, DAILY) if day else editions.latest(connection, DAILY, room.today())
    if found is None:
        raise BadData(f"there is no edition {name}" if name else _absent(day))
    return found


# --- What they saw ----------------------------------------------------------------------------------


def sight(edition: Edition, choices: Sequence[Choice]) -> str:
    """What an editor has before them, in a few letters: a decision that carries it is about that, and nothing newer."""
    return _sight(edition, [choice.candidate.id for choice in choices if choice.picked])


def _sight(edition: Edition, order: Sequence[int]) -> str:
    return f"{edition.version}-{zlib.crc32(repr([*order]).encode()):08x}"


def _check_seen(connection: Connection, edition: Edition, seen: str, who: Who | None) -> None:
    """Raise Changed where it is another edition than was seen. What editors changed themselves they know of; the
    machine's new picking raises no version, and shows by its articles."""
    if not seen or edition.frozen:
        return
    now = _sight(edition, shape.order_of(shapes.read(connection, edition.id)))
    version = seen.partition("-")[0]
    known = int(version) if version.isdecimal() and len(version) < 10 else 0
    since = audit.of_edition(connection, edition.id, after_version=known)
    meanwhile = [entry for entry in since if entry.who != who]
    if meanwhile or ("-" in seen and now != seen and not since):
        raise Changed(edition, meanwhile)


# --- Now --------------------------------------------------------------------------------------------


def send_now(room: Newsroom, edition_id: int, who: Who, *, seen: str = "", dry_run: bool = False) -> Edition:
    """Approve an edition as it stands, and send it after `desk.undo_seconds`, whatever the schedule says: whoever lives
    does it (see `going`). Twice is once. Raises as `decide` does."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition, now = editions.lock(connection, edition_id), room.clock()
        if edition.status is Status.APPROVED and edition.go_at and edition.go_at > now:
            return edition
        _check_seen(connection, edition, seen, who)
        _check_can_go(room, connection, edition, None)
        values: dict[str, Any] = {"go_at": now + timedelta(seconds=room.config.desk.undo_seconds), "remark": None}
        if not editions.move(connection, edition.id, OPEN, Status.APPROVED, **values):
            raise NotSent(f"the edition {edition.name} is {edition.status}: it cannot be sent")
        _write_down(room, connection, edition, who, Status.APPROVED, SEND_NOW)
        return editions.by_id(connection, edition.id)


def take_back(room: Newsroom, edition_id: int, who: Who, *, dry_run: bool = False) -> Edition:
    """Put an edition that is about to go back to what it was. Raises NotSent where its sending has begun."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = editions.lock(connection, edition_id)
        entries = [one for one in audit.of_edition(connection, edition.id) if one.act in CALLS and not one.undone]
        if edition.status is not Status.APPROVED or edition.go_at is None or not entries:
            raise NotSent(f"the edition {edition.name} is {edition.status}: there is nothing to take back")
        last = entries[0]
        before, after = (
            {name: value for name, value in values.items() if name != "status"} for values in (last.before, last.after)
        )
        patch = shape.undone(shapes.read(connection, edition.id), before, after) or {}  # shaped since, it stays so
        status = EditionStatus(last.before["status"])
        editions.move(connection, edition.id, [Status.APPROVED], status, go_at=None)
        told: dict[str, Any] = {"edition_id": edition.id, "version": shapes.write(connection, edition.id, patch)}
        told |= {"before": {"status": edition.status}, "after": {"status": status}}
        audit.take_back(connection, last.id, audit.add(connection, who, TAKE_BACK, room.clock(), **told))
        return editions.by_id(connection, edition.id)


# --- On its way -------------------------------------------------------------------------------------


def stop_sending(room: Newsroom, edition_id: int, who: Who, *, dry_run: bool = False) -> Edition:
    """Begin no more messages of an edition on its way: whoever sends it hears of it within a second, and nobody goes on
    before `resume_sending`. Twice is once. Raises NotSent where it is not being sent."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition, now = _on_its_way(connection, edition_id), room.clock()
        if edition.paused_at is None:
            remark = f"stopped by {who.name}; `newsletter edition resume` goes on"
            editions.change(connection, edition.id, paused_at=now, go_at=None, remark=remark)
            _note(room, connection, edition, who, STOP)
        return editions.by_id(connection, edition.id)


def resume_sending(room: Newsroom, edition_id: int, who: Who, *, dry_run: bool = False) -> Edition:
    """Go on with a stopped edition: a runner does at once, else the next `newsletter send`. Twice is once."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition, now = _on_its_way(connection, edition_id), room.clock()
        if edition.paused_at is not None:
            pauses.add(connection, edition, now)
            editions.change(connection, edition.id, paused_at=None, go_at=now, remark=None)
            _note(room, connection, edition, who, RESUME)
        return editions.by_id(connection, edition.id)


def stopped(room: Newsroom, edition: Edition) -> AuditEntry | None:
    """Who has stopped it, and when; None where it is not stopped."""
    with read(room.engine) as connection:
        entries = audit.of_edition(connection, edition.id)
    is_stopped = edition.paused_at and edition.status is Status.SENDING
    return next((entry for entry in entries if entry.act == STOP), None) if is_stopped else None


def _on_its_way(connection: Connection, edition_id: int) -> Edition:
    edition = editions.lock(connection, edition_id)
    if edition.status is not Status.SENDING:
        raise NotSent(f"the edition {edition.name} is not being sent: it is {edition.status}")
    return edition


def _note(room: Newsroom, connection: Connection, edition: Edition, who: Who, act: str) -> None:
    version = shapes.raise_version(connection, edition.id)
    audit.add(connection, who, act, room.clock(), edition_id=edition.id, version=version)


# --- To look at -------------------------------------------------------------------------------------


def look(room: Newsroom, day: date | None, name: str | None = None) -> tuple[Edition, list[Choice]]:
    """An edition (see `named`), with every article considered for it. Raises BadData where there is none."""
    edition = named(room, day, name)
    with read(room.engine) as connection:
        return edition, editions.choices_of(connection, edition.id)
