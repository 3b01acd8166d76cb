"""What stands in an address or a form of the desk: read here, since anything may stand there."""

from __future__ import annotations

from flask import request


def number(name: str) -> int | None:
    """A number that a row of the database may have; None for all else."""
    return whole(request.args.get(name, ""))


def posted(name: str) -> int | None:
    """The same, of a form."""
    return whole(request.form.get(name, ""))


def whole(text: str) -> int | None:
    """The same, of any text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
