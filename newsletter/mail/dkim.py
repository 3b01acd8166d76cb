"""DKIM signatures (RFC 6376, 8301, 8463), by RSA and Ed25519. Pure: keys come in as loaded objects.

    Sealer("journal.example", [("lettre", key)]).seal(message) → the same message, signed
    sealer.sign(prepare(message))                              the same in two steps, for two threads

Canonicalisation is relaxed for the header and simple for the body: relays may fold a field anew, while our body is
quoted-printable with short lines, which nobody has a reason to touch, and goes into the hash as it is. There is no l=:
nothing can be added at the end. The same message gives the same signature every time: t= is its Date, and neither
RSA's PKCS #1 v1.5 nor Ed25519 throws dice.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from newsletter.model import Message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = RSAPrivateKey | Ed25519PrivateKey

# What is signed where it is there: what RFC 8058, 4 and RFC 6376, 5.4.1 ask for, and what says how the mail is read.
COVERED = (
    b"From", b"Subject", b"Date", b"To", b"Reply-To", b"Message-ID", b"MIME-Version", b"Content-Type",
    b"Content-Transfer-Encoding", b"List-Id", b"List-Unsubscribe", b"List-Unsubscribe-Post", b"List-Archive",
    b"List-Owner", b"List-Post", b"Feedback-ID", b"Auto-Submitted",
)  # fmt: skip
OVER_SIGNED = (
    b"From",
    b"Subject",
)  # named once more than they are there: nobody can add a second one later
WIDTH = 72  # of a line of the signature
TXT_STRING = 255  # characters of one string in a TXT record (RFC 1035, 3.3)
END = b"\r\n\r\n"


# --- What is signed -------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What is signed of all messages of one template, made once (see `plan`)."""

    names: tuple[bytes, ...]  # h=
    pieces: tuple[bytes, ...]  # the signed fields in canonical form, cut where a reader's own values stand
    order: tuple[int, ...]  # which of the values stands between them
    body: hashlib._Hash  # has seen all of the body that stands before anything personal
    length: int  # how much that was


# What its template knows of a message: the plan, a reader's own values in the header, its Date in seconds since 1970,
# and the content of which all that is true. A bare tuple, since one is made for each message.
Known = tuple[Plan, tuple[bytes, ...], int, bytes]


@dataclass(frozen=True, slots=True)
class Planned(Message):
    """A message that was made from a template, and remembers how: cheaper to sign than one that has to be read."""

    known: Known | None = field(repr=False, compare=False, default=None)


def plan(parts: Sequence[bytes], order: Sequence[int]) -> Plan:
    """A template's constant pieces, and which value stands in each hole of its header → its Plan.

    Values must be what canonicalisation would leave alone: no space at their ends, nowhere two of them.
    """
    marked = parts[0]
    for number, part in zip(order, parts[1:], strict=False):
        marked += b"\0%d\0" % number + part
    head, _, body = marked.partition(END)
    names, fields = _covered(head)
    pieces = re.split(rb"\0(\d+)\0", fields)
    numbers = tuple(int(number) for number in pieces[1::2])
    return Plan(names, tuple(pieces[::2]), numbers, hashlib.sha256(body), len(body))


