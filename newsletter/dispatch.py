"""One edition on its way: rendered once, frozen with its audience, delivered to each of them, brought to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from newsletter import collect as collecting
from newsletter import report
from newsletter.deliver import Ending, Ledger, Run, Stop, deliver, recover
from newsletter.deliver.judge import End, is_about_address
from newsletter.errors import NewsletterError, NotSent, Unavailable, Unfinished
from newsletter.mail.message import WireTemplate, freeze
from newsletter.model import Choice, Delivery, DeliveryState, Edition, EditionStatus, Rendered, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import deliveries, editions, subscribers
from newsletter.store.database import read, write

Status = EditionStatus


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while an edition is sent, and can end it."""

    stop: Stop
    begun: Callable[[Report], None] = field(default=lambda report: None)
    ended: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)


def send_edition(room: Newsroom, edition: Edition, choices: Sequence[Choice], watch: Watch) -> Report:
    """Render it once, deliver it to each active subscriber. Only for who holds the sending lock."""
    picked = _drop_gone(room, edition, choices)
    if not picked:
        return report.of_day(room, edition.day, status="nothing_new", said="every article picked is gone from its site")
    rendered = render_edition(room, edition, picked)
    with read(room.engine) as connection:
        if not subscribers.counts(connection)[SubscriberStatus.ACTIVE]:
            return report.of_edition(connection, edition, said="nobody to send to: there is no active subscriber")
    _freeze(room, edition, rendered)
    return deliver_edition(room, edition, watch)


def render_edition(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> Rendered:
    """The edition as it would be mailed. Raises TemplateError."""
    from newsletter.render import render  # heavy, and not needed to finish an earlier edition

    picked = [choice for choice in choices if choice.picked]
    return render(room.look, room.config.newsletter, edition, picked)


def _drop_gone(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> list[Choice]:
    """Leave out what has certainly disappeared from its site since it was picked, and write down why."""
    picked = [choice for choice in choices if choice.picked]
    by_key = {source.key: source for source in room.config.sources}
    looked_up = [(choice.candidate.article, by_key.get(choice.candidate.source)) for choice in picked]
    gone = collecting.gone(looked_up, room.collect_rules, room.fetcher)
    left = [choice for choice in picked if choice.candidate.article.identity not in gone]
    if len(left) == len(picked):
        return picked
    with write(room.engine) as connection:
        for choice in picked:
            reason = gone.get(choice.candidate.article.identity)
            if reason:
                said = room.words.say("gone since it was picked: {reason}", reason=reason)
                editions.leave_out(connection, edition.id, choice.candidate.id, said)
        editions.renumber(connection, edition.id)
    return [replace(choice, place=place) for place, choice in enumerate(left, 1)]


def _freeze(room: Newsroom, edition: Edition, rendered: Rendered) -> None:
    """From here on nothing that changes outside changes a message: content, headers, keys, audience are stored."""
    wire = freeze(
        rendered,
        room.config.newsletter,
        edition=edition.name,
        return_path=room.config.delivery.return_path,
        key=room.signer.current,
    )
    now = room.clock()
    with write(room.engine) as connection:
        values = {"wire": wire.dumps(), "subject": rendered.subject, "started_at": now}
        if not editions.move(connection, edition.id, [Status.DRAFT, Status.APPROVED], Status.SENDING, **values):
            raise NotSent(f"the edition of {edition.day} was held or cancelled a moment ago")
        audience = deliveries.plan(connection, edition.id, now)
        editions.change(connection, edition.id, audience=audience)
        too_heavy = room.words.say("left out: the mail would have become too heavy")
        for article_id in rendered.left_out:
            editions.leave_out(connection, edition.id, article_id, too_heavy)


def deliver_edition(room: Newsroom, edition: Edition, watch: Watch) -> Report:
    """Send what is unsent of a frozen edition, and end it when every delivery has ended.

    Only for who holds the sending lock.
    """
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition.id)
        wire = WireTemplate.loads(editions.wire(connection, edition.id))
        watch.begun(report.of_edition(connection, edition))
    table = room.config.delivery
    run = Run(
        ledger=Ledger(room.engine, edition.id, room.clock),
        mailer=room.mailer,
        wire=wire,
        signer=room.signer,
        rules=table,
        until=(edition.started_at or room.clock()) + timedelta(hours=table.retry_for_hours),
        clock=room.clock,
        stop=watch.stop,
        ended=watch.ended,
    )
    recover(run)
    return _conclude(room, edition, deliver(run))


def _conclude(room: Newsroom, edition: Edition, ending: Ending) -> Report:
    """Write down how the run ended; the edition is sent when every delivery has ended."""
    problem = _problem(room, ending)
    with write(room.engine) as connection:
        if ending.end is End.DONE:
            values = {"ended_at": room.clock(), "remark": None}
            editions.move(connection, edition.id, [Status.SENDING], Status.SENT, **values)
        else:
            editions.change(connection, edition.id, remark=str(problem))
        edition = editions.by_id(connection, edition.id)
        found = report.of_edition(connection, edition, problem=problem)
        if ending.end is End.DONE and _refused_by_all(found, deliveries.reasons(connection, edition.id)):
            problem = Unavailable(f"the relay refused the edition for every subscriber: {ending.reply}")
    said = str(problem) if problem else f"sent to {found.accepted} of {found.audience} subscribers"
    return replace(found, said=said, problem=problem)


def _problem(room: Newsroom, ending: Ending) -> NewsletterError | None:
    via, reply = room.config.delivery.via, f": {ending.reply}" if ending.reply else ""
    match ending.end:
        case End.STOPPED:
            return Unfinished("stopped before the end; run `newsletter send` again to go on")
        case End.LOST:
            return Unfinished(f"the line to {via} keeps breaking{reply}; run `newsletter send` again to go on")
        case End.REFUSED:
            return Unavailable(f"the relay {via} refuses everything{reply}")
        case End.DONE:
            return None


def _refused_by_all(found: Report, reasons: Sequence[tuple[int | None, str]]) -> bool:
    """Every reader of several was rejected, and none for a fault of the address: it is the relay, or the mail."""
    if found.rejected != found.audience or found.audience < 2:
        return False
    return not any(is_about_address(code, reply) for code, reply in reasons)
