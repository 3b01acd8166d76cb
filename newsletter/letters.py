"""Single mails to one person: what each of them says.

Every letter is a row with the ledger's states, put there by the operation that wants it; `post` sends it. `NOTES`, with
the notice to the editors, is all that the program ever writes to one person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from newsletter.editors import LOG_IN_WITHIN
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.mail.letter import letter
from newsletter.model import Letter, LetterKind, Message
from newsletter.newsroom import Newsroom
from newsletter.preferences import OWN_WITHIN
from newsletter.report import Report
from newsletter.store import letters, notes
from newsletter.store.database import write


@dataclass(frozen=True, slots=True)
class Note:
    """What a letter says; email/letter.mjml and letter.txt set it. `link` is a button, with `label` on it."""

    subject: str
    before: tuple[str, ...]
    link: str = ""
    label: str = ""
    after: tuple[str, ...] = ()


# --- What each of them says ------------------------------------------------------------------------
# Nothing that a visitor typed is ever repeated in one: it would be a way to write to strangers in our name.


def _confirm(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    return Note(
        subject=say("Confirm that you want {name}", name=paper.name),
        before=(
            say("Somebody, you we hope, asked for {name}, the letter of {title}, to be sent to this address.",
                name=paper.name, title=paper.title),
            say("Open this link and press the button you find there, and it comes."),
        ),
        link=_link(room, Purpose.CONFIRM, one.subscriber_id, one.created_at),
        label=say("Yes, send me the letter"),
        after=(
            say("The link is good for 7 days. If it was not you, do nothing: you will not hear from us again."),
        ),
    )  # fmt: skip


def _known(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    return Note(
        subject=say("You receive {name} already", name=paper.name),
        before=(
            say("Somebody, you we hope, asked for {name} to be sent to this address. It is on the list already.",
                name=paper.name),
            say("If it does not reach you, look into your folder for unwanted mail. Your settings are here:"),
        ),
        link=_link(room, Purpose.PREFERENCES, one.subscriber_id),
        label=say("My preferences"),
    )  # fmt: skip


def _own(room: Newsroom, one: Letter) -> Note:
    say = room.words_in(one.language).say
    minutes = int(OWN_WITHIN.total_seconds() // 60)
    return Note(
        subject=say("Your link to your data"),
        before=(say("By this link you see your data, take it with you, change your address or have all deleted."),),
        link=_link(room, Purpose.OWN, one.subscriber_id, one.created_at),
        label=say("My data"),
        after=(
            say("It is good for {minutes} minutes. If you did not ask for it, do nothing, and do not pass it on.",
                minutes=minutes),
        ),
    )  # fmt: skip


def _new_address(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    return Note(
        subject=say("Confirm your new address"),
        before=(say("A reader of {name} asked for it to be sent to this address from now on.", name=paper.name),),
        link=_link(room, Purpose.ADDRESS, int(one.details["change"]), one.created_at),
        label=say("Use this address"),
        after=(say("The link is good for 24 hours. If it was not you, do nothing: nothing changes."),),
    )


def _address_changed(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    contact = parseaddr(paper.reply_to or paper.sender)[1]
    return Note(
        subject=say("{name} goes to another address from now on", name=paper.name),
        before=(
            say("As you asked, {name} does not come to this address any more, but to the new one.", name=paper.name),
            say("If you did not ask for that, write to us: {contact}.", contact=contact),
        ),
    )


def _log_in(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    ticket = int(one.details["ticket"])
    return Note(
        subject=say("Your link to the desk of {name}", name=paper.name),
        before=(say("By this link, and the button behind it, you are at the desk of {name}.", name=paper.name),),
        link=room.signer.link(room.config.desk_url, Purpose.LOG_IN, ticket, one.created_at),
        label=say("To the desk"),
        after=(
            say("It is good for {minutes} minutes. If you did not ask for it, do nothing, and do not pass it on.",
                minutes=int(LOG_IN_WITHIN.total_seconds() // 60)),
        ),
    )  # fmt: skip


NOTES: dict[LetterKind, Callable[[Newsroom, Letter], Note]] = {
    LetterKind.CONFIRM: _confirm,
    LetterKind.KNOWN: _known,
    LetterKind.LINK: _own,
    LetterKind.NEW_ADDRESS: _new_address,
    LetterKind.ADDRESS_CHANGED: _address_changed,
    LetterKind.LOG_IN: _log_in,
}


def _link(room: Newsroom, purpose: Purpose, subject: int | None, at: datetime | None = None) -> str:
    if subject is None:
        raise BadData("a letter about nobody has no link")
    return room.signer.link(room.config.newsletter.public_url, purpose, subject, at)


# --- To the editors --------------------------------------------------------------------------------


def tell_editors(room: Newsroom, found: Report) -> int:
    """Tell each editor once a day and reason that the edition did not go out as it should; returns how many are told.

    The letters wait for whoever sends them next.
    """
    day = found.day or room.today()
    beside = found.edition if found.edition and found.edition != day.isoformat() else None  # not the day's own
    note = f"told {beside or day} {found.status} {type(found.problem).__name__}"
    editors, words, paper = room.config.newsletter.editors, room.words, room.config.newsletter
    if not editors:
        return 0
    subject = words.say("{name}: no edition on {day}", name=paper.name, day=words.full_date(day))
    if beside:
        subject = words.say("{name}: please look at the edition {edition}", name=paper.name, edition=beside)
    elif found.status == "sending":
        subject = words.say("{name}: the edition of {day} is not finished", name=paper.name, day=words.full_date(day))
    elif found.status == "overdue":
        subject = words.say("{name}: the edition of {day} is overdue", name=paper.name, day=words.full_date(day))
    text = room.look.text("email/notice.txt", paper=paper, day=day, beside=beside, report=found, subject=subject)
    with write(room.engine) as connection:
        if notes.wait_for(connection, note):
            return 0
        notes.put(connection, note, room.clock().isoformat())
        details = {"subject": subject, "text": text}
        for editor in editors:
            address = parseaddr(editor)[1]
            values: dict[str, Any] = {"language": words.language, "now": room.clock(), "details": details}
            letters.add(connection, LetterKind.NOTICE, address, **values)
    return len(editors)


# --- As messages ------------------------------------------------------------------------------------


def message(room: Newsroom, one: Letter) -> Message:
    """Its message, signed: the same bytes on every attempt, since they are kept from the first one on."""
    token = room.signer.token(Purpose.LETTER, one.id)
    paper = room.config.newsletter
    message_id = f"<{one.kind.value.replace('_', '-')}.{token}@{paper.list_id}>"
    values: dict[str, Any] = {"to": one.address, "date": one.created_at, "message_id": message_id}
    if one.content is not None:
        bare = letter(paper, subject="", text="", **values)
        return Message(bare.sender, bare.recipient, one.content, bare.name, bare.utf8)
    if one.kind is LetterKind.NOTICE:
        return room.seal(letter(paper, subject=one.details["subject"], text=one.details["text"], **values))
    note = NOTES[one.kind](room, one)
    look = room.look_in(one.language)
    contact = parseaddr(paper.reply_to or paper.sender)[1]
    said: dict[str, Any] = {"note": note, "title": paper.title, "contact": contact}
    text = look.text("email/letter.txt", **said).strip("\n") + "\n"
    html = look.html("email/letter.mjml", **said)
    return room.seal(letter(paper, subject=note.subject, text=text, html=html, **values))
