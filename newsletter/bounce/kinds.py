"""Whether a mail is an answer of a machine, and of which kind. Pure."""

from __future__ import annotations

import re
from functools import cached_property

from newsletter.bounce.addresses import listed
from newsletter.bounce.mail import Part
from newsletter.bounce.phrasebook import pattern
from newsletter.bounce.prose import Prose

_ANSWERS = re.compile(r"\s*(?:re|aw|sv|res|antw|odp|vs|ynt)\s*(?:\[\d+\])?\s*:", re.I)
_MAILER_DAEMON = re.compile(
    r"(?:^|[\s<\"])(?:mailer[-_.]?daemon|mail[-_.]daemon|mail\.delivery\.system)\b(?:@|[>\s\"]|$)", re.I
)
_MYSELF = re.compile(
    r"\b(?:je (?:suis|serai)|i am|i'm|i will be|i'll be|ich bin|estoy|sono|estou|ik ben|jestem|я )\b[^?]{0,300}$",
    re.I | re.S,
)
_TO_BOUNCES = re.compile(
    r"[-+.](?:bounces?|admin|owner|errors?|request)\b|"
    r"\bbounces?[-+@]",
    re.I,
)  # where lists want bounces
# What may follow it where no header says that a machine wrote: nothing, or the subject of what it answers.
_WHOLE_OR_PREFIX = re.compile(r"\]|[\])!.\s\u00a0]*(?:$|[:：–—-]|\([^)]*\)\s*$)")
_MARKS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-auto-response",
    "x-mail-autoreply",
    "x-vacation",
    "x-autoreply-from",
    "autoreply",
)


