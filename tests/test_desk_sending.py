"""The desk's pages of deciding, sending and looking on; and the page behind a draft letter's link."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletter import config, daily, draft, edit, editors, runner, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import Edition, EditionStatus, LetterKind, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.report import ALIVE
from newsletter.store import editions, letters, notes
from newsletter.store.database import read, write
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from newsletter.web.desk.sending import decision_values
from newsletter.web.desk.standing import clock as told_clock
from newsletter.web.desk.standing import standing
from newsletter.words import Words
from tests.browser import chromium, everything, free_place, serving
from tests.conftest import TOML, Clock
from tests.desk import Desk, cookie_of, editor, text_of
from tests.fakes import FakeMailer

DAY = date(2026, 11, 23)
NAME = "2026-11-23"
Status = EditionStatus
KODJO = Who("Kodjo")
Add = Callable[..., Path]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def ready(room: Newsroom, add_article: Add, clock: Clock) -> Newsroom:
    """Three readers, and a draft with two articles at six in the morning."""
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(3)], "test")
    add_article("Le port rouvre", section="Économie", hours=2)
    add_article("Le lycée ferme", section="Société", hours=3)
    clock.now = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    daily.make_edition(room, DAY)
    return room


@pytest.fixture
def desk(ready: Newsroom) -> Desk:
    return Desk(ready)


def todays(room: Newsroom) -> Edition:
    return edit.look(room, None, NAME)[0]


def sight(room: Newsroom) -> str:
    return edit.sight(*edit.look(room, None, NAME))


def post(desk: Desk, what: str, **fields: Any) -> TestResponse:
    return desk.post(f"/edition/{NAME}/{what}", **fields)


# --- Whether it goes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "status"), [("approve", Status.APPROVED), ("hold", Status.HELD), ("cancel", Status.CANCELLED)]
)
def test_an_editor_decides(desk: Desk, what: str, status: EditionStatus) -> None:
    answer = post(desk, what, sure="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/desk/edition/{NAME}?done={status.value}")
    assert todays(desk.room).status is status


@pytest.mark.parametrize("what", ["approve", "hold", "cancel", "send", "take-back", "stop", "resume"])
def test_a_writer_does_not(ready: Newsroom, what: str) -> None:
    writer = Desk(ready, Role.WRITER, "Kossi")
    before = everything(ready)
    assert post(writer, what, sure="yes").status_code == 403
    assert everything(ready) == before


@pytest.mark.parametrize("what", ["approve", "hold", "cancel", "send", "take-back", "stop", "resume"])
def test_only_a_form_of_ours_counts(desk: Desk, what: str) -> None:
    before = everything(desk.room)
    assert desk.client.post(f"/desk/edition/{NAME}/{what}", data={"sure": "yes"}).status_code == 403
    assert desk.get(f"/edition/{NAME}/{what}").status_code == 405
    assert desk.post(f"/edition/2026-11-24/{what}").status_code == 404
    assert everything(desk.room)["editions"] == before["editions"]


def test_a_cancelling_is_asked_twice(desk: Desk) -> None:
    answer = post(desk, "cancel")
    assert answer.status_code == 200
    assert "3 lecteurs ne recevraient pas" in text_of(answer.text).replace("\u00a0", " ")
    assert 'name="sure" value="yes"' in answer.text
    assert todays(desk.room).status is Status.DRAFT


def test_who_approves_hears_what_others_changed(desk: Desk) -> None:
    seen = sight(desk.room)
    edit.decide(desk.room, DAY, Status.HELD, who=Who("Kodjo <b>"))
    answer = post(desk, "approve", version=seen)
    assert answer.status_code == 409
    assert "Kodjo &lt;b&gt;" in answer.text
    assert "Le port rouvre" in answer.text
    assert todays(desk.room).status is Status.HELD
    assert sight(desk.room) in answer.text
    assert post(desk, "approve", version=sight(desk.room)).status_code == 303
    assert todays(desk.room).status is Status.APPROVED


def test_a_new_picking_is_told_before_it_is_approved_or_sent(desk: Desk, add_article: Add, clock: Clock) -> None:
    seen = sight(desk.room)
    clock.move(minutes=1)
    add_article("Une de plus", hours=0.1)
    daily.make_edition(desk.room, DAY)
    for what in ("approve", "send"):
        answer = post(desk, what, version=seen, sure="yes")
        assert (answer.status_code, "choisis à nouveau" in answer.text) == (409, True)
        assert f"/edition/{NAME}/{what}" in answer.text
    assert todays(desk.room).status is Status.DRAFT


def test_what_is_out_cannot_be_decided_on(desk: Desk, clock: Clock) -> None:
    clock.move(hours=1)
    daily.send(desk.room, DAY, watch=Watch(Stop(clock)))
    for what in ("approve", "hold", "cancel", "send", "take-back", "stop", "resume"):
        answer = post(desk, what)
        assert answer.status_code == 409
        assert "Elle est partie" in answer.text


# --- Send now ---------------------------------------------------------------------------------------


def test_before_it_is_sent_its_numbers_are_said(desk: Desk, clock: Clock) -> None:
    answer = post(desk, "send", version=sight(desk.room))
    assert answer.status_code == 200
    text = text_of(answer.text).replace("\u00a0", " ")
    assert "3 lecteurs la reçoivent" in text
    assert f"newsletter send --edition {NAME}" in text  # nobody lives who would do it
    assert todays(desk.room).go_at is None
    with write(desk.room.engine) as connection:
        notes.put(connection, ALIVE, clock().isoformat())
    assert "newsletter send" not in post(desk, "send").text


def test_it_goes_in_a_minute_and_can_be_taken_back(desk: Desk, clock: Clock) -> None:
    page = desk.act(f"/edition/{NAME}/send", sure="yes", version=sight(desk.room))
    assert "6\u00a0h\u00a001\u00a0min\u00a000\u00a0s" in page
    assert "take-back" in page
    assert "data-ended" not in page
    assert post(desk, "take-back").headers["Location"].endswith("?done=taken-back")
    assert (todays(desk.room).status, todays(desk.room).go_at) == (Status.DRAFT, None)
    post(desk, "send", sure="yes")
    clock.move(seconds=60)
    runner.send_called(desk.room, Stop(clock))
    assert post(desk, "take-back").status_code == 409
    page = desk.text(f"/edition/{NAME}/progress")
    assert "3 messages sur 3" in page
    assert "data-ended" in page


def test_what_is_cancelled_is_not_sent_by_one_press(desk: Desk) -> None:
    edit.decide(desk.room, DAY, Status.CANCELLED, who=KODJO)
    assert post(desk, "send", sure="yes").status_code == 409
    assert (todays(desk.room).status, todays(desk.room).go_at) == (Status.CANCELLED, None)


# --- While it goes ----------------------------------------------------------------------------------


def test_a_send_is_stopped_and_gone_on_with_at_the_desk(desk: Desk, clock: Clock) -> None:
    subscribe.add(desk.room, [f"x{i}@lecteurs.example" for i in range(400)], "test")
    script = {"r0": ["never"], "r1": ["later"] * 9}
    desk.room.__dict__["mailer"] = mailer = FakeMailer(script, meanwhile=lambda message: time.sleep(0.02))
    clock.now = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    thread = threading.Thread(target=lambda: daily.send(desk.room, DAY, watch=Watch(Stop(clock))))
    thread.start()
    while len(mailer.offered) < 30:
        time.sleep(0.01)
    page = desk.text(f"/edition/{NAME}/progress")
    assert "messages sur 403" in page
    assert f"/edition/{NAME}/stop" in page
    began = time.monotonic()
    page = desk.act(f"/edition/{NAME}/stop")
    thread.join(30)
    assert time.monotonic() - began < 5
    assert "Efua a arrêté l’envoi" in page
    part = desk.text(f"/edition/{NAME}/progress?part=1")
    assert "<html" not in part
    assert "550 5.1.1 no such mailbox" in part
    assert "Reprendre" in part
    assert todays(desk.room).status is Status.SENDING
    desk.act(f"/edition/{NAME}/resume")
    assert (todays(desk.room).paused_at, todays(desk.room).go_at) == (None, clock())


def test_what_a_relay_says_is_escaped(desk: Desk, clock: Clock) -> None:
    daily.send(desk.room, DAY, watch=Watch(Stop(clock)), regardless=True)
    with write(desk.room.engine) as connection:
        query = "UPDATE deliveries SET state = 'rejected', code = 550, reply = '550 <script>alert(1)</script>'"
        connection.exec_driver_sql(query)
    part = desk.text(f"/edition/{NAME}/progress?part=1")
    assert "&lt;script&gt;" in part
    assert "<script>" not in part


def test_a_writer_looks_on_without_buttons(ready: Newsroom, clock: Clock) -> None:
    writer = Desk(ready, Role.WRITER, "Kossi")
    edit.send_now(ready, todays(ready).id, KODJO)
    assert "take-back" not in writer.text(f"/edition/{NAME}/progress")


# --- The part of the edition's page -----------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
def test_how_an_edition_stands_is_said_in_a_sentence(
    folder: Path, clock: Clock, ready: Newsroom, language: str
) -> None:
    words = Words(language, ready.config.newsletter.zone)
    edition, choices = edit.look(ready, None, NAME)
    said = {}
    for schedule, desk_table in [("", ""), ("", 'approval = "required"'), ('decide_by = "06:15"', "")]:
        text = f"{TOML}\n[schedule]\n{schedule}\n[desk]\n{desk_table}\n"
        (folder / "newsletter.toml").write_text(text, encoding="utf-8")
        found = config.load(folder / "newsletter.toml", {})
        for hours in (0, 1, 8):
            now = clock() + timedelta(hours=hours)
            said[schedule, desk_table, hours] = standing(words, found, edition, now, empty=not choices)
    assert len(set(said.values())) == 5
    time = "6\u00a0h\u00a030" if language == "fr" else "6:30"
    assert time in said["", "", 0]
    assert words.time(datetime(2026, 11, 23, 6, 15, tzinfo=UTC)) in said['decide_by = "06:15"', "", 0]
    assert told_clock(words, clock()) == ("6\u00a0h\u00a000\u00a0min\u00a000\u00a0s" if language == "fr" else "6:00:00")


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("role", [Role.WRITER, Role.EDITOR])
def test_the_part_offers_what_can_be_done(ready: Newsroom, status: EditionStatus, role: Role) -> None:
    with write(ready.engine) as connection:
        edition = editions.named(connection, NAME)
        assert edition is not None
        editions.change(connection, edition.id, status=status, started_at=ready.clock())
    one = Desk(ready, role, "Sena")
    html = _decide_part(ready, one)
    offered = {what for what in ("approve", "hold", "cancel", "send", "take-back") if f'/{what}"' in html}
    wanted: dict[EditionStatus, set[str]] = {
        Status.DRAFT: {"approve", "hold", "cancel", "send"},
        Status.APPROVED: {"hold", "cancel", "send"},
        Status.HELD: {"approve", "cancel", "send"},
        Status.CANCELLED: {"approve"},
    }
    assert offered == (wanted.get(status, set()) if role is Role.EDITOR else set())
    assert ("/progress" in html) == (status is Status.SENDING)


def _decide_part(room: Newsroom, one: Desk, query: str = "") -> str:
    """The part as a page of the desk's includes it."""
    from flask import g

    from newsletter.web.desk.access import page

    app = one.client.application
    with app.test_request_context(f"/desk/{query}", headers={"Accept-Language": "fr"}):
        cookie = one.client.get_cookie(COOKIE, domain="localhost")
        g.session = editors.session(room, cookie.value if cookie else "")
        response = page("decide.html", **decision_values(todays(room)))
        return response.get_data(as_text=True)


