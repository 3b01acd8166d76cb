"""A returned mail → who did not get it, and why: from its report, else from its words, else from Mailman's detectors.
Pure."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field

from newsletter.bounce import last
from newsletter.bounce.addresses import once
from newsletter.bounce.dsn import Report, Status, read_report
from newsletter.bounce.kinds import Signs
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose
from newsletter.bounce.reasons import REPLY, verdict
from newsletter.bounce.texts import Named, named_in, of_originals, with_words
from newsletter.model.bounces import Failure, Reason

_REASON = re.compile(r"\(reason: (.{3,500}?)\)[ \t]*(?:\n|$)", re.S)
_ARRIVED = ("delivered", "relayed", "expanded")


@dataclass(slots=True)
class Found:
    failures: tuple[Failure, ...] = ()
    delivered: tuple[Failure, ...] = ()  # those of whom a report says that they got it
    is_bounce: bool = False  # it is one, though it names nobody
    envelopes: list[str] = field(default_factory=list)


def failures_of(mail: Part, prose: Prose, signs: Signs, raw: bytes) -> Found:
    reports = [read_report(text) for text in prose.statuses]
    found = Found(envelopes=[report.envelope for report in reports if report.envelope])
    statuses = [status for report in reports for status in report.statuses]
    if statuses and (mail.kind == "multipart/report" or signs.from_a_server or not signs.of_a_person):
        return _by_report(found, statuses, prose, signs, mail)
    if not _is_a_bounce(mail, prose, signs, reports):
        return found
    found.is_bounce = True
    found.failures = _by_words(mail, prose, signs, raw)
    return found


def is_delivered(mail: Part, prose: Prose, signs: Signs) -> bool:
    """A report that it arrived or was opened, without the recipients' statuses."""
    if prose.disposition or mail.parameters.get("report-type", "").lower() == "disposition-notification":
        return True
    return signs.delivered and (signs.from_a_server or mail.kind == "multipart/report") and not signs.of_a_person


# --- By a delivery status ---------------------------------------------------------------------------


def _by_report(found: Found, statuses: list[Status], prose: Prose, signs: Signs, mail: Part) -> Found:
    arrived = [status for status in statuses if status.action in _ARRIVED and not status.code.startswith(("4", "5"))]
    failed = [status for status in statuses if status not in arrived]
    if not failed:
        people = once(_named(status, prose) for status in arrived)
        found.delivered = tuple(Failure(person, None, Reason.OTHER, text="") for person in people) or (Failure(""),)
        return found
    found.is_bounce = True
    people = {id(status): _named(status, prose) for status in failed}
    said = {named.address.lower(): named.words for named in with_words(once(people.values()), prose.own)}
    failures = [
        _judged(status, people[id(status)], said.get(people[id(status)].lower(), ""), prose, signs) for status in failed
    ]
    known = [failure for failure in failures if failure.address]
    if not known and failures:
        names = [named.address for named in named_in(prose, mail)] or of_originals(prose)
        known = [dataclasses.replace(failures[0], address=name) for name in names]
    found.failures = _each_once(known)
    return found


def _named(status: Status, prose: Prose) -> str:
    """A name without its domain is looked up among those the mail went to."""
    if status.address or not status.local:
        return status.address
    people = of_originals(prose)
    return next((person for person in people if person.lower().startswith(f"{status.local.lower()}@")), "")


def _judged(status: Status, address: str, said: str, prose: Prose, signs: Signs) -> Failure:
    action = status.action
    if not action and signs.delay:
        action = "delayed"
    judged = verdict(status.words, status=status.code, action=action, near=_said(said), context=prose.own)
    return dataclasses.replace(judged, address=address)


def _said(words: str) -> str:
    """From the server's own reply on, where there is one: what stands before it is the reporter's."""
    if stated := _REASON.search(words):  # sendmail's, of each recipient; the transcript is of all
        return stated[1]
    match = REPLY.search(words)
    return words[match.start() :] if match else words


# --- By its words -------------------------------------------------------------------------------------


def _is_a_bounce(mail: Part, prose: Prose, signs: Signs, reports: list[Report]) -> bool:
    """Two signs of three at least, one of them its words; a person's answer or a list's mail never is."""
    if "x-failed-recipients" in mail.headers:
        return True
    if signs.refused_by_rule:
        return True
    if prose.disposition or signs.of_a_person:
        return bool(prose.statuses) and signs.from_a_server and not prose.disposition
    if (
        mail.kind == "multipart/report"
        and mail.parameters.get("report-type", "delivery-status").lower() == "delivery-status"
    ):
        return not signs.delivered
    if signs.delivered and not signs.failure_words:
        return False
    if signs.answered_by_a_machine and not (signs.from_a_server and signs.failure_words and signs.failure_subject):
        return False
    if signs.challenge and not signs.failure_subject:
        return False
    if signs.from_mailer_daemon:
        return True
    if not signs.failure_words:
        return signs.from_a_server and signs.failure_subject
    return signs.from_a_server or signs.failure_subject


def _by_words(mail: Part, prose: Prose, signs: Signs, raw: bytes) -> tuple[Failure, ...]:
    named = named_in(prose, mail)
    for_good: bool | None = None
    if not named:
        people, for_good = last.detected(raw)
        named = [Named(person, "") for person in people or of_originals(prose)]
    action = "delayed" if signs.delay else ""
    failures = []
    for one in named:
        judged = verdict(_said(one.words), action=action, context=prose.own)
        failures.append(dataclasses.replace(judged, address=one.address))
    return _each_once(failures)


def _each_once(failures: list[Failure]) -> tuple[Failure, ...]:
    """The first that says why, where a recipient is named twice."""
    known: dict[str, Failure] = {}
    for failure in failures:
        key = failure.address.lower()
        if key not in known or (known[key].reason is Reason.OTHER and failure.reason is not Reason.OTHER):
            known[key] = failure
    return tuple(known.values())
