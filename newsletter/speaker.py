"""Whom and what a line of the log is about: the newsletter that a thread works for, where there are several in one
process, and the edition and the slice in its hands. For the log, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("newsletter", "worker", "edition", "slice", "run", "delivery")  # what a line may be about
NOTHING: Mapping[str, object] = {}
_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default=NOTHING)  # of this thread, or this request


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """What is logged in this block, by this thread, is said by the newsletter of that name."""
    with about(newsletter=name):
        yield


@contextmanager
def about(**what: object) -> Iterator[None]:
    """What is logged in this block, by this thread, is about these too; names of FIELDS."""
    token = _ABOUT.set({**_ABOUT.get(), **what})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def speaker() -> str:
    """The newsletter's name; empty where nobody in particular speaks."""
    return str(_ABOUT.get().get("newsletter", ""))


def sign(record: logging.LogRecord) -> bool:
    """A filter of logging's: gives each line what it is about, as attributes. What the line says of itself (`extra`)
    counts before; the newsletter is there always, if empty."""
    for name, value in {"newsletter": "", **_ABOUT.get()}.items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def said_of(record: logging.LogRecord) -> dict[str, object]:
    """What the line is about, once it is signed."""
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value not in (None, "")}
