"""The desk: who works there, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What somebody may do at the desk; each may do all that those before it may."""

    WRITER = "writer"  # shape the edition
    EDITOR = "editor"  # approve, send, hold, cancel, stop
    OWNER = "owner"  # readers and editors

    def may(self, needed: Role) -> bool:
        """Whether this role is at least the one needed."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody who works at the desk."""

    id: int
    address: str
    name: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: an editor at the desk, somebody at the command line, or the schedule."""

    name: str  # as the audit log keeps it
    editor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """An editor's stay at the desk, in one browser."""

    id: int
    editor: Editor
    created_at: datetime
    seen_at: datetime
    network: str | None = None
    browser: str = ""  # as it names itself, shortened


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act in the audit log: who, when, what, and what was there before and after."""

    id: int
    at: datetime
    who: Who
    act: str
    edition_id: int | None = None
    article_id: int | None = None
    subscriber_id: int | None = None
    version: int | None = None  # the edition's, after it
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    undone_by: int | None = None  # the later act that took it back

    @property
    def undone(self) -> bool:
        return self.undone_by is not None
