"""Extra editions and corrections: who gets what, once, and what it says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert, select

from cli import cli
from newsletter import (
    corrections,
    daily,
    dispatch,
    edit,
    gather,
    letters,
    metrics,
    monitor,
    preferences,
    preview,
    progress,
    report,
    resolve,
    shaping,
    subscribe,
)
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import BadData, NotSent
from newsletter.model import DeliveryState, Edition, EditionStatus, Message, Origin, Variant, Who
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import articles, audience, audit, deliveries, editions, subscribers
from newsletter.store.database import read, sending_lock, write
from newsletter.store.departures import STALE
from newsletter.store.schema import deliveries as ledger
from newsletter.store.schema import subscribers as people
from newsletter.store.subscribers import NewSubscriber
from tests.browser import everything
from tests.conftest import Clock
from tests.fakes import FakeMailer

ON_BOTH = True

Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]
Status, State = EditionStatus, DeliveryState
DAY = date(2026, 11, 23)
EFUA = Who("Efua")
TEXT = "Le port rouvre jeudi, et non mercredi.\n\nNous présentons nos excuses à nos lecteurs."
NAMES = ("ama", "kodjo", "efua", "yao")


def address(name: str) -> str:
    return f"{name}@lecteurs.example"


def send_day(room: Newsroom) -> Report:
    return daily.send(room, room.today(), watch=Watch(Stop(room.clock)))


def send(room: Newsroom, edition: Edition) -> Report:
    """Approve an edition, and send it as whoever holds the lock does."""
    edition = edit.decide(room, edition.day, Status.APPROVED, who=EFUA, slot=edition.slot)
    _, choices = edit.look(room, None, edition.name)
    with sending_lock(room.engine) as still_ours:
        return dispatch.send_edition(room, edition, choices, Watch(Stop(room.clock), still_ours))


def named(room: Newsroom, name: str) -> Edition:
    return edit.named(room, None, name)


@pytest.fixture
def room(make_room: MakeRoom) -> Newsroom:
    return make_room("connections = 1")


@pytest.fixture
def mailer(room: Newsroom) -> FakeMailer:
    found = FakeMailer({"yao": ["full"]})
    room.__dict__["mailer"] = found
    return found


@pytest.fixture
def sent(room: Newsroom, add_article: Add, mailer: FakeMailer) -> Newsroom:
    """The day's edition has gone to three of four readers; the relay refused the fourth."""
    subscribe.add(room, [address(name) for name in NAMES], "test")
    add_article("Le port rouvre mercredi", section="Économie", author="Ama K.")
    add_article("Le lycée ferme", section="Société", hours=3)
    assert send_day(room).accepted == 3
    mailer.offered.clear()
    mailer.received.clear()
    return room


# --- An extra edition -------------------------------------------------------------------------------


def test_an_extra_edition_begins_with_nothing_and_knows_all(sent: Newsroom, add_article: Add) -> None:
    add_article("La grève commence", hours=0.1)
    gather.collect(sent)
    made = corrections.make_extra(sent, DAY, EFUA)
    assert (made.name, made.status, made.shaped, made.corrects) == ("2026-11-23-extra", Status.DRAFT, True, None)
    _, choices = edit.look(sent, None, made.name)
    assert not any(one.picked for one in choices)
    reasons = {one.article.title: one.reason for one in choices}
    assert reasons["La grève commence"] == "libre\u00a0: pas encore choisi"
    assert "2026-11-23" in reasons["Le lycée ferme"]  # it went out in the day's
    with read(sent.engine) as connection:
        [entry] = audit.of_edition(connection, made.id)
    assert (entry.act, entry.who, entry.version) == ("make_extra", EFUA, 1)


def test_an_extra_edition_goes_to_all_who_receive_editions(
    sent: Newsroom, add_article: Add, mailer: FakeMailer
) -> None:
    add_article("La grève commence", hours=0.1)
    gather.collect(sent)
    made = corrections.make_extra(sent, DAY, EFUA)
    [wanted] = [one for one in edit.look(sent, None, made.name)[1] if one.article.title == "La grève commence"]
    shaping.add(sent, EFUA, made.id, wanted.candidate.id)
    preferences.pause(sent, subscribe.find(sent, address("kodjo")), Origin("link"))
    found = send(sent, made)
    assert (found.edition, found.status, found.audience) == ("2026-11-23-extra", "sent", 3)
    assert sorted(mailer.offered) == [address(name) for name in ("ama", "efua", "yao")]


