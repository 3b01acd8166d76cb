"""Quoted-printable (RFC 2045, 6.7), cut at the slots: the constant text is encoded once per edition, and what is
personal is put between two soft line breaks, so that it never makes a line too long. Pure.

A line never begins with a dot (no dot-stuffing is needed later) nor with "From " (some programs put a > before it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.model import Slot

LINE = 75  # and the soft break's "=" makes 76
SOFT_BREAK = b"=\r\n"
SLOTS = (Slot.ADDRESS, Slot.UNSUBSCRIBE, Slot.PREFERENCES)
MARKER = re.compile("\ue000(" + "|".join(slot.value for slot in SLOTS) + ")\ue001")
LINE_ENDS = re.compile(r"\r\n|\r|\n")
PLAIN = re.compile(r"[!-<>-~]+")
TOKENS = [chr(byte) if byte in b"\t" or (32 <= byte <= 126 and byte != 61) else f"={byte:02X}" for byte in range(256)]


def cut(text: str) -> tuple[list[bytes], list[Slot]]:
    """Text with markers → its constant pieces, encoded, and the slots between them: always one piece more."""
    found = MARKER.split(text)
    constants = [_constant(found, i) for i in range(0, len(found), 2)]
    return constants, [Slot(name) for name in found[1::2]]


def encode(text: str) -> bytes:
    """A whole text without slots."""
    return b"\r\n".join(_wrap(line.encode("utf-8", "replace")) for line in LINE_ENDS.split(text))


def is_plain(text: str) -> bool:
    """Whether each sign of it stands for itself: printable ASCII but = and space. Only a dot may not begin a line."""
    return PLAIN.fullmatch(text) is not None


def value(text: str) -> bytes:
    """What is put into a slot: as it is where it is short plain ASCII, as most addresses and links are."""
    if is_plain(text):
        lines = [text] if len(text) <= LINE else [text[i : i + LINE] for i in range(0, len(text), LINE)]
        if not any(line.startswith(".") for line in lines):
            return "=\r\n".join(lines).encode("ascii")
    return _wrap(text.encode("utf-8", "replace"))


def _constant(found: Sequence[str], i: int) -> bytes:
    """Piece number i, with soft breaks towards the slots beside it where there is no line's end already."""
    text = found[i]
    after_slot, before_slot = i > 0, i < len(found) - 1
    if not text:
        return SOFT_BREAK if after_slot and before_slot else b""
    encoded = encode(text)
    if after_slot and text[0] not in "\r\n":
        encoded = SOFT_BREAK + encoded
    if before_slot and text[-1] not in "\r\n":
        encoded += SOFT_BREAK
    return encoded


def _wrap(raw: bytes) -> bytes:
    """One line of text → one or more lines of at most 76 columns, soft breaks between them."""
    lines: list[str] = []
    line = ""
    last = len(raw) - 1
    for i, byte in enumerate(raw):
        escaped = f"={byte:02X}"
        token = escaped if i == last and byte in b" \t" else TOKENS[byte]
        if len(line) + len(token) > LINE:
            lines.append(line)
            line = ""
        if not line and (byte == 46 or raw.startswith(b"From ", i)):
            token = escaped
        line += token
    return "=\r\n".join([*lines, line]).encode("ascii")
