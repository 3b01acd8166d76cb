"""The day, from a folder of articles to an outbox: what `send` does, once, twice, late, held, in doubt."""

from __future__ import annotations

import json
import mailbox
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter import daily, dispatch, edit, instance, preview, report, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import AlreadyRunning, BadData, ConfigError, NotSent, TemplateError, Unavailable, Unfinished
from newsletter.model import EditionStatus, Outcome
from newsletter.model import Message as MailerMessage
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import deliveries, editions, runs, subscribers
from newsletter.store.database import read, sending_lock, write
from newsletter.store.subscribers import NewSubscriber
from tests.conftest import Clock, TickingClock, on_sqlite
from tests.fakes import ANSWERS, FakeMailer

ON_BOTH = True

DAY = date(2026, 11, 23)
Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]


def send(room: Newsroom, day: date = DAY, *, stop: Stop | None = None, **options: bool) -> Report:
    return daily.send(room, day, watch=Watch(stop if stop is not None else Stop(room.clock)), **options)


def readers(room: Newsroom, *names: str) -> None:
    subscribe.add(room, [f"{name}@lecteurs.example" for name in names or ("ama", "kodjo", "efua")], "test")


def outbox(room: Newsroom) -> list[Message]:
    """The editions in the outbox, notices to the editors left aside."""
    path = room.config.resolve("outbox")
    mails = list(mailbox.Maildir(path, create=False)) if path.exists() else []
    return [mail for mail in mails if mail["List-Id"]]


def notices(room: Newsroom) -> list[Message]:
    path = room.config.resolve("outbox")
    return [mail for mail in mailbox.Maildir(path, create=False) if not mail["List-Id"]] if path.exists() else []


def titles(room: Newsroom) -> list[str]:
    return [choice.candidate.article.title for choice in edit.look(room, None)[1] if choice.picked]


@pytest.fixture
def ready(room: Newsroom, add_article: Add) -> Newsroom:
    """Three readers, two articles."""
    readers(room)
    add_article("Le port rouvre", section="Économie")
    add_article("Le lycée ferme", section="Société", hours=3)
    return room


@pytest.fixture
def slow(ready: Newsroom, make_room: MakeRoom) -> Newsroom:
    """The same with one line to the relay, so that a run can be stopped after the first message."""
    return make_room("connections = 1")


# --- The plain day --------------------------------------------------------------------------------


def test_everybody_gets_the_edition_once(ready: Newsroom) -> None:
    found = send(ready)
    assert found.figures() == {
        "edition": "2026-11-23",
        "status": "sent",
        "articles": 2,
        "audience": 3,
        "accepted": 3,
        "rejected": 0,
        "pending": 0,
        "deferred": 0,
        "uncertain": 0,
        "skipped": 0,
        "seconds": 0.0,
    }
    assert sorted(mail["To"] for mail in outbox(ready)) == [
        f"{name}@lecteurs.example" for name in ("ama", "efua", "kodjo")
    ]
    assert len({mail["Message-ID"] for mail in outbox(ready)}) == 3


def test_a_large_audience_is_planned_in_many_steps_and_each_once(room: Newsroom, add_article: Add) -> None:
    people = [NewSubscriber(f"r{i}@lecteurs.example", f"r{i}@lecteurs.example") for i in range(2 * dispatch.CHUNK + 7)]
    with write(room.engine) as connection:
        for i in range(0, len(people), 500):
            subscribers.add(connection, people[i : i + 500], now=room.clock())
    add_article("Le port rouvre")
    made = daily.make_edition(room, DAY)
    with write(room.engine) as connection:  # a run died while it planned
        deliveries.plan(connection, made.edition.id, room.clock(), limit=100)
    assert report.of_day(room, DAY).pending == 0  # which counts for nothing
    stop = Stop(room.clock)
    room.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: stop.ask())
    found = send(room, stop=stop)
    assert (found.status, found.audience) == ("sending", len(people))
    assert found.accepted + found.pending == len(people)


def test_a_second_time_it_sends_nothing_and_says_so(ready: Newsroom, add_article: Add) -> None:
    send(ready)
    add_article("Une de plus")
    found = send(ready)
    assert (found.status, found.said, found.problem) == ("sent", "the edition of 2026-11-23 was already sent", None)
    assert len(outbox(ready)) == 3
    assert notices(ready) == []


