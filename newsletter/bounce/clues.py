"""What in a returned mail may name the delivery that it is about. Pure; nothing of it is proven."""

from __future__ import annotations

import re

from newsletter.bounce.addresses import listed, once
from newsletter.bounce.decode import plain, transfer_decoded
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose
from newsletter.model.bounces import Clues

MAX_TEXT = 60_000  # characters of one part that are looked at
MOST = 50
MOST_WORDS = 400

_ID = re.compile(r"<[^<>\s@]{1,400}@[^<>\s@]{1,250}>")
_NAMED_ID = re.compile(
    r"message[- ]?-?id\s{0,4}[:=]?\s{0,80}(?:rfc822;)?\s{0,4}<?([^<>\s@\"']{3,400}@[^<>\s@\"',;()\[\]]{2,250})>?", re.I
)
_UNSUBSCRIBE = re.compile(r"list-unsubscribe[ \t]*:((?:[^\n]*\n[> ]{0,4}[ \t])*[^\n]*)", re.I)
_LINK = re.compile(r"<?\s*((?:https?://|mailto:)[^<>\s]{3,2000})\s*>?", re.I)
_WORD = re.compile(r"(?<![\w@.-])(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9][A-Za-z0-9_-]{7,79}(?![\w@]|\.\w)")
_OUR_PATHS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "original-recipient")


def clues_of(mail: Part, prose: Prose, envelopes: list[str]) -> Clues:
    texts = [prose.own, *(_text(part) for part in mail.walk(into_mails=True) if not part.parts)]
    return Clues(
        return_paths=tuple(once(address for name in _OUR_PATHS for address in listed(mail.all(name)[:5])))[:MOST],
        message_ids=tuple(_ids(mail, prose, texts))[:MOST],
        links=tuple(_links(mail, prose, texts, envelopes))[:MOST],
        words=_words(mail, prose),
    )


def _text(part: Part) -> str:
    """A leaf's text, or what its headers say; a file that is attached may be the mail that is returned."""
    if part.kind == "text/html":
        return plain(part.text[:MAX_TEXT])
    if part.kind.startswith(("text/", "message/")) or "eml" in part.parameters.get("name", ""):
        return part.text[:MAX_TEXT]
    if part.kind == "application/octet-stream":
        return transfer_decoded(part.body[:MAX_TEXT], part.encoding).decode("latin-1")
    return ""


def _ids(mail: Part, prose: Prose, texts: list[str]) -> list[str]:
    """Of the mail it is about first, then what it answers, then what its text names."""
    found: list[str] = []
    inner = [part for part in mail.walk(into_mails=True) if part is not mail]
    for part in [*prose.originals, *inner]:
        found += [one for value in part.all("message-id") for one in _in_brackets(value)]
    for name in ("in-reply-to", "references", "x-original-message-id", "original-message-id"):
        found += [one for value in mail.all(name) for one in reversed(_in_brackets(value))]
    for text in texts:
        found += [f"<{match[1].rstrip('.>')}>" for match in _NAMED_ID.finditer(text[:MAX_TEXT])]
    own = mail.first("message-id")
    return [one for one in dict.fromkeys(found) if one != own]


def _in_brackets(value: str) -> list[str]:
    """Relays that fold long lines leave spaces in what may have none."""
    return _ID.findall(value[:10_000]) or _ID.findall(re.sub(r"\s", "", value[:2000]))


def _links(mail: Part, prose: Prose, texts: list[str], envelopes: list[str]) -> list[str]:
    values = [value for part in prose.originals for value in part.all("list-unsubscribe")]
    values += [match[1] for text in texts for match in _UNSUBSCRIBE.finditer(text[:MAX_TEXT])]
    found = []
    for value in values:
        for bracketed in re.findall(r"<([^<>]{3,2000})>", value) or [value]:
            found += _LINK.findall(re.sub(r"\s", "", bracketed))[:1]
    return list(dict.fromkeys([*found, *(one for one in envelopes if one)]))


def _words(mail: Part, prose: Prose) -> frozenset[str]:
    """Queue ids stand in the server's words, in the report, and in the Received lines of the mail that is returned."""
    texts = [prose.own[:20_000], *(text[:20_000] for text in prose.statuses)]
    texts += [value for part in prose.originals for value in part.all("received")[:10]]
    words: dict[str, None] = {}
    for text in texts:
        for match in _WORD.finditer(text):
            words[match[0]] = None
            if len(words) >= MOST_WORDS:
                return frozenset(words)
    return frozenset(words)
