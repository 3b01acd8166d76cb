"""Who reads us, looked at: figures, a search, all that is kept of one reader. `subscribe` is what changes things."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter import preferences, report
from newsletter.errors import BadData
from newsletter.mail.addresses import normalise
from newsletter.model import AuditEntry, Consent, Letter, Subscriber, SubscriberStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.report import Trace
from newsletter.store import audit, consents, letters, search, subscribers
from newsletter.store.database import read, write
from newsletter.words import plain

AT_ONCE = 50  # readers on one page
DELIVERIES_AT_ONCE = 10
LAST_LETTERS, LAST_ACTS, LAST_RETURNED = 20, 50, 20
LONGEST_SEARCH = 100  # characters
HIGHEST_ID = 2**63 - 1


def figures(room: Newsroom) -> dict[SubscriberStatus, int]:
    """How many there are in each status."""
    with read(room.engine) as connection:
        return subscribers.counts(connection)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of readers, the newest first."""

    people: list[Subscriber]
    more: bool  # there are others behind the last of them


def find(room: Newsroom, part: str = "", status: SubscriberStatus | None = None, before: int | None = None) -> Found:
    """Those whose address or name holds `part`, in that status, from before that id. A whole address finds its reader
    alone, however it is spelt."""
    part = plain(part)[:LONGEST_SEARCH]
    with read(room.engine) as connection:
        if "@" in part and (whole := _whole(part)):
            known = subscribers.find(connection, whole)
            if known and (status is None or known.status is status):
                return Found([known], more=False)
        people = search.search(connection, part, status, before=before, limit=AT_ONCE + 1)
    return Found(people[:AT_ONCE], more=len(people) > AT_ONCE)


def _whole(part: str) -> str | None:
    try:
        return normalise(part).key
    except BadData:
        return None


def by_id(room: Newsroom, subscriber_id: int) -> Subscriber | None:
    """The reader of that number; None where there is none, or nothing is left of them."""
    if subscriber_id > HIGHEST_ID:
        return None
    with read(room.engine) as connection:
        known = subscribers.by_id(connection, subscriber_id)
    return None if known is None or known.gone else known


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is kept of one reader, a page of it."""

    acts: list[Consent]
    wordings: dict[str, str]  # what they agreed to, by its version
    trace: Trace  # deliveries, the newest first
    more: bool  # there are deliveries from before the last of these
    letters: list[Letter]
    more_letters: int
    audit: list[AuditEntry]  # what editors did with them
    counts: tuple[int, int, int]  # of acts, deliveries and letters in all


def dossier(room: Newsroom, known: Subscriber, before: int | None = None) -> Dossier:
    """How things stand with a reader, and why; the deliveries from before the one of that id."""
    trace = report.trace(room, known, before=before, limit=DELIVERIES_AT_ONCE + 1)
    with read(room.engine) as connection:
        mails, acts = letters.of_subscriber(connection, known.id), consents.of_subscriber(connection, known.id)
        versions = {one.origin.wording for one in acts if one.origin.wording}
        return Dossier(
            acts=acts,
            wordings={one: consents.wording(connection, one) or "" for one in versions},
            trace=Trace(known, trace.deliveries[:DELIVERIES_AT_ONCE], trace.returned[:LAST_RETURNED]),
            more=len(trace.deliveries) > DELIVERIES_AT_ONCE,
            letters=mails[:LAST_LETTERS],
            more_letters=max(len(mails) - LAST_LETTERS, 0),
            audit=audit.of_subscriber(connection, known.id)[:LAST_ACTS],
            counts=search.traces(connection, known.id),
        )


def hand_out(room: Newsroom, known: Subscriber, *, who: Who) -> dict[str, object]:
    """All that we know of a reader, to take along; written down in the audit log."""
    with write(room.engine) as connection:
        audit.add(connection, who, "reader_handed_out", room.clock(), subscriber_id=known.id)
    return preferences.own_data(room, known)
