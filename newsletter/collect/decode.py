"""Bytes → text. Pure.

The order is: byte order mark, HTTP charset, XML declaration, then what the bytes themselves say. A label is only
believed where the bytes can be what it says: sites move between encodings and their labels stay behind.
"""

from __future__ import annotations

import codecs
import re
import zlib
from itertools import islice

from newsletter.errors import SourceError

MAX_BYTES = 10_000_000
MAX_ODD_BYTES = 2_000  # beyond it a document is in Windows' set altogether

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# How "<?" and "<r" begin without a mark (XML 1.0, appendix F).
_STARTS = (
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"[<\[{\s]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[<\[{\s]\0[^\0]"), "utf-16-be"),
    (re.compile(rb"\x4c\x6f\xa7\x94"), "cp037"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([\w.:-]{1,40})""", re.IGNORECASE)
_IN_HEADER = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
# What people mean by these names is the larger set (WHATWG Encoding).
_MEANT = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
_MEANT |= {"iso8859-9": "cp1254", "shift_jis": "cp932", "tis-620": "cp874"}
_ODD = re.compile("[\udc80-\udcff]")  # what Python makes of a byte that is no UTF-8
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
# Codecs that are no character sets of a page; punycode also takes quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})


def text_of(data: bytes, content_type: str = "") -> str:
    """Decode a document, whatever it says of itself.

    Raises SourceError where it is empty, larger than 10 MB unpacked, damaged gzip, or no text at all.
    """
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(data)
    if len(data) > MAX_BYTES:
        raise SourceError(f"is larger than {MAX_BYTES // 1_000_000} MB")
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise SourceError("is empty")
    text = _decoded(data, content_type)
    if len(_CONTROLS.findall(text[:4_000])) > 400:
        raise SourceError("is no text, but a picture, a film or a program")
    return text


def _decoded(data: bytes, content_type: str) -> str:
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset, "replace")
    for start, charset in _STARTS:
        if start.match(data):
            return data.decode(charset, "replace")
    return _by_label(data, content_type)


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        return unpacker.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise SourceError(f"is damaged gzip ({error})") from None


def _by_label(data: bytes, content_type: str) -> str:
    try:
        # Text with accents in another encoding is practically never valid UTF-8 by chance; only the seven-bit
        # encodings of East Asia are.
        if b"\x1b" not in data:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    in_header, declared = _IN_HEADER.search(content_type), _DECLARED.search(data[:400])
    labels = [in_header[1] if in_header else "", declared[1].decode("ascii") if declared else ""]
    charsets = [charset for label in labels if (charset := _charset(label)) and charset != "utf-8"]
    for charset in charsets:
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    if charsets and charsets[0] != "cp1252":
        return data.decode(charsets[0], "replace")
    return _by_bytes(data)


def _by_bytes(data: bytes) -> str:
    """Mostly UTF-8 with odd bytes in it, or Windows' set under no label: what is no UTF-8 is taken for Windows'."""
    text = data.decode("utf-8", "surrogateescape")
    if sum(1 for _ in islice(_ODD.finditer(text), MAX_ODD_BYTES + 1)) > MAX_ODD_BYTES:
        return data.decode("cp1252", "replace")
    return _ODD.sub(lambda odd: bytes([ord(odd[0]) - 0xDC00]).decode("cp1252", "replace"), text)


def _charset(label: str) -> str:
    try:
        name = codecs.lookup(label).name if label else ""
        b"<rss>".decode(name or "ascii", "replace")  # some that are known are no encodings of text: rot13, zlib
    except (LookupError, ValueError):
        return ""
    name = _MEANT.get(name, name)
    return "" if name in _NO_CHARSETS else name
