"""`newsletter run`: one small loop that sends letters at once and does what is due, beside cron or in its place.

However many runners and crons there are, each thing is done once: letters and editions by their locks and ledgers,
hourly and daily work by a turn that one of them takes in the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date, timedelta

from newsletter import clocks, daily, dispatch, draft, gather, going, hour, instance, monitor, post, returns, tidy
from newsletter.deliver import Stop
from newsletter.errors import DatabaseError, NewsletterError, Unavailable, Unfinished
from newsletter.model import DAILY, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import ALIVE, Report
from newsletter.returns.inbox import read_inbox
from newsletter.sending import Watch
from newsletter.speaker import speaking
from newsletter.store import editions, notes
from newsletter.store.database import read, write
from newsletter.store.holder import sending_holder

log = logging.getLogger(__name__)

PULSE = timedelta(seconds=30)
GLANCE = timedelta(minutes=1)  # between two looks whether the day's edition is missing
LOOK = 1.0  # seconds between two looks at the post, where nobody stirs us
TROUBLE = 30.0  # seconds after something went wrong
HOUR, AGAIN = timedelta(hours=1), timedelta(minutes=10)
RETURNS = timedelta(minutes=5)  # between two looks into the mailbox of what came back
SOON = timedelta(minutes=1)  # until what an editor sent is tried again: somebody waits for it
DONE = ("sent", "nothing_new", "cancelled", "late")  # a held edition may be approved yet


def run(room: Newsroom, stop: Stop, look: float = LOOK) -> None:
    """Until `stop` is asked, with `look` seconds between two looks at each work. Each has a thread of its own, so that
    none delays another: an edition on its way no letter, newcomers who get the latest edition by a slow relay none
    either, and nothing the sign of life or the hours of the editors. By a clock that is wrong, nothing is done."""
    clock = clocks.Watched(room)
    works = {
        "post": (lambda: send_letters(room, stop), room.stirred),
        "newcomers": (lambda: welcome_newcomers(room, stop), threading.Event()),
        "hours": (lambda: keep_hours(room), threading.Event()),
        "returns": (lambda: read_returns(room, stop), threading.Event()),
        "pulse": (lambda: _take_turn(room, ALIVE, PULSE), threading.Event()),
    }

    def loop(work: Callable[[], object], stirred: threading.Event) -> None:
        with speaking(room.config.newsletter.list_id):
            _loop(stop, lambda: clock.is_right() and work(), stirred, look)

    threads = [threading.Thread(target=loop, args=work, name=name) for name, work in works.items()]
    for thread in threads:
        thread.start()
    loop(lambda: do_what_is_due(room, stop), threading.Event())
    room.stirred.set()
    for thread in threads:
        thread.join()
    try:
        with write(room.engine) as connection:
            notes.drop(connection, ALIVE)  # another runner says so anew in a second
    except DatabaseError as error:
        log.warning("%s", error)


def _loop(stop: Stop, work: Callable[[], object], stirred: threading.Event, look: float = LOOK) -> None:
    """A loop that outlives what goes wrong in it: it is told, and tried again after a while."""
    while not stop.asked:
        pause = look
        try:
            work()
        except NewsletterError as error:
            log.warning("%s", error)
            pause = TROUBLE
        except Exception:
            log.exception("a fault of the program")
            pause = TROUBLE
        while pause > 0 and not stop.asked and not stirred.wait(min(pause, LOOK)):
            pause -= LOOK
        stirred.clear()


def send_letters(room: Newsroom, stop: Stop) -> int:
    """The letters that wait; returns how many left."""
    if _take_turn(room, "looked for the edition", GLANCE):
        monitor.look(room)
    return post.send_waiting(room, lambda: stop.asked)


def welcome_newcomers(room: Newsroom, stop: Stop) -> None:
    """The latest edition to those who were promised it."""
    instance.check(room)
    dispatch.deliver_to_newcomers(room, Watch(stop))


def read_returns(room: Newsroom, stop: Stop) -> None:
    """What came back, every few minutes, where a mailbox is named; and what the relay refused."""
    if not _take_turn(room, "read what came back", RETURNS):
        return
    instance.check(room)  # a copy that was not adopted leaves the mailbox to the newsroom it was copied from
    if room.config.bounces.inbox is None:
        returns.take_refusals(room)
        return
    sums = read_inbox(room, stopped=lambda: stop.asked)
    if sums.mails:
        log.info("%s mails came back: %s", sums.mails, ", ".join(f"{n} {kind}" for kind, n in sums.kinds.items()))


def keep_hours(room: Newsroom) -> None:
    """The hours of the editors: the draft is mailed at `schedule.draft_at`, and decided on at `decide_by`."""
    day = room.today()
    if draft.is_due(room, day) and _take_turn(room, f"drafted {day}", AGAIN):
        draft.mail(room, day)
    if hour.is_due(room, day) and _take_turn(room, f"decided on {day}", AGAIN):
        hour.decide_when_due(room, day)


def do_what_is_due(room: Newsroom, stop: Stop) -> None:
    """Tidy once a day, and send what an editor sends now. With `schedule.by = "runner"`, collect every hour and send
    the day's edition when it is due."""
    tidy.once_a_day(room)
    send_called(room, stop)
    if room.config.schedule.by != "runner":
        return
    if _take_turn(room, "runner collected", HOUR):
        gather.collect(room)
    for day in (room.today() - timedelta(days=1), room.today()):
        if _is_due(room, day) and _take_turn(room, f"runner sent {day} {_status(room, day)}", AGAIN):
            _send(room, day, stop)