def test_what_went_out_is_in_no_extra_edition(sent: Newsroom) -> None:
    made = corrections.make_extra(sent, DAY, EFUA)
    [port] = [one for one in edit.look(sent, None, made.name)[1] if "port" in one.article.title]
    with pytest.raises(BadData, match="is in the edition of 2026-11-23 already"):
        shaping.add(sent, EFUA, made.id, port.candidate.id)


def test_a_note_with_a_subject_is_an_edition_too(sent: Newsroom, mailer: FakeMailer) -> None:
    made = corrections.make_extra(sent, DAY, EFUA)
    with pytest.raises(BadData, match="carries no article: take one in, or give it a note and a subject"):
        edit.decide(sent, DAY, Status.APPROVED, slot="extra")
    shaping.write_words(sent, EFUA, made.id, {"note": "Le journal ne paraît pas demain."})
    with pytest.raises(BadData, match="a note and a subject"):
        edit.decide(sent, DAY, Status.APPROVED, slot="extra")
    shaping.write_words(sent, EFUA, made.id, {"subject": "Demain, pas de journal"})
    shown = preview.preview(sent, None, "2026-11-23-extra")
    assert (shown.subject, "ne paraît pas demain" in shown.text) == ("Demain, pas de journal", True)
    assert send(sent, made).accepted == 4
    assert b"Demain" in mailer.received[address("ama")][0]


def test_extra_editions_are_numbered_and_an_untouched_one_is_given_again(sent: Newsroom) -> None:
    first = corrections.make_extra(sent, DAY, EFUA)
    assert corrections.make_extra(sent, DAY, EFUA) == first
    shaping.write_words(sent, EFUA, first.id, {"note": "Une note."})
    assert corrections.make_extra(sent, DAY, EFUA).slot == "extra-2"
    assert corrections.make_extra(sent, DAY, EFUA, dry_run=True).slot == "extra-2"
    assert corrections.make_extra(sent, DAY + timedelta(days=1), EFUA, dry_run=True).slot == "extra"
    with pytest.raises(BadData, match="no edition 2026-11-24-extra"):
        edit.look(sent, None, "2026-11-24-extra")


def test_the_day_s_own_edition_leaves_out_what_an_extra_has_sent(
    room: Newsroom, add_article: Add, mailer: FakeMailer
) -> None:
    subscribe.add(room, [address("ama")], "test")
    add_article("Le port rouvre")
    add_article("Le lycée ferme", hours=3)
    daily.make_edition(room, DAY)
    made = corrections.make_extra(room, DAY, EFUA)
    [port] = [one for one in edit.look(room, None, made.name)[1] if "port" in one.article.title]
    shaping.add(room, EFUA, made.id, port.candidate.id)
    assert send(room, made).articles == 1
    assert send_day(room).articles == 1
    _, choices = edit.look(room, DAY)
    assert [one.article.title for one in choices if one.picked] == ["Le lycée ferme"]


# --- A correction: what can be corrected ------------------------------------------------------------


def test_a_correction_is_a_draft_that_says_what_it_is(sent: Newsroom) -> None:
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    assert (made.name, made.status, made.note) == ("2026-11-23-correction", Status.DRAFT, TEXT)
    assert made.subject == "Rectificatif\u00a0: Le lycée ferme"
    assert made.corrects == named(sent, "2026-11-23").id
    assert corrections.make_correction(sent, made.corrects, TEXT, EFUA) == made  # pressed twice
    assert corrections.make_correction(sent, made.corrects, "Autre chose.", EFUA).slot == "correction-2"
    with read(sent.engine) as connection:
        [entry] = audit.of_edition(connection, made.id)
    assert (entry.act, entry.after["corrects"]) == ("make_correction", "2026-11-23")


def test_a_correction_is_of_the_day_on_which_it_is_made(sent: Newsroom, clock: Clock) -> None:
    clock.move(days=2)
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA, subject="Le port, jeudi")
    assert (made.name, made.subject) == ("2026-11-25-correction", "Le port, jeudi")


