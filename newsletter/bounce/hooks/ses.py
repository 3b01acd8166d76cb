"""Amazon SES: events (`eventType`) and the older notifications (`notificationType`), as SNS hands them on.

Field names and values: AWS's “Contents of event data that Amazon SES publishes to Amazon SNS” and “Amazon SNS
notification contents for Amazon SES”.
"""

from __future__ import annotations

from typing import Any

from newsletter.bounce.hooks import Judge, at, clues, digest, failure, items, parse, record, text
from newsletter.errors import BadData
from newsletter.model import Clues, Failure, Reason, Returned, ReturnKind

# What a bounce means where no server's words come with it, and whether the address is dead for certain. A suppressed
# address is one to which SES writes no more: on its own list since it bounced hard lately, on the account's for
# whatever reason.
SUB_TYPES = {
    "NoEmail": (Reason.UNKNOWN_USER, True),
    "Suppressed": (Reason.UNKNOWN_USER, True),
    "OnAccountSuppressionList": (Reason.NOT_ALLOWED, False),
    "OnTenantSuppressionList": (Reason.NOT_ALLOWED, False),
    "EmailValidationSuppressed": (Reason.NOT_ALLOWED, False),  # SES believes that it is dead, and did not try
    "UnsubscribedRecipient": (Reason.NOT_ALLOWED, False),
    "MailboxFull": (Reason.MAILBOX_FULL, False),
    "MessageTooLarge": (Reason.TOO_BIG, False),
    "ContentRejected": (Reason.CONTENT, False),
    "AttachmentRejected": (Reason.CONTENT, False),
    "CustomTimeoutExceeded": (Reason.EXPIRED, False),
}
UNTRIED = (  # the words are SES's own
    "Suppressed",
    "OnAccountSuppressionList",
    "OnTenantSuppressionList",
    "EmailValidationSuppressed",
    "UnsubscribedRecipient",
)
UNKNOWN = (Reason.OTHER, False)
PERMANENT = {"Permanent": True, "Transient": False}
NO_COMPLAINTS = ("not-spam", "auth-failure")  # the contrary, and a report of machines (RFC 6650, RFC 6591)
GREETING = "Successfully validated SNS topic for Amazon SES"  # what SES says when it is set up: no JSON


def read(message: str, judge: Judge) -> list[tuple[str, Returned]]:
    """The `Message` of a notification. What is no news of a delivery (opened, clicked, sent) is nothing."""
    if message.startswith(GREETING):
        return []
    event = record(parse(message))
    kind = text(event.get("eventType") or event.get("notificationType"))
    mail = event.get("mail")
    if not kind:
        raise BadData("what Amazon told is no event of SES")
    reader = {"Bounce": _bounce, "Complaint": _complaint, "DeliveryDelay": _delay, "Reject": _reject}.get(kind)
    if kind == "Delivery":
        said = event.get("delivery")
        return [_event(kind, mail, said, Returned(ReturnKind.DELIVERED, clues=_clues(mail)))]
    if reader is None:
        return []
    said = event.get(kind[0].lower() + kind[1:])
    returned = reader(mail, said, judge)
    return [_event(kind, mail, said, returned)] if returned else []


def _event(kind: str, mail: Any, said: Any, returned: Returned) -> tuple[str, Returned]:
    """Known by the number of the report, where there is one; else by the mail, its recipients and its moment."""
    number = text(at(said, "feedbackId"))
    who = [one.address for one in returned.failures] or [text(one) for one in items(at(said, "recipients"))]
    parts = [number] if number else [at(mail, "messageId"), at(said, "timestamp"), at(mail, "timestamp")]
    return digest("ses", kind, *parts, *who), returned


def _bounce(mail: Any, said: Any, judge: Judge) -> Returned:
    permanent = PERMANENT.get(text(at(said, "bounceType")))
    kind = text(at(said, "bounceSubType"))
    asked = None if kind in UNTRIED else judge
    failures = _failures(at(said, "bouncedRecipients"), permanent, SUB_TYPES.get(kind, UNKNOWN), asked)
    if permanent is False and kind == "General" and not any(map(_says_why, failures)):
        return Returned(ReturnKind.VACATION, clues=_clues(mail), sender=failures[0].address if failures else "")
    return Returned(ReturnKind.BOUNCE, failures, _clues(mail))


def _says_why(one: Failure) -> bool:
    """A server's report does, by words or by its code. An answer out of the office, which SES tells as a bounce that is
    Transient and General (its own rate of bounces leaves it out), has neither."""
    return bool(one.text) or one.reason is not Reason.OTHER


def _delay(mail: Any, said: Any, judge: Judge) -> Returned:
    failures = _failures(at(said, "delayedRecipients"), False, (Reason.DELAYED, False), judge)
    still = tuple(Failure(one.address, False, Reason.DELAYED, False, one.code, one.text) for one in failures)
    return Returned(ReturnKind.BOUNCE, still, _clues(mail))


def _reject(mail: Any, said: Any, judge: Judge) -> Returned:
    """SES found a virus in it, and sent it to nobody."""
    words = text(at(said, "reason"))
    failures = [Failure(text(one), True, Reason.CONTENT, text=words) for one in items(at(mail, "destination"))]
    return Returned(ReturnKind.BOUNCE, tuple(failures), _clues(mail))


def _complaint(mail: Any, said: Any, judge: Judge) -> Returned | None:
    kind = text(at(said, "complaintFeedbackType"))
    if kind in NO_COMPLAINTS:
        return None
    who = [text(at(one, "emailAddress")) for one in items(at(said, "complainedRecipients"))]
    # Of a mail with several recipients SES names all that may have complained: a mail of ours has one.
    failures = tuple(Failure(one, suppress=len(who) <= 1, text=kind) for one in who or [""])
    return Returned(ReturnKind.FEEDBACK, failures, _clues(mail))


def _failures(
    recipients: Any, permanent: bool | None, otherwise: tuple[Reason, bool], judge: Judge | None
) -> tuple[Failure, ...]:
    return tuple(
        failure(
            at(one, "emailAddress"),
            permanent,
            otherwise,
            judge,
            said=at(one, "diagnosticCode"),
            status=at(one, "status"),
        )
        for one in items(recipients)
    )


def _clues(mail: Any) -> Clues:
    """The sender is the return path that we gave. SES writes a Message-ID of its own over ours, and tells ours here;
    its own number is what it answered when it accepted the mail."""
    headers = [(text(at(one, "name")).lower(), at(one, "value")) for one in items(at(mail, "headers"))]
    own = [value for name, value in headers if name == "message-id"]
    links = [value for name, value in headers if name == "list-unsubscribe"]
    paths = [at(mail, "source")]
    return clues(paths, [at(mail, "commonHeaders", "messageId"), *own], links, [at(mail, "messageId")])
