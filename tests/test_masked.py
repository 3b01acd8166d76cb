"""Readers' addresses in a relay's words are for owners alone, and do not part what was refused for one reason."""

from __future__ import annotations

import json
import logging

import pytest
from sqlalchemy import select, update

from newsletter import letters, report, results
from newsletter.errors import Unavailable
from newsletter.logs import AsJson
from newsletter.mail.masked import kind_of, without_names
from newsletter.model import DeliveryState, Role
from newsletter.newsroom import Newsroom
from newsletter.store.database import read, write
from newsletter.store.schema import deliveries
from newsletter.store.schema import letters as mails
from tests.desk import Desk, text_of
from tests.test_desk_after import NAME, named, sent  # noqa: F401


@pytest.mark.parametrize(
    ("reply", "without", "kind"),
    [
        (
            "550 5.1.1 <ama@mail.example>: Recipient address rejected",
            "550 5.1.1 <…@mail.example>: Recipient address rejected",
            "550 5.1.1 <…>: Recipient address rejected",
        ),
        (
            "550 5.1.1 <bounces+ama=mail.example@relay.example> no",
            "550 5.1.1 <…@relay.example> no",
            "550 5.1.1 <…> no",
        ),
        ('553 "ama k"@mail.example unknown', "553 …@mail.example unknown", "553 … unknown"),
        ("452 4.2.2 RCPT TO:ama@mail.example full", "452 4.2.2 RCPT …@mail.example full", "452 4.2.2 RCPT … full"),
        ("250 ok queued as 4F2A81C0B3", "250 ok queued as 4F2A81C0B3", "250 ok queued as …"),
        ("451 1tABcd-000123-XY later", "451 1tABcd-000123-XY later", "451 … later"),
        (
            "550-5.1.1 https://support.mail.example/?p=NoSuchUser a640c23a62f3a-aa5f52ae123si1234567a12.345 - gsmtp",
            "550-5.1.1 https://support.mail.example/?p=NoSuchUser a640c23a62f3a-aa5f52ae123si1234567a12.345 - gsmtp",
            "550-5.1.1 https://support.mail.example/?p=NoSuchUser … - gsmtp",
        ),
        ("451 [DB5EUR01FT022 2026-11-23T06:30:12.345Z] busy", None, "451 [… …] busy"),
        ("550 5.7.1 OFR004_104 192.0.2.113 blocked S3150", None, "550 5.7.1 OFR004_104 192.0.2.113 blocked S3150"),
        ("", "", ""),
    ],
)
def test_a_reply_without_names_and_its_kind(reply: str, without: str | None, kind: str) -> None:
    assert without_names(reply) == (reply if without is None else without)
    assert kind_of(reply) == kind


def refuse(room: Newsroom) -> None:
    """Each gets a refusal with their address and a queue's number, as relays write it."""
    with write(room.engine) as connection:
        for row in connection.execute(select(deliveries.c.id, deliveries.c.address)).all():
            reply = f"550 5.1.1 <{row.address}>: no such mailbox (4F2A81C0{row.id:02}B3)"
            values = {"state": DeliveryState.REJECTED, "code": 550, "reply": reply}
            connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))


@pytest.fixture
def refused(sent: Newsroom) -> Newsroom:  # noqa: F811
    refuse(sent)
    return sent


def test_refusals_for_one_reason_are_one(refused: Newsroom) -> None:
    edition = named(refused)
    said = "550 5.1.1 <…>: no such mailbox (…)"
    n = results.of_edition(refused, edition).all.refused
    assert n > 1
    assert results.of_edition(refused, edition).refusals == [(said, n)]
    assert report.standing(refused).refusals == [(said, n)]
    assert results.of_edition(refused, edition).figures()["refusals"] == [{"reply": said, "times": n}]


@pytest.mark.parametrize("role", [Role.WRITER, Role.EDITOR, Role.OWNER])
@pytest.mark.parametrize("page", ["after", "progress"])
def test_addresses_in_replies_are_for_owners(refused: Newsroom, role: Role, page: str) -> None:
    shown = Desk(refused, role, name="Yao").text(f"/edition/{NAME}/{page}")
    with read(refused.engine) as connection:
        addresses = [*connection.scalars(select(deliveries.c.address))]
    assert "no such mailbox" in text_of(shown)
    may = role is Role.OWNER and page == "progress"
    assert any(f"&lt;{address}&gt;" in shown for address in addresses) == may
    assert any(address in shown for address in addresses) == may


def test_a_notice_names_no_reader(refused: Newsroom) -> None:
    Desk(refused, Role.EDITOR, name="Yao")
    said = "the relay refused the edition for every subscriber: 550 <ama@mail.example>: no"
    found = report.of_named(refused, NAME, said=said, problem=Unavailable(said))
    assert letters.tell_editors(refused, found)
    with read(refused.engine) as connection:
        told = [json.loads(row) for row in connection.scalars(select(mails.c.details)) if row]
    notice = next(one["text"] for one in told if "refused the edition" in one.get("text", ""))
    assert "ama@mail" not in notice
    assert "…@mail.example" in notice


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("database postgresql://lettre:***@db.example/lettre: away", None),
        ("database postgresql://lettre@db.example:5433/lettre?sslmode=require: away", None),
        ("database postgresql://lettre:hunter2@db.example/lettre", "database …@db.example/lettre"),
        ("550 postgresql://x@y ama@mail.example", "550 postgresql://x@y …@mail.example"),
        ("550 postgresql://x,ama@mail.example", "550 …@mail.example"),
    ],
)
def test_where_our_database_is_stays_to_be_read(said: str, masked: str | None) -> None:
    """Who reads the log of a machine must learn which database it does not reach."""
    assert without_names(said) == (masked or said)
    record = logging.LogRecord("newsletter", logging.WARNING, "", 0, "%s", (said,), None)
    assert json.loads(AsJson().format(record))["message"] == (masked or said)
