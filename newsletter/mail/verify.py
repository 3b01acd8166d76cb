"""DKIM signatures of a mail that arrived, checked (RFC 6376, 6; RFC 8301; RFC 8463). Pure: the record is handed in.

for one in signatures(raw): one.domain, one.record_name, check(raw, one, record, now) → "" or why it is not valid
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_BITS = 1024  # RFC 8301, 3.2
MOST_SIGNATURES = 10
MOST_DIGITS = 12  # of a time that comes to pass (RFC 6376, 3.5, on t= and x=)
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature field, read."""

    field: bytes  # its value, as it stands
    tags: Mapping[str, str]

    @property
    def domain(self) -> str:
        return self.tags.get("d", "").lower()

    @property
    def record_name(self) -> str:
        return f"{self.tags.get('s', '')}._domainkey.{self.domain}"

    @property
    def covers(self) -> frozenset[str]:
        """The names of what it signs, in lower case."""
        return frozenset(name.lower() for name in self.tags.get("h", "").split(":"))


def fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The header's fields from top to bottom, each as name and value, the value folded as it came."""
    head = crlf(raw).partition(b"\r\n\r\n")[0] + b"\r\n"
    pieces: list[list[bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and pieces:
            pieces[-1].append(line)
        elif line:
            pieces.append([line])
    parted = (b"\r\n".join([*lines, b""]).partition(b":") for lines in pieces)
    return [(name.rstrip(), value) for name, colon, value in parted if colon]


def crlf(raw: bytes) -> bytes:
    """As it was on the line: what is saved in a file often has other line ends."""
    return re.sub(rb"\r?\n", b"\r\n", raw)


def signatures(raw: bytes) -> list[Signature]:
    """All of them, the topmost first."""
    found = [value for name, value in fields(raw) if name.lower() == b"dkim-signature"]
    return [Signature(value, tags(value.decode("utf-8", "replace"))) for value in found[:MOST_SIGNATURES]]


def tags(text: str) -> dict[str, str]:
    """tag=value; … with space taken out (RFC 6376, 3.2)."""
    pairs = [piece.partition("=") for piece in text.split(";") if "=" in piece]
    return {name.strip(): re.sub(r"\s+", "", value) for name, _, value in pairs}


def check(raw: bytes, signature: Signature, record: str, now: datetime) -> str:
    """Why it is not valid by that record; empty where it is."""
    from cryptography.exceptions import InvalidSignature

    kind = ALGORITHMS.get(signature.tags.get("a", ""))
    if kind is None:
        return f"a={signature.tags.get('a', '')} does not count (any more)"
    if "from" not in signature.covers:
        return "it does not cover From"
    until = signature.tags.get("x", "9" * MOST_DIGITS)
    if not (until.isascii() and until.isdigit()):
        return "x= is no time"
    if len(until) <= MOST_DIGITS and int(until) < now.timestamp():
        return "its time is over (x=)"
    try:
        body, length = _body(raw, signature), signature.tags.get("l")
        given = base64.b64decode(signature.tags.get("bh", ""))
        if hashlib.sha256(body[: int(length)] if length else body).digest() != given:
            return "the text was changed on its way"
        _verify(kind, record, base64.b64decode(signature.tags.get("b", "")), _signed(raw, signature))
    except InvalidSignature:
        return "the header was changed on its way, or the DNS holds another key"
    except ValueError as error:
        return f"it cannot be read ({error})"
    return ""


def _verify(kind: str, record: str, given: bytes, data: bytes) -> None:
    """Raises InvalidSignature, or ValueError where the key is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    known = tags(record)
    if known.get("k", "rsa") != kind:
        raise ValueError(f"the record is of a {known.get('k', 'rsa')} key")
    if not known.get("p"):
        raise ValueError("the key is revoked")
    public = base64.b64decode(known["p"])
    if kind == "ed25519":
        Ed25519PublicKey.from_public_bytes(public).verify(given, hashlib.sha256(data).digest())
        return
    try:
        key = load_der_public_key(public)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise ValueError(f"the record holds no RSA key of {LEAST_BITS} bits")
    key.verify(given, data, PKCS1v15(), SHA256())


def _ways(signature: Signature) -> tuple[str, str]:
    """How header and body are brought into form: `relaxed` or `simple`, which is what is not said."""
    header, _, body = signature.tags.get("c", "simple/simple").partition("/")
    for one in (header, body or "simple"):
        if one not in ("relaxed", "simple"):
            raise ValueError(f"c={one}")
    return header, body or "simple"


def _body(raw: bytes, signature: Signature) -> bytes:
    """RFC 6376, 3.4.3 and 3.4.4: empty lines at the end do not count."""
    body = crlf(raw).partition(b"\r\n\r\n")[2]
    relaxed = _ways(signature)[1] == "relaxed"
    if relaxed:
        body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end or not relaxed else b""


def _signed(raw: bytes, signature: Signature) -> bytes:
    """What the signature is of: the fields that h= names, the last of a name first, and itself without b=."""
    relaxed = _ways(signature)[0] == "relaxed"
    there: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for name, value in fields(raw):
        there.setdefault(name.lower(), []).append((name, value))
    pieces = []
    for wanted in signature.tags.get("h", "").lower().encode().split(b":"):
        if there.get(wanted):
            pieces.append(_canonical(*there[wanted].pop(), relaxed=relaxed))
    own = re.sub(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*", rb"\1", signature.field)
    name = next(name for name, value in fields(raw) if value == signature.field)
    return b"".join(pieces) + _canonical(name, own, relaxed=relaxed).removesuffix(b"\r\n")


def _canonical(name: bytes, value: bytes, *, relaxed: bool) -> bytes:
    if not relaxed:
        return name + b":" + value
    return name.lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"
