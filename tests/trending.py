"""Two months of editions, written straight into a database: what came of them, what came back, who came and went."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from newsletter.store.database import write
from newsletter.store.partitions import make_room_for
from newsletter.store.schema import bounces, consents, deliveries, editions, subscribers

DOMAINS = {"gmail.com": 50, "yahoo.fr": 20, "orange.fr": 12, "laposte.net": 8, "hotmail.com": 6, "port.example": 4}


@dataclass
class Usual:
    """How often things happen to one delivery, as shares of one."""

    refused: float = 0.004
    put_off: float = 0.01
    hard: float = 0.002
    soft: float = 0.002
    complaint: float = 0.0002


@dataclass
class Story:
    """Editions day by day until `last`; `odd` says what is unusual, by days before the last one and by domain."""

    last: datetime
    days: int = 60
    readers: int = 2000
    odd: dict[tuple[int, str], Usual] = field(default_factory=dict)
    joins: int = 8  # in a day, about
    seed: int = 1

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.usual = Usual()
        self.people: list[tuple[int, str]] = []  # on the list: number, domain
        self.next = 1

    def write(self, engine: Engine) -> None:
        with write(engine) as connection:
            begin = self.last - timedelta(days=self.days)
            self._join(connection, begin, self.readers, "imported")
            for ago in range(self.days - 1, -1, -1):
                now = self.last - timedelta(days=ago)
                self._join(connection, now - timedelta(hours=9), self.chance.randint(0, self.joins * 2), "confirmed")
                self._send(connection, now, ago)
                self._leave(connection, now + timedelta(hours=1))
            if engine.dialect.name == "postgresql":  # numbers were given by hand: who comes next goes on from there
                connection.execute(
                    text("SELECT setval(pg_get_serial_sequence('subscribers', 'id'), :n)"), {"n": self.next}
                )

    def _join(self, connection: Connection, at: datetime, number: int, act: str) -> None:
        people, acts = [], []
        for _ in range(number):
            domain = self.chance.choices(list(DOMAINS), list(DOMAINS.values()))[0]
            address = f"lecteur{self.next}@{domain}"
            row = {"id": self.next, "address": address, "key": address, "status": "active"}
            people.append(row | {"since": at, "created_at": at})
            acts.append({"subscriber_id": self.next, "at": at, "act": act, "how": "page"})
            self.people.append((self.next, domain))
            self.next += 1
        if people:
            connection.execute(insert(subscribers), people)
            connection.execute(insert(consents), acts)

    def _leave(self, connection: Connection, at: datetime) -> None:
        for status, weight in (("unsubscribed", 3), ("unreachable", 1), ("complained", 0.3)):
            for _ in range(int(self.chance.random() * 2 * weight)):
                number, _domain = self.people.pop(self.chance.randrange(len(self.people)))
                here = subscribers.c.id == number
                connection.execute(subscribers.update().where(here).values(status=status, since=at))
                row = {"subscriber_id": number, "at": at, "act": status, "how": "link"}
                connection.execute(insert(consents).values(row))

    def _send(self, connection: Connection, now: datetime, ago: int) -> None:
        values = {"day": now.date(), "slot": "daily", "status": "sent", "picked_at": now, "version": 0, "shaped": False}
        values |= {"audience": len(self.people), "started_at": now, "ended_at": now + timedelta(minutes=5)}
        subject = f"Le port, jour {self.days - ago}"
        query = insert(editions).values(**values, subject=subject).returning(editions.c.id)
        edition = connection.execute(query).scalar_one()
        rows, back = [], []
        for number, domain in self.people:
            usual, roll = self.odd.get((ago, domain), self.usual), self.chance.random
            refused = roll() < usual.refused
            row = {"edition_id": edition, "subscriber_id": number, "address": f"lecteur{number}@{domain}", "at": now}
            row |= {"state": "rejected" if refused else "accepted", "attempts": 2 if roll() < usual.put_off else 1}
            rows.append(row)
            of = {"edition_id": edition, "subscriber_id": number, "at": now, "number": len(rows)}
            if refused:
                blocked = usual is not self.usual
                back.append(of | {"via": "smtp", "reason": "blocked" if blocked else "unknown_user", "permanent": True})
            elif roll() < usual.hard:
                back.append(of | {"via": "imap", "reason": "unknown_user", "permanent": True})
            elif roll() < usual.soft:
                back.append(of | {"via": "imap", "reason": "mailbox_full", "permanent": False})
            if not refused and roll() < usual.complaint:
                back.append(of | {"via": "imap", "kind": "feedback", "permanent": None, "reason": None})
        make_room_for(connection, edition)
        connection.execute(insert(deliveries), rows)
        here = deliveries.c.edition_id == edition
        ids = deliveries.select().with_only_columns(deliveries.c.subscriber_id, deliveries.c.id).where(here)
        of_reader = {row.subscriber_id: row.id for row in connection.execute(ids)}
        for one in back:
            bounce(connection, one.pop("number"), delivery_id=of_reader[one["subscriber_id"]], **one)


def bounce(connection: Connection, number: int, **values: Any) -> None:
    """A row of what came back; a hard bounce that proves itself, unless `values` say otherwise."""
    row = {"kind": "bounce", "via": "imap", "proof": "return_path", "permanent": True, "reason": "unknown_user"}
    row |= {"suppress": False, "code": "", "text": "", "address": ""} | values
    digest = f"{row.get('edition_id')}-{row['kind']}-{row['via']}-{number}-{row.get('delivery_id')}"
    connection.execute(insert(bounces).values(row | {"digest": digest}))


def troubled(last: datetime, **values: Any) -> Story:
    """Yahoo begins to block us three days ago, and Orange's readers complain; all else is quiet."""
    blocked, angry = Usual(refused=0.14, put_off=0.03), Usual(complaint=0.008)
    odd = {(ago, "yahoo.fr"): blocked for ago in range(3)} | {(ago, "orange.fr"): angry for ago in range(7)}
    return Story(last, odd=odd, **values)
