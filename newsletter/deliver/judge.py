"""What a relay's words mean for the run as a whole. Pure but for its own counting; it touches nothing outside.

One bad address never stops a run; a relay that refuses everybody does, and so does a line that keeps dying.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum

from newsletter.model import Outcome, Verdict

LOSSES = 5  # lost lines without progress end the run
LOSSES_OF_ONE = 3  # lost lines of one delivery, while others pass, put that one off
REFUSALS = 3  # times the relay refused us before any reader was named
SAME_REJECTIONS = 20  # the same 5xx for that many readers in a row, with no other reply between

# Replies about one mailbox (RFC 3463, 3.2 and 3.3): they say nothing of the relay.
ADDRESS_CODES = re.compile(r"^5\.[12]\.\d{1,3}\b")
ADDRESS_OR_NUMBER = re.compile(r"<[^>]*>|\S+@\S+|\b[0-9A-Fa-f]{6,}\b|\d+")


class End(StrEnum):
    """Why a run ended."""

    DONE = "done"  # every delivery has ended
    STOPPED = "stopped"  # told to stop, or out of time
    LOST = "lost"  # the line to the relay keeps dying
    REFUSED = "refused"  # the relay refuses everything


class Judge:
    """Watches the outcomes of one run; says when it must end."""

    def __init__(self) -> None:
        self._losses = 0
        self._refusals = 0
        self._same: tuple[str, int] = ("", 0)
        self._lost: Counter[int] = Counter()
        self._any_other = False
        self.last_reply = ""

    @property
    def losses(self) -> int:
        """Lost lines since the last progress."""
        return self._losses

    def see(self, delivery_id: int, outcome: Outcome) -> End | None:
        """Take in an outcome; the end it brings, if any."""
        self.last_reply = outcome.reply or self.last_reply
        if outcome.verdict is Verdict.LOST:
            self._losses += 1
            self._lost[delivery_id] += 1
            return End.LOST if self._losses >= LOSSES else None
        if outcome.verdict is Verdict.REFUSED:
            self._refusals += 1
            return End.REFUSED if self._refusals >= REFUSALS else None
        self._losses = self._refusals = 0
        return self._see_rejection(outcome)

    def _see_rejection(self, outcome: Outcome) -> End | None:
        sign = signature(outcome)
        if sign is None:
            self._any_other = True
            self._same = ("", 0)
            return None
        self._same = (sign, self._same[1] + 1 if sign == self._same[0] else 1)
        return End.REFUSED if self._same[1] >= SAME_REJECTIONS else None

    def tired_of(self, delivery_id: int) -> bool:
        """This one has lost its line again and again while others passed."""
        return self._lost[delivery_id] >= LOSSES_OF_ONE and self._losses < self._lost[delivery_id]


def signature(outcome: Outcome) -> str | None:
    """What rejections for one cause have in common; None where it is no rejection, or only of one address."""
    if outcome.verdict is not Verdict.REJECTED or outcome.code is None:
        return None
    text = outcome.reply.removeprefix(str(outcome.code)).strip(" -")
    if ADDRESS_CODES.match(text):
        return None
    return f"{outcome.phase} {outcome.code} {ADDRESS_OR_NUMBER.sub('#', text)}"


def is_about_address(code: int | None, reply: str) -> bool:
    """Whether a stored rejection concerned the one address, not the mail or the relay."""
    return code is None or bool(ADDRESS_CODES.match(reply.removeprefix(str(code)).strip(" -")))
