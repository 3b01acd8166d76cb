"""SPF (RFC 7208): what a domain's record says of an address. It asks the DNS through whatever it is given.

    check(lookup, "192.0.2.1", "journal.example", "lettre@journal.example") → Spf(result, why, …)

Its own, since what the doctor needs is more than the result: how many questions the record costs, which records it
includes, and whether an answer was missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol

from newsletter.doctor.macros import Known, expand
from newsletter.lookup import Answer

MOST_LOOKUPS = 10  # terms that ask the DNS (RFC 7208, 4.6.4)
MOST_VOIDS = 2  # of them without an answer (RFC 7208, 4.6.4)
MOST_HOSTS = 10  # of one mx, or of one ptr

Address = IPv4Address | IPv6Address


class Result(StrEnum):
    NONE = "none"  # there is no record
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"  # the DNS did not answer
    PERMERROR = "permerror"  # the record is wrong


QUALIFIERS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Spf:
    """What the record says of one address."""

    result: Result
    said: str  # the term that decided, or what is wrong
    lookups: int  # terms that asked the DNS
    included: tuple[str, ...] = ()  # domains of include: and redirect= that were read


class Dns(Protocol):
    """What SPF asks."""

    def txt(self, name: str) -> Answer: ...
    def mx(self, name: str) -> Answer: ...
    def a(self, name: str) -> Answer: ...
    def aaaa(self, name: str) -> Answer: ...
    def ptr(self, address: str) -> Answer: ...


class Wrong(Exception):
    """The record is wrong, or cannot be followed: permerror."""


class Silent(Exception):
    """The DNS did not answer: temperror."""


# --- Reading a record -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism, or a modifier that counts."""

    name: str  # in lower case
    value: str = ""  # of a mechanism behind its colon, of a modifier behind =
    qualifier: str = "+"
    four: int = 32  # prefix lengths
    six: int = 128

    def __str__(self) -> str:
        sign = "=" if self.name == "redirect" else ":"
        sent = self.qualifier if self.qualifier != "+" else ""
        return f"{sent}{self.name}{sign if self.value else ''}{self.value}"


TERM = re.compile(
    r"(?P<qualifier>[-+?~]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?P<rest>[:/].*)?", re.IGNORECASE
)
MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9._-]*)=(?P<value>.*)")
CIDR = re.compile(r"(?P<value>.*?)(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?")
NEEDS_VALUE = frozenset({"include", "exists", "ip4", "ip6"})
ANYBODY = Known("a@b.example", "a", "b.example", "b.example", IPv4Address("192.0.2.1"), "b.example")
ASKS = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


def is_record(text: str) -> bool:
    """RFC 7208, 4.5: the version is followed by a space, or by nothing."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def bare(text: str) -> str:
    """A record without what forms and people add to it: quotes, tabs, spaces at its ends."""
    return " ".join(text.replace('"', "").replace("\\", "").split())


def spoiled(text: str) -> str:
    """Why a text that was meant as an SPF record is none; empty where it is one, or was not meant as one."""
    if is_record(text) or not is_record(bare(text)):
        return ""
    if '"' in text:
        return "it has quotes inside"
    return "it begins with a space" if text[:1].isspace() else "a tab stands behind v=spf1, not a space"


def says_nobody(text: str) -> bool:
    """Whether a record is that of a domain which sends no mail: v=spf1 -all."""
    words = text.lower().split()
    return is_record(text) and bool(words[1:]) and all(word in ("-all", "~all") for word in words[1:])


def parse(record: str) -> list[Term]:
    """The terms of a record, in their order. Raises Wrong for one that cannot be read: then none counts."""
    if not record.isascii():
        raise Wrong("there are signs in it that are not ASCII")
    words = [_term(word) for word in record[len("v=spf1") :].split(" ") if word]
    terms = [one for one in words if one is not None]
    for name in ("redirect", "exp"):
        if sum(one.name == name for one in terms) > 1:
            raise Wrong(f"{name}= stands there twice")
    return terms


def _term(word: str) -> Term | None:
    """None for a modifier that we do not know: it is passed over (RFC 7208, 6)."""
    mechanism = TERM.fullmatch(word)
    if mechanism:
        return _mechanism(word, mechanism)
    modifier = MODIFIER.fullmatch(word)
    if modifier is None:
        raise Wrong(f"“{word}” is no term")
    name, value = modifier["name"].lower(), modifier["value"]
    if name in ("redirect", "exp") and not value:
        raise Wrong(f"“{word}” names no domain")
    if name not in ("redirect", "exp"):
        return None
    _check_macros(word, value)
    return Term(name, value)


def _mechanism(word: str, match: re.Match[str]) -> Term:
    name, rest, qualifier = match["name"].lower(), match["rest"] or "", match["qualifier"] or "+"
    if name == "all" and rest:
        raise Wrong(f"“{word}”: all takes nothing behind it")
    if name in ("ip4", "ip6"):
        return Term(name, _network(word, name, rest), qualifier)
    if name in ("a", "mx"):
        value, four, six = _lengths(word, rest)
    else:
        value, four, six = rest[1:], 32, 128
        if rest.startswith("/"):
            raise Wrong(f"“{word}”: {name} takes no prefix length")
    if (name in NEEDS_VALUE or rest.startswith(":")) and not value:
        raise Wrong(f"“{word}” names no domain")
    _check_macros(word, value)
    return Term(name, value, qualifier, four, six)


def _check_macros(word: str, value: str) -> None:
    """A wrong macro is an error wherever it stands, also behind what matches (RFC 7208, 4.6)."""
    try:
        expand(value, ANYBODY)
    except ValueError as error:
        raise Wrong(f"“{word}”: {error}") from None


def _lengths(word: str, rest: str) -> tuple[str, int, int]:
    match = CIDR.fullmatch(rest)
    if match is None or (match["value"] and not match["value"].startswith(":")):
        raise Wrong(f"“{word}” is no term")
    four, six = int(match["four"] or 32), int(match["six"] or 128)
    if four > 32 or six > 128:
        raise Wrong(f"“{word}”: no such prefix length")
    return match["value"][1:], four, six


def _network(word: str, name: str, rest: str) -> str:
    try:
        network = ip_network(rest[1:], strict=False)
    except ValueError:
        raise Wrong(f"“{word}”: no network") from None
    if network.version != int(name[2]):
        raise Wrong(f"“{word}”: {name} takes an IPv{name[2]} network")
    return str(network)


# --- Following it ---------------------------------------------------------------------------------


def check(lookup: Dns, address: str, domain: str, sender: str, helo: str = "") -> Spf:
    """What `domain`'s record says of mail from that address (RFC 7208, 4)."""
    judged = ip_address(address)
    if isinstance(judged, IPv6Address) and judged.ipv4_mapped:
        judged = judged.ipv4_mapped
    walk = _Walk(lookup, judged, sender, helo or domain)
    try:
        result, said = walk.of(domain)
    except Wrong as error:
        result, said = Result.PERMERROR, str(error)
    except Silent as error:
        result, said = Result.TEMPERROR, str(error)
    return Spf(result, said, walk.lookups, tuple(walk.included))


