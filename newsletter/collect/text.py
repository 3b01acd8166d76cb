"""HTML and sloppy text → clean plain text. Pure."""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

MAX_MARKUP = 100_000  # characters of one text that are looked at
MAX_TAGS = 600  # nh3 takes quadratic time on depth: 10,000 nested elements 0.2 s, 200,000 two minutes

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
_INLINE_DATA = re.compile(r"data:[\w/+.-]{0,60};base64,[A-Za-z0-9+/=\s]*")
_BLOCK_EDGE = re.compile(r"<(/?)(\w+)>")
_SPACES = re.compile(r"[ \t\n\r\f\v\u2028\u2029\u0085]+")
# C0 and C1, zero-width space, the bidi embeddings that would colour the rest of the mail, lone surrogates,
# non-characters, and the private use area: our slots are marked with it.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\ue000-\uf8ff]"
)
# What « é », « à », « ’ », « œ » become. Less sure signs are left alone: « CAFÉ… » is French.
_MOJIBAKE = re.compile(
    "[\u00c3\u00c2][\u0080-\u00bf\u0152\u0160\u0178\u017d\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac|\u00c5[\u201c\u2019]"
)
_WINDOWS = {
    ord(character): byte for byte in range(0x80, 0xA0) if (character := bytes([byte]).decode("cp1252", "ignore"))
}
_NON_ASCII = re.compile("[^\x00-\x7f]|[`]")
_HELD_SHORTCODE = re.compile(
    r"\[caption\b[^\[\]]{0,500}\].{0,2000}?\[/caption\]|\[embed\b[^\[\]]{0,200}\].{0,500}?\[/embed\]",
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
    markup = mended(_capped(markup))
    if plain:
        return _filled(decoded(_without_shortcodes(markup)).splitlines())
    for _ in range(2):
        if _KNOWN_TAG.search(markup) or not _ESCAPED_TAG.search(markup):
            break
        markup = html.unescape(markup)  # the HTML was escaped once too often
    markup = _without_shortcodes(_BARE_LESS.sub("&lt;", markup))
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
    return _IN_BRACKETS.sub(lambda found: " " if _SHORTCODE.fullmatch(found[1]) else found[0], markup)


def _capped(markup: str) -> str:
    if "base64," in markup:
        markup = _INLINE_DATA.sub("data:,", markup)  # a picture inside the text may be longer than all of it
    markup = markup[:MAX_MARKUP]
    if markup.count("<") <= MAX_TAGS:
        return markup
    at = -1
    for _ in range(MAX_TAGS + 1):
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
    return [decoded(line) for line in lines]


def _filled(lines: list[str]) -> list[str]:
    return [line for line in map(tidied, lines) if line]


def decoded(text: str) -> str:
    """Entities decoded until none is left, twice at most: `L&amp;rsquo;eau` is common."""
    for _ in range(2):
        if not _ENTITY.search(text):
            break
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


def tidied(text: str) -> str:
    """Spaces single (the French no-break ones kept), control and private characters out."""
    return _SPACES.sub(" ", _UNWANTED.sub("", unicodedata.normalize("NFC", text))).strip()


def mended(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 and encoded again (`LomÃ©`), where all of the text can be undone."""
    if not _MOJIBAKE.search(text):
        return text
    try:
        return text.translate(_WINDOWS).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def folded(text: str) -> str:
    """Small letters without accents, plain apostrophes and spaces: for comparing. One character for each of NFC."""
    return _NON_ASCII.sub(_folded, unicodedata.normalize("NFC", text)).lower()


def _folded(match: re.Match[str]) -> str:
    character = match[0]
    if character in "’‘ʼ′`´":
        return "'"
    if character in "\u00a0\u202f\u2009":
        return " "
    return unicodedata.normalize("NFD", character)[0].lower()[0]


def count_words(markup: str) -> int:
    """Words of a full text, roughly: tags off, the rest by its spaces."""
    return len(re.sub(r"<[^<>]*>", " ", markup[: 10 * MAX_MARKUP]).split())
