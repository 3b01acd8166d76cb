"""Nobody is on the list against their will: what links, numbers, races and imports must not be able to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter import imports, post, preferences, subscribe, tidy
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.model import LetterKind, Origin, Subscriber, SubscriberStatus, Variant
from newsletter.newsroom import Newsroom
from newsletter.store import letters, notes, subscribers
from newsletter.store.database import read, write
from tests.conftest import Clock

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
    clock.move(days=1)


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
            return notes.secret(connection, "some secret")

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
