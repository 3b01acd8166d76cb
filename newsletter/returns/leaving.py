"""Who leaves by what came back: the judge's verdict made good, for who holds the reader's row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter.bounce import judge
from newsletter.bounce.judge import Probe, Sent, Verdict
from newsletter.model import (
    Act,
    Bounce,
    Delivery,
    DeliveryState,
    LetterKind,
    Origin,
    ReturnKind,
    Subscriber,
    SubscriberStatus,
)
from newsletter.newsroom import Newsroom
from newsletter.returns.whose import Whose, same
from newsletter.store import bounces, consents, editions, letters, subscribers

Status = SubscriberStatus
MAILED = (Status.ACTIVE, Status.PENDING)  # whom we write to, and who may so become unreachable
LOOKED_AT = 60  # editions of one reader
# Providers have said of all their readers, for an hour, that there are no such mailboxes; a name server may say it of
# all domains. So at most so many leave as dead by one edition, or this share of its readers, whichever is more: who is
# left bounces again with the next.
AT_ONCE, SHARE = 100, 0.02
A_WEEK, A_MONTH = timedelta(days=7), timedelta(days=30)
OTHERS = 3  # readers of one domain who are out of reach too: it is its server, and not the mailbox


def complain(connection: Connection, known: Subscriber, found: Whose, one: Bounce, now: datetime) -> bool:
    """They said it was spam: out at once, and nobody's sign-up writes to them again."""
    if known.gone or known.status is Status.COMPLAINED or not found.is_about(known):
        return False
    return _goes(connection, known, Status.COMPLAINED, Act.COMPLAINED, one, now)


def leave(connection: Connection, known: Subscriber, now: datetime) -> bool:
    """They asked by mail to leave."""
    if known.gone or known.status not in (*MAILED, Status.UNREACHABLE):
        return False
    subscribers.set_status(connection, known.id, Status.UNSUBSCRIBED, now)
    consents.record(connection, [known.id], Act.UNSUBSCRIBED, Origin("mail"), now)
    return True


class Brake:
    """How many of an edition's readers may still leave as dead. Counted once, for one transaction."""

    def __init__(self, connection: Connection, edition_id: int | None) -> None:
        self._connection = connection
        self._edition_id = edition_id
        self._left: int | None = None

    def lets_go(self) -> bool:
        """Whether one more may leave; it counts as gone."""
        if self._edition_id is None:
            return True
        if self._left is None:
            edition = editions.by_id(self._connection, self._edition_id)
            gone = bounces.dead(self._connection, self._edition_id) - 1  # the one that is asked for is among them
            self._left = max(AT_ONCE, int(SHARE * edition.audience)) - gone
        self._left -= 1
        return self._left >= 0


def judge_bounce(
    room: Newsroom,
    connection: Connection,
    known: Subscriber,
    found: Whose,
    one: Bounce,
    now: datetime,
    brake: Brake | None = None,
) -> Verdict:
    """What a bounce, which is in the database already, does to its reader: nothing, a probe, or the end."""
    if known.status not in MAILED or not judge.counts(one) or not found.is_about(known):
        return Verdict.STAYS
    if judge.is_certain(one):
        brake = brake or Brake(connection, one.edition_id)
        verdict = Verdict.GONE if brake.lets_go() else Verdict.STAYS
    else:
        verdict = _of_history(room, connection, known, one, now)
    if verdict is Verdict.GONE:
        _goes(connection, known, Status.UNREACHABLE, Act.UNREACHABLE, one, now)
    elif verdict is Verdict.PROBE:
        values: dict[str, Any] = {"language": room.config.newsletter.language, "now": now, "subscriber_id": known.id}
        letters.add(connection, LetterKind.PROBE, known.address, **values)
    return verdict


def _of_history(room: Newsroom, connection: Connection, known: Subscriber, one: Bounce, now: datetime) -> Verdict:
    rules, back = room.config.bounces, bounces.of_subscriber(connection, known.id, limit=4 * LOOKED_AT)
    failures = {row.delivery_id for row in back if judge.counts(row)}
    if len(failures) < rules.soft_editions and not any(row.letter_id for row in back):
        return Verdict.STAYS  # as with most: the rest need not be read
    letter, probe = bounces.last_probe(connection, known.id), None
    if letter and same(letter.address, known.address):
        probe = Probe(letter.created_at, any(row.letter_id == letter.id and judge.counts(row) for row in back))
    mails = [
        mail for mail in bounces.recent(connection, known.id, limit=LOOKED_AT) if same(mail.address, known.address)
    ]
    sent = history(mails, back)
    since = known.since.replace(microsecond=0) - timedelta(seconds=1)
    verdict = judge.judge(sent, probe, since, now, editions=rules.soft_editions, days=rules.soft_days)
    if verdict is not Verdict.STAYS and one.reason in judge.OUT_OF_REACH:
        row = judge.in_a_row(sent, since, now)
        if row and now - row[-1] <= A_MONTH and _others_too(connection, known, now):
            return Verdict.STAYS
    return verdict


def _others_too(connection: Connection, known: Subscriber, now: datetime) -> bool:
    """Whether the domain's other readers are out of reach as well: its server is down, and comes back."""
    domain, reasons = known.address.rpartition("@")[2].lower(), [one.value for one in judge.OUT_OF_REACH]
    return bounces.out_of_reach(connection, domain, reasons, now - A_WEEK, but=known.id, limit=OTHERS) >= OTHERS


def history(mails: list[Delivery], back: list[Bounce]) -> list[Sent]:
    """What came of each edition: those of which nothing can be said are left out."""
    failed = {one.delivery_id for one in back if judge.counts(one)}
    arrived = {one.delivery_id for one in back if one.kind is ReturnKind.DELIVERED and one.proof.certain}
    others = {one.delivery_id for one in back if one.kind is ReturnKind.BOUNCE} - failed
    found = []
    for one in mails:
        at = one.first_attempt
        if at is None or one.state not in (DeliveryState.ACCEPTED, DeliveryState.REJECTED):
            continue
        if one.id in failed or one.id in arrived or (one.state is DeliveryState.ACCEPTED and one.id not in others):
            found.append(Sent(at, one.id in failed, one.id in arrived and one.id not in failed))
    return found


def _goes(
    connection: Connection, known: Subscriber, status: SubscriberStatus, act: Act, one: Bounce, now: datetime
) -> bool:
    if not subscribers.set_status(connection, known.id, status, now):
        return False
    why = " ".join(part for part in (one.reason.value if one.reason else "", one.code) if part)
    consents.record(connection, [known.id], act, Origin("bounce", note=why or None), now)
    return True