def test_the_part_says_what_was_just_decided(ready: Newsroom) -> None:
    edit.decide(ready, DAY, Status.HELD, who=KODJO, remark="Personne n’a décidé.")
    html = _decide_part(ready, Desk(ready), "?done=held")
    assert "Elle est suspendue." in html
    assert "Personne n’a décidé." in html


# --- The link of a draft letter ---------------------------------------------------------------------


@pytest.fixture
def links(ready: Newsroom) -> dict[str, str]:
    """The paths of the links that one of each role was mailed."""
    for name, role in (("Ama", Role.OWNER), ("Efua", Role.EDITOR), ("Kodjo", Role.WRITER)):
        editor(ready, role, name)
    draft.mail(ready, DAY)
    with write(ready.engine) as connection:
        found = letters.claim(connection, [LetterKind.DRAFT], ready.clock(), 10)
    return {
        one.address.partition("@")[0]: f"/desk/draft/{_token(ready, int(one.details['ticket']), one.created_at)}"
        for one in found
    }


def _token(room: Newsroom, ticket: int, made: datetime) -> str:
    return room.signer.token(Purpose.DRAFT, ticket, made)


@pytest.fixture
def phone(ready: Newsroom) -> FlaskClient:
    """A browser that is not logged in."""
    ready.signer  # noqa: B018
    return create_app(ready).test_client()


