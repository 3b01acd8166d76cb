"""What a look through an edition says: one finding a line, in the newsletter's language."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsletter.proof import Level, Remark


class Check(StrEnum):
    """What was looked at."""

    EDITION = "edition"  # what the desk remarks too
    HEADERS = "headers"
    AGREEMENT = "agreement"  # of text, HTML and header
    LINKS = "links"
    PICTURES = "pictures"
    CONTRAST = "contrast"
    MARKUP = "markup"
    LEFTOVERS = "leftovers"  # of a template
    FILTERS = "filters"  # of spam


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    check: Check
    level: Level
    said: str
    article: int | None = None  # what it is about, where it is about one


def of_remark(remark: Remark) -> Finding:
    """What the desk would show."""
    return Finding(Check.EDITION, remark.level, remark.said, remark.article)
