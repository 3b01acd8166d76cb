"""The pages behind the links of every mail: a look changes nothing, a press acts at once, a bad link tells nothing."""

from __future__ import annotations

import base64
import itertools
import mailbox
import re
from collections.abc import Callable
from datetime import date
from email.message import Message
from pathlib import Path

import pytest

from newsletter import daily, keyring, post, preferences, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import Act, Origin, SubscriberStatus, Variant
from newsletter.newsroom import Newsroom
from tests.browser import AMA, everything, reader, token, visit
from tests.conftest import Clock

Add = Callable[..., Path]
PATHS = {
    "u": Purpose.UNSUBSCRIBE,
    "p": Purpose.PREFERENCES,
    "c": Purpose.CONFIRM,
    "d": Purpose.OWN,
    "a": Purpose.ADDRESS,
}
PRESSES = {
    "u": ("", "/back", "/pause", "/resume"),
    "p": ("/leave", "/back", "/pause", "/resume", "/variant", "/link"),
    "c": ("",),
    "d": ("/address", "/delete"),
    "a": ("",),
}


def leave_link(room: Newsroom) -> str:
    return f"/u/{token(room, Purpose.UNSUBSCRIBE, subscribe.find(room, AMA).id)}"


def preferences_link(room: Newsroom) -> str:
    return f"/p/{token(room, Purpose.PREFERENCES, subscribe.find(room, AMA).id)}"


def status(room: Newsroom) -> SubscriberStatus:
    return subscribe.find(room, AMA).status


def acts(room: Newsroom) -> list[tuple[str, str]]:
    return [(one.act.value, one.origin.how) for one in subscribe.history(room, subscribe.find(room, AMA))]


def links_in(mail: Message) -> set[str]:
    """All that a scanner finds in a mail: in its headers, its text and its HTML."""
    found = set(re.findall(r"https://[^\s<>\"]+", str(mail["List-Unsubscribe"] or "")))
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found |= set(re.findall(r"https://lettre\.journal\.example[^\s<>\"]*", payload.decode()))
    return found


# --- Looks ----------------------------------------------------------------------------------------


def test_a_thousand_looks_change_nothing(room: Newsroom, add_article: Add, clock: Clock) -> None:  # W01
    known = reader(room)
    add_article("Le port rouvre")
    daily.send(room, date(2026, 11, 23), watch=Watch(Stop(clock)))
    subscribe.sign_up(room, "efua@lecteurs.example", subscribe.Origin("page"), language="fr")
    preferences.mail_own_link(room, known, language="fr")
    preferences.ask_for_address(
        room, known, "ama@nouvelle.example", Origin("link", network="192.0.2.0/24"), language="fr"
    )
    post.send_waiting(room)
    mails = list(mailbox.Maildir(room.config.resolve("outbox"), create=False))
    assert len(mails) == 4
    paths = sorted({link.removeprefix("https://lettre.journal.example") for mail in mails for link in links_in(mail)})
    assert {path[:3] for path in paths} >= {"/u/", "/p/", "/c/", "/d/", "/a/", "/ar"}
    paths += [path + press for path in paths for press in PRESSES.get(path.split("/")[1], ()) if press]
    client, before = visit(room), everything(room)
    looks = itertools.cycle(itertools.product(paths, ("GET", "HEAD", "OPTIONS")))
    for path, method in itertools.islice(looks, 1002):
        answer = client.open(path, method=method, headers={"Accept-Language": "fr", "User-Agent": "SafeLinks"})
        assert answer.status_code == 200, (method, path)
    assert everything(room) == before


# --- Unsubscribing ----------------------------------------------------------------------------------


def test_the_page_has_one_button_to_leave_and_one_to_pause(room: Newsroom) -> None:
    reader(room)
    html = visit(room).get(leave_link(room)).text
    assert re.findall(r"<button[^>]*>([^<]*)", html) == ["Se désinscrire", "Faire une pause de 30 jours"]
    assert "<input" not in html  # no question is compulsory: none is asked
    assert AMA not in html  # the mail may have been forwarded
    assert "a…\u2060@lecteurs.example" in html


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_unsubscribes_at_once(room: Newsroom, kind: str) -> None:  # W02
    reader(room)
    client, link = visit(room), leave_link(room)
    for _ in range(2):  # W03
        answer = client.post(link, data={"List-Unsubscribe": "One-Click"}, content_type=kind)
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        assert len(answer.data) < 200
        assert "Set-Cookie" not in answer.headers
        assert "Location" not in answer.headers
    assert status(room) is SubscriberStatus.UNSUBSCRIBED
    assert acts(room) == [("added", "command"), ("unsubscribed", "one-click")]


