"""Single mails to one person: what each of them says.

Every letter is a row with the ledger's states, put there by the operation that wants it; `post` sends it. `NOTES`, with
the notice to the editors, is all that the program ever writes to one person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from newsletter.editors import INVITED_WITHIN, LOG_IN_WITHIN
from newsletter.errors import BadData, NewsletterError, Unfit
from newsletter.links import Purpose
from newsletter.mail.addresses import normalise
from newsletter.mail.forward import forward
from newsletter.mail.letter import letter
from newsletter.mail.masked import without_names
from newsletter.model import Letter, LetterKind, Message, Role
from newsletter.newsroom import Newsroom
from newsletter.preferences import OWN_WITHIN
from newsletter.report import Report
from newsletter.store import editors, letters, notes
from newsletter.store.database import write
from newsletter.words import Words


@dataclass(frozen=True, slots=True)
class Note:
    """What a letter says; email/letter.mjml and letter.txt set it, unless `template` names others. `link` is a button,
    with `label` on it."""

    subject: str
    before: tuple[str, ...]
    link: str = ""
    label: str = ""
    after: tuple[str, ...] = ()
    template: str = "letter"
    more: Mapping[str, Any] = field(default_factory=dict)  # what another template than letter.* needs besides


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
    return Note(
        subject=say("Your link to the desk of {name}", name=paper.name),
        before=(say("By this link, and the button behind it, you are at the desk of {name}.", name=paper.name),),
        link=_ticket_link(room, one),
        label=say("To the desk"),
        after=(
            say("It is good for {minutes} minutes. If you did not ask for it, do nothing, and do not pass it on.",
                minutes=int(LOG_IN_WITHIN.total_seconds() // 60)),
        ),
    )  # fmt: skip


def _invited(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    return Note(
        subject=say("You are invited to the desk of {name}", name=paper.name),
        before=(
            say("At the desk of {name}, {title} makes its letter of the day. You may work there now.",
                name=paper.name, title=paper.title),
            say("By this link, and the button behind it, you are there. No password is needed."),
        ),
        link=_ticket_link(room, one),
        label=say("To the desk"),
        after=(
            say("It is good for {hours} hours, and once: do not pass it on. From then on, ask for a link whenever you "
                "need one, by this address: {place}",
                hours=int(INVITED_WITHIN.total_seconds() // 3600), place=f"{room.config.desk_url}/in"),
        ),
    )  # fmt: skip


def _probe(room: Newsroom, one: Letter) -> Note:
    say, paper = room.words_in(one.language).say, room.config.newsletter
    return Note(
        subject=say("{name}: does our letter reach you?", name=paper.name),
        before=(
            say("For some days {name} has come back to us when we sent it to this address.", name=paper.name),
            say("If you can read this, all is well: you need not do anything, and it goes on coming."),
            say("Should this letter come back as well, we shall stop writing to this address."),
        ),
        link=_link(room, Purpose.PREFERENCES, one.subscriber_id),
        label=say("My preferences"),
    )


def _ticket_link(room: Newsroom, one: Letter) -> str:
    """To log in by; with the page of the desk that was wanted, which the web has looked at."""
    link = room.signer.link(room.config.desk_url, Purpose.LOG_IN, int(one.details["ticket"]), one.created_at)
    after = one.details.get("after", "")
    return f"{link}?{urlencode({'after': after}, safe='/')}" if after else link


def _draft(room: Newsroom, one: Letter) -> Note:
    words, facts = room.words_in(one.language), json.loads(one.details["facts"])
    say, name = words.say, room.config.newsletter.name
    day = words.full_date(date.fromisoformat(facts["day"]))
    link = room.signer.link(room.config.desk_url, Purpose.DRAFT, int(one.details["ticket"]), one.created_at)
    subject = say("{name}: the draft of {day}", name=name, day=day)
    if not facts["stories"]:
        subject = say("{name}: nothing for {day} yet", name=name, day=day)
    return Note(
        subject=subject,
        before=_what_comes(words, facts, day),
        link=f"{link}?seen={facts['seen']}",
        after=(
            say("These links are yours alone: do not pass this letter on. They are good until the edition is out, for"
                " 24 hours at most."),
        ),
        template="draft",
        more={"facts": facts, "goes_at": _time(words, facts["goes_at"]), "may_decide": bool(one.details["may_decide"])},
    )  # fmt: skip


def _what_comes(words: Words, facts: Mapping[str, Any], day: str) -> tuple[str, ...]:
    """What the draft is, until when it can be decided on, and what happens if nobody does."""
    say, at, by = words.say, _time(words, facts["goes_at"]), _time(words, facts["decide_by"])
    if not facts["stories"]:
        considered = words.count("{n} article was looked at.", "{n} articles were looked at.", facts["considered"])
        first = say("Nothing was picked for the edition of {day} so far.", day=day)
        return (f"{first} {considered}", say("If nothing new comes by {time}, no edition goes out.", time=at))
    readers = words.count("{n} reader", "{n} readers", facts["readers"])
    first = say(
        "Here is the draft of the edition of {day}, for {readers}, at {time}.", day=day, readers=readers, time=at
    )
    if facts["status"] == "approved":
        return (first, say("It is approved already."))
    if facts["status"] == "held":
        return (first, say("It is held: it does not go before somebody approves it."))
    if facts["approval"] == "required" and by:
        return (first, say("Somebody has to approve it. If nobody has by {time}, it is held.", time=by))
    if facts["approval"] == "required":
        until = _time(words, facts["until"])
        return (
            first,
            say("It does not go before somebody has approved it; until {time} that can be done.", time=until),
        )
    if by:
        return (first, say("If nobody decides by {by}, it goes at {time} as it stands then.", by=by, time=at))
    return (first, say("If nobody decides, it goes at {time}, with what is new by then.", time=at))


def _time(words: Words, moment: str | None) -> str:
    return words.time(datetime.fromisoformat(moment)) if moment else ""


NOTES: dict[LetterKind, Callable[[Newsroom, Letter], Note]] = {
    LetterKind.CONFIRM: _confirm,
    LetterKind.KNOWN: _known,
    LetterKind.LINK: _own,
    LetterKind.NEW_ADDRESS: _new_address,
    LetterKind.ADDRESS_CHANGED: _address_changed,
    LetterKind.LOG_IN: _log_in,
    LetterKind.INVITED: _invited,
    LetterKind.DRAFT: _draft,
    LetterKind.PROBE: _probe,
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
    day, words = found.day or room.today(), room.words
    beside = found.edition if found.edition and found.edition != day.isoformat() else None  # not the day's own
    note = f"told {beside or day} {found.status} {type(found.problem).__name__}"
    subject, paper = _notice_subject(room, found, beside), room.config.newsletter
    unfit = found.problem.problems if isinstance(found.problem, Unfit) else ()
    found = _without_names(found)
    said: dict[str, Any] = {"report": found, "unfit": unfit, "subject": subject}
    text = room.look.text("email/notice.txt", paper=paper, day=day, beside=beside, **said)
    with write(room.engine) as connection:
        addresses = _to_tell(room, connection)
        if not addresses or notes.wait_for(connection, note):
            return 0
        notes.put(connection, note, room.clock().isoformat())
        values: dict[str, Any] = {"language": words.language, "now": room.clock()}
        for address in addresses:
            letters.add(connection, LetterKind.NOTICE, address, details={"subject": subject, "text": text}, **values)
    return len(addresses)


def _without_names(found: Report) -> Report:
    """Not every editor may know the readers' addresses that a relay repeats."""
    problem = NewsletterError(without_names(str(found.problem))) if found.problem else None
    return replace(found, said=without_names(found.said), problem=problem)


