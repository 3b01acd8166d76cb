"""What came back → what it says. In comes a mail's bytes, out goes what it is, whom it names and why. Pure but for
`inbox`, which fetches them."""

from __future__ import annotations

from newsletter.bounce.addresses import listed, tidy
from newsletter.bounce.clues import clues_of
from newsletter.bounce.failures import failures_of, is_delivered
from newsletter.bounce.feedback import complaint_of
from newsletter.bounce.kinds import Signs
from newsletter.bounce.mail import Part, normal, parse
from newsletter.bounce.prose import Prose, prose_of
from newsletter.bounce.wants import wants_to_leave
from newsletter.model.bounces import Failure, Returned, ReturnKind

__all__ = ["head_of", "read", "text_of"]


def read(raw: bytes) -> Returned:
    """What a mail is. It never raises, and takes bounded time and memory, whatever the bytes are."""
    data = normal(raw)
    mail = parse(data)
    prose = prose_of(mail)
    kind, failures, envelopes = _read(mail, prose, data)
    clues = clues_of(mail, prose, envelopes)
    sender = next(iter(listed([*mail.all("from")[:1], *mail.all("sender")[:1]])), "") or tidy(mail.first("return-path"))
    return Returned(kind, failures, clues, sender, mail.first("subject")[:500])


def _read(mail: Part, prose: Prose, data: bytes) -> tuple[ReturnKind, tuple[Failure, ...], list[str]]:
    complaint = complaint_of(mail)
    if complaint is not None:
        return ReturnKind.FEEDBACK, complaint, []
    signs = Signs(mail, prose)
    if signs.asked_by_a_service and not signs.of_a_person:
        return ReturnKind.CHALLENGE, (), []
    found = failures_of(mail, prose, signs, data)
    if found.failures or found.is_bounce:
        return ReturnKind.BOUNCE, found.failures, found.envelopes
    if found.delivered or is_delivered(mail, prose, signs):
        return ReturnKind.DELIVERED, found.delivered, found.envelopes
    if signs.challenge and not signs.of_a_person:
        return ReturnKind.CHALLENGE, (), []
    if "x-apple-unsubscribe" in mail.headers:  # a mail program's own, in its reader's name
        return ReturnKind.UNSUBSCRIBE, (), []
    if signs.away:
        return ReturnKind.VACATION, (), []
    if not signs.from_a_server and wants_to_leave(signs.subject, prose.own):
        return ReturnKind.UNSUBSCRIBE, (), []
    return ReturnKind.LETTER, (), []


def text_of(raw: bytes) -> str:
    """What the mail says itself, as plain text, without what it quotes of ours. It never raises, as `read`."""
    return prose_of(parse(normal(raw))).own.strip()


def head_of(raw: bytes, name: str) -> str:
    """The first field of that name in the mail's own head, `name` in small letters. It never raises, as `read`."""
    return parse(normal(raw)).first(name)
