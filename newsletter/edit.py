"""What editors decide about an edition: approve, hold, cancel."""

from __future__ import annotations

from datetime import date

from newsletter.errors import BadData, NotSent
from newsletter.model import DAILY, Choice, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.store import articles, editions
from newsletter.store.database import read, write

Status = EditionStatus

# From where an editor may bring an edition to which status. A frozen edition is beyond deciding.
DECISIONS = {
    Status.APPROVED: (Status.DRAFT, Status.HELD, Status.CANCELLED, Status.APPROVED),
    Status.HELD: (Status.DRAFT, Status.APPROVED, Status.HELD),
    Status.CANCELLED: (Status.DRAFT, Status.APPROVED, Status.HELD, Status.CANCELLED),
}


def decide(
    room: Newsroom, day: date, status: EditionStatus, *, subject: str | None = None, dry_run: bool = False
) -> Edition:
    """Approve, hold or cancel the day's edition. One that does not exist yet can be held or cancelled beforehand.

    `subject` goes before the lead's title, also in a later picking; empty, the lead's title it is again.

    Raises BadData where there is nothing to approve, NotSent where it is too late for the decision.
    """
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = editions.get(connection, day, DAILY)
        if edition is None and status is Status.APPROVED:
            raise BadData(f"there is no edition of {day} yet: `newsletter edition build` makes one")
        if edition is None:
            edition = editions.keep_draft(connection, day, DAILY, room.clock(), [])
        if status is Status.APPROVED and not edition.frozen:
            taken = articles.taken(connection, edition.id)  # it was held or cancelled, and another has sent them since
            said = {id: room.words.say("already in the edition of {day}", day=day) for id, day in taken.items()}
            editions.leave_out(connection, edition.id, said)
        if status is Status.APPROVED and not editions.picked(connection, edition.id):
            raise BadData(f"the edition of {day} carries no article: `newsletter edition build` picks them")
        if not editions.move(connection, edition.id, DECISIONS[status], status):
            raise NotSent(f"the edition of {day} is {edition.status} already: it cannot be {status} any more")
        if subject is not None:
            editions.change(connection, edition.id, subject=subject.strip() or None)
        return editions.by_id(connection, edition.id)


def look(room: Newsroom, day: date | None) -> tuple[Edition, list[Choice]]:
    """The edition of a day, the latest where none is named, with every article considered for it.

    Raises BadData where there is none.
    """
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY) if day else editions.latest(connection, DAILY, room.today())
        if edition is None:
            raise BadData(f"there is no edition{f' of {day}' if day else ''} yet: `newsletter edition build` makes one")
        return edition, editions.choices_of(connection, edition.id)
