"""Who watches the sender: a service that is told of every run, the editors at an hour of theirs, `status --strict`.

Nothing here changes what comes of a run: what goes wrong while telling is logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import Connection

from newsletter import instance, letters, post, progress, report
from newsletter.errors import NewsletterError, NotSent, Paused, Unfinished
from newsletter.model import DAILY, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.progress import Progress
from newsletter.report import SEEN_WITHIN, Report
from newsletter.store import editions, notes
from newsletter.store import letters as waiting_letters
from newsletter.store.database import read, write
from newsletter.store.holder import Holder, sending_holder
from newsletter.words import Words

log = logging.getLogger(__name__)

Status = EditionStatus
OUTCOMES = "outcomes"  # the note of what came of the last runs, by day
KEPT = 7  # days of them
LATEST = timedelta(hours=24)  # after its hour, a missing edition is told of no more


def conclude(room: Newsroom, day: date, found: Report, *, stopped: bool) -> None:
    """After a run of `send`: keep what came of it, look whether an edition is missing, tell the monitoring service."""
    if found.status != "already_running":
        try:
            _keep_outcome(room, day, found)
        except NewsletterError as error:
            log.warning("the outcome could not be kept: %s", error)
    if not stopped:  # it has to be out soon; the next to look writes as well
        look(room)
    well = _is_well(found, stopped=stopped)
    if well is not None:
        ping(room, well=well)


def _is_well(found: Report, *, stopped: bool) -> bool | None:
    """None where it is not for this run to say: another is sending, or it was stopped and a next one goes on."""
    if found.status == "already_running" or (stopped and isinstance(found.problem, Unfinished)):
        return None
    return found.problem is None or found.status in (Status.HELD, Status.CANCELLED) or isinstance(found.problem, Paused)


# --- A monitoring service --------------------------------------------------------------------------


def ping(room: Newsroom, *, well: bool) -> None:
    """Call `monitor.ping_url`, or what stands for a failure there. Whatever comes of it is no matter of the run's."""
    url = room.config.monitor.ping_url
    if not url:
        return
    try:
        room.pinger.get(url if well else _failure(url), allow_private=True, accept="*/*")
    except NewsletterError as error:
        log.warning("the monitoring service could not be told: %s", error)


