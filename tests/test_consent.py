"""Nobody is on the list against their will: what links, numbers, races and imports must not be able to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert

from newsletter import daily, exports, imports, post, preferences, report, subscribe, tidy
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.model import Act, DeliveryState, LetterKind, Origin, Subscriber, SubscriberStatus, Variant
from newsletter.newsroom import Newsroom
from newsletter.store import consents, letters, notes, schema, subscribers
from newsletter.store.database import read, wipe, write
from newsletter.store.subscribers import AddressChange
from tests.conftest import Clock
from tests.fakes import FakeMailer

MakeRoom = Callable[..., Newsroom]
Status = SubscriberStatus
PAGE = Origin("page", network="192.0.2.0/24")
AMA, KODJO = "ama@lecteurs.example", "kodjo@lecteurs.example"


@pytest.fixture
def both(empty_engine: Engine, make_room: MakeRoom) -> Newsroom:
    """A newsroom on each of the two databases."""
    url = empty_engine.url.set(drivername=empty_engine.url.drivername.split("+")[0])
    return make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False))


def sign_up(room: Newsroom, address: str, origin: Origin = PAGE) -> Subscriber:
    subscribe.sign_up(room, address, origin, language="fr")
    return subscribe.find(room, address)


def link(room: Newsroom, known: Subscriber) -> str:
    """The confirmation's link, as if it were written now."""
    return room.signer.token(Purpose.CONFIRM, known.id, room.clock())


def active(room: Newsroom, address: str) -> Subscriber:
    subscribe.add(room, [address], "test")
    return subscribe.find(room, address)


def complain(room: Newsroom, known: Subscriber) -> None:
    with write(room.engine) as connection:
        subscribers.set_status(connection, known.id, Status.COMPLAINED, room.clock())


def waiting(room: Newsroom) -> int:
    with read(room.engine) as connection:
        return letters.waiting(connection)[0]


# --- Links and numbers ------------------------------------------------------------------------------


def test_a_link_never_confirms_who_came_to_the_number_after(both: Newsroom, clock: Clock) -> None:  # W05, W06
    first = sign_up(both, AMA)
    token = link(both, first)
    clock.move(days=8)
    assert tidy.tidy(both).unconfirmed == 1
    second = sign_up(both, KODJO)
    assert second.id != first.id
    assert subscribe.confirm(both, token, PAGE) is None
    forged = both.signer.token(Purpose.CONFIRM, second.id, clock() - timedelta(seconds=2))  # as an older one would be
    assert subscribe.to_confirm(both, forged) is None
    assert subscribe.confirm(both, forged, PAGE) is None
    assert subscribe.find(both, KODJO).status is Status.PENDING


def test_a_fresh_link_outlives_the_tidying_of_an_older_sign_up(both: Newsroom, clock: Clock) -> None:  # W06
    known = sign_up(both, AMA)
    clock.move(days=6, hours=20)
    sign_up(both, AMA)
    token = link(both, known)
    clock.move(hours=5)
    assert tidy.tidy(both).unconfirmed == 0
    assert subscribe.confirm(both, token, PAGE) is not None
    assert subscribe.find(both, AMA).status is Status.ACTIVE


def test_who_asks_again_just_before_being_forgotten_is_not(both: Newsroom, clock: Clock) -> None:
    active(both, AMA)
    subscribe.remove(both, AMA)
    clock.move(days=1094, hours=23)
    token = link(both, sign_up(both, AMA))
    clock.move(hours=3)
    assert tidy.tidy(both).departed == 0
    assert subscribe.confirm(both, token, PAGE) is not None


def test_both_links_of_a_sign_up_made_twice_are_good(both: Newsroom, clock: Clock) -> None:
    known = sign_up(both, AMA)
    earlier = link(both, known)
    clock.move(days=2)
    sign_up(both, AMA)
    assert subscribe.confirm(both, earlier, PAGE) is not None


# --- Races -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.UNSUBSCRIBED, Status.COMPLAINED])
def test_who_left_while_the_confirmation_waited_has_left(room: Newsroom, clock: Clock, status: Status) -> None:
    known = sign_up(room, AMA)
    token = link(room, known)
    clock.move(minutes=1)
    thread = threading.Thread(target=subscribe.confirm, args=(room, token, PAGE))
    with write(room.engine) as connection:  # the confirmation waits for its turn meanwhile
        thread.start()
        thread.join(0.3)
        subscribers.set_status(connection, known.id, status, clock())
    thread.join()
    assert subscribe.find(room, AMA).status is status


