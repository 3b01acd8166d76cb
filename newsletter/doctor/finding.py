"""What the doctor finds: one line each, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # unwise, or it could not be looked at
    FAILURE = "failure"  # mail would not arrive, or readers could not leave


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `name` begins with its subject, as "dns SPF"."""

    name: str
    level: Level
    said: str
    remedy: str = ""
    sure: bool = True  # else it could not be looked at, and may be asked again

    @property
    def subject(self) -> str:
        return self.name.partition(" ")[0]


def ok(name: str, said: str, remedy: str = "") -> Finding:
    return Finding(name, Level.OK, said, remedy)


def warning(name: str, said: str, remedy: str = "") -> Finding:
    return Finding(name, Level.WARNING, said, remedy)


def failure(name: str, said: str, remedy: str) -> Finding:
    return Finding(name, Level.FAILURE, said, remedy)


def unknown(name: str, what: str, why: str) -> Finding:
    """Nobody could say."""
    return unsure(name, f"{what} could not be looked up ({why})", "ask again in some minutes")


def unsure(name: str, said: str, remedy: str) -> Finding:
    """Never a failure: it says nothing about what stands there."""
    return Finding(name, Level.WARNING, said, remedy, sure=False)


def failures(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.level is Level.FAILURE]