class Signs:
    """What its headers and words say of a mail's kind. Each is looked for when it is asked for."""

    def __init__(self, mail: Part, prose: Prose) -> None:
        self.mail, self.prose = mail, prose
        self.subject = mail.first("subject")[:1000]
        self.words = " ".join(prose.own[:8000].split())

    @cached_property
    def from_a_daemon(self) -> bool:
        """By its address; a name alone proves nothing, where people can give themselves any."""
        sender = self.mail.first("from")[:500]
        addresses = listed([sender])
        if addresses:
            return bool(_daemon_address().match(addresses[0])) or (self.machine and _says("daemon-names", sender))
        return _says("daemon-names", sender)

    @cached_property
    def from_mailer_daemon(self) -> bool:
        """By the address that nobody else bears."""
        sender = self.mail.first("from")[:500]
        return bool(_MAILER_DAEMON.search(sender)) and self.from_a_daemon

    @cached_property
    def from_a_server(self) -> bool:
        return self.from_a_daemon or self.empty_path

    @cached_property
    def empty_path(self) -> bool:
        """Nobody but machines writes with an empty return path (RFC 5321, 4.5.5)."""
        paths = self.mail.all("return-path")[:1] + self.mail.all("envelope-from") + self.mail.all("x-envelope-from")
        return any(path.strip() in ("<>", "< >") or _MAILER_DAEMON.search(path) for path in paths)

    @cached_property
    def machine(self) -> bool:
        return self.empty_path or self.mail.first("auto-submitted").lower().startswith("auto")

    @cached_property
    def of_a_person(self) -> bool:
        """An answer or a forwarded mail, or a list's."""
        headers = self.mail.headers
        if self.from_a_daemon:
            return False
        thread = any(
            name in headers for name in ("in-reply-to", "references", "x-mailer", "user-agent", "thread-index")
        )
        passed_on = bool(re.match(r"\s*(?:fwd?|tr|wg|rv|enc|doorst)\s*:", self.subject, re.I))
        if not self.machine and (passed_on or (thread and _ANSWERS.match(self.subject))):
            return True
        lists = any(name in headers for name in ("list-id", "list-post", "list-unsubscribe", "x-mailman-version"))
        return lists and not self.to_bounces and not self.empty_path

    @cached_property
    def to_bounces(self) -> bool:
        return bool(_TO_BOUNCES.search(self.mail.first("to")[:300]))

    @cached_property
    def by_hand(self) -> bool:
        """A program for people wrote it, or it greets."""
        program = f"{self.mail.first('user-agent')} {self.mail.first('x-mailer')}"
        return not self.machine and (_says("programs", program[:300]) or bool(_greeting().match(self.words)))

    def weight(self, *, names_somebody: bool, has_original: bool) -> int:
        """How much speaks for a bounce, where no report says so."""
        weight = 3 if self.from_mailer_daemon else 2 if self.from_a_daemon else 0
        weight += 2 * self.empty_path + (self.machine and not self.empty_path) + self.failure_subject
        weight += self.failure_words + self.failure_statement + names_somebody + has_original + self.to_bounces
        weight -= not self.machine and not self.from_a_daemon
        weight -= (3 if self.from_a_daemon else 2) * self.by_hand
        weight -= 2 * self.answered_by_rule + 3 * self.away_subject + 3 * self.of_a_person
        return weight

    @cached_property
    def failure_statement(self) -> bool:
        """It says it of a mail: shops say it of parcels."""
        return _says("failure-statements", self.words)

    @cached_property
    def failure_subject(self) -> bool:
        return _says("failure-subjects", self.subject)

    @cached_property
    def failure_words(self) -> bool:
        return bool(pattern("failure-words", flags=re.I | re.M).search(self.prose.own[:12000])) or bool(
            pattern("failure-words", flags=re.I | re.M).search(self.words)
        )

    @cached_property
    def refused_by_rule(self) -> bool:
        """A mailbox's own filter refused it, in the form of a report that it was opened (RFC 5429)."""
        return bool(
            re.search(
                r"disposition:[^\n]*(?:automatic-action[^\n]*(?:deleted|denied)|"
                r"failed)",
                self.prose.disposition,
                re.I,
            )
            and re.search(
                r"automatically (?:rejected|refused)|\brejected|refused|quota|"
                r"could not be delivered",
                f"{self.subject} {self.words[:600]}",
                re.I,
            )
        )

    @cached_property
    def delay(self) -> bool:
        """A warning that it is still tried."""
        return _says("delayed", self.subject) or _says("delayed", self.words[:3000])

    @cached_property
    def delivered(self) -> bool:
        return _says("delivered", self.subject) or (_says("delivered", self.words[:1500]))

    @cached_property
    def asked_by_a_service(self) -> bool:
        """Whose only business it is to ask who writes."""
        return (
            bool(
                re.search(
                    r"boxbe|spam ?arrest|bluebottle\.com|antispam|mailinblack|earthlink spam|"
                    r"sendio",
                    self.mail.first("from")[:300],
                    re.I,
                )
            )
            and self.challenge
        )

    @cached_property
    def challenge(self) -> bool:
        sender = self.mail.first("from")[:300]
        return _says("challenge", sender) or _says("challenge", self.subject) or _says("challenge", self.words)

    @cached_property
    def answered_by_rule(self) -> bool:
        """By headers that those set who answer for somebody (before RFC 3834)."""
        precedence = self.mail.first("precedence").lower()
        marked = any(self.mail.first(name).lower() not in ("", "no", "none", "false") for name in _MARKS)
        return precedence in ("auto_reply", "auto-reply") or marked

    @cached_property
    def away_subject(self) -> bool:
        """As programs begin it."""
        match = _away_beginning().match(self.subject)
        if match is None:
            return False
        return self.machine or self.answered_by_rule or bool(_WHOLE_OR_PREFIX.match(self.subject, match.end()))

    @cached_property
    def thanks(self) -> bool:
        """It speaks as those do who answer for somebody."""
        return _says("thanks", self.words[:3000]) or _says("away", self.words[:3000])

    @cached_property
    def _answers_the_topic(self) -> bool:
        """Exchange puts its words, in whichever language, before the subject it answers."""
        topic = self.mail.first("thread-topic").strip()
        prefix, _, rest = self.subject.partition(": ")
        return bool(topic) and rest.strip() == topic and len(prefix) > 6 and not _ANSWERS.match(self.subject)

    @cached_property
    def away(self) -> bool:
        """It says that somebody is away, or thanks for our mail, and a machine wrote it."""
        auto = self.mail.first("auto-submitted").lower()
        if self.answered_by_rule or auto.startswith("auto-replied"):
            return True
        if self.of_a_person:
            return False
        if self.empty_path or self.away_subject:
            return True
        about = _says("away", self.words[:3000])
        automatic = "x-auto-response-suppress" in self.mail.headers or auto.startswith("auto")
        if self._answers_the_topic and (about or automatic):
            return True
        precedence = self.mail.first("precedence").lower()
        if "x-auto-response-suppress" in self.mail.headers:
            return about or _says("away", self.subject) or _says("thanks", self.words[:3000])
        if auto.startswith("auto") or precedence in ("junk", "bulk"):
            return _says("away", self.subject)
        stock = (
            "?" not in self.subject
            and _says("away", self.subject)
            and _MYSELF.search(self.words)
            and _says("until", self.words[:3000])
        )
        return bool(stock and len(self.words) < 1500 and not _ANSWERS.match(self.subject) and not self.by_hand)


def _says(name: str, text: str) -> bool:
    return bool(pattern(name).search(text))


def _daemon_address() -> re.Pattern[str]:
    return pattern("daemon-addresses", after=r"(?:[-+._=][^@]*)?(?:@|$)")


def _greeting() -> re.Pattern[str]:
    return pattern("greetings", after=r"\b(?![.!]? this is the)")


def _away_beginning() -> re.Pattern[str]:
    return pattern("away-beginnings", before=r"[\s\[(]*", after=r"(?:\b|\s|:|$)")
