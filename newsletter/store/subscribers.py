"""The people on the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from newsletter.model import DAILY, WENT_OUT, Act, Subscriber, SubscriberStatus, Variant
from newsletter.store.dialect import upsert
from newsletter.store.partitions import in_part
from newsletter.store.schema import address_changes, bounces, consents, deliveries, editions, letters, subscribers

Status = SubscriberStatus
BATCH = 1000  # rows read at a time
EMPTIED = (Status.FORGOTTEN, Status.COMPLAINED)  # only rows in these are ever without a person


class NewSubscriber(NamedTuple):
    """Somebody to put on the list. `key` is what two spellings of one address share."""

    address: str
    key: str
    name: str | None = None


class AddressChange(NamedTuple):
    """A new address that a reader has asked for."""

    id: int
    subscriber_id: int
    address: str
    key: str
    at: datetime


# --- Looking --------------------------------------------------------------------------------------


# `locked`: nobody else changes the row before our transaction has ended (SQLite has one writer anyway). Who locks
# several locks a person's own row before the one that holds the hash of their address, and else by their ids: two that
# would each wait for the other are a deadlock.


def find(connection: Connection, key: str, *, locked: bool = False) -> Subscriber | None:
    return _one(connection, subscribers.c.key == key, locked)


def by_id(connection: Connection, subscriber_id: int, *, locked: bool = False) -> Subscriber | None:
    return _one(connection, subscribers.c.id == subscriber_id, locked)


def _one(connection: Connection, which: ColumnElement[bool], locked: bool) -> Subscriber | None:
    query = select(subscribers).where(which)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return subscriber(row) if row else None


def still_there(connection: Connection, ids: Iterable[int]) -> list[int]:
    """Of these ids, those of people who are not forgotten."""
    query = select(subscribers.c.id).where(subscribers.c.id.in_(list(ids)), subscribers.c.address != "")
    return list(connection.scalars(query))


def lock(connection: Connection, ids: Sequence[int]) -> None:
    """Lock several rows."""
    query = select(subscribers.c.id).where(subscribers.c.id.in_(ids)).order_by(subscribers.c.id).with_for_update()
    connection.execute(query).all()


def listed(connection: Connection, status: SubscriberStatus | None = None) -> Iterator[Subscriber]:
    """Everybody but the forgotten, or those in one status, in the order in which they came; never all of them in
    memory."""
    after = 0
    while True:
        query = select(subscribers).where(subscribers.c.id > after, subscribers.c.address != "")
        query = query.order_by(subscribers.c.id).limit(BATCH)
        rows = connection.execute(query.where(subscribers.c.status == status) if status else query).all()
        yield from map(subscriber, rows)
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def counts(connection: Connection) -> dict[SubscriberStatus, int]:
    """How many there are in each status, those with none included. Forgotten is who was, whatever they were before;
    not an address that its reader has moved away from."""
    empty = subscribers.c.status.in_(EMPTIED), subscribers.c.address == ""
    everybody, gone = _by_status(connection), _by_status(connection, *empty)
    people = {status: everybody.get(status, 0) - gone.get(status, 0) for status in SubscriberStatus}
    asked = exists().where(consents.c.subscriber_id == subscribers.c.id, consents.c.act == Act.FORGOTTEN)
    people[Status.FORGOTTEN] = sum(_by_status(connection, *empty, asked).values())
    return people


def _by_status(connection: Connection, *which: ColumnElement[bool]) -> dict[str, int]:
    query = select(subscribers.c.status, func.count()).where(*which).group_by(subscribers.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}


def newest(connection: Connection) -> int:
    """The highest id there is; 0 where there is nobody."""
    return connection.execute(select(func.max(subscribers.c.id))).scalar() or 0


def receiving(now: datetime) -> ColumnElement[bool]:
    """Who gets the editions: active, and not pausing."""
    awake = or_(subscribers.c.paused_until.is_(None), subscribers.c.paused_until <= now)
    return and_(on_the_list(), awake)


def on_the_list() -> ColumnElement[bool]:
    """Who is mailed at all: active, pausing or not."""
    return subscribers.c.status == Status.ACTIVE


def at_domain(domain: str) -> ColumnElement[bool]:
    """Whose address is of that domain."""
    return func.lower(subscribers.c.address).endswith(f"@{domain}", autoescape=True)


def readers(connection: Connection, now: datetime) -> int:
    """How many would get an edition now."""
    return connection.execute(select(func.count()).select_from(subscribers).where(receiving(now))).scalar_one()


def in_status_since(
    connection: Connection, status: SubscriberStatus, before: datetime, limit: int, *, asked_before: datetime
) -> list[int]:
    """The ids of some who have been in a status since before that moment, and have not signed up since `asked_before`:
    who has holds a confirmation's link that is good. Locked; whom somebody else is about to change is left out."""
    asked = exists().where(
        consents.c.subscriber_id == subscribers.c.id, consents.c.act == Act.SIGNED_UP, consents.c.at >= asked_before
    )
    here = subscribers.c.status == status, subscribers.c.since < before, subscribers.c.address != "", ~asked
    query = select(subscribers.c.id).where(*here)
    chosen = connection.scalars(query.limit(limit).with_for_update(skip_locked=True, of=subscribers)).all()
    # Once more, now that nobody else can: a sign-up that came before we held the row is a row of another table.
    return list(connection.scalars(query.where(subscribers.c.id.in_(chosen))))