def test_what_cannot_be_corrected(sent: Newsroom) -> None:
    original = named(sent, "2026-11-23").id
    for text in ("", " \n\n ", "x" * 3001):
        with pytest.raises(BadData):
            corrections.make_correction(sent, original, text, EFUA)
    with pytest.raises(BadData, match="carried no article 99"):
        corrections.make_correction(sent, original, TEXT, EFUA, article=99)
    extra = corrections.make_extra(sent, DAY, EFUA)
    with pytest.raises(NotSent, match="did not go out"):
        corrections.make_correction(sent, extra.id, TEXT, EFUA)
    made = corrections.make_correction(sent, original, TEXT, EFUA)
    send(sent, made)
    with pytest.raises(NotSent, match="correct the edition 2026-11-23 once more"):
        corrections.make_correction(sent, made.id, TEXT, EFUA)


def test_a_rehearsal_keeps_nothing(sent: Newsroom) -> None:
    proposal = corrections.propose(sent, named(sent, "2026-11-23").id, TEXT)
    assert (proposal.readers, proposal.waiting, proposal.edition.note) == (3, 0, TEXT)
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA, dry_run=True)
    with pytest.raises(BadData, match="no edition"):
        named(sent, made.name)


# --- Its audience -----------------------------------------------------------------------------------


def test_it_goes_to_those_who_have_the_edition_and_nobody_else(sent: Newsroom, mailer: FakeMailer) -> None:
    subscribe.add(sent, [address("nouvelle")], "test")  # receives editions, but has not this one
    preferences.pause(sent, subscribe.find(sent, address("kodjo")), Origin("link"))  # has it: a pause is no matter
    subscribe.remove(sent, address("efua"))  # has it, and has left
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    assert corrections.readers(sent, made) == 2
    found = send(sent, made)
    assert (found.status, found.audience, found.accepted) == ("sent", 2, 2)
    assert sorted(mailer.offered) == [address("ama"), address("kodjo")]
    assert corrections.readers(sent, named(sent, "2026-11-23")) == 3  # of an edition: who receives them now


def test_who_leaves_or_pauses_while_it_is_sent(sent: Newsroom) -> None:
    def meanwhile(message: object) -> None:
        if not mailer.offered:
            subscribe.remove(sent, address("efua"))
            preferences.pause(sent, subscribe.find(sent, address("kodjo")), Origin("link"))
            time.sleep(2 * STALE)  # as long as PostgreSQL need not be asked again

    mailer = sent.__dict__["mailer"] = FakeMailer(meanwhile=meanwhile)
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    found = send(sent, made)
    assert (found.accepted, found.skipped) == (2, 1)
    assert mailer.offered == [address("ama"), address("kodjo")]


def test_with_nobody_left_nothing_is_sent(sent: Newsroom) -> None:
    for name in ("ama", "kodjo", "efua"):
        subscribe.remove(sent, address(name))
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    found = send(sent, made)
    assert found.said == "nobody to send to: no active subscriber has the edition that it corrects"
    assert named(sent, made.name).status is Status.APPROVED


def test_one_that_was_begun_is_finished_by_the_next_send(sent: Newsroom, add_article: Add, clock: Clock) -> None:
    stop = Stop(sent.clock)
    mailer = sent.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: stop.ask())
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    made = edit.decide(sent, DAY, Status.APPROVED, slot=made.slot)
    with sending_lock(sent.engine) as still_ours:
        found = dispatch.send_edition(sent, made, [], Watch(stop, still_ours))
    assert found.status == "sending"
    assert 0 < found.accepted < 3
    seen = progress.look(sent)
    assert (seen.report.edition, seen.running) == (made.name, True)
    assert monitor.complaints(sent) == [
        f"the edition of {made.name} is not finished ({3 - found.accepted} of 3 left), and nobody is sending:"
        " run `newsletter send` again"
    ]
    clock.move(hours=1)
    told = send_day(sent)
    assert [(one.edition, one.status, one.accepted) for one in told.earlier] == [(made.name, "sent", 3)]
    assert sorted(mailer.received) == [address(name) for name in ("ama", "efua", "kodjo")]
    assert all(len(copies) == 1 for copies in mailer.received.values())


