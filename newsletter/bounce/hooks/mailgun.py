"""Mailgun: `event-data`, and the signature that comes beside it in the body.

Field names and values: Mailgun's “Webhook payloads”, “Event structure” and “Securing webhooks”.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from newsletter.bounce.hooks import Judge, at, clues, digest, failure, record, text
from newsletter.errors import BadData
from newsletter.model import Failure, Reason, Returned, ReturnKind

WINDOW = 15 * 60  # seconds that a message may be old, or before its time
# What `reason` says where no server's words come with it. Mailgun sends nothing more to an address that is suppressed,
# for a refusal of whatever kind: that alone makes none dead.
REASONS = {
    "suppress-bounce": (Reason.NOT_ALLOWED, False),
    "suppress-complaint": (Reason.NOT_ALLOWED, False),
    "suppress-unsubscribe": (Reason.NOT_ALLOWED, False),
    "old": (Reason.EXPIRED, False),
    "espblock": (Reason.BLOCKED, False),
    "greylisted": (Reason.THROTTLED, False),
}


def signed(body: Any, key: str, now: datetime) -> bool:
    """Whether who knows the key signed it, lately."""
    signature = at(body, "signature")
    stamp, token, given = (at(signature, name) for name in ("timestamp", "token", "signature"))
    stamp = text(stamp, 20)
    if not isinstance(token, str) or not isinstance(given, str) or not stamp.isascii() or not stamp.isdigit():
        return False
    right = hmac.digest(key.encode(), f"{stamp}{token}".encode("utf-8", "replace"), "sha256").hex()
    fresh = abs(now.timestamp() - int(stamp)) <= WINDOW
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")) and fresh


def read(body: Any, judge: Judge) -> list[tuple[str, Returned]]:
    """The event. What is no news of a delivery (accepted, opened, clicked) is nothing."""
    event = record(body).get("event-data")
    kind = text(at(event, "event"))
    if not kind:
        raise BadData("what Mailgun told is no event: only the webhooks in JSON are read")
    returned = _returned(kind, event, judge)
    if returned is None:
        return []
    headers = at(event, "message", "headers", "message-id")
    # An id is said to be unique for a day.
    parts = kind, at(event, "id"), at(event, "timestamp"), headers, at(event, "recipient")
    return [(digest("mailgun", *parts), returned)]


def _returned(kind: str, event: Any, judge: Judge) -> Returned | None:
    address = text(at(event, "recipient"))
    found = clues(
        [at(event, "envelope", "sender")],
        [at(event, "message", "headers", "message-id")],
        words=[at(event, "storage", "key")],
    )
    if kind == "delivered":
        return Returned(ReturnKind.DELIVERED, clues=found)
    if kind == "complained":
        return Returned(ReturnKind.FEEDBACK, (Failure(address, suppress=True),), found)
    if kind == "unsubscribed":
        return Returned(ReturnKind.UNSUBSCRIBE, clues=found, sender=address)
    if kind in ("failed", "rejected"):
        return Returned(ReturnKind.BOUNCE, (_failure(event, address, judge),), found)
    return None


def _failure(event: Any, address: str, judge: Judge) -> Failure:
    if text(at(event, "event")) == "rejected":  # by Mailgun itself, which sent it to nobody
        return Failure(address, True, Reason.CONTENT, text=text(at(event, "reject", "reason"), 500))
    status = at(event, "delivery-status")
    permanent = {"permanent": True, "temporary": False}.get(text(at(event, "severity")))
    reason = text(at(event, "reason"))
    found = failure(
        address,
        permanent,
        REASONS.get(reason, (Reason.OTHER, False)),
        None if reason.startswith("suppress-") else judge,
        said=at(status, "message") or at(status, "description"),
        status=at(status, "enhanced-code"),
        code=at(status, "code"),
    )
    if permanent is False:  # Mailgun goes on trying
        return Failure(address, False, Reason.DELAYED, False, found.code, found.text)
    return found
