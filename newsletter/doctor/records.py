"""The records that belong into the DNS, ready to paste: what stands there already is kept as far as it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from newsletter.doctor import Look, dmarc, mending, signing, spf
from newsletter.doctor.dns import judge_spf
from newsletter.doctor.domain import envelope_domain, ways_of
from newsletter.doctor.finding import Finding, Level
from newsletter.errors import ConfigError
from newsletter.mail.dkim import TXT_STRING, Record, record
from newsletter.newsroom import Newsroom

SECONDS = 45.0  # for each kind: they wait for the same answers as the looks


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, and whether the DNS has it."""

    kind: str  # SPF, DKIM, DMARC, MX
    type: str  # TXT or MX
    name: str
    value: str
    there: bool
    left_out: tuple[str, ...] = ()  # terms of the old record that are not in it, since they do not hold

    @property
    def strings(self) -> list[str]:
        """A TXT record's value in pieces of at most 255 characters; an MX record's as it is."""
        if self.type != "TXT":
            return [self.value]
        return [self.value[i : i + TXT_STRING] for i in range(0, len(self.value), TXT_STRING)]


def records(room: Newsroom) -> list[Entry]:
    """SPF, DKIM, DMARC, and MX of a bounce domain of its own. Asks the DNS what is there; of what it could not say,
    nothing is given: a record pasted over one that we did not see would do harm."""
    return [entry for part in PARTS.values() for entry in part(room)]


def looks(room: Newsroom, written: list[Entry]) -> list[Look]:
    """The same as parts of the examination, side by side with the others and with a limit: they fill `written`."""

    def write(part: Part) -> Iterable[Finding]:
        written.extend(part(room))
        return ()

    return [Look(f"records {kind}", partial(write, part), SECONDS) for kind, part in PARTS.items()]


def seen(written: Sequence[Entry], findings: Sequence[Finding]) -> list[Entry]:
    """In their order, without those of a kind that the doctor could not look at to the end."""
    unseen = [f"{one.name} " for one in findings if not one.sure]
    known = [kind for kind in PARTS if not any(name.startswith(f"dns {kind} ") for name in unseen)]
    return [one for kind in known for one in written if one.kind == kind]


def _spf(room: Newsroom) -> list[Entry]:
    domain = envelope_domain(room.config)
    ways = ways_of(room.config, room.lookup)
    there = [text for text in room.lookup.txt(domain).values if spf.is_record(text)]
    if there and judge_spf(room.lookup, domain, ways).level is Level.OK:
        return [Entry("SPF", "TXT", domain, there[0], True)]
    made = mending.proposed(room.lookup, domain, ways)
    return [Entry("SPF", "TXT", domain, made.value, there == [made.value], made.left_out)] if made else []


def _dkim(room: Newsroom) -> list[Entry]:
    try:
        keys = room.dkim_keys
    except ConfigError:
        return []
    found = []
    for selector, key in keys:
        ours: Record = record(room.config.signing_domain, selector, key)
        there = room.lookup.txt(ours.name)
        judged = signing.judge("", there.values, ours)
        if not there.trouble:
            found.append(Entry("DKIM", "TXT", ours.name, ours.value, judged.level is Level.OK))
    return found


def _dmarc(room: Newsroom) -> list[Entry]:
    paper = room.config.newsletter
    author = dmarc.walk(room.lookup, paper.sender_domain)
    if author.trouble:
        return []
    found = author.record
    if found:
        return [Entry("DMARC", "TXT", f"_dmarc.{found.domain}", found.text, found.mended == found.tags)]
    if not author.is_bare or dmarc.doubled(room.lookup, author.domain):
        return []  # a new one beside what was meant would weaken it; the finding says how that is to be written
    reader = next((one for one in paper.editors if one.endswith(f"@{paper.sender_domain}")), None)
    to = reader or f"postmaster@{paper.sender_domain}"
    return [Entry("DMARC", "TXT", f"_dmarc.{paper.sender_domain}", f"v=DMARC1; p=none; rua=mailto:{to}", False)]


def _mx(room: Newsroom) -> list[Entry]:
    """Of the domain that bounces come to, where it is another than the From address's."""
    domain, config = envelope_domain(room.config), room.config
    if domain == config.newsletter.sender_domain:
        return []
    found = room.lookup.mx(domain)
    if found.trouble:
        return []
    if any(found.values):
        return [Entry("MX", "MX", domain, f"10 {found.values[0]}.", True)]
    inbox = config.bounces.inbox
    host = (
        inbox.host if inbox and inbox.host else next(iter(room.lookup.mx(config.newsletter.sender_domain).values), "")
    )
    return [Entry("MX", "MX", domain, f"10 {host}.", False)] if host else []


Part = Callable[[Newsroom], list[Entry]]
PARTS: dict[str, Part] = {"SPF": _spf, "DKIM": _dkim, "DMARC": _dmarc, "MX": _mx}