def test_no_article_goes_out_twice(ready: Newsroom, add_article: Add, clock: Clock) -> None:  # F08
    send(ready)
    clock.move(days=1)
    add_article("Le lendemain", section="Sport")
    found = send(ready, date(2026, 11, 24))
    assert (found.edition, found.articles, found.accepted) == ("2026-11-24", 1, 3)
    assert titles(ready) == ["Le lendemain"]
    reasons = {choice.candidate.article.title: choice.reason for choice in edit.look(ready, None)[1]}
    assert "2026-11-23" in reasons["Le port rouvre"]


def test_nothing_new_is_no_error_and_no_mail(ready: Newsroom, clock: Clock) -> None:  # F07
    send(ready)
    clock.move(days=1)
    found = send(ready, date(2026, 11, 24))
    assert (found.status, found.articles, found.problem) == ("nothing_new", 0, None)
    assert found.said.startswith("nothing new today")
    assert len(outbox(ready)) == 3
    assert report.standing(ready).latest.status == "nothing_new"


def test_too_few_articles_wait_for_tomorrow(make_room: MakeRoom, add_article: Add, folder: Path, clock: Clock) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace("[pick]", "[pick]\nmin_articles = 2"))
    room = make_room()
    readers(room)
    add_article("Seul")
    assert send(room).status == "nothing_new"
    clock.move(hours=23)
    add_article("Pas seul")
    assert send(room, date(2026, 11, 24)).articles == 2


def test_an_article_of_a_missed_day_is_not_lost(ready: Newsroom, add_article: Add, clock: Clock) -> None:
    send(ready)
    clock.move(hours=2)
    add_article("Avant la panne", hours=0)
    clock.move(hours=46)
    assert send(ready, date(2026, 11, 25)).articles == 1


def test_the_first_run_does_not_mail_the_archive(room: Newsroom, add_article: Add) -> None:
    readers(room)
    for hours in range(2, 400, 20):
        add_article(f"Article d'il y a {hours} heures", hours=hours)
    assert send(room).articles == 2


def test_without_readers_nothing_is_frozen(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre")
    found = send(room)
    assert (found.status, found.audience) == ("draft", 0)
    assert "no active subscriber" in found.said
    readers(room)
    assert send(room).accepted == 3


def test_a_dry_run_says_what_would_be_and_leaves_nothing(ready: Newsroom) -> None:
    found = send(ready, dry_run=True)
    assert (found.status, found.articles, found.audience) == ("draft", 2, 3)
    assert "would send «" in found.said
    assert outbox(ready) == []
    with pytest.raises(BadData, match="no edition"):
        edit.look(ready, None)


def test_who_has_left_is_not_in_the_audience(ready: Newsroom) -> None:
    subscribe.remove(ready, "KODJO@lecteurs.example")
    assert send(ready).audience == 2


def test_spellings_of_one_address_are_one_reader(room: Newsroom, add_article: Add) -> None:  # R13
    add_article("Le port rouvre")
    for spelling in ("ama@bibliothèque.example", " AMA@BIBLIOTHÈQUE.example", "Ama@xn--bibliothque-59a.example"):
        subscribe.add(room, [spelling], None)
    assert send(room).accepted == 1


def test_the_whole_day_on_both_databases(
    empty_engine: Engine, make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    url = empty_engine.url.set(drivername=empty_engine.url.drivername.split("+")[0])
    room = make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False))
    readers(room)
    add_article("Le port rouvre")
    found = send(room)
    assert (found.accepted, found.audience) == (3, 3)
    assert found.said == "sent to 3 of 3 subscribers"
    assert "already sent" in send(room).said
    clock.move(days=1)
    add_article("Le lendemain")
    assert send(room, date(2026, 11, 24)).accepted == 3
    assert len(report.trace(room, subscribe.find(room, "ama@lecteurs.example")).deliveries) == 2


# --- Late, held, off-days ---------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "status"), [(-3, "sent"), (0, "sent"), (5.9, "sent"), (6.1, "late")])
def test_late_is_counted_from_the_hour_it_is_due(
    ready: Newsroom, clock: Clock, hours: float, status: str
) -> None:  # R09
    clock.move(hours=hours)
    assert send(ready).status == status


def test_too_late_tells_the_editors_once(ready: Newsroom, clock: Clock) -> None:
    clock.move(hours=7)
    for _ in range(3):
        found = send(ready)
        assert isinstance(found.problem, NotSent)
    assert outbox(ready) == []
    [notice] = notices(ready)
    assert notice["To"] == "redaction@journal.example"
    assert send(ready, regardless=True).status == "sent"


