"""A server's words and codes → why, whether for good, and whether the address is dead. Pure."""

from __future__ import annotations

import functools
import re

from newsletter.bounce import codes, phrases
from newsletter.bounce.phrases import Pattern
from newsletter.model.bounces import Failure, Reason

LONGEST = 500  # characters of a reply that are kept
READ = 3000  # characters of it that are read

GONE = (Reason.UNKNOWN_USER, Reason.INACTIVE, Reason.HOST_UNKNOWN)

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
REPLY = re.compile(
    r"(?<![\d.:/#\[-])\b([45][0-5]\d)(?=[ \-:#,)]|$)(?!\.\d)(?! ?(?:bytes|kb|mb|messages|users|seconds))", re.I
)
_NOISE = re.compile(
    r"https?://\S{1,500}|www\.\S{1,300}|<?[\w.+'=/&!#%~*-]{1,100}@[\w.-]{1,255}>?|\[[\d.:a-f]{3,45}\]", re.I
)


def judge(code: int | None, text: str) -> Failure:
    """What a server's reply means, with its code where that stands apart."""
    return verdict(text, reply=code)


def verdict(
    text: str, *, status: str = "", reply: int | None = None, action: str = "", near: str = "", context: str = ""
) -> Failure:
    """What a report says of one recipient: the server's words, its codes, what became of it. Where those say nothing,
    what stands near its address in the report is asked, and then the report as a whole."""
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
    suppress = (certain or code.startswith("5")) and permanent and reason in GONE
    return Failure("", permanent, reason, suppress, code, _one_line(text or near or context))


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
    """The reason, and whether that is certain enough to give up an address by it."""
    exact = codes.BY_CODE.get(code[2:]) if "." in code else None
    for found in (
        _by_words(words),
        _by_words(near) if not exact or REPLY.search(near) else _of_the_mailbox(near),
        (exact, True) if exact in GONE or exact is Reason.MAILBOX_FULL or code[2:] == "7.1" else None,
        _of_the_mailbox(context),
        _weakly(words),
        (exact, True) if exact else None,
        _weakly(near),
        _by_words(context),
        _weakly(context),
        (Reason.BLOCKED, False) if code[2:].startswith("7.") else None,
        (codes.BY_VAGUE_CODE.get(code[2:]), False) if "." in code else (codes.BY_REPLY.get(int(code or 0)), True),
    ):
        if found is not None and found[0] is not None:
            return found[0], found[1]
    return Reason.OTHER, False


def _by_words(words: str) -> tuple[Reason, bool] | None:
    if not words:
        return None
    if _pattern("sender").search(words):
        return Reason.BLOCKED, False
    for number, (reason, _) in enumerate(phrases.IN_ORDER):
        if not _pattern(str(number)).search(words):
            continue
        if reason is Reason.INACTIVE and _pattern("temporarily").search(words):
            return Reason.SYSTEM, False
        return reason, not _pattern("again").search(words)
    return None


def _of_the_mailbox(words: str) -> tuple[Reason, bool] | None:
    """What is said beside an exact code counts only where it is about the mailbox: texts end in disclaimers."""
    found = _by_words(words)
    return found if found and found[0] in (*GONE, Reason.MAILBOX_FULL, Reason.TOO_BIG) else None


def says_why(text: str) -> bool:
    """Whether a text speaks of a mailbox that is gone or full."""
    return _of_the_mailbox(_words(text)) is not None


def _weakly(words: str) -> tuple[Reason, bool] | None:
    for number, (reason, _) in enumerate(phrases.WEAKLY):
        if words and _pattern(f"weak{number}").search(words):
            return reason, not _pattern("again").search(words)
    return None


def _only_for_now(words: str, reason: Reason) -> bool:
    return reason in (Reason.THROTTLED, Reason.DELAYED) or bool(_pattern("again").search(words))


@functools.cache
def _pattern(name: str) -> Pattern:
    """Compiled when first asked for: most commands never ask."""
    named = {"sender": phrases.SENDER, "temporarily": (phrases.TEMPORARILY,), "again": (phrases.AGAIN,)}
    if name.startswith("weak"):
        return phrases.compiled(phrases.WEAKLY[int(name[4:])][1])
    return phrases.compiled(named[name] if name in named else phrases.IN_ORDER[int(name)][1])