def test_nothing_is_written_of_who_has_just_been_forgotten(both: Newsroom) -> None:
    known = active(both, AMA)
    subscribe.forget(both, known, PAGE)
    preferences.ask_for_address(both, known, "nouvelle@lecteurs.example", PAGE, language="fr")
    assert not preferences.mail_own_link(both, known, language="fr")
    preferences.choose_variant(both, known, Variant.TEXT, PAGE)
    assert waiting(both) == 0
    assert [act.act.value for act in subscribe.history(both, known)] == ["added", "forgotten"]


def together(times: int, work: Callable[[int], object]) -> list[object]:
    """What comes of doing it that many times at once."""
    barrier, found = threading.Barrier(times), []

    def one(i: int) -> None:
        barrier.wait()
        try:
            found.append(work(i))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_first_sign_ups_of_a_new_list_are_all_heard(both: Newsroom) -> None:
    both.engine.dispose()  # the schema is there; nothing was ever asked
    found = together(6, lambda i: subscribe.sign_up(both, f"r{i}@lecteurs.example", PAGE, language="fr"))
    assert found == [None] * 6
    assert waiting(both) == 6
    with read(both.engine) as connection:
        assert notes.get(connection, "sign_ups") == "6"


def test_one_mailbox_gets_one_letter_however_many_ask_at_once(both: Newsroom) -> None:  # W07
    assert together(6, lambda i: subscribe.sign_up(both, AMA, PAGE, language="fr")) == [None] * 6
    assert waiting(both) == 1


def test_of_many_who_ask_for_a_turn_one_gets_it(both: Newsroom) -> None:
    def ask(_i: int) -> bool:
        with write(both.engine) as connection:
            return notes.take_turn(connection, "some work", both.clock(), timedelta(hours=1))

    for _ in range(3):
        found = together(5, ask)
        assert sorted(map(str, found)) == ["False"] * 4 + ["True"]
        both.clock.move(hours=2)  # type: ignore[attr-defined]


def test_many_make_one_secret_and_one_key(both: Newsroom, make_room: MakeRoom) -> None:
    def secret(_i: int) -> bytes:
        with write(both.engine) as connection:
            return notes.make_secret(connection, "some secret")

    assert len(set(together(5, secret))) == 1
    rooms = [Newsroom(both.config, clock=both.clock) for _ in range(4)]
    assert len({signer.keys[0] for signer in together(4, lambda i: rooms[i].signer)}) == 1  # type: ignore[attr-defined]
    for one in rooms:
        one.engine.dispose()


# --- A new address is no way around ------------------------------------------------------------------


def test_changing_the_address_bombards_nobody(both: Newsroom) -> None:  # W07
    known = active(both, AMA)
    for i in range(50):
        preferences.ask_for_address(both, known, f"inconnu{i}@ailleurs.example", PAGE, language="fr")
    assert waiting(both) == preferences.NEW_ADDRESSES_A_DAY
    for i in range(100):
        other = active(both, f"r{i}@lecteurs.example")
        preferences.ask_for_address(both, other, f"autre{i}@ailleurs.example", PAGE, language="fr")
    assert waiting(both) == both.config.sign_up.per_network_per_hour


def test_one_mailbox_is_asked_once_a_day_by_whatever_way(both: Newsroom) -> None:  # W07
    known = active(both, AMA)
    sign_up(both, KODJO)
    preferences.ask_for_address(both, known, KODJO, PAGE, language="fr")
    assert waiting(both) == 1


def moved(room: Newsroom, known: Subscriber, address: str) -> bool:
    with write(room.engine) as connection:
        one = subscribe.person(address)
        change_id = subscribers.ask_for_address(connection, known.id, one, room.clock())
        change = subscribers.address_change(connection, change_id)
    assert change is not None
    return preferences.change_address(room, change, PAGE, language="fr")


def test_an_import_does_not_bring_back_the_address_somebody_moved_away_from(both: Newsroom, folder: Path) -> None:
    path = folder / "liste.csv"
    path.write_text(f"email\n{AMA}\n", encoding="utf-8")
    assert imports.import_file(both, path, "papier").added == 1
    assert moved(both, subscribe.find(both, AMA), "ama@nouvelle.example")
    assert imports.import_file(both, path, "papier").added == 0
    with pytest.raises(BadData, match="only its owner"):
        subscribe.add(both, [AMA], "papier")
    assert moved(both, subscribe.find(both, "ama@nouvelle.example"), AMA)  # and back again
    assert subscribe.find(both, AMA).status is Status.ACTIVE
    subscribe.sign_up(both, "ama@nouvelle.example", PAGE, language="fr")  # by its owner, it can come
    assert subscribe.find(both, "ama@nouvelle.example").status is Status.PENDING


