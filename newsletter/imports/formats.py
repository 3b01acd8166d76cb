"""Whose list this is, by its first row: where the address, the name and the reader's status stand. Pure.

The columns are those of exports seen in 2026. Substack's `active_subscription` is left alone: it tells who pays, not
who reads.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.exports import COLUMNS, restored

OURS = "newsletter"
PLAIN = "plain list"

# The first of these that is there: Mailchimp has a postal `Address` beside its `Email Address`.
EMAIL = (
    *("email address", "email", "e-mail", "courriel", "mail", "e-mail address", "user email"),
    *("adresse e-mail", "adresse email", "adresse mail", "adresse electronique", "adresse de courriel"),
    *("subscriber", "adresse", "address"),
)
WHOLE_NAME = ("name", "nom complet", "full name", "nom")
FIRST_NAME = ("first name", "firstname", "prenom", "given name")
LAST_NAME = ("last name", "lastname", "nom de famille", "surname", "family name", "nom")

# A column by which a program says that somebody does not read on, and what stands in it then.
GONE = frozenset(
    [
        *("unsubscribed", "cleaned", "bounced", "inactive", "unconfirmed", "pending", "disabled", "complained", "spam"),
        *("blocklisted", "blacklisted", "blocked", "unreachable", "forgotten", "deleted", "archived", "trash"),
        *("nonsubscribed", "non-subscribed", "not subscribed", "transactional", "removed", "invalid", "opted out"),
        *("desabonne", "desabonnee", "desinscrit", "desinscrite", "inactif", "inactive", "en attente", "plainte"),
    ]
)
NO = frozenset(["false", "0", "no", "non", "faux"])
YES = frozenset(["true", "1", "yes", "oui", "vrai"])
ANYTHING = None
CHECKS = {
    **dict.fromkeys(("status", "statut", "global status", "list status", "subscription status", "etat"), GONE),
    "subscription type": GONE,
    **dict.fromkeys(("subscribed to emails", "subscribed", "abonne"), NO),
    **dict.fromkeys(("email disabled", "unsubscribed", "bounced", "complained", "desabonne"), YES | GONE),
    **dict.fromkeys(("unsub time", "clean time", "deleted at", "unsubscribed at"), ANYTHING),
}
# What a column says by being filled in, or by a mere yes or no.
MEANS = {
    "unsub time": "unsubscribed",
    "unsubscribed at": "unsubscribed",
    "subscribed to emails": "unsubscribed",
    "subscribed": "unsubscribed",
    "abonne": "unsubscribed",
    "desabonne": "unsubscribed",
    "clean time": "cleaned",
    "deleted at": "deleted",
    "email disabled": "disabled",
}
# The three files of a Mailchimp export that hold no readers; two of them say so in a column too.
NO_READERS = ("unsubscribed", "cleaned", "nonsubscribed")


@dataclass(frozen=True, slots=True)
class Check:
    """One column that may say that a reader is gone. `values` None: by being filled in."""

    place: int
    column: str
    values: frozenset[str] | None

    def said(self, cell: str) -> str | None:
        """What the cell says against its reader, in a word; None where it says nothing."""
        value = plain(cell)
        if not value or (self.values is not None and value not in self.values):
            return None
        return value if value in GONE else MEANS.get(self.column, self.column)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one file are read."""

    format: str
    email: int
    name: int | None = None
    parts: tuple[int, ...] = ()  # first and last name, where there is no whole one
    checks: tuple[Check, ...] = ()
    escape: str | None = None
    all_gone: str | None = None  # nobody in this file reads on: what it says of them

    def gone(self, cells: Sequence[str]) -> str | None:
        """What the row says of its reader, where it says that they do not read on."""
        if self.all_gone:
            return self.all_gone
        for check in self.checks:
            if check.place < len(cells) and cells[check.place]:
                said = check.said(cells[check.place])
                if said:
                    return said
        return None

    def read(self, cells: Sequence[str]) -> list[str]:
        """The cells that hold the address and the name, untouched."""
        places = (self.email, *(() if self.name is None else (self.name,)), *self.parts)
        return [cells[place] for place in places if place < len(cells)]

    def person(self, cells: Sequence[str]) -> tuple[str, str]:
        """The address and the name of a row, as they stand there."""
        count = len(cells)
        address = cells[self.email].strip() if self.email < count else ""
        name = cells[self.name].strip() if self.name is not None and self.name < count else ""
        if not name and self.parts:
            name = " ".join(cells[part].strip() for part in self.parts if part < count).strip()
        return (restored(address), restored(name)) if self.format == OURS else (address, name)


def recognise(first_row: Sequence[str], file: str) -> Layout | None:
    """The layout that a first row tells, of a file of that name; None where it has no column of addresses."""
    header = [plain(cell).replace("_", " ") for cell in first_row]
    email = _place(header, EMAIL)
    if email is None:
        return None
    found = _format(header)
    first = _place(header, FIRST_NAME)
    parts = (first, _place(header, LAST_NAME)) if first is not None else ()
    # `Prénom;Nom` is a first and a last name, `Nom` alone a whole one.
    name = _place(header, WHOLE_NAME if first is None else WHOLE_NAME[:-1])
    checks = [Check(place, column, CHECKS[column]) for place, column in enumerate(header) if column in CHECKS]
    empty = next((kind for kind in NO_READERS if found == "Mailchimp" and file.lower().startswith(kind)), None)
    return Layout(
        found,
        email,
        name,
        tuple(part for part in parts if part is not None),
        tuple(checks),
        "\\" if found == "MailPoet" else None,  # its export writes \" for a quotation mark, not ""
        empty,
    )


def _format(header: Sequence[str]) -> str:
    columns = set(header)
    if tuple(header) == tuple(column.replace("_", " ") for column in COLUMNS):
        return OURS
    if "email address" in columns and columns & {"member rating", "optin time", "leid", "euid", "first name"}:
        return "Mailchimp"
    if columns & {"subscribed to emails", "complimentary plan"}:
        return "Ghost"
    if {"email", "attributes"} <= columns:
        return "listmonk"
    if columns & {"active subscription", "email disabled", "subscription type"}:
        return "Substack"
    if columns & {"subscriber", "global status", "list status"} or {"first name", "list"} <= columns:
        return "MailPoet"
    return PLAIN


def _place(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def plain(cell: str) -> str:
    """A word as it is compared: without case, accents and the spaces around it."""
    if not cell.isascii():
        cell = "".join(c for c in unicodedata.normalize("NFKD", cell) if not unicodedata.combining(c))
    return " ".join(cell.casefold().split())