FRENCH = {"Accept-Language": "fr"}


def test_a_look_changes_nothing_and_shows_the_edition_as_it_is(
    ready: Newsroom, links: dict[str, str], phone: FlaskClient
) -> None:
    before = everything(ready)
    page = phone.get(f"{links['efua']}?do=hold&seen={sight(ready)}", headers=FRENCH)
    assert page.status_code == 200
    assert "Le port rouvre" in page.text
    assert page.text.index("Suspendre") < page.text.index("Approuver pour")
    assert "Elle a changé" not in page.text
    assert "lecteurs.example" not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert everything(ready) == before
    edit.decide(ready, DAY, Status.HELD, who=KODJO)
    page = phone.get(f"{links['efua']}?seen=0-00000000", headers=FRENCH)
    assert "Elle a changé" in page.text
    assert "Suspendue." in page.text


def test_a_button_acts_and_says_so(ready: Newsroom, links: dict[str, str], phone: FlaskClient) -> None:
    answer = phone.post(links["efua"], data={"do": "approve", "version": sight(ready)})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{links['efua']}?done=approved")
    assert todays(ready).status is Status.APPROVED
    assert "Elle est approuvée." in phone.get(answer.headers["Location"], headers=FRENCH).text
    assert phone.post(links["efua"], data={"do": "hold"}).status_code == 303
    assert todays(ready).status is Status.HELD


