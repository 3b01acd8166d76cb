"""Who watches the sender: a service that is pinged, the editors at their hour, `status --strict`."""

from __future__ import annotations

import json
import mailbox
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import daily, edit, gather, monitor, post, preferences, report, runner, subscribe, tidy
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import ConfigError
from newsletter.fetch import Fetcher
from newsletter.model import EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import notes
from newsletter.store.database import read, sending_lock, write
from tests.conftest import Clock
from tests.fakes import FakeMailer
from tests.site import Handler, Site, serving

DAY = date(2026, 11, 23)
Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]


def send(room: Newsroom, *, stop: Stop | None = None, **options: bool) -> Report:
    return daily.send(room, room.today(), watch=Watch(stop or Stop(room.clock)), **options)


def notices(room: Newsroom) -> list[str]:
    """What has been written to the editors."""
    path = room.config.resolve("outbox")
    mails = list(mailbox.Maildir(path, create=False)) if path.exists() else []
    texts = [mail.get_payload(decode=True) for mail in mails if not mail["List-Id"]]
    return [text.decode() for text in texts if isinstance(text, bytes)]


# --- The ping ---------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[Site]:
    """A monitoring service on the loopback."""
    with serving() as site:
        for path in ("/ping/abc", "/ping/abc/fail"):
            site.answers[path] = lambda handler: handler.give(200, b"OK")
        yield site


@pytest.fixture
def watched(service: Site, make_room: MakeRoom, add_article: Add) -> Newsroom:
    room = make_room(NEWSLETTER_MONITOR_PING_URL=service.url("/ping/abc"))
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    add_article("Le port rouvre")
    return room


def pings(service: Site) -> list[str]:
    """The paths called so far, which are then forgotten."""
    found = [path for _, path, _ in service.seen]
    service.seen.clear()
    return found


def test_success_and_nothing_new_are_told(watched: Newsroom, service: Site, clock: Clock) -> None:
    send(watched, dry_run=True)
    assert pings(service) == []
    assert send(watched).status == "sent"
    assert pings(service) == ["/ping/abc"]
    assert send(watched).already
    assert pings(service) == ["/ping/abc"]
    clock.move(days=1)
    assert send(watched).status == "nothing_new"
    assert pings(service) == ["/ping/abc"]


def test_a_failure_is_told_as_one(watched: Newsroom, service: Site, clock: Clock) -> None:
    watched.__dict__["mailer"] = FakeMailer(default="refused")
    send(watched)
    assert pings(service) == ["/ping/abc/fail"]
    clock.move(days=1, hours=7)
    watched.__dict__["mailer"] = FakeMailer()
    assert send(watched).status == "late"
    assert pings(service) == ["/ping/abc/fail"]


def test_a_fault_of_the_program_is_told_too(watched: Newsroom, service: Site) -> None:
    class Broken(FakeMailer):
        def lines(self, count: int) -> None:  # type: ignore[override]
            raise RuntimeError("a fault of the program")

    watched.__dict__["mailer"] = Broken()
    with pytest.raises(RuntimeError):
        send(watched)
    assert pings(service) == ["/ping/abc/fail"]


def test_an_error_of_the_configuration_is_told_too(watched: Newsroom, service: Site, make_room: MakeRoom) -> None:
    via = 'via = "smtp+starttls://user@relay.example:587"'  # and no password
    room = make_room(via, NEWSLETTER_MONITOR_PING_URL=service.url("/ping/abc"))
    with pytest.raises(ConfigError):
        send(room)
    assert pings(service) == ["/ping/abc/fail"]


def test_what_an_editor_decides_is_no_failure(watched: Newsroom, service: Site) -> None:
    edit.decide(watched, DAY, EditionStatus.CANCELLED)
    assert send(watched).problem
    assert pings(service) == ["/ping/abc"]


def test_a_run_that_was_stopped_leaves_it_to_the_next(watched: Newsroom, service: Site) -> None:
    stop = Stop(watched.clock)
    stop.ask()
    assert send(watched, stop=stop).problem
    with sending_lock(watched.engine):
        assert send(watched).status == "already_running"
    assert pings(service) == []
    send(watched)
    assert pings(service) == ["/ping/abc"]


def test_the_runner_s_sends_are_told(service: Site, make_room: MakeRoom, add_article: Add, clock: Clock) -> None:
    room = make_room(NEWSLETTER_MONITOR_PING_URL=service.url("/ping/abc"), NEWSLETTER_SCHEDULE_BY="runner")
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    add_article("Le port rouvre")
    for _ in range(3):
        runner.do_what_is_due(room, Stop(clock))
        clock.move(minutes=11)
    assert pings(service) == ["/ping/abc"]


def moved(handler: Handler) -> None:
    handler.give(302, Location="/elsewhere")


