"""What the relay refused when we sent goes through the same judgement as what comes back later."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from newsletter.bounce import judge, reasons
from newsletter.model import Bounce, Proof, ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.returns import passing_on
from newsletter.returns.leaving import Brake, judge_bounce
from newsletter.returns.take import said
from newsletter.returns.whose import Whose
from newsletter.store import bounces, subscribers
from newsletter.store.bounces import SMTP, Refused
from newsletter.store.database import read, write

BATCH = 200  # readers judged in one transaction: who signs up meanwhile does not wait
WITHIN = timedelta(days=7)  # since an edition began


def take_refusals(room: Newsroom) -> int:
    """Take in the refusals of the last days that are not yet; returns how many readers are unreachable by them.

    Called when a run has ended, and whenever returned mails are read: a run that was killed in between loses none.
    """
    with read(room.engine) as connection:
        unfinished = bounces.untaken_editions(connection, room.clock() - WITHIN)
    gone = sum(_of_edition(room, edition_id) for edition_id in unfinished)
    passing_on.try_again(room)
    return gone + _of_letters(room)


def _of_edition(room: Newsroom, edition_id: int) -> int:
    gone, after = 0, 0
    while True:
        with write(room.engine) as connection:
            some = bounces.refused_deliveries(connection, edition_id, after=after, limit=BATCH)
            brake = Brake(connection, edition_id)
            for one in some:
                gone += _take(room, connection, one, edition_id, brake)
        if len(some) < BATCH:
            return gone
        after = some[-1].id


def _of_letters(room: Newsroom) -> int:
    gone = 0
    while True:
        with write(room.engine) as connection:
            some = bounces.refused_letters(connection, room.clock() - WITHIN, BATCH)
            for one in some:
                gone += _take(room, connection, one, None)
        if len(some) < BATCH:
            return gone


def _take(
    room: Newsroom, connection: Connection, one: Refused, edition_id: int | None, brake: Brake | None = None
) -> bool:
    now, failure = room.clock(), reasons.judge(one.code, one.reply)
    ours = Whose(
        Proof.LEDGER,
        one.subscriber_id,
        delivery_id=one.id if edition_id is not None else None,
        edition_id=edition_id,
        letter_id=one.id if edition_id is None else None,
        sent_to=one.address,
        sent_at=one.begun.replace(microsecond=0) if one.begun else None,
    )
    row = Bounce(
        id=0,
        at=now,
        kind=ReturnKind.BOUNCE,
        via=SMTP,
        proof=ours.proof,
        subscriber_id=ours.subscriber_id,
        delivery_id=ours.delivery_id,
        edition_id=ours.edition_id,
        letter_id=ours.letter_id,
        permanent=failure.permanent,
        reason=failure.reason,
        suppress=failure.suppress,
        code=failure.code[:20],
        text=said(failure.text, one.address),
    )
    what = "letter" if edition_id is None else "delivery"
    if bounces.add(connection, f"smtp {what} {one.id}", row) is None:
        return False
    known = subscribers.by_id(connection, one.subscriber_id, locked=True)
    return known is not None and judge_bounce(room, connection, known, ours, row, now, brake) is judge.Verdict.GONE
