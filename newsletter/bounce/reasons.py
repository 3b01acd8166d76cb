"""A server's words and codes → why, whether for good, and whether the address is dead. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from newsletter.bounce import codes
from newsletter.bounce.phrasebook import pattern
from newsletter.model.bounces import Failure, Reason

LONGEST = 500  # characters of a reply that are kept
READ = 3000  # characters of it that are read

Found = tuple[Reason, bool] | None  # the reason, and whether that is certain

GONE = (Reason.UNKNOWN_USER, Reason.INACTIVE, Reason.HOST_UNKNOWN)

# The lists of phrases: the first that matches counts, and what says more stands before what says less.
IN_ORDER = (
    (Reason.THROTTLED, "greylisted"),
    (Reason.MAILBOX_FULL, "full"),
    (Reason.TOO_BIG, "too-big"),
    (Reason.CONTENT, "of-the-mail"),
    (Reason.NOT_ALLOWED, "relaying"),
    (Reason.INACTIVE, "inactive"),
    (Reason.NETWORK, "for-now"),
    (Reason.HOST_UNKNOWN, "host-unknown"),
    (Reason.UNKNOWN_USER, "unknown-user"),
    (Reason.EXPIRED, "expired"),
    (Reason.LOOP, "loop"),
    (Reason.NOT_ALLOWED, "not-allowed"),
    (Reason.THROTTLED, "throttled"),
    (Reason.BLOCKED, "listed"),
    (Reason.CONTENT, "content"),
    (Reason.BLOCKED, "blocked"),
)
# Said of much: a code that says one thing goes before them.
WEAKLY = (
    (Reason.UNKNOWN_USER, "perhaps-unknown"),
    (Reason.BLOCKED, "refused"),
    (Reason.NETWORK, "network"),
    (Reason.SYSTEM, "system"),
)

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
REPLY = re.compile(
    r"(?<![\d.:/#\[-])\b([45][0-5]\d)(?=[ \-:#,)]|$)(?!\.\d)(?! ?(?:bytes|kb|mb|messages|users|seconds))", re.I
)
# Exim's, Postfix's and sendmail's way to say at which command a server refused.
_BEFORE_RCPT = re.compile(
    r"\bafter\s+(?:pipelined\s+)?(?:mail\s+from|helo|ehlo|initial\s+connection|starttls)\b"
    r"|in\s+reply\s+to\s+(?:mail\s+from|helo|ehlo|starttls|initial)"
    r"|^>>> (?:mail from|helo|ehlo)[^\n]*\n<<< [45]",
    re.I | re.M,
)
_AT_RCPT = re.compile(r"\bafter\s+(?:pipelined\s+)?rcpt\s+to|in\s+reply\s+to\s+rcpt\s+to|^>>> rcpt to", re.I | re.M)
_NOISE = re.compile(
    r"https?://\S{1,500}|www\.\S{1,300}|<?[\w.+'=/&!#%~*-]{1,100}@[\w.-]{1,255}>?|\[[\d.:a-f]{3,45}\]", re.I
)


def judge(code: int | None, text: str) -> Failure:
    """What a server's reply means, with its code where that stands apart."""
    return verdict(text, reply=code)


def verdict(
    text: str,
    *,
    status: str = "",
    reply: int | None = None,
    action: str = "",
    near: str = "",
    context: str = "",
    stage: str = "",
) -> Failure:
    """What a report says of one recipient: the server's words, its codes, what became of it. Where those say nothing,
    what stands near its address in the report is asked, and then the report as a whole. `stage` is where it may say at
    which command the server refused."""
    words = _words(text)
    code, permanent = _code(text, status, reply, action)
    if not code and (near or context):
        code, permanent = _code(near, "", None, action) if near else (code, permanent)
        if not code:
            code, permanent = _code(context, "", None, action)
    reason, certain = _why(words, _words(near), _words(context), code)
    if action == "delayed":
        permanent, reason = False, Reason.DELAYED
    elif permanent is None:
        permanent = not _only_for_now(words, reason)
    if reason in GONE and (_named_nobody(stage) or (code[2:] if "." in code else code) in codes.OF_THE_SENDER):
        reason, certain = Reason.BLOCKED, False
    # 4.0.0 is what some say who gave up at once, since there is no such domain.
    no_domain = reason is Reason.HOST_UNKNOWN and certain and code == "4.0.0" and action == "failed"
    suppress = no_domain or ((certain or code.startswith("5")) and bool(permanent) and reason in GONE)
    return Failure("", permanent, reason, suppress, code, _one_line(text or near or context))