@pytest.mark.parametrize(
    "answer", [lambda handler: handler.give(500), lambda handler: handler.give(404), moved], ids=["500", "404", "302"]
)
def test_a_ping_that_fails_changes_nothing_and_is_logged(
    watched: Newsroom, service: Site, answer: Callable[[Handler], None], caplog: pytest.LogCaptureFixture
) -> None:
    service.answers["/ping/abc"] = answer
    found = send(watched)
    assert (found.status, found.problem) == ("sent", None)
    assert "the monitoring service could not be told" in caplog.text
    assert "/elsewhere" not in pings(service)  # a redirect is not followed


def test_a_service_that_hangs_is_given_up(watched: Newsroom, service: Site, caplog: pytest.LogCaptureFixture) -> None:
    service.answers["/ping/abc"] = lambda handler: time.sleep(2)
    watched.__dict__["pinger"] = Fetcher("essai", total=0.3)
    assert send(watched).status == "sent"
    assert "took longer than 0.3 s" in caplog.text


def test_a_service_may_live_on_our_network_and_nowhere_forbidden(
    make_room: MakeRoom, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.ping(make_room(NEWSLETTER_MONITOR_PING_URL="http://169.254.169.254/latest"), well=True)
    assert "not public" in caplog.text


def test_what_stands_behind_a_question_mark_stays_there(service: Site, make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_MONITOR_PING_URL=service.url("/ping/abc/?from=lettre"))
    monitor.ping(room, well=False)
    assert pings(service) == ["/ping/abc/fail?from=lettre"]


@pytest.mark.parametrize("wrong", ["ftp://moniteur.example/abc", "moniteur.example", "https://moniteur.example/#a"])
def test_an_address_that_is_none_is_a_mistake(make_room: MakeRoom, wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"monitor\.ping_url"):
        make_room(NEWSLETTER_MONITOR_PING_URL=wrong)


# --- The hour by which an edition is expected -------------------------------------------------------


@pytest.fixture
def expecting(make_room: MakeRoom, add_article: Add) -> Newsroom:
    """An edition is due at 6:30, and expected by 8:00. It is 6:30."""
    room = make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="08:00")
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    add_article("Le port rouvre")
    return room


def test_the_hour_must_come_after_the_edition_is_due(make_room: MakeRoom) -> None:
    with pytest.raises(ConfigError, match="later in the day than send_at"):
        make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="06:30")


def carriers() -> list[Callable[[Newsroom], object]]:
    """Whoever cron or a service calls."""
    return [
        gather.collect,
        tidy.tidy,
        lambda room: runner.send_letters(room, Stop(room.clock)),
    ]


@pytest.mark.parametrize("carrier", carriers(), ids=["collect", "tidy", "runner"])
def test_whoever_lives_writes_to_the_editors_once(
    expecting: Newsroom, clock: Clock, carrier: Callable[[Newsroom], object]
) -> None:
    clock.move(hours=1, minutes=29)
    carrier(expecting)
    assert notices(expecting) == []
    for _ in range(3):
        clock.move(hours=8)  # past tidying's turn, too
        carrier(expecting)
    [text] = notices(expecting)[:1]
    assert "devait être partie à 8\u00a0h\u00a000" in text
    assert "voyez cron" in text
    assert len([text for text in notices(expecting) if "23 novembre" in text]) == 1


def test_a_send_that_comes_to_nothing_looks_too(expecting: Newsroom, clock: Clock) -> None:
    clock.move(hours=2)
    with sending_lock(expecting.engine):  # a run that hangs
        assert send(expecting).status == "already_running"
    [text] = notices(expecting)
    assert "Une exécution y travaille" in text


def test_a_rehearsal_writes_to_nobody(expecting: Newsroom, clock: Clock) -> None:
    clock.move(hours=3)
    gather.collect(expecting, dry_run=True)
    tidy.tidy(expecting, dry_run=True)
    send(expecting, dry_run=True)
    assert post.send_waiting(expecting) == 0
    assert notices(expecting) == []


def test_a_send_that_fails_says_so_and_at_the_hour_once_more(expecting: Newsroom, clock: Clock, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "edition.txt").write_text("{{ nowhere.at.all }}\n")
    send(expecting)
    assert len(notices(expecting)) == 1
    clock.move(hours=2)
    gather.collect(expecting)
    [text] = [text for text in notices(expecting) if "La dernière exécution" in text]
    assert "edition.txt" in text


def sent(room: Newsroom) -> None:
    assert send(room).accepted == 1


def nothing_new(room: Newsroom) -> None:
    for file in (room.config.folder / "articles").iterdir():
        file.unlink()
    assert send(room).status == "nothing_new"


def held(room: Newsroom) -> None:
    edit.decide(room, DAY, EditionStatus.HELD)
    send(room)


def cancelled(room: Newsroom) -> None:
    edit.decide(room, DAY, EditionStatus.CANCELLED)


