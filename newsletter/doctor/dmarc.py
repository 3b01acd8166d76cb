"""DMARC (RFC 9989): the record that counts for a domain, found by walking up its name, and what aligns with it.

The walk stands in the place of the public suffix list: at most eight questions, and no list to keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from newsletter.lookup import Answer

MOST = 8  # questions of one walk (RFC 9989, 4.10)
GONE = ("pct", "rf", "ri")  # RFC 9989 knows them no more
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Record:
    """A DMARC record, and where it stands."""

    domain: str
    tags: dict[str, str]

    @property
    def policy(self) -> str:
        """p=; none where it is missing or no policy (RFC 9989, 4.7)."""
        return self._policy("p", "none")

    @property
    def psd(self) -> str:
        value = self.tags.get("psd", "u").lower()
        return value if value in ("y", "n") else "u"

    def _policy(self, tag: str, otherwise: str) -> str:
        value = self.tags.get(tag, "").lower()
        return value if value in POLICIES else otherwise

    def policy_for(self, domain: str, *, exists: bool = True) -> str:
        """What it wants done with mail from `domain`, its own or one below it."""
        if domain == self.domain:
            return self.policy
        below = self._policy("sp", self.policy)
        return below if exists else self._policy("np", below)

    def strict(self, tag: str) -> bool:
        """adkim or aspf: whether only the very same domain aligns."""
        return self.tags.get(tag, "r").lower() == "s"


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk met: the records, the one that starts it first; and what could not be asked."""

    domain: str
    records: tuple[Record, ...]
    asked: int
    trouble: str = ""
    crowded: tuple[str, ...] = ()  # domains with several records: none of them counts

    @property
    def organisation(self) -> str:
        """The organizational domain (RFC 9989, 4.10.2): the walk's own domain where nothing was met."""
        for one in self.records:
            if one.psd == "n":
                return one.domain
            if one.psd == "y" and one.domain != self.domain:
                labels = self.domain.split(".")
                return ".".join(labels[-(one.domain.count(".") + 2) :])
        return self.records[-1].domain if self.records else self.domain

    @property
    def record(self) -> Record | None:
        """The record whose policy counts: the domain's own, else its organisation's, else that of the public suffix."""
        by_domain = {one.domain: one for one in self.records}
        suffix = next((one for one in self.records if one.psd == "y"), None)
        return by_domain.get(self.domain) or by_domain.get(self.organisation) or suffix


class Dns(Protocol):
    def txt(self, name: str) -> Answer: ...


def parse(text: str, domain: str) -> Record | None:
    """None for a text that is no DMARC record: its version comes first, in these very letters (RFC 9989, 4.7)."""
    match = re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)
    if match is None:
        return None
    pairs = [piece.partition("=") for piece in text[match.end() :].split(";") if piece.strip()]
    return Record(domain, {name.strip().lower(): value.strip() for name, _, value in pairs})


def walk(lookup: Dns, domain: str) -> Walk:
    """Up the name, from the domain itself to its last label (RFC 9989, 4.10)."""
    domain = domain.rstrip(".").lower()
    records: list[Record] = []
    crowded: list[str] = []
    asked = 0
    for name in steps(domain):
        asked += 1
        found = lookup.txt(f"_dmarc.{name}")
        if found.trouble:
            return Walk(domain, tuple(records), asked, f"_dmarc.{name}: {found.said}", tuple(crowded))
        here = [one for one in (parse(text, name) for text in found.values) if one]
        if len(here) > 1:
            crowded.append(name)
        if len(here) == 1:
            records += here
            if here[0].psd == "n" or (here[0].psd == "y" and name != domain):
                break
    return Walk(domain, tuple(records), asked, crowded=tuple(crowded))


def steps(domain: str) -> Iterator[str]:
    """The names of a walk: of one with more than eight labels, after the first the last seven."""
    labels = domain.split(".")
    yield domain
    rest = labels[-(MOST - 1) :] if len(labels) > MOST else labels[1:]
    for start in range(len(rest)):
        yield ".".join(rest[start:])


def aligned(lookup: Dns, author: Walk, domain: str, *, strict: bool) -> bool | None:
    """Whether `domain`, of a signature or a return path, speaks for the author's; None where nobody could say."""
    domain = domain.rstrip(".").lower()
    if domain == author.domain:
        return True
    if strict:
        return False
    other = walk(lookup, domain)
    if author.trouble or other.trouble:
        return None
    return other.organisation == author.organisation
