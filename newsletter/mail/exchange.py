"""The talk over one connection that takes mail: messages and replies in; what to write and what became of each, out.
Pure.

Where the server offers PIPELINING (RFC 2920), one round trip carries a message: its end goes out together with the
next one's MAIL, RCPT and DATA. Elsewhere each command waits for its reply. What a reply means depends on how far its
message had come, see `smtp`.
"""

from __future__ import annotations

import re
from collections import deque
from enum import IntEnum
from typing import Any

from newsletter.mail.replies import Lost, Reply
from newsletter.model import Message, Outcome, Phase, Verdict

CLOSING = 421  # RFC 5321, 3.8: said at any time by a server that is about to hang up
UNFIT = re.compile("[\x00-\x20<>\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # what an address in a command may never hold
REFUSALS = {4: Verdict.DEFERRED, 5: Verdict.REJECTED}
XTEXT = re.compile(r"[^!-*,-<>-~]")
DOT = b"\r\n.\r\n"
NOTHING = b".\r\n"  # the end of a message of which nothing was written


class Offer:
    """One message on its way, and how far it has come. `of` is whatever its supply knows it by."""

    __slots__ = ("message", "of", "outcome", "phase")

    def __init__(self, message: Message, of: Any = None) -> None:
        self.message = message
        self.of = of
        self.phase = Phase.CONNECT
        self.outcome: Outcome | None = None


class Step(IntEnum):
    """What a reply answers."""

    RSET = 0
    MAIL = 1
    RCPT = 2
    DATA = 3
    DOT = 4


class Exchange:
    """One connection's talk. After `begin` and each `hear`, look at `out`, `go`, `ended` and `untouched`, and empty
    them."""

    __slots__ = (
        *("_awaited", "_features", "_unfinished", "carried", "closing"),
        *("ended", "go", "out", "pipelined", "untouched"),
    )

    def __init__(self, features: frozenset[str]) -> None:
        self._features = features
        self.pipelined = "pipelining" in features
        self._awaited: deque[tuple[Step, Offer]] = deque()
        self._unfinished = False  # a transaction was begun and refused: RSET before the next
        self.carried = 0  # messages begun
        self.closing = False  # the server is about to hang up, or nobody knows any more what answers what
        self.out = b""  # to be written
        self.go: Offer | None = None  # the server waits for its bytes; set its phase to DOT with the dot's first one
        self.ended: list[Offer] = []  # with their outcome
        self.untouched: list[Offer] = []  # to be offered on another connection, as if they had never been begun

    @property
    def idle(self) -> bool:
        """No reply is awaited."""
        return not self._awaited

    @property
    def at_dot(self) -> bool:
        """The next reply awaited is the one to a message's dot."""
        return bool(self._awaited) and self._awaited[0][0] is Step.DOT

    def begin(self, offer: Offer) -> None:
        """Offer a message. Only where the connection is idle; or pipelined, behind the bytes of another."""
        outcome = self._unfit(offer.message)
        if outcome:
            self._end(offer, outcome)
            return
        self.carried += 1
        offer.phase = Phase.MAIL
        if self._unfinished:
            self._unfinished = False
            self._say(Step.RSET, offer)
            if not self.pipelined:
                return
        if not self.pipelined:
            self._say(Step.MAIL, offer)
            return
        message = offer.message
        mail, rcpt = self._mail(message), self._rcpt(message)
        self.out += f"{mail}{rcpt}DATA\r\n".encode()
        self._awaited += ((Step.MAIL, offer), (Step.RCPT, offer), (Step.DATA, offer))

    def withdraw(self, offer: Offer) -> None:
        """What was begun last is not to be written after all."""
        self._awaited = deque(one for one in self._awaited if one[1] is not offer)
        self.carried -= 1

    def hear(self, reply: Reply) -> None:
        """Take in the next reply. Raises Lost where it makes no sense: then `lose` tells what that means."""
        if not self._awaited:
            self.closing = True  # a goodbye, or a word too many
            return
        step, offer = self._awaited.popleft()
        kind = reply.code // 100
        if reply.code == CLOSING:
            self._closed(offer, reply, step)
        elif step is Step.DOT:
            self._answered(offer, reply, kind)
        elif step is Step.DATA:
            self._data(offer, reply, kind)
        elif offer.outcome is not None:
            pass  # refused already: what follows is told by DATA's reply
        elif kind == 2:
            self._accepted_step(step, offer)
        elif kind in REFUSALS and step is not Step.RSET:
            self._refused_step(step, offer, reply)
        else:
            self._awaited.appendleft((step, offer))
            raise _senseless(reply)

    def lose(self, reason: str) -> None:
        """The connection is gone, and all that were on their way have ended; but those that had hardly begun, on a
        connection that had carried mail, are untouched: it has only ended."""
        self.closing = True
        left = dict.fromkeys(offer for _, offer in self._awaited)
        self._awaited.clear()
        self.go = None
        for offer in left:
            if offer.outcome is None and offer.phase is Phase.MAIL and self.carried > 1:
                self.untouched.append(offer)
            else:
                verdict = Verdict.UNCERTAIN if offer.phase is Phase.DOT else Verdict.LOST
                self._end(offer, offer.outcome or Outcome(verdict, offer.phase, None, f"the relay {reason}"))

    # --- Commands

    def _say(self, step: Step, offer: Offer) -> None:
        if step is Step.MAIL:
            command = self._mail(offer.message)
        elif step is Step.RCPT:
            command = self._rcpt(offer.message)
        else:
            command = "DATA\r\n" if step is Step.DATA else "RSET\r\n"
        self.out += command.encode()
        self._awaited.append((step, offer))

    def _mail(self, message: Message) -> str:
        return f"MAIL FROM:<{message.sender}>{self._parameters(message)}\r\n"

    def _rcpt(self, message: Message) -> str:
        return f"RCPT TO:<{message.recipient}>{self._notice(message)}\r\n"

    def _parameters(self, message: Message) -> str:
        """Only what the server offers (RFC 1870, 6152, 6531)."""
        offered = self._features
        size = f" SIZE={len(message.content)}" if "size" in offered else ""
        eight = " BODY=8BITMIME" if "8bitmime" in offered and not (message.plain or message.content.isascii()) else ""
        notice = f" RET=HDRS ENVID={xtext(message.name)}" if "dsn" in offered and message.name else ""
        return size + eight + notice + (" SMTPUTF8" if message.utf8 else "")

    def _notice(self, message: Message) -> str:
        """A notice of failure is wanted, with our name for the message and the reader's address as we have it
        (RFC 3461, 4), whoever passes it on."""
        if "dsn" not in self._features or not message.name:
            return ""
        original = "" if message.utf8 else f" ORCPT=rfc822;{xtext(message.recipient)}"
        return " NOTIFY=FAILURE" + original

    def _unfit(self, message: Message) -> Outcome | None:
        if UNFIT.search(message.sender) or UNFIT.search(message.recipient):
            return Outcome(Verdict.REJECTED, Phase.MAIL, None, "the address cannot be written in an SMTP command")
        if message.utf8 and "smtputf8" not in self._features:
            said = "the relay takes no address with letters outside ASCII before the @ (it offers no SMTPUTF8)"
            return Outcome(Verdict.REJECTED, Phase.MAIL, None, said)
        return None

    # --- Replies

    def _accepted_step(self, step: Step, offer: Offer) -> None:
        if step is Step.MAIL:
            offer.phase = Phase.RCPT
        elif step is Step.RCPT:
            offer.phase = Phase.DATA
        if not self.pipelined:
            self._say(Step(step + 1), offer)

    def _refused_step(self, step: Step, offer: Offer, reply: Reply) -> None:
        offer.outcome = self._refusal(offer, reply, step)
        if not self.pipelined:
            self._unfinished = step is Step.RCPT
            self.ended.append(offer)

    def _data(self, offer: Offer, reply: Reply, kind: int) -> None:
        if offer.outcome is None and kind == 3:
            self.go = offer
            self._awaited.append((Step.DOT, offer))
        elif offer.outcome is None and kind in REFUSALS:
            self._unfinished = True
            self._end(offer, self._refusal(offer, reply, Step.DATA))
        elif offer.outcome is not None and kind == 3 and offer.phase is Phase.RCPT:
            # It takes a message for nobody: an empty one, which reaches nobody (RFC 2920, 3.1).
            self.out += NOTHING
            self._awaited.append((Step.DOT, offer))
        elif offer.outcome is not None and kind in REFUSALS:
            self._unfinished = offer.phase is Phase.RCPT
            self.ended.append(offer)
        else:
            self._awaited.appendleft((Step.DATA, offer))
            raise _senseless(reply)

    def _answered(self, offer: Offer, reply: Reply, kind: int) -> None:
        if offer.outcome is not None:
            self.ended.append(offer)
        elif offer.phase is not Phase.DOT:
            self._interrupted(offer, reply, kind)
        elif kind == 2:
            self._end(offer, Outcome(Verdict.ACCEPTED, Phase.DOT, reply.code, reply.text))
        elif kind in REFUSALS:
            self._end(offer, self._refusal(offer, reply, Step.DOT))
        else:
            self._awaited.appendleft((Step.DOT, offer))
            raise _senseless(reply)

    def _interrupted(self, offer: Offer, reply: Reply, kind: int) -> None:
        """In the midst of a message's bytes a refusal counts, and the connection is spent."""
        if kind not in REFUSALS:
            self._awaited.appendleft((Step.DOT, offer))
            raise Lost(f"answered before the message had ended: {reply.code} {reply.text}")
        self.closing = True
        self.go = None
        self._end(offer, self._refusal(offer, reply, Step.DATA))

    def _closed(self, offer: Offer, reply: Reply, step: Step) -> None:
        """421. On a connection that has carried mail it says nothing of a message whose dot is not written."""
        self.closing = True
        if offer.outcome is None and self.carried > 1 and offer.phase is not Phase.DOT:
            self.untouched.append(offer)
        else:
            self._end(offer, offer.outcome or self._refusal(offer, reply, step))
        self._awaited = deque(one for one in self._awaited if one[1] is not offer)
        self.go = None if self.go is offer else self.go

    def _refusal(self, offer: Offer, reply: Reply, step: Step) -> Outcome:
        """Before a reader is named, a refusal is about us."""
        verdict = Verdict.REFUSED if step <= Step.MAIL else REFUSALS[reply.code // 100]
        return Outcome(verdict, offer.phase, reply.code, reply.text)

    def _end(self, offer: Offer, outcome: Outcome) -> None:
        offer.outcome = outcome
        self.ended.append(offer)


def _senseless(reply: Reply) -> Lost:
    return Lost(f"gave a reply that makes no sense here: {reply.code} {reply.text}")


def xtext(text: str) -> str:
    """As a parameter's value holds it (RFC 3461, 4)."""
    return XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", text)


def on_the_line(message: Message) -> bytes:
    """Its content as it goes over the line, but for the final dot."""
    return message.content if message.plain else stuff(message.content)


def stuff(content: bytes) -> bytes:
    """As RFC 5321, 4.5.2, wants it: a line's first dot doubled, a line's end at the end.

    Our own editions never need it, see `quoted`; and to look for it costs more than all else (69 µs for 59 KB).
    """
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b".") or b"\n." in content:
        content = re.sub(rb"(?m)^\.", b"..", content)
    return content
