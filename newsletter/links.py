"""Signed links and return addresses: made and read. Pure; the keys come from the store.

A token is base32 in lower case (mail programs cut links at odd characters, and some relays fold a return path's
case) of: one byte for the key, the subject's id, for some purposes the second in which it was made (four bytes), and
16 bytes of HMAC-SHA256 over newsletter, purpose and all of that. It proves that we made it for this purpose; it says
nothing of a person. At most 45 characters for ids below 2**56.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

MAC_BYTES = 16  # 128 bits: RFC 8058, 3.1 asks for a part that is hard to forge
NOBODY = 0  # the id of no subscriber: test mails carry links made for it
TIME_BYTES = 4  # of a second since 1970, good until 2106
HMAC_BLOCK = 64  # of SHA-256 (RFC 2104, 2)


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
    LOG_IN = "log_in"  # of an editor's ticket; dated
    DRAFT = "draft"  # of an editor's ticket for a draft; dated
    SESSION = "session"  # of an editor's session: in their cookie; dated
    DESK = "desk"  # of an editor's session: in the desk's forms; dated

    @property
    def dated(self) -> bool:
        """Such a token holds the second in which it was made: it does not last."""
        return self in DATED


DATED = frozenset([Purpose.CONFIRM, Purpose.OWN, Purpose.ADDRESS, Purpose.FORM])
DATED |= {Purpose.LOG_IN, Purpose.DRAFT, Purpose.SESSION, Purpose.DESK}
PATHS = {  # below public_url
    Purpose.UNSUBSCRIBE: "u",
    Purpose.PREFERENCES: "p",
    Purpose.CONFIRM: "c",
    Purpose.OWN: "d",
    Purpose.ADDRESS: "a",
}
DESK_PATHS = {Purpose.LOG_IN: "in", Purpose.DRAFT: "draft"}  # below the desk's address


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
        body = bytes([self.current]) + number(subject)
        if purpose.dated:
            if at is None:
                raise ValueError(f"a token to {purpose} needs its moment")
            body += int(at.timestamp()).to_bytes(TIME_BYTES, "big")
        return base32(body + self._mac(self.current, purpose, body)).decode("ascii")

    def maker(self, purpose: Purpose) -> Callable[[bytes], bytes]:
        """`token` for a purpose that is not dated, for whoever needs many: `number(subject)` → the token in ASCII.

        What is the same for all of them is worked into the hash once, and copied: a third of the time.
        """
        if purpose.dated:
            raise ValueError(f"a token to {purpose} needs its moment")
        head = bytes([self.current])
        inner, outer = _hmac_halves(self.keys[self.current])
        inner.update(b"\0".join([self.list_id.encode(), purpose.value.encode(), head]))
        begin, finish = inner.copy, outer.copy

        def make(number: bytes) -> bytes:
            first = begin()
            first.update(number)
            last = finish()
            last.update(first.digest())
            return base32(head + number + last.digest()[:MAC_BYTES])

        return make

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

    def link(self, base: str, purpose: Purpose, subject: int, at: datetime | None = None) -> str:
        """A reader's own link: at most 60 characters longer than its base, public_url. An editor's: below the desk."""
        path = PATHS.get(purpose) or DESK_PATHS[purpose]
        return f"{base}/{path}/{self.token(purpose, subject, at)}"


def number(subject: int) -> bytes:
    """An id as a token holds it: in as few bytes as will do."""
    return subject.to_bytes((subject.bit_length() + 7) // 8 or 1, "big")


def _hmac_halves(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """HMAC-SHA256 with the key worked in: the inner hash, which takes the message, and the outer (RFC 2104, 2)."""
    key = (hashlib.sha256(key).digest() if len(key) > HMAC_BLOCK else key).ljust(HMAC_BLOCK, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(bytes(byte ^ 0x5C for byte in key))


def archive_link(public_url: str, edition: str) -> str:
    """Where an edition is read online: the same for everybody."""
    return f"{public_url}/archive/{edition}"


# --- Base32 ---------------------------------------------------------------------------------------


def base32(raw: bytes) -> bytes:
    """RFC 4648's base32 in lower case, without padding, of at most 40 bytes.

    All groups of five bits are moved into bytes of their own at once, by halves, quarters, … of one large number: three
    times as fast as base64.b32encode, and every mail holds three of them.
    """
    short = len(raw) <= 20
    bits = int.from_bytes(raw.ljust(20 if short else 40, b"\0"), "big")
    for shift, low, high in SHORT if short else LONG:
        bits = bits & low | (bits & high) << shift
    return bits.to_bytes(32 if short else 64, "big").translate(DIGITS)[: LENGTHS[len(raw)]]


def _steps(groups: int) -> tuple[tuple[int, int, int], ...]:
    """For `base32`: by how many bits the upper halves move up, with the masks of the lower and the upper halves."""
    steps = []
    half = groups // 2
    while half:
        low = sum(((1 << 5 * half) - 1) << 8 * start for start in range(0, groups, 2 * half))
        steps.append((3 * half, low, low << 5 * half))
        half //= 2
    return tuple(steps)


DIGITS = b"abcdefghijklmnopqrstuvwxyz234567" * 8  # a table for bytes.translate; only the first 32 are ever looked up
LENGTHS = tuple((8 * size + 4) // 5 for size in range(41))
SHORT, LONG = _steps(32), _steps(64)  # of 20 bytes, of 40
