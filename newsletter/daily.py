"""The day: collect the articles, make the edition, send it. What cron runs and what an editor types.

    send = bring the database up to date → finish what an earlier run left → collect → pick → render → deliver

Every step is safe to repeat: one edition per local date and slot, one delivery per edition and subscriber.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection

from newsletter import (
    clearance,
    clocks,
    dispatch,
    edit,
    gather,
    going,
    hour,
    instance,
    letters,
    monitor,
    picking,
    post,
    progress,
    report,
    returns,
    shaping,
    tidy,
)
from newsletter.errors import (
    AlreadyRunning,
    ConfigError,
    DatabaseError,
    NewsletterError,
    Paused,
    Unfinished,
)
from newsletter.gather import Gathered
from newsletter.model import DAILY, Choice, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.sending import Watch
from newsletter.store import editions, subscribers
from newsletter.store.database import read, sending_lock, write
from newsletter.store.holder import sending_holder

log = logging.getLogger(__name__)

Status = EditionStatus


# --- Make the edition -----------------------------------------------------------------------------


def make_edition(room: Newsroom, day: date, *, subject: str | None = None, dry_run: bool = False) -> Made:
    """Collect the articles, pick the day's choice, keep it as a draft; with an editor's `subject`, where one is given.

    A draft is picked anew each time; an edition that an editor has decided on, or that is frozen, stays as it is.
    """
    harvests = gather.ask_all(room)
    with write(room.engine, rehearsal=dry_run) as connection:
        gathered = Gathered(harvests, gather.keep(connection, harvests, room.clock()))
        edition = editions.get(connection, day, DAILY)
        if edition:
            edition = editions.lock(connection, edition.id)  # an editor may be shaping it just now
        if edition is None or _may_be_picked(connection, edition):
            edition = _draft(room, connection, day, edition)
        elif not edition.frozen:
            picking.offer(room, connection, edition)
        if subject is not None and not edition.frozen:
            shaping.check_stays(room, edition)
            edition = shaping.set_subject(connection, room, room.here, edition, subject)
        return Made(edition, editions.choices_of(connection, edition.id), gathered)


def _may_be_picked(connection: Connection, edition: Edition) -> bool:
    """Nobody has decided on its choice: a draft that no editor shaped, or one held or cancelled before anything was
    picked."""
    if edition.status is Status.DRAFT:
        return not edition.shaped
    return not (edition.frozen or edition.shaped or editions.picked(connection, edition.id))


@dataclass(frozen=True, slots=True)
class Made:
    """An edition with all the articles considered for it."""

    edition: Edition
    choices: list[Choice]
    gathered: Gathered

    @property
    def picked(self) -> list[Choice]:
        return [choice for choice in self.choices if choice.picked]


def _draft(room: Newsroom, connection: Connection, day: date, known: Edition | None) -> Edition:
    end = picking.moment_of(room, day)
    made = picking.choose(room, connection, day, end, known.id if known else None)
    return editions.keep_draft(connection, day, DAILY, end, made)


# --- Send it --------------------------------------------------------------------------------------


def send(room: Newsroom, day: date, *, regardless: bool = False, dry_run: bool = False, watch: Watch) -> Report:
    """The day's edition, from the sites to the inboxes; returns when every delivery has ended, or `watch.stop` is set.

    `regardless` does not mind that it is late, or no day of the schedule. What is not as it should be stands in the
    report's `problem`, and the editors are told. Raises ConfigError, DatabaseError, and WrongClock before anything.
    """
    started = room.clock()
    name = day.isoformat()
    if dry_run:
        return _timed(room, started, _whatever_comes(room, name, lambda: _rehearse(room, day, regardless, watch.force)))
    watch = _foretelling(room, watch)
    try:
        found = _sent(room, name, lambda: _send_locked(room, day, regardless, watch), watch)
    except Exception:
        monitor.ping(room, well=False)
        raise
    monitor.conclude(room, day, found, stopped=watch.stop.asked)
    return found


def send_named(
    room: Newsroom, name: str, *, watch: Watch, patient: bool = True, go_at: datetime | None = None
) -> Report:
    """The edition of that name, of whatever slot, as it stands: what an editor sends now, or goes on with.

    Neither the schedule's days nor its hours matter, and nothing is picked anew. Without `patient`, what the relay puts
    off is left for a later call; of another slot than the day's it is left too when the day's hour has come: that must
    not wait for an extra's last mailbox. `go_at`: only as an editor's call for that moment, where it still stands.
    Raises BadData where there is none, ConfigError, DatabaseError and WrongClock.
    """
    edition = edit.named(room, None, name)
    watch = _foretelling(room, watch)
    found = _sent(room, name, lambda: _send_named_locked(room, edition, watch, patient, go_at), watch)
    if edition.slot == DAILY and (found.status != Status.SENDING or found.problem):
        monitor.conclude(room, edition.day, found, stopped=watch.stop.asked)
    return found


def _sent(room: Newsroom, name: str, work: Callable[[], Report], watch: Watch) -> Report:
    """Letters ahead, then the work; after it the editors are told of what is wrong, and the house is tidied."""
    clocks.check(room)
    started = room.clock()

    def after_letters() -> Report:
        with post.ahead(room, lambda: watch.stop.asked):
            return work()

    found = _timed(room, started, _whatever_comes(room, name, after_letters))
    if found.status != "already_running":
        _tell(room, found, watch)
        _tidy_up(room, watch)
    return found


def _whatever_comes(room: Newsroom, name: str, work: Callable[[], Report]) -> Report:
    """The report of what came of it, also where that was an error; of the configuration's, there is none."""
    try:
        return work()
    except AlreadyRunning as error:
        holder = sending_holder(room.engine)
        said = f"another run is sending: {holder.stopped_and_why}" if holder and holder.stopped else str(error)
        return report.of_named(room, name, status="already_running", said=said)
    except ConfigError:
        raise
    except NewsletterError as error:
        return _failed(room, name, error)


