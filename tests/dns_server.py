"""A real name server on a loopback port, by UDP and TCP, that knows the records it is given.

    with serving({"journal.example": {"TXT": ['"v=spf1 -all"']}}) as lookup: …

A name may also answer SERVFAIL or nothing at all (`"TROUBLE"`, `"SILENCE"` in the place of its records).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from newsletter.lookup import Lookup

Records = Mapping[str, Mapping[str, Sequence[str]] | str]


class NameServer:
    def __init__(self, records: Records) -> None:
        self.records = {name.rstrip(".").lower(): there for name, there in records.items()}
        self.asked: list[str] = []  # "name KIND", in turn
        self.by_tcp = 0
        self.udp, self.tcp = _one_port_twice()
        self.port: int = self.udp.getsockname()[1]
        self.tcp.listen(20)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._by_udp, self._by_tcp)]

    def lookup(self, lifetime: float = 5.0) -> Lookup:
        return Lookup(["127.0.0.1"], port=self.port, lifetime=lifetime)

    def answer(self, wire: bytes, most: int | None) -> bytes | None:
        """The reply's bytes; None for silence. By UDP, what is longer than the asker takes says so (TC)."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        there = self.records.get(name)
        if there == "SILENCE":
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        if there == "TROUBLE":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif isinstance(there, str) or there is None:
            below = any(known.endswith(f".{name}") for known in self.records)  # a name between two others is there
            reply.set_rcode(dns.rcode.NOERROR if below else dns.rcode.NXDOMAIN)
        elif kind in there:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *there[kind]))
        raw = reply.to_wire(max_size=65_535)
        if most is not None and len(raw) > min(most, query.payload or 512):
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            raw = reply.to_wire(max_size=65_535)
        return raw

    def _by_udp(self) -> None:
        with suppress(OSError):  # closed: the test has ended
            while True:
                wire, client = self.udp.recvfrom(4096)
                if not wire:
                    return  # shut down
                raw = self.answer(wire, 1232)
                if raw is not None:
                    self.udp.sendto(raw, client)

    def _by_tcp(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.tcp.accept()
                with line, suppress(struct.error, OSError):
                    length = struct.unpack(">H", line.recv(2))[0]
                    self.by_tcp += 1
                    raw = self.answer(line.recv(length), None)
                    if raw is not None:
                        line.sendall(struct.pack(">H", len(raw)) + raw)


def _one_port_twice() -> tuple[socket.socket, socket.socket]:
    """A free port for both; what is free for one may be taken for the other."""
    for _ in range(50):
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        try:
            tcp.bind(("127.0.0.1", 0))
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp
    raise OSError("no port is free for UDP and TCP")


@contextmanager
def serving(records: Records) -> Iterator[NameServer]:
    """A name server that answers until the block ends."""
    server = NameServer(records)
    for thread in server.threads:
        thread.start()
    try:
        yield server
    finally:
        for one in (server.udp, server.tcp):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes who waits at it
        server.udp.close()
        server.tcp.close()


def txt(value: str) -> str:
    """A TXT record's text in zone-file form, in strings of at most 255 characters."""
    pieces = [value[i : i + 255] for i in range(0, len(value), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
