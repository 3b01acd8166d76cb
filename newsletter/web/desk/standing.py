"""How an edition stands, and when it goes if nobody does anything, in a sentence. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from newsletter.config import Config
from newsletter.going import TAKEN_UP_WITHIN
from newsletter.model import DAILY, Edition, EditionStatus
from newsletter.words import NBSP, Words

Status = EditionStatus

WAITED = timedelta(minutes=5)  # past its moment: a run that is under way may still be busy with another


def standing(words: Words, config: Config, edition: Edition, now: datetime, *, empty: bool) -> str:
    """One sentence or two; an `empty` one has nothing that could be sent."""
    say = words.say
    if edition.status is Status.DRAFT:
        return say("A draft. No article is in it yet.") if empty else _draft(words, config, edition, now)
    if edition.status is Status.APPROVED:
        return _approved(words, config, edition, now)
    if edition.status is Status.SENDING and edition.paused_at:
        return say("Stopped on its way. Nobody goes on with it before somebody says so.")
    return {
        Status.HELD: say("Held back. It does not go before somebody approves it."),
        Status.CANCELLED: say("Cancelled. Its articles stay for the next edition."),
        Status.SENDING: say("It is on its way."),
        Status.SENT: say("It is out: no message of it is left to be sent."),
        Status.STOPPED: say("Given up, with messages unsent."),
    }[edition.status]


def _draft(words: Words, config: Config, edition: Edition, now: datetime) -> str:
    say, by, required = words.say, config.decided_by(edition.day), config.desk.approval == "required"
    if not in_time(config, edition, now):
        return say("A draft. No schedule sends it any more: it goes when somebody sends it.")
    if required and by and now < by:
        return say("A draft. Somebody has to approve it by {time}; else it is held back.", time=when(words, by, now))
    if required:
        return say("A draft. It does not go before somebody approves it.")
    if now >= config.due(edition.day):
        return say("A draft. Its hour has come: the next run sends it.")
    at = when(words, config.due(edition.day), now)
    if by:
        return say(
            "A draft. If nobody decides by {by}, it goes at {time} as it stands then.", by=words.time(by), time=at
        )
    return say("A draft. If nobody decides, it goes at {time}, with what is new by then.", time=at)


def _approved(words: Words, config: Config, edition: Edition, now: datetime) -> str:
    say = words.say
    if edition.go_at and now - edition.go_at >= TAKEN_UP_WITHIN:
        return say(
            "It was to go at {time}, and nobody was there to send it: it does not go any more.",
            time=when(words, edition.go_at, now),
        )
    if edition.go_at and now - edition.go_at >= WAITED:
        return say("It was to go at {time}, and waits for whoever sends it.", time=when(words, edition.go_at, now))
    if edition.go_at:
        return say("It goes at {time}.", time=clock(words, edition.go_at))
    if not in_time(config, edition, now):
        return say("Approved. No schedule sends it any more: it goes when somebody sends it.")
    if now >= config.due(edition.day):
        return say("Approved. Its hour has come: the next run sends it.")
    return say("Approved. It goes at {time}.", time=when(words, config.due(edition.day), now))


def in_time(config: Config, edition: Edition, now: datetime) -> bool:
    """Whether the schedule still sends it: the day's own, on its day, and not too late."""
    on_schedule = edition.slot == DAILY and edition.day.weekday() in config.schedule.days
    return on_schedule and now <= config.too_late(edition.day)


def when(words: Words, moment: datetime, now: datetime) -> str:
    """The hour; with its day, where that is not today."""
    same = moment.astimezone(words.zone).date() == now.astimezone(words.zone).date()
    return words.time(moment) if same else words.moment(moment.astimezone(UTC))


def clock(words: Words, moment: datetime) -> str:
    """To the second: « 6 h 41 min 20 s », "6:41:20"."""
    local = moment.astimezone(words.zone)
    if words.language == "fr":
        return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}{NBSP}min{NBSP}{local.second:02}{NBSP}s"
    return f"{local.hour}:{local:%M:%S}"