@pytest.mark.parametrize("status", [Status.PENDING, Status.UNSUBSCRIBED, Status.ACTIVE, Status.COMPLAINED])
def test_a_new_address_may_have_been_known_before(both: Newsroom, status: Status) -> None:
    known = active(both, AMA)
    held = sign_up(both, KODJO) if status is Status.PENDING else active(both, KODJO)
    with write(both.engine) as connection:
        subscribers.set_status(connection, held.id, status, both.clock())
    free = status in (Status.PENDING, Status.UNSUBSCRIBED)
    assert moved(both, known, KODJO) is free
    assert (subscribe.find(both, KODJO).id == known.id) is free


# --- A complaint ---------------------------------------------------------------------------------------


def test_a_complaint_outlives_being_forgotten(both: Newsroom) -> None:
    known = active(both, AMA)
    complain(both, known)
    subscribe.forget(both, known, PAGE)
    subscribe.sign_up(both, AMA, PAGE, language="fr")
    assert waiting(both) == 0
    assert subscribe.of_link(both, Purpose.UNSUBSCRIBE, both.signer.token(Purpose.UNSUBSCRIBE, known.id)) is None
    assert not moved(both, active(both, KODJO), AMA)
    assert subscribe.revive(both, AMA, "par téléphone").status is Status.ACTIVE
    assert subscribe.find(both, AMA).id == known.id


def test_a_role_with_a_plus_is_a_role(room: Newsroom) -> None:
    with pytest.raises(BadData, match="post"):
        sign_up(room, "info+lettre@lecteurs.example")


def test_letters_of_a_stranger_are_counted_by_kind(room: Newsroom) -> None:
    assert set(subscribe.COUNTED) == {LetterKind.CONFIRM, LetterKind.KNOWN, LetterKind.NEW_ADDRESS}
    sign_up(room, AMA)
    assert post.send_waiting(room) == 1


def test_nothing_of_who_is_forgotten_lies_in_the_files(room: Newsroom, folder: Path) -> None:
    known = active(room, "personne-a-oublier@lecteurs.example")
    active(room, AMA)

    def found() -> set[str]:
        return {file.name for file in folder.glob("subscribers.db*") if b"personne-a-oublier" in file.read_bytes()}

    assert found()
    subscribe.forget(room, known, PAGE)
    assert found() == set()
    with read(room.engine):  # somebody is reading, so the log stays: being forgotten does not wait for them
        subscribe.forget(room, subscribe.find(room, AMA), PAGE)


# --- The caps outlive being forgotten ------------------------------------------------------------------


