"""A returned mail → who did not get it, and why: from its report, else from its words, else from Mailman's detectors.
Pure."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field

from newsletter.bounce import last
from newsletter.bounce.addresses import once
from newsletter.bounce.dsn import Status, read_report
from newsletter.bounce.kinds import Signs
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose
from newsletter.bounce.reasons import REPLY, says_why, verdict
from newsletter.bounce.texts import Named, Naming, named_in, of_originals, with_words
from newsletter.model.bounces import Failure, Reason

_REASON = re.compile(r"\(reason: (.{3,500}?)\)[ \t]*(?:\n|$)", re.S)
NEEDED = 3  # of what speaks for a bounce, where no report says so
_ARRIVED = ("delivered", "relayed", "expanded")


@dataclass(slots=True)
class Found:
    failures: tuple[Failure, ...] = ()
    delivered: tuple[Failure, ...] = ()  # those of whom a report says that they got it
    is_bounce: bool = False  # it is one, though it names nobody
    envelopes: list[str] = field(default_factory=list)


def failures_of(mail: Part, prose: Prose, signs: Signs, data: bytes) -> Found:
    reports = [read_report(text) for text in prose.statuses]
    found = Found(envelopes=[report.envelope for report in reports if report.envelope])
    statuses = [status for report in reports for status in report.statuses]
    if statuses and (
        mail.kind == "multipart/report"
        or signs.from_a_server
        or signs.machine
        or not (signs.of_a_person or signs.by_hand)
    ):
        return _by_report(found, statuses, prose, signs, mail)
    named = named_in(prose, mail)
    if not _is_a_bounce(mail, prose, signs, named):
        return found
    found.is_bounce = True
    found.failures = _by_words(mail, prose, signs, data, named)
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
        found.delivered = tuple(Failure(person) for person in people) or (Failure(""),)
        return found
    found.is_bounce = True
    names = {id(status): _named(status, prose) for status in failed}
    said = {named.address.lower(): named.words for named in with_words(once(names.values()), prose.own)}
    # Of several, what is said of one says nothing of the others.
    whole = prose.own if len(failed) == 1 else ""
    failures = [
        _judged(status, names[id(status)], said.get(names[id(status)].lower(), ""), whole, signs) for status in failed
    ]
    known = [failure for failure in failures if failure.address]
    if not known and failures:
        naming = named_in(prose, mail)
        others = [named.address for named in naming.people] or of_originals(prose)
        dead = failures[0].suppress and (naming.surely or len(others) == 1)
        known = [dataclasses.replace(failures[0], address=address, suppress=dead) for address in others]
    found.failures = _each_once(known)
    return found


def _named(status: Status, prose: Prose) -> str:
    """A name without its domain is looked up among those the mail went to."""
    if status.address or not status.local:
        return status.address
    people = of_originals(prose)
    return next((person for person in people if person.lower().startswith(f"{status.local.lower()}@")), "")


def _judged(status: Status, address: str, said: str, whole: str, signs: Signs) -> Failure:
    action = status.action
    if not action and signs.delay:
        action = "delayed"
    context = f"{said}\n{whole}"
    judged = verdict(
        status.words, status=status.code, action=action, near=_said(said), context=context, stage=said or whole
    )
    return dataclasses.replace(judged, address=address)


def _said(words: str) -> str:
    """From the server's own reply on, where there is one: what stands before it is the reporter's."""
    if stated := _REASON.search(words):  # sendmail's, of each recipient; the transcript is of all
        return stated[1]
    match = REPLY.search(words)
    return words[match.start() :] if match else words


# --- By its words -------------------------------------------------------------------------------------


def _is_a_bounce(mail: Part, prose: Prose, signs: Signs, named: Naming) -> bool:
    """What speaks for it is weighed; a person may write anything under any subject."""
    if "x-failed-recipients" in mail.headers or signs.refused_by_rule:
        return True
    if prose.disposition or (signs.of_a_person and not signs.from_a_daemon):
        return False
    if (
        mail.kind == "multipart/report"
        and mail.parameters.get("report-type", "delivery-status").lower() == "delivery-status"
    ):
        return not signs.delivered
    if signs.delivered and not (signs.failure_subject or signs.failure_words or signs.delay):
        return False
    if signs.challenge and not signs.failure_subject and not signs.from_a_daemon:
        return False
    has_original = bool(prose.originals)
    server = signs.from_a_daemon or signs.empty_path
    terse = server and named.surely and not signs.thanks and len(prose.own) < 800 and says_why(prose.own)
    by_name = (signs.from_a_daemon and signs.machine and named.surely) or (
        signs.from_mailer_daemon and (named.surely or has_original)
    )
    speaks = signs.failure_subject or signs.failure_words or terse or by_name
    if not signs.from_a_daemon and not named.surely and not (signs.failure_subject and signs.failure_statement):
        return False
    weight = signs.weight(names_somebody=named.surely, has_original=has_original)
    return bool(speaks) and weight >= NEEDED


def _by_words(mail: Part, prose: Prose, signs: Signs, data: bytes, named: Naming) -> tuple[Failure, ...]:
    """A guess is never enough to give up an address by."""
    people, surely = named.people, named.surely
    if not surely:
        seen, _ = last.detected(data)
        if seen:
            people, surely = with_words(seen, prose.own), True
        elif not people:
            alone = of_originals(prose)
            people, surely = [Named(person, "") for person in alone], len(alone) == 1
    action = "delayed" if signs.delay else ""
    failures = []
    for one in people:
        judged = verdict(_said(one.words), action=action, near=one.words, context=prose.own, stage=one.words)
        failures.append(dataclasses.replace(judged, address=one.address, suppress=judged.suppress and surely))
    return _each_once(failures)


def _each_once(failures: list[Failure]) -> tuple[Failure, ...]:
    """The first that says why, where a recipient is named twice."""
    known: dict[str, Failure] = {}
    for failure in failures:
        key = failure.address.lower()
        if key not in known or (known[key].reason is Reason.OTHER and failure.reason is not Reason.OTHER):
            known[key] = failure
    return tuple(known.values())
