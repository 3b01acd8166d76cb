"""What relays say, without whom they say it of: they like to repeat an address, and number each message. Pure."""

from __future__ import annotations

import re

MASK = "…"
# Up to the last @ of a word: also a mailbox inside another's address (`bounces+ama=mail.example@relay.example`).
ADDRESS = re.compile(r"""(?:"[^"@]*"|[^\s<>()\[\]"]+)@(?P<domain>[^\s<>()\[\]"@,;:]+)""")
# Nobody's address: where our own database is, as `store.postgresql.shown` says it.
OURS = re.compile(r"postgresql://[\w.%-]*(?::\*\*\*)?@[^\s@]*")
MOMENT = re.compile(r"\b(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?Z?\b")
WORD = re.compile(r"[A-Za-z0-9-]{6,}(?:\.\d+)*")
TURN = re.compile(r"[A-Za-z](?=-*\d)|\d(?=-*[A-Za-z])")
LONG_NUMBER = re.compile(r"\d{8}")


def without_names(reply: str) -> str:
    """A reply with nobody's address in it: of each its domain is left."""
    return ADDRESS.sub(lambda found: found[0] if OURS.fullmatch(found[0]) else f"{MASK}@{found['domain']}", reply)


def kind_of(reply: str) -> str:
    """A reply with nothing in it of the single message: no address, no queue's number, no moment. Those who were
    refused for one reason are so told together."""
    return WORD.sub(_unless_number, MOMENT.sub(MASK, ADDRESS.sub(MASK, reply)))


def _unless_number(found: re.Match[str]) -> str:
    """A word in which letters and digits take turns, or of many digits, is a number that somebody gave a message; those
    of RFCs and of reasons (`5.1.1`, `S3150`, `OFR_104`) are none."""
    word = found[0]
    return MASK if len(TURN.findall(word)) > 1 or LONG_NUMBER.search(word) else word
