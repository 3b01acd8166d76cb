"""HTML and sloppy text → clean plain text. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

import nh3

MAX_MARKUP = 50_000  # characters of one text that are looked at
MAX_LINES, MAX_LINE = 100, 2_000  # paragraphs, and their characters
MAX_MARKS = 8  # accents that may stand on one letter: to sort a million of them takes hours
MAX_TAGS = 300  # nh3 takes quadratic time on depth: 10,000 nested elements 0.2 s, 200,000 two minutes

BLOCKS = frozenset(
    str.split(
        "p div section article header footer main blockquote pre ul ol li dl dt dd table tr td th h1 h2 h3 h4 h5 h6 hr"
    )
)
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# Not part of what a reader reads, their text included; a caption belongs to its picture.
DROPPED = frozenset(
    str.split(
        "script style iframe noscript title svg math object video audio form button select textarea template head nav"
        " figcaption aside canvas applet embed"
    )
)

_KNOWN_TAG = re.compile(
    r"</?(?:p|br|div|span|a|b|i|u|em|strong|small|big|sup|sub|img|ul|ol|li|h[1-6]|font|center|blockquote|figure|table"
    r"|tr|td|script|style|iframe|cite|q|code|tt|abbr|mark|ins|del|strike|s|wbr|hr|pre|svg|object|embed)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ESCAPED_TAG = re.compile(r"&lt;/?(?:p|br|div|span|a|b|i|em|strong|img|ul|li|h[1-6]|font|script)\b", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_BARE_LESS = re.compile(r"<(?!/?[a-zA-Z][\w:.-]*(?:[\s/][^<>]*)?>|!)")
# A tag in whose middle the text was cut off. "a <b" may be meant; with an attribute it is not.
_CUT_TAG = re.compile(r"<(?:/[a-zA-Z0-9]*|[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]{0,2000}|/)|!-?-?[^<>]{0,2000})\Z")
_INLINE_DATA = re.compile(r"data:[\w/+.-]{0,60};base64,[A-Za-z0-9+/=\s]*")
# A post of a network in the text is a quotation that speaks of itself.
_EMBEDDED = re.compile(
    r"<blockquote\b[^<>]*?(?:twitter-tweet|instagram-media|tiktok-embed|bluesky-embed|text-post-media)[^<>]*>"
    r"(?:(?!<blockquote\b).)*?</blockquote>",
    re.IGNORECASE | re.DOTALL,
)
# Drupal begins each text of a feed with the title, the account and the date once more.
_DRUPAL = re.compile(
    r"<span\b[^<>]*\bfield--name-(?:title|uid|created)\b[^<>]*+>(?:[^<]++|<(?!/?span\b)|<span\b[^<>]*+>[^<]*+</span>)*+</span>",
    re.IGNORECASE,
)
_BLOCK_EDGE = re.compile(r"<(/?)(\w+)>")
_SPACES = re.compile(r"[ \t\n\r\f\v\u2028\u2029]+")
# C0 and C1, zero-width space, the bidi embeddings that would colour the rest of the mail, lone surrogates,
# non-characters, and the private use area: our slots are marked with it.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\ue000-\uf8ff]"
)
# What « é », « à », « ’ », « œ » become. Less sure signs are left alone: « CAFÉ… » is French.
_MOJIBAKE = re.compile(
    "[\u00c3\u00c2][\u0080-\u00bf\u0152\u0160\u0178\u017d\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac|\u00c5[\u201c\u2019]"
)
# Of these the ones that occur in no word: behind a capital « Ã… » may be Portuguese.
_SURE = re.compile(
    "(?<![A-Z\u00c0-\u00de])(?:\u00c3[\u0080-\u00bf\u0152\u0160\u0178\u017d\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
    "|\u00c2[\u00a0\u00ab\u00b0\u00b7\u00bb]|\u00e2\u20ac[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00c5[\u201c\u2019])"
)
_WINDOWS = {
    ord(character): byte for byte in range(0x80, 0xA0) if (character := bytes([byte]).decode("cp1252", "ignore"))
}
# What C1 controls are meant as: Windows' quotes and dashes, whose bytes were taken for Latin-1.
_C1 = {byte: character for character, byte in _WINDOWS.items()}
_NON_ASCII = re.compile("[^\x00-\x7f]|[`]")
_HELD_SHORTCODE = re.compile(
    # A caption ends before the next one begins: else each of a thousand that never end is followed to the end.
    r"\[caption\b[^\[\]]{0,500}\](?:(?!\[caption\b).){0,2000}?\[/caption\]"
    r"|\[embed\b[^\[\]]{0,200}\](?:(?!\[embed\b).){0,500}?\[/embed\]",
    re.IGNORECASE | re.DOTALL,
)
_IN_BRACKETS = re.compile(r"\[([^\[\]]{1,1000})\]")
_SHORTCODE = re.compile(
    r"""/[a-z][\w-]*                                                                   # [/box]
      | [a-z][\w-]*(?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"']\S*))+\s*/?             # [gallery ids="1,2"]
      | gallery | audio | video | playlist | caption | embed | contact-form | toc | divider | adrotate | the_ad
      | (?:vc|et_pb|su|fusion)_\w+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def line_of(markup: str, plain: bool = False) -> str:
    """One line of text from a title or a name: entities decoded (twice at most), tags off, spaces single.

    `PIB < 5 %` survives. `plain` keeps what looks like a tag: its source says that it is text.
    """
    markup = mended(markup[:5_000])
    if not plain and ("<" in markup or "&lt;" in markup):
        return " ".join(paragraphs(markup, headings=True))
    return tidied(decoded(markup))


def paragraphs(markup: str, plain: bool = False, headings: bool = False) -> list[str]:
    """The paragraphs and lines of a text, in order; blocks are never glued together."""
    markup = mended(beginning(markup))
    if plain:
        return _filled(_without_shortcodes(markup).splitlines())
    for _ in range(2):
        if _KNOWN_TAG.search(markup) or not _ESCAPED_TAG.search(markup):
            break
        markup = html.unescape(markup)  # the HTML was escaped once too often
    markup = _EMBEDDED.sub(" ", markup) if "<blockquote" in markup else markup
    markup = _DRUPAL.sub(" ", markup) if "field--name-" in markup else markup
    markup = _without_shortcodes(_BARE_LESS.sub("&lt;", _CUT_TAG.sub("", markup)))
    if "<" in markup:
        markup = nh3.clean(
            markup, tags=set(BLOCKS | {"br"}), clean_content_tags=set(DROPPED), attributes={}, strip_comments=True
        )
    return _filled(_lines(markup, headings))


def _without_shortcodes(markup: str) -> str:
    """What WordPress would have replaced, had the plugin been there. `[sic]` and `[…]` are words of the text."""
    if "[" not in markup:
        return markup
    markup = _HELD_SHORTCODE.sub(" ", markup)
    return _IN_BRACKETS.sub(lambda found: " " if _SHORTCODE.fullmatch(found[1]) else found[0], markup, count=MAX_TAGS)


def beginning(markup: str, length: int = MAX_MARKUP, tags: int = MAX_TAGS) -> str:
    """As much of a text as may be looked at."""
    if "base64," in markup:
        markup = _INLINE_DATA.sub("data:,", markup)  # a picture inside the text may be longer than all of it
    markup = markup[:length]
    if markup.count("<") <= tags:
        return markup
    at = -1
    for _ in range(tags + 1):
        at = markup.find("<", at + 1)
    return markup[:at]


def _lines(cleaned: str, headings: bool) -> list[str]:
    """nh3's output is well-formed and without attributes, so that its tags can be told by their looks."""
    lines, heading = [""], False
    done = 0
    for edge in _BLOCK_EDGE.finditer(cleaned):
        lines[-1] += "" if heading and not headings else cleaned[done : edge.start()]
        done = edge.end()
        heading = edge[2] in HEADINGS and not edge[1]
        lines.append("")
    lines[-1] += cleaned[done:]
    return lines


def _filled(lines: Iterable[str]) -> list[str]:
    """What is in them, decoded; entities take about four characters each."""
    filled = (tidied(decoded(line[: 4 * MAX_LINE])[:MAX_LINE]) for line in lines if line and not line.isspace())
    return list(islice(filter(None, filled), MAX_LINES))


def decoded(text: str) -> str:
    """Entities decoded until none is left, twice at most: `L&amp;rsquo;eau` is common."""
    for _ in range(2):
        if not _ENTITY.search(text):
            break
        text = _ENTITY.sub(lambda entity: character_of(entity[0]), text)
    return text


@lru_cache(maxsize=2_000)
def character_of(entity: str) -> str:
    """What `&eacute;` or `&#233;` stands for."""
    return html.unescape(entity)


def tidied(text: str) -> str:
    """Spaces single (the French no-break ones kept), control and private characters out."""
    return _SPACES.sub(" ", _UNWANTED.sub("", composed(text.translate(_C1)))).strip()


def composed(text: str) -> str:
    """Letters and their accents as one character each (NFC)."""
    if unicodedata.is_normalized("NFC", text):
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def mended(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 and encoded again (`LomÃ©`): all of the text where it can be, else
    what can be nothing else."""
    if not _MOJIBAKE.search(text):
        return text
    try:
        return text.translate(_WINDOWS).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return _SURE.sub(lambda match: _mended(match[0]), text)


def _mended(text: str) -> str:
    try:
        return text.translate(_WINDOWS).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


@lru_cache(maxsize=100)  # one line is compared with many things
def folded(text: str) -> str:
    """Small letters without accents, plain apostrophes and spaces: for comparing. One character for each of NFC."""
    return _NON_ASCII.sub(lambda match: _folded(match[0]), composed(text)).lower()


@lru_cache(maxsize=2_000)
def _folded(character: str) -> str:
    if character in "’‘ʼ′`´":
        return "'"
    if character in "\u00a0\u202f\u2009":
        return " "
    return unicodedata.normalize("NFD", character)[0].lower()[0]


def count_words(markup: str) -> int:
    """Words of a full text, roughly: tags off, the rest by its spaces."""
    return len(re.sub(r"<[^<>]*>", " ", markup[: 10 * MAX_MARKUP]).split())
