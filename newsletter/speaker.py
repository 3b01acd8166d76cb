"""Which newsletter a thread works for, where there are several in one process: for the log, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NAME: ContextVar[str] = ContextVar("newsletter", default="")  # of this thread, or this request: not of the process


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """What is logged in this block, by this thread, is said by the newsletter of that name."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


def speaker() -> str:
    """Its name; empty where nobody in particular speaks."""
    return _NAME.get()


def sign(record: logging.LogRecord) -> bool:
    """A filter of logging's: gives each line the name of its newsletter, as `newsletter`."""
    record.newsletter = speaker()
    return True
