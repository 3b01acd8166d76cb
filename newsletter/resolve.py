"""What editors decide about doubts: who may or may not have the edition, since no answer of the relay was heard."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from newsletter.errors import BadData, NotSent
from newsletter.model import DAILY, Delivery, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.store import doubts as in_doubt
from newsletter.store import editions, slices
from newsletter.store.database import newcomers_lock, read, sending_lock, write
from newsletter.subscribe import person

Status = EditionStatus
Decision = Literal["accepted", "resend"]


class Doubts(NamedTuple):
    """An edition, and its deliveries in doubt."""

    edition: Edition
    uncertain: list[Delivery]


def doubts(room: Newsroom, day: date | None, addresses: Collection[str] = (), *, name: str | None = None) -> Doubts:
    """Of the edition of that day or name, the latest that has any where none is named; of these readers alone, where
    some are named.

    Raises BadData where there is no such edition, or somebody is not among its doubts.
    """
    with read(room.engine) as connection:
        edition = _edition(connection, room, day, name)
        if edition is None:
            said = f" {name}" if name else f" of {day} yet" if day else " yet"
            raise BadData(f"there is no edition{said}")
        found = in_doubt.of_edition(connection, edition.id)
    wanted = {person(address).key: address for address in addresses}
    chosen = [one for one in found if not wanted or person(one.address).key in wanted]
    for key in wanted.keys() - {person(one.address).key for one in chosen}:
        raise BadData(f"{wanted[key]}: no doubt about the edition of {edition.name}; see `newsletter resolve`")
    return Doubts(edition, chosen)


def _edition(connection: Connection, room: Newsroom, day: date | None, name: str | None) -> Edition | None:
    if name:
        return editions.named(connection, name)
    if day:
        return editions.get(connection, day, DAILY)
    edition_id = in_doubt.latest(connection)
    return editions.by_id(connection, edition_id) if edition_id else editions.latest(connection, DAILY, room.today())


def resolve(
    room: Newsroom,
    day: date | None,
    decision: Decision,
    addresses: Collection[str] = (),
    *,
    name: str | None = None,
    dry_run: bool = False,
) -> Doubts:
    """Take doubts for accepted; or have the edition sent once more by the next run. Returns those that were decided on.

    Raises BadData as `doubts` does, NotSent where it is too late to send that edition to anybody, AlreadyRunning while
    a run is sending.
    """
    with sending_lock(room.engine), newcomers_lock(room.engine):
        edition, chosen = doubts(room, day, addresses, name=name)
        if decision == "resend" and chosen:
            _check_time(room, edition)
        ids = [one.id for one in chosen]
        with write(room.engine, rehearsal=dry_run) as connection:
            slices.check_idle(connection)
            if decision == "accepted":
                in_doubt.take_for_accepted(connection, edition.id, ids, room.clock())
            elif ids:
                in_doubt.send_again(connection, edition.id, ids, room.clock())
                slices.make_due(connection, edition.id)
                editions.move(connection, edition.id, [Status.SENT, Status.STOPPED], Status.SENDING, ended_at=None)
            edition = editions.by_id(connection, edition.id)
    return Doubts(edition, chosen)


def _check_time(room: Newsroom, edition: Edition) -> None:
    hours = room.config.delivery.retry_for_hours
    if edition.started_at is None or room.clock() >= edition.started_at + timedelta(hours=hours):
        said = f"it was tried for {hours:g} hours (delivery.retry_for_hours)"
        raise NotSent(f"the edition of {edition.name} is over: {said}")