@pytest.mark.parametrize("done", [sent, nothing_new, held, cancelled])
def test_nobody_is_told_where_it_is_as_it_should_be(
    expecting: Newsroom, clock: Clock, done: Callable[[Newsroom], None]
) -> None:
    done(expecting)
    clock.move(hours=2)
    gather.collect(expecting)
    assert notices(expecting) == []
    assert monitor.complaints(expecting) == []


def approved(room: Newsroom) -> None:
    daily.make_edition(room, DAY)
    edit.decide(room, DAY, EditionStatus.APPROVED)


def built(room: Newsroom) -> None:
    daily.make_edition(room, DAY)


def built_after_nothing_new(room: Newsroom) -> None:
    article = next((room.config.folder / "articles").iterdir())
    text = article.read_text()
    article.unlink()
    send(room)
    article.write_text(text)
    daily.make_edition(room, DAY)


def refused_by_all(room: Newsroom) -> None:
    room.__dict__["mailer"] = FakeMailer(default="unknown")
    send(room)


@pytest.mark.parametrize("done", [approved, built, built_after_nothing_new, refused_by_all])
def test_what_was_made_and_reached_nobody_is_missing(
    expecting: Newsroom, clock: Clock, done: Callable[[Newsroom], None]
) -> None:
    done(expecting)
    clock.move(hours=2)
    [why] = monitor.complaints(expecting)
    assert why.startswith("The edition of Monday 23 November 2026 should be out by 8:00, and is not.")


def test_no_letter_on_a_day_without_an_edition(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="08:00", NEWSLETTER_SCHEDULE_DAYS="tue-sun")
    clock.move(hours=2)
    assert (monitor.look(room), monitor.complaints(room)) == (0, [])


def test_an_hour_late_in_the_day_is_looked_at_after_midnight(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="23:30")
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    clock.now = datetime(2026, 11, 23, 0, 5, tzinfo=UTC)
    gather.collect(room)
    assert notices(room) == []  # nothing was missed on the day before it was set up
    clock.now = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    add_article("Le port rouvre")
    sent(room)
    clock.now = datetime(2026, 11, 25, 0, 5, tzinfo=UTC)
    gather.collect(room)
    [text] = notices(room)
    assert "24 novembre" in text


def test_it_is_the_hour_of_the_newsroom_s_clock(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_EXPECTED_BY="08:00", NEWSLETTER_TIMEZONE="Europe/Paris")
    clock.now = datetime(2026, 11, 23, 6, 59, tzinfo=UTC)
    assert monitor.overdue(room, room.words) == []
    clock.now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    assert len(monitor.overdue(room, room.words)) == 1


def test_a_copy_expects_nothing(expecting: Newsroom, clock: Clock, folder: Path) -> None:
    sent(expecting)
    (folder / ".newsletter-instance").unlink()
    clock.move(days=1, hours=3)
    gather.collect(expecting)
    assert notices(expecting) == []


def test_an_edition_that_nobody_goes_on_with(expecting: Newsroom, clock: Clock) -> None:
    stop = Stop(clock)
    subscribe.add(expecting, [f"r{i}@lecteurs.example" for i in range(9)], "test")
    expecting.__dict__["mailer"] = FakeMailer({"r8": ["later"] * 99}, meanwhile=lambda message: stop.ask())
    assert send(expecting, stop=stop).status == "sending"
    del expecting.__dict__["mailer"]
    clock.move(hours=2)
    first, second = monitor.complaints(expecting)
    assert "nobody is sending it now" in first
    assert "is not finished" in second
    with sending_lock(expecting.engine):  # somebody is at it, and some have it
        assert monitor.complaints(expecting) == []
    monitor.look(expecting)
    [text] = notices(expecting)
    assert "personne n’y travaille" in text


# --- Letters that wait ------------------------------------------------------------------------------


def test_letters_that_nobody_sends_are_complained_of(room: Newsroom, clock: Clock) -> None:
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    preferences.mail_own_link(room, subscribe.find(room, "ama@lecteurs.example"), language="fr")
    assert monitor.complaints(room) == []  # a moment ago
    clock.move(minutes=5)
    assert monitor.complaints(room) == [
        "1 letter waits, and no runner lives: `newsletter run` or `newsletter send` sends them"
    ]
    with write(room.engine) as connection:
        notes.put(connection, report.ALIVE, clock().isoformat())
    assert monitor.complaints(room) == []


def test_outcomes_are_kept_for_a_week(expecting: Newsroom, clock: Clock) -> None:
    for _ in range(9):
        send(expecting)
        clock.move(days=1)
    with read(expecting.engine) as connection:
        kept = notes.get(connection, monitor.OUTCOMES) or ""
    assert len(json.loads(kept)) == monitor.KEPT
    assert str(DAY + timedelta(days=8)) in kept