def _covered(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names for h=, and the fields they name in relaxed form (RFC 6376, 3.4.2), the last of a kind first."""
    found: dict[bytes, list[bytes]] = {}
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").split(b"\r\n"):
        name, _, value = line.partition(b":")
        found.setdefault(name.strip().lower(), []).insert(0, _relaxed(value))
    names = []
    fields = b""
    for name in COVERED:
        values = found.get(name.lower(), [])
        names += [name] * (len(values) + (name in OVER_SIGNED))
        fields += b"".join(b"%b:%b\r\n" % (name.lower(), value) for value in values)
    return tuple(names), fields


def _relaxed(value: bytes) -> bytes:
    """A field's value, unfolded already, with each run of space as one."""
    return b" ".join(value.split())


class Prepared(NamedTuple):
    """A message with all that its signatures need: its body is hashed, its header in canonical form."""

    message: Message
    names: tuple[bytes, ...]  # h=
    fields: bytes
    body: bytes  # bh=
    at: int  # t=


def prepare(message: Message) -> Prepared:
    """The first half of `Sealer.seal`. Needs no key."""
    content = message.content
    start = content.index(END) + len(END)
    end = len(content)
    while content.endswith(END, start, end):  # empty lines at the end do not count (RFC 6376, 3.4.3)
        end -= 2
    if isinstance(message, Planned) and message.known and message.known[3] is content:  # not changed since
        known, values, at, _ = message.known
        pieces = [b""] * (2 * len(known.order) + 1)
        pieces[::2] = known.pieces
        pieces[1::2] = [values[number] for number in known.order]
        names, fields = known.names, b"".join(pieces)
        body = known.body.copy()
        body.update(memoryview(content)[start + known.length : end])
    else:
        head = content[: start - len(END)]
        names, fields = _covered(head)
        body = hashlib.sha256(memoryview(content)[start:end])
        at = _seconds(head)
    return Prepared(message, names, fields, b2a_base64(body.digest(), newline=False), at)


def _seconds(head: bytes) -> int:
    date = re.search(rb"(?im)^date:(.*)\r?$", head + b"\r\n")
    if date is None:
        raise ValueError("a message that is signed needs its Date")
    return int(parsedate_to_datetime(date[1].decode("ascii").strip()).timestamp())


# --- Signing --------------------------------------------------------------------------------------


class Sealer:
    """Signs the messages of one domain, with each of its keys. For any number of threads at a time."""

    def __init__(self, domain: str, keys: Sequence[tuple[str, Key]]) -> None:
        """`keys` are selectors, each with its key. The first key's signature stands on top."""
        self._signatures = [_Signature(domain, selector, key) for selector, key in keys]

    def seal(self, message: Message) -> Message:
        """The message with its DKIM-Signature fields in front; all else of it stays as it is.

        Needs nothing but the message: one thread may splice while others seal (both kinds of key let go of the GIL).
        """
        return self.sign(prepare(message))

    def sign(self, prepared: Prepared) -> Message:
        """The second half of `seal`: what is left is the signatures themselves."""
        message = prepared.message
        heads = [signature.field(prepared) for signature in self._signatures]
        return Message(
            message.sender,
            message.recipient,
            b"".join([*heads, message.content]),
            message.name,
            message.utf8,
            message.plain,
        )


class _Signature:
    """One key's DKIM-Signature field."""

    def __init__(self, domain: str, selector: str, key: Key) -> None:
        self._algorithm, self._sign = _signing(key)
        self._place = f"d={domain}; s={selector};".encode("ascii")
        self._known: dict[tuple[bytes, ...], tuple[bytes, bytes]] = {}

    def field(self, prepared: Prepared) -> bytes:
        """The whole field, as it stands in the message."""
        _, names, fields, body, at = prepared
        raw, relaxed = self._known.get(names) or self._begin(names)
        tail = b" t=%d; bh=%b;" % (at, body)
        signature = b2a_base64(self._sign(b"%b%b%b b=" % (fields, relaxed, tail)), newline=False)
        lines = [signature[i : i + WIDTH] for i in range(0, len(signature), WIDTH)]
        return b"%b\r\n%b\r\n b=%b\r\n" % (raw, tail, b"\r\n ".join(lines))

    def _begin(self, names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
        """What stands before t=, for these names: as it is written, and in relaxed form. Each set of names once."""
        lines = [b" h="]
        for number, name in enumerate(names, 1):
            word = name + (b";" if number == len(names) else b":")
            if len(lines[-1]) + len(word) > WIDTH:
                lines.append(b"  ")
            lines[-1] += word
        value = b" v=1; a=%b; c=relaxed/simple;\r\n %b\r\n%b" % (self._algorithm, self._place, b"\r\n".join(lines))
        relaxed = b"dkim-signature:" + _relaxed(value.replace(b"\r\n", b""))
        made = self._known[names] = (b"DKIM-Signature:" + value, relaxed)
        return made


def _signing(key: Key) -> tuple[bytes, Callable[[bytes], bytes]]:
    """What a= calls it, and how it signs."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, RSAPrivateKey):
        padding, sha256, rsa = PKCS1v15(), SHA256(), key.sign
        return b"rsa-sha256", lambda data: rsa(data, padding, sha256)
    ed25519 = key.sign
    return b"ed25519-sha256", lambda data: ed25519(hashlib.sha256(data).digest())  # RFC 8463, 3: of the hash


# --- In the DNS -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """The TXT record by which others check a key's signatures (RFC 6376, 3.6)."""

    name: str
    value: str

    @property
    def strings(self) -> list[str]:
        """The value as a TXT record holds it: pieces of at most 255 characters, put together without a space."""
        return [self.value[i : i + TXT_STRING] for i in range(0, len(self.value), TXT_STRING)]


def record(domain: str, selector: str, key: Key) -> Record:
    """What belongs into the DNS for this key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, RSAPrivateKey):
        kind, raw = "rsa", key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, raw = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = b2a_base64(raw, newline=False).decode("ascii")
    return Record(f"{selector}._domainkey.{domain}", f"v=DKIM1; k={kind}; p={public}")
