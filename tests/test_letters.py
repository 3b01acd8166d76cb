"""Single mails to one person: what they say, how they leave, and what a runner does."""

from __future__ import annotations

import itertools
import json
import mailbox
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from newsletter import config, daily, instance, letters, post, preferences, report, runner, subscribe, tidy
from newsletter.deliver import Stop, pace, take_turn
from newsletter.dispatch import Watch
from newsletter.errors import AlreadyRunning, DatabaseError, NotSent, Unavailable
from newsletter.links import Purpose
from newsletter.model import DeliveryState, Letter, LetterKind, Origin, Subscriber, SubscriberStatus, Variant
from newsletter.newsroom import Newsroom
from newsletter.settings import Rate
from newsletter.store import consents, database, deliveries, editions, lease, notes, subscribers
from newsletter.store import letters as rows
from newsletter.store.database import letters_lock, newcomers_lock, read, sending_lock, write
from tests.conftest import MORNING, Clock, TickingClock, on_both
from tests.fakes import FakeMailer

DAY = date(2026, 11, 23)
PAGE = Origin("page", "https://lettre.journal.example", None, "192.0.2.0/24")
AMA = "ama@lecteurs.example"
Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]


def mails(room: Newsroom) -> list[Message]:
    path = room.config.resolve("outbox")
    return list(mailbox.Maildir(path, create=False)) if path.exists() else []


def subjects(room: Newsroom) -> list[str]:
    return sorted(str(make_header(decode_header(mail["Subject"]))) for mail in mails(room))


def text_of(mail: Message) -> str:
    [plain] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    payload = plain.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def link_in(mail: Message, kind: str) -> str:
    [line] = [line for line in text_of(mail).splitlines() if f"/{kind}/" in line]
    return line.rsplit("/", 1)[1]


def sign_up(room: Newsroom, address: str = AMA, origin: Origin = PAGE) -> None:
    subscribe.sign_up(room, address, origin, language="fr")


def active(room: Newsroom, name: str = "ama") -> Subscriber:
    subscribe.add(room, [f"{name}@lecteurs.example"], "test")
    return subscribe.find(room, f"{name}@lecteurs.example")


def states(room: Newsroom) -> list[DeliveryState]:
    with read(room.engine) as connection:
        return [one.state for one in rows._all(connection, rows.letters.c.id > 0)]


def the_letter(room: Newsroom) -> Letter:
    with read(room.engine) as connection:
        [one] = rows._all(connection, rows.letters.c.id > 0)
    return one


# --- Joining --------------------------------------------------------------------------------------


@on_both
def test_a_sign_up_is_confirmed_by_the_letter_s_link(room: Newsroom) -> None:  # W06
    sign_up(room)
    assert subscribe.find(room, AMA).status is SubscriberStatus.PENDING
    assert post.send_waiting(room) == 1
    [mail] = mails(room)
    assert mail["To"] == AMA
    assert mail["Auto-Submitted"] == "auto-generated"  # M22
    token = link_in(mail, "c")
    assert subscribe.to_confirm(room, token) is not None
    assert subscribe.find(room, AMA).status is SubscriberStatus.PENDING  # a look changes nothing
    for _ in range(2):  # twice is harmless
        known = subscribe.confirm(room, token, PAGE)
        assert known is not None
        assert known.status is SubscriberStatus.ACTIVE
    acts = [(act.act.value, act.origin.network) for act in subscribe.history(room, known)]
    assert acts == [("signed_up", "192.0.2.0/24"), ("confirmed", "192.0.2.0/24")]


def test_a_confirmation_lasts_seven_days(room: Newsroom, clock: Clock) -> None:  # W06
    sign_up(room)
    post.send_waiting(room)
    token = link_in(mails(room)[0], "c")
    clock.move(days=7, seconds=1)
    assert subscribe.confirm(room, token, PAGE) is None
    assert tidy.tidy(room).unconfirmed == 1
    assert subscribe.listed(room) == []


def test_an_old_confirmation_does_not_bring_back_who_left(room: Newsroom, clock: Clock) -> None:
    sign_up(room)
    post.send_waiting(room)
    token = link_in(mails(room)[0], "c")
    known = subscribe.confirm(room, token, PAGE)
    assert known is not None
    clock.move(hours=1)
    subscribe.leave(room, known, PAGE)
    assert subscribe.confirm(room, token, PAGE) is None
    assert subscribe.find(room, AMA).status is SubscriberStatus.UNSUBSCRIBED


def test_who_left_may_join_again(room: Newsroom, clock: Clock) -> None:
    known = active(room)
    subscribe.leave(room, known, PAGE)
    clock.move(days=30)
    sign_up(room)
    assert subscribe.find(room, AMA).status is SubscriberStatus.UNSUBSCRIBED  # until they confirm
    post.send_waiting(room)
    assert subscribe.confirm(room, link_in(mails(room)[0], "c"), PAGE) is not None
    assert subscribe.find(room, AMA).status is SubscriberStatus.ACTIVE


