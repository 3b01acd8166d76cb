"""Complaints: a reader said it was spam, and their provider tells us (ARF, RFC 5965; and what came before it). Pure."""

from __future__ import annotations

import re

from newsletter.bounce.addresses import listed, of_report, once, tidy
from newsletter.bounce.mail import Part
from newsletter.model.bounces import Failure, Reason

_LINE = re.compile(r"^([A-Za-z-]{3,40})[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*){0,5})", re.M)
_WHO = ("original-rcpt-to", "removal-recipient", "redacted-address", "user-agent-recipient", "complainer", "recipient")
_NOBODY = re.compile(r"redacted|undisclosed|^x+@|hidden|removed@", re.I)
_NO_COMPLAINT = ("auth-failure", "not-spam", "dmarc", "policy", "virus")
_OLD = re.compile(r"^(?:complaint about message from|email feedback report for ip|abuse report (?:about|for))", re.I)


def complaint_of(mail: Part) -> tuple[Failure, ...] | None:
    """Who complained, as far as that is said, else a failure that names nobody; None where it is no such report.

    One that is no complaint (a signature that failed, "this is not spam") suppresses nobody."""
    reports = [part for part in mail.walk() if part.kind == "message/feedback-report"]
    loose = "" if reports else _loose(mail)
    if not reports and not loose:
        return None
    fields: dict[str, list[str]] = {}
    for name, value in _LINE.findall("\n".join(part.text for part in reports) or loose):
        fields.setdefault(name.lower(), []).append(value)
    kind = fields.get("feedback-type", ["abuse"])[0].strip().lower()
    told = [of_report(value) or tidy(value) for name in _WHO for value in fields.get(name, [])]
    people = [address for address in once(told) if not _NOBODY.search(address)] or _of_the_original(mail)
    leaves = kind not in _NO_COMPLAINT
    return tuple(Failure(address, None, Reason.OTHER, suppress=leaves, text=kind) for address in people or [""])


def _loose(mail: Part) -> str:
    """A report that is not marked as one, or a form older than the standard (AOL's, Outlook.com's)."""
    if mail.kind == "multipart/report" and mail.parameters.get("report-type", "").lower() == "feedback-report":
        return "\n".join(part.text for part in mail.walk() if part.kind == "text/plain") or "Feedback-Type: abuse"
    marked = any("x-hmxmroriginalrecipient" in original.headers for original in mail.attached())
    if marked or (_OLD.match(mail.first("subject")) and mail.attached()):
        return "Feedback-Type: abuse"
    for part in mail.walk():
        text = part.text[:20_000] if part.kind == "text/plain" else ""
        if re.search(r"^Feedback-Type:\s*[\w-]+", text, re.M) and re.search(r"^(?:User-Agent|Source-IP):", text, re.M):
            return text
    return ""


def _of_the_original(mail: Part) -> list[str]:
    """Whom the mail went to that they complain of; Outlook.com says it in a header of its own."""
    for name in ("x-hmxmroriginalrecipient", "x-original-to", "to"):
        for original in mail.attached():
            people = [address for address in listed(original.all(name)) if not _NOBODY.search(address)]
            if people:
                return people[:1] if name != "to" else people[:5]
    return []
