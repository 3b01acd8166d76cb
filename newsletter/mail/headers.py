"""Header fields, written by us and raw: Python's own email package turns a long List-Unsubscribe into encoded words
(seen in 3.11 with 89 characters), and then no mail program finds the link. Pure.
"""

from __future__ import annotations

import base64
import re
from email.utils import parseaddr
from urllib.parse import quote

WIDTH = 76  # RFC 2047, 2: a line that holds an encoded word
WORD = 75  # RFC 2047, 2: the encoded word itself
LONGEST = 250  # characters of a subject or a name that a person will ever read

# Whatever any program may take for a line's end (CR, LF, VT, FF, FS, GS, RS, NEL, U+2028, U+2029), with all other
# control characters and the halves of broken surrogate pairs.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322, 3.2.3
PRINTABLE = re.compile(r"[ -~]*")
# What may stand for itself in an encoded word wherever it stands, in a name too (RFC 2047, 5, rule 3).
SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text as one line: each run of control characters becomes a space, and what is too long is cut off."""
    line = " ".join(piece.strip() for piece in CONTROLS.split(text) if piece.strip())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def field(name: str, value: str) -> str:
    """A field whose value is ours and needs no encoding. A value that could break out of it is a bug of ours."""
    return f"{name}: {_checked(value)}\r\n"


def text_field(name: str, value: str) -> str:
    """A field for people, a Subject: encoded and folded by RFC 2047 where it must be."""
    line = one_line(value)
    if _stands_as_it_is(line) and len(name) + 2 + len(line) <= WIDTH:
        return field(name, line)
    return f"{name}: {_encoded(line, len(name) + 2)}\r\n"


def mailbox_field(name: str, mailbox: str, default_name: str = "") -> str:
    """From and its kind: one mailbox, `address` or `Name <address>`, as the configuration has checked it."""
    shown, address = parseaddr(mailbox)
    shown = one_line(shown or default_name)
    if not shown:
        return field(name, address)
    phrase = _phrase(shown, len(name) + 2)
    last = len(phrase.rpartition("\r\n")[2]) + (0 if "\r\n" in phrase else len(name) + 2)
    gap = " " if last + len(address) + 3 <= WIDTH else "\r\n "
    return f"{name}: {phrase}{gap}<{_checked(address)}>\r\n"


def list_id(phrase: str, identity: str) -> str:
    """List-Id: `"Phrase" <id>`, the phrase only where it is ASCII (RFC 2919, 3; some programs show it undecoded)."""
    phrase = one_line(phrase, 60)
    return f"{_phrase(phrase, 0)} <{identity}>" if phrase and _stands_as_it_is(phrase) else f"<{identity}>"


def mailto(address: str) -> str:
    """`<mailto:…>` for a List-* field (RFC 6068)."""
    return f"<mailto:{uri(address)}>"


def uri(address: str) -> str:
    """An address, or a part of one, as it stands in a mailto: URI (RFC 6068, 2)."""
    return quote(address, safe="@!$*+-._~")


def part_head(subtype: str) -> str:
    """The head of a text part, with the empty line that ends it."""
    return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def boundary(name: str) -> str:
    """A multipart boundary, the same each time: `=_` cannot occur in quoted-printable text (RFC 2045, 6.7)."""
    return "=_" + re.sub(r"[^A-Za-z0-9'()+_,./:=?-]", "-", name)[:60]


def _checked(value: str) -> str:
    if not PRINTABLE.fullmatch(value):
        raise ValueError(f"{value!r} is not printable ASCII")
    return value


def _phrase(name: str, used: int) -> str:
    """A display name: as it is, in quotes, or encoded."""
    if not _stands_as_it_is(name) or used + len(name) + 2 > WIDTH:
        return _encoded(name, used)
    if ATOMS.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _stands_as_it_is(text: str) -> bool:
    return bool(PRINTABLE.fullmatch(text)) and "=?" not in text


def _encoded(text: str, used: int) -> str:
    """RFC 2047 words, one a line; the first line has `used` columns already. No character is split between two."""
    code = min((_q, _b), key=lambda code: len(code(text)))
    words, current, room = [], "", WIDTH - used
    for character in text:
        if len(code(current + character)) > min(room, WORD):
            words.append(code(current))
            current, room = "", WIDTH - 1
        current += character
    return "\r\n ".join([*words, code(current)])


def _q(text: str) -> str:
    letters = (chr(byte) if byte in SAFE else "_" if byte == 32 else f"={byte:02X}" for byte in text.encode())
    return f"=?utf-8?q?{''.join(letters)}?="


def _b(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode('ascii')}?="