def test_who_complained_hears_nothing_more(room: Newsroom) -> None:
    known = active(room)
    with write(room.engine) as connection:
        subscribers.set_status(connection, known.id, SubscriberStatus.COMPLAINED, room.clock())
    sign_up(room)
    assert post.send_waiting(room) == 0
    assert subscribe.revive(room, AMA, "par téléphone").status is SubscriberStatus.ACTIVE


def test_who_is_there_already_is_told_so(room: Newsroom) -> None:
    active(room)
    sign_up(room)
    post.send_waiting(room)
    assert subjects(room) == ["Vous recevez déjà La lettre du matin"]


@on_both
def test_one_letter_a_day_to_one_mailbox(room: Newsroom, clock: Clock) -> None:  # W07
    for address in (AMA, "AMA@lecteurs.example", "ama+1@lecteurs.example", "ama+2@lecteurs.example"):
        sign_up(room, address)
    assert post.send_waiting(room) == 1
    clock.move(days=1, seconds=1)
    sign_up(room)
    assert post.send_waiting(room) == 1


@on_both
def test_the_caps_hold_whatever_is_asked(room: Newsroom) -> None:  # W07
    for i in range(100):
        sign_up(room, f"r{i}@lecteurs.example")
    assert post.send_waiting(room) == room.config.sign_up.per_network_per_hour
    for i in range(1000):
        network = Origin("page", network=f"2001:db8:{i:x}::/48")
        sign_up(room, f"s{i}@lecteurs.example", network)
    with read(room.engine) as connection:
        assert rows.waiting(connection)[0] == room.config.sign_up.total_per_hour - 20


@pytest.mark.parametrize("address", ["info@lecteurs.example", "postmaster@lecteurs.example", "x@jetable.example"])
def test_some_addresses_are_refused_in_one_line(make_room: MakeRoom, address: str) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_REFUSE_DOMAINS="jetable.example")
    with pytest.raises(subscribe.BadData) as caught:
        sign_up(room, address)
    assert len(str(caught.value).splitlines()) == 1
    with read(room.engine) as connection:
        assert rows.waiting(connection)[0] == 0


def test_nothing_typed_stands_in_a_letter(room: Newsroom) -> None:
    origin = Origin("form", "https://evil.example/achetez-ici", None, "192.0.2.0/24")
    sign_up(room, "achetez.ici@lecteurs.example", origin)
    post.send_waiting(room)
    [mail] = mails(room)
    assert "achetez" not in text_of(mail)
    assert "evil.example" not in mail.as_string()


@on_both
def test_a_newcomer_gets_the_latest_edition_once_and_counted_apart(
    make_room: MakeRoom, folder: Path, add_article: Add, clock: Clock
) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_SEND_LATEST_ON_CONFIRM="true")
    active(room, "kodjo")
    add_article("Le port rouvre")
    assert daily.send(room, DAY, watch=Watch(Stop(clock))).accepted == 1
    clock.move(hours=20)  # long after the edition's own time is over
    sign_up(room)
    runner.send_letters(room, Stop(clock))
    [letter] = [mail for mail in mails(room) if not mail["List-Id"]]
    token = link_in(letter, "c")
    for _ in range(2):
        subscribe.confirm(room, token, PAGE)
        runner.welcome_newcomers(room, Stop(clock))
    editions_got = [mail for mail in mails(room) if mail["List-Id"] and mail["To"] == AMA]
    assert len(editions_got) == 1
    standing = report.standing(room)
    assert (standing.latest.audience, standing.latest.accepted, standing.late) == (1, 1, {"accepted": 1})
    [(_edition, one, _id)] = report.trace(room, subscribe.find(room, AMA)).deliveries
    assert one.late
    assert one.state is DeliveryState.ACCEPTED


# --- Leaving, pausing, choosing ---------------------------------------------------------------------


def test_a_pause_is_a_month_without_editions(room: Newsroom, add_article: Add, clock: Clock) -> None:
    known = active(room)
    active(room, "kodjo")
    until = preferences.pause(room, known, PAGE)
    assert until == clock() + timedelta(days=30)
    add_article("Le port rouvre")
    assert daily.send(room, DAY, watch=Watch(Stop(clock))).audience == 1
    clock.move(days=31)
    add_article("Un mois après")
    assert daily.send(room, room.today(), watch=Watch(Stop(clock))).audience == 2


def test_a_pause_can_be_ended(room: Newsroom) -> None:
    known = active(room)
    preferences.pause(room, known, PAGE)
    preferences.resume(room, known, PAGE)
    with read(room.engine) as connection:
        assert subscribers.readers(connection, room.clock()) == 1
    assert [act.act.value for act in subscribe.history(room, known)] == ["added", "paused", "resumed"]


