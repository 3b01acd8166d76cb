"""A report in words: what is warned of, why mails fail, shares. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.model import Reason
from newsletter.trends.figures import OTHERS, Trends, Warned
from newsletter.words import NBSP, Words


def percent(words: Words, share: float) -> str:
    """« 0,12 % », "0.12%": as many digits as tell small shares apart, and nearly all from all."""
    value = share * 100
    if 0 < value < 0.01:
        return f"<{NBSP}{percent(words, 0.0001)}"
    digits = 0 if value in (0, 100) or 10 <= value < 99 else 2 if value < 1 else 1
    rounded = min(round(value, digits), 99.9) if value < 100 else value
    text = words.number(rounded if digits else round(rounded))
    return f"{text}{NBSP}%" if words.language == "fr" else f"{text}%"


def warning(words: Words, one: Warned) -> str:
    """What happens at a provider, in one sentence or two."""
    values: dict[str, object] = {"provider": one.provider, "share": percent(words, one.share)}
    values |= {"times": words.number(one.times), "of": words.number(one.of), "when": _when(words, one.editions)}
    if one.what == "complaints":
        told = words.say("{provider}: {times} complaints for {of} mails accepted {when} ({share}).", **values)
        return f"{told} {_line(words, one)}"
    values["usual"] = percent(words, one.usual or 0.0)
    if one.what == "failed":
        told = _turned_away(words, one, values)
        return f"{told} {words.say('Mostly: {reason}.', reason=reason(words, one.reason))}" if one.reason else told
    return words.say(
        "{provider} put {share} of the mails off {when} ({times} of {of}); before, it was {usual}.", **values
    )


def what(words: Words, of: str) -> str:
    """What is warned of, in a word."""
    return {"complaints": words.say("complaints"), "failed": words.say("refusals"), "put_off": words.say("delays")}[of]


def _turned_away(words: Words, one: Warned, values: Mapping[str, object]) -> str:
    if one.provider == OTHERS:
        return words.say("Of all mails, {share} were turned away {when} ({times} of {of}).", **values)
    if one.usual is None:
        return words.say("{provider} turned {share} of the mails away {when} ({times} of {of}).", **values)
    return words.say(
        "{provider} turned {share} of the mails away {when} ({times} of {of}); before, it was {usual}.", **values
    )


def _when(words: Words, editions: int) -> str:
    if editions == 1:
        return words.say("in the last edition")
    return words.count("in the last {n} edition", "in the last {n} editions", editions)


def _line(words: Words, one: Warned) -> str:
    if one.grave:
        return words.say("From {line} on, providers refuse a sender’s mails.", line=percent(words, 0.003))
    return words.say("From {line} on, mails begin to land among the spam.", line=percent(words, 0.001))


def verdict(words: Words, trends: Trends) -> str:
    """How it stands on the whole, in a sentence."""
    n = len({one.provider for one in trends.warned} - {OTHERS})
    if trends.all_warned and not n:
        return words.say("Many mails do not get through.")
    if n:
        return words.count("{n} mailbox provider needs a look.", "{n} mailbox providers need a look.", n)
    if not trends.editions:
        return words.say("Nothing has been sent yet.")
    if not trends.read:
        return words.say("All is well, as far as the relay’s own answers tell.")
    return words.say("All is well.")


def reason(words: Words, one: Reason | None) -> str:
    say = words.say
    if one is None:
        return say("not sorted")
    return {
        Reason.UNKNOWN_USER: say("no such mailbox"),
        Reason.HOST_UNKNOWN: say("no such domain"),
        Reason.INACTIVE: say("mailbox abandoned"),
        Reason.MAILBOX_FULL: say("mailbox full"),
        Reason.BLOCKED: say("we are blocked"),
        Reason.CONTENT: say("taken for spam"),
        Reason.TOO_BIG: say("too big"),
        Reason.NOT_ALLOWED: say("takes no mail from us"),
        Reason.THROTTLED: say("too many at once"),
        Reason.EXPIRED: say("tried for days in vain"),
        Reason.NETWORK: say("server out of reach"),
        Reason.SYSTEM: say("trouble at the other end"),
        Reason.LOOP: say("went in a circle"),
        Reason.DELAYED: say("late"),
        Reason.OTHER: say("for other reasons"),
    }[one]
