"""Whether the DKIM record in the DNS is that of our key (RFC 6376, 3.6.1; RFC 8463). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.mail.dkim import Record

WANTED = "v=DKIM1"


def judge(name: str, found: Sequence[str], ours: Record) -> Finding:
    """What the TXT records at our selector say of the key that signs."""
    keys = [text for text in found if "p" in tags(text)]
    if not keys:
        said = f"{ours.name} holds no key" if found else f"there is no record at {ours.name}"
        return failure(name, said, "put the DKIM record below into the DNS; some minutes later the world sees it")
    if len(keys) > 1:
        said = f"{len(keys)} keys stand at {ours.name}: which one is taken is chance"
        return failure(name, said, "leave the one that `newsletter dkim show` prints")
    return _judged(name, tags(keys[0]), tags(ours.value), ours)


def tags(text: str) -> dict[str, str]:
    """A record's tags; in p= and the lists, space means nothing (RFC 6376, 3.2)."""
    pairs = [piece.partition("=") for piece in text.split(";") if "=" in piece]
    return {key.strip().lower(): re.sub(r"\s+", "", value) for key, _, value in pairs}


def _judged(name: str, there: dict[str, str], ours: dict[str, str], record: Record) -> Finding:
    key, kind = there["p"], there.get("k", "rsa").lower()
    again = "put the record into the DNS as `newsletter dkim show` prints it"
    if there.get("v", "DKIM1") != "DKIM1":
        return failure(name, f"{record.name}: its version is {there['v']}, and must be DKIM1", again)
    if not key:
        return failure(
            name,
            f"{record.name}: p= is empty, and so the key is revoked",
            "sign with a new key (`newsletter dkim keygen --selector …`), or put the record back",
        )
    if kind != ours["k"]:
        return failure(name, f"{record.name}: is of a key of the kind {kind}, and ours is {ours['k']}", again)
    if key != ours["p"]:
        return failure(name, f"{record.name}: {_difference(key, ours['p'])}", _cure(key, ours["p"], again))
    if there.get("h") and "sha256" not in there["h"].lower().split(":"):
        return failure(name, f"{record.name}: h={there['h']} does not allow SHA-256, with which we sign", again)
    if there.get("s", "*") != "*" and "email" not in there["s"].lower().split(":"):
        return failure(name, f"{record.name}: s={there['s']} does not allow it for mail", again)
    if "y" in there.get("t", "").lower().split(":"):
        said = f"{record.name}: matches our key, and t=y says that you are only testing: it need not count"
        return warning(name, said, "take t=y out of the record when the test mails pass")
    return ok(name, f"{record.name}: matches our key ({kind})")


def _difference(key: str, ours: str) -> str:
    if ours.startswith(key):
        return f"its key is cut off after {len(key)} of {len(ours)} characters"
    if key.strip('"\\') == ours or key.replace('"', "") == ours:
        return "its key has quotes inside"
    return "holds another key than the one we sign with"


def _cure(key: str, ours: str, again: str) -> str:
    if ours.startswith(key):
        return "a TXT record's strings end at 255 characters: use the zone-file form below, in two strings"
    if '"' in key:
        return "give the form the value in one line, without quotes"
    return f"{again}, or let [dkim] name the key that the record is of"
