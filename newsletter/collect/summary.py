"""An article's summary: from its excerpt, else from its first paragraphs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from newsletter.collect.noise import bare, kept
from newsletter.collect.text import paragraphs

LONGEST = 400  # characters: some six lines on a telephone

_CUT_MARK = re.compile(r"\s*(?:[\[(]\s*(?:…|\.\.\.)\s*[\])]|…|\.{3,})[\s→»›>]*$")
# Not behind an initial, nor an abbreviation of one letter.
_SENTENCE_END = re.compile(r"(?<=[^\s.][\w»\")\]%])[.!?](?:\s?[»\"])?(?=\s)")


def summary_of(excerpt: str, content: str, title: str, strip: Sequence[str], plain: bool = False) -> str:
    """A summary of at most some 400 characters; empty where there is no text.

    One that only repeats the title says nothing: the content is asked then.
    """
    for markup, is_plain in ((excerpt, plain), (content if content != excerpt else "", False)):
        if not markup:
            continue
        text, cut = _joined(kept(paragraphs(markup, is_plain), title, strip))
        if text and bare(text) != bare(title):
            return shortened(text, cut)
    return ""


def _joined(lines: Iterable[str]) -> tuple[str, bool]:
    """Enough of the lines as one text, and whether the source itself had cut it."""
    text, cut = "", False
    for line in lines:
        mark = _CUT_MARK.search(line)
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