def test_who_has_it_by_a_dead_run_s_journal_alone_gets_it_too(room: Newsroom, add_article: Add) -> None:
    """The run that sent the edition was killed before what it knew stood in the database."""

    def die(message: Message) -> None:
        if message.recipient == address("efua"):
            raise Killed

    class Killed(BaseException):
        pass

    subscribe.add(room, [address(name) for name in NAMES], "test")
    add_article("Le port rouvre mercredi")
    room.__dict__["mailer"] = FakeMailer(meanwhile=die)
    with pytest.raises(Killed):
        send_day(room)
    original = named(room, "2026-11-23")
    mailer = room.__dict__["mailer"] = FakeMailer()
    made = corrections.make_correction(room, original.id, TEXT, EFUA)
    found = send(room, made)
    assert (found.audience, sorted(mailer.offered)) == (2, [address("ama"), address("kodjo")])
    assert [one.edition for one in send_day(room).earlier] == []  # the day's own goes on, and ends
    assert named(room, "2026-11-23").status is Status.SENT
    assert {name: len(copies) for name, copies in mailer.received.items()} == {
        address("ama"): 1,
        address("kodjo"): 1,
        address("efua"): 1,
        address("yao"): 1,
    }


# On both databases, with every state that a delivery can be in, and every standing of a reader.


def fill(engine: Engine, clock: Clock) -> tuple[Edition, list[str]]:
    """An edition that was sent, and who is to get its correction."""
    wanted, now = [], clock()
    with write(engine) as connection:
        original = editions.keep_draft(connection, DAY, "daily", now, [])
        editions.change(connection, original.id, status=Status.SENT, started_at=now)
        other = editions.keep_draft(connection, DAY - timedelta(days=1), "daily", now, [])
        for state in State:
            for standing in ("active", "paused", "unsubscribed", "forgotten", "complained"):
                for late in (False, True):
                    name = address(f"{state}-{standing}-{late}".lower())
                    [number] = subscribers.add(connection, [NewSubscriber(name, name)], now=now)
                    row = {"edition_id": original.id, "subscriber_id": number, "address": name, "late": late}
                    connection.execute(insert(ledger).values(**row, state=state, at=now))
                    row = {"edition_id": other.id, "subscriber_id": number, "address": name}
                    connection.execute(insert(ledger).values(**row, state=State.ACCEPTED, at=now))
                    if standing == "paused":
                        subscribers.pause(connection, number, now + timedelta(days=9))
                    elif standing != "active":
                        subscribers.set_status(connection, number, subscribers.Status(standing), now)
                    if state is State.ACCEPTED and standing in ("active", "paused"):
                        wanted.append(name)
        subscribers.add(connection, [NewSubscriber(address("neuf"), address("neuf"))], now=now)
        made = editions.keep_beside(connection, DAY, "correction", now, [], corrects=original.id)
    return made, sorted(wanted)


@pytest.mark.parametrize("limit", [None, 1, 7])
def test_the_audience_of_a_correction(engine: Engine, clock: Clock, limit: int | None) -> None:
    made, wanted = fill(engine, clock)
    assert len(wanted) == 4
    with read(engine) as connection:
        assert audience.readers(connection, made, clock()) == 4
        assert made.corrects is not None
        assert audience.waiting(connection, made.corrects) == 4 * 5 * 2
    after: int | None = 0
    while after is not None:
        with write(engine) as connection:
            after = audience.plan(connection, made, clock(), after=after, limit=limit)
    with read(engine) as connection:
        rows = connection.execute(select(ledger).where(ledger.c.edition_id == made.id)).all()
        assert sorted(row.address for row in rows) == wanted
        assert {(row.state, row.late) for row in rows} == {("pending", False)}
        assert deliveries.audience(connection, made.id) == 4


