"""The pages behind links that do not last: confirm, one's own data, a new address."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from newsletter import preferences, subscribe
from newsletter.links import Purpose
from newsletter.model import LetterKind, Origin, Subscriber, SubscriberStatus
from newsletter.newsroom import Newsroom
from tests.browser import AMA, everything, reader, token, visit
from tests.conftest import Clock

MakeRoom = Callable[..., Newsroom]
NEW = "ama@nouvelle.example"


def pending(room: Newsroom) -> Subscriber:
    subscribe.sign_up(room, AMA, subscribe.Origin("page"), language="fr")
    return subscribe.find(room, AMA)


def confirm_link(room: Newsroom) -> str:
    return f"/c/{token(room, Purpose.CONFIRM, pending(room).id)}"


def own_link(room: Newsroom, known: Subscriber) -> str:
    return f"/d/{token(room, Purpose.OWN, known.id)}"


def letters_of(room: Newsroom, kind: LetterKind) -> list[str]:
    return [row.address for row in everything(room)["letters"] if row.kind == kind]


def address_link(room: Newsroom, address: str = NEW) -> str:
    change = next(row for row in everything(room)["address_changes"] if row.address == address)
    return f"/a/{token(room, Purpose.ADDRESS, change.id)}"


# --- Confirming -----------------------------------------------------------------------------------


def test_only_the_button_confirms(room: Newsroom) -> None:  # W06
    client, link = visit(room), confirm_link(room)
    html = client.get(link).text
    assert html.count("<button") == 1
    assert subscribe.find(room, AMA).status is SubscriberStatus.PENDING
    for _ in range(2):  # twice is harmless
        html = client.post(link).text
        assert "Bienvenue" in html
        assert "La prochaine édition arrive le mardi 24 novembre 2026 à 6\u00a0h\u00a030" in html
    assert "Bienvenue" in client.get(link).text
    known = subscribe.find(room, AMA)
    assert known.status is SubscriberStatus.ACTIVE
    assert [(one.act.value, one.origin.how, one.origin.network) for one in subscribe.history(room, known)][1:] == [
        ("confirmed", "link", "127.0.0.0/24")
    ]


def test_a_newcomer_hears_that_the_latest_edition_is_on_its_way(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_SEND_LATEST_ON_CONFIRM="true")
    assert "est en route vers vous" in visit(room).post(confirm_link(room)).text


def test_a_confirmation_that_is_over_leads_to_the_sign_up(room: Newsroom, clock: Clock) -> None:  # W06
    client, link = visit(room), confirm_link(room)
    clock.move(days=7, seconds=1)
    for answer in (client.get(link), client.post(link)):
        assert (answer.status_code, "S’inscrire de nouveau" in answer.text) == (404, True)
    assert subscribe.find(room, AMA).status is SubscriberStatus.PENDING


def test_a_confirmation_is_over_once_its_reader_has_left(room: Newsroom, clock: Clock) -> None:
    client, link = visit(room), confirm_link(room)
    client.post(link)
    clock.move(hours=1)
    subscribe.remove(room, AMA)
    assert client.post(link).status_code == 404
    assert subscribe.find(room, AMA).status is SubscriberStatus.UNSUBSCRIBED


# --- One's own data ---------------------------------------------------------------------------------


def test_own_data_are_shown_for_fifteen_minutes(room: Newsroom, clock: Clock) -> None:
    client = visit(room)
    client.post("/", data={"email": AMA}, headers={"Referer": "https://journal.example/une"})
    known = subscribe.find(room, AMA)
    client.post(f"/c/{token(room, Purpose.CONFIRM, known.id)}")
    link = own_link(room, known)
    html = client.get(link).text
    for part in (AMA, "Inscription", "Confirmation", "https://journal.example/une", "réseau 127.0.0.0/24"):
        assert part in html
    clock.move(minutes=15, seconds=1)
    for path in (link, f"{link}/data.json"):
        answer = client.get(path)
        assert (answer.status_code, AMA in answer.text) == (404, False)
    assert client.post(f"{link}/delete", data={"sure": "yes"}).status_code == 404


def test_own_data_are_taken_along_as_a_file(room: Newsroom) -> None:
    known = reader(room)
    answer = visit(room).get(f"{own_link(room, known)}/data.json")
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lettre.journal.example.json"'
    data = json.loads(answer.data)
    assert (data["address"], data["status"]) == (AMA, "active")
    assert [act["act"] for act in data["consents"]] == ["added"]


def test_a_new_address_is_asked_for_confirmed_and_the_old_one_told(room: Newsroom) -> None:
    known = reader(room)
    client = visit(room)
    html = client.post(f"{own_link(room, known)}/address", data={"email": NEW}).text
    assert "dans la boîte de la nouvelle adresse" in html
    link = address_link(room)
    assert "<button" in client.get(link).text
    assert subscribe.find(room, AMA).id == known.id
    assert "Votre adresse est changée" in client.post(link).text
    assert subscribe.find(room, NEW).id == known.id
    assert letters_of(room, LetterKind.ADDRESS_CHANGED) == [AMA]
    answer = client.post(link)  # a second time
    assert (answer.status_code, "déjà servi" in answer.text) == (404, True)


def test_an_address_on_the_list_gets_the_same_answer(room: Newsroom) -> None:
    known = reader(room)
    reader(room, "kodjo@lecteurs.example")
    client = visit(room)
    link = own_link(room, known)

    def without_letters(html: str) -> str:
        return html.partition('id="mails"')[0]

    answers = [client.post(f"{link}/address", data={"email": email}).text for email in ("kodjo@lecteurs.example", NEW)]
    assert without_letters(answers[0]) == without_letters(answers[1])
    subscribe.find(room, "kodjo@lecteurs.example")
    preferences.ask_for_address(
        room, known, "kodjo@lecteurs.example", Origin("link", network="192.0.2.0/24"), language="fr"
    )
    assert subscribe.find(room, AMA).id == known.id


def test_the_fourth_wish_in_a_day_is_told_so(room: Newsroom, clock: Clock) -> None:
    known = reader(room)
    client, link = visit(room), own_link(room, known)
    answers = [client.post(f"{link}/address", data={"email": f"n{i}@nouvelle.example"}).text for i in range(4)]
    said = ["dans la boîte de la nouvelle adresse" in html for html in answers]
    assert said == [True] * 3 + [False]
    assert "Vous avez demandé trois adresses aujourd’hui" in answers[3]
    assert len(letters_of(room, LetterKind.NEW_ADDRESS)) == 3
    clock.move(days=1, seconds=1)
    html = client.post(f"{own_link(room, known)}/address", data={"email": "n4@nouvelle.example"}).text
    assert "dans la boîte" in html


def test_letters_that_are_not_shown_are_counted(room: Newsroom, clock: Clock) -> None:
    known = reader(room)
    for _ in range(12):
        assert preferences.mail_own_link(room, known, language="fr")
        clock.move(days=1, seconds=1)
    assert (
        "et 2\u00a0messages plus anciens, qui sont tous dans le fichier" in visit(room).get(own_link(room, known)).text
    )


def test_an_address_taken_meanwhile_is_not_taken_away(room: Newsroom) -> None:
    known = reader(room)
    client = visit(room)
    client.post(f"{own_link(room, known)}/address", data={"email": NEW})
    link = address_link(room)
    other = reader(room, NEW)
    assert "Rien n’a été changé" in client.post(link).text
    assert (subscribe.find(room, NEW).id, subscribe.find(room, AMA).id) == (other.id, known.id)


@pytest.mark.parametrize("typed", ["", "ama", "a@b@c", "ama@x.example\r\nBcc: b@x.example", "<script>"])
def test_an_address_that_is_none_is_told_so(room: Newsroom, typed: str) -> None:
    known = reader(room)
    answer = visit(room).post(f"{own_link(room, known)}/address", data={"email": typed})
    assert (answer.status_code, "Nous ne pouvons pas écrire" in answer.text) == (400, True)
    assert "<script" not in answer.text
    assert letters_of(room, LetterKind.NEW_ADDRESS) == []


def test_who_has_left_has_no_letter_to_send_elsewhere(room: Newsroom) -> None:
    known = reader(room)
    subscribe.remove(room, AMA)
    client, link = visit(room), own_link(room, known)
    assert f"{link}/address" not in client.get(link).text
    assert client.post(f"{link}/address", data={"email": NEW}).status_code == 400


def test_all_is_deleted_after_a_second_question(room: Newsroom) -> None:
    known = reader(room)
    client, link = visit(room), own_link(room, known)
    html = client.post(f"{link}/delete").text
    assert 'name="sure" value="yes"' in html
    assert subscribe.find(room, AMA).status is SubscriberStatus.ACTIVE
    assert "Tout est effacé" in client.post(f"{link}/delete", data={"sure": "yes"}).text
    assert AMA not in str(everything(room))
    assert client.get(link).status_code == 404
    client.post("/", data={"email": AMA})  # and may come again as anybody
    assert letters_of(room, LetterKind.CONFIRM) == [AMA]
