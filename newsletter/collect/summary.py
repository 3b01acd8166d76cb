"""An article's summary: from its excerpt, else from its first paragraphs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from newsletter.collect.noise import bare, kept
from newsletter.collect.text import MAX_MARKUP, MAX_TAGS, beginning, paragraphs

LONGEST = 400  # characters: some six lines on a telephone
# How much of a text is read for them: nearly always the first is enough. Characters, tags.
READ = ((8_000, 150), (MAX_MARKUP, MAX_TAGS))

_CUT_MARK = re.compile(r"\s*(?:[\[(]\s*(?:suite|more)?\s*(?:…|\.\.\.)\s*[\])]|…|\.{3,})[\s→»›>]*$")
# Not behind an initial, nor an abbreviation of one letter.
_SENTENCE_END = re.compile(r"(?<=[^\s.][\w»\")\]%])[.!?](?:\s?[»\"])?(?=\s)")


def summary_of(excerpt: str, content: str, title: str, strip: Sequence[str], plain: bool = False) -> str:
    """A summary of at most some 400 characters; empty where there is no text.

    One that only repeats the title says nothing: the content is asked then.
    """
    for markup, is_plain in ((excerpt, plain), (content if content != excerpt else "", False)):
        if not markup:
            continue
        text, cut = _start(markup, is_plain, title, strip)
        if text and bare(text) != bare(title):
            return shortened(text, cut)
    return ""


def _start(markup: str, plain: bool, title: str, strip: Sequence[str]) -> tuple[str, bool]:
    text, cut = "", False
    for length, tags in READ:
        read = beginning(markup, length, tags)
        lines = paragraphs(read, plain)
        whole = len(read) == len(markup) or length == MAX_MARKUP
        # Of what was cut in its middle the last paragraph cannot be judged.
        text, cut = _joined(kept(lines if whole else lines[:-1], title, strip))
        if whole or len(text) > LONGEST:
            break
    return text, cut


def _joined(lines: Iterable[str]) -> tuple[str, bool]:
    """Enough of the lines as one text, and whether the source itself had cut it."""
    text, cut = "", False
    for line in lines:
        tail = max(0, len(line) - 100)
        mark = _CUT_MARK.search(line, tail)
        cut = bool(mark)
        text = f"{text} {line[: mark.start()] if mark else line}".strip()
        if len(text) > LONGEST:
            break
    return text, cut


def shortened(text: str, cut: bool = False, limit: int = LONGEST) -> str:
    """The text, where it is too long cut behind a sentence, else behind a word with « … »; `cut`: it already is."""
    if len(text) <= limit:
        return _ended(text) if cut else text
    head = text[: limit + 1]
    ends = [match.end() for match in _SENTENCE_END.finditer(head)]
    if ends and ends[-1] >= limit // 2:
        return head[: ends[-1]]
    return _ended(head[: max(head.rfind(" "), limit // 2)])


def _ended(text: str) -> str:
    text = text.rstrip(" \u00a0\u202f,;:–—-(«")
    return text if text.endswith(("…", ".", "!", "?", "»")) else f"{text}…"
