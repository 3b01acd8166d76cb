"""Signed links and return addresses: made and read. Pure; the keys come from the store.

A token is base32 in lower case (mail programs cut links at odd characters, and some relays fold a return path's
case) of: one byte for the key, the subject's id, for some purposes the second in which it was made (four bytes), and
16 bytes of HMAC-SHA256 over newsletter, purpose and all of that. It proves that we made it for this purpose; it says
nothing of a person. At most 45 characters for ids below 2**56.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

MAC_BYTES = 16  # 128 bits: RFC 8058, 3.1 asks for a part that is hard to forge
TIME_BYTES = 4  # of a second since 1970, good until 2106


class Purpose(StrEnum):
    """What a token is good for; one made for one purpose is worth nothing for another."""

    UNSUBSCRIBE = "unsubscribe"  # of a subscriber
    PREFERENCES = "preferences"  # of a subscriber
    DELIVERY = "delivery"  # of a delivery: its Message-ID and return path
    LETTER = "letter"  # of a letter: its Message-ID
    CONFIRM = "confirm"  # of a subscriber; dated
    OWN = "own"  # of a subscriber: to their own data; dated
    ADDRESS = "address"  # of an address change; dated
    FORM = "form"  # of nobody: when a sign-up page was shown; dated

    @property
    def dated(self) -> bool:
        """Such a token holds the second in which it was made: it does not last."""
        return self in (Purpose.CONFIRM, Purpose.OWN, Purpose.ADDRESS, Purpose.FORM)


PATHS = {
    Purpose.UNSUBSCRIBE: "u",
    Purpose.PREFERENCES: "p",
    Purpose.CONFIRM: "c",
    Purpose.OWN: "d",
    Purpose.ADDRESS: "a",
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and reads the tokens of one newsletter.

    `keys` maps a key's number (0–255) to its secret; `current` signs, all of them verify, so that links stay good
    when keys change.
    """

    list_id: str
    keys: Mapping[int, bytes]
    current: int

    def token(self, purpose: Purpose, subject: int, at: datetime | None = None) -> str:
        """A token for what has this id; for a dated purpose, made at this moment (aware)."""
        body = bytes([self.current]) + subject.to_bytes((subject.bit_length() + 7) // 8 or 1, "big")
        if purpose.dated:
            if at is None:
                raise ValueError(f"a token to {purpose} needs its moment")
            body += int(at.timestamp()).to_bytes(TIME_BYTES, "big")
        signed = body + self._mac(self.current, purpose, body)
        return base64.b32encode(signed).decode("ascii").rstrip("=").lower()

    def read(self, purpose: Purpose, token: str) -> int | None:
        """The id a token was made for; None where it is not ours, or not for this purpose."""
        found = self.read_dated(purpose, token)
        return found[0] if found else None

    def read_dated(self, purpose: Purpose, token: str) -> tuple[int, datetime] | None:
        """The id a token was made for, and when it was made (1970 where the purpose is not dated); else None."""
        if not token.isascii() or len(token) > 64:
            return None
        try:
            raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except ValueError:
            return None
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        end = len(body) - (TIME_BYTES if purpose.dated else 0)
        if end < 2 or body[0] not in self.keys:
            return None
        if not hmac.compare_digest(mac, self._mac(body[0], purpose, body)):
            return None
        subject = int.from_bytes(body[1:end], "big")
        at = datetime.fromtimestamp(int.from_bytes(body[end:], "big"), UTC)
        # base32 has spare bits at its end, and a number may be written with leading zeros: one id, one token.
        same = Signer(self.list_id, self.keys, body[0]).token(purpose, subject, at)
        return (subject, at) if hmac.compare_digest(same, token.lower()) else None

    def knows(self, token: str) -> bool:
        """Whether we hold the key that the token names; another process may have made a newer one."""
        try:
            number = base64.b32decode(token[:8].upper())[0]
        except (ValueError, IndexError):
            return True  # no token at all: no key would make it one
        return number in self.keys or number > max(self.keys) + 1  # a number far beyond is made up

    def _mac(self, key: int, purpose: Purpose, body: bytes) -> bytes:
        message = b"\0".join([self.list_id.encode(), purpose.value.encode(), body])
        return hmac.digest(self.keys[key], message, "sha256")[:MAC_BYTES]

    def link(self, public_url: str, purpose: Purpose, subject: int, at: datetime | None = None) -> str:
        """A reader's own link: at most 60 characters longer than `public_url`."""
        return f"{public_url}/{PATHS[purpose]}/{self.token(purpose, subject, at)}"


def archive_link(public_url: str, edition: str) -> str:
    """Where an edition is read online: the same for everybody."""
    return f"{public_url}/archive/{edition}"
