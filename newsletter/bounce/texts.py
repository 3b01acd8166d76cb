"""Whom a report in prose names. Pure.

There are as many forms as servers. What they share: a recipient stands at the start of a line, or after RCPT TO, or
after "to" in a sentence on failing; explanations name others too, and so does the mail that is returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from newsletter.bounce.addresses import ADDRESS, found_in, is_of_a_server, listed, once, tidy
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose

NEAR = 1500  # characters behind a recipient that are about it
MAX_FOUND = 200
SURE = 8  # so many ways of naming somebody are sure

_A = re.sub(r"\((?!\?)", "(?:", ADDRESS.pattern)  # without its groups
_OPEN = r"[ \t>*|]{0,24}(?:[-*•·]|\d{1,3}[.)])?[ \t]*(?:[<\"'(\[«]|smtp:|rfc822;|mailto:| ){0,4}"
# By how surely they name who failed.
_AT_START = re.compile(
    rf"^{_OPEN}({_A})[>\"')\]]*(?=[ \t]*(?:$|[:;,]|\.\.\.|\(|\[|<[^>\n]*>|-{{1,3}}|=>|"
    rf"[\t ]on[ \t]|[ \t]{{2}}|[ \t][45]\d\d|\t|\.[ \t]*$|[ \t][^@\n]{{1,120}}<\1>))",
    re.M,
)
_AT_RCPT = re.compile(rf"rcpt[ _-]?to[ \t]*:?[ \t]*<?[ \t]*({_A})", re.I)
_BEHIND_CODE = re.compile(
    rf"^[ \t*]{{0,12}}[45]\d\d[- ](?:\#?[45]\.\d{{1,3}}\.\d{{1,3}}[ \t:]*)?(?:[\w ]{{0,30}}[ :])?[<\[(\"']?({_A})", re.M
)
_BEHIND_LABEL = re.compile(
    rf"^{_OPEN}(?:(?:failed|final|intended|original|undeliverable|invalid|unknown|your|the|e-?mail) )*"
    rf"(?:recipients?|address(?:ee)?s?|user|mailbox|rcpt|e-?mail|account|destinat\w{{2,6}}|destinataires?|"
    rf"empf(?:ä|ae)nger\w*|an|à|"
    rf"user unknown|unknown (?:user|recipient)|failed addresses|delivery failed|could not deliver to|"
    rf"not delivered to|宛先|收件人|получатель)[ \t]{{0,9}}(?:\(s\)|address)?[ \t]*[:=;]\s{{0,20}}[<\"'\[(]?({_A})",
    re.I | re.M,
)
_EAST_ASIAN = re.compile(
    rf"(?:收件人|收件者|地址|邮箱|宛先|アドレス|수신자|받는)[^\sA-Za-z0-9@]{{0,12}}[<(]?({_A})|"
    rf"({_A})[>)）」]{{0,2}} ?(?:不存在|が見つか|は存在)"
)
_BEHIND_TO = re.compile(
    rf"(?:\bto\b|\bfor\b|\brecipients?\b|\buser\b|\baddress(?:es)?\b|\bmailbox\b|\breach\b|\baccount\b|\bà\b|"
    rf"\ban\b|\ba\b|\bdla\b|\bdo\b|\bvoor\b|\baan\b|\bpara\b|адрес\w*|получател\w*)"
    rf"(?:[ \t\n]+(?:the|following|recipient|recipients|address|user|mailbox|for|l'adresse|adresse|destinataire|"
    rf"die|den|empfänger|addresses|account|email|e-mail|user's|is|was|not|valid|failed|"
    rf"person)){{0,5}}[ \t\n:]*[<\"'\[(«]?[ \t]?({_A})",
    re.I,
)
_BEHIND_COLON = re.compile(rf"^[^:@\n]{{3,80}}:[ \t]*[<\"'(\[]?({_A})[>\"')\]]?[ \t.]*$", re.M)
_NAMED_TO = re.compile(rf"^[ \t>]{{0,12}}to[ \t]*:[ \t]*[^@\n]{{0,80}}?({_A})", re.I | re.M)
_EXPANDED = re.compile(rf"\((?:expanded|generated|forwarded) from:?\s*<?({_A})>?\)", re.I)
_NOT_ITS_OWN = re.compile(
    r"\b(?:from|sender|mail from|de|von|reply-to|contact|write to|(?<!sent )mail to|e-?mail us|"
    r"message-id|help|assistance|questions?|report(?:ed)? (?:to|at)|please (?:send|contact|forward|e-?mail|"
    r"mail))\b[^@\n]{0,40}$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Named:
    address: str
    words: str  # what is said of it


@dataclass(frozen=True, slots=True)
class Naming:
    people: list[Named]
    surely: bool  # else it is a guess: they stand somewhere in the text


def named_in(prose: Prose, mail: Part) -> Naming:
    """The recipients whom a report names, with what it says of each."""
    text = prose.own
    told = once(tidy(word) for value in mail.all("x-failed-recipients") for word in re.split(r"[,\s]+", value))
    if told:
        return Naming(with_words(told, text), True)
    senders, wrote_to = _people_of(prose.originals)
    strangers = _lowered([*senders, *listed(mail.all("from")), *_ours(mail)])
    lines = _without_ids(text)
    lowered = _lowered(wrote_to)
    ways: tuple[Callable[[], list[str]], ...] = (
        lambda: _captured(_AT_START, lines, guarded=True),
        lambda: [*_captured(_AT_RCPT, lines), *_captured(_BEHIND_CODE, lines)],
        lambda: _captured(_BEHIND_LABEL, lines),
        lambda: [tidy(match[1] or match[2]) for match in _EAST_ASIAN.finditer(lines)],
        lambda: _captured(_BEHIND_TO, lines, guarded=True),
        lambda: _captured(_BEHIND_COLON, lines, guarded=True),
        lambda: listed(_final_recipients(prose)),
        lambda: [address for _, address in found_in(lines) if address.lower() in lowered],
        lambda: _captured(_NAMED_TO, lines),
        lambda: [a for at, a in found_in(lines) if not _NOT_ITS_OWN.search(lines[max(0, at - 60) : at])],
    )
    for number, way in enumerate(ways):
        people = _failed(way(), strangers - lowered if number < SURE else strangers, lowered)
        if people:
            return Naming(_before_expansion(text, with_words(people, text)), number < SURE)
    return Naming([], False)


def _final_recipients(prose: Prose) -> list[str]:
    return re.findall(r"^(?:original|final)-recipient:(.{3,400})$", prose.disposition, re.I | re.M)[:1]


def of_originals(prose: Prose) -> list[str]:
    """Whom the mail went to that is returned, where its report names nobody; never who only had a copy, or wrote it."""
    senders, _ = _people_of(prose.originals)
    names = ("x-original-to", "resent-to", "to", "apparently-to")
    went_to = once(a for original in prose.originals[:3] for name in names for a in listed(original.all(name)[:3]))
    people = [address for address in went_to if address.lower() not in _lowered(senders)]
    return people if len(people) <= 3 else []


def with_words(people: list[str], text: str) -> list[Named]:
    """What is said of each: behind each place where it stands, up to where another one does."""
    lower = text.lower()
    places = sorted((at, person) for person in people for at in _places(lower, person.lower()))
    said: dict[str, list[str]] = {person: [] for person in people}
    for number, (at, person) in enumerate(places):
        end = next((other for other, who in places[number + 1 :] if who != person), len(text))
        start = text.rfind("\n", 0, at) + 1
        if number and places[number - 1][1] != person:
            start = max(start, places[number - 1][0])
        if sum(map(len, said[person])) < NEAR:
            stop = min(end, at + NEAR)
            if stop < len(text) and stop == end:  # not the start of the line that names the next
                stop = max(at, text.rfind("\n", at, stop + 1))
            following = next((o for o, _ in places[number + 1 : number + 2]), stop)
            said[person].append(text[start : min(stop, following) if following > at else stop])
    return [Named(person, "\n".join(said[person])[: NEAR * 2]) for person in people]


def _places(lower: str, person: str) -> list[int]:
    found: list[int] = []
    at = lower.find(person)
    while at >= 0 and len(found) < 8:
        found.append(at)
        at = lower.find(person, at + len(person))
    return found


def _captured(pattern: re.Pattern[str], text: str, *, guarded: bool = False) -> list[str]:
    found = []
    for match in pattern.finditer(text):
        start = match.start(1)
        if guarded and _NOT_ITS_OWN.search(text[max(0, start - 60) : start]):
            continue
        found.append(tidy(match[1].strip("'*")))
        if len(found) >= MAX_FOUND:
            break
    return once(found)


def _failed(found: Iterable[str], nobody: set[str], wrote_to: set[str]) -> list[str]:
    """Without those who cannot have failed: who wrote, who reports, whom explanations name for help."""
    return [a for a in once(found) if a.lower() not in nobody and (a.lower() in wrote_to or not is_of_a_server(a))]


def _people_of(originals: list[Part]) -> tuple[list[str], list[str]]:
    """Who wrote the mail that is returned, and to whom."""
    senders: list[str] = []
    wrote_to: list[str] = []
    for original in originals[:3]:
        for name in ("from", "sender", "reply-to", "return-path", "errors-to", "x-sender"):
            senders += listed(original.all(name)[:2])
        for name in ("to", "cc", "x-original-to", "resent-to", "apparently-to", "bcc"):
            wrote_to += listed(original.all(name)[:3])
    return once(senders), once(wrote_to)


def _ours(mail: Part) -> list[str]:
    return listed([*mail.all("to")[:1], *mail.all("delivered-to")[:1], *mail.all("x-original-to")[:1]])


def _lowered(addresses: Iterable[str]) -> set[str]:
    return {address.lower() for address in addresses}


def _without_ids(text: str) -> str:
    """Message-IDs look like addresses."""
    text = re.sub(r"\b(?:dda:)?SMTP=(?=[^\s;]{1,100}@)", "\n", text, flags=re.I)  # X.400
    return re.sub(
        r"message[- ]?id[^@\n]{0,200}@[^\s>]{0,200}>?|(?:<mailto:[^>\n]{1,300}>)|"
        r"\bmailto:",
        " ",
        text,
        flags=re.I,
    )


def _before_expansion(text: str, people: list[Named]) -> list[Named]:
    """An alias stands for those it was expanded to: we wrote to the alias."""
    aliases = once(tidy(match[1]) for match in _EXPANDED.finditer(text))
    return [Named(aliases[0], people[0].words)] if len(aliases) == 1 and len(people) <= 2 else people
