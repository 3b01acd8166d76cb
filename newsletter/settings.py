"""Small values that a configuration is made of: the mail's way out and in, its rate, the days. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
PORTS = {"plain": 25, "starttls": 587, "tls": 465}
Security = Literal["plain", "starttls", "tls"]
IMAP_PORTS: dict[str, tuple[Security, int]] = {
    "imaps": ("tls", 993),
    "imap+starttls": ("starttls", 143),
    "imap": ("plain", 143),
}


def is_loopback(host: str) -> bool:
    """This machine itself, by name or by address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Via:
    """How mail leaves: into a Maildir, or to a relay by SMTP."""

    text: str  # as it is written
    kind: Literal["maildir", "smtp"]
    path: str = ""  # of the Maildir
    host: str = ""
    port: int = 0
    security: Security = "plain"
    user: str | None = None

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: object) -> Via:
        """Read `maildir:PATH`, `smtp://…`, `smtp+starttls://…`, `smtps://…` or `smtp+plain://…`.

        Off loopback `smtp://` requires STARTTLS: only `smtp+plain://` sends in the clear (RFC 8314).
        """
        if isinstance(value, Via):
            return value
        text = str(value).strip()
        if text.startswith("maildir:"):
            path = text.removeprefix("maildir:")
            if not path:
                raise ValueError('needs a folder, as "maildir:outbox"')
            return cls(text, "maildir", path=path)
        return cls._parse_relay(text)

    @classmethod
    def _parse_relay(cls, text: str) -> Via:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError("its port must be a number up to 65535") from None
        schemes = ("smtp", "smtp+plain", "smtp+starttls", "smtps")
        if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(
                'must be "maildir:FOLDER", "smtp://host:25", "smtp+starttls://user@host:587",'
                ' "smtps://user@host:465" or "smtp+plain://host:25"'
            )
        if parts.password is not None:
            raise ValueError("must not hold a password: use NEWSLETTER_SMTP_PASSWORD or delivery.password_file")
        local = is_loopback(parts.hostname)
        security: Security = "plain"
        if parts.scheme == "smtps":
            security = "tls"
        elif parts.scheme == "smtp+starttls" or (parts.scheme == "smtp" and not local):
            security = "starttls"
        if parts.username and security == "plain" and not local:
            raise ValueError("would send the password in the clear: use smtp+starttls:// or smtps://")
        default = 25 if parts.scheme == "smtp" else PORTS[security]
        user = unquote(parts.username) if parts.username else None
        return cls(text, "smtp", host=parts.hostname, port=port or default, security=security, user=user)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where what comes back is read."""

    text: str  # as it is written
    kind: Literal["maildir", "mbox", "imap"]
    path: str = ""  # of the Maildir, of the mbox file
    host: str = ""
    port: int = 0
    security: Security = "tls"
    user: str = ""
    folder: str = "INBOX"

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: object) -> Inbox | None:
        """Read `maildir:PATH`, `mbox:FILE`, `imaps://user@host/FOLDER`, `imap+starttls://…`; "" is none.

        `imap://` speaks in the clear, and so with this machine alone (RFC 8314, 3).
        """
        if value in (None, "") or isinstance(value, Inbox):
            return value or None  # type: ignore[return-value]
        text = str(value).strip()
        kind, _, path = text.partition(":")
        if kind in ("maildir", "mbox") and path:
            return cls(text, "maildir" if kind == "maildir" else "mbox", path=path)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError("its port must be a number up to 65535") from None
        if parts.scheme not in IMAP_PORTS or not parts.hostname or not parts.username or parts.query:
            raise ValueError(
                'must be "maildir:FOLDER", "mbox:FILE", "imaps://user@host/INBOX" or "imap+starttls://user@host/INBOX"'
            )
        if parts.password is not None:
            raise ValueError("must not hold a password: use NEWSLETTER_BOUNCES_PASSWORD or bounces.password_file")
        security, usual = IMAP_PORTS[parts.scheme]
        if security == "plain" and not is_loopback(parts.hostname):
            raise ValueError("would send the password in the clear: use imaps:// or imap+starttls://")
        return cls(
            text,
            "imap",
            host=parts.hostname,
            port=port or usual,
            security=security,
            user=unquote(parts.username),
            folder=unquote(parts.path.strip("/")) or "INBOX",
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` messages in `seconds` seconds."""

    count: int
    seconds: int
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def interval(self) -> float:
        """Seconds between two messages."""
        return self.seconds / self.count

    @classmethod
    def parse(cls, value: object) -> Rate | None:
        """Read `30/minute`, `200/hour`, `14/second`, `500/day`; `0` is no limit."""
        if value is None or isinstance(value, Rate):
            return value
        text = str(value).strip()
        if text == "0":
            return None
        match = re.fullmatch(r"(\d{1,7})\s*/\s*(second|minute|hour|day)s?", text)
        if not match or int(match[1]) == 0:
            raise ValueError('must be "0" for no limit, or a rate as "30/minute", "200/hour", "14/second", "500/day"')
        return cls(int(match[1]), SECONDS[match[2]], text)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the week on which there is an edition; Monday is 0."""

    numbers: frozenset[int]
    text: str

    def __str__(self) -> str:
        return self.text

    def __contains__(self, weekday: int) -> bool:
        return weekday in self.numbers

    @classmethod
    def parse(cls, value: object) -> Days:
        """Read `mon-sun`, `mon-fri`, `mon,wed,fri`, `sat-mon`, or a list of such."""
        if isinstance(value, Days):
            return value
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        numbers: set[int] = set()
        for part in text.lower().replace(" ", "").split(","):
            first, _, last = part.partition("-")
            if first not in DAY_NAMES or (last or first) not in DAY_NAMES:
                raise ValueError('must name days, as "mon-sun", "mon-fri" or "mon,wed,fri"')
            start, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
            numbers.update((start + i) % 7 for i in range((end - start) % 7 + 1))
        return cls(frozenset(numbers), text)
