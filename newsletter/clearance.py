"""Whether an edition may go now: what editors have said of it, whether somebody must approve it, and the schedule."""

from __future__ import annotations

from datetime import date

from newsletter import report
from newsletter.errors import NotSent
from newsletter.model import Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report

Status = EditionStatus


def of_day(room: Newsroom, day: date, edition: Edition | None, *, regardless: bool) -> Report | None:
    """The report of a day on which there is nothing to be done, or not now; `regardless` does not mind the schedule."""
    found = decided(room, day.isoformat(), edition)
    return found if found or regardless else _out_of_time(room, day)


def decided(room: Newsroom, name: str, edition: Edition | None) -> Report | None:
    """The report of an edition about which there is nothing left to do, or about which an editor has said no."""
    if edition and edition.frozen:
        said = f"the edition of {name} was already {'stopped' if edition.status is Status.STOPPED else 'sent'}"
        return report.of_named(room, name, said=said, already=True)
    if edition and edition.status in (Status.HELD, Status.CANCELLED):
        said = f"the edition of {name} is {edition.status}: `newsletter edition approve` lets it go"
        return report.of_named(room, name, said=said, problem=NotSent(said))
    return None


def unapproved(room: Newsroom, edition: Edition) -> Report | None:
    """The report of a draft that must not go before somebody has said yes; see `desk.approval`."""
    if edition.status is not Status.DRAFT or room.config.desk.approval == "auto":
        return None
    said = (
        f'the edition of {edition.name} waits for somebody to approve it (desk.approval = "required"):'
        " at the desk, or by `newsletter edition approve`"
    )
    return report.of_named(room, edition.name, status=Status.DRAFT.value, said=said, problem=NotSent(said))


def _out_of_time(room: Newsroom, day: date) -> Report | None:
    """The report of a day on which none is sent: it is late, or no day of the schedule."""
    if room.clock() > room.config.too_late(day):
        said = (
            f"too late: the edition of {day} was due at {room.config.schedule.send_at:%H:%M}, and"
            f" {room.config.schedule.max_lateness_hours:g} hours are over; `newsletter send --now` sends all the same"
        )
        return report.of_day(room, day, status="late", said=said, problem=NotSent(said))
    if day.weekday() not in room.config.schedule.days:
        said = f"no edition on {day:%A}s (schedule.days = {room.config.schedule.days})"
        return report.of_day(room, day, status="nothing_new", said=said)
    return None
