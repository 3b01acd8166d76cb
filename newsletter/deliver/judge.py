"""What a relay's words mean for the run as a whole. Pure but for its own counting; it touches nothing outside.

One bad address never stops a run; a relay that refuses everybody does, and so does a line that keeps dying. A relay
that says "not now" to us (421, 4xx at the greeting, the log-in or MAIL) is left alone for longer and longer.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum

from newsletter.model import Outcome, Verdict

LOSSES = 5  # lost lines without progress end the run
LOSSES_OF_ONE = 3  # lost lines of one delivery, while others pass, put that one off
REFUSALS = 3  # times the relay refused us for good before any reader was named
SAME_REJECTIONS = 20  # the same 5xx for that many readers in a row, with no other reply between
# … and for that many, where it may as well be about each address: no enhanced code, and readers before were accepted.
SAME_BARE_REJECTIONS = 100

THROTTLES = 3  # replies in a row by which a relay asks for less
GROWTH = 10  # accepted messages, after which one line more may be busy again

# "Too fast", "too much", "temporary policy" (RFC 3463, 3.8), and 454, which some say for that. Greylisting says the
# same code of one reader, and is over when they are tried again.
THROTTLE = re.compile(r"^4\.7\.\d+\b(?!.*gr[ae]y-?list)", re.IGNORECASE)
BARE = re.compile(r"^(?:rcpt 55[013]) (?!5\.\d+\.\d+)")  # a signature like "rcpt 550 no such user here"
# Replies about one mailbox (RFC 3463, 3.2 and 3.3): they say nothing of the relay.
ADDRESS_CODES = re.compile(r"^5\.[12]\.\d{1,3}\b")
ADDRESS_OR_NUMBER = re.compile(r"<[^>]*>|\S+@\S+|\b[0-9A-Fa-f]{6,}\b|\d+")


class End(StrEnum):
    """Why a run ended."""

    DONE = "done"  # every delivery has ended
    WAITING = "waiting"  # what is left is put off, and this run does not wait for it
    STOPPED = "stopped"  # told to stop, or out of time
    LOST = "lost"  # the line to the relay keeps dying
    REFUSED = "refused"  # the relay refuses everything
    STUCK = "stuck"  # workers have it in hand, and nothing gets on


class Judge:
    """Watches the outcomes of one run; says when it must end."""

    def __init__(self) -> None:
        self._refusals = 0
        self._sign: str | None = None  # of the last rejection, and whose rejections in a row had it
        self._alike: list[int] = []
        self._accepted = False  # somebody, in this run
        self._lost: Counter[int] = Counter()
        self.losses = 0  # lost lines since the last progress
        self.put_offs = 0  # times the relay said "not now" to us since the last progress
        self.width: int | None = None  # how many lines may be busy; None: all of them
        self._throttled = 0  # times in a row
        self._calm = False  # nothing is amiss, so that one more acceptance changes nothing
        self._grown = 0  # messages accepted at this width
        self.last_reply = ""

    @property
    def troubles(self) -> int:
        """Losses and put-offs since the last progress. While there are any, one line at a time tries its luck."""
        return self.losses + self.put_offs

    def see(self, delivery_id: int, outcome: Outcome, began: int) -> End | None:
        """Take in an outcome; the end it brings, if any.

        `began` is `troubles` as it was when the message was begun: lines that die together are one loss.
        """
        self.last_reply = outcome.reply or self.last_reply
        if outcome.verdict is Verdict.ACCEPTED and self._calm:
            return None
        self._calm = False
        counts = began == self.troubles
        if outcome.verdict is Verdict.LOST:
            self.losses += counts
            self._lost[delivery_id] += 1
            return End.LOST if self.losses >= LOSSES else None
        if self._is_put_off(outcome):
            self.put_offs += counts
            self.width, self._grown = 1, 0
            return None
        if outcome.verdict is Verdict.REFUSED:
            self._refusals += 1
            return End.REFUSED if self._refusals >= REFUSALS else None
        self.losses = self.put_offs = self._refusals = 0
        if outcome.verdict is Verdict.ACCEPTED:
            self._accepted = True
            self._grow()
        end = self._see_rejection(delivery_id, signature(outcome))
        self._calm = self._accepted and self._sign is None and self.width is None and not self._throttled
        return end

    def _is_put_off(self, outcome: Outcome) -> bool:
        """It says "not now" to us, or for the third time in a row that we are too fast."""
        throttles = is_throttling(outcome)
        self._throttled = self._throttled + 1 if throttles else 0
        if throttles:
            return self._throttled >= THROTTLES
        return outcome.verdict is Verdict.REFUSED and is_for_now(outcome)

    def _grow(self) -> None:
        """A relay that was tired of us gets its lines back one by one."""
        if self.width is None:
            return
        self._grown += 1
        if self._grown >= GROWTH:
            self.width, self._grown = self.width + 1, 0

    def _see_rejection(self, delivery_id: int, sign: str | None) -> End | None:
        ended = bool(self.relays_fault)
        if sign != self._sign and not ended:
            self._sign, self._alike = sign, []
        if sign is not None and sign == self._sign:
            self._alike.append(delivery_id)
        return End.REFUSED if self.relays_fault else None

    @property
    def relays_fault(self) -> tuple[int, ...]:
        """The deliveries rejected in a row with one and the same words, when they ended the run: no reader's fault."""
        bare = self._accepted and BARE.match(self._sign or "")
        enough = SAME_BARE_REJECTIONS if bare else SAME_REJECTIONS
        return tuple(self._alike) if len(self._alike) >= enough else ()

    def tired_of(self, delivery_id: int) -> bool:
        """This one has lost its line again and again while others passed."""
        return self._lost[delivery_id] >= LOSSES_OF_ONE and self.losses < self._lost[delivery_id]


def is_for_now(outcome: Outcome) -> bool:
    """Whether a relay that refuses us may have us later: 4xx (RFC 5321, 4.2.1), 421 among them."""
    return outcome.code is not None and outcome.code // 100 == 4


def is_throttling(outcome: Outcome) -> bool:
    """Whether the relay puts one message off because we are too fast."""
    if outcome.verdict is not Verdict.DEFERRED or outcome.code is None:
        return False
    return outcome.code == 454 or bool(THROTTLE.match(outcome.reply.removeprefix(str(outcome.code)).strip(" -")))


def signature(outcome: Outcome) -> str | None:
    """What rejections for one cause have in common; None where it is no rejection, or only of one address."""
    if outcome.verdict is not Verdict.REJECTED or outcome.code is None:
        return None
    text = outcome.reply.removeprefix(str(outcome.code)).strip(" -")
    if ADDRESS_CODES.match(text):
        return None
    code = re.match(r"5\.\d+\.\d+", text)
    rest = text[code.end() :] if code else text
    return f"{outcome.phase} {outcome.code} {code[0] if code else ''}{ADDRESS_OR_NUMBER.sub('#', rest)}"


def is_about_address(code: int | None, reply: str) -> bool:
    """Whether a stored rejection concerned the one address, not the mail or the relay."""
    return code is None or bool(ADDRESS_CODES.match(reply.removeprefix(str(code)).strip(" -")))