def test_a_post_of_any_kind_unsubscribes(room: Newsroom) -> None:
    """Mail programs send what they like: it is the link that counts."""
    reader(room)
    answer = visit(room).post(leave_link(room), data=b"List-Unsubscribe=One-Click", content_type="text/plain")
    assert answer.status_code == 200
    assert status(room) is SubscriberStatus.UNSUBSCRIBED


def test_the_button_leaves_and_shows_the_way_back(room: Newsroom) -> None:
    reader(room)
    client, link = visit(room), leave_link(room)
    for _ in range(2):  # W03
        html = client.post(link).text
        assert "Votre désinscription est faite" in html
        assert f'action="{link}/back"' in html
    assert acts(room)[1:] == [("unsubscribed", "link")]
    assert "Vous êtes de nouveau sur la liste" in client.post(f"{link}/back").text
    assert status(room) is SubscriberStatus.ACTIVE


def test_after_a_week_the_way_back_is_a_new_sign_up(room: Newsroom, clock: Clock) -> None:
    reader(room)
    client, link = visit(room), leave_link(room)
    client.post(link)
    clock.move(days=8)
    html = client.get(link).text
    assert f'action="{link}/back"' not in html
    assert "S’inscrire de nouveau" in html
    assert "On ne peut plus revenir" in client.post(f"{link}/back").text
    assert status(room) is SubscriberStatus.UNSUBSCRIBED


def test_a_pause_beside_leaving(room: Newsroom) -> None:
    reader(room)
    client, link = visit(room), leave_link(room)
    html = client.post(f"{link}/pause").text
    assert "La pause a commencé" in html
    assert "en pause jusqu’au mercredi 23 décembre 2026" in html
    assert f'action="{link}/resume"' in client.get(link).text
    assert "La pause est finie" in client.post(f"{link}/resume").text
    assert acts(room)[1:] == [("paused", "link"), ("resumed", "link")]


def test_a_link_works_for_months_and_across_new_keys(room: Newsroom, clock: Clock) -> None:  # W05
    reader(room)
    client, link = visit(room), leave_link(room)
    keyring.rotate(room)
    clock.move(days=90)
    assert client.post(link).status_code == 200
    assert status(room) is SubscriberStatus.UNSUBSCRIBED


# --- Links that are none ------------------------------------------------------------------------------


