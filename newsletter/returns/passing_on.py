"""What a person wrote goes on to the newsroom: the program reads the return address, and nobody else does."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Connection

from newsletter import letters as wording
from newsletter.bounce import text_of
from newsletter.mail.headers import one_line
from newsletter.model import LetterKind, Returned, ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.store import letters

AN_HOUR = 60  # letters passed on to each: a flood waits in the mailbox
LONGEST = 20_000  # characters of the letter that stand in the mail itself; the whole is attached


def to_whom(room: Newsroom) -> list[str]:
    """The addresses that get what readers write."""
    named = room.config.bounces.letters_to or room.config.newsletter.editors
    return [parseaddr(one)[1] for one in named]


def can(room: Newsroom, connection: Connection) -> bool:
    """Whether a letter can be passed on now: to somebody, and not too many at once."""
    people = to_whom(room)
    since = room.clock() - timedelta(hours=1)
    return bool(people) and letters.count(connection, [LetterKind.PASSED_ON], since) < AN_HOUR * len(people)


def pass_on(room: Newsroom, connection: Connection, returned: Returned, raw: bytes, now: datetime) -> None:
    """Put it into the post, to each of them; its bytes are kept until it has left."""
    words = room.words
    say, name = words.say, room.config.newsletter.name
    subject = one_line(returned.subject) or say("(no subject)")
    before = [
        say(
            "A reader wrote to the return address of {name}, which the program alone reads: {sender}.",
            name=name,
            sender=one_line(returned.sender) or say("nobody knows who"),
        )
    ]
    if returned.kind is ReturnKind.UNSUBSCRIBE:
        before.append(
            say("They want to leave. Nothing in their mail proves who they are, so nothing was done: please see to it.")
        )
    before.append(say("Here is what they say; the mail itself is attached. Your answer goes to them."))
    text = "\n\n".join(["\n".join(before), "— — —", text_of(raw)[:LONGEST]])
    for address in to_whom(room):
        values: dict[str, Any] = {"language": words.language, "now": now}
        letter_id = letters.add(connection, LetterKind.PASSED_ON, address, **values)
        message = wording.passed_on(
            room, letter_id, to=address, reply_to=returned.sender, subject=subject, text=text, original=raw, now=now
        )
        letters.freeze(connection, letter_id, message.content)
