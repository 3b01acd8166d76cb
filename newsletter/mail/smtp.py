"""One message to a relay. smtplib makes the connection; the transaction is ours, since it must know its phase:
smtplib raises the same exception for "certainly not sent" and for "perhaps sent".

    before the dot is written   4xx deferred, 5xx rejected; a dead line is `lost`: nothing happened, safe to repeat
    after it                    2xx accepted, 4xx deferred, 5xx rejected; a dead line is `uncertain` (RFC 1047)
    connecting, MAIL FROM       a refusal is about us, not about a reader: `refused`
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from newsletter.errors import ConfigError
from newsletter.mail.exchange import DOT, Exchange, Offer, on_the_line
from newsletter.mail.handshake import Patience, Refused, Session, dial
from newsletter.mail.lines import GOODBYE, Lines, not_connected
from newsletter.mail.replies import Lost
from newsletter.model import Message, Outcome, Phase
from newsletter.settings import Via, is_loopback

LINE_END = b"\r\n"


class Relay:
    """A mail server that takes our mail and passes it on. Safe to share between threads; each opens its own line.

    `hello` is the name we give ourselves. Times are in seconds on the wall clock, each for one step, see `Patience`.
    `messages_per_connection` 0 is as many as the relay takes; without `context` we trust whom the system trusts.
    Raises ConfigError where it could only fail.
    """

    repeats_safely = False

    def __init__(
        self,
        via: Via,
        password: str | None,
        *,
        hello: str,
        connect_timeout: float = 30,
        step_timeout: float = 300,
        send_timeout: float = 600,
        dot_timeout: float = 600,
        messages_per_connection: int = 100,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if via.user is not None and not password:
            raise ConfigError(
                f"delivery.via: {via}: names a user, so it needs NEWSLETTER_SMTP_PASSWORD or delivery.password_file"
            )
        if via.user is not None and via.security == "plain" and not is_loopback(via.host):
            raise ConfigError(f"delivery.via: {via}: would send the password in the clear: use smtp+starttls://")
        self._via = via
        self._password = password
        self._hello = hello
        self._patience = Patience(connect_timeout, step_timeout, send_timeout, dot_timeout)
        self._messages = messages_per_connection
        encrypted = via.security != "plain"
        self._context = (context or ssl.create_default_context()) if encrypted else None
        self._clock = clock

    def open(self) -> RelayLine:
        """A new line. It connects when there is something to send."""
        return RelayLine(self._connect, self._patience, self._messages)

    def lines(self, count: int) -> Lines:
        """At most so many lines at once."""
        return Lines(self._connect, count, self._patience, self._messages, self._clock)

    @property
    def _connect(self) -> Callable[[], Session]:
        return partial(dial, self._via, self._password, self._hello, self._context, self._patience, self._clock)


class RelayLine:
    """One connection at a time, made anew where it has ended, and one message at a time. For one thread."""

    def __init__(self, connect: Callable[[], Session], patience: Patience, messages: int) -> None:
        self._connect = connect
        self._patience = patience
        self._messages = messages
        self._session: Session | None = None
        self._exchange = Exchange(frozenset())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        """Offer one message; see `mail.Line`. Whatever the network does is an Outcome."""
        if self._messages and self._exchange.carried >= self._messages:
            self.close()
        offer = Offer(message)
        while offer.outcome is None:  # twice at most: on a fresh connection nothing is untouched
            try:
                session = self._session = self._session or self._open()
            except (Refused, Lost) as error:
                return not_connected(error)
            self._offer(session, offer, at_dot)
        return offer.outcome

    def _open(self) -> Session:
        session = self._connect()
        self._exchange = Exchange(session.features - {"pipelining"})
        return session

    def _offer(self, session: Session, offer: Offer, at_dot: Callable[[], None]) -> None:
        exchange = self._exchange
        try:
            exchange.begin(offer)
            while not exchange.idle:
                self._step(session, offer, at_dot)
        except Lost as error:
            exchange.lose(str(error))
        except BaseException:  # at_dot's own, or a signal's: without its dot the message must never be complete
            self._drop()
            raise
        exchange.ended.clear()
        exchange.untouched.clear()
        if exchange.closing:
            self._drop()

    def _step(self, session: Session, offer: Offer, at_dot: Callable[[], None]) -> None:
        """Say what is to be said, and hear the answer."""
        wire, exchange, patience = session.wire, self._exchange, self._patience
        if exchange.go is not None:
            exchange.go = None
            # The last line's end is kept back: it is the beginning of the dot.
            content = memoryview(on_the_line(offer.message))[: -len(LINE_END)]
            if wire.write(content, patience.send) and not wire.spoken():
                at_dot()
                self._dot(session, offer)
        elif exchange.out:
            words, exchange.out = exchange.out, b""
            wire.write(words, patience.step)
        exchange.hear(wire.reply(patience.dot if offer.phase is Phase.DOT else patience.step))

    def _dot(self, session: Session, offer: Offer) -> None:
        """Where not a byte of it could be written, the message cannot be complete over there: no doubt."""
        before = session.wire.written
        try:
            session.wire.write(DOT, self._patience.send)
        finally:
            if session.wire.written > before:
                offer.phase = Phase.DOT

    def close(self) -> None:
        """Say goodbye; whatever comes of that changes nothing for the messages."""
        if self._session is None:
            return
        try:
            self._session.wire.write(b"QUIT\r\n", GOODBYE)
            self._session.wire.reply(min(GOODBYE, self._patience.step))
        except Lost:
            pass  # S11: what was accepted stays accepted
        self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.wire.close()
        self._session = None
        self._exchange = Exchange(frozenset())
