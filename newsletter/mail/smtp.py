"""One message to a relay. smtplib makes the connection; the transaction is ours, since it must know its phase:
smtplib raises the same exception for "certainly not sent" and for "perhaps sent".

    before the dot is written   4xx deferred, 5xx rejected; a dead line is `lost`: nothing happened, safe to repeat
    after it                    2xx accepted, 4xx deferred, 5xx rejected; a dead line is `uncertain` (RFC 1047)
    connecting, MAIL FROM       a refusal is about us, not about a reader: `refused`
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from newsletter.errors import ConfigError
from newsletter.mail.handshake import Patience, Refused, Session, dial
from newsletter.mail.replies import Lost, Reply
from newsletter.model import Message, Outcome, Phase, Verdict
from newsletter.settings import Via, is_loopback

CLOSING = 421  # RFC 5321, 3.8: said at any time by a server that is about to hang up
GOODBYE = 5.0  # seconds for the reply to QUIT, which changes nothing
UNFIT = re.compile("[\x00-\x20<>\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # what an address in a command may never hold
REFUSALS = {4: Verdict.DEFERRED, 5: Verdict.REJECTED}


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
        connect = partial(dial, self._via, self._password, self._hello, self._context, self._patience, self._clock)
        return RelayLine(connect, self._patience, self._messages)


class RelayLine:
    """One connection at a time, made anew where it has ended. For one thread."""

    def __init__(self, connect: Callable[[], Session], patience: Patience, messages: int) -> None:
        self._connect = connect
        self._patience = patience
        self._messages = messages
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        """Offer one message; see `mail.Line`. Whatever the network does is an Outcome."""
        if UNFIT.search(message.sender + message.recipient):
            return Outcome(Verdict.REJECTED, Phase.MAIL, None, "the address cannot be written in an SMTP command")
        if self._session and self._messages and self._session.carried >= self._messages:
            self.close()
        used = self._session is not None
        outcome = self._offer(message, at_dot)
        if used and _ended_between(outcome):
            outcome = self._offer(message, at_dot)
        return outcome

    def _offer(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        try:
            session = self._session = self._session or self._connect()
        except Refused as error:
            return Outcome(Verdict.REFUSED, Phase.CONNECT, error.code, str(error))
        except Lost as error:
            return Outcome(Verdict.LOST, Phase.CONNECT, None, f"the relay {error}")
        transaction = _Transaction(session, self._patience)
        try:
            outcome = transaction.run(message, at_dot)
        except BaseException:  # at_dot's own, or a signal's: without its dot the message must never be complete
            self._drop()
            raise
        if transaction.broken or outcome.code == CLOSING:
            self._drop()
        return outcome

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


def _ended_between(outcome: Outcome) -> bool:
    """On a connection that has carried mail: it has only ended, so the message may be offered on a fresh one."""
    if outcome.verdict is Verdict.LOST:
        return outcome.phase is Phase.MAIL
    return outcome.code == CLOSING and outcome.phase is not Phase.DOT


class _Transaction:
    """One message on one connection: MAIL, RCPT, DATA, the bytes, the dot."""

    def __init__(self, session: Session, patience: Patience) -> None:
        self._session = session
        self._wire = session.wire
        self._patience = patience
        self._phase = Phase.MAIL
        self.broken = False  # the connection cannot be used again

    def run(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        self._session.carried += 1
        try:
            return self._envelope(message) or self._content(message.content, at_dot)
        except Lost as error:
            self.broken = True
            verdict = Verdict.UNCERTAIN if self._phase is Phase.DOT else Verdict.LOST
            return Outcome(verdict, self._phase, None, f"the relay {error}")

    def _envelope(self, message: Message) -> Outcome | None:
        """MAIL, RCPT and DATA; None where the server now waits for the message."""
        if message.utf8 and "smtputf8" not in self._session.features:
            said = "the relay takes no address with letters outside ASCII before the @ (it offers no SMTPUTF8)"
            return Outcome(Verdict.REJECTED, Phase.MAIL, None, said)
        if self._session.unfinished:
            self._expect(self._say("RSET"), 2)
            self._session.unfinished = False
        reply = self._say(f"MAIL FROM:<{message.sender}>{self._parameters(message)}")
        if reply.kind in REFUSALS:
            return Outcome(Verdict.REFUSED, Phase.MAIL, reply.code, reply.text)
        self._expect(reply, 2)
        return self._step(Phase.RCPT, f"RCPT TO:<{message.recipient}>", 2) or self._step(Phase.DATA, "DATA", 3)

    def _step(self, phase: Phase, command: str, kind: int) -> Outcome | None:
        self._phase = phase
        reply = self._say(command)
        if reply.kind in REFUSALS:
            self._session.unfinished = True
            return self._refusal(reply)
        self._expect(reply, kind)
        return None

    def _parameters(self, message: Message) -> str:
        """Only what the server offers (RFC 1870, 6152, 6531)."""
        offered = self._session.features
        size = f" SIZE={len(message.content)}" if "size" in offered else ""
        eight = " BODY=8BITMIME" if "8bitmime" in offered and not message.content.isascii() else ""
        return size + eight + (" SMTPUTF8" if message.utf8 else "")

    def _content(self, content: bytes, at_dot: Callable[[], None]) -> Outcome:
        """The bytes and the dot. The last line's end is kept back: it is the beginning of the dot."""
        stuffed = memoryview(stuff(content))
        if not self._wire.write(stuffed[:-2], self._patience.send) or self._wire.spoken():
            return self._interrupted()
        at_dot()
        if not self._dot():
            return self._interrupted()
        reply = self._wire.reply(self._patience.dot)
        if reply.kind in REFUSALS:
            return self._refusal(reply)
        self._expect(reply, 2)
        return Outcome(Verdict.ACCEPTED, Phase.DOT, reply.code, reply.text)

    def _dot(self) -> bool:
        """Write it. False: the server has spoken before a byte of it had left."""
        self._phase = Phase.DOT
        before = self._wire.written
        try:
            self._wire.write(b"\r\n.\r\n", self._patience.send)
        except Lost:
            if self._wire.written == before:  # the message cannot be complete over there: no doubt
                self._phase = Phase.DATA
            raise
        return self._wire.written > before

    def _interrupted(self) -> Outcome:
        """The server has answered in the midst of the message: a refusal counts, and the connection is spent."""
        self.broken = True
        reply = self._wire.reply(self._patience.step)
        if reply.kind not in REFUSALS:
            raise Lost(f"answered before the message had ended: {reply.code} {reply.text}")
        return self._refusal(reply)

    def _say(self, command: str) -> Reply:
        self._wire.write(f"{command}\r\n".encode(), self._patience.step)
        return self._wire.reply(self._patience.step)

    def _expect(self, reply: Reply, kind: int) -> None:
        if reply.kind != kind:
            raise Lost(f"gave a reply that makes no sense here: {reply.code} {reply.text}")

    def _refusal(self, reply: Reply) -> Outcome:
        return Outcome(REFUSALS[reply.kind], self._phase, reply.code, reply.text)


def stuff(content: bytes) -> bytes:
    """The content as it goes over the line (RFC 5321, 4.5.2): a line's first dot doubled, a line's end at the end.

    Our own editions never need it, see `quoted`.
    """
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b".") or b"\n." in content:
        content = re.sub(rb"(?m)^\.", b"..", content)
    return content
