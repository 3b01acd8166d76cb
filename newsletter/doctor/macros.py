"""The macros of SPF (RFC 7208, 7): %{i}, %{d2}, %{lr-} and their kind. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

MACRO = re.compile(r"%(?:\{([A-Za-z])(\d*)(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
PLAIN = {"%": "%", "_": " ", "-": "%20"}
LONGEST = 253  # characters of a name; what is longer loses labels at its left (RFC 7208, 7.3)


@dataclass(frozen=True, slots=True)
class Known:
    """What macros may name."""

    sender: str
    local: str
    sender_domain: str
    domain: str
    address: IPv4Address | IPv6Address
    helo: str


def expand(text: str, known: Known) -> str:
    """A domain as it is written → as it is asked. Raises ValueError for a % that begins no macro."""
    found, at = [], 0
    for match in MACRO.finditer(text):
        found += [_plain(text[at : match.start()], text), _value(match, known)]
        at = match.end()
    whole = "".join([*found, _plain(text[at:], text)])
    while len(whole) > LONGEST and "." in whole:
        whole = whole.partition(".")[2]
    return whole


def _plain(piece: str, text: str) -> str:
    if "%" in piece:
        raise ValueError(f"“{text}”: % begins no macro")
    return piece


def _value(match: re.Match[str], known: Known) -> str:
    if match[5]:
        return PLAIN[match[5]]
    letter, digits, reverse, delimiters = match[1], match[2], match[3], match[4] or "."
    values = {
        "s": known.sender,
        "l": known.local,
        "o": known.sender_domain,
        "d": known.domain,
        "i": _dotted(known.address),
        "p": "unknown",  # the address's name: not to be relied on (RFC 7208, 7.2)
        "v": "in-addr" if known.address.version == 4 else "ip6",
        "h": known.helo,
    }
    if letter.lower() not in values:
        raise ValueError(f"%{{{letter}}} is no macro here")
    if digits and int(digits) == 0:
        raise ValueError(f"%{{{letter}{digits}}}: nothing is left of it")
    parts = re.split(f"[{re.escape(delimiters)}]", values[letter.lower()])
    parts = parts[::-1] if reverse else parts
    value = ".".join(parts[-int(digits) :] if digits else parts)
    return quote(value, safe="-._~") if letter.isupper() else value


def _dotted(address: IPv4Address | IPv6Address) -> str:
    return str(address) if address.version == 4 else ".".join(address.exploded.replace(":", ""))