def test_the_text_alone_for_who_wants_few_bytes(room: Newsroom, add_article: Add, clock: Clock) -> None:
    preferences.choose_variant(room, active(room), Variant.TEXT, PAGE)
    active(room, "kodjo")
    add_article("Le port rouvre")
    assert daily.send(room, DAY, watch=Watch(Stop(clock))).accepted == 2
    kinds = {mail["To"]: mail.get_content_type() for mail in mails(room)}
    assert kinds == {AMA: "text/plain", "kodjo@lecteurs.example": "multipart/alternative"}
    [small] = [mail for mail in mails(room) if mail["To"] == AMA]
    assert "Le port rouvre" in text_of(small)
    assert small["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert small["List-Unsubscribe"].strip("<>") in text_of(small)


def test_the_way_back_is_open_for_a_week(room: Newsroom, clock: Clock) -> None:
    known = active(room)
    subscribe.leave(room, known, PAGE)
    subscribe.leave(room, known, PAGE)  # a second time is harmless
    assert subscribe.come_back(room, known, PAGE)
    subscribe.leave(room, known, PAGE)
    clock.move(days=8)
    assert not subscribe.come_back(room, known, PAGE)
    acts = [act.act.value for act in subscribe.history(room, known)]
    assert acts == ["added", "unsubscribed", "came_back", "unsubscribed"]


def test_who_never_confirmed_does_not_come_in_by_the_way_back(room: Newsroom) -> None:
    sign_up(room)
    known = subscribe.find(room, AMA)
    subscribe.leave(room, known, PAGE)
    assert not subscribe.come_back(room, known, PAGE)
    assert subscribe.find(room, AMA).status is SubscriberStatus.UNSUBSCRIBED


# --- One's own data ---------------------------------------------------------------------------------


def test_a_fresh_link_is_good_for_fifteen_minutes(room: Newsroom, clock: Clock) -> None:
    known = active(room)
    assert preferences.mail_own_link(room, known, language="fr")
    post.send_waiting(room)
    token = link_in(mails(room)[0], "d")
    assert preferences.owner(room, token) == known
    clock.move(minutes=15, seconds=1)
    assert preferences.owner(room, token) is None


def test_fresh_links_are_not_written_without_end(room: Newsroom) -> None:
    known = active(room)
    asked = [preferences.mail_own_link(room, known, language="fr") for _ in range(8)]
    assert asked == [True] * 5 + [False] * 3


def test_a_link_that_could_not_leave_in_time_does_not_leave_at_all(room: Newsroom, clock: Clock) -> None:
    preferences.mail_own_link(room, active(room), language="fr")
    clock.move(minutes=16)
    assert post.send_waiting(room) == 0
    assert the_letter(room).state is DeliveryState.REJECTED


def test_a_new_address_is_confirmed_and_the_old_one_told(room: Newsroom) -> None:
    known = active(room)
    preferences.ask_for_address(room, known, "ama@nouvelle.example", PAGE, language="fr")
    post.send_waiting(room)
    token = link_in(mails(room)[0], "a")
    change = preferences.asked_address(room, token)
    assert change is not None
    assert preferences.change_address(room, change, PAGE, language="fr")
    assert subscribe.find(room, "ama@nouvelle.example").id == known.id
    assert preferences.asked_address(room, token) is None
    post.send_waiting(room)
    assert [
        mail["To"] for mail in mails(room) if "autre adresse" in str(make_header(decode_header(mail["Subject"])))
    ] == [AMA]


@on_both
def test_a_newer_wish_for_an_address_takes_the_older_one_s_place(room: Newsroom) -> None:
    known = active(room)
    preferences.ask_for_address(room, known, "un@nouvelle.example", PAGE, language="fr")
    preferences.ask_for_address(room, known, "deux@nouvelle.example", PAGE, language="fr")
    post.send_waiting(room)
    tokens = {mail["To"]: link_in(mail, "a") for mail in mails(room)}
    assert preferences.asked_address(room, tokens["un@nouvelle.example"]) is None
    assert preferences.asked_address(room, tokens["deux@nouvelle.example"]) is not None


def test_nobody_takes_an_address_that_is_on_the_list(room: Newsroom) -> None:
    known, _other = active(room), active(room, "kodjo")
    preferences.ask_for_address(room, known, "kodjo@lecteurs.example", PAGE, language="fr")
    post.send_waiting(room)
    change = preferences.asked_address(room, link_in(mails(room)[0], "a"))
    assert change is not None
    assert not preferences.change_address(room, change, PAGE, language="fr")
    assert subscribe.find(room, AMA).id == known.id


@on_both
def test_forgotten_is_gone_and_only_its_owner_comes_back(room: Newsroom, add_article: Add, clock: Clock) -> None:
    known = active(room)
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(clock)))
    preferences.mail_own_link(room, known, language="fr")
    subscribe.forget(room, known, PAGE)
    with read(room.engine) as connection:
        connection.exec_driver_sql("SELECT 1")
        for table in ("subscribers", "deliveries", "letters", "consents", "address_changes"):
            assert AMA not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
    with pytest.raises(subscribe.BadData, match="only its owner can come back"):
        subscribe.add(room, [AMA], "encore")
    sign_up(room)
    post.send_waiting(room)
    [token] = [link_in(mail, "c") for mail in mails(room) if "/c/" in text_of(mail)]
    back = subscribe.confirm(room, token, PAGE)
    assert back is not None
    assert back.id != known.id
    assert subscribe.listed(room) == [back]
    subscribe.forget(room, back, PAGE)  # and a second time
    with pytest.raises(subscribe.BadData, match="only its owner can come back"):
        subscribe.add(room, [AMA], "encore")


