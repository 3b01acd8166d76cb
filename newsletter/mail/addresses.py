"""Mail addresses: how one is written on the wire, and when two are the same. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.errors import BadData
from newsletter.mail.headers import one_line

# What nearly every address looks like (RFC 5321, 4.1.2, without quoted local parts and address literals).
USUAL = re.compile(
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
# Names that lead to no mail server of the world, but to one's own: a newsroom's inner network, a test.
INNER = re.compile(r"(?:^|\.)(localhost|local)$", re.IGNORECASE)
STAND_IN = "test"  # reserved as well (RFC 6761), and read where it is asked for


@dataclass(frozen=True, slots=True)
class Address:
    """One mail address, read and in order."""

    text: str  # as it is mailed to: the domain in lower case, in A-labels
    key: str  # equal for all spellings that are one subscriber
    utf8: bool  # its local part needs SMTPUTF8 (RFC 6531)


def normalise(address: str) -> Address:
    """Read an address that a person wrote. Raises BadData, one line that names the address and what is wrong."""
    from email_validator import EmailNotValidError, validate_email  # slow to import, needed by few commands

    given = address.strip()
    local, at, domain = given.rpartition("@")
    # email-validator refuses these names: another stands in for them while it looks.
    inner = INNER.search(domain)
    looked_at = local + at + (domain[: inner.start(1)] + STAND_IN if inner else domain)
    try:
        read = validate_email(looked_at, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise BadData(f"{one_line(given, 100) or 'an empty address'}: {one_line(str(error))}") from None
    host = read.ascii_domain.lower()
    if inner:
        host = host.removesuffix(STAND_IN) + inner[1].lower()
    return Address(f"{read.local_part}@{host}", f"{read.local_part.casefold()}@{host}", not read.local_part.isascii())


def wire(address: str) -> tuple[str, bool]:
    """An address as it is mailed to, and whether it needs SMTPUTF8. Cheap for usual ones. Raises BadData."""
    if USUAL.fullmatch(address):
        return address, False
    found = normalise(address)
    return found.text, found.utf8