def test_it_goes_to_the_address_and_in_the_shape_that_hold_now(engine: Engine, clock: Clock) -> None:
    made, wanted = fill(engine, clock)
    with write(engine) as connection:
        known = subscribers.find(connection, wanted[0])
        assert known is not None
        subscribers.name_again(connection, known.id, NewSubscriber("nouvelle@x.example", "nouvelle@x.example"))
        subscribers.set_variant(connection, known.id, Variant.TEXT)
        audience.plan(connection, made, clock())
        here = ledger.c.edition_id == made.id, ledger.c.subscriber_id == known.id
        row = connection.execute(select(ledger).where(*here)).one()
    assert (row.address, row.variant) == ("nouvelle@x.example", "text")


def test_two_who_make_one_at_once_get_two_slots(engine: Engine, clock: Clock) -> None:
    made, _ = fill(engine, clock)
    with write(engine) as connection:
        second = editions.keep_beside(connection, DAY, "correction", clock(), [], corrects=made.corrects)
        third = editions.keep_beside(connection, DAY, "correction", clock(), [], corrects=made.corrects)
    assert [made.slot, second.slot, third.slot] == ["correction", "correction-2", "correction-3"]


def test_planning_one_for_many_costs_what_an_edition_does(engine: Engine, clock: Clock) -> None:
    """100,000 readers: as a ratio to the usual plan, so that a slow machine does not fail it."""
    many, now = 100_000, clock()
    with write(engine) as connection:
        rows = [
            {
                "address": f"r{i}@x.example",
                "key": f"r{i}@x.example",
                "status": "active",
                "since": now,
                "created_at": now,
            }
            for i in range(many)
        ]
        for i in range(0, many, 10_000):
            connection.execute(insert(people), rows[i : i + 10_000])
        first = editions.keep_draft(connection, DAY, "daily", now, [])
        made = editions.keep_beside(connection, DAY, "correction", now, [], corrects=first.id)

    def plan(edition: Edition) -> float:
        began, after = time.perf_counter(), 0
        while True:
            with write(engine) as connection:
                found = audience.plan(connection, edition, now, after=after, limit=dispatch.CHUNK)
            if found is None:
                return time.perf_counter() - began
            after = found

    usual = plan(first)
    with write(engine) as connection:
        connection.execute(ledger.update().values(state=State.ACCEPTED))
    cost = plan(made)
    with read(engine) as connection:
        assert deliveries.audience(connection, made.id) == many
    assert cost < 5 * usual + 1


# --- What it says -----------------------------------------------------------------------------------


def test_the_mail_says_what_it_is_and_what_it_corrects(sent: Newsroom) -> None:
    [port] = [one for one in edit.look(sent, DAY)[1] if "port" in one.article.title]
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA, article=port.candidate.id)
    shown = preview.preview(sent, None, made.name)
    for text in (shown.html, shown.text, shown.whatsapp):
        assert "Rectificatif" in text
        assert "lundi 23 novembre 2026" in text.replace("\u00a0", " ")
        assert "https://lettre.journal.example/archive/2026-11-23" in text
        assert "jeudi, et non mercredi" in text
        assert "Le port rouvre mercredi" in text  # the article, by its title
        assert "Texte de l’article" not in text  # its summary may be what is wrong
    assert "« Le lycée ferme »" in shown.text.replace("\u00a0", " ")
    assert shown.html.index("jeudi, et non mercredi") < shown.html.index("Le port rouvre mercredi")
    assert "L’article concerné" in shown.html
    assert "À la une" not in shown.html
    assert "Partager cette édition" not in shown.html


def test_without_its_text_it_does_not_go(sent: Newsroom) -> None:
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    made = edit.decide(sent, DAY, Status.APPROVED, slot=made.slot)
    shaping.write_words(sent, EFUA, made.id, {"note": "", "subject": ""})
    with sending_lock(sent.engine) as still_ours:
        now, choices = edit.look(sent, None, made.name)
        found = dispatch.send_edition(sent, now, choices, Watch(Stop(sent.clock), still_ours))
    assert (found.edition, found.status) == (made.name, "nothing_new")
    with pytest.raises(BadData, match="has no text"):
        edit.decide(sent, DAY, Status.APPROVED, slot=made.slot)
    shaping.write_words(sent, EFUA, made.id, {"note": "Voici."})
    assert preview.preview(sent, None, made.name).subject == "Rectificatif\u00a0: Le lycée ferme"  # without another