def _timed(room: Newsroom, started: datetime, found: Report) -> Report:
    return replace(found, seconds=round((room.clock() - started).total_seconds(), 1))


def _foretelling(room: Newsroom, watch: Watch) -> Watch:
    """Who looks on is told beforehand when it will be done."""

    def begun(found: Report) -> None:
        watch.begun(replace(found, forecast=progress.forecast(room, found)))

    return replace(watch, begun=begun)


def _tidy_up(room: Newsroom, watch: Watch) -> None:
    post.try_to_send(room, lambda: watch.stop.asked)
    try:
        returns.take_refusals(room)
        tidy.once_a_day(room)
    except NewsletterError as error:
        log.warning("not tidied: %s", error)


def _failed(room: Newsroom, name: str, error: NewsletterError) -> Report:
    """The report of an edition that did not come about. For all we know there is something new."""
    found = report.of_named(room, name, said=str(error), problem=error)
    return replace(found, status=Status.DRAFT.value) if found.status == "nothing_new" else found


def _tell(room: Newsroom, found: Report, watch: Watch) -> None:
    """Tell the editors of what is wrong, unless they have decided it themselves, or somebody has stopped the run."""
    decided = found.status in (Status.HELD, Status.CANCELLED)
    stopped = isinstance(found.problem, Paused) or (isinstance(found.problem, Unfinished) and watch.stop.asked)
    if found.problem is None or decided or stopped:
        return
    try:
        letters.tell_editors(room, found)
    except NewsletterError as error:
        log.warning("the editors could not be told: %s", error)


def _send_locked(room: Newsroom, day: date, regardless: bool, watch: Watch) -> Report:
    """Earlier editions first; yet what the relay has put off of them does not keep the day's edition waiting."""
    with sending_lock(room.engine) as still_ours:
        instance.check(room)
        instance.renew(room)
        going.drop_old(room)
        with read(room.engine) as connection:
            unfinished = editions.sending(connection)
        own = next((edition for edition in unfinished if (edition.day, edition.slot) == (day, DAILY)), None)
        others = [edition for edition in unfinished if edition is not own and not edition.paused_at]
        calls = going.Calls(room, day.isoformat(), others)
        watch = replace(watch, still_ours=still_ours, called=calls.waits)
        dispatch.deliver_to_newcomers(room, watch)
        earlier = _finish(room, others, watch, patient=False)
        if earlier and _cannot_go_on(earlier[-1]):
            return earlier[-1]  # the relay is down, or we were stopped: so it would go with the day's own
        try:
            found = dispatch.deliver_edition(room, own, watch) if own else _send_day(room, day, regardless, watch)
        except (ConfigError, DatabaseError):
            raise
        except NewsletterError as error:
            found = _failed(room, day.isoformat(), error)
        both = {one.id: (one, told) for one, told in zip(others, earlier, strict=True)}
        while _waits(found) and not watch.stop.asked:
            both |= _send_called(room, calls, watch)
            found = dispatch.deliver_edition(room, edit.named(room, day, None), watch)
        if found.status != Status.SENDING or isinstance(found.problem, Paused):
            both |= _send_called(room, calls, watch)
        ended = [one for _, one in both.values() if not _waits(one)]
        if found.status != Status.SENDING or isinstance(found.problem, Paused):
            ended += _finish(room, [edition for edition, one in both.values() if _waits(one)], watch, patient=True)
        stopped = next((one.problem for one in ended if _cannot_go_on(one)), None)
        return replace(found, earlier=tuple(ended), problem=found.problem or stopped)


def _finish(room: Newsroom, unfinished: Iterable[Edition], watch: Watch, *, patient: bool) -> list[Report]:
    """Bring editions to their end, the oldest first, until one cannot be brought there now."""
    reports = []
    for edition in unfinished:
        found = dispatch.deliver_edition(room, edition, watch, patient=patient)
        reports.append(found)
        if _cannot_go_on(found):
            break
        _tell(room, found, watch)
    return reports


