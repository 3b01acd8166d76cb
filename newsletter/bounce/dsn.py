"""A delivery status (RFC 3464, RFC 6533) → what became of each recipient. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from newsletter.bounce.addresses import of_report, unitext, xtext

_FIELD = re.compile(r"[ \t]{0,4}([A-Za-z][A-Za-z-]{2,40})[ \t]{0,4}:[ \t]{0,40}(.*)")
_NAMES = ("original-recipient", "final-recipient", "x-actual-recipient", "x-original-recipient")
MAX_RECIPIENTS = 200

Fields = dict[str, str]


@dataclass(slots=True)
class Status:
    """One recipient of a report."""

    address: str
    action: str = ""  # failed, delayed, delivered, relayed, expanded
    code: str = ""  # Status
    words: str = ""  # Diagnostic-Code, without its type
    local: str = ""  # a name without a domain, where that is all it says


@dataclass(slots=True)
class Report:
    """A delivery status as a whole."""

    statuses: list[Status] = field(default_factory=list)
    envelope: str = ""  # Original-Envelope-Id, its xtext read
    sender: str = ""  # who wrote the mail, where it says that


def read_report(text: str) -> Report:
    """Its blocks are read by what they hold, since some reports leave out the empty lines and others have too many."""
    report = Report()
    recipients: list[Fields] = []
    for block in _blocks(text):
        named = any(name in block for name in _NAMES)
        if named and len(recipients) < MAX_RECIPIENTS:
            recipients.append(block)
        elif recipients and not named:
            recipients[-1] = block | recipients[-1]
        if "original-envelope-id" in block:
            report.envelope = xtext(block["original-envelope-id"]).strip("<> ")
    report.statuses = [_status(block) for block in recipients]
    return report


def _blocks(text: str) -> list[Fields]:
    blocks: list[Fields] = [{}]
    last = ""
    for line in text.splitlines():
        if not line.strip():
            blocks.append({})
            last = ""
            continue
        match = _FIELD.match(line)
        if match and not (line[:1] in " \t" and last):
            name = match[1].lower()
            if name in blocks[-1] and name in ("final-recipient", "original-recipient", "action"):
                blocks.append({})
            blocks[-1].setdefault(name, match[2].strip())
            last = name
        elif last and len(blocks[-1][last]) < 4000:
            blocks[-1][last] += " " + line.strip()
    return [block for block in blocks if block]


def _status(block: Fields) -> Status:
    """The address that we wrote to: the original one, where it is one."""
    given = [of_report(block.get(name, "")) for name in ("original-recipient", "final-recipient")]
    given += [of_report(block.get(name, "")) for name in ("x-original-recipient", "x-actual-recipient")]
    usable = [address for address in given if address]
    raw = block.get("final-recipient") or block.get("original-recipient") or ""
    words = block.get("diagnostic-code", "")
    if not words and (comment := re.search(r"\((.{3,300})\)", block.get("status", ""))):
        words = comment[1]
    kind, semicolon, rest = words.partition(";")
    if semicolon and re.fullmatch(r"\s*[\w.-]{1,30}\s*", kind):
        words = rest
    local = re.fullmatch(r"(?:[\w.-]{1,20}\s*;)?\s*<?([\w.+-]{1,64})>?\s*", raw)
    return Status(
        address=usable[0] if usable else "",
        action=re.sub(r"[^a-z].*", "", block.get("action", "").lower().strip()),
        code=block.get("status", ""),
        words=unitext(words).strip(),
        local=local[1] if local else "",
    )
