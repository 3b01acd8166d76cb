"""The records that belong into the DNS, ready to paste: what stands there already is kept as far as it is right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from newsletter.doctor import dmarc, mending, signing, spf
from newsletter.doctor.dns import judge_spf
from newsletter.doctor.domain import envelope_domain, ways_of
from newsletter.doctor.finding import Level
from newsletter.errors import ConfigError
from newsletter.mail.dkim import TXT_STRING, Record, record
from newsletter.newsroom import Newsroom


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
    with ThreadPoolExecutor() as pool:  # side by side: a silent name server costs its time once
        parts = [pool.submit(part, room) for part in (_spf, _dkim, _dmarc, _mx)]
        return [entry for part in parts for entry in part.result()]


def _spf(room: Newsroom) -> list[Entry]:
    domain = envelope_domain(room.config)
    ways = ways_of(room.config, room.lookup)
    there = [text for text in room.lookup.txt(domain).values if spf.is_record(text)]
    if judge_spf(room.lookup, domain, ways).level is Level.OK:
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
