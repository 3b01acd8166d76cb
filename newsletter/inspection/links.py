"""Where a mail's links lead, as far as the links themselves tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from newsletter.fetch.addresses import is_public
from newsletter.inspection.finding import Check, Finding
from newsletter.inspection.mail import Link, Mail
from newsletter.proof import Level
from newsletter.words import Words

HARMLESS = frozenset({"http", "https", "mailto", "tel"})
# Whoever mails by them hides where a link leads, and shares a host with those whom the filters know.
SHORTENERS = frozenset({
    "bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "cutt.ly", "rebrand.ly", "t.ly", "v.gd",
    "rb.gy", "shorturl.at", "tiny.cc", "lc.cx", "urlz.fr", "bitly.ws", "s.id", "dlvr.it", "trib.al", "lnkd.in",
})  # fmt: skip
HERE = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")
LOOKS_LIKE_A_HOST = re.compile(r"\s*(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?\s*", re.IGNORECASE)


def look(mail: Mail, words: Words) -> list[Finding]:
    """All that is to be said of a mail's links; of many of one kind the first, with their number."""
    say, both = words.say, (*mail.links, *mail.written_out)
    here = say("{url} leads to this machine or its own network: no reader gets there.")
    nowhere = say("A link or a picture leads nowhere: “{url}”.")
    short = say("{url} is a shortened link: filters distrust it, readers do not see where it leads.")
    clear = say("{url} begins with http://: on the way anybody may read and change it.")
    number = say("{url} names a machine by its number: filters take that for a trap.")
    name = say("{url} holds a user name: filters take that for a trap.")
    found = [
        *_some(both, _leads_here, Level.PROBLEM, here, words),
        *_some(mail.links, _leads_nowhere, Level.PROBLEM, nowhere, words),
        *_some(both, _shortened, Level.WARNING, short, words),
        *_some(both, _in_the_clear, Level.WARNING, clear, words),
        *_some(both, _by_number, Level.WARNING, number, words),
        *_some(both, _with_a_name, Level.WARNING, name, words),
    ]
    return [*found, *_disguised(mail.links, words)]


def _some(
    links: Sequence[Link], wrong: Callable[[Link], bool], level: Level, pattern: str, words: Words
) -> Iterator[Finding]:
    addresses = list(dict.fromkeys(one.url for one in links if wrong(one)))
    if addresses:
        more = len(addresses) - 1
        others = " " + words.count("So does {n} more.", "So do {n} more.", more) if more else ""
        yield Finding(Check.LINKS, level, pattern.format(url=shown(addresses[0])) + others)


def shown(url: str) -> str:
    """An address, short enough for a line."""
    return url if len(url) <= 90 else f"{url[:89]}…"


def _leads_here(link: Link) -> bool:
    host = link.host
    if link.scheme not in ("http", "https"):
        return False
    address = _address(host)
    if address is not None:
        return not is_public(address)
    return bool(host) and ("." not in host or any(host == one or host.endswith(one) for one in HERE))


def _leads_nowhere(link: Link) -> bool:
    if link.scheme in ("http", "https"):
        return not link.host
    allowed = {"data"} if link.picture else HARMLESS
    return link.scheme not in allowed


def _shortened(link: Link) -> bool:
    return link.host.removeprefix("www.") in SHORTENERS


def _in_the_clear(link: Link) -> bool:
    return link.scheme == "http" and not _leads_here(link)


def _by_number(link: Link) -> bool:
    address = _address(link.host)
    return address is not None and is_public(address)


def _with_a_name(link: Link) -> bool:
    try:
        return link.scheme in ("http", "https") and "@" in urlsplit(link.url).netloc
    except ValueError:
        return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _disguised(links: Sequence[Link], words: Words) -> Iterator[Finding]:
    """The words on a link are an address, and the link leads to another."""
    for link in links:
        said = LOOKS_LIKE_A_HOST.fullmatch(link.words) if not link.picture else None
        if said and link.host and _bare(said[1].lower()) != _bare(link.host):
            told = words.say(
                "The words on a link say {said}, and it leads to {host}: filters take that for a trap.",
                said=said[1],
                host=link.host,
            )
            yield Finding(Check.LINKS, Level.WARNING, told)


def _bare(host: str) -> str:
    return host.removeprefix("www.")
