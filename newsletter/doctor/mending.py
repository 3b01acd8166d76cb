"""One SPF record out of those that are there: what is right in them is kept, the relay is named, and what comes of it
is looked at before anybody pastes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network

from newsletter.doctor import spf
from newsletter.doctor.domain import Ways, include_for, wanted_terms
from newsletter.lookup import Answer, State

NOBODY = "240.0.0.1"  # an address that nobody has (RFC 1112, 4): what passes for it passes for everybody


@dataclass(frozen=True, slots=True)
class Mended:
    """A record to paste, and the terms of the old ones that are not in it."""

    value: str
    left_out: tuple[str, ...] = ()


def proposed(lookup: spf.Dns, domain: str, ways: Ways | None) -> Mended | None:
    """The record to paste; None where none can be made that holds: it would say that nobody sends, cost too much, or
    let everybody send."""
    found = lookup.txt(domain)
    if found.trouble or (ways and ways.trouble):
        return None
    there, wanted = records_in(found.values), wanted_terms(ways)
    if not there and not wanted:
        return None
    made = mend(there, [], domain)
    if not _passes(lookup, domain, made, ways):
        made = mend(there, wanted, domain)
    if all(_is_all(word) for word in made.value.split()[1:]):
        return None  # it would say that nobody sends
    result = _result(lookup, domain, made, NOBODY)
    return made if result in (spf.Result.FAIL, spf.Result.SOFTFAIL, spf.Result.NEUTRAL) else None


def _passes(lookup: spf.Dns, domain: str, made: Mended, ways: Ways | None) -> bool:
    """Whether the relay need not be named any more. Of a known service that is asked by its include: alone."""
    if ways is None or not ways.addresses or (not ways.ours and include_for(ways.host)):
        return False
    return all(_result(lookup, domain, made, one) is spf.Result.PASS for one in ways.addresses)


def _result(lookup: spf.Dns, domain: str, made: Mended, address: str) -> spf.Result:
    return spf.check(_Instead(lookup, domain, made.value), address, domain, f"lettre@{domain}").result


def records_in(texts: tuple[str, ...]) -> list[str]:
    """The SPF records among TXT records, sorted, since they come in any order; where there is none, those that were
    meant as such."""
    right = sorted(text for text in texts if spf.is_record(text))
    return right or sorted(spf.bare(text) for text in texts if spf.spoiled(text))


def mend(there: list[str], wanted: list[str], domain: str) -> Mended:
    """One record, with what is wanted before its end; where they end differently, or a term had to be left out that may
    have meant a sender, ~all. Pure."""
    made = _Making(domain)
    for text in there:
        made.take(text.split()[1:])
    if made.redirect and len(there) == 1 and not wanted and not made.left_out:
        return Mended(" ".join(["v=spf1", *made.kept.values(), made.redirect]))
    if made.redirect:  # behind terms of ours it would never be reached
        made.keep(f"include:{made.redirect.partition('=')[2]}")
    for term in wanted:
        made.keep(term)
    end = made.ends.pop() if len(made.ends) == 1 and not made.left_out else "~all"
    return Mended(" ".join(["v=spf1", *made.kept.values(), end]), (*made.left_out, *made.void))


@dataclass(slots=True)
class _Making:
    """A record in the making: its terms by what they say without regard to case."""

    domain: str
    kept: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)  # left out as well, and never counted
    ends: set[str] = field(default_factory=set)
    redirect: str = ""

    def take(self, words: list[str]) -> None:
        ended = any(_is_all(word) for word in words)
        for word in words:
            if _is_all(word):
                self.ends.add(word.lower() if word[0] in "-~" else "~all")
            elif not _holds(word, self.domain):
                self.left_out.append(word)
            elif word.lower().startswith("redirect="):
                if ended:  # beside all it never counted (RFC 7208, 6.1)
                    self.void.append(word)
                else:
                    self.redirect = word
            elif word.lower().startswith("exp=") and any(one.startswith("exp=") for one in self.kept):
                self.left_out.append(word)
            else:
                self.keep(word)

    def keep(self, word: str) -> None:
        self.kept.setdefault(word.lower().lstrip("+"), word)


def _is_all(word: str) -> bool:
    return word.lower().lstrip("+-~?") == "all"


def _holds(word: str, domain: str) -> bool:
    """Whether a term can be read, does not lead back to its own record, and does not let everybody send."""
    try:
        terms = spf.parse(f"v=spf1 {word}")
    except spf.Wrong:
        return False
    own = any(one.name in ("include", "redirect") and one.value.rstrip(".").lower() == domain for one in terms)
    wide = any(one.name in ("ip4", "ip6") and ip_network(one.value).prefixlen == 0 for one in terms)
    return not own and not wide


class _Instead:
    """The DNS as it would be with another SPF record at one name."""

    def __init__(self, lookup: spf.Dns, domain: str, value: str) -> None:
        self._lookup, self._domain, self._value = lookup, domain, value

    def txt(self, name: str) -> Answer:
        if name.rstrip(".").lower() == self._domain:
            return Answer(State.FOUND, (self._value,))
        return self._lookup.txt(name)

    def mx(self, name: str) -> Answer:
        return self._lookup.mx(name)

    def a(self, name: str) -> Answer:
        return self._lookup.a(name)

    def aaaa(self, name: str) -> Answer:
        return self._lookup.aaaa(name)

    def ptr(self, address: str) -> Answer:
        return self._lookup.ptr(address)
