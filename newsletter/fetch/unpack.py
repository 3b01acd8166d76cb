"""Undoing the compression of what comes over HTTP, piece by piece. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

CHUNK = 65_536


def unpacked(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo compression, in pieces of at most CHUNK. A gzip file without the header that says so is known by its
    first bytes (caches and static hosts forget it)."""
    head = next(chunks, b"")
    if encoding in ("", "identity") and not head.startswith(b"\x1f\x8b"):
        yield head
        yield from chunks
        return
    # RFC 9110, 8.4.1.2: deflate is the zlib format; some servers send it raw, without zlib's first byte.
    raw_deflate = encoding == "deflate" and not head.startswith(b"\x78")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw_deflate else zlib.MAX_WBITS | 32)
    while head:
        yield unpacker.decompress(head, CHUNK)
        head = unpacker.unconsumed_tail or next(chunks, b"")
    yield unpacker.flush()