def _notice_subject(room: Newsroom, found: Report, beside: str | None) -> str:
    words, name = room.words, room.config.newsletter.name
    day = words.full_date(found.day or room.today())
    if beside:
        return words.say("{name}: please look at the edition {edition}", name=name, edition=beside)
    if found.status == "sending":
        return words.say("{name}: the edition of {day} is not finished", name=name, day=day)
    if found.status == "overdue":
        return words.say("{name}: the edition of {day} is overdue", name=name, day=day)
    if found.status == "held":
        return words.say("{name}: the edition of {day} is held", name=name, day=day)
    return words.say("{name}: no edition on {day}", name=name, day=day)


def _to_tell(room: Newsroom, connection: Connection) -> list[str]:
    """Whom the configuration names, and who may send at the desk: each mailbox once, however it is spelled."""
    addresses = [parseaddr(one)[1] for one in room.config.newsletter.editors]
    addresses += [one.address for one in editors.listed(connection) if one.role.may(Role.EDITOR)]
    return list({_mailbox(address): address for address in reversed(addresses)}.values())[::-1]


def _mailbox(address: str) -> str:
    try:
        return normalise(address).key
    except BadData:  # the configuration takes more than the list does, and the news must reach the others
        return address.casefold()


# --- As messages ------------------------------------------------------------------------------------


def message(room: Newsroom, one: Letter) -> Message:
    """Its message, signed: the same bytes on every attempt, since they are kept from the first one on."""
    paper = room.config.newsletter
    values: dict[str, Any] = {
        "to": one.address,
        "date": one.created_at,
        "message_id": _message_id(room, one.kind, one.id),
    }
    values["sender"] = _return_path(room, one.id)
    if one.content is not None:
        bare = letter(paper, subject="", text="", **values)
        return Message(bare.sender, bare.recipient, one.content, bare.name, bare.utf8)
    if one.kind is LetterKind.NOTICE:
        return room.seal(letter(paper, subject=one.details["subject"], text=one.details["text"], **values))
    if one.kind not in NOTES:
        raise BadData(f"nothing is left of this letter ({one.kind})")
    note = NOTES[one.kind](room, one)
    look = room.look_in(one.language)
    contact = parseaddr(paper.reply_to or paper.sender)[1]
    said: dict[str, Any] = {"note": note, "title": paper.title, "contact": contact, **note.more}
    text = look.text(f"email/{note.template}.txt", **said).strip("\n") + "\n"
    html = look.html(f"email/{note.template}.mjml", **said)
    return room.seal(letter(paper, subject=note.subject, text=text, html=html, **values))


def passed_on(
    room: Newsroom,
    letter_id: int,
    *,
    to: str,
    reply_to: str,
    subject: str,
    text: str,
    original: bytes | None,
    now: datetime,
) -> Message:
    """A reader's letter as the newsroom gets it, signed; with the mail itself, where that is given."""
    message_id = _message_id(room, LetterKind.PASSED_ON, letter_id)
    values: dict[str, Any] = {"to": to, "reply_to": reply_to, "subject": subject, "text": text, "original": original}
    values |= {"date": now, "message_id": message_id, "sender": _return_path(room, letter_id)}
    return room.seal(forward(room.config.newsletter, **values))


def _message_id(room: Newsroom, kind: LetterKind, letter_id: int) -> str:
    token = room.signer.token(Purpose.LETTER, letter_id)
    return f"<{kind.value.replace('_', '-')}.{token}@{room.config.newsletter.list_id}>"


def _return_path(room: Newsroom, letter_id: int) -> str:
    """Where it comes back to: by delivery.return_path, as editions do."""
    rule = room.config.delivery.return_path
    if rule == "plain":
        return parseaddr(room.config.newsletter.sender)[1]
    return rule.replace("{token}", room.signer.token(Purpose.LETTER, letter_id))
