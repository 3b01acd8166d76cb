"""How names and passwords are written in IMAP. Pure."""

from __future__ import annotations

import base64
import re

NAMESPACE = re.compile(rb'\(\("((?:[^"\\]|\\.)*)" (?:"((?:[^"\\]|\\.)*)"|NIL)')
LISTED = re.compile(rb'^\([^)]*\) (?:"((?:[^"\\]|\\.)*)"|NIL) ')


def quoted(text: str) -> str:
    """A quoted string (RFC 3501, 9). Raises ValueError for what none can hold."""
    if any(sign in text for sign in "\r\n\0"):
        raise ValueError("holds a line break")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(raw: bytes) -> str:
    """What stands in a quoted string."""
    return re.sub(rb"\\(.)", rb"\1", raw).decode("ascii", "replace")


def folder(name: str) -> str:
    """A folder's name as the wire has it: modified UTF-7 (RFC 3501, 5.1.3), quoted."""
    return quoted(re.sub(r"&|[^\x20-\x7e]+", _shifted, name))


def _shifted(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    return "&" + base64.b64encode(match[0].encode("utf-16-be")).decode("ascii").rstrip("=").replace("/", ",") + "-"


def personal(answer: bytes) -> tuple[str, str] | None:
    """Prefix and delimiter of our own folders, out of what NAMESPACE answers (RFC 2342)."""
    match = NAMESPACE.match(answer)
    return (unquoted(match[1]), unquoted(match[2] or b"")) if match else None


def delimiter(listed: bytes) -> str:
    """What stands between a folder and those below it, out of an answer to LIST."""
    match = LISTED.match(listed)
    return unquoted(match[1] or b"") if match else ""