def test_another_day_s_edition_is_picked_as_of_that_day(ready: Newsroom, add_article: Add, clock: Clock) -> None:
    clock.move(days=1, hours=-2)
    add_article("Trop récent", hours=1)
    found = send(ready, DAY, regardless=True)
    assert (found.edition, found.articles) == ("2026-11-23", 2)


def test_no_edition_on_other_days(make_room: MakeRoom, folder: Path, add_article: Add) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text() + '\n[schedule]\ndays = "tue-sun"\n')
    room = make_room()
    readers(room)
    add_article("Le port rouvre")
    found = send(room)
    assert (found.status, found.problem) == ("nothing_new", None)
    assert "Monday" in found.said
    assert send(room, regardless=True).status == "sent"


def test_a_held_edition_waits_for_its_approval(ready: Newsroom) -> None:
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, EditionStatus.HELD)
    found = send(ready)
    assert found.status == "held"
    assert isinstance(found.problem, NotSent)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    assert send(ready).status == "sent"


def the_day_after(room: Newsroom, clock: Clock, add_article: Add) -> None:
    """The next day's edition goes out, with all that is still to be had."""
    clock.move(days=1)
    add_article("Le lendemain", section="Sport")
    assert send(room, date(2026, 11, 24)).status == "sent"


@pytest.mark.parametrize("decision", [EditionStatus.HELD, EditionStatus.CANCELLED])
def test_what_was_held_back_and_went_out_later_goes_out_once(
    ready: Newsroom, clock: Clock, add_article: Add, decision: EditionStatus
) -> None:  # F08
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, decision)
    the_day_after(ready, clock, add_article)
    assert len(titles(ready)) == 3
    with pytest.raises(BadData, match="carries no article"):
        edit.decide(ready, DAY, EditionStatus.APPROVED)
    assert edit.look(ready, DAY)[0].status is decision


def test_what_was_approved_and_not_sent_is_not_lost(ready: Newsroom, clock: Clock, add_article: Add) -> None:
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    the_day_after(ready, clock, add_article)
    assert set(titles(ready)) == {"Le port rouvre", "Le lycée ferme", "Le lendemain"}
    found = send(ready, DAY, regardless=True)  # and if somebody sends it all the same, it is empty by now
    assert (found.status, found.accepted) == ("nothing_new", 0)
    assert len(outbox(ready)) == 3
    reasons = [choice.reason for choice in edit.look(ready, DAY)[1]]
    assert all("2026-11-24" in reason for reason in reasons)


def test_an_edition_picked_anew_while_it_is_rendered_is_not_sent_as_it_was(
    ready: Newsroom, add_article: Add, clock: Clock
) -> None:
    made = daily.make_edition(ready, DAY)
    clock.move(seconds=1)
    add_article("Dernière minute", section="Politique", hours=0)
    daily.make_edition(ready, DAY)
    with pytest.raises(Unfinished, match="changed just now"):
        dispatch.send_edition(ready, made.edition, made.choices, Watch(Stop(clock)))
    assert send(ready).articles == 3


def test_a_day_can_be_cancelled_beforehand(ready: Newsroom) -> None:
    edit.decide(ready, DAY, EditionStatus.CANCELLED)
    assert send(ready).status == "cancelled"
    with pytest.raises(BadData, match="carries no article"):
        edit.decide(ready, DAY, EditionStatus.APPROVED)
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    assert send(ready).accepted == 3


def test_an_approved_edition_keeps_its_choice_a_draft_does_not(ready: Newsroom, add_article: Add) -> None:
    daily.make_edition(ready, DAY)
    add_article("Dernière minute", section="Politique", hours=0)
    daily.make_edition(ready, DAY)
    assert "Dernière minute" in titles(ready)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    add_article("Trop tard", section="Politique", hours=0)
    send(ready)
    assert "Trop tard" not in titles(ready)


def test_an_approved_edition_carries_the_last_wording(ready: Newsroom, add_article: Add) -> None:
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    add_article("Le port rouvre demain", name="le-port-rouvre", section="Économie")
    send(ready)
    assert "Le port rouvre demain" in titles(ready)


