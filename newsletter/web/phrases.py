"""What several pages say in words: when the letter comes, how things stand with a reader, what they did."""

from __future__ import annotations

from datetime import datetime, timedelta

from newsletter.config import Config
from newsletter.model import (
    Act,
    Bounce,
    DeliveryState,
    LetterKind,
    Reason,
    ReturnKind,
    Subscriber,
    SubscriberStatus,
    Variant,
)
from newsletter.settings import Days
from newsletter.words import Words

Status = SubscriberStatus

WORD_JOINER = "\u2060"


def when(words: Words, config: Config) -> str:
    """« tous les jours à 6 h 30 », "from Monday to Friday at 6:30"."""
    at = datetime.combine(datetime(2000, 1, 1), config.schedule.send_at, tzinfo=words.zone)  # noqa: DTZ001
    return words.say("{days} at {time}", days=days(words, config.schedule.days), time=words.time(at))


def days(words: Words, chosen: Days) -> str:
    """The days of the week in words."""
    say = words.say
    names = [say("Monday"), say("Tuesday"), say("Wednesday"), say("Thursday"), say("Friday")]
    names += [say("Saturday"), say("Sunday")]
    numbers = sorted(chosen.numbers)
    if len(numbers) == 7:
        return say("every day")
    starts = [n for n in numbers if (n - 1) % 7 not in chosen]
    if len(starts) == 1 and len(numbers) > 2:
        last = (starts[0] + len(numbers) - 1) % 7
        return say("from {first} to {last}", first=names[starts[0]], last=names[last])
    return words.names([say("on {day}", day=names[n]) for n in numbers])