def test_a_writers_link_decides_nothing(ready: Newsroom, links: dict[str, str], phone: FlaskClient) -> None:
    page = phone.get(links["kodjo"], headers=FRENCH)
    assert 'value="approve"' not in page.text
    assert 'value="open"' in page.text
    assert phone.post(links["kodjo"], data={"do": "approve"}).status_code == 403
    assert todays(ready).status is Status.DRAFT


def test_what_was_changed_since_is_shown_before_it_is_approved(
    ready: Newsroom, links: dict[str, str], phone: FlaskClient
) -> None:
    seen = sight(ready)
    edit.decide(ready, DAY, Status.HELD, who=KODJO)
    answer = phone.post(links["efua"], data={"do": "approve", "version": seen}, headers=FRENCH)
    assert (answer.status_code, "Elle a changé" in answer.text) == (409, True)
    assert todays(ready).status is Status.HELD


def mark_of(client: FlaskClient, link: str) -> dict[str, str]:
    """The fields of the form that opens the desk, as its page makes it."""
    [mark] = re.findall(r'name="form" value="([^"]{20,})"', client.get(link).text)
    return {"do": "open", "form": mark}


def test_the_desk_is_opened_once(ready: Newsroom, links: dict[str, str], phone: FlaskClient) -> None:
    other = create_app(ready).test_client()
    late = mark_of(other, links["ama"])
    assert phone.post(links["ama"], data={"do": "open"}).status_code == 403  # a form of somebody else's
    assert phone.post(links["ama"], data=late).status_code == 403
    fields = mark_of(phone, links["ama"])
    answer = phone.post(links["ama"], data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/desk/edition/{NAME}")
    cookie = answer.headers["Set-Cookie"]
    for said in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/desk", "Max-Age=2592000"):
        assert said in cookie
    assert other.post(links["ama"], data=late).status_code == 409
    assert other.post(links["ama"], data={"do": "approve"}).status_code == 303  # deciding stays possible


def test_who_is_at_the_desk_stays_who_they_are(ready: Newsroom, links: dict[str, str]) -> None:
    client = create_app(ready).test_client()
    client.set_cookie(COOKIE, cookie_of(ready, editor(ready, Role.WRITER, "Kodjo")), domain="localhost")
    answer = client.post(links["ama"], data={"do": "open"})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (303, False)


@pytest.mark.parametrize("why", ["old", "removed", "another purpose", "nonsense"])
def test_a_link_that_is_over_says_so(
    ready: Newsroom, links: dict[str, str], phone: FlaskClient, clock: Clock, why: str
) -> None:
    path = links["efua"]
    if why == "old":
        clock.move(hours=24)
    elif why == "removed":
        editors.remove(ready, "efua@journal.example", who=ready.here)
    elif why == "another purpose":
        path = f"/desk/draft/{ready.signer.token(Purpose.LOG_IN, 1, clock())}"
    else:
        path = "/desk/draft/abc"
    for answer in (phone.get(path), phone.post(path, data={"do": "approve"})):
        assert answer.status_code == 404
    assert todays(ready).status is Status.DRAFT


def test_another_site_cannot_press_a_button(ready: Newsroom, links: dict[str, str], phone: FlaskClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://ailleurs.example"}):
        assert phone.post(links["ama"], data={"do": "approve"}, headers=headers).status_code == 403
    assert todays(ready).status is Status.DRAFT


# --- In a browser -----------------------------------------------------------------------------------


@dataclass
class House:
    room: Newsroom
    place: str
    open_page: Callable[..., Any]
    cookie: str

    def open(self, path: str, **how: Any) -> Any:
        page = self.open_page(**how)
        page.context.add_cookies([{"name": COOKIE, "value": self.cookie, "url": f"{self.place}/desk"}])
        page.goto(f"{self.place}/desk{path}")
        return page


@pytest.fixture
def house(folder: Path, ready: Newsroom, clock: Clock) -> Iterator[House]:
    place, public = free_place()
    toml = (folder / "newsletter.toml").read_text(encoding="utf-8")
    (folder / "newsletter.toml").write_text(toml.replace("https://lettre.journal.example", public), encoding="utf-8")
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    with chromium() as open_page, serving(create_app(room), place):
        yield House(room, public, open_page, cookie_of(room, editor(room)))
    room.engine.dispose()


def _put_under_way(room: Newsroom) -> None:
    """As if a run had begun, and a relay had refused somebody."""
    with write(room.engine) as connection:
        edition = editions.named(connection, NAME)
        assert edition is not None
        now = room.clock()
        editions.change(connection, edition.id, status=Status.SENDING, started_at=now, audience=400)
        row = "INSERT INTO deliveries (edition_id, subscriber_id, address, state, variant, late, attempts, repeated, reply, at)"
        for i, (state, reply) in enumerate(
            [("accepted", ""), ("rejected", "550 5.1.1 <no> such mailbox"), ("pending", "")]
        ):
            values = f" VALUES ({edition.id}, {i + 1}, 'r{i}@lecteurs.example', '{state}', 'full', 0, 1, 0, '{reply}', '{now:%Y-%m-%d %H:%M:%S}.000000')"
            connection.exec_driver_sql(row + values)


def test_the_part_is_looked_at_again_by_itself(house: House) -> None:
    _put_under_way(house.room)
    page = house.open(f"/edition/{NAME}/progress")
    page.locator("#stop").focus()
    with write(house.room.engine) as connection:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'accepted' WHERE state = 'pending'")
    page.wait_for_selector("progress[value='3']", timeout=15_000)
    assert page.evaluate("document.activeElement.id") == "stop"  # the focus stays where it was
    edit.stop_sending(house.room, todays(house.room).id, KODJO)
    page.wait_for_selector("#resume", timeout=15_000)
    assert "Arrêtée en route" in page.locator("#goes").text_content()  # and is read aloud


def test_everything_can_be_pressed_without_the_script(house: House) -> None:
    page = house.open(f"/edition/{NAME}/progress", javascript=False)
    edit.send_now(house.room, todays(house.room).id, KODJO)
    page.get_by_role("link", name="Actualiser").click()
    assert "Elle part à" in page.locator("main").inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Annuler le départ").click()
    assert todays(house.room).status is Status.DRAFT


def test_a_page_that_asks_twice_can_be_answered(house: House) -> None:
    """Its form stands on an answer to a form: a browser must still say where it came from."""
    token = editors.form_token(house.room, _session(house))
    page = house.open(f"/edition/{NAME}/progress")
    page.evaluate(
        """([where, token]) => { const form = document.createElement('form'); form.method = 'post'; form.action = where;
        form.innerHTML = `<input name=form value="${token}">`; document.body.append(form); form.submit(); }""",
        [f"/desk/edition/{NAME}/send", token],
    )
    page.wait_for_selector(".ask")
    page.get_by_role("button", name="Envoyer à").click()
    page.wait_for_selector("#take-back")
    assert todays(house.room).go_at is not None


def _session(house: House) -> Any:
    found = editors.session(house.room, house.cookie)
    assert found is not None
    return found


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_anybody_can_use_these_pages(house: House, width: int, dark: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    ticket = _ticket(house)
    looked_at = []
    for state in ("about to go", "under way", "stopped"):
        if state == "about to go":
            edit.send_now(house.room, todays(house.room).id, KODJO)
        elif state == "under way":
            _put_under_way(house.room)
        else:
            edit.stop_sending(house.room, todays(house.room).id, KODJO)
        for path in (f"/edition/{NAME}/progress", f"/draft/{ticket}", "/draft/abc"):
            page = house.open(path, width=width, dark=dark)
            found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
            assert found == [], (state, path, [(one["id"], one["nodes"][0]["html"]) for one in found])
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            small = page.evaluate(
                "[...document.querySelectorAll('main button, main a.button')]"
                ".filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.textContent)"
            )
            assert small == []
            looked_at.append(path)
    assert len(looked_at) == 9


def _ticket(house: House) -> str:
    draft.mail(house.room, DAY)
    with read(house.room.engine) as connection:
        number = connection.exec_driver_sql("SELECT max(id) FROM tickets WHERE edition_id IS NOT NULL").scalar()
    return house.room.signer.token(Purpose.DRAFT, int(number or 0), house.room.clock())
