"""Whether a mail is an answer of a machine, and of which kind. Pure."""

from __future__ import annotations

import re
from functools import cached_property

from newsletter.bounce.addresses import listed
from newsletter.bounce.kindwords import (
    ANSWERS,
    AWAY,
    AWAY_PREFIX,
    CHALLENGE,
    DAEMON,
    DAEMON_ADDRESS,
    DELAY,
    DELIVERED,
    FAILURE_SUBJECT,
    FAILURE_WORDS,
    GREETING,
    MAILER_DAEMON,
    MYSELF,
    PROGRAM,
    STATEMENT,
    THANKS,
    TO_BOUNCES,
    UNTIL,
    WHOLE_OR_PREFIX,
)
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose

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
            return bool(DAEMON_ADDRESS.match(addresses[0])) or (self.machine and bool(DAEMON.search(sender)))
        return bool(DAEMON.search(sender))

    @cached_property
    def from_mailer_daemon(self) -> bool:
        """By the address that nobody else bears."""
        sender = self.mail.first("from")[:500]
        return bool(MAILER_DAEMON.search(sender)) and self.from_a_daemon

    @cached_property
    def from_a_server(self) -> bool:
        return self.from_a_daemon or self.empty_path

    @cached_property
    def empty_path(self) -> bool:
        """Nobody but machines writes with an empty return path (RFC 5321, 4.5.5)."""
        paths = self.mail.all("return-path")[:1] + self.mail.all("envelope-from") + self.mail.all("x-envelope-from")
        return any(path.strip() in ("<>", "< >") or MAILER_DAEMON.search(path) for path in paths)

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
        if not self.machine and (passed_on or (thread and ANSWERS.match(self.subject))):
            return True
        lists = any(name in headers for name in ("list-id", "list-post", "list-unsubscribe", "x-mailman-version"))
        return lists and not self.to_bounces

    @cached_property
    def to_bounces(self) -> bool:
        return bool(TO_BOUNCES.search(self.mail.first("to")[:300]))

    @cached_property
    def by_hand(self) -> bool:
        """A program for people wrote it, or it greets."""
        program = f"{self.mail.first('user-agent')} {self.mail.first('x-mailer')}"
        return not self.machine and bool(PROGRAM.search(program[:300]) or GREETING.match(self.words))

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
        return bool(STATEMENT.search(self.words))

    @cached_property
    def failure_subject(self) -> bool:
        return bool(FAILURE_SUBJECT.search(self.subject))

    @cached_property
    def failure_words(self) -> bool:
        return bool(FAILURE_WORDS.search(self.prose.own[:12000])) or bool(FAILURE_WORDS.search(self.words))

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
        return bool(DELAY.search(self.subject) or DELAY.search(self.words[:3000]))

    @cached_property
    def delivered(self) -> bool:
        return bool(DELIVERED.search(self.subject) or (DELIVERED.search(self.words[:1500])))

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
        return bool(CHALLENGE.search(sender) or CHALLENGE.search(self.subject) or CHALLENGE.search(self.words))

    @cached_property
    def answered_by_rule(self) -> bool:
        """By headers that those set who answer for somebody (before RFC 3834)."""
        precedence = self.mail.first("precedence").lower()
        marked = any(self.mail.first(name).lower() not in ("", "no", "none", "false") for name in _MARKS)
        return precedence in ("auto_reply", "auto-reply") or marked

    @cached_property
    def away_subject(self) -> bool:
        """As programs begin it."""
        match = AWAY_PREFIX.match(self.subject)
        if match is None:
            return False
        return self.machine or self.answered_by_rule or bool(WHOLE_OR_PREFIX.match(self.subject, match.end()))

    @cached_property
    def thanks(self) -> bool:
        """It speaks as those do who answer for somebody."""
        return bool(THANKS.search(self.words[:3000]) or AWAY.search(self.words[:3000]))

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
        about = bool(AWAY.search(self.words[:3000]))
        precedence = self.mail.first("precedence").lower()
        if "x-auto-response-suppress" in self.mail.headers:
            return about or bool(AWAY.search(self.subject) or THANKS.search(self.words[:3000]))
        if auto.startswith("auto") or precedence in ("junk", "bulk"):
            return bool(AWAY.search(self.subject))
        stock = (
            "?" not in self.subject
            and AWAY.search(self.subject)
            and MYSELF.search(self.words)
            and UNTIL.search(self.words[:3000])
        )
        return bool(stock and len(self.words) < 1500 and not ANSWERS.match(self.subject) and not self.by_hand)
