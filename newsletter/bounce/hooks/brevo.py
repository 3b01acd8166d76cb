"""Brevo: one event, or several at once where its webhook is told to gather them.

Field names and values: Brevo's “Transactional webhooks”. Nothing is signed.
"""

from __future__ import annotations

from typing import Any

from newsletter.bounce.hooks import Judge, clues, digest, failure, record, text
from newsletter.errors import BadData
from newsletter.model import Failure, Reason, Returned, ReturnKind

AT_ONCE = 1000  # events in one request
# Whether it is for good, and what it means where no server's words come with it.
FAILED: dict[str, tuple[bool | None, tuple[Reason, bool]]] = {
    "hard_bounce": (True, (Reason.OTHER, False)),
    "soft_bounce": (False, (Reason.OTHER, False)),
    "blocked": (True, (Reason.NOT_ALLOWED, False)),  # by Brevo's own list
    "invalid_email": (True, (Reason.UNKNOWN_USER, True)),
    "deferred": (False, (Reason.DELAYED, False)),
    "error": (None, (Reason.SYSTEM, False)),
}
UNTRIED = ("blocked", "invalid_email")  # the words are Brevo's own
# As the events are called where a webhook is set up, and as they were called once.
OTHER_NAMES = {"hardbounce": "hard_bounce", "softbounce": "soft_bounce", "invalid": "invalid_email"}
OTHER_NAMES |= {"unsubscribe": "unsubscribed", "complaint": "spam"}


def read(body: Any, judge: Judge) -> list[tuple[str, Returned]]:
    """The events. What is no news of a delivery (sent, opened, clicked) is nothing."""
    events = body if isinstance(body, list) else [body]
    if len(events) > AT_ONCE:
        raise BadData(f"Brevo told more than {AT_ONCE} events at once")
    found = []
    for event in map(record, events):
        kind = text(event.get("event")).lower()
        if not kind:
            raise BadData("what Brevo told is no event")
        returned = _returned(OTHER_NAMES.get(kind, kind), event, judge)
        if returned is not None:
            moment = event.get("ts_event") or event.get("ts_epoch") or event.get("date")
            parts = kind, event.get("message-id"), event.get("email"), moment
            found.append((digest("brevo", *parts), returned))
    return found


def _returned(kind: str, event: dict[str, Any], judge: Judge) -> Returned | None:
    """Brevo answers with the Message-ID when it accepts a mail: so that may be its queue id too."""
    address, named = text(event.get("email")), event.get("message-id")
    found = clues([], [named], words=[named])
    if kind == "delivered":
        return Returned(ReturnKind.DELIVERED, clues=found)
    if kind == "spam":
        return Returned(ReturnKind.FEEDBACK, (Failure(address, suppress=True),), found)
    if kind == "unsubscribed":
        return Returned(ReturnKind.UNSUBSCRIBE, clues=found, sender=address)
    if kind not in FAILED:
        return None
    permanent, otherwise = FAILED[kind]
    one = failure(address, permanent, otherwise, None if kind in UNTRIED else judge, said=event.get("reason"))
    if kind == "deferred":
        one = Failure(address, False, Reason.DELAYED, False, one.code, one.text)
    return Returned(ReturnKind.BOUNCE, (one,), found)
