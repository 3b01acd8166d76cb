"""Strings and links from the sites → strings and links that may stand in a mail. Pure.

Whatever a site sends comes out of here as one line of plain text of bounded length, or as an http(s) URL in ASCII.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit, urlunsplit

LONGEST = 20_000  # characters looked at: an article of 3 MB must not cost 3 MB of work
LONGEST_URL = 2_000  # beyond it mail programs and proxies cut

# Control characters and U+FFFE/FFFF stop mrml; lone surrogates cannot be encoded; private-use characters are our
# slots' markers; bidi overrides and isolates would reach beyond their own line (Trojan Source, CVE-2021-42574).
UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u2060\u202a-\u202e\u2066-\u206f\ufdd0-\ufdef\ufeff\ufff9-\uffff"
    "\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e001f\U000f0000-\U0010ffff]"
)
NONCHARACTERS = re.compile("[" + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(1, 15)) + "]")
BREAKABLE = re.compile("[ \t\n\x0b\x0c\r\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+")
AROUND_NBSP = re.compile("[ \u00a0\u202f]*([\u00a0\u202f])[ \u00a0\u202f]*")
MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
STACKED = re.compile(f"([{MARKS}]{{4}})[{MARKS}]+")  # no script needs more; « Zalgo » runs over its neighbours
SENTENCE_END = re.compile(r"[.!?…](?:[ \u00a0\u202f]?»|[”’)])?(?= |$)")
JOINED = ("Mn", "Me", "Mc", "Sk")  # marks and skin tones: they belong to the character before them
ZWJ = "\u200d"


def clean(text: str, longest: int = LONGEST) -> str:
    """One line of plain text, NFC, at most `longest` characters, nothing in it that is invisible and acts.

    No-break spaces stay (`str.split` would lose them); other white space becomes one space.
    """
    text = BREAKABLE.sub(" ", text[:LONGEST])
    text = NONCHARACTERS.sub("", UNWANTED.sub("", text))
    text = STACKED.sub(r"\1", unicodedata.normalize("NFC", text))
    text = AROUND_NBSP.sub(r"\1", BREAKABLE.sub(" ", text))
    return cut(text.strip(" \u00a0\u202f"), longest)


def cut(text: str, longest: int) -> str:
    """`text` itself, or its beginning up to a word's end, with « … »: at most `longest` characters in all."""
    if len(text) <= longest:
        return text
    room = text[:longest]  # one more than can stay: a space there ends a word
    end = room.rfind(" ")
    if end < longest // 2:  # one endless word, or a script without spaces
        end = _character_boundary(text, longest - 1)
    return room[:end].rstrip(" \u00a0\u202f,;:.…–—-«“‘(/") + "…"


def _character_boundary(text: str, end: int) -> int:
    """The last place at or before `end` that does not tear a mark or a joined emoji from what it belongs to."""
    while end > 1 and (
        unicodedata.category(text[end]) in JOINED or text[end] in (ZWJ, "\ufe0f") or text[end - 1] == ZWJ
    ):
        end -= 1
    return end


def excerpt(text: str, longest: int) -> str:
    """Like `cut`, but at a sentence's end where one lies beyond the first third."""
    if len(text) <= longest:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text, longest // 3, longest)]
    return text[: ends[-1]] if ends else cut(text, longest)


def web_url(url: str) -> str | None:
    """The URL in ASCII, as a link may hold it; None where it is no http(s) URL with a host, or hides one.

    `javascript:`, `data:` and the like are nothing; so is a URL with a user name, which shows one host and goes to
    another, and one with control characters, which browsers drop (WHATWG URL, 4.4) and filters do not see.
    """
    url = url.strip()
    if len(url) > LONGEST_URL or UNWANTED.search(url) or BREAKABLE.search(url.replace(" ", "")) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            return None
        place = _ascii_host(host) + (f":{port}" if port else "")
    except ValueError:  # a port or an IPv6 address that is none; a host that IDNA refuses (UnicodeError)
        return None
    ready = urlunsplit((parts.scheme, place, _percent(parts.path), _percent(parts.query), _percent(parts.fragment)))
    return ready if len(ready) <= LONGEST_URL else None


def _ascii_host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    name = host.encode("idna").decode("ascii")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError("not a host name")
    return name


def _percent(part: str) -> str:
    """Encode what a URL must not hold as it is; what is encoded stays."""
    return quote(part, safe="%/:=&?+,;@!$*()~-._")


def direction(text: str, language: str | None = None) -> str:
    """ "rtl" or "ltr": by the first letter that has a direction (UAX #9, P2), else by the language."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "rtl" if (language or "").split("-")[0] in ("ar", "he", "fa", "ur") else "ltr"