def test_an_editor_s_subject_goes_before_the_lead_s_title(ready: Newsroom) -> None:
    daily.make_edition(ready, DAY, subject="Ce matin à Lomé")
    daily.make_edition(ready, DAY)  # picked anew, the subject stays
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    send(ready)
    subjects = {str(make_header(decode_header(mail["Subject"]))) for mail in outbox(ready)}
    assert subjects == {"Ce matin à Lomé"}


def test_a_day_decided_beforehand_does_not_hide_today(ready: Newsroom) -> None:
    send(ready)
    edit.decide(ready, date(2026, 12, 25), EditionStatus.CANCELLED)
    assert report.standing(ready).latest.edition == "2026-11-23"
    assert edit.look(ready, None)[0].day == DAY
    assert edit.look(ready, date(2026, 12, 25))[0].status is EditionStatus.CANCELLED


def test_nothing_can_be_decided_once_it_is_sent(ready: Newsroom) -> None:
    send(ready)
    with pytest.raises(NotSent, match="is sent already"):
        edit.decide(ready, DAY, EditionStatus.HELD)


# --- Frozen ---------------------------------------------------------------------------------------


def test_what_changes_during_a_run_changes_no_later_mail(slow: Newsroom, add_article: Add, folder: Path) -> None:  # R12
    ready, stop = slow, Stop(slow.clock)
    first = FakeMailer(meanwhile=lambda message: stop.ask())
    ready.__dict__["mailer"] = first
    assert isinstance(send(ready, stop=stop).problem, Unfinished)
    add_article("Le port rouvre, mais autrement", name="le-port-rouvre", section="Économie")
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "templates" / "email" / "edition.txt").write_text("Autre chose")
    readers(ready, "late")
    second = FakeMailer()
    again = Newsroom(ready.config, clock=ready.clock)
    again.__dict__["mailer"] = second
    found = send(again)
    assert (found.status, found.accepted, found.audience) == ("sent", 3, 3)
    bodies = {
        content.split(b"\r\n\r\n", 1)[1].replace(recipient.encode(), b"X")[:400]
        for mails in (first.received, second.received)
        for recipient, contents in mails.items()
        for content in contents
    }
    assert len(first.received) + len(second.received) == 3
    assert b"autrement" not in b"".join(bodies)
    again.engine.dispose()


def test_an_article_that_has_gone_is_dropped_and_noted(ready: Newsroom, add_article: Add) -> None:
    lead = add_article("Retiré", section="Politique")
    daily.make_edition(ready, DAY)
    edit.decide(ready, DAY, EditionStatus.APPROVED)
    lead.unlink()
    assert send(ready).articles == 2
    choices = edit.look(ready, DAY)[1]
    assert [choice.place for choice in choices if choice.picked] == [1, 2]
    gone = next(choice for choice in choices if choice.candidate.article.title == "Retiré")
    assert not gone.picked
    assert gone.reason


def test_a_broken_template_sends_nothing_and_names_the_place(ready: Newsroom, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "edition.txt").write_text("Bonjour\n{{ edition.nowhere }}\n")
    found = send(ready)
    assert isinstance(found.problem, TemplateError)
    assert "edition.txt" in found.said
    assert outbox(ready) == []
    assert len(notices(ready)) == 1
    (own / "edition.txt").unlink()
    assert send(ready).accepted == 3


# --- Sources --------------------------------------------------------------------------------------


def test_one_bad_source_never_stops_the_others(make_room: MakeRoom, folder: Path, add_article: Add) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace("[pick]", '[[sources]]\nkind = "feed"\npath = "nowhere.xml"\n[pick]'))
    room = make_room()
    readers(room)
    add_article("Le port rouvre")
    assert send(room).accepted == 3
    assert [bool(one.error) for one in report.standing(room).sources] == [False, True]


def test_a_source_that_is_down_is_told_of(make_room: MakeRoom, folder: Path, add_article: Add) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace("[pick]", '[[sources]]\nkind = "feed"\npath = "nowhere.xml"\n[pick]'))
    room = make_room()
    readers(room)
    add_article("Le port rouvre")
    [remark] = send(room).remarks
    assert "nowhere.xml" in remark


def test_all_sources_failing_is_an_error(ready: Newsroom, folder: Path) -> None:
    for file in (folder / "articles").iterdir():
        file.unlink()
    (folder / "articles").rmdir()
    found = send(ready)
    assert isinstance(found.problem, Unavailable)
    assert found.said.startswith("all sources are down")
    assert len(notices(ready)) == 1


