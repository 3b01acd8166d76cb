"""Addresses in reports and in prose: found, put in one form, and those told apart that are nobody's mailbox. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LOCAL = r"[A-Za-z0-9_.!#$%&'*+/=?^`{|}~-]{1,128}"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})"
_DOMAIN = rf"(?:\[[\d.]{{7,15}}\]|{_LABEL}(?:\.{_LABEL}){{0,10}})"
# In a text an address is ASCII: where words stand without spaces between, all else would be one.
ADDRESS = re.compile(
    rf"(?<![A-Za-z0-9_.!#$%&'*+/=?^`{{|}}~@\u00c0-\u024f-])(\"[^\"@\n<>]{{1,64}}\"|"
    rf"{_LOCAL})@({_DOMAIN})(?![A-Za-z0-9_@-])"
)
WHOLE = re.compile(r"(?:\"[^\"\n<>]{1,64}\"|[^\s<>@,;()\[\]]{1,128})@(?:\[[\d.]{7,15}\]|[^\s<>@,;()\[\]\"]{1,255})")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_ROUTE = re.compile(r"@[\w.,@-]{1,200}:")
_OF_SERVERS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|post-?master|mdaemon|abuse|hostmaster|mailmaster|mail-?admin|"
    r"no-?reply|double-bounce|"
    r"support|help-?desk|webmaster|root|unblock\w*|whitelist\w*|removeme|delist\w*|noc|security|bounces?|return|"
    r"(?:administrator|admin)|(?:spam|mail)-?(?:support|help|report)|contact)$",
    re.I,
)


def tidy(address: str) -> str:
    """In one form: no brackets, no route, the domain in small letters. Empty where it is no address."""
    text = address.strip().strip("<>").strip().strip("'").strip()
    if text.lower().startswith(("mailto:", "smtp:")):
        text = text.partition(":")[2].strip()
    if (bracketed := re.search(r"<([^<>\s]{3,320})>", text)) and "@" in bracketed[1]:
        text = bracketed[1]
    text = _ROUTE.sub("", text, count=1) if text.startswith("@") else text
    if " " in text and not text.startswith('"'):
        text = next((word for word in text.split() if "@" in word), "").strip("<>()[],;:")
    local, at, domain = text.rpartition("@")
    domain = domain.rstrip(".,;:>)").lower()
    if not at or not WHOLE.fullmatch(f"{local}@{domain}"):
        return ""
    return f"{local}@{domain}"


def of_report(value: str) -> str:
    """A recipient's field: `rfc822; <a@b.example>`, `utf-8; …`, with xtext read (RFC 3461, 4; RFC 6533, 3)."""
    kind, semicolon, rest = value.partition(";")
    text = (rest if semicolon and re.fullmatch(r"\s*[\w.-]{1,20}\s*", kind) else value).strip()
    text = re.sub(r"\s+\([^()]{0,200}\)$", "", text)
    if kind.strip().lower() == "utf-8":
        text = unitext(text)
    if "@" not in text or "+3D" in text or "+2B" in text:
        text = xtext(text)
    return tidy(re.sub(r"\s*@\s*", "@", text))


def xtext(text: str) -> str:
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)


def unitext(text: str) -> str:
    return _UNITEXT.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), text)


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """Where addresses stand in a text, and in one form."""
    for match in ADDRESS.finditer(text):
        address = tidy(match[0].strip("'*=").lstrip("."))
        if address:
            yield match.start(), address


def listed(values: Iterable[str]) -> list[str]:
    """The addresses of headers such as To, each once."""
    return once(address for value in values for _, address in found_in(value[:20_000]))


def once(addresses: Iterable[str]) -> list[str]:
    """Each once, whatever the case of its letters."""
    known: dict[str, str] = {}
    for address in addresses:
        if address:
            known.setdefault(address.lower(), address)
    return list(known.values())


def is_of_a_server(address: str) -> bool:
    """Whom explanations name: the postmaster, and those who help."""
    return bool(_OF_SERVERS.match(address.rpartition("@")[0]))
