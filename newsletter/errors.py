"""The errors we mean to show. Each becomes one line for a person and one exit code (see `commands`).

NewsletterError
├── ConfigError          newsletter.toml or the environment is wrong; carries every mistake found
├── BadData              what we were given cannot be read
│   ├── SourceError      one source gave nothing usable (a value in a collecting, an error in `collect try`)
│   │   └── FetchError   it could not be fetched
│   ├── TooOften         somebody has to wait a little: the sites of others are asked by it
│   └── TemplateError    a template is missing or broken
├── Unavailable          all sources are down, or the relay refuses everything
│   ├── DatabaseError    the database cannot be reached or written
│   │   └── TakenOver    what we held there is another's: we were asleep, or cut off
│   └── WrongClock       this machine's clock is not the database's
├── NotSent              by decision: held, too late, not adopted
│   └── Unfit            the doctor finds that mail would be lost; carries all that fails
├── AlreadyRunning       another run is sending
└── Unfinished           stopped before the end: run again
    ├── Outdated         an editor changed the edition while it was rendered: read it again
    └── Paused           by an editor, on its way or a moment before: it waits for their word
"""

from __future__ import annotations


class NewsletterError(Exception):
    """The root: its text is one line that names the thing and the cure."""


class ConfigError(NewsletterError):
    """The configuration is wrong; `problems` holds one line per mistake."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class BadData(NewsletterError):
    """What we were given cannot be read."""


class SourceError(BadData):
    """A source gave nothing usable."""


class FetchError(SourceError):
    """A source could not be fetched. `status` is the HTTP status, where there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TooOften(BadData):
    """Somebody has to wait: the sites of others are asked by it."""


class TemplateError(BadData):
    """A template is missing or broken: file, line and an excerpt stand in the text."""


class Unavailable(NewsletterError):
    """All sources are down, or the relay refuses everything."""


class DatabaseError(Unavailable):
    """The database cannot be reached, read or written."""


class TakenOver(DatabaseError):
    """Another has taken over what we held: this one begins nothing more of it."""


class WrongClock(Unavailable):
    """This machine's clock and the database's differ by so much that what is done by it would be wrong."""


class NotSent(NewsletterError):
    """Not sent, by decision: held, too late, not adopted."""


class Unfit(NotSent):
    """Not sent, since mail would be lost or readers could not leave; `problems` holds one line for each reason."""

    def __init__(self, message: str, *problems: str) -> None:
        super().__init__(message)
        self.problems = problems


class AlreadyRunning(NewsletterError):
    """Another run holds the sending lock."""


class Unfinished(NewsletterError):
    """Stopped before the end; running again goes on where it stopped."""


class Outdated(Unfinished):
    """An editor has changed the edition since it was rendered: what was rendered must not go."""


class Paused(Unfinished):
    """An editor has stopped it: it goes on when they say so, and not by another run."""
