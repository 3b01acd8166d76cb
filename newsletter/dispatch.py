"""One edition on its way: rendered once, frozen with its audience, delivered to each of them, brought to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from newsletter import collect as collecting
from newsletter import pauses, report, slices
from newsletter.deliver import Ending, deliver, recover
from newsletter.deliver.judge import End, is_about_address
from newsletter.errors import AlreadyRunning, NewsletterError, NotSent, Outdated, Paused, Unavailable, Unfinished, Unfit
from newsletter.mail.message import WireTemplate, freeze
from newsletter.model import (
    Choice,
    Edition,
    EditionStatus,
    Rendered,
    Variant,
)
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.sending import Watch as Watch
from newsletter.sending import run_over
from newsletter.speaker import about
from newsletter.store import articles, audience, deliveries, editions, partitions, subscribers
from newsletter.store import slices as slices_in_store
from newsletter.store.database import newcomers_lock, read, write
from newsletter.store.ours import Ours

Status = EditionStatus
CHUNK = 5_000  # subscribers planned in one transaction: 25 ms on SQLite, 42 at the worst (measured 2026-11)
BREATH = 0.005  # seconds between two of them, in which another writer gets in


def send_edition(
    room: Newsroom, edition: Edition, choices: Sequence[Choice], watch: Watch, *, patient: bool = True
) -> Report:
    """Render it once, deliver it to each of its audience. Only for who holds the sending lock. Raises Outdated where
    editors changed it, sent it or took it back while it was rendered."""
    picked = _drop_taken(room, edition, _drop_gone(room, edition, choices))
    if not edition.stands_alone and (edition.corrects is not None or not picked):
        with read(room.engine) as connection:
            return report.of_edition(connection, edition, status="nothing_new", said=_nothing_said(edition))
    rendered = render_edition(room, edition, picked)
    remarks = _settle_corrected(room, edition)
    with read(room.engine) as connection:
        if not audience.readers(connection, edition, room.clock()):
            return report.of_edition(connection, edition, said=_nobody_said(edition))
    room.mailer, room.sealer  # noqa: B018  a way out or a key that cannot be used is told before anything is frozen
    _check_gate(room, edition, watch)
    _freeze(room, edition, rendered, watch.still_ours)
    found = deliver_edition(room, edition, watch, patient=patient)
    return replace(found, remarks=remarks + found.remarks)


def _check_gate(room: Newsroom, edition: Edition, watch: Watch) -> None:
    """Before the first real send. Raises Unfit; the desk shows why, and an editor's call to send it now is over: it
    would be asked for again every minute."""
    from newsletter.doctor import gate  # it looks at editions too, and so imports us

    try:
        gate.check(room, force=watch.force)
    except Unfit as error:
        with write(room.engine) as connection:
            editions.change(connection, edition.id, remark=str(error), go_at=None)
        raise


def _settle_corrected(room: Newsroom, edition: Edition) -> tuple[str, ...]:
    """What a killed run left of the edition that this one corrects is put in order first: who has it may stand in that
    run's journal alone. Returns what there is to tell about it."""
    corrected = corrected_by(room, edition)
    if corrected is None or corrected.status is not Status.SENDING:
        return ()
    return slices.put_in_order(room, corrected)


def _nothing_said(edition: Edition) -> str:
    if edition.corrects is not None:
        return "a correction without a text corrects nothing"
    return "every article picked is gone from its site, or went out in another edition"


def _nobody_said(edition: Edition) -> str:
    if edition.corrects is not None:
        return "nobody to send to: no active subscriber has the edition that it corrects"
    return "nobody to send to: there is no active subscriber"


