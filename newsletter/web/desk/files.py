"""The desk's style and script: templates, since they hold the newsroom's colours."""

from __future__ import annotations

import hashlib

from newsletter.web.paper import filled

LONG = 16  # characters of a digest


def content(name: str) -> str:
    """A file's text, as browsers get it."""
    return filled(f"desk/{name}")


def mark(text: str) -> str:
    """What stands in a file's address: with another colour, or a template of one's own, it is another one."""
    return hashlib.sha256(text.encode()).hexdigest()[:LONG]
