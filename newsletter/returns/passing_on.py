"""What a person wrote goes on to the newsroom: the program reads the return address, and nobody else does."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Connection

from newsletter import letters as wording
from newsletter.bounce import head_of, text_of
from newsletter.errors import BadData
from newsletter.mail.addresses import wire
from newsletter.mail.headers import one_line
from newsletter.model import LetterKind, Returned, ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.store import letters, notes
from newsletter.store.database import read, write

log = logging.getLogger(__name__)

PLAIN_ADDRESS = re.compile(r"[!-~]+@[!-~]+")  # as a header can hold it
AN_HOUR = 60  # letters passed on to each: a flood waits in the mailbox


def to_whom(room: Newsroom) -> list[str]:
    """The addresses that get what readers write: of those that are named, the ones that can be mailed."""
    named = room.config.bounces.letters_to or room.config.newsletter.editors
    return [address for address in (parseaddr(one)[1] for one in named) if _is_mailable(address)]


def _is_mailable(address: str) -> bool:
    try:
        wire(address)
    except BadData as error:
        log.warning("readers' letters cannot go to %s: %s", address, error)
        return False
    return True


def is_our_own(room: Newsroom, raw: bytes) -> bool:
    """Whether we wrote it ourselves: a letter passed on, a notice, which go to the mailbox that is read here, it may
    be. Passed on again, they would go round for ever."""
    sender, automatic = head_of(raw, "from"), head_of(raw, "auto-submitted")
    ours = parseaddr(room.config.newsletter.sender)[1]
    return bool(automatic) and automatic.lower() != "no" and parseaddr(sender)[1].lower() == ours.lower()


def can(room: Newsroom, connection: Connection) -> bool:
    """Whether a letter can be passed on now: to somebody, and not too many at once."""
    people = to_whom(room)
    if not people:
        return False
    notes.one_at_a_time(connection, "letters passed on")
    since = room.clock() - timedelta(hours=1)
    return letters.count(connection, [LetterKind.PASSED_ON], since) + len(people) <= AN_HOUR * len(people)


def pass_on(room: Newsroom, connection: Connection, returned: Returned, raw: bytes, now: datetime) -> None:
    """Put it into the post, to each of them; its bytes are kept until it has left."""
    words = room.words
    say, name = words.say, room.config.newsletter.name
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
    before.append(say("Here is what they say. Your answer goes to them."))
    details = {
        "subject": one_line(returned.subject) or say("(no subject)"),
        "text": "\n\n".join(["\n".join(before), "— — —", text_of(raw)]),
        "reply_to": returned.sender if PLAIN_ADDRESS.fullmatch(returned.sender) else "",
    }
    for address in to_whom(room):
        _post(room, connection, address, details, raw, now)


def try_again(room: Newsroom) -> None:
    """What could not leave in time is offered once more, as it is; what was refused, for its size most likely, with its
    words alone. What is refused even so is kept, and told in the log: `newsletter bounces letters`."""
    with read(room.engine) as connection:
        refused = letters.not_passed_on(connection)
    for one in refused:
        if one.code is None:
            with write(room.engine) as connection:
                letters.offer_again(connection, one.id, room.clock())
        elif "bare" not in one.details:
            said = room.words.say("(The mail itself could not be attached: {reply})", reply=one.reply or "")
            details = dict(one.details) | {"bare": "1", "text": f"{one.details.get('text', '')}\n\n{said}"}
            with write(room.engine) as connection:
                if letters.let_go(connection, one.id):  # one of two who tidy at once
                    _post(room, connection, one.address, details, None, room.clock())
        elif "told" not in one.details:
            log.error("a reader's letter (number %s) cannot be passed on: %s", one.id, one.reply)
            with write(room.engine) as connection:
                letters.set_details(connection, one.id, dict(one.details) | {"told": "1"})
        room.stirred.set()


def _post(
    room: Newsroom,
    connection: Connection,
    address: str,
    details: Mapping[str, str],
    raw: bytes | None,
    now: datetime,
) -> None:
    values: dict[str, Any] = {"language": room.words.language, "now": now, "details": details}
    letter_id = letters.add(connection, LetterKind.PASSED_ON, address, **values)
    said = {name: details[name] for name in ("subject", "text", "reply_to")}
    message = wording.passed_on(room, letter_id, to=address, original=raw, now=now, **said)
    letters.freeze(connection, letter_id, message.content)
