"""The relay, spoken to as far as the log-in: nothing is sent."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import datetime

from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.errors import ConfigError
from newsletter.mail.handshake import Patience, Refused, Session, dial
from newsletter.mail.replies import Lost
from newsletter.newsroom import Newsroom
from newsletter.settings import Via, is_loopback

PATIENCE = Patience(connect=5, step=6, send=6, dot=6)
GOODBYE = 2.0
SOON = 14  # days left of a certificate from which on it is told
NEEDED = 250_000  # bytes of a mail that the relay must take: an edition's HTML, its text, and both encoded
OFFERS = {
    "pipelining": "sending is several times slower without",
    "dsn": "what comes back is harder to read without",
    "smtputf8": "readers with accents in their address cannot be reached without",
}


def look(room: Newsroom) -> Iterator[Finding]:
    via = room.config.delivery.via
    if via.kind == "maildir":
        said = f"mail is kept in the folder {via.path}, and nobody receives it"
        yield warning("relay", said, 'set delivery.via = "smtp+starttls://user@host:587" when you mean it')
        return
    try:
        room.mailer  # noqa: B018  what could only fail is told in its own words
    except ConfigError as error:
        yield failure("relay", str(error), "see docs/configuration.md")
        return
    yield from ask(via, room.config.password, room.config.newsletter.sender_domain, room.clock())


def ask(
    via: Via, password: str | None, hello: str, now: datetime, context: ssl.SSLContext | None = None
) -> Iterator[Finding]:
    """Connect, greet, begin TLS, log in, and leave."""
    try:
        session = dial(via, password, hello, context, PATIENCE, time.monotonic)
    except Refused as error:
        yield failure("relay", f"{via}: {error}", "see what it says; the relay's own guide names host, port and user")
        return
    except Lost as error:
        said = f"{via}: the relay {error}"
        yield failure("relay", said, "check host and port in delivery.via, and whether a firewall lets mail out")
        return
    try:
        yield ok("relay", f"{via.host}:{via.port} greets us, {hello}{', and lets us in' if via.user else ''}")
        yield _secure(via, session, now)
        yield from _offers(session)
    finally:
        _leave(session)


def _secure(via: Via, session: Session, now: datetime) -> Finding:
    until = session.wire.certified_until
    if until:
        days = (until - now).days
        said = f"TLS with a certificate that is good for {days} more days"
        return ok("relay TLS", said) if days > SOON else warning("relay TLS", said, "its owner must renew it")
    if is_loopback(via.host):
        return ok("relay TLS", "none, and none is needed on this machine itself")
    said = f"{via.host} is spoken to in the clear: everybody on the way reads along"
    return warning("relay TLS", said, "use smtp+starttls:// or smtps:// in delivery.via")


def _offers(session: Session) -> Iterator[Finding]:
    size = session.offers.get("size", "").strip()
    if size.isdigit() and 0 < int(size) < NEEDED:
        said = f"takes mails of {size} bytes at most; an edition may have {NEEDED}"
        yield failure("relay SIZE", said, "ask for a higher limit (Postfix: message_size_limit)")
    has = ["SIZE"] if "size" in session.features else []
    has += [name.upper() for name in OFFERS if name in session.features]
    lacks = [f"no {name.upper()} ({why})" for name, why in OFFERS.items() if name not in session.features]
    yield ok("relay offers", "; ".join([", ".join(has) or "nothing beyond the least", *lacks]))


def _leave(session: Session) -> None:
    try:
        session.wire.write(b"QUIT\r\n", GOODBYE)
        session.wire.reply(GOODBYE)
    except Lost:
        pass  # whatever it says to that changes nothing
    session.wire.close()