def test_who_deletes_their_data_begins_no_new_day_of_letters_to_strangers(both: Newsroom, clock: Clock) -> None:  # W07
    mailer = both.__dict__["mailer"] = FakeMailer()
    victim = "victime@ailleurs.example"
    for i in range(5):
        known = subscribe.confirm(both, link(both, sign_up(both, f"robot{i}@lecteurs.example")), PAGE)
        assert known is not None
        preferences.ask_for_address(both, known, victim, PAGE, language="fr")
        for n in range(4):
            preferences.ask_for_address(both, known, f"v{i}.{n}@ailleurs.example", PAGE, language="fr")
        post.send_waiting(both)
        subscribe.forget(both, known, PAGE)
        clock.move(minutes=1)
    assert mailer.offered.count(victim) == 1
    assert len(mailer.offered) == both.config.sign_up.per_network_per_hour
    with read(both.engine) as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM letters").all())
    assert "@" not in kept
    clock.move(days=1)
    tidy.tidy(both)
    with read(both.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM letters").scalar() == 0


def test_nothing_leaves_to_who_is_forgotten_and_nothing_is_written_of_them(both: Newsroom) -> None:
    known = sign_up(both, AMA)
    with write(both.engine) as connection:
        [one] = letters.claim(connection, tuple(LetterKind), both.clock(), 10)
    subscribe.forget(both, known, PAGE)
    with write(both.engine) as connection:  # what its sender may do yet
        letters.freeze(connection, one.id, AMA.encode())
        letters.at_dot(connection, one.id, both.clock())
        letters.give_back(connection, [one.id], both.clock())
        letters.record(connection, one.id, DeliveryState.DEFERRED, reply=f"450 <{AMA}> later", now=both.clock())
    with read(both.engine) as connection:
        assert AMA not in str(connection.exec_driver_sql("SELECT * FROM letters").all())
        assert letters.waiting(connection)[0] == 0


# --- Figures --------------------------------------------------------------------------------------------


def test_forgotten_is_who_asked_for_it(both: Newsroom, clock: Clock) -> None:
    sign_up(both, AMA)
    clock.move(days=8)
    tidy.tidy(both)
    assert moved(both, active(both, KODJO), "kodjo@nouvelle.example")
    efua = active(both, "efua@lecteurs.example")
    complain(both, efua)
    assert report.standing(both).subscribers == dict.fromkeys(Status, 0) | {Status.ACTIVE: 1, Status.COMPLAINED: 1}
    subscribe.forget(both, efua, PAGE)
    assert report.standing(both).subscribers == dict.fromkeys(Status, 0) | {Status.ACTIVE: 1, Status.FORGOTTEN: 1}
    assert [one.address for one in subscribe.listed(both)] == ["kodjo@nouvelle.example"]
    for status in (Status.COMPLAINED, Status.FORGOTTEN):
        assert subscribe.listed(both, status) == []
        assert list(exports.people(both, status)) == []


def test_an_address_given_up_for_another_is_not_called_forgotten(both: Newsroom) -> None:
    moved(both, active(both, AMA), "ama@nouvelle.example")
    with pytest.raises(BadData, match="given up by its reader for another address on 2026-11-23"):
        subscribe.add(both, [AMA], "papier")
    subscribe.forget(both, active(both, KODJO), PAGE)
    with pytest.raises(BadData, match="forgotten since 2026-11-23"):
        subscribe.add(both, [KODJO], "papier")


# --- One waits for the other ----------------------------------------------------------------------------
# SQLite has one writer; PostgreSQL has many, which must hold the rows that they go by.


class Beside:
    """Something done in a thread of its own, beside what we do."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._thread = threading.Thread(target=self._do)
        self.found: object = None
        self._thread.start()

    def _do(self) -> None:
        try:
            self.found = self._work()
        except Exception as error:
            self.found = error

    def waits(self) -> bool:
        """Whether it is still at it after a while."""
        self._thread.join(0.7)
        return self._thread.is_alive()

    def end(self) -> object:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.found


def test_who_signs_up_while_being_tidied_away_gets_a_letter(both: Newsroom, clock: Clock) -> None:
    known = sign_up(both, AMA)
    clock.move(days=7, hours=1)
    before, asked = clock() - timedelta(days=7), clock() - subscribe.CONFIRM_WITHIN
    with write(both.engine) as connection:
        chosen = subscribers.in_status_since(connection, Status.PENDING, before, 10, asked_before=asked)
        assert chosen == [known.id]
        late = Beside(lambda: subscribe.sign_up(both, AMA, PAGE, language="fr"))
        assert late.waits()
        subscribers.drop(connection, known.id)
    assert late.end() is None
    assert waiting(both) == 1
    fresh = subscribe.find(both, AMA)
    assert (fresh.status, fresh.id == known.id) == (Status.PENDING, False)


def test_who_is_about_to_sign_up_is_not_tidied_away(both: Newsroom, clock: Clock) -> None:
    known = sign_up(both, AMA)
    clock.move(days=7, hours=1)
    with write(both.engine) as connection:
        subscribers.find(connection, AMA, locked=True)  # as a sign-up does
        tidying = Beside(lambda: tidy.tidy(both))
        tidying.waits()
        consents.record(connection, [known.id], Act.SIGNED_UP, PAGE, clock())
    assert tidying.end() == tidy.Tidied(0, 0, 0, 0)
    assert subscribe.find(both, AMA).id == known.id


def test_a_sign_up_that_came_between_the_look_and_the_hold_is_heard(both: Newsroom, clock: Clock) -> None:
    """It is a row of another table, at which PostgreSQL looks once more only if it is asked."""
    known = sign_up(both, AMA)
    clock.move(days=7, hours=1)
    before, asked = clock() - timedelta(days=7), clock() - subscribe.CONFIRM_WITHIN
    with write(both.engine) as connection:
        came: list[str] = []

        def come_between(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not came:
                came.append(statement)
                consents.record(connection, [known.id], Act.SIGNED_UP, PAGE, clock())

        event.listen(connection, "after_cursor_execute", come_between)
        assert subscribers.in_status_since(connection, Status.PENDING, before, 10, asked_before=asked) == []
        assert came


def test_who_is_forgotten_while_signing_up_is_written_to_as_a_stranger(both: Newsroom) -> None:
    known, secret = active(both, AMA), both.forgotten_secret
    with write(both.engine) as connection:
        found = subscribers.by_id(connection, known.id, locked=True)
        assert found is not None
        late = Beside(lambda: subscribe.sign_up(both, AMA, PAGE, language="fr"))
        assert late.waits()
        subscribe.forget_one(connection, secret, found, PAGE, both.clock())
    assert late.end() is None
    fresh = subscribe.find(both, AMA)
    assert (fresh.status, fresh.id == known.id) == (Status.PENDING, False)
    assert [act.act.value for act in subscribe.history(both, known)] == ["added", "forgotten"]


def test_a_confirmation_waits_for_who_holds_its_reader(both: Newsroom, clock: Clock) -> None:
    known = sign_up(both, AMA)
    token = link(both, known)
    clock.move(minutes=1)
    with write(both.engine) as connection:
        subscribers.by_id(connection, known.id, locked=True)
        late = Beside(lambda: subscribe.confirm(both, token, PAGE))
        assert late.waits()
        subscribers.set_status(connection, known.id, Status.UNSUBSCRIBED, clock())
    assert late.end() is None
    assert subscribe.find(both, AMA).status is Status.UNSUBSCRIBED


@pytest.mark.parametrize("way", ["sign-up", "new address"])
def test_letters_are_counted_by_one_at_a_time(both: Newsroom, way: str) -> None:
    known, _secret = active(both, AMA), both.forgotten_secret
    ways: dict[str, Callable[[], object]] = {
        "sign-up": lambda: subscribe.sign_up(both, KODJO, PAGE, language="fr"),
        "new address": lambda: preferences.ask_for_address(both, known, KODJO, PAGE, language="fr"),
    }
    with write(both.engine) as connection:
        notes.one_at_a_time(connection, subscribe.COUNTING)
        late = Beside(ways[way])
        assert late.waits()
        letters.add(connection, LetterKind.CONFIRM, KODJO, language="fr", now=both.clock())
    late.end()
    assert waiting(both) == 1


def test_two_put_one_address_on_the_list(both: Newsroom) -> None:
    one = subscribe.person(AMA)
    with write(both.engine) as connection:
        [first] = subscribers.add(connection, [one], now=both.clock())
        late = Beside(lambda: subscribe.add(both, [AMA], "test"))
        assert late.waits()
    assert late.end() == []
    assert subscribe.find(both, AMA).id == first


def test_the_first_secret_is_made_before_a_row_is_held(both: Newsroom) -> None:
    """Else a sign-up holds the secret and waits for the row, and who deletes their data the other way round."""
    known = active(both, AMA)
    with write(both.engine) as connection:
        notes.drop(connection, "forgotten_key")
    vars(both).pop("forgotten_secret", None)
    with write(both.engine) as connection:
        subscribers.by_id(connection, known.id, locked=True)
        waits = [
            Beside(lambda: subscribe.sign_up(both, AMA, PAGE, language="fr")),
            Beside(lambda: subscribe.forget(both, known, PAGE)),
        ]
        assert all(one.waits() for one in waits)
        if both.engine.dialect.name == "postgresql":
            with read(both.engine) as other:
                assert notes.secret(other, "forgotten_key") is not None
    assert [one.end() for one in waits] == [None, None]


def test_tidying_and_deleting_lock_in_one_order(both: Newsroom, clock: Clock) -> None:
    """A reader's own row before the one that holds their hash."""
    secret = both.forgotten_secret
    subscribe.forget(both, active(both, AMA), PAGE)
    known = sign_up(both, AMA)
    subscribe.remove(both, AMA)
    clock.move(days=1096)
    with write(both.engine) as connection:
        subscribers.by_id(connection, known.id, locked=True)
        tidying = Beside(lambda: tidy.tidy(both))
        tidying.waits()
        subscribe.forget_one(connection, secret, known, PAGE, clock())
    found = tidying.end()
    assert isinstance(found, tidy.Tidied)
    assert found.departed == 0
    assert [act.act.value for act in subscribe.history(both, known)][-1] == "forgotten"


def changes_to(room: Newsroom, address: str, *readers: Subscriber) -> list[AddressChange]:
    with write(room.engine) as connection:
        one = subscribe.person(address)
        ids = [subscribers.ask_for_address(connection, known.id, one, room.clock()) for known in readers]
        return [change for id in ids if (change := subscribers.address_change(connection, id))]


def test_of_two_who_confirm_one_new_address_one_has_it(both: Newsroom) -> None:
    changes = changes_to(both, "famille@lecteurs.example", active(both, AMA), active(both, KODJO))
    found = together(2, lambda i: preferences.change_address(both, changes[i], PAGE, language="fr"))
    assert sorted(map(str, found)) == ["False", "True"]


def test_a_new_address_that_somebody_takes_this_moment_is_not_taken_away(both: Newsroom) -> None:
    known = active(both, AMA)
    [change] = changes_to(both, KODJO, known)
    with write(both.engine) as connection:
        subscribers.add(connection, [subscribe.person(KODJO)], now=both.clock())
        late = Beside(lambda: preferences.change_address(both, change, PAGE, language="fr"))
        assert late.waits()
    assert late.end() is False
    assert subscribe.find(both, AMA).id == known.id


def test_who_confirms_while_their_row_is_about_to_go_keeps_it(both: Newsroom, clock: Clock) -> None:
    known, held = active(both, AMA), sign_up(both, KODJO)
    [change] = changes_to(both, KODJO, known)
    with write(both.engine) as connection:
        subscribers.by_id(connection, held.id, locked=True)
        late = Beside(lambda: preferences.change_address(both, change, PAGE, language="fr"))
        assert late.waits()
        subscribers.set_status(connection, held.id, Status.ACTIVE, clock())
    assert late.end() is False
    assert subscribe.find(both, KODJO).id == held.id


def test_two_readers_swap_their_addresses_without_a_deadlock(both: Newsroom) -> None:
    ama, kodjo = active(both, AMA), active(both, KODJO)
    [to_kodjo], [to_ama] = changes_to(both, KODJO, ama), changes_to(both, AMA, kodjo)
    ways = (to_kodjo, to_ama)
    for _ in range(5):
        found = together(2, lambda i: preferences.change_address(both, ways[i], PAGE, language="fr"))
        assert found == [False, False]


def test_a_row_emptied_for_a_new_address_has_its_act(both: Newsroom) -> None:
    known, held = active(both, AMA), active(both, KODJO)
    subscribe.remove(both, KODJO)
    assert moved(both, known, KODJO)
    assert [act.act.value for act in subscribe.history(both, held)] == ["added", "unsubscribed", "forgotten"]


def test_a_row_emptied_for_a_new_address_lies_in_no_file(room: Newsroom, folder: Path) -> None:
    known = active(room, AMA)
    with write(room.engine) as connection:
        one = subscribe.person(KODJO, "Personne A-Oublier")
        subscribers.add(connection, [one], now=room.clock(), status=Status.UNSUBSCRIBED)
    assert moved(room, known, KODJO)
    assert not any(b"A-Oublier" in file.read_bytes() for file in folder.glob("subscribers.db*"))


def test_an_edition_planned_beside_a_deletion_keeps_no_address(
    both: Newsroom, add_article: Callable[..., Path]
) -> None:
    known = active(both, AMA)
    add_article("Le port rouvre")
    made = daily.make_edition(both, date(2026, 11, 23))
    subscribe.forget(both, known, PAGE)
    with write(both.engine) as connection:  # as PostgreSQL writes it that plans in the same moment
        here = {"edition_id": made.edition.id, "subscriber_id": known.id, "address": AMA, "state": "pending"}
        connection.execute(insert(schema.deliveries).values(**here, at=both.clock()))
    tidy.tidy(both)
    with read(both.engine) as connection:
        assert AMA not in str(connection.exec_driver_sql("SELECT * FROM deliveries").all())


def test_a_rehearsal_cuts_no_log_off(room: Newsroom, folder: Path) -> None:
    known, log = active(room, AMA), folder / "subscribers.db-wal"
    for dry_run in (True, False):
        subscribe.forget(room, known, PAGE, dry_run=dry_run)
        assert bool(log.stat().st_size) is dry_run


def test_a_log_that_cannot_be_cut_off_is_no_fault_of_a_deletion(
    room: Newsroom, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room.engine.dispose()
    for file in folder.glob("subscribers.db*"):
        file.write_bytes(b"no database" * 1000)
    wipe(room.engine)
    assert "what was deleted may stay in the database's log" in caplog.text