def span(words: Words, days: int) -> str:
    """So many days in words, whole years as such; nothing for 0, which is for ever."""
    if days and days % 365 == 0:
        return words.count("{n} year", "{n} years", days // 365)
    return words.count("{n} day", "{n} days", days) if days else ""


def next_edition(words: Words, config: Config, now: datetime) -> str:
    """When the next edition is due: « mardi 24 novembre 2026 à 6 h 30 »."""
    day = now.astimezone(words.zone).date()
    while config.due(day) <= now or day.weekday() not in config.schedule.days:
        day += timedelta(days=1)
    return words.say("{day} at {time}", day=words.full_date(day), time=words.time(config.due(day)))


def standing(words: Words, known: Subscriber, name: str, when: str, *, pausing: bool) -> str:
    """How things stand with a reader, in one sentence."""
    say, since = words.say, words.full_date(known.since.astimezone(words.zone).date())
    if known.status is Status.ACTIVE and pausing and known.paused_until:
        until = words.full_date(known.paused_until.astimezone(words.zone).date())
        return say("{name} pauses until {day}. It comes again by itself after that.", name=name, day=until)
    if known.status is Status.ACTIVE:
        return say("You receive {name} {when}.", name=name, when=when)
    if known.status is Status.PENDING:
        return say("You have asked for {name} and not yet confirmed it: nothing is sent.", name=name)
    if known.status is Status.UNREACHABLE:
        return say("Mail to this address came back: {name} has not been sent since {day}.", name=name, day=since)
    return say("You have not been receiving {name} since {day}.", name=name, day=since)


def status(words: Words, one: Status) -> str:
    say = words.say
    return {
        Status.PENDING: say("not confirmed"),
        Status.ACTIVE: say("on the list"),
        Status.UNSUBSCRIBED: say("unsubscribed"),
        Status.UNREACHABLE: say("out of reach"),
        Status.COMPLAINED: say("marked as unwanted"),
        Status.FORGOTTEN: say("deleted"),
    }[one]


def variant(words: Words, one: Variant) -> str:
    say = words.say
    return {Variant.FULL: say("with pictures"), Variant.TEXT: say("text only")}[one]


def act(words: Words, one: Act) -> str:
    say = words.say
    return {
        Act.SIGNED_UP: say("signed up"),
        Act.CONFIRMED: say("confirmed"),
        Act.ADDED: say("added by the newsroom"),
        Act.IMPORTED: say("imported by the newsroom"),
        Act.UNSUBSCRIBED: say("unsubscribed"),
        Act.CAME_BACK: say("came back"),
        Act.PAUSED: say("paused"),
        Act.RESUMED: say("ended the pause"),
        Act.VARIANT: say("chose how it looks"),
        Act.ADDRESS: say("changed the address"),
        Act.FORGOTTEN: say("had the data deleted"),
        Act.REVIVED: say("brought back by the newsroom"),
        Act.UNREACHABLE: say("out of reach: mail came back"),
        Act.COMPLAINED: say("marked the letter as unwanted"),
    }[one]


def how(words: Words, one: str) -> str:
    say = words.say
    known = {
        "page": say("on our page"),
        "form": say("by a form on another page"),
        "link": say("by a link in a mail"),
        "one-click": say("by the mail program’s button"),
        "command": say("in the newsroom"),
        "desk": say("at the desk"),
        "import": say("out of a file"),
        "mail": say("by mail"),
        "bounce": say("by what came back"),
    }
    return known.get(one, one)


def state(words: Words, one: DeliveryState) -> str:
    """What became of a mail. Never "delivered": that is more than we know."""
    say = words.say
    known = {
        DeliveryState.ACCEPTED: say("sent"),
        DeliveryState.REJECTED: say("refused"),
        DeliveryState.UNCERTAIN: say("perhaps sent"),
        DeliveryState.SKIPPED: say("not sent"),
    }
    return known.get(one) or say("on its way")


def kind(words: Words, one: LetterKind) -> str:
    say = words.say
    return {
        LetterKind.CONFIRM: say("to confirm the sign-up"),
        LetterKind.KNOWN: say("already on the list"),
        LetterKind.LINK: say("a link to your data"),
        LetterKind.NEW_ADDRESS: say("to confirm a new address"),
        LetterKind.ADDRESS_CHANGED: say("the address was changed"),
        LetterKind.NOTICE: say("a notice to the editors"),
        LetterKind.LOG_IN: say("a link to the desk"),
        LetterKind.INVITED: say("an invitation to the desk"),
        LetterKind.DRAFT: say("the day’s draft"),
        LetterKind.PROBE: say("does it arrive?"),
        LetterKind.PASSED_ON: say("a reader’s letter, passed on"),
    }[one]


def reason(words: Words, one: Reason) -> str:
    """Why a mail did not arrive."""
    say = words.say
    return {
        Reason.UNKNOWN_USER: say("no such mailbox"),
        Reason.HOST_UNKNOWN: say("its domain takes no mail"),
        Reason.INACTIVE: say("mailbox closed or abandoned"),
        Reason.MAILBOX_FULL: say("mailbox full"),
        Reason.BLOCKED: say("we are refused as senders"),
        Reason.CONTENT: say("taken for unwanted mail"),
        Reason.TOO_BIG: say("mail too big"),
        Reason.NOT_ALLOWED: say("it takes no mail from us"),
        Reason.THROTTLED: say("too much at once"),
        Reason.EXPIRED: say("not taken in time"),
        Reason.NETWORK: say("its server cannot be reached"),
        Reason.SYSTEM: say("trouble at its server"),
        Reason.LOOP: say("it went in a circle"),
        Reason.DELAYED: say("late, and still tried"),
        Reason.OTHER: say("for a reason we could not read"),
    }[one]


def returned(words: Words, one: Bounce) -> str:
    """What a mail that came back was."""
    say = words.say
    if one.kind is ReturnKind.BOUNCE:
        refused = one.via == "smtp"
        return say("refused when we sent it") if refused else say("the mail came back")
    return {
        ReturnKind.FEEDBACK: say("marked as unwanted"),
        ReturnKind.VACATION: say("answered by a machine"),
        ReturnKind.CHALLENGE: say("a machine asks who we are"),
        ReturnKind.DELIVERED: say("reported as arrived"),
        ReturnKind.UNSUBSCRIBE: say("asked to leave"),
        ReturnKind.LETTER: say("wrote to us"),
    }[one.kind]


def hidden(address: str) -> str:
    """An address as a page shows it that others may open as well: `a…@lecteurs.example`, not to be broken there."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…{WORD_JOINER}@{domain}"
