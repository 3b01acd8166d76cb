"""Whence a request comes: the reader's network address, cut before it goes anywhere. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
KEPT = {4: 24, 6: 48}  # bits: enough to count by and to prove by, too few to find a person by


def network_of(peer: str, forwarded: str, trusted: Sequence[Network]) -> str | None:
    """The network of whoever asks: `192.0.2.0/24`, `2001:db8:1::/48`; None where it is not known.

    `peer` is the other end of the line. What stands in X-Forwarded-For is believed only where `peer` is one of the
    `trusted` proxies, and only as far as trusted ones wrote it: from its right end.
    """
    found = _read(peer)
    if found is None and not (trusted and not peer):  # a Unix socket has no address: who may open it is our proxy
        return None
    if found is None or _is_trusted(found, trusted):
        for entry in reversed(forwarded.split(",")):
            said = _read(entry)
            if said is None:
                break
            found = said
            if not _is_trusted(said, trusted):
                break
    return _cut(found) if found else None


def is_unnamed_proxy(peer: str, forwarded: str, trusted: Sequence[Network]) -> bool:
    """Whether a neighbour passes requests on without being named in `web.trusted_proxies`: then all readers seem to
    come from one network."""
    found = _read(peer) if forwarded else None
    return found is not None and found.is_private and not _is_trusted(found, trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address, without the port that some proxies add; one of v4 written as v6 is of v4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _cut(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(IPv4Network((int(address), KEPT[4]), strict=False))
    return str(IPv6Network((int(address), KEPT[6]), strict=False))