# --- Coming and going -----------------------------------------------------------------------------


def add(
    connection: Connection, people: Sequence[NewSubscriber], *, now: datetime, status: SubscriberStatus = Status.ACTIVE
) -> list[int]:
    """Put on the list those whom it does not know in any status; returns their ids. Somebody else may do the same at
    the same time."""
    keys = [one.key for one in people]
    held = set(connection.scalars(select(subscribers.c.key).where(subscribers.c.key.in_(keys))))
    fresh = {
        one.key: {
            "address": one.address,
            "key": one.key,
            "name": one.name,
            "status": status,
            "since": now,
            "created_at": now,
        }
        for one in people
        if one.key not in held
    }
    if not fresh:
        return []
    query = upsert(connection, subscribers).on_conflict_do_nothing(index_elements=["key"]).returning(subscribers.c.id)
    return list(connection.scalars(query, list(fresh.values())))


def set_status(connection: Connection, subscriber_id: int, status: SubscriberStatus, now: datetime) -> bool:
    """False where the subscriber had that status already. A new status ends a pause."""
    here = subscribers.c.id == subscriber_id, subscribers.c.status != status
    values = {"status": status, "since": now, "paused_until": None}
    return bool(connection.execute(update(subscribers).where(*here).values(**values)).rowcount)


def pause(connection: Connection, subscriber_id: int, until: datetime | None) -> bool:
    """Nothing before that moment; None ends the pause. False for who is not active."""
    here = subscribers.c.id == subscriber_id, subscribers.c.status == Status.ACTIVE
    return bool(connection.execute(update(subscribers).where(*here).values(paused_until=until)).rowcount)


def set_variant(connection: Connection, subscriber_id: int, variant: Variant) -> bool:
    """False where it was that already."""
    here = subscribers.c.id == subscriber_id, subscribers.c.variant != variant
    return bool(connection.execute(update(subscribers).where(*here).values(variant=variant)).rowcount)


def drop(connection: Connection, subscriber_id: int) -> None:
    """Take somebody off who never confirmed: nothing was ever sent to them but letters."""
    for table in (bounces, letters, consents, address_changes):
        connection.execute(table.delete().where(table.c.subscriber_id == subscriber_id))
    connection.execute(subscribers.delete().where(subscribers.c.id == subscriber_id))


def forget(connection: Connection, subscriber_id: int, key: str, status: SubscriberStatus, now: datetime) -> None:
    """Delete what is personal: the row stays, for the ledger's sums, and keeps `key`, by which the address is known
    again only to who has the secret."""
    gone: dict[str, Any] = {"address": "", "name": None, "key": key, "status": status, "paused_until": None}
    gone["since"] = now
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(**gone))
    mails = update(deliveries).where(deliveries.c.subscriber_id == subscriber_id)
    connection.execute(mails.values(address="", reply=None))
    traces = update(consents).where(consents.c.subscriber_id == subscriber_id)
    connection.execute(traces.values(network=None, page=None, note=None))
    for table in (letters, address_changes):
        connection.execute(table.delete().where(table.c.subscriber_id == subscriber_id))


