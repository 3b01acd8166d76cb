"""What comes of asking an address. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from newsletter.model import Validators


@dataclass(frozen=True, slots=True)
class Page:
    """What came: the final URL, the status (200–299, or 304 with an empty body), the decompressed body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    validators: Validators
    notes: tuple[str, ...] = ()  # moved for good, or to another host


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a reader's program would meet at a URL: the status, the kind of content, how many bytes of it."""

    status: int
    kind: str  # "image/jpeg"; empty where it is not said
    bytes: int | None  # as they are sent; at least so many where more than the limit; None: there are none to count


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request as it is: whatever the status, and where it would lead."""

    status: int
    headers: Mapping[str, str]
    body: bytes  # at most its first CHUNK
    certified_until: datetime | None = None  # of the certificate, where it was asked by https


def seconds_to_wait(value: str | None, now: datetime) -> float | None:
    """What Retry-After says, in seconds: a number of them, or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