def test_a_missing_edition_is_missed_beside_an_extra_one(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="08:00")
    made = corrections.make_extra(room, DAY, EFUA)
    with write(room.engine) as connection:
        editions.change(connection, made.id, status=Status.SENT, started_at=clock())
    clock.move(hours=2)
    assert [day for day, _ in monitor.overdue(room, room.words)] == [DAY]


def test_a_usual_mail_is_as_it_was(sent: Newsroom) -> None:
    shown = preview.preview(sent, DAY)
    assert "Rectificatif" not in shown.html + shown.text + shown.whatsapp
    assert "À la une" in shown.html


def test_an_article_of_a_correction_stays_free_for_nobody(sent: Newsroom, clock: Clock, add_article: Add) -> None:
    [port] = [one for one in edit.look(sent, DAY)[1] if "port" in one.article.title]
    clock.move(days=1)
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA, article=port.candidate.id)
    assert send(sent, made).articles == 1  # though the day's edition carries it already
    with read(sent.engine) as connection:
        known = articles.chosen(connection, [port.candidate.id])[port.candidate.id]
    assert known.used_in == "2026-11-23"  # where it stood first, not where it was corrected


# --- Beside the day's edition -----------------------------------------------------------------------


def test_reports_stay_the_day_s(sent: Newsroom, mailer: FakeMailer) -> None:
    made = corrections.make_correction(sent, named(sent, "2026-11-23").id, TEXT, EFUA)
    assert report.standing(sent).latest.edition == "2026-11-23"
    with read(sent.engine) as connection:
        assert report.of_edition(connection, made).status == "draft"  # without an article, and yet something
    send(sent, made)
    assert report.standing(sent).latest.edition == "2026-11-23"
    assert metrics.figures(sent)["edition"] == "2026-11-23"
    assert monitor.complaints(sent) == []
    story = report.trace(sent, subscribe.find(sent, address("ama")))
    assert [edition.name for edition, _, _ in story.deliveries] == [made.name, "2026-11-23"]
    assert story.deliveries[0][2].startswith("<2026-11-23-correction.")
    assert [(one.edition, one.status, one.accepted) for one in report.standing(sent).beside] == [(made.name, "sent", 3)]
    again = send_day(sent)
    assert (again.edition, again.already, again.accepted) == ("2026-11-23", True, 3)


def test_doubts_about_one_are_the_latest(make_room: MakeRoom, add_article: Add) -> None:
    room = make_room('on_uncertain = "hold"')
    room.__dict__["mailer"] = FakeMailer({"ama": ["ok", "doubt", "ok"]})
    subscribe.add(room, [address("ama"), address("kodjo")], "test")
    add_article("Le port rouvre")
    send_day(room)
    made = corrections.make_correction(room, named(room, "2026-11-23").id, TEXT, EFUA)
    assert send(room, made).uncertain == 1
    assert resolve.doubts(room, None).edition.name == made.name
    assert resolve.doubts(room, None, name="2026-11-23").uncertain == []
    with pytest.raises(BadData, match="no edition 2026-11-23-extra"):
        resolve.doubts(room, None, name="2026-11-23-extra")
    resolve.resolve(room, None, "resend", name=made.name)
    told = send_day(room)
    assert [(one.edition, one.accepted, one.uncertain) for one in told.earlier] == [(made.name, 2, 0)]


def test_what_cannot_be_sent_is_told_of_itself(sent: Newsroom, add_article: Add, folder: Path) -> None:
    gone = add_article("La grève commence", hours=0.1)
    gather.collect(sent)
    made = corrections.make_extra(sent, DAY, EFUA)
    [wanted] = [one for one in edit.look(sent, None, made.name)[1] if "grève" in one.article.title]
    shaping.add(sent, EFUA, made.id, wanted.candidate.id)
    gone.unlink()
    found = send(sent, made)
    assert (found.edition, found.status) == ("2026-11-23-extra", "nothing_new")
    assert found.accepted == 0


