"""The DNS, asked: what stands at a name, that nothing does, or that nobody could say. The only asker of this house
besides the system's own.

That a name does not exist is an answer; that a name server is silent or out of order is none, and nothing may be
concluded from it.
"""

from __future__ import annotations

import copy
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.rdata import Rdata
    from dns.resolver import Resolver

LIFETIME = 5.0  # seconds for one question, all its repeats included
PAYLOAD = 1232  # bytes of a UDP answer that no line cuts in two; what is longer comes by TCP
MOST = 50  # records of one answer that are looked at


class State(StrEnum):
    FOUND = "found"
    NO_NAME = "no_name"  # there is no such name
    NO_DATA = "no_data"  # the name is there, and has no record of this kind
    TROUBLE = "trouble"  # nobody could say: silence, SERVFAIL, no name server


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question."""

    state: State
    values: tuple[str, ...] = ()
    said: str = ""  # of trouble: why

    @property
    def trouble(self) -> bool:
        return self.state is State.TROUBLE

    @property
    def nothing(self) -> bool:
        """Certainly nothing there."""
        return self.state in (State.NO_NAME, State.NO_DATA)


NO_NAME, NO_DATA = Answer(State.NO_NAME), Answer(State.NO_DATA)


class Lookup:
    """Asks the given name servers, else the system's. Safe to use from several threads; remembers nothing, but in what
    `remembering` gives."""

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        lifetime: float = LIFETIME,
        own: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        self.own = own or own_addresses
        self._nameservers = nameservers
        self._port = port
        self._lifetime = lifetime
        self._memory: _Memory | None = None

    def remembering(self) -> Lookup:
        """The same for one examination: each question is asked once, whoever wants to know, and what nobody could say
        is not waited for twice."""
        if self._memory is not None:
            return self
        other = copy.copy(self)
        other._memory = _Memory()
        return other

    def txt(self, name: str) -> Answer:
        """Each record's strings put together without a space (RFC 7208, 3.3; RFC 6376, 3.6.2.2)."""
        return self._answer(name, "TXT", lambda one: b"".join(one.strings).decode("utf-8", "replace"))

    def mx(self, name: str) -> Answer:
        """The hosts, the preferred first, without a dot at their end; a null MX (RFC 7505) is the empty string."""
        found = self._answer(name, "MX", lambda one: f"{one.preference:05} {_bare(one.exchange)}")
        return Answer(found.state, tuple(value[6:] for value in sorted(found.values)), found.said)

    def a(self, name: str) -> Answer:
        return self._answer(name, "A", lambda one: str(one.address))

    def aaaa(self, name: str) -> Answer:
        return self._answer(name, "AAAA", lambda one: str(one.address))

    def addresses(self, name: str) -> Answer:
        """Of both kinds. Trouble with the first is not waited for twice; where there is one, trouble with the second
        does not matter."""
        four = self.a(name)
        if four.trouble:
            return four
        six = self.aaaa(name)
        if four.values or six.values:
            return Answer(State.FOUND, four.values + six.values)
        return six if six.trouble else four

    def ptr(self, address: str) -> Answer:
        """The names that an address is given back as."""
        return self._answer(ip_address(address).reverse_pointer, "PTR", lambda one: _bare(one.target))

    def _answer(self, name: str, kind: str, value: Callable[[Any], str]) -> Answer:
        if self._memory is None:
            return self._ask(name, kind, value)
        return self._memory.of((name.rstrip(".").lower(), kind), lambda: self._ask(name, kind, value))

    def _ask(self, name: str, kind: str, value: Callable[[Any], str]) -> Answer:
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            found = self._resolver().resolve(name.rstrip(".") + ".", kind, search=False)
        except dns.resolver.NXDOMAIN:
            return NO_NAME
        except dns.resolver.NoAnswer:
            return NO_DATA
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.IDNAException):
            return NO_NAME  # no name of the DNS: nothing can stand there
        except dns.resolver.LifetimeTimeout:
            return Answer(State.TROUBLE, said=f"no answer within {self._lifetime:g} s")
        except (dns.exception.DNSException, OSError) as error:
            return Answer(State.TROUBLE, said=" ".join(str(error).split())[:200] or type(error).__name__)
        records: list[Rdata] = list(found)[:MOST]
        return Answer(State.FOUND, tuple(value(one) for one in records))

    def _resolver(self) -> Resolver:
        """A new one for each question: dnspython's holds what it was told last. Reads /etc/resolv.conf, unless told."""
        import dns.resolver

        resolver = dns.resolver.Resolver(configure=self._nameservers is None)
        if self._nameservers is not None:
            resolver.nameservers = list(self._nameservers)
        resolver.port = self._port
        resolver.lifetime = self._lifetime
        resolver.timeout = max(self._lifetime / 3, 0.1)
        resolver.use_edns(0, 0, PAYLOAD)
        return resolver


class _Memory:
    """Answers by question. Who asks what another is asking just now waits for that one's answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], Future[Answer]] = {}

    def of(self, question: tuple[str, str], ask: Callable[[], Answer]) -> Answer:
        with self._lock:
            known = self._answers.get(question)
            if known is None:
                mine = self._answers[question] = Future()
        if known is not None:
            return known.result()
        try:
            mine.set_result(ask())
        except BaseException as error:
            mine.set_exception(error)
            raise
        return mine.result()


def own_addresses() -> tuple[str, ...]:
    """By which addresses this machine goes out, as far as it knows itself: behind a router, those are private ones.

    A UDP socket that is connected sends nothing: the system only chooses the way.
    """
    found = []
    for family, place in ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as way:
                way.connect((place, 9))
                found.append(str(way.getsockname()[0]))
        except OSError:
            pass  # no way out of this kind
    return tuple(found)


def _bare(name: Any) -> str:
    """A name of the DNS as people write it."""
    return str(name).rstrip(".").lower()