@on_both
def test_own_data_is_all_that_is_known(room: Newsroom, add_article: Add, clock: Clock) -> None:
    known = active(room)
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(clock)))
    data = preferences.own_data(room, known)
    assert data["address"] == AMA
    assert [one["act"] for one in data["consents"]] == ["added"]  # type: ignore[attr-defined]
    assert [one["edition"] for one in data["editions"]] == ["2026-11-23"]  # type: ignore[attr-defined]


# --- How letters leave --------------------------------------------------------------------------------


@pytest.fixture
def waiting(room: Newsroom) -> Newsroom:
    sign_up(room)
    return room


@on_both
def test_not_now_is_tried_again_with_the_same_bytes(waiting: Newsroom, clock: Clock) -> None:
    seen: list[bytes] = []
    waiting.__dict__["mailer"] = FakeMailer({"ama": ["later", "ok"]}, meanwhile=lambda one: seen.append(one.content))
    assert post.send_waiting(waiting) == 0
    assert the_letter(waiting).state is DeliveryState.DEFERRED
    assert post.send_waiting(waiting) == 0  # not yet
    clock.move(minutes=1)
    vars(waiting)["_looks"] = {}
    assert post.send_waiting(waiting) == 1
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert the_letter(waiting).content is None  # what has ended keeps no link


def test_a_lost_line_leaves_them_for_the_next_time(waiting: Newsroom) -> None:
    sign_up(waiting, "kodjo@lecteurs.example")
    mailer = waiting.__dict__["mailer"] = FakeMailer({"ama": ["lost", "ok"]})
    with pytest.raises(Unavailable, match="letters wait"):
        post.send_waiting(waiting)
    assert len(mailer.offered) == 1
    assert post.send_waiting(waiting) == 2


def test_without_a_runner_a_sign_up_waits_for_the_next_send(waiting: Newsroom, clock: Clock) -> None:
    clock.move(hours=20)
    assert post.send_waiting(waiting) == 1
    token = link_in(mails(waiting)[0], "c")
    clock.move(days=6)
    assert subscribe.confirm(waiting, token, PAGE) is not None


def test_newcomers_keep_no_edition_waiting(make_room: MakeRoom, add_article: Add, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_SEND_LATEST_ON_CONFIRM="true")
    active(room, "kodjo")
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(clock)))
    sign_up(room)
    post.send_waiting(room)
    subscribe.confirm(room, link_in(next(mail for mail in mails(room) if not mail["List-Id"]), "c"), PAGE)
    room.__dict__["mailer"] = FakeMailer({"ama": ["later", "ok"]})
    with sending_lock(room.engine):  # an edition is on its way
        runner.welcome_newcomers(room, Stop(clock))
    assert report.standing(room).late == {"deferred": 1}
    with read(room.engine) as connection:
        assert editions.with_newcomers(connection, clock()) == []  # until it is due
    clock.move(minutes=1)
    runner.welcome_newcomers(room, Stop(clock))
    assert report.standing(room).late == {"accepted": 1}


@on_both
def test_a_doubt_is_repeated_once(waiting: Newsroom) -> None:
    mailer = waiting.__dict__["mailer"] = FakeMailer({"ama": ["doubt", "doubt", "ok"]})
    post.send_waiting(waiting)
    post.send_waiting(waiting)
    assert len(mailer.received[AMA]) == 2
    assert the_letter(waiting).state is DeliveryState.UNCERTAIN
    assert the_letter(waiting).repeated


@on_both
def test_what_a_dead_sender_left_is_put_in_order(waiting: Newsroom) -> None:
    waiting.signer  # noqa: B018  makes its key in a transaction of its own
    with write(waiting.engine) as connection:
        [one] = rows.claim(connection, tuple(LetterKind), waiting.clock(), 10)
        rows.freeze(connection, one.id, letters.message(waiting, one).content)
        rows.at_dot(connection, one.id, waiting.clock())
    mailer = waiting.__dict__["mailer"] = FakeMailer()
    assert post.send_waiting(waiting) == 1
    assert len(mailer.received[AMA]) == 1
    assert the_letter(waiting).repeated


@on_both
def test_one_sender_of_letters_at_a_time(waiting: Newsroom) -> None:
    with letters_lock(waiting.engine):
        assert post.send_waiting(waiting) == 0
    assert post.send_waiting(waiting) == 1