def test_trouble_with_one_hides_no_trouble_of_the_day(sent: Newsroom) -> None:
    def tell(name: str) -> int:
        problem = NotSent("the relay is down")
        return letters.tell_editors(sent, Report(name, "sending", day=DAY, said=str(problem), problem=problem))

    assert [tell("2026-11-23-extra"), tell("2026-11-23"), tell("2026-11-23"), tell("2026-11-23-extra")] == [1, 1, 0, 0]
    notices = [one for one in everything(sent)["letters"] if one.kind == "notice"]
    details = [json.loads(one.details) for one in notices]
    assert [one["subject"].partition("\u00a0: ")[2] for one in details] == [
        "l’édition 2026-11-23-extra demande un coup d’œil",
        "l’édition du lundi 23 novembre 2026 n’est pas terminée",
    ]
    assert "newsletter edition explain --edition 2026-11-23-extra" in details[0]["text"]


# --- The commands -----------------------------------------------------------------------------------


@pytest.fixture
def run(sent: Newsroom, folder: Path) -> Callable[..., str]:
    def run(*words: str, code: int = 0, input: str | None = None) -> str:
        done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *words], input=input)
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_status_tells_what_stands_beside_the_day_s(make_room: MakeRoom, folder: Path) -> None:
    room = make_room()
    room.clock = lambda: datetime.now(UTC)  # the command looks at the real one
    made = corrections.make_extra(room, room.today(), EFUA)
    told = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "status"])
    assert f"edition {made.name}: draft, 0 articles" in told.output
    told = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "status", "--json"])
    assert [one["edition"] for one in json.loads(told.output)["beside"]] == [made.name]


def test_the_commands(run: Callable[..., str], folder: Path, tmp_path: Path) -> None:
    assert "edition 2026-11-23-extra: would be draft" in run("edition", "extra", "--date", "2026-11-23", "--dry-run")
    made = json.loads(run("edition", "extra", "--date", "2026-11-23", "--json"))
    assert made == {"edition": "2026-11-23-extra", "status": "draft"}
    assert "draft, 0 articles" in run("edition", "show", "--edition", "2026-11-23-extra")
    assert len(json.loads(run("edition", "explain", "--edition", "2026-11-23-extra", "--json"))) == 2
    assert "a note and a subject" in run("edition", "approve", "--edition", "2026-11-23-extra", code=65)
    assert "cancelled" in run("edition", "cancel", "--edition", "2026-11-23-extra")
    said = json.loads(run("edition", "correct", "2026-11-23", "--text", "-", "--json", input=TEXT))
    name = said["edition"]
    assert (said["corrects"], said["readers"], said["status"]) == ("2026-11-23", 3, "draft")
    (tmp_path / "t.txt").write_text("Autre chose.", encoding="utf-8")
    line = run("edition", "correct", "2026-11-23", "--file", str(tmp_path / "t.txt"), "--subject", "Pardon")
    assert "« Pardon », for 3 readers" in line
    shown = json.loads(run("preview", "--edition", name, "--out", str(tmp_path / "out"), "--json"))
    assert (shown["edition"], shown["subject"]) == (name, "Rectificatif\u00a0: Le lycée ferme")
    assert "jeudi, et non mercredi" in (tmp_path / "out" / "whatsapp.txt").read_text(encoding="utf-8")
    assert "would be sent a test" in run("test-send", "redaction@journal.example", "--edition", name, "--dry-run")
    assert "held" in run("edition", "hold", "--edition", name)
    assert f"edition {name}: approved" in run("edition", "approve", "--edition", name)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["edition", "show", "--edition", "2026-11-23", "--date", "2026-11-23"], 2, "one or the other"),
        (["edition", "show", "--edition", "2026-11-23-nothing"], 65, "there is no edition 2026-11-23-nothing"),
        (["edition", "correct", "2026-11-23"], 2, "--text or --file"),
        (["edition", "correct", "2026-11-23", "--text", "a", "--file", "b"], 2, "one of them"),
        (["edition", "correct", "2026-11-23", "--file", "none.txt"], 2, "none.txt"),
        (["edition", "correct", "2026-11-23", "--text", " "], 65, "without a text"),
        (["edition", "correct", "2026-11-30", "--text", "a"], 65, "there is no edition 2026-11-30"),
    ],
)
def test_what_the_commands_refuse(run: Callable[..., str], words: list[str], code: int, said: str) -> None:
    assert said in run(*words, code=code)
