"""A program in a world of its own, with a name server that knows the given TXT records and nothing else.

Debian's `opendkim-testmsg` asks the DNS, and cannot be told another one. In namespaces of user, mount and network of our
own it finds this one at 127.0.0.1, without any right and without a packet that leaves the machine:

    unshare --user --map-root-user --net --mount python -m tests.name_server RECORDS.json PROGRAM …
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MS_BIND = "--bind"


def main() -> int:
    records: dict[str, list[str]] = json.loads(Path(sys.argv[1]).read_text(encoding="ascii"))
    _loopback_up()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf, socket.socket(type=socket.SOCK_DGRAM) as server:
        conf.write("nameserver 127.0.0.1\n")
        conf.flush()
        subprocess.run(["mount", MS_BIND, conf.name, "/etc/resolv.conf"], check=True)
        server.bind(("127.0.0.1", 53))
        threading.Thread(target=_serve, args=(server, records), daemon=True).start()
        return subprocess.run(sys.argv[2:], check=False).returncode


def _loopback_up() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP).ljust(40, b"\0"))


def _serve(server: socket.socket, records: dict[str, list[str]]) -> None:
    while True:
        query, client = server.recvfrom(4096)
        server.sendto(answer(query, records), client)


def answer(query: bytes, records: dict[str, list[str]]) -> bytes:
    """The reply to a query (RFC 1035, 4): the record's strings, or that there is no such name."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    question = query[12 : at + 5]
    strings = records.get(".".join(labels).lower())
    data = b"".join(bytes([len(one)]) + one.encode("ascii") for one in strings or [])
    found = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data if strings else b""
    flags = 0x8580 if strings else 0x8583  # an answer with authority; 3 is NXDOMAIN
    return query[:2] + struct.pack(">HHHHH", flags, 1, 1 if strings else 0, 0, 0) + question + found


if __name__ == "__main__":
    sys.exit(main())