@dataclass(slots=True)
class _Walk:
    """One check, with what it has cost so far."""

    lookup: Dns
    address: Address
    sender: str
    helo: str
    lookups: int = 0
    voids: int = 0
    included: list[str] = field(default_factory=list)

    def of(self, domain: str) -> tuple[Result, str]:
        found = self.lookup.txt(domain)
        if found.trouble:
            raise Silent(f"{domain}: {found.said}")
        records = [text for text in found.values if is_record(text)]
        if not records:
            return Result.NONE, f"no SPF record at {domain}"
        if len(records) > 1:
            raise Wrong(f"{len(records)} SPF records at {domain}: there must be one")
        try:
            return self._followed(domain, parse(records[0]))
        except Wrong as error:
            at = f"{domain}: "
            raise Wrong(str(error) if at in str(error) else f"{at}{error}") from None

    def _followed(self, domain: str, terms: list[Term]) -> tuple[Result, str]:
        for term in terms:
            if term.name not in ("redirect", "exp") and self._matches(term, domain):
                return QUALIFIERS[term.qualifier], str(term)
        target = next((one for one in terms if one.name == "redirect"), None)
        if target is None or any(one.name == "all" for one in terms):
            return Result.NEUTRAL, "no term speaks of it"
        self._count(target)
        name = self._name(target.value, domain)
        self.included.append(name)
        result, said = self.of(name)
        if result is Result.NONE:
            raise Wrong(f"redirect={name} leads to no record")
        return result, f"{said} of {name}"

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name in ASKS:
            self._count(term)
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            return self.address in ip_network(term.value)
        target = self._name(term.value, domain) if term.value else domain
        if term.name == "include":
            return self._includes(target, named=term.qualifier == "+")
        if term.name == "exists":
            return bool(self._heard(self.lookup.a(target), target).values)
        if term.name == "ptr":
            return self._named(target)
        hosts = [target] if term.name == "a" else self._hosts(target)
        return any(self._stands_at(host, term) for host in hosts)

    def _includes(self, target: str, *, named: bool) -> bool:
        self.included += [target] if named else []
        result, _ = self.of(target)
        if result is Result.NONE:
            raise Wrong(f"include:{target} leads to no record")
        return result is Result.PASS

    def _hosts(self, target: str) -> Iterator[str]:
        hosts = self._heard(self.lookup.mx(target), target).values
        if len(hosts) > MOST_HOSTS:
            raise Wrong(f"mx:{target} names more than {MOST_HOSTS} hosts")
        yield from (host for host in hosts if host)

    def _stands_at(self, host: str, term: Term) -> bool:
        four = isinstance(self.address, IPv4Address)
        found = self._heard(self.lookup.a(host) if four else self.lookup.aaaa(host), host)
        length = term.four if four else term.six
        return any(self.address in ip_network(f"{one}/{length}", strict=False) for one in found.values)

    def _named(self, target: str) -> bool:
        """ptr: a name of the address that leads back to it. Given up (RFC 7208, 5.5), and met all the same."""
        names = self.lookup.ptr(str(self.address))
        for name in names.values[:MOST_HOSTS]:
            inside = name == target.lower() or name.endswith(f".{target.lower()}")
            if inside and self._stands_at(name, Term("a")):
                return True
        return False

    def _count(self, term: Term) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise Wrong(f"more than {MOST_LOOKUPS} terms ask the DNS (the first too many: {term})")

    def _heard(self, answer: Answer, name: str) -> Answer:
        if answer.trouble:
            raise Silent(f"{name}: {answer.said}")
        if answer.nothing:
            self.voids += 1
            if self.voids > MOST_VOIDS:
                raise Wrong(f"more than {MOST_VOIDS} terms name what is not there (the last: {name})")
        return answer

    def _name(self, value: str, domain: str) -> str:
        local, _, at = self.sender.rpartition("@")
        known = Known(self.sender, local or "postmaster", at, domain, self.address, self.helo)
        try:
            return expand(value, known).rstrip(".").lower()
        except ValueError as error:
            raise Wrong(str(error)) from None
