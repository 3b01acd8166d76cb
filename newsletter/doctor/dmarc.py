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

    @property
    def mended(self) -> dict[str, str]:
        """Its tags without those that are gone, and with p=none where p= is no policy: what it comes to."""
        kept = {tag: value for tag, value in self.tags.items() if tag not in GONE}
        if "p" in kept and kept["p"].lower() not in POLICIES:
            kept["p"] = "none"
        return kept

    @property
    def text(self) -> str:
        """As it is to be written."""
        return "; ".join(["v=DMARC1", *(f"{tag}={value}" for tag, value in self.mended.items())])

    @property
    def strictness(self) -> tuple[int, int]:
        return POLICIES.index(self.policy), POLICIES.index(self._policy("sp", self.policy))

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
class Spoiled:
    """A text that was meant as a DMARC record, and is none."""

    why: str
    meant: Record


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk met: the records, the one that starts it first; and what could not be asked."""

    domain: str
    records: tuple[Record, ...]
    asked: int
    trouble: str = ""
    crowded: tuple[str, ...] = ()  # domains with several records: none of them counts
    rivals: tuple[Record, ...] = ()  # those records
    spoiled: tuple[Spoiled, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Nothing was met that is a record, or was meant as one."""
        return not (self.records or self.rivals or self.spoiled)

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
    rivals: list[Record] = []
    spoilt: list[Spoiled] = []
    asked = 0

    def ended(trouble: str = "") -> Walk:
        crowded = tuple(dict.fromkeys(one.domain for one in rivals))
        return Walk(domain, tuple(records), asked, trouble, crowded, tuple(rivals), tuple(spoilt))

    for name in steps(domain):
        asked += 1
        found = lookup.txt(f"_dmarc.{name}")
        if found.trouble:
            return ended(f"_dmarc.{name}: {found.said}")
        here = [one for one in (parse(text, name) for text in found.values) if one]
        if not here:
            spoilt += [one for one in (spoiled(text, name) for text in found.values) if one]
        if len(here) > 1:
            rivals += here
        if len(here) == 1:
            records += here
            if here[0].psd == "n" or (here[0].psd == "y" and name != domain):
                break
    return ended()


def spoiled(text: str, domain: str) -> Spoiled | None:
    """None where it is a record, or was not meant as one."""
    bare = text.replace('"', "").replace("\\", "").strip()
    match = re.match(r"v\s*=\s*(dmarc1)\b\s*;?", bare, re.IGNORECASE)
    meant = parse(f"v=DMARC1;{bare[match.end() :]}", domain) if match else None
    if match is None or meant is None or parse(text, domain):
        return None
    if '"' in text:
        return Spoiled("it has quotes inside", meant)
    if text[:1].isspace():
        return Spoiled("it begins with a space", meant)
    if not match[0].startswith("v") or match[1] != "DMARC1":
        return Spoiled("it must begin with v=DMARC1, in these very letters", meant)
    return Spoiled("a semicolon must stand behind v=DMARC1", meant)


def doubled(lookup: Dns, domain: str) -> str | None:
    """Where a record of ours stands whose name a form has completed once more; None where there is none."""
    zones = [zone for zone in steps(domain) if "." in zone][:3]
    names = [f"_dmarc.{domain}.{zone}" for zone in zones]
    return next((name for name in names if any(parse(text, domain) for text in lookup.txt(name).values)), None)


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
