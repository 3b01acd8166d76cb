"""From nothing to a connection that takes mail: greeting, EHLO, STARTTLS, log-in. smtplib speaks, our wire carries."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.mail.headers import one_line
from newsletter.mail.replies import LONGEST, readable
from newsletter.mail.wire import Wire
from newsletter.settings import Via

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Refused(Exception):
    """The relay will not have us, or we not it."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(one_line(text, LONGEST))
        self.code = code


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take, in seconds on the wall clock (RFC 5321, 4.5.3.2)."""

    connect: float  # the connection; once more for the TLS handshake
    step: float  # the greeting, and each reply but the last
    send: float  # a message's bytes
    dot: float  # the reply to the final dot


@dataclass(slots=True)
class Session:
    """A connection that takes mail."""

    wire: Wire
    features: frozenset[str]  # what the server offers, in lower case
    offers: Mapping[str, str] = field(default_factory=dict)  # the same, each with what stands behind it


def dial(
    via: Via,
    password: str | None,
    hello: str,
    context: ssl.SSLContext | None,
    patience: Patience,
    clock: Callable[[], float],
) -> Session:
    """Connect and get ready. Raises Refused or Lost."""
    wire = Wire.connect(via.host, via.port, patience.connect, clock)
    try:
        if via.security == "tls":
            _encrypt(wire, via, context, patience)
        talk = _Talk(wire, hello, patience.step)
        talk.greeted()
        talk.hello()
        if via.security == "starttls":
            talk.starttls_accepted(via)
            _encrypt(wire, via, context, patience)
            talk.hello()
        if via.user is not None:
            talk.log_in(via, password or "")
    except BaseException:
        wire.close()
        raise
    return Session(wire, frozenset(talk.esmtp_features), dict(talk.esmtp_features))


def _encrypt(wire: Wire, via: Via, context: ssl.SSLContext | None, patience: Patience) -> None:
    try:
        wire.encrypt(context or ssl.create_default_context(), via.host, patience.connect)
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"the certificate of {via.host} is not to be trusted ({error.verify_message}): write the host in"
            " delivery.via as its certificate names it, or name its authority's file in SSL_CERT_FILE"
        ) from None
    except ssl.SSLError as error:
        raise Refused(
            f"{via.host}:{via.port} speaks no TLS that we accept ({error.reason or error}):"
            " smtps:// begins with TLS (port 465), smtp+starttls:// turns to it (port 587)"
        ) from None


class _Talk(smtplib.SMTP):
    """smtplib's EHLO and AUTH, on our wire and with its deadlines."""

    def __init__(self, wire: Wire, hello: str, seconds: float) -> None:
        super().__init__(local_hostname=hello)
        self._wire = wire
        self._seconds = seconds

    def send(self, s: ReadableBuffer | str) -> None:
        self._wire.write(s.encode(self.command_encoding) if isinstance(s, str) else memoryview(s), self._seconds)

    def getreply(self) -> tuple[int, bytes]:
        reply = self._wire.reply(self._seconds)
        return reply.code, reply.raw

    def greeted(self) -> None:
        code, text = self.getreply()
        if code != 220:
            raise Refused(f"the relay does not want us: {readable(text)}", code)

    def hello(self) -> None:
        """EHLO, and HELO for the servers of old (RFC 5321, 3.2). What was offered before does not count any more."""
        code, text = self.ehlo()
        if code // 100 == 5:
            code, text = self.helo()
        if code // 100 != 2:
            raise Refused(f"the relay does not accept our greeting: {readable(text)}", code)

    def starttls_accepted(self, via: Via) -> None:
        """The server is ready for TLS, and has said no word beyond that: it would be taken for a word said inside
        (RFC 3207, 6; CVE-2011-0411)."""
        if not self.has_extn("starttls"):
            raise Refused(
                f"{via.host}:{via.port} offers no STARTTLS: use smtps:// if it takes TLS on another port;"
                " smtp+plain:// would send in the clear"
            )
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise Refused(f"the relay does not begin TLS: {readable(text)}", code)
        if self._wire.pending:
            raise Refused("the relay said more than was asked before TLS began: somebody may be on the line")

    def log_in(self, via: Via, password: str) -> None:
        cure = "check the user in delivery.via, and NEWSLETTER_SMTP_PASSWORD or delivery.password_file"
        try:
            self.login(via.user or "", password)
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = readable(said if isinstance(said, bytes) else said.encode())
            raise Refused(f"{text[:250]}: the log-in as {via.user} failed: {cure}", error.smtp_code) from None
        except smtplib.SMTPException as error:
            raise Refused(f"{via.host}:{via.port} offers no log-in that we know ({error}): {cure}") from None
        except UnicodeEncodeError:
            raise Refused("the relay's user and password must be plain ASCII: choose another password") from None
        except ValueError as error:  # a challenge that is no base64
            raise Refused(f"the log-in as {via.user} failed: the relay's challenge cannot be read ({error})") from None
