"""What a server's words mean: the codes alone, until the words are read as well."""

from __future__ import annotations

import re

from newsletter.model import Failure, Reason

STATUS = re.compile(r"\b([45])\.\d{1,3}\.\d{1,3}\b")
CODE = re.compile(r"\b([45])\d\d\b")
REASONS = {"5.1.1": Reason.UNKNOWN_USER, "5.1.2": Reason.HOST_UNKNOWN, "5.2.2": Reason.MAILBOX_FULL}


def judge(code: int | None, text: str) -> Failure:
    status, number = STATUS.search(text), CODE.search(f"{code or ''} {text}")
    said = status or number
    shown = status[0] if status else number[0] if number else ""
    reason = REASONS.get(shown, Reason.OTHER)
    return Failure("", said[1] == "5" if said else None, reason, reason is Reason.UNKNOWN_USER, shown, text[:500])
