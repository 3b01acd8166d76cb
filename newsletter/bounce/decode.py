"""Bytes of a mail → text: transfer encodings, charsets, encoded words, HTML. Pure, never raises."""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Callable

_ENCODED = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\s]{0,2000})\?=")
_BETWEEN = re.compile(r"(\?=)\s{1,200}(=\?)")
# What people mean by these names is the larger set (WHATWG Encoding).
_MEANT = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "",
    "ascii": "",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "unicode-1-1-utf-8": "utf-8",
    "utf8": "utf-8",
}
_NO_CHARSETS = ("idna", "punycode", "unicode", "raw", "undefined", "mbcs", "oem", "utf-7", "utf7")

_HIDDEN = re.compile(r"<(script|style|head|title)\b|<(!)--", re.I)
_MAILTO = re.compile(
    r"""<a\s[^<>]{0,400}?href\s*=\s*["']?mailto:([^"'?\s<>]{3,320})[^<>]{0,400}>([^<>]{0,400})</a\s*>""", re.I
)
_AS_IT_IS = re.compile(r"<(pre)\b", re.I)
_LINE_TAG = re.compile(r"</?(?:br|p|div|tr|li|ul|ol|h[1-6]|table|blockquote|pre|hr|dt|dd)\b[^<>]{0,2000}>", re.I)
_TAG = re.compile(r"</?[a-zA-Z!?][^<>]{0,4000}>")
_ADDRESS_TAG = re.compile(r"<[^\s<>@\"=]{1,80}@[^\s<>@\"=]{1,255}>")


def transfer_decoded(data: bytes, encoding: str) -> bytes:
    """Base64 and quoted-printable, as far as they can be read."""
    if encoding == "base64":
        if len(data) and data.count(b" ") > len(data) // 20:  # says so, and is plain text
            return data
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        try:
            return binascii.a2b_base64(clean[: len(clean) // 4 * 4] + _rest(clean))
        except ValueError:
            return data
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    return data


def _rest(clean: bytes) -> bytes:
    rest = clean[len(clean) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def text_of(data: bytes, charset: str) -> str:
    """By the charset it names where that is one, else UTF-8 or what the bytes look like."""
    name = charset.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    if name and not name.startswith(_NO_CHARSETS):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            pass
    if name != "utf-8" and b"\x1b$" in data:
        return data.decode("iso2022_jp_ext", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 4:  # cut in the middle of a letter
            return data.decode("utf-8", "replace")
        return data.decode(_known(name) or "cp1252", "replace")


def _known(name: str) -> str:
    try:
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return ""
    return name if name and not name.startswith(_NO_CHARSETS) else ""


def header_text(value: str) -> str:
    """A header's encoded words (RFC 2047) read; what is none stays."""
    if "=?" not in value:
        return value.strip()
    return _ENCODED.sub(_word, _BETWEEN.sub(r"\1\2", value[:10_000])).strip()


def _word(match: re.Match[str]) -> str:
    data = match[3].encode("utf-8", "replace")
    if match[2] in "bB":
        return text_of(transfer_decoded(data, "base64"), match[1])
    return text_of(binascii.a2b_qp(data.replace(b"_", b" "), header=True), match[1])


def plain(markup: str) -> str:
    """HTML as lines of text. An address in angle brackets is no tag."""
    text = _blocks_replaced(_HIDDEN, markup, lambda block: " ")
    text = _blocks_replaced(_AS_IT_IS, text, lambda block: block.replace("\n", "<br>"))
    text = re.sub(r"\s*\n\s*", " ", text) if "<br" in text.lower() or "<p" in text.lower() else text
    text = _MAILTO.sub(lambda link: link[2] if "@" in link[2] else f"{link[2]} <{link[1]}>", text)
    text = _LINE_TAG.sub("\n", text)
    text = _TAG.sub(lambda tag: tag[0] if _ADDRESS_TAG.fullmatch(tag[0]) else " ", text)
    return re.sub(r"[ \t\xa0]{2,}", " ", html.unescape(text))


def _blocks_replaced(opening: re.Pattern[str], markup: str, change: Callable[[str], str]) -> str:
    """What stands between a tag and its end, changed. One that never ends is looked for once, not for each."""
    lower, kept, at = markup.lower(), [], 0
    endless: set[str] = set()
    for match in opening.finditer(markup):
        end = "-->" if match[match.lastindex or 0] == "!" else f"</{match[1].lower()}"
        if match.start() < at or end in endless:
            continue
        stop = lower.find(end, match.end())
        if stop < 0:
            endless.add(end)
            continue
        kept += [markup[at : match.start()], change(markup[match.start() : stop])]
        at = stop + len(end) if end == "-->" else max(stop, lower.find(">", stop) + 1)
    return "".join([*kept, markup[at:]])