def _named_nobody(stage: str) -> bool:
    """Whether the server refused before it was told of any recipient: who does not exist is somebody else then."""
    return bool(_BEFORE_RCPT.search(stage)) and not _AT_RCPT.search(stage)


def _words(text: str) -> str:
    return " ".join(_NOISE.sub(" @ ", text[:READ]).replace("’", "'").lower().split())


def _one_line(text: str) -> str:
    """For a person to read: no control characters, no line ends."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: LONGEST * 3]).split())[:LONGEST]


def _code(text: str, status: str, reply: int | None, action: str) -> tuple[str, bool | None]:
    """The code that says most, and whether it is for good.

    A status of 5.0.0 is what a report says where it knows nothing: the server's own code goes before it.
    """
    enhanced = ENHANCED.search(text[:READ])
    replied = str(reply) if reply else (match[1] if (match := REPLY.search(text[:READ])) else "")
    stated = match[1] if (match := ENHANCED.search(status)) else ""
    vague = stated[1:] in (".0.0", "")
    for code in ("" if vague else stated, enhanced[1] if enhanced else "", replied, stated):
        if code[:1] in ("4", "5"):
            return code, code[0] == "5"
    return "", {"failed": True, "delayed": False}.get(action)


def _why(words: str, near: str, context: str, code: str) -> tuple[Reason, bool]:
    """The reason, and whether that is certain enough to give up an address by it. What says most is asked first."""
    exact = codes.BY_CODE.get(code[2:]) if "." in code else None
    says_one_thing = exact in (*GONE, Reason.MAILBOX_FULL) or code[2:] == "7.1"
    ways: tuple[Callable[[], Found], ...] = (
        lambda: _by_words(words),
        lambda: _by_words(near) if not exact or REPLY.search(near) else _of_the_mailbox(near),
        lambda: (exact, True) if exact and says_one_thing else None,
        lambda: _of_the_mailbox(context),
        lambda: _weakly(words),
        lambda: (exact, True) if exact else None,
        lambda: _weakly(near),
        lambda: _by_words(context),
        lambda: _weakly(context),
        lambda: _by_vague(code),
    )
    return next((found for way in ways if (found := way())), (Reason.OTHER, False))


def _by_vague(code: str) -> Found:
    """A code that says where rather than why, or the reply's own three digits."""
    if code[2:].startswith("7."):
        return Reason.BLOCKED, False
    reason = codes.BY_VAGUE_CODE.get(code[2:]) if "." in code else codes.BY_REPLY.get(int(code or 0))
    return (reason, "." not in code) if reason else None


def _by_words(words: str) -> Found:
    if not words:
        return None
    if _says("sender", words):
        return Reason.BLOCKED, False
    for reason, name in IN_ORDER:
        if not _says(name, words):
            continue
        if reason is Reason.INACTIVE and _says("temporarily", words):
            return Reason.SYSTEM, False
        return reason, not _says("again", words)
    return None


def _of_the_mailbox(words: str) -> Found:
    """What is said beside an exact code counts only where it is about the mailbox: texts end in disclaimers."""
    found = _by_words(words)
    return found if found and found[0] in (*GONE, Reason.MAILBOX_FULL, Reason.TOO_BIG) else None


def says_why(text: str) -> bool:
    """Whether a text speaks of a mailbox that is gone or full."""
    return _of_the_mailbox(_words(text)) is not None


def _weakly(words: str) -> Found:
    for reason, name in WEAKLY:
        if words and _says(name, words):
            return reason, not _says("again", words)
    return None


def _only_for_now(words: str, reason: Reason) -> bool:
    return reason in (Reason.THROTTLED, Reason.DELAYED) or bool(_says("again", words))


def _says(name: str, words: str) -> bool:
    return bool(pattern(name, flags=0).search(words))  # the words are in small letters
