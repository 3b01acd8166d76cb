"""The archive: each edition as it went out, for everybody to read. Nothing of a reader is in it.

An edition's articles are not touched any more once it is frozen: what is shown is what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from newsletter.links import archive_link
from newsletter.mail.message import WireTemplate
from newsletter.model import DAILY, Edition, Variant
from newsletter.newsroom import Newsroom
from newsletter.render import Group, Share, Story, groups, harmless, note_of, shares, stories
from newsletter.store import editions
from newsletter.store.database import read

PAGE = 60  # editions on one page of the list: two months of a daily
FEED = 20  # editions in the feed
SHORT = 300  # characters of a note, where they stand for it
NOBODY = "…"  # where a mail names its reader


@dataclass(frozen=True, slots=True)
class Line:
    """An edition in a list."""

    name: str
    day: date
    subject: str
    url: str
    at: datetime  # when its sending began
    slot: str = DAILY
    corrects: Line | None = None  # the edition that it corrects
    corrections: tuple[Correction, ...] = ()  # of it, the oldest first

    @property
    def updated(self) -> datetime:
        """When what is to be read of it last changed: an edition stays as it is, and is corrected above itself."""
        return max([self.at, *(one.line.at for one in self.corrections)])


@dataclass(frozen=True, slots=True)
class Correction:
    """What was put right in an edition afterwards, as it was mailed."""

    line: Line
    text: list[str]  # paragraphs


@dataclass(frozen=True, slots=True)
class Page:
    """An edition to read."""

    line: Line
    note: list[str]  # the editor's, as paragraphs; a correction's text
    lead: Story | None
    groups: list[Group]  # what follows the lead, by section
    stories: list[Story]  # all of them, in their order
    share: tuple[Share, ...]
    older: Line | None
    newer: Line | None

    @property
    def headlines(self) -> str:
        """The second and third headlines: what a card says below the title. Of what is a note, its first words."""
        headlines = " · ".join(one.title for one in self.stories[1:3]) or (self.lead.summary if self.lead else "")
        return headlines or " ".join(self.note)[:SHORT]


def latest(room: Newsroom, count: int, *, corrections: bool = True) -> list[Line]:
    """The last editions that went out, the newest first, with corrections or without; none where the archive is off."""
    if not room.config.web.archive:
        return []
    with read(room.engine) as connection:
        return _lines(room, connection, editions.sent(connection, limit=count, corrections=corrections))


def listed(room: Newsroom, before: date | None = None) -> tuple[list[Line], date | None]:
    """A page of the list, the newest first; with the day before which the next page begins, where there is one."""
    if not room.config.web.archive:
        return [], None
    with read(room.engine) as connection:
        found = editions.sent(connection, limit=PAGE + 1, before=before)
        lines = _lines(room, connection, found[:PAGE])
    return lines, lines[-1].day if len(found) > PAGE else None


def page(room: Newsroom, name: str, *, language: str) -> Page | None:
    """An edition to read; None where there is none of that name that went out, or the archive is off."""
    edition = _edition(room, name)
    if edition is None:
        return None
    with read(room.engine) as connection:
        choices = editions.choices_of(connection, edition.id)
        older, newer = (editions.neighbour(connection, edition, later=later) for later in (False, True))
        [line] = _lines(room, connection, [edition])
    look = room.look_in(language)
    shown = stories(look, choices)
    led = edition.corrects is None
    title = f"{room.config.newsletter.name}, {look.words.full_date(edition.day)}"
    return Page(
        line=line,
        note=note_of(room.look, edition),
        lead=shown[0] if shown and led else None,
        groups=groups(shown[1:] if led else shown),
        stories=shown,
        share=shares(title, line.url),
        older=_line(room, older) if older else None,
        newer=_line(room, newer) if newer else None,
    )


def mail(room: Newsroom, name: str) -> str | None:
    """An edition's HTML as it was mailed, as a page that can do nothing, with nobody's address and links in it."""
    edition = _edition(room, name)
    if edition is None:
        return None
    with read(room.engine) as connection:
        wires = editions.wires_of(connection, edition.id)
    paper = room.config.newsletter
    html = WireTemplate.loads(wires[Variant.FULL]).html(NOBODY, f"{paper.public_url}/")
    return harmless(html, title=edition.subject or paper.name, language=paper.language)


def _edition(room: Newsroom, name: str) -> Edition | None:
    if not room.config.web.archive:
        return None
    with read(room.engine) as connection:
        found = editions.named(connection, name)
    return found if found and found.went_out else None


def _lines(room: Newsroom, connection: Connection, found: Sequence[Edition]) -> list[Line]:
    """Editions as lines of a list, each with what it corrects and what corrects it."""
    corrected: dict[int, list[Correction]] = {}
    for one in editions.corrections_of(connection, [edition.id for edition in found]):
        told = Correction(_line(room, one), note_of(room.look, one))
        corrected.setdefault(one.corrects or 0, []).append(told)
    return [
        replace(
            _line(room, edition),
            corrects=_line(room, editions.by_id(connection, edition.corrects)) if edition.corrects else None,
            corrections=tuple(corrected.get(edition.id, ())),
        )
        for edition in found
    ]


def _line(room: Newsroom, edition: Edition) -> Line:
    paper = room.config.newsletter
    return Line(
        name=edition.name,
        day=edition.day,
        subject=edition.subject or paper.name,
        url=archive_link(paper.public_url, edition.name),
        at=edition.started_at or edition.picked_at,
        slot=edition.slot,
    )