def over(engine: Engine) -> None:
    """A minute passes for who is asleep."""
    with write(engine) as connection:
        connection.execute(text("UPDATE leases SET until = clock_timestamp() - interval '1 second'"))


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_a_sender_of_letters_that_slept_hands_nothing_more_over(engine: Engine, folder: Path, clock: Clock) -> None:
    """Cut off from the database and healed, or stopped: meanwhile another has taken over, and has sent it."""
    loaded = config.load(folder / "newsletter.toml", {})
    asleep, other = Newsroom(loaded, clock=clock), Newsroom(loaded, clock=clock)
    asleep.engine = other.engine = engine
    for name in ("ama", "kodjo"):
        subscribe.sign_up(asleep, f"{name}@lecteurs.example", subscribe.Origin("page"), language="fr")
    theirs = other.__dict__["mailer"] = FakeMailer()

    def sleeps(_message: object) -> None:
        over(engine)
        assert post.send_waiting(other) == 2
        time.sleep(2 * lease.FRESH)

    ours = asleep.__dict__["mailer"] = FakeMailer(meanwhile=sleeps)
    with pytest.raises(DatabaseError, match="another run has taken over"):
        post.send_waiting(asleep)
    assert not ours.received
    assert {address: len(mails) for address, mails in theirs.received.items()} == {
        "ama@lecteurs.example": 1,
        "kodjo@lecteurs.example": 1,
    }
    assert states(asleep) == [DeliveryState.ACCEPTED] * 2


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("lock", [letters_lock, newcomers_lock])
def test_these_locks_have_a_fence_too(engine: Engine, lock: Callable[..., Any]) -> None:
    other = database.open_engine(engine.url.render_as_string(hide_password=False))
    with lock(engine) as still_ours:
        with pytest.raises(AlreadyRunning), lock(other):
            pass
        over(engine)
        with lock(other) as theirs:
            time.sleep(2 * lease.FRESH)
            theirs()
            with pytest.raises(DatabaseError, match="another run has taken over"):
                still_ours()
    other.dispose()


@on_both
def test_letters_leave_while_an_edition_is_being_sent(waiting: Newsroom) -> None:
    with sending_lock(waiting.engine):
        assert post.send_waiting(waiting) == 1


def test_send_sends_waiting_letters_first(waiting: Newsroom, add_article: Add, clock: Clock) -> None:
    active(waiting, "kodjo")
    add_article("Le port rouvre")
    mailer = waiting.__dict__["mailer"] = FakeMailer()
    daily.send(waiting, DAY, watch=Watch(Stop(clock)))
    assert mailer.offered == [AMA, "kodjo@lecteurs.example"]


def test_a_copy_that_was_not_adopted_writes_to_the_editors_alone(
    waiting: Newsroom, add_article: Add, clock: Clock, folder: Path
) -> None:  # R10
    active(waiting, "kodjo")
    add_article("Le port rouvre")
    with write(waiting.engine) as connection:
        notes.put(connection, "instance", "another")
    mailer = waiting.__dict__["mailer"] = FakeMailer()
    assert daily.send(waiting, DAY, watch=Watch(Stop(clock))).problem is not None
    assert mailer.offered == ["redaction@journal.example"]


@on_both
def test_letters_count_towards_the_rate(make_room: MakeRoom) -> None:
    clock = TickingClock()
    room = make_room('rate = "2/minute"')
    slow = Newsroom(room.config, clock=clock, sleep=lambda seconds: clock.move(seconds=seconds))
    times = []
    slow.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: times.append(clock.now))
    for name in ("ama", "kodjo", "efua"):
        sign_up(slow, f"{name}@lecteurs.example")
    assert post.send_waiting(slow) == 3
    assert all(later - earlier >= timedelta(seconds=29) for earlier, later in itertools.pairwise(times))
    slow.engine.dispose()


def test_letters_and_an_edition_that_uses_up_the_rate_have_turn_about(make_room: MakeRoom, add_article: Add) -> None:
    room = make_room('rate = "10/second"\nconnections = 1')
    begin = datetime.now(UTC)
    real = Newsroom(room.config, clock=lambda: MORNING + (datetime.now(UTC) - begin))
    for n in range(30):
        active(real, f"r{n}")
    add_article("Le port rouvre")
    newcomers = [f"nouveau{n}@lecteurs.example" for n in range(5)]
    post_office = threading.Thread(target=post.send_waiting, args=(real,))

    def five_sign_up(message: object) -> None:
        if len(mailer.offered) == 5 and not post_office.ident:
            for address in newcomers:
                sign_up(real, address)
            post_office.start()

    mailer = real.__dict__["mailer"] = FakeMailer(meanwhile=five_sign_up)
    daily.send(real, DAY, watch=Watch(Stop(real.clock)))
    post_office.join()
    assert len(mailer.offered) == 35
    places = [mailer.offered.index(address) for address in newcomers]
    assert places[0] < 20  # long before the edition is through
    assert places[-1] - places[0] > 4  # which goes on meanwhile
    real.engine.dispose()


