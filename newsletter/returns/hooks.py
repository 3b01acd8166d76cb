"""What providers tell by their webhooks: whose word it is, what it says, and into the database with it.

An event is taken once, however often it is told. Whoever is not believed changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from newsletter.bounce.hooks import Judge, brevo, mailgun, parse, ses, sns
from newsletter.config import Config
from newsletter.errors import BadData, ConfigError, FetchError, Unavailable
from newsletter.model import Returned
from newsletter.newsroom import Newsroom

log = logging.getLogger(__name__)

SHORTEST = 20  # signs of a secret that nobody guesses
CERTIFICATES = 8  # that are kept: Amazon has one for each region, and a new one each year
BUSY = 1.0  # seconds to wait for another thread that fetches one
TOKENS = 5000  # of Mailgun's that are remembered: more than it tells in their quarter of an hour


class NotBelieved(BadData):
    """Its signature, its secret or its moment is not what it should be."""


class Take(Protocol):
    """`returns.take`."""

    def __call__(self, room: Newsroom, returned: Returned, *, digest: str, via: str, vouched: bool) -> object: ...


def listening(config: Config) -> list[str]:
    """The providers that the configuration names. Raises ConfigError for a secret that could be guessed."""
    table, secrets = config.bounces, config.secrets
    short = "{}: bounces.brevo_secret: must have at least {} signs: anybody who guesses it takes readers off the list"
    secret = secrets.get("bounces.brevo_secret", "")
    if secret and len(secret) < SHORTEST:
        raise ConfigError(short.format(config.path, SHORTEST))
    named = {
        "ses": bool(table.ses_topics),
        "mailgun": bool(secrets.get("bounces.mailgun_key")),
        "brevo": bool(secret),
    }
    return [provider for provider, is_named in named.items() if is_named]


@dataclass(slots=True)
class Hooks:
    """The webhooks of a newsroom. Safe to use from several threads."""

    room: Newsroom
    take: Take
    judge: Judge
    _certificates: dict[str, bytes] = field(default_factory=dict)
    _fetching: threading.Lock = field(default_factory=threading.Lock)
    _tokens: dict[str, tuple[str, ...]] = field(default_factory=dict)  # with the events that came beside them

    def hear(self, provider: str, body: bytes, secret: str = "") -> None:
        """Take in what a provider tells; when this returns it is in the database. Its word is enough for who complained
        or left, even where no mark of ours came with it; of a bounce it may speak of another mail to the same address.

        Raises NotBelieved, BadData for what is no event, Unavailable where it should be told once more.
        """
        read: Callable[[bytes, str], list[tuple[str, Returned]]]
        read = {"ses": self._ses, "mailgun": self._mailgun, "brevo": self._brevo}[provider]
        for digest, returned in read(body, secret):
            self.take(self.room, returned, digest=digest, via=provider, vouched=True)

    def _mailgun(self, body: bytes, _: str) -> list[tuple[str, Returned]]:
        told = parse(body)
        if not mailgun.signed(told, self.room.config.secrets["bounces.mailgun_key"], self.room.clock()):
            raise NotBelieved("mailgun: the signature is wrong, or older than a quarter of an hour")
        events = mailgun.read(told, self.judge)
        self._once(told["signature"]["token"], tuple(digest for digest, _ in events))
        return events

    def _once(self, token: str, digests: tuple[str, ...]) -> None:
        """Mailgun signs a token and not the event: so a token that was seen beside another event is worth nothing."""
        if self._tokens.setdefault(token, digests) != digests:
            raise NotBelieved("mailgun: its signature was that of another event")
        while len(self._tokens) > TOKENS:
            self._tokens.pop(next(iter(self._tokens)), None)

    def _brevo(self, body: bytes, secret: str) -> list[tuple[str, Returned]]:
        if not _same(secret, self.room.config.secrets["bounces.brevo_secret"]):
            raise NotBelieved("brevo: the secret is wrong")
        return brevo.read(parse(body), self.judge)

    def _ses(self, body: bytes, _: str) -> list[tuple[str, Returned]]:
        message = sns.read(parse(body))
        self._believe(message)
        if message.kind == "Notification":
            return ses.read(message.text, self.judge)
        if message.kind == "SubscriptionConfirmation":
            self._confirm(message)
        else:
            log.warning("Amazon SNS will tell nothing more of the topic %s: it was unsubscribed", message.topic)
        return []

    # --- Amazon SNS -------------------------------------------------------------------------------

    def _believe(self, message: sns.Message) -> None:
        """Cheap questions first: nothing is fetched for a topic that is not ours."""
        if message.topic not in self.room.config.bounces.ses_topics:
            raise NotBelieved("ses: its topic is not in bounces.ses_topics")
        now, url = self.room.clock(), message.certificate_url
        if not url:
            raise NotBelieved("ses: its certificate is not Amazon's")
        if not message.is_recent(now):
            raise NotBelieved("ses: it is older than a day")
        if not message.is_signed(self._certificate(url), now):
            raise NotBelieved("ses: its signature is wrong")

    def _certificate(self, url: str) -> bytes:
        known = self._certificates.get(url)
        if known is not None:
            return known
        # By one thread at a time: whoever makes up addresses keeps no more than that one from its work.
        if not self._fetching.acquire(timeout=BUSY):
            raise Unavailable("ses: another certificate is being fetched")
        try:
            found = self._fetch(url, "its certificate cannot be fetched")
            while len(self._certificates) >= CERTIFICATES:
                self._certificates.pop(next(iter(self._certificates)))
            self._certificates[url] = found
            return found
        finally:
            self._fetching.release()

    def _confirm(self, message: sns.Message) -> None:
        url = message.confirmation_url
        if not url:
            raise NotBelieved("ses: what would confirm the subscription is not Amazon's")
        self._fetch(url, "the subscription cannot be confirmed")
        log.info("the subscription to the topic %s is confirmed", message.topic)

    def _fetch(self, url: str, what: str) -> bytes:
        """The address is not told: one that confirms a subscription holds what confirms it."""
        try:
            return self.room.pinger.get(url, accept="*/*").body
        except FetchError as error:
            raise Unavailable(f"ses: {what}: Amazon answers {error.status or 'nothing'}") from None


def _same(given: str, right: str) -> bool:
    """In the same time, however much of it is right and however long it is."""
    ours, theirs = (hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest() for one in (right, given))
    return hmac.compare_digest(ours, theirs)


def made(room: Newsroom, take: Take | None = None, judge: Judge | None = None) -> Hooks:
    """The webhooks, with what they hand events on to."""
    from newsletter import returns
    from newsletter.bounce import reasons

    return Hooks(room, take or returns.take, judge or reasons.judge)