def send_called(room: Newsroom, stop: Stop) -> None:
    """What editors send, or go on with, at a moment of their own; what the relay puts off, a minute later again. While
    another run is sending, it waits."""
    if _take_turn(room, "looked for old calls", AGAIN):
        going.drop_old(room)
    for edition in going.called(room):
        if sending_holder(room.engine) or stop.asked:
            return
        if _take_turn(room, f"runner called {edition.name} {edition.go_at}", SOON):
            found = daily.send_named(room, edition.name, watch=_watch(room, stop), patient=False, go_at=edition.go_at)
            log.info("edition %s: %s", found.edition, found.said)


def _send(room: Newsroom, day: date, stop: Stop) -> None:
    """The day's edition, as `newsletter send` does it; tried again later where that may help, and at once where an
    editor has decided otherwise."""
    found = daily.send(room, day, watch=_watch(room, stop))
    log.info("edition %s: %s", found.edition, found.said)
    if found.status in DONE and not isinstance(found.problem, (Unavailable, Unfinished)):
        with write(room.engine) as connection:
            notes.put(connection, f"runner done {day}", found.status)


def _watch(room: Newsroom, stop: Stop) -> Watch:
    def begun(found: Report) -> None:
        if found.forecast:
            log.info("edition %s: %s", found.edition, found.forecast.said(room.config.newsletter.zone))

    return Watch(stop, begun=begun)


def _status(room: Newsroom, day: date) -> str:
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
    return edition.status.value if edition else "none"


def _is_due(room: Newsroom, day: date) -> bool:
    """Whether its hour has come, and nothing came of it yet; yesterday's as long as it is not too late, where editions
    were made before. One that editors sent goes by itself; one that they approved after all is not done."""
    now, config = room.clock(), room.config
    yesterdays = day < room.today()
    if not config.has_day(day) or now < config.due(day) or (yesterdays and now > config.too_late(day)):
        return False
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
        done = notes.get(connection, f"runner done {day}") is not None
        known = not yesterdays or editions.latest(connection, DAILY, day) is not None
    if edition and edition.status is EditionStatus.APPROVED:
        return edition.go_at is None and not (done and now > config.too_late(day))
    return known and not done


def _take_turn(room: Newsroom, name: str, every: timedelta) -> bool:
    with read(room.engine) as connection:
        if not notes.is_due(connection, name, room.clock(), every):
            return False
    with write(room.engine) as connection:
        return notes.take_turn(connection, name, room.clock(), every)