def an_hour_of(rate: str, letters_left: int, *, skew: float = 0.0) -> tuple[int, int]:
    """How many letters and how many mails of an edition leave in an hour in which both ask every second; the clock of
    who sends the letters is ahead by so many seconds."""
    found = Rate.parse(rate)
    assert found is not None
    turns, sent = pace.Turns(), dict.fromkeys(pace.Party, 0)
    for second in range(3600):
        for party, now in (
            (pace.Party.LETTERS, MORNING + timedelta(seconds=second + skew)),
            (pace.Party.EDITIONS, MORNING + timedelta(seconds=second)),
        ):
            if party is pace.Party.EDITIONS or sent[party] < letters_left:
                left, turns = pace.ask(turns, found, party, now)
                sent[party] += not left
    return sent[pace.Party.LETTERS], sent[pace.Party.EDITIONS]


def test_however_many_letters_wait_an_edition_has_every_second_turn() -> None:
    assert an_hour_of("200/hour", 500) == (100, 100)
    assert an_hour_of("200/hour", 10) == (10, 190)
    assert an_hour_of("200/hour", 0) == (0, 200)
    for skew in (-20, -4, 4, 20):  # two machines seldom agree
        letters_sent, edition = an_hour_of("200/hour", 500, skew=skew)
        assert abs(letters_sent - edition) <= 1
        assert edition > 80


def test_nobody_waits_long_for_one_who_has_died(engine: Engine) -> None:
    rate, now = Rate.parse("6/minute"), MORNING
    assert rate is not None
    with write(engine) as connection:
        assert take_turn(connection, rate, now) == 0  # an edition's
        assert take_turn(connection, rate, now, letter=True) == 10
        now += timedelta(seconds=10)
        assert take_turn(connection, rate, now) == 1  # it stands back for the letter
        assert take_turn(connection, rate, now, letter=True) == 0
        assert take_turn(connection, rate, now, letter=True) == 10
        now += timedelta(seconds=10)
        assert take_turn(connection, rate, now) == 0
        now += timedelta(seconds=10)
        assert take_turn(connection, rate, now) == 1  # for a letter whose sender has died since
        now += pace.PATIENCE
        assert take_turn(connection, rate, now) == 0
        now += timedelta(seconds=10)
        assert take_turn(connection, rate, now) == 0
        take_turn(connection, rate, now, letter=True)
        assert take_turn(connection, rate, now - timedelta(hours=1)) == 10  # a clock set back: its turn is its own
        assert take_turn(connection, rate, now - timedelta(minutes=59, seconds=50)) == 0


def test_send_lets_no_edition_wait_for_hundreds_of_letters(make_room: MakeRoom, add_article: Add) -> None:
    room, clock = make_room('rate = "10/second"'), TickingClock()
    slow = Newsroom(room.config, clock=clock, sleep=lambda seconds: None)
    mailer = slow.__dict__["mailer"] = FakeMailer()
    active(slow)
    add_article("Le port rouvre")
    for i in range(40):
        sign_up(slow, f"r{i}@lecteurs.example", Origin("page", network=f"2001:db8:{i:x}::/48"))
    assert daily.send(slow, DAY, watch=Watch(Stop(clock))).accepted == 1
    assert len(mailer.offered) == 41  # and all letters have left when it is done
    assert mailer.offered[-1] != AMA
    slow.engine.dispose()


def test_a_letter_that_waits_for_its_turn_hears_a_stop(make_room: MakeRoom) -> None:
    clock = Clock()
    room = make_room('rate = "1/hour"')
    slept: list[float] = []
    slow = Newsroom(room.config, clock=clock, sleep=slept.append)
    slow.__dict__["mailer"] = FakeMailer()
    for name in ("ama", "kodjo"):
        sign_up(slow, f"{name}@lecteurs.example")
    assert post.send_waiting(slow, lambda: len(slept) > 2) == 1
    assert slept == [1.0, 1.0, 1.0]
    with read(slow.engine) as connection:
        assert rows.waiting(connection)[0] == 1
    slow.engine.dispose()


@on_both
def test_a_letter_that_waits_for_its_turn_does_not_leave_to_who_was_forgotten(make_room: MakeRoom) -> None:
    clock = Clock()
    room = make_room('rate = "6/minute"')
    kodjo = "kodjo@lecteurs.example"

    def sleep(seconds: float) -> None:
        clock.move(seconds=seconds)
        if [one.address for one in subscribe.listed(slow)] == [AMA, kodjo]:
            subscribe.forget(slow, subscribe.find(slow, kodjo), PAGE)

    slow = Newsroom(room.config, clock=clock, sleep=sleep)
    mailer = slow.__dict__["mailer"] = FakeMailer()
    for address in (AMA, kodjo):
        sign_up(slow, address)
    assert post.send_waiting(slow) == 1  # both were claimed at once
    assert mailer.offered == [AMA]
    with read(slow.engine) as connection:
        assert kodjo not in str(connection.exec_driver_sql("SELECT * FROM letters").all())
    slow.engine.dispose()


