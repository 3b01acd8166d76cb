"""Articles, as sources give them and as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """An article's picture, where it lies and what is known of it without fetching it."""

    url: str
    alt: str = ""
    width: int | None = None  # pixels
    height: int | None = None  # pixels
    size: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Article:
    """One story as a source gave it.

    `identity` is the post's id at its site (written as its short permalink, `https://host/?p=123`), else the
    canonical URL. `aliases` are other keys under which another source, or the same one tomorrow, may know it.
    """

    identity: str
    url: str
    title: str
    summary: str = ""
    authors: tuple[str, ...] = ()
    section: str | None = None
    picture: Picture | None = None
    published: datetime | None = None
    modified: datetime | None = None
    lead: bool = False  # the site itself marks it « À la une »
    words: int = 0  # in the full text; 0 where only an excerpt is known
    language: str | None = None  # where it differs from the newsletter's
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave for the next conditional GET, verbatim (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one source gave at one collecting: articles in its own order, or the error that kept it from giving."""

    source: str  # the source's key, see config.Source.key
    articles: tuple[Article, ...] = ()
    validators: Validators = Validators()
    unchanged: bool = False  # the server said 304
    notes: tuple[str, ...] = ()  # what an editor should know: fell back to the feed, moved, …
    error: str | None = None

    @property
    def complaint(self) -> str:
        """The error, which names its source once."""
        place = self.source.partition(" ")[2]
        return str(self.error) if place and place.rstrip("/") in str(self.error) else f"{self.source}: {self.error}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A collected article, as it stands in the store when the day's choice is made."""

    id: int
    article: Article
    first_seen: datetime
    published: datetime  # first publication; first seen, where the site gives no date
    archived: bool = False  # undated, and there already when its source was first read
    used_in: str | None = None  # the edition (its name) that carries it already
    source: str = ""
    answer: int | None = None  # the HTTP status of its page when it was last looked up; 0: none came
    answered_at: datetime | None = None