def blank_ledger(connection: Connection, since: datetime, limit: int) -> int:
    """Delete what the ledger holds of people forgotten since then: an edition planned, or a relay that answered, at
    that very moment may have written it after them. Returns how many rows that were, at most `limit`."""
    held = or_(deliveries.c.address != "", deliveries.c.reply.isnot(None))
    gone = subscribers.c.status.in_(EMPTIED), subscribers.c.since > since, subscribers.c.address == ""
    joined = deliveries.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
    blanked = 0
    for edition_id in _at_work(connection, since):
        here = deliveries.c.edition_id == edition_id
        ids = select(deliveries.c.id).select_from(joined).where(here, *gone, held).limit(limit - blanked)
        these = update(deliveries).where(in_part(edition_id), deliveries.c.id.in_(ids.scalar_subquery()))
        blanked += connection.execute(these.values(address="", reply=None)).rowcount
    return blanked


def _at_work(connection: Connection, since: datetime) -> set[int]:
    """The editions that wrote into the ledger since then: those that had not ended; and the latest of the days', which
    newcomers get, with the one before, which may be on its way to some of them when the next one goes out."""
    wrote = or_(editions.c.ended_at.is_(None), editions.c.ended_at >= since)
    days = select(editions.c.id).where(editions.c.status.in_(WENT_OUT), editions.c.slot == DAILY)
    latest = days.order_by(editions.c.day.desc(), editions.c.id.desc()).limit(2)
    return {*connection.scalars(select(editions.c.id).where(wrote)), *connection.scalars(latest)}


def name_again(connection: Connection, subscriber_id: int, one: NewSubscriber) -> None:
    """Give a row without a person its address back."""
    here = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(here.values(address=one.address, key=one.key))


def leave_hash(connection: Connection, key: str, now: datetime) -> None:
    """Keep what a forgotten address would leave, of an address that its owner has moved away from."""
    values = {"address": "", "key": key, "status": Status.FORGOTTEN, "since": now, "created_at": now}
    connection.execute(upsert(connection, subscribers).values(**values).on_conflict_do_nothing(index_elements=["key"]))


def free_key(connection: Connection, key: str) -> None:
    """A forgotten person is on the list again, of their own will: the old row gives up what it was known by."""
    here = subscribers.c.key == key, subscribers.c.status == Status.FORGOTTEN
    row = connection.execute(select(subscribers.c.id).where(*here)).first()
    if row:
        give_up_key(connection, row.id)


def give_up_key(connection: Connection, subscriber_id: int) -> None:
    """A row without a person is known by nothing from here on."""
    here = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(here.values(key=f"gone:{subscriber_id}"))


# --- A new address --------------------------------------------------------------------------------


def ask_for_address(connection: Connection, subscriber_id: int, one: NewSubscriber, now: datetime) -> int:
    """Write down the new address, in the place of one asked for before; returns the change's id."""
    connection.execute(address_changes.delete().where(address_changes.c.subscriber_id == subscriber_id))
    values = {"subscriber_id": subscriber_id, "address": one.address, "key": one.key, "at": now}
    query = insert(address_changes).values(**values).returning(address_changes.c.id)
    return int(connection.execute(query).scalar_one())


def address_change(connection: Connection, change_id: int) -> AddressChange | None:
    row = connection.execute(select(address_changes).where(address_changes.c.id == change_id)).one_or_none()
    return AddressChange(row.id, row.subscriber_id, row.address, row.key, row.at) if row else None


def change_address(connection: Connection, change: AddressChange) -> bool:
    """False where somebody else has come to that address this very moment."""
    values = {"address": change.address, "key": change.key}
    here = update(subscribers).where(subscribers.c.id == change.subscriber_id)
    try:
        with connection.begin_nested():
            connection.execute(here.values(**values))
    except IntegrityError:
        return False
    connection.execute(address_changes.delete().where(address_changes.c.id == change.id))
    return True


def drop_address_changes(connection: Connection, before: datetime) -> int:
    return connection.execute(address_changes.delete().where(address_changes.c.at < before)).rowcount


def subscriber(row: Row[Any]) -> Subscriber:
    """A row of the table, as the rest of the program knows it."""
    return Subscriber(
        id=row.id,
        address=row.address,
        status=SubscriberStatus(row.status),
        since=row.since,
        name=row.name,
        variant=Variant(row.variant),
        paused_until=row.paused_until,
        created_at=row.created_at,
    )