DRAFT = {
    "day": "2026-11-23",
    "status": "draft",
    "seen": "0-00000000",
    "subject": "Le port rouvre",
    "size": 38_000,
    "broken": "",
    "stories": [["Le port rouvre", "Économie"], ["Le lycée ferme", ""]],
    "considered": 3,
    "readers": 2,
    "goes_at": "2026-11-23T06:30:00+00:00",
    "decide_by": None,
    "until": "2026-11-23T12:30:00+00:00",
    "approval": "auto",
    "remarks": [],
}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", [one for one in LetterKind if one not in (LetterKind.NOTICE, LetterKind.PASSED_ON)])
def test_every_letter_is_short_and_sound(room: Newsroom, kind: LetterKind, language: str) -> None:
    known = active(room)
    details = {"change": "3", "ticket": "3", "may_decide": "yes", "facts": json.dumps(DRAFT)}
    one = Letter(7, kind, AMA, language, room.clock(), DeliveryState.PENDING, known.id, details)
    message = letters.message(room, one)
    assert len(message.content) < 12_000
    assert message.content == letters.message(room, one).content
    assert all(len(line) <= 998 for line in message.content.split(b"\r\n"))
    import email

    parsed = email.message_from_bytes(message.content)
    assert len(text_of(parsed)) < 900
    assert parsed["List-Unsubscribe"] is None


# --- The runner ---------------------------------------------------------------------------------------


def test_the_runner_leaves_editions_to_cron(waiting: Newsroom, add_article: Add, clock: Clock) -> None:
    active(waiting, "kodjo")
    add_article("Le port rouvre")
    runner.do_what_is_due(waiting, Stop(clock))
    with read(waiting.engine) as connection:
        assert editions.get(connection, DAY, "daily") is None


def until(true: Callable[[], bool]) -> bool:
    """Whether that becomes true within a while."""
    for _ in range(600):
        if true():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def running(room: Newsroom) -> Iterator[None]:
    stop = Stop(room.clock)
    thread = threading.Thread(target=runner.run, args=(room, stop))
    thread.start()
    try:
        yield
    finally:
        stop.ask()
        room.stirred.set()
        thread.join()


def test_a_runner_gives_signs_of_life_until_it_ends(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room('rate = "1/day"')
    for name in ("ama", "kodjo"):  # the second waits for its turn, all the time
        sign_up(room, f"{name}@lecteurs.example")
    with running(room):
        assert until(lambda: report.runner_lives(room))
        assert until(lambda: len(mails(room)) == 1)
        clock.move(minutes=5)
        assert until(lambda: report.runner_lives(room))
    assert not report.runner_lives(room)


def test_letters_do_not_wait_for_newcomers(make_room: MakeRoom, add_article: Add, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_SEND_LATEST_ON_CONFIRM="true")
    active(room, "kodjo")
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(clock)))
    sign_up(room)
    post.send_waiting(room)
    subscribe.confirm(room, link_in(next(mail for mail in mails(room) if not mail["List-Id"]), "c"), PAGE)
    held, go = threading.Event(), threading.Event()

    def hold(message: object) -> None:
        if not held.is_set():  # the newcomer's edition: a relay that takes its time
            held.set()
            go.wait(60)

    mailer = room.__dict__["mailer"] = FakeMailer(meanwhile=hold)
    with running(room):
        assert held.wait(60)
        sign_up(room, "efua@lecteurs.example")
        left = until(lambda: "efua@lecteurs.example" in mailer.offered)
        go.set()
    assert left
    assert mailer.offered == ["efua@lecteurs.example", AMA]


def test_what_editors_must_know_leaves_though_we_were_told_to_stop(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    room = make_room("connections = 1")
    mailer = room.__dict__["mailer"] = FakeMailer({"ama": ["policy"], "kodjo": ["policy"]})
    active(room)
    active(room, "kodjo")
    add_article("Le port rouvre")
    stop, ended = Stop(clock), []

    def see(*one: object) -> None:
        ended.append(one)
        if len(ended) == 2:
            sign_up(room, "efua@lecteurs.example")
            stop.ask()

    assert isinstance(daily.send(room, DAY, watch=Watch(stop, ended=see)).problem, Unavailable)
    assert mailer.offered[2:] == ["redaction@journal.example"]  # and no other letter


def test_a_notice_that_could_not_leave_waits_for_the_next_day(room: Newsroom, clock: Clock) -> None:
    letters.tell_editors(room, report.of_day(room, DAY, problem=Unavailable("the relay is down")))
    clock.move(days=1)
    assert post.send_waiting(room) == 1


def test_a_runner_sends_the_edition_when_it_is_due_and_once(
    make_room: MakeRoom, add_article: Add, clock: Clock
) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_BY="runner")
    active(room)
    add_article("Le port rouvre")
    clock.move(minutes=-30)
    runner.do_what_is_due(room, Stop(clock))
    assert mails(room) == []
    clock.move(minutes=30)
    for _ in range(3):
        runner.do_what_is_due(room, Stop(clock))
        clock.move(minutes=11)
    assert len(mails(room)) == 1


