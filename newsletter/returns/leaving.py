"""Who leaves by what came back: the judge's verdict made good, for who holds the reader's row."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.bounce import judge
from newsletter.bounce.judge import Probe, Sent, Verdict
from newsletter.errors import BadData
from newsletter.mail.addresses import normalise
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
from newsletter.store import bounces, consents, letters, subscribers

Status = SubscriberStatus
MAILED = (Status.ACTIVE, Status.PENDING)  # whom we write to, and who may so become unreachable
LOOKED_AT = 60  # editions of one reader


def complain(connection: Connection, known: Subscriber, one: Bounce, now: datetime) -> bool:
    """They said it was spam: out at once, and nobody's sign-up writes to them again."""
    if known.gone or known.status is Status.COMPLAINED:
        return False
    return _goes(connection, known, Status.COMPLAINED, Act.COMPLAINED, one, now)


def leave(connection: Connection, known: Subscriber, now: datetime) -> bool:
    """They asked by mail to leave."""
    if known.gone or known.status not in (*MAILED, Status.UNREACHABLE):
        return False
    subscribers.set_status(connection, known.id, Status.UNSUBSCRIBED, now)
    consents.record(connection, [known.id], Act.UNSUBSCRIBED, Origin("mail"), now)
    return True


def judge_bounce(
    room: Newsroom, connection: Connection, known: Subscriber, one: Bounce, delivery: Delivery | None, now: datetime
) -> Verdict:
    """What a bounce does to its reader: nothing, a probe, or the end.

    A mail from before they were last brought back says nothing of them as they are now; nor does one to an address
    that they have given up since.
    """
    if known.status not in MAILED or not judge.counts(one) or _is_of_the_past(known, delivery):
        return Verdict.STAYS
    verdict = Verdict.GONE if judge.is_certain(one) else _of_history(room, connection, known, now)
    if verdict is Verdict.GONE:
        _goes(connection, known, Status.UNREACHABLE, Act.UNREACHABLE, one, now)
    elif verdict is Verdict.PROBE:
        language = room.config.newsletter.language
        values = {"language": language, "now": now, "subscriber_id": known.id}
        letters.add(connection, LetterKind.PROBE, known.address, **values)  # type: ignore[arg-type]
    return verdict


def _is_of_the_past(known: Subscriber, delivery: Delivery | None) -> bool:
    if delivery is None:
        return False
    begun = delivery.first_attempt or delivery.at
    if begun is not None and begun < known.since.replace(microsecond=0):
        return True
    return not _same(delivery.address, known.address)


def _same(address: str, other: str) -> bool:
    try:
        return normalise(address).key == normalise(other).key
    except BadData:
        return False


def _of_history(room: Newsroom, connection: Connection, known: Subscriber, now: datetime) -> Verdict:
    rules, back = room.config.bounces, bounces.of_subscriber(connection, known.id, limit=4 * LOOKED_AT)
    failures = {one.delivery_id for one in back if judge.counts(one)}
    if len(failures) < rules.soft_editions and not any(one.letter_id for one in back):
        return Verdict.STAYS  # as with most: the rest need not be read
    letter = bounces.last_probe(connection, known.id)
    probe = None
    if letter:
        probe = Probe(letter.created_at, any(one.letter_id == letter.id and judge.counts(one) for one in back))
    sent = history(bounces.recent(connection, known.id, limit=LOOKED_AT), back)
    since = known.since.replace(microsecond=0) - timedelta(seconds=1)
    return judge.judge(sent, probe, since, now, editions=rules.soft_editions, days=rules.soft_days)


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