def _waits(found: Report) -> bool:
    """Begun, and well: only what the relay has put off is left."""
    return found.status == Status.SENDING and found.problem is None


def _cannot_go_on(found: Report) -> bool:
    """The relay is down, or the run was stopped: not where an editor has stopped that edition alone."""
    return isinstance(found.problem, Unfinished) and not isinstance(found.problem, Paused)


def _send_called(room: Newsroom, calls: going.Calls, watch: Watch) -> dict[int, tuple[Edition, Report]]:
    """What editors sent, or go on with, beside the day's edition; what the relay puts off of it is left for the end."""
    found = {}
    for edition in [] if watch.stop.asked else calls.take():
        work = dispatch.deliver_edition if edition.status is Status.SENDING else going.begin
        one = _whatever_comes(room, edition.name, partial(work, room, edition, watch, patient=False))
        _tell(room, one, watch)
        found[edition.id] = (edition, one)
    return found


def _send_named_locked(room: Newsroom, edition: Edition, watch: Watch, patient: bool, go_at: datetime | None) -> Report:
    with sending_lock(room.engine) as still_ours:
        watch = replace(watch, still_ours=still_ours, called=lambda: going.makes_way(room, edition))
        instance.check(room)
        instance.renew(room)
        with read(room.engine) as connection:
            now = editions.by_id(connection, edition.id)
        if go_at and (now.go_at != go_at or now.status not in (Status.APPROVED, Status.SENDING)):
            raise Paused(f"the edition {now.name} was taken back a moment before it went")
        work = dispatch.deliver_edition if now.status is Status.SENDING else going.begin
        found = work(room, now, watch, patient=patient)
        if patient and _waits(found):  # it made way: whoever lives goes on
            with write(room.engine) as connection:
                editions.change(connection, now.id, go_at=room.clock())
        return found


def _send_day(room: Newsroom, day: date, regardless: bool, watch: Watch) -> Report:
    hour.decide_when_due(room, day)  # where no runner lives, this is the first look after that hour
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
    if edition and edition.status is Status.APPROVED and edition.go_at:
        return going.begin(room, edition, watch)
    decided = clearance.of_day(room, day, edition, regardless=regardless)
    if decided:
        return decided
    made = _make(room, day)
    if not made.picked:
        return _nothing_new(room, made)
    found = going.begin(room, made.edition, watch)
    not_taken = () if found.status == Status.DRAFT else shaping.not_taken(made.picked)
    return replace(found, remarks=made.gathered.remarks + found.remarks + not_taken)


def _rehearse(room: Newsroom, day: date, regardless: bool, force: bool) -> Report:
    """All but the writing: what would be sent now, and whether the doctor would hinder it."""
    from newsletter.doctor import gate  # it looks at editions too, and so imports us

    clocks.check(room)
    instance.check(room)
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
        audience = subscribers.readers(connection, room.clock())
    if edition and edition.status is Status.SENDING:
        return report.of_day(room, day, said=f"would go on with the edition of {day}, which is not finished")
    called = edition is not None and going.is_fresh(room, edition)
    decided = clearance.of_day(room, day, edition, regardless=regardless or called)
    if decided:
        return decided
    made = make_edition(room, day, dry_run=True)
    made.gathered.check()
    if not made.picked:
        return Report(made.edition.name, "nothing_new", said=_nothing_said(made))
    waits = clearance.unapproved(room, made.edition)
    if waits:
        return waits
    rendered = dispatch.render_edition(room, made.edition, made.choices)
    dispatch.wire_of(room, made.edition, rendered)  # what could not be mailed is told now, and a way out that is none
    room.mailer  # noqa: B018
    said = f"would send « {rendered.subject} » to {audience} subscribers"
    found = Report(made.edition.name, made.edition.status, len(made.picked), audience, pending=audience)
    remarks = () if force else gate.foretold(room)
    return replace(found, pending=0, said=said, remarks=remarks, forecast=progress.forecast(room, found))


def _make(room: Newsroom, day: date) -> Made:
    """An approved edition goes out with what is known, even when its sources are down now; a draft does not."""
    made = make_edition(room, day)
    if made.edition.status is Status.DRAFT:
        made.gathered.check()
    return made


def _nothing_new(room: Newsroom, made: Made) -> Report:
    remarks = made.gathered.remarks
    return report.of_day(room, made.edition.day, status="nothing_new", said=_nothing_said(made), remarks=remarks)


def _nothing_said(made: Made) -> str:
    failed = [harvest.source for harvest in made.gathered.harvests if harvest.error]
    down = f" (could not be read: {', '.join(failed)})" if failed else ""
    considered = f"{len(made.choices)} articles considered, none picked{down}"
    return f"nothing new today: {considered}; see `newsletter edition explain`"