@on_both
def test_two_runners_and_a_cron_send_once(make_room: MakeRoom, add_article: Add, clock: Clock) -> None:
    first = make_room(NEWSLETTER_SCHEDULE_BY="runner")
    active(first)
    sign_up(first, "kodjo@lecteurs.example")
    add_article("Le port rouvre")
    rooms = [make_room(NEWSLETTER_SCHEDULE_BY="runner") for _ in range(3)]
    mailer = FakeMailer()
    for one in rooms:
        one.__dict__["mailer"] = mailer

    def work(one: Newsroom) -> None:
        for _ in range(5):
            runner.send_letters(one, Stop(clock))
            runner.welcome_newcomers(one, Stop(clock))
            runner.do_what_is_due(one, Stop(clock))

    threads = [threading.Thread(target=work, args=(one,)) for one in rooms]
    for thread in threads:
        thread.start()
    daily.send(rooms[0], DAY, watch=Watch(Stop(clock)))
    for thread in threads:
        thread.join()
    assert sorted(mailer.offered) == [AMA, "kodjo@lecteurs.example"]


def test_a_look_while_the_stamp_is_renewed_raises_no_false_alarm(room: Newsroom, make_room: MakeRoom) -> None:
    instance.renew(room)
    other, stop, wrong = make_room(), threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                instance.check(other)
            except NotSent as error:
                wrong.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(150):
        instance.renew(room)
    stop.set()
    thread.join()
    assert wrong == []


def test_the_loop_outlives_what_goes_wrong(room: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    stop, seen = Stop(room.clock), []

    def work() -> None:
        seen.append(1)
        if len(seen) == 1:
            raise subscribe.BadData("ein Versehen")
        if len(seen) == 2:
            raise KeyError("a fault")
        stop.ask()

    stirred = threading.Event()
    stirred.set()
    done = threading.Thread(target=runner._loop, args=(stop, work, stirred))
    done.start()
    for _ in range(100):
        stirred.set()
        done.join(0.05)
    assert not done.is_alive()
    assert "a fault of the program" in caplog.text


# --- For how long things are kept ---------------------------------------------------------------------


@on_both
def test_everything_has_its_time(room: Newsroom, add_article: Add, clock: Clock) -> None:
    known = active(room)
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(clock)))
    preferences.mail_own_link(room, known, language="fr")
    post.send_waiting(room)
    subscribe.leave(room, known, PAGE)
    assert tidy.tidy(room) == tidy.Tidied(0, 0, 0, 0)
    clock.move(days=31)
    assert tidy.tidy(room).letters == 1
    clock.move(days=400)
    assert tidy.tidy(room).deliveries == 1
    clock.move(days=1095)
    assert tidy.tidy(room, dry_run=True).departed == 1
    assert tidy.tidy(room).departed == 1
    assert subscribe.listed(room) == []
    assert report.standing(room).subscribers["forgotten"] == 1
    with read(room.engine) as connection:
        assert deliveries.counts(connection, 1)[DeliveryState.ACCEPTED] == 0


def test_send_tidies_once_a_day(room: Newsroom) -> None:
    assert tidy.once_a_day(room) is not None
    assert tidy.once_a_day(room) is None


# --- Keys ---------------------------------------------------------------------------------------------


def test_links_outlive_a_rotation_of_the_keys(room: Newsroom, make_room: MakeRoom) -> None:  # W05
    from newsletter import keyring

    known = active(room)
    serving = make_room()  # another process, which has read the keys already
    old = serving.signer.token(Purpose.UNSUBSCRIBE, known.id)
    assert keyring.rotate(room, dry_run=True) == 1
    assert keyring.rotate(room) == 1
    new = room.signer.token(Purpose.UNSUBSCRIBE, known.id)
    assert old != new
    for token in (old, new):
        assert subscribe.of_link(serving, Purpose.UNSUBSCRIBE, token) == known
        assert subscribe.of_link(serving, Purpose.PREFERENCES, token) is None
    assert [number for number, _made in keyring.listed(room)] == [0, 1]


def test_the_words_agreed_to_are_kept(room: Newsroom) -> None:
    subscribe.keep_wording(room, "fr-1234", "Je demande à recevoir la lettre.")
    subscribe.keep_wording(room, "fr-1234", "Je demande à recevoir la lettre.")
    sign_up(room, origin=Origin("page", None, "fr-1234", None))
    data = preferences.own_data(room, subscribe.find(room, AMA))
    assert data["consents"][0]["wording"] == "Je demande à recevoir la lettre."  # type: ignore[index]
    with read(room.engine) as connection:
        assert next(iter(consents.everybody(connection)))[0] == AMA
