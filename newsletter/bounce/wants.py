"""Whether a mail by a person says no more than: take me off the list. Pure."""

from __future__ import annotations

import re

from newsletter.bounce.phrasebook import any_of, pattern

LONGEST = 300  # characters of their own words; who writes more has more to say, and a person reads it

_BEHIND_MORE = r"\b[\s.!,;:*-]*){0,14}(?:<?[\w.+-]{1,64}@[\w.-]{1,200}>?[\s.!]*)?"
_ANSWER = re.compile(r"^\s*(?:re|tr|fwd?|aw)\s*:", re.I)


def wants_to_leave(subject: str, text: str) -> bool:
    """By its subject, as a mailto: link makes it, or by the first of its own words."""
    own = own_words(text)
    if len(own) > LONGEST:
        return False
    if not _ANSWER.match(subject) and _says_stop(subject):
        return not own or len(own) < 80 or _says_stop(own.splitlines()[0])
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    return bool(lines) and (
        _says_stop(lines[0])
        or _says_stop(" ".join(lines))
        or (len(lines) > 1 and _is_greeting(lines[0]) and _says_stop(lines[1]))
    )


def own_words(text: str) -> str:
    """Without what is quoted, and the signature."""
    cut = pattern("quotes", flags=re.I | re.M).search(text[:20_000])
    return (text[: cut.start()] if cut else text).strip()


def _says_stop(words: str) -> bool:
    words = " ".join(words.replace("’", "'").strip(" \t«»\"'*.!\u00a0\u202f").split())
    politely = f"(?:{any_of('leaving-politely')})*"
    match = pattern("leaving", before=politely, after="(?P<rest>.{0,120})", flags=re.I | re.S).match(words)
    if match is None:
        return False
    # What stands behind the word means the same still, and names an address at most.
    more = pattern("leaving-more", before=r"[\s.!,;:*-]*(?:", after=_BEHIND_MORE)
    return bool(more.fullmatch(match["rest"]))


def _is_greeting(line: str) -> bool:
    return bool(re.fullmatch(r"(?:bonjour|bonsoir|salut|hello|hi|dear|madame|monsieur)\b.{0,40}", line, re.I))