def render_edition(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> Rendered:
    """The edition as it would be mailed. Raises TemplateError."""
    from newsletter.render import render  # heavy, and not needed to finish an earlier edition

    picked = [choice for choice in choices if choice.picked]
    corrected, archive = corrected_by(room, edition), room.config.web.archive
    return render(room.look, room.config.newsletter, edition, picked, archive=archive, corrected=corrected)


def corrected_by(room: Newsroom, edition: Edition) -> Edition | None:
    """The edition that this one corrects; None where it is no correction."""
    if edition.corrects is None:
        return None
    with read(room.engine) as connection:
        return editions.by_id(connection, edition.corrects)


def _drop_gone(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> list[Choice]:
    """Leave out what has certainly disappeared from its site since it was picked, and write down why."""
    picked = [choice for choice in choices if choice.picked]
    by_key = {source.key: source for source in room.config.sources}
    looked_up = [(choice.candidate.article, by_key.get(choice.candidate.source)) for choice in picked]
    gone = collecting.gone(looked_up, room.collect_rules, room.fetcher)
    reasons = {
        choice.candidate.id: room.words.say("gone since it was picked: {reason}", reason=reason)
        for choice in picked
        if (reason := gone.get(choice.candidate.article.identity))
    }
    return _left_out(room, edition, picked, reasons)


def _drop_taken(room: Newsroom, edition: Edition, picked: Sequence[Choice]) -> list[Choice]:
    """Leave out what another edition has sent meanwhile: this one was held, cancelled, or approved and not sent. A
    correction names an article of the edition that it corrects."""
    if edition.corrects is not None:
        return list(picked)
    with read(room.engine) as connection:
        taken = articles.taken(connection, edition.id)
    reasons = {id: room.words.say("already in the edition of {day}", day=day.isoformat()) for id, day in taken.items()}
    return _left_out(room, edition, picked, reasons)


def _left_out(room: Newsroom, edition: Edition, picked: Sequence[Choice], reasons: Mapping[int, str]) -> list[Choice]:
    """Without those for which there is a reason, by the article's id; it is written down beside the choice."""
    if not reasons:
        return list(picked)
    with write(room.engine) as connection:
        editions.leave_out(connection, edition.id, reasons)
    left = [choice for choice in picked if choice.candidate.id not in reasons]
    return [replace(choice, place=place) for place, choice in enumerate(left, 1)]


def wire_of(
    room: Newsroom, edition: Edition, rendered: Rendered, *, name: str | None = None, variant: Variant = Variant.FULL
) -> WireTemplate:
    """The template of the edition's messages, under its own name or another. Raises TemplateError."""
    return freeze(
        rendered,
        room.config.newsletter,
        edition=name or edition.name,
        return_path=room.config.delivery.return_path,
        key=room.signer.current,
        variant=variant,
        archive=room.config.web.archive,
        leave_by_mail=room.config.bounces.inbox is not None,
    )


def _freeze(room: Newsroom, edition: Edition, rendered: Rendered, ours: Ours) -> None:
    """From here on nothing that changes outside changes a message: content, headers, keys, audience are stored.

    A large audience is planned in short transactions, so that nobody who signs up meanwhile has to wait; the last of
    them freezes the edition.
    """
    wires = {variant: wire_of(room, edition, rendered, variant=variant).dumps() for variant in Variant}
    now = room.clock()
    after = _plan_all_but_the_end(room, edition, now, ours)
    with write(room.engine) as connection:
        ours.hold(connection)
        values: dict[str, Any] = {"subject": rendered.subject, "started_at": now}
        open_ones = [Status.DRAFT, Status.APPROVED]
        if not editions.move(connection, edition.id, open_ones, Status.SENDING, seen=edition, **values):
            if editions.by_id(connection, edition.id).status in open_ones:
                raise Outdated(f"the edition of {edition.name} was changed just now; run `newsletter send` again")
            raise NotSent(f"the edition of {edition.name} was held or cancelled a moment ago")
        editions.keep_wires(connection, edition.id, wires)
        audience.plan(connection, edition, now, after=after)
        if connection.dialect.name == "postgresql":
            slices_in_store.cut(connection, edition.id)
        editions.change(connection, edition.id, audience=deliveries.audience(connection, edition.id))
        too_heavy = room.words.say("left out: the mail would have become too heavy")
        editions.leave_out(connection, edition.id, dict.fromkeys(rendered.left_out, too_heavy))


def _plan_all_but_the_end(room: Newsroom, edition: Edition, now: datetime, ours: Ours) -> int:
    """Plan as long as there are whole chunks; returns the subscriber's id after which the rest begins.

    Who has lost the lock meanwhile writes nothing: another may have frozen the edition, and be sending it.
    """
    partitions.make_room(room.engine, edition.id)
    dropped = CHUNK
    while dropped == CHUNK:  # what a dead run may have planned
        with write(room.engine) as connection:
            _check_unfrozen(connection, edition, ours)
            dropped = deliveries.drop_plan(connection, edition.id, CHUNK)
    with read(room.engine) as connection:
        newest = subscribers.newest(connection)
    after = 0
    while newest - after > CHUNK:
        with write(room.engine) as connection:
            _check_unfrozen(connection, edition, ours)
            after = audience.plan(connection, edition, now, after=after, limit=CHUNK) or newest
        room.sleep(BREATH)
    return after


def _check_unfrozen(connection: Connection, edition: Edition, ours: Ours) -> None:
    """Raises DatabaseError or NotSent where the edition may be in another's hands."""
    ours.hold(connection)
    if editions.by_id(connection, edition.id).frozen:
        raise NotSent(f"the edition of {edition.name} was begun by another run a moment ago")


def deliver_edition(room: Newsroom, edition: Edition, watch: Watch, *, patient: bool = True) -> Report:
    """Send what is unsent of a frozen edition, and end it when every delivery has ended.

    Without `patient`, what the relay has put off is not waited for: the edition may stay `sending`, without a problem.
    So it may where another is called meanwhile (`watch.called`). Only for who holds the sending lock. One that an
    editor has stopped is left alone, or left on its way.
    """
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition.id)
        if edition.paused_at:
            return report.of_edition(connection, edition, problem=_paused(edition))
        watch.begun(report.of_edition(connection, edition))
        since = (edition.started_at or room.clock()) + pauses.length(connection, edition)
    with about(edition=edition.name), pauses.heeded(room, edition, watch.stop) as stop:
        watch = replace(watch, stop=stop)
        if room.engine.dialect.name == "postgresql":
            found, ending = slices.deliver_by_slices(room, edition, watch, patient=patient)
        else:
            run = run_over(room, edition, watch, since=since, patient=patient)
            found = recover(run)
            ending = deliver(run)
    return replace(_conclude(room, edition, ending, found.too_late), remarks=found.remarks)


def deliver_to_newcomers(room: Newsroom, watch: Watch) -> None:
    """Send the latest edition to those who have just joined and were promised it (`send_latest_on_confirm`).

    By a lock of its own: it keeps no edition of the day waiting, and touches none that is on its way. What the relay
    puts off now is sent by a later call.
    """
    if not _with_newcomers(room):
        return
    try:
        with newcomers_lock(room.engine) as still_ours:
            for edition in _with_newcomers(room):  # under the lock: none that is sent once more, see `resolve`
                run = run_over(room, edition, Watch(watch.stop, still_ours), since=room.clock(), patient=False)
                recover(run)
                deliver(run)
    except AlreadyRunning:
        pass  # another is at it


def _with_newcomers(room: Newsroom) -> list[Edition]:
    repeats = room.config.delivery.on_uncertain == "resend"
    with read(room.engine) as connection:
        return editions.with_newcomers(connection, room.clock(), repeats=repeats)


def _conclude(room: Newsroom, edition: Edition, ending: Ending, too_late: int) -> Report:
    """Write down how the run ended; the edition is sent when every delivery has ended."""
    problem = _problem(room, ending, edition)
    if problem is None and too_late:
        hours, nobody = room.config.delivery.retry_for_hours, f"{too_late} of {edition.audience} subscribers"
        said = f"{nobody} did not get it within {hours:g} hours, and will not any more"
        problem = NotSent(f"the edition of {edition.name} came too late: {said}")
    with write(room.engine) as connection:
        if ending.end is End.DONE:
            values: dict[str, Any] = {"ended_at": room.clock(), "remark": None, "paused_at": None}
            editions.move(connection, edition.id, [Status.SENDING], Status.SENT, **values)
        elif problem and not isinstance(problem, Paused):
            editions.change(connection, edition.id, remark=str(problem))
        edition = editions.by_id(connection, edition.id)
        found = report.of_edition(connection, edition, problem=problem)
        if ending.end is End.DONE and _refused_by_all(found, deliveries.reasons(connection, edition.id)):
            problem = Unavailable(f"the relay refused the edition for every subscriber: {ending.reply}")
    so_far = "" if found.status == Status.SENT else " so far"
    said = str(problem) if problem else f"sent to {found.accepted} of {found.audience} subscribers{so_far}"
    return replace(found, said=said, problem=problem)


def _problem(room: Newsroom, ending: Ending, edition: Edition) -> NewsletterError | None:
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition.id)
    if edition.paused_at and ending.end is not End.DONE:
        return _paused(edition)
    via, reply = room.config.delivery.via, f": {ending.reply}" if ending.reply else ""
    match ending.end:
        case End.STOPPED:
            return Unfinished("stopped before the end; run `newsletter send` again to go on")
        case End.LOST:
            return Unfinished(f"the line to {via} keeps breaking{reply}; run `newsletter send` again to go on")
        case End.STUCK:
            return Unfinished(f"the workers do not get on{reply}; they go on trying; `newsletter send` looks again")
        case End.REFUSED:
            return Unavailable(f"the relay {via} refuses everything{reply}")
        case End.DONE | End.WAITING:
            return None


def _paused(edition: Edition) -> Paused:
    return Paused(f"the edition of {edition.name} is {edition.remark}")


def _refused_by_all(found: Report, reasons: Sequence[tuple[int | None, str]]) -> bool:
    """Every reader of several was rejected, and none for a fault of the address: it is the relay, or the mail."""
    if found.rejected != found.audience or found.audience < 2:
        return False
    return not any(is_about_address(code, reply) for code, reply in reasons)
