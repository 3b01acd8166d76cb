"""What the tests of DKIM share: keys, their records as the DNS would give them, and dkimpy's word on a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from newsletter.mail.dkim import Record, Sealer, record

DOMAIN = "journal.example"
RSA, ED25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
KEYS = {
    "rsa": [("lettre", RSA)],
    "ed25519": [("lettre-ed", ED25519)],
    "both": [("lettre", RSA), ("lettre-ed", ED25519)],
}
SEALERS = {name: Sealer(DOMAIN, keys) for name, keys in KEYS.items()}
RECORDS = [record(DOMAIN, selector, key) for selector, key in KEYS["both"]]


def verdicts(content: bytes, records: Iterable[Record] = RECORDS) -> list[bool]:
    """What dkimpy says to each signature of a message, the topmost first."""
    known = {f"{one.name}.": "".join(one.strings).encode() for one in records}

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        return known.get(name.decode())

    def verdict(number: int) -> bool:
        try:
            return bool(dkim.DKIM(content).verify(idx=number, dnsfunc=ask))
        except dkim.ValidationError:  # another body, or no From
            return False

    return [verdict(number) for number in range(len(signatures(content)))]


def signatures(content: bytes) -> list[dict[str, str]]:
    """The tags of each DKIM-Signature of a message."""
    head = re.sub(r"\r\n(?=[ \t])", "", content.partition(b"\r\n\r\n")[0].decode())
    values = [line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("dkim-signature:")]
    return [dict(re.sub(r"\s", "", tag).split("=", 1) for tag in value.split(";") if tag.strip()) for value in values]
