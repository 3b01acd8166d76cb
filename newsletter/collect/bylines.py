"""Names as sources write them → bylines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from newsletter.collect.text import decoded, folded, line_of

MAX_AUTHORS = 10
MAX_NAME = 100  # characters
MAX_NAMES, MAX_RAW = 30, 400  # that are looked at, and their characters

# Possessive, and only where an address begins: else each of its letters is a beginning to try.
_ADDRESS = r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]++@[\w-]++(?:\.[\w-]++)++"
_NAME_BEHIND = re.compile(rf"^\s*(?:mailto:)?<?{_ADDRESS}>?\s*\((.*)\)\s*$")  # RSS 2.0: no-reply@x (Name)
_ADDRESS_BEHIND = re.compile(rf"^(.*?)\s*[(<\[]\s*(?:mailto:)?{_ADDRESS}\s*[)>\]]\s*$")
_IN_ANGLES = re.compile(rf"<\s*((?:mailto:)?{_ADDRESS})\s*>")  # "Name <a@b.example>" is no tag
_ANY_ADDRESS = re.compile(rf"(?:mailto:)?{_ADDRESS}(?:\?\S*)?")
_BY = re.compile(r"^(?:par|by|written by|ecrit par|propos recueillis par|texte|von)\s*:?\s+(?=\w)")
_AND = re.compile(r"\s+(?:et|and|&|und|y)\s+", re.IGNORECASE)
_NOBODY = frozenset(
    str.split(
        "admin administrator administrateur administrador webmaster root editor user author auteur unknown anonymous"
        " anonyme null none undefined noreply no-reply wordpress n/a"
    )
)
# A name's words: capitalised or all in capitals, initials, and the small words inside names.
_WORD = re.compile(r"^(?:[^\W\d_a-zà-öø-ÿ][\w'’.\-]*|d['’][^\W\d_][\w'’.\-]*|l['’][^\W\d_][\w'’.\-]*)$")
_INSIDE = frozenset(
    str.split("de du des la le les d da do dos di del della van von der den ten ter bin ben ibn el al y e zu")
)
_JOB = re.compile(
    r"\b(?:correspondante?|envoyee? speciale?|avec|a|au|aux|en|dans|pour|afp|reuters|apa|stagiaire|redacteur|redactrice"
    r"|journaliste|photographe|directeur|directrice|chef|depuis|service|agence|bureau|with|staff|writer|reporter"
    r"|ministre|president|professeur|docteur|economiste|phd|md|jr|sr|inc|ltd)\b"
)


def bylines(names: Iterable[str]) -> tuple[str, ...]:
    """The authors in the source's order, each once: addresses, accounts and empty names left out, joined names
    (« A, B et C ») split where each part is a name."""
    found: dict[str, str] = {}
    for name in islice(names, MAX_NAMES):
        for one in _split(_name(name)):
            if _is_somebody(one):
                found.setdefault(folded(one), one[:MAX_NAME])
    return tuple(list(found.values())[:MAX_AUTHORS])


@lru_cache(maxsize=500)  # the same few people write a feed, and its house's names stand for each article
def _name(raw: str) -> str:
    raw = line_of(_IN_ANGLES.sub(r" (\1)", decoded(raw[:1_000])))[:MAX_RAW]
    for pattern in (_NAME_BEHIND, _ADDRESS_BEHIND):
        if match := pattern.match(raw):
            raw = match[1]
            break
    name = _ANY_ADDRESS.sub("", raw).strip(' \u00a0,;:|–—-"“”<>[]\t')
    if name.startswith("(") or name.count("(") != name.count(")"):
        name = name.strip("() ")
    by = _BY.match(folded(name))
    return name[by.end() :] if by else name


def _is_somebody(name: str) -> bool:
    fold = folded(name).strip(". ")
    return (
        any(c.isalpha() for c in name) and fold not in _NOBODY and not fold.startswith(("http://", "https://", "www."))
    )


def _split(name: str) -> list[str]:
    """« A, B et C » → A, B, C; « Dupont, correspondant à Kara » and « Nord et Sud Magazine » stay one.

    Each part must be a name by itself: two words and more, or all parts are single words of a list with « et ».
    """
    if not name:
        return []
    if ";" in name or " / " in name or " | " in name:
        return [part for piece in re.split(r"\s*;\s*|\s+[/|]\s+", name) for part in _split(piece.strip())]
    parts = [
        part.strip() for piece in name.split(",") for part in _AND.split(re.sub(r"^(?:et|and)\s+", "", piece.strip()))
    ]
    parts = [part for part in parts if part]
    if len(parts) < 2 or not all(map(_is_name, parts)):
        return [name]
    if all(" " in part or "\u00a0" in part for part in parts):
        return parts
    # "Ama et Kofi" yes; "DUPONT, Jean" no: that is one person, the family name first
    return parts if "," not in name and all(" " not in part for part in parts) else [name]


def _is_name(part: str) -> bool:
    words = part.split()
    if not 1 <= len(words) <= 5 or (_JOB.search(folded(part)) and not re.search(r"\b[A-Z]\.", part)):
        return False
    return all(_WORD.match(word) or word.lower() in _INSIDE for word in words) and bool(_WORD.match(words[-1]))