def _failure(url: str) -> str:
    """`<url>/fail`, what stands behind a question mark kept: the convention of healthchecks and its like."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/fail"))


# --- What came of the runs -------------------------------------------------------------------------


def _keep_outcome(room: Newsroom, day: date, found: Report) -> None:
    with write(room.engine) as connection:
        known = json.loads(notes.wait_for(connection, OUTCOMES) or "{}")
        known[day.isoformat()] = [found.status, found.said, room.clock().isoformat()]
        newest = sorted(known)[-KEPT:]
        notes.put(connection, OUTCOMES, json.dumps({name: known[name] for name in newest}, ensure_ascii=False))


def _outcome(connection: Connection, day: date) -> tuple[str, str, datetime] | None:
    """The status and the words of the last run for that day, and when it ended."""
    found = json.loads(notes.get(connection, OUTCOMES) or "{}").get(day.isoformat())
    return (found[0], found[1], datetime.fromisoformat(found[2])) if found else None


# --- The hour by which an edition is expected ------------------------------------------------------


def look(room: Newsroom) -> int:
    """Write to the editors, once a day, where an edition should be out by now and is not; returns how many are told.

    For whoever lives: the runner, and every `send`, `collect` and `tidy`. A copy of the database that was not adopted
    expects nothing.
    """
    if room.config.schedule.expected_by is None:
        return 0
    try:
        told = sum(_tell(room, day, why) for day, why in overdue(room, room.words))
        if told:
            post.send_waiting(room)
    except NewsletterError as error:
        log.warning("the editors could not be told of a missing edition: %s", error)
        return 0
    return told


def _tell(room: Newsroom, day: date, why: str) -> int:
    instance.check(room)
    return letters.tell_editors(room, report.of_day(room, day, status="overdue", said=why, problem=NotSent(why)))


def overdue(room: Newsroom, words: Words) -> list[tuple[date, str]]:
    """The days whose edition should be out by now and is not, each with why, in those words."""
    found = []
    for day, by in _expected(room):
        why = _why_missing(room, day, words)
        if why:
            first = words.say(
                "The edition of {day} should be out by {time}, and is not.",
                day=words.full_date(day),
                time=words.time(by),
            )
            found.append((day, f"{first} {why}"))
    return found


def _expected(room: Newsroom) -> Iterator[tuple[date, datetime]]:
    """The days of the schedule whose hour came within the last 24: today's, or yesterday's where nobody looked then.

    Yesterday's only where there was an edition before: a newsroom set up today has missed nothing.
    """
    today, now = room.today(), room.clock()
    for day in (today - timedelta(days=1), today):
        by = room.config.expected(day)
        if by is None or day.weekday() not in room.config.schedule.days or not by <= now < by + LATEST:
            continue
        with read(room.engine) as connection:
            if day < today and editions.latest(connection, DAILY, day) is None:
                continue
        yield day, by


def _why_missing(room: Newsroom, day: date, words: Words) -> str | None:
    """None where readers have it, where nothing was new, or where an editor has decided that it does not go out, or
    has stopped it."""
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
        found = report.of_edition(connection, edition) if edition else None
        outcome = _outcome(connection, day)
    if edition and edition.paused_at:
        return None
    if found and edition and edition.frozen:
        return _why_not_sent(room, found, words)
    if found and found.status in (Status.HELD, Status.CANCELLED):
        return None
    if outcome and outcome[0] == "nothing_new" and not (found and found.articles):
        return None
    holder = sending_holder(room.engine)
    if holder:
        return _at_work(holder, words)
    if outcome:
        return words.say("The last run, at {time}, said: {said}.", time=words.time(outcome[2]), said=outcome[1])
    return words.say(
        "No run of `newsletter send` has come to an end for it: look at cron, or at whatever should call it."
    )


def _why_not_sent(room: Newsroom, found: Report, words: Words) -> str | None:
    reached = found.accepted + found.uncertain
    if found.status == Status.SENT and not reached and found.rejected:
        return words.say("The relay has not taken a single message.")
    if found.status != Status.SENDING:
        return None
    seen = progress.look(room)
    if seen.holder and seen.holder.stopped:
        return _at_work(seen.holder, words)
    if not seen.attended:
        return words.say("Its sending has begun and not ended, and nobody is sending it now.")
    if not reached:
        return words.say("Its sending has begun, and the relay has not taken a single message yet.")
    return None


def _at_work(holder: Holder, words: Words) -> str:
    if holder.stopped:
        return words.say(
            "Process {number} holds the sending lock, but is stopped (SIGSTOP): `kill -CONT {number}`, or end it.",
            number=holder.number,
        )
    return words.say("A run is at work on it (process {number}).", number=holder.number)


# --- `status --strict` -----------------------------------------------------------------------------


def complaints(room: Newsroom) -> list[str]:
    """What somebody has to look at, one line each: a missing edition, letters that nobody sends, a send that nobody
    goes on with, a sender that is stopped. None where all is well."""
    found = [why for _, why in overdue(room, room.words_in("en"))]
    seen = progress.look(room)
    if seen.holder and seen.holder.stopped:
        found.append(seen.holder.stopped_and_why)
    elif seen.paused:
        left = f"{seen.remaining} of {seen.report.audience} left"
        found.append(f"the edition of {seen.report.edition} is {seen.report.said} ({left})")
    elif seen.running and not seen.attended:
        said = f"the edition of {seen.report.edition} is not finished ({seen.remaining} of {seen.report.audience} left)"
        found.append(f"{said}, and nobody is sending: run `newsletter send` again")
    found += _of_workers(seen)
    with read(room.engine) as connection:
        waiting, since = waiting_letters.waiting(connection)
    if since and room.clock() - since > SEEN_WITHIN and not report.runner_lives(room):
        noun = "letter waits" if waiting == 1 else "letters wait"
        found.append(f"{waiting} {noun}, and no runner lives: `newsletter run` or `newsletter send` sends them")
    return found


def _of_workers(seen: Progress) -> list[str]:
    """Workers in trouble, and machines whose workers have all died: one that is told to stop takes its leave."""
    found = [f"{one}: {one.seen.trouble}" for one in seen.cluster.in_trouble]
    for one in seen.cluster.last_of_their_place:
        minutes = max(1, round(one.seen.silent / 60))
        silent = f"{one} has given no sign of life for {minutes} minute{'' if minutes == 1 else 's'}"
        found.append(f"{silent}, and no other lives there: start `newsletter worker` on {one.seen.who.place}")
    return found