def flipped(good: str) -> list[str]:
    """A token with each of its bits turned over, in turn."""
    raw = base64.b32decode(good.upper() + "=" * (-len(good) % 8))
    turned = [bytearray(raw) for _ in range(len(raw) * 8)]
    for i, one in enumerate(turned):
        one[i // 8] ^= 1 << i % 8
    return [base64.b32encode(one).decode().rstrip("=").lower() for one in turned]


@pytest.mark.parametrize("path", list(PATHS))
def test_a_flipped_bit_changes_and_reveals_nothing(room: Newsroom, path: str) -> None:  # W05
    known = reader(room)
    preferences.ask_for_address(
        room, known, "ama@nouvelle.example", Origin("link", network="192.0.2.0/24"), language="fr"
    )
    good = token(room, PATHS[path], known.id)
    client, before = visit(room), everything(room)
    nobody = client.get(f"/{path}/none").text
    bad = [*flipped(good), good[:-1], good + "a", good.upper() + "=", "", "é" * 20, "a" * 5000]
    for wrong in bad:
        for answer in (client.get(f"/{path}/{wrong}"), client.post(f"/{path}/{wrong}{PRESSES[path][0]}")):
            assert answer.status_code in (404, 405)
            assert answer.text == nobody or answer.status_code == 405 or not wrong
    assert everything(room) == before


@pytest.mark.parametrize("path", list(PATHS))
def test_a_token_of_another_purpose_is_worth_nothing(room: Newsroom, path: str) -> None:  # W05
    known = reader(room)
    preferences.ask_for_address(
        room, known, "ama@nouvelle.example", Origin("link", network="192.0.2.0/24"), language="fr"
    )
    client, before = visit(room), everything(room)
    nobody = client.get(f"/{path}/none").text
    for purpose in set(Purpose) - {PATHS[path]}:
        link = f"/{path}/{token(room, purpose, known.id)}"
        assert client.get(link).text == nobody
        for press in PRESSES[path]:
            answer = client.post(link + press, data={"sure": "yes", "email": "x@lecteurs.example"})
            assert (answer.status_code, answer.text) == (404, nobody)
    assert everything(room) == before


def test_a_link_of_another_newsroom_is_worth_nothing(room: Newsroom, make_room: Callable[..., Newsroom]) -> None:  # W03
    reader(room)
    link, other = leave_link(room), make_room(NEWSLETTER_LIST_ID="autre.example")
    assert visit(other).post(link).status_code == 404
    assert status(room) is SubscriberStatus.ACTIVE


def test_a_reader_who_is_forgotten_is_nobody(room: Newsroom) -> None:
    known = reader(room)
    links = leave_link(room), preferences_link(room)
    subscribe.forget(room, known, subscribe.Origin("link"))
    client = visit(room)
    assert {client.get(link).status_code for link in links} == {404}


# --- Preferences ------------------------------------------------------------------------------------


def test_preferences_say_how_things_stand(room: Newsroom) -> None:
    reader(room)
    html = visit(room).get(preferences_link(room)).text
    assert "Vous recevez La lettre du matin tous les jours à 6\u00a0h\u00a030." in html
    assert 'value="full" checked' in html
    assert AMA not in html


def test_the_variant_is_chosen(room: Newsroom) -> None:
    reader(room)
    client, link = visit(room), preferences_link(room)
    assert 'value="text" checked' in client.post(f"{link}/variant", data={"variant": "text"}).text
    assert subscribe.find(room, AMA).variant is Variant.TEXT
    for wrong in ("", "pdf", "TEXT"):
        assert client.post(f"{link}/variant", data={"variant": wrong}).status_code == 200
    assert subscribe.find(room, AMA).variant is Variant.TEXT


def test_leaving_pausing_and_coming_back_by_the_preferences(room: Newsroom) -> None:
    reader(room)
    client, link = visit(room), preferences_link(room)
    assert "La pause a commencé" in client.post(f"{link}/pause").text
    assert "La pause est finie" in client.post(f"{link}/resume").text
    assert f'action="{link}/back"' in client.post(f"{link}/leave").text
    assert "de nouveau sur la liste" in client.post(f"{link}/back").text
    assert [act for act, _how in acts(room)[1:]] == ["paused", "resumed", "unsubscribed", "came_back"]
    assert client.post(f"{link}/else").status_code in (404, 405)


def test_own_data_are_not_shown_but_a_link_is_mailed(room: Newsroom) -> None:
    reader(room)
    client, link = visit(room), preferences_link(room)
    answers = [client.post(f"{link}/link").text for _ in range(8)]
    assert len(set(answers)) == 2  # the cap is one for each reader: it tells nothing of another
    assert ["Nous vous écrivons à l’instant" in html for html in answers] == [True] * 5 + [False] * 3
    assert "Vous avez reçu cinq de ces liens aujourd’hui" in answers[5]
    assert len(everything(room)["letters"]) == preferences.LINKS_A_DAY


def test_who_never_confirmed_may_still_say_no(room: Newsroom) -> None:
    subscribe.sign_up(room, AMA, subscribe.Origin("page"), language="fr")
    client, link = visit(room), leave_link(room)
    assert "Se désinscrire" in client.get(link).text
    client.post(link)
    client.post(f"{link}/back")
    client.post(f"{link}/pause")
    assert status(room) is SubscriberStatus.UNSUBSCRIBED
    assert [act for act, _how in acts(room)] == [Act.SIGNED_UP.value, Act.UNSUBSCRIBED.value]
