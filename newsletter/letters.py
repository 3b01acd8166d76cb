"""Single mails to one person. For now there is one: to the editors, when the day's edition did not go out."""

from __future__ import annotations

import logging
import secrets
from datetime import date
from email.utils import parseaddr

from newsletter.errors import NewsletterError
from newsletter.mail.letter import letter
from newsletter.model import Message, Verdict
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import notes
from newsletter.store.database import read, write

log = logging.getLogger(__name__)


def tell_editors(room: Newsroom, found: Report) -> int:
    """Tell each editor once a day and reason that the edition did not go out as it should; returns how many were told.

    A letter that cannot leave is logged, and tried again at the next run: the edition's own trouble comes first.
    """
    day = found.day or room.today()
    note = f"told {day} {found.status} {type(found.problem).__name__}"
    try:
        with read(room.engine) as connection:
            known = notes.get(connection, note)
        if known or not room.config.newsletter.editors:
            return 0
        told = sum(_send(room, _notice(room, editor, day, found)) for editor in room.config.newsletter.editors)
        if told:
            with write(room.engine) as connection:
                notes.put(connection, note, room.clock().isoformat())
        return told
    except NewsletterError as error:
        log.warning("the editors could not be told: %s", error)
        return 0


def _notice(room: Newsroom, editor: str, day: date, found: Report) -> Message:
    words, paper = room.words, room.config.newsletter
    subject = words.say("{name}: no edition on {day}", name=paper.name, day=words.full_date(day))
    if found.status == "sending":
        subject = words.say("{name}: the edition of {day} is not finished", name=paper.name, day=words.full_date(day))
    text = room.look.text("email/notice.txt", paper=paper, day=day, report=found, subject=subject)
    now = room.clock()
    domain = parseaddr(paper.sender)[1].rpartition("@")[2]
    message_id = f"<{day}.notice.{secrets.token_hex(8)}@{domain}>"
    return letter(paper, to=parseaddr(editor)[1], subject=subject, text=text, date=now, message_id=message_id)


def _send(room: Newsroom, message: Message) -> bool:
    with room.mailer.open() as line:
        outcome = line.send(message, lambda: None)
    if outcome.verdict is not Verdict.ACCEPTED:
        log.warning("the letter to %s did not leave: %s", message.recipient, outcome.reply)
    return outcome.verdict is Verdict.ACCEPTED
