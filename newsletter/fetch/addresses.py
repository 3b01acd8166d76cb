"""Which addresses may be asked: pure judgement over IP addresses.

The lists are IANA's special-purpose registries, written out: `ipaddress.is_global` knows them only from some Python
on (3.11.7 holds 192.0.0.8 for global; CVE-2024-4032).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_NOT_PUBLIC = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and with it the clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, given up
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# Of IPv6 only this is given out as global unicast, and of it not these.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "3fff::/20"))

_LOCAL = tuple(IPv4Network(one) for one in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_LOCAL_6 = tuple(IPv6Network(one) for one in ("::1/128", "fc00::/7"))

# IPv6 forms that carry an IPv4 address: what counts is where they lead. RFC 4291, 3056, 6052, 8215.
_COMPATIBLE, _MAPPED = IPv6Network("::/96"), IPv6Network("::ffff:0:0/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def may_ask(address: str, allow_private: bool) -> bool:
    """Whether an address, as a resolver wrote it, may be connected to."""
    judged = ip_address(address.partition("%")[0])  # fe80::1%eth0: a zone changes nothing
    return is_public(judged) or (allow_private and is_local(judged))


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, in whatever form it is written."""
    address = _carried(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_6)


def is_local(address: Address) -> bool:
    """What `allow_private_network` opens: this machine and the local network, never a cloud's metadata address."""
    address = _carried(address)
    if isinstance(address, IPv4Address):
        return any(address in network for network in _LOCAL)
    return any(address in network for network in _LOCAL_6) and int(address) != int(IPv6Address("fd00:ec2::254"))


def _carried(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in _SIX_TO_FOUR:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    carries = address in _MAPPED or (address in _COMPATIBLE and number > 1)
    if carries or any(address in network for network in _NAT64):
        return IPv4Address(number & 0xFFFFFFFF)
    return address