def test_no_source_at_all_is_a_matter_of_configuration(make_room: MakeRoom, folder: Path) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace('[[sources]]\nkind = "folder"\npath = "articles/"\n', ""))
    with pytest.raises(ConfigError, match="there is none"):
        send(make_room())


# --- Two at once, crashes, copies -----------------------------------------------------------------


def test_another_run_that_is_sending_is_said(ready: Newsroom) -> None:
    with sending_lock(ready.engine):
        found = send(ready)
    assert (found.status, found.problem) == ("already_running", None)
    assert found.said.startswith("another run is sending")


def test_many_starts_at_once_send_once(ready: Newsroom) -> None:  # R03
    mailer = FakeMailer()
    rooms = [Newsroom(ready.config, clock=ready.clock) for _ in range(6)]
    for one in rooms:
        one.__dict__["mailer"] = mailer
    barrier = threading.Barrier(len(rooms))
    found: list[str] = []

    def start(one: Newsroom) -> None:
        barrier.wait()
        found.append(send(one).status)

    threads = [threading.Thread(target=start, args=(one,)) for one in rooms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {"sent", "already_running"}
    assert "sent" in found
    assert [len(mails) for mails in mailer.received.values()] == [1, 1, 1]
    for one in rooms:
        one.engine.dispose()


def test_what_an_earlier_day_left_is_finished_first(slow: Newsroom, add_article: Add, clock: Clock) -> None:
    ready, stop = slow, Stop(clock)
    ready.__dict__["mailer"] = mailer = FakeMailer(meanwhile=lambda message: stop.ask())
    unfinished = send(ready, stop=stop)
    assert (unfinished.status, unfinished.accepted, unfinished.pending) == ("sending", 1, 2)
    clock.move(hours=10)
    again = Newsroom(ready.config, clock=clock)
    again.__dict__["mailer"] = mailer
    add_article("Le soir", hours=0)
    found = send(again, DAY)
    assert (found.edition, found.status) == ("2026-11-23", "sent")
    assert {len(mails) for mails in mailer.received.values()} == {1}
    assert len(mailer.received) == 3
    again.engine.dispose()


def left_by_yesterday(room: Newsroom, script: dict[str, list[str]]) -> None:
    """Yesterday's run was stopped, with the first reader's message put off and the others unsent."""
    stop = Stop(room.clock)
    room.__dict__["mailer"] = FakeMailer(script, meanwhile=lambda message: stop.ask())
    assert send(room, stop=stop).status == "sending"


def test_what_yesterday_s_edition_waits_for_does_not_keep_today_s_waiting(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    room = make_room("connections = 1\nretry_for_hours = 48")
    readers(room)
    add_article("Le port rouvre")
    left_by_yesterday(room, {"ama": ["later"]})
    clock.move(days=1)
    add_article("Le lendemain", hours=0)
    again = Newsroom(room.config, clock=TickingClock(clock.now))
    order: list[str] = []
    script = {"kodjo": ["later", "ok"]}
    again.__dict__["mailer"] = FakeMailer(script, meanwhile=lambda message: order.append(message.name[8:10]))
    found = send(again, date(2026, 11, 24))
    assert (found.edition, found.status, found.accepted) == ("2026-11-24", "sent", 3)
    assert [(one.edition, one.status, one.accepted) for one in found.earlier] == [("2026-11-23", "sent", 3)]
    # Kodjo's of yesterday is put off, and today's begins.
    assert order == ["23", "23", "23", "24", "24", "24", "23"]
    again.engine.dispose()


def test_an_edition_whose_time_ran_out_is_told_of(slow: Newsroom, add_article: Add, clock: Clock) -> None:
    left_by_yesterday(slow, {})
    clock.move(days=4)
    add_article("Le lendemain", hours=0)
    again = Newsroom(slow.config, clock=clock)
    found = send(again, date(2026, 11, 27))
    assert (found.edition, found.accepted, found.problem) == ("2026-11-27", 3, None)
    [earlier] = found.earlier
    assert (earlier.edition, earlier.status, earlier.rejected) == ("2026-11-23", "sent", 2)
    assert isinstance(earlier.problem, NotSent)
    assert "2 of 3 subscribers" in earlier.said
    [notice] = notices(again)
    assert "23 novembre" in str(make_header(decode_header(notice["Subject"])))
    again.engine.dispose()


def test_what_yesterday_did_not_finish_is_finished_today(slow: Newsroom, add_article: Add, clock: Clock) -> None:
    left_by_yesterday(slow, {})
    clock.move(days=1)
    add_article("Le lendemain", hours=0)
    again = Newsroom(slow.config, clock=clock)
    again.__dict__["mailer"] = mailer = FakeMailer()
    found = send(again, date(2026, 11, 24))
    assert (found.accepted, [one.accepted for one in found.earlier]) == (3, [3])
    assert len(mailer.offered) == 5
    again.engine.dispose()


def test_a_way_out_that_is_none_is_told_before_anything_is_frozen(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    broken = make_room('via = "smtp+starttls://user@relay.example:587"')  # and no password
    readers(broken)
    add_article("Le port rouvre")
    for options in ({"dry_run": True}, {}):
        with pytest.raises(ConfigError, match="NEWSLETTER_SMTP_PASSWORD"):
            send(broken, **options)
    assert edit.look(broken, DAY)[0].status is EditionStatus.DRAFT
    clock.move(days=1)
    mended = make_room("connections = 1")
    assert send(mended, date(2026, 11, 24)).articles == 1


def test_an_edition_that_reached_nobody_gives_its_articles_back(
    ready: Newsroom, add_article: Add, clock: Clock
) -> None:
    ready.__dict__["mailer"] = FakeMailer(default="policy")
    assert send(ready).rejected == 3
    clock.move(days=1)
    add_article("Le lendemain")
    again = Newsroom(ready.config, clock=clock)
    assert send(again, date(2026, 11, 24)).articles == 3
    again.engine.dispose()


def test_what_a_relay_refuses_of_yesterday_does_not_cost_today(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    room = make_room("connections = 1\nretry_for_hours = 48")
    readers(room, *[f"r{i}" for i in range(25)])
    add_article("Le port rouvre")
    room.__dict__["mailer"] = FakeMailer({"r0": ["ok"]}, default="policy")
    assert send(room).status == "sending"
    clock.move(days=1)
    add_article("Le lendemain")
    again = Newsroom(room.config, clock=clock)

    class Choosy(FakeMailer):
        def answer(self, message: MailerMessage, at_dot: Callable[[], None]) -> Outcome:
            refused = message.name.startswith("2026-11-23")
            return ANSWERS["policy"] if refused else super().answer(message, at_dot)

    again.__dict__["mailer"] = Choosy()
    found = send(again, date(2026, 11, 24))
    assert (found.edition, found.accepted, found.problem) == ("2026-11-24", 25, None)
    assert [type(one.problem) for one in found.earlier] == [Unavailable]
    again.engine.dispose()


def test_the_editors_are_told_of_a_relay_that_is_down(slow: Newsroom) -> None:
    room = Newsroom(slow.config, clock=TickingClock())
    room.__dict__["mailer"] = mailer = FakeMailer(default="lost")
    found = send(room)
    room.engine.dispose()
    assert (found.status, type(found.problem)) == ("sending", Unfinished)
    assert mailer.offered.count("redaction@journal.example") == 1


def test_the_run_that_finishes_the_day_s_edition_tells_of_it(slow: Newsroom) -> None:
    stop = Stop(slow.clock)
    slow.__dict__["mailer"] = FakeMailer({"kodjo": ["never"]}, meanwhile=lambda message: stop.ask())
    send(slow, stop=stop)
    found = send(slow)
    assert (found.status, found.accepted, found.rejected, found.already) == ("sent", 2, 1, False)
    assert found.said == "sent to 2 of 3 subscribers"


def test_every_delivery_ends_with_a_reason(ready: Newsroom) -> None:  # R11
    readers(ready, "yao", "zita")
    script = {"ama": ["never"], "kodjo": ["doubt", "doubt"], "efua": ["later", "ok"], "yao": ["lost", "ok"]}
    ticking = Newsroom(ready.config, clock=TickingClock())
    ticking.__dict__["mailer"] = FakeMailer(script)
    found = send(ticking)
    ticking.engine.dispose()
    assert found.status == "sent"
    assert (found.accepted, found.rejected, found.uncertain, found.skipped) == (3, 1, 1, 0)
    assert found.accepted + found.rejected + found.uncertain + found.skipped == found.audience
    for name in ("ama", "kodjo", "efua", "yao", "zita"):
        [(_edition, one, _id)] = report.trace(ready, subscribe.find(ready, f"{name}@lecteurs.example")).deliveries
        assert one.state.ended
        assert one.reply


def test_a_stop_before_the_edition_is_begun_freezes_nothing(ready: Newsroom) -> None:
    stop = Stop(ready.clock)
    stop.ask()
    found = send(ready, stop=stop)
    assert (found.status, found.audience) == ("draft", 0)
    assert isinstance(found.problem, Unfinished)
    assert send(ready).accepted == 3


def test_a_relay_that_refuses_everybody_is_unavailable(ready: Newsroom) -> None:
    ready.__dict__["mailer"] = FakeMailer(default="policy")
    found = send(ready)
    assert (found.status, found.rejected) == ("sent", 3)
    assert isinstance(found.problem, Unavailable)


@on_sqlite
def test_a_restored_backup_does_not_send_until_it_is_adopted(
    ready: Newsroom, folder: Path, clock: Clock, add_article: Add
) -> None:  # R10
    from newsletter.store.database import backup

    send(ready)
    backup(ready.engine, folder / "backup.db")
    clock.move(days=1)
    add_article("Le lendemain")
    send(ready, date(2026, 11, 24))
    ready.engine.dispose()
    for end in ("-wal", "-shm"):
        (folder / f"subscribers.db{end}").unlink(missing_ok=True)
    (folder / "backup.db").replace(folder / "subscribers.db")
    restored = Newsroom(ready.config, clock=clock)
    found = send(restored, date(2026, 11, 24))
    assert isinstance(found.problem, NotSent)
    assert "newsletter adopt" in found.said
    before = len(outbox(restored))
    instance.adopt(restored, go_on=False)
    assert send(restored, date(2026, 11, 24)).status == "sent"
    assert len(outbox(restored)) == before  # the same deliveries: an outbox knows them by their names
    restored.engine.dispose()


def test_a_copied_folder_does_not_send(ready: Newsroom, folder: Path) -> None:  # R10
    send(ready)
    state = folder / instance.STATE_FILE
    known = json.loads(state.read_text())
    state.write_text(json.dumps(known | {"machine": "another"}))
    with pytest.raises(NotSent, match="another machine"):
        instance.check(ready)
    state.unlink()
    with pytest.raises(NotSent, match="may be a copy"):
        instance.check(ready)
    state.write_text("rubbish")
    with pytest.raises(NotSent, match="cannot be read"):
        instance.check(ready)
    assert instance.adopt(ready, go_on=False, dry_run=True) == []
    with pytest.raises(NotSent):
        instance.check(ready)
    instance.adopt(ready, go_on=False)
    instance.check(ready)


def test_a_container_is_known_by_the_name_it_is_given(make_room: MakeRoom, folder: Path, add_article: Add) -> None:
    room = make_room(NEWSLETTER_INSTANCE="production")
    readers(room)
    add_article("Le port rouvre")
    assert send(room).status == "sent"
    assert not (folder / instance.STATE_FILE).exists()
    other = make_room(NEWSLETTER_INSTANCE="essai")
    with pytest.raises(NotSent, match="another instance"):
        instance.check(other)


def test_a_run_killed_while_the_stamp_is_renewed_raises_no_false_alarm(ready: Newsroom, folder: Path) -> None:
    instance.renew(ready)
    state = folder / instance.STATE_FILE
    known = json.loads(state.read_text())
    # The file is written first with both stamps: the database may carry either.
    state.write_text(json.dumps(known | {"stamps": [*known["stamps"], "the next one"]}))
    instance.check(ready)


def test_adopting_stops_what_the_original_may_have_finished(slow: Newsroom) -> None:
    ready, stop = slow, Stop(slow.clock)
    ready.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: stop.ask())
    send(ready, stop=stop)
    with read(ready.engine) as connection:
        [unfinished] = editions.sending(connection)
    assert [one.id for one in instance.adopt(ready, go_on=False)] == [unfinished.id]
    found = send(ready)
    assert (found.status, found.pending) == ("stopped", 0)
    assert found.uncertain + found.accepted == 3


def test_a_copy_is_not_adopted_while_a_run_is_sending(ready: Newsroom) -> None:
    send(ready)
    with sending_lock(ready.engine), pytest.raises(AlreadyRunning):
        instance.adopt(ready, go_on=False)


def test_each_test_mail_is_a_mail_of_its_own(ready: Newsroom) -> None:
    results = preview.send_test(ready, DAY, ["ama@lecteurs.example", "kodjo@lecteurs.example"])
    assert [address for address, _outcome in results] == ["ama@lecteurs.example", "kodjo@lecteurs.example"]
    mails = outbox(ready)
    assert sorted(mail["To"] for mail in mails) == ["ama@lecteurs.example", "kodjo@lecteurs.example"]
    assert len({mail["Message-ID"] for mail in mails}) == 2
    assert all("[Essai]" in str(make_header(decode_header(mail["Subject"]))) for mail in mails)
    preview.send_test(ready, DAY, ["ama@lecteurs.example"])
    assert len(outbox(ready)) == 3
    assert send(ready).accepted == 3  # the ledger knows nothing of it


def test_a_rehearsal_tells_what_could_not_be_mailed(ready: Newsroom, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "edition.txt").write_text("Bonjour\n")
    found = send(ready, dry_run=True)
    assert isinstance(found.problem, TemplateError)
    assert "unsubscribe" in found.said


def test_a_rehearsal_of_an_unfinished_edition_says_so(slow: Newsroom) -> None:
    left_by_yesterday(slow, {})
    found = send(slow, dry_run=True)
    assert (found.status, found.said) == (
        "sending",
        "would go on with the edition of 2026-11-23, which is not finished",
    )


def test_the_trace_tells_the_message_id_of_the_mail(ready: Newsroom) -> None:
    send(ready)
    [mail] = [mail for mail in outbox(ready) if mail["To"].startswith("ama")]
    [(edition, one, message_id)] = report.trace(ready, subscribe.find(ready, "ama@lecteurs.example")).deliveries
    assert (edition.name, one.state, message_id) == ("2026-11-23", "accepted", mail["Message-ID"])


# --- The calendar, the figures, copies ---------------------------------------------------------------


def test_a_day_with_a_clock_change_is_due_once_at_its_hour(
    make_room: MakeRoom, folder: Path, clock: Clock, add_article: Add
) -> None:  # R08
    """Due times and dates in a zone with clock changes."""
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace("Africa/Lome", "Europe/Paris"))
    room = make_room()
    zone = room.config.newsletter.zone
    seen = set()
    clock.now = datetime(2026, 3, 27, 5, 30, tzinfo=UTC)
    for _ in range(6):
        day = room.today()
        due = room.config.due(day).astimezone(UTC)
        assert due.astimezone(zone).hour == 6
        seen.add(day)
        clock.move(days=1)
    assert len(seen) == 6


def test_the_figures_of_a_running_edition_add_up(ready: Newsroom) -> None:
    edition = daily.make_edition(ready, DAY).edition
    with write(ready.engine) as connection:
        editions.move(connection, edition.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=ready.clock())
        editions.change(connection, edition.id, audience=deliveries.plan(connection, edition.id, ready.clock()))
        deliveries.claim(
            connection, edition.id, runs.begin(connection, edition.id, "here", ready.clock()), ready.clock(), 1
        )
    found = report.of_day(ready, DAY)
    assert (found.status, found.pending, found.audience) == ("sending", 3, 3)


@on_sqlite
def test_a_backup_never_sends_by_itself_whenever_it_was_made(ready: Newsroom, folder: Path) -> None:  # R10
    from newsletter.store.database import backup

    backup(ready.engine, folder / "backup.db")  # before anything was sent
    send(ready)
    ready.engine.dispose()
    for end in ("-wal", "-shm"):
        (folder / f"subscribers.db{end}").unlink(missing_ok=True)
    (folder / "backup.db").replace(folder / "subscribers.db")
    restored = Newsroom(ready.config, clock=ready.clock)
    assert isinstance(send(restored).problem, NotSent)
    assert len(outbox(restored)) == 3
    restored.engine.dispose()


@on_sqlite
def test_a_new_database_beside_an_old_state_file_does_not_send(ready: Newsroom, folder: Path) -> None:  # R10
    send(ready)
    ready.engine.dispose()
    for end in ("", "-wal", "-shm"):
        (folder / f"subscribers.db{end}").unlink(missing_ok=True)
    fresh = Newsroom(ready.config, clock=ready.clock)
    assert isinstance(send(fresh).problem, NotSent)
    fresh.engine.dispose()
