"""Who is let in to the desk, and who is not: the log-in, sessions, roles, and what holds for every page of it."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from werkzeug.routing import IntegerConverter, Rule
from werkzeug.test import TestResponse

from cli import cli
from newsletter import daily, draft, editors, letters, post, report, subscribe, tidy
from newsletter.errors import BadData, Unavailable
from newsletter.links import Purpose
from newsletter.model import Editor, LetterKind, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, editions
from newsletter.store import editors as kept
from newsletter.store.database import read, write
from newsletter.web import create_app, create_desk_app, guard
from newsletter.web.desk import access, browsers
from newsletter.words import Words
from tests.browser import AMA, everything
from tests.conftest import Clock
from tests.fakes import FakeMailer

MakeRoom = Callable[..., Newsroom]
HOME = "192.0.2.0/24"
AT_HOME = Who("test")
ROOT = Path(__file__).parent.parent
LETTER, ALONE = "https://lettre.journal.example", "https://desk.journal.example"
FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@dataclass
class Desk:
    """A newsroom's desk: below the readers' pages, or on a host of its own."""

    room: Newsroom
    app: Flask
    door: str  # its path
    site: str  # scheme and host

    def editor(self, name: str = "afi", role: Role = Role.OWNER) -> Editor:
        return editors.add(self.room, f"{name}@journal.example", role, name=name.title(), who=AT_HOME)

    def stranger(self) -> FlaskClient:
        return self.app.test_client()

    def cookie(self, who: Editor) -> str:
        """Of a new session."""
        token = editors.link(self.room, who.address, who=AT_HOME).rpartition("/")[2]
        cookie = editors.log_in(self.room, token, HOME, FIREFOX)
        assert cookie
        return cookie

    def enter(self, who: Editor) -> FlaskClient:
        return self.with_cookie(self.cookie(who))

    def with_cookie(self, cookie: str) -> FlaskClient:
        client = self.stranger()
        client.set_cookie(access.COOKIE, cookie)
        return client

    def token(self, client: FlaskClient) -> str:
        """What the forms of that session carry."""
        found = re.search(rf'name="{access.FIELD}" value="([a-z2-7]+)"', client.get(self.door + "/me").text)
        assert found
        return found[1]

    def post(self, client: FlaskClient, path: str, **form: str) -> TestResponse:
        return client.post(self.door + path, data=form | {access.FIELD: self.token(client)})

    def rules(self) -> list[Rule]:
        return [rule for rule in self.app.url_map.iter_rules() if rule.endpoint.startswith("desk.")]

    def paths(self, method: str, *, for_all: bool | None = None) -> list[tuple[Rule, str]]:
        """Every page of the desk that is asked for by that method, with something in each of its places."""
        found = []
        for rule in self.rules():
            everybodys = getattr(self.app.view_functions[rule.endpoint], "for_everybody", False)
            if method in (rule.methods or ()) and for_all in (None, everybodys):
                found.append((rule, _filled(rule, self.room)))
        return found


def _filled(rule: Rule, room: Newsroom) -> str:
    path = rule.rule
    for name in rule.arguments:
        number = isinstance(rule._converters[name], IntegerConverter)
        value = "1" if number else "none" if "token" in name else room.today().isoformat()
        path = re.sub(rf"<(?:[^<>]*:)?{name}>", value, path)
    return path


@pytest.fixture(params=["below", "alone"])
def desk(request: pytest.FixtureRequest, make_room: MakeRoom) -> Desk:
    if request.param == "below":
        room = make_room()
        return Desk(room, create_app(room), "/desk", LETTER)
    room = make_room(NEWSLETTER_DESK_LISTEN="127.0.0.1:8001", NEWSLETTER_DESK_URL=ALONE)
    return Desk(room, create_desk_app(room), "", ALONE)


@pytest.fixture
def full(desk: Desk, add_article: Callable[..., Any]) -> Desk:
    """With an edition and a reader, of whom no stranger may learn."""
    add_article("Le port rouvre")
    subscribe.add(desk.room, [AMA], "test")
    daily.make_edition(desk.room, desk.room.today())
    desk.room.signer  # noqa: B018  made now
    return desk


@pytest.fixture
def both(empty_engine: Engine, make_room: MakeRoom) -> Newsroom:
    """A newsroom on each of the two databases."""
    url = empty_engine.url.set(drivername=empty_engine.url.drivername.split("+")[0])
    return make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False))


def mailed(room: Newsroom) -> list[str]:
    """The links to the desk in the letters that wait, as they leave."""
    mailer = room.__dict__["mailer"] = FakeMailer()
    post.send_waiting(room)
    texts = [_text(raw) for raws in mailer.received.values() for raw in raws]
    return [re.findall(rf"{re.escape(room.config.desk_url)}/in/[a-z2-7]\S*", text)[0] for text in texts]


def _text(raw: bytes) -> str:
    found = message_from_bytes(raw, policy=default).get_body(("plain",))
    assert found is not None
    return str(found.get_content())


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def press(desk: Desk, client: FlaskClient, link: str) -> TestResponse:
    """Open a link, and press the button that is there."""
    page = client.get(path_of(link), base_url=desk.site)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    return client.post(path_of(link), data=fields, base_url=desk.site)


# --- Asking for a link --------------------------------------------------------------------------------


def test_from_the_address_to_the_desk(desk: Desk) -> None:
    afi, client = desk.editor(), desk.stranger()
    turned_away = client.get(f"{desk.door}/me")
    assert turned_away.headers["Location"] == f"{desk.door}/in?after=%2Fme"
    form = client.get(turned_away.headers["Location"]).text
    assert 'name="after" value="/me"' in form
    asked = client.post(f"{desk.door}/in", data={"address": "AFI@journal.example", "after": "/me"})
    assert asked.status_code == 303
    [link] = mailed(desk.room)
    assert link.startswith(f"{desk.site}{desk.door}/in/")
    arrived = press(desk, client, link)
    assert (arrived.status_code, arrived.headers["Location"]) == (303, f"{desk.door}/me")
    assert afi.address in client.get(f"{desk.door}/me", base_url=desk.site).text


@pytest.mark.parametrize("address", ["afi@journal.example", "kodjo@lecteurs.example"])
@pytest.mark.parametrize("often", [1, 7])
def test_everybody_gets_the_same_answer(desk: Desk, address: str, often: int) -> None:
    desk.editor()
    for _ in range(often):
        answer = desk.stranger().post(f"{desk.door}/in", data={"address": address})
    assert answer.headers["Location"] == f"{desk.door}/in?done=asked"
    assert "Set-Cookie" not in answer.headers
    assert not set(answer.headers.keys()) - {
        "Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Cross-Origin-Opener-Policy",
        "Location", "Permissions-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options",
        "X-Robots-Tag",
    }  # fmt: skip
    assert len(mailed(desk.room)) == (min(often, editors.LINKS_AN_HOUR) if address.startswith("afi") else 0)


def statements(room: Newsroom, act: Callable[[], object]) -> list[str]:
    """The database's work for an act: each statement's first word, and whether something was written."""
    found: list[str] = []

    def see(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        found.append(statement.split()[0])

    event.listen(room.engine, "before_cursor_execute", see)
    act()
    event.remove(room.engine, "before_cursor_execute", see)
    return found


def test_strangers_and_editors_cost_the_same_work(both: Newsroom) -> None:
    editors.add(both, "afi@journal.example", Role.WRITER, who=AT_HOME)

    def ask(name: str) -> list[str]:
        return statements(both, lambda: editors.ask_for_link(both, f"{name}@journal.example", HOME, language="fr"))

    first = ask("afi")
    assert first.count("INSERT") == 2
    assert not both.stirred.is_set()  # nor does a letter that is written at once slow the answer down
    for _ in range(editors.LINKS_AN_HOUR_BY_NETWORK):  # until editors are over their cap, and the network is
        assert ask("stranger") == ask("afi") == first


def test_a_mailbox_gets_five_links_an_hour(desk: Desk, clock: Clock) -> None:
    desk.editor()
    for _ in range(7):
        editors.ask_for_link(desk.room, "afi@journal.example", HOME, language="fr")
        clock.move(minutes=1)
    assert len(mailed(desk.room)) == editors.LINKS_AN_HOUR
    clock.move(hours=1)
    editors.ask_for_link(desk.room, "afi@journal.example", HOME, language="fr")
    assert len(mailed(desk.room)) == 1


def test_nobody_is_kept_out_by_who_asks_for_them_from_elsewhere(desk: Desk, clock: Clock) -> None:
    desk.editor()
    for number in range(5):
        for _ in range(5):
            editors.ask_for_link(desk.room, "afi@journal.example", f"198.51.{number}.0/24", language="fr")
    assert len(mailed(desk.room)) == 25
    editors.ask_for_link(desk.room, "afi@journal.example", HOME, language="fr")
    assert len(mailed(desk.room)) == 1
    for number in range(50):  # and yet a mailbox is not filled without end
        editors.ask_for_link(desk.room, "afi@journal.example", f"198.52.{number}.0/24", language="fr")
    assert len(mailed(desk.room)) == editors.LINKS_AN_HOUR_BY_EDITOR - 26
    clock.move(hours=1, minutes=1)
    editors.ask_for_link(desk.room, "afi@journal.example", HOME, language="fr")
    assert len(mailed(desk.room)) == 1


def test_a_flood_from_one_network_is_bounded_and_others_get_their_links(desk: Desk) -> None:
    desk.editor()
    for number in range(50):
        editors.ask_for_link(desk.room, f"x{number}@journal.example", HOME, language="fr")
    editors.ask_for_link(desk.room, "afi@journal.example", HOME, language="fr")
    assert mailed(desk.room) == []
    assert len(everything(desk.room)["tickets"]) == editors.LINKS_AN_HOUR_BY_NETWORK
    editors.ask_for_link(desk.room, "afi@journal.example", "198.51.100.0/24", language="fr")
    assert len(mailed(desk.room)) == 1


def test_a_flood_from_everywhere_is_bounded_and_keeps_no_editor_out(desk: Desk) -> None:
    desk.editor()
    for number in range(editors.LINKS_AN_HOUR_IN_ALL + 20):
        editors.ask_for_link(desk.room, f"x{number}@journal.example", f"10.0.{number}.0/24", language="fr")
    assert len(everything(desk.room)["tickets"]) == editors.LINKS_AN_HOUR_IN_ALL
    editors.ask_for_link(desk.room, "afi@journal.example", "198.51.100.0/24", language="fr")
    assert len(mailed(desk.room)) == 1


def test_what_is_no_address_is_told_so_and_stays_in_the_form(desk: Desk) -> None:
    answer = desk.stranger().post(f"{desk.door}/in", data={"address": "afi <b>", "after": "/me"})
    assert answer.status_code == 400
    assert 'value="afi &lt;b&gt;"' in answer.text
    assert 'name="after" value="/me"' in answer.text
    assert "Ce n’est pas une adresse valable" in answer.text


@pytest.mark.parametrize(
    "after",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%2f/evil.example",
        "/../me",
        "/me\r\nX: y",
        "/me?x=1",
        "/none/such",
        "/" + "a" * 200,
        "/in",
        "/desk.css",
        "me",
    ],
)
def test_the_log_in_leads_nowhere_else(desk: Desk, after: str) -> None:
    desk.editor()
    client = desk.stranger()
    assert 'name="after"' not in client.get(f"{desk.door}/in", query_string={"after": after}).text
    answer = client.post(f"{desk.door}/in", data={"address": "afi@journal.example", "after": after})
    assert answer.headers["Location"] == f"{desk.door}/in?done=asked"
    [link] = mailed(desk.room)
    assert "?" not in link
    page = client.get(path_of(link), base_url=desk.site)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    arrived = client.post(path_of(link), data=fields | {"after": after}, base_url=desk.site)
    assert arrived.headers["Location"] == f"{desk.door}/"


# --- Using it -----------------------------------------------------------------------------------------


def test_a_look_changes_nothing_and_a_press_works_once(desk: Desk) -> None:
    afi, client = desk.editor(), desk.stranger()
    link = editors.link(desk.room, afi.address, who=AT_HOME)
    before = everything(desk.room)
    for _ in range(3):
        page = client.get(path_of(link), base_url=desk.site)
        assert (page.status_code, "Afi" in page.text) == (200, True)
    assert everything(desk.room) == before
    assert press(desk, client, link).status_code == 303
    again = desk.stranger()
    assert again.get(path_of(link)).status_code == 404
    assert press(desk, again, link).status_code == 404
    assert len(editors.sessions(desk.room, afi)) == 1


@pytest.mark.parametrize("minutes", [14, 15])
def test_a_link_is_good_for_fifteen_minutes(desk: Desk, clock: Clock, minutes: int) -> None:
    link = editors.link(desk.room, desk.editor().address, who=AT_HOME)
    clock.move(minutes=minutes)
    assert press(desk, desk.stranger(), link).status_code == (303 if minutes < 15 else 404)


@pytest.mark.parametrize("token", ["none", "a" * 200, "é", "aaawwb363jn3lgknsszkx42dcxv4tf6ep5da"])
def test_what_is_no_link_of_ours_lets_nobody_in(desk: Desk, token: str) -> None:
    for answer in (desk.stranger().get(f"{desk.door}/in/{token}"), desk.stranger().post(f"{desk.door}/in/{token}")):
        assert answer.status_code == 404
        assert "Set-Cookie" not in answer.headers


def test_a_token_of_another_purpose_lets_nobody_in(desk: Desk) -> None:
    afi = desk.editor()
    desk.cookie(afi)
    for purpose in Purpose:
        token = desk.room.signer.token(purpose, 1, desk.room.clock())
        if purpose is not Purpose.LOG_IN:
            assert desk.stranger().get(f"{desk.door}/in/{token}").status_code == 404
        if purpose is not Purpose.SESSION:
            assert desk.with_cookie(token).get(f"{desk.door}/me").status_code == 303


def test_the_cookie_is_for_the_desk_alone(desk: Desk, make_room: MakeRoom) -> None:
    answer = press(desk, desk.stranger(), editors.link(desk.room, desk.editor().address, who=AT_HOME))
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith(f"{access.COOKIE}=")]
    parts = cookie.split("; ")[1:]
    assert {"HttpOnly", "SameSite=Lax", "Secure", f"Max-Age={30 * 86400}", f"Path={desk.door or '/'}"} <= set(parts)
    assert "Domain" not in cookie


def test_without_https_the_cookie_is_not_marked_secure(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_PUBLIC_URL="http://127.0.0.1:8000/lettre", NEWSLETTER_DESK_SESSION_DAYS="7")
    desk = Desk(room, create_app(room), "/lettre/desk", "http://127.0.0.1:8000")
    answer = press(desk, desk.stranger(), editors.link(room, desk.editor().address, who=AT_HOME))
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert "Path=/lettre/desk" in cookie
    assert f"Max-Age={7 * 86400}" in cookie
    assert "Secure" not in cookie
    assert "Strict-Transport-Security" not in answer.headers


def test_no_other_page_logs_an_editor_in(desk: Desk) -> None:  # W15: log-in CSRF, with a link of the attacker's own
    path = path_of(editors.link(desk.room, desk.editor("eve").address, who=AT_HOME))
    before = everything(desk.room)
    victim, theirs = desk.stranger(), desk.stranger()
    mark = re.search(r'name="form" value="([^"]+)"', theirs.get(path, base_url=desk.site).text)
    assert mark
    for form in ({}, {"form": mark[1]}):
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = victim.post(path, data=form, headers=headers, base_url=desk.site)
            assert answer.status_code == 403
            assert f"{access.COOKIE}=" not in "".join(answer.headers.getlist("Set-Cookie"))
        victim = desk.stranger()
    assert everything(desk.room) == before


def test_who_logs_in_anew_leaves_no_session_behind(desk: Desk) -> None:
    afi, efua = desk.editor(), desk.editor("efua")
    client = desk.stranger()
    press(desk, client, editors.link(desk.room, afi.address, who=AT_HOME))
    press(desk, client, editors.link(desk.room, efua.address, who=AT_HOME))
    assert [one.editor.name for one in editors.sessions(desk.room)] == ["Efua"]
    assert client.get(f"{desk.door}/in", base_url=desk.site).headers["Location"] == f"{desk.door}/"


# --- Sessions -------------------------------------------------------------------------------------------


def test_a_session_in_use_does_not_end_and_an_unused_one_does(desk: Desk, clock: Clock) -> None:
    client = desk.enter(desk.editor())
    assert "Set-Cookie" not in client.get(f"{desk.door}/me").headers
    for _ in range(4):
        clock.move(days=20)
        answer = client.get(f"{desk.door}/me")
        assert answer.status_code == 200
        assert f"Max-Age={30 * 86400}" in answer.headers["Set-Cookie"]
    assert "Set-Cookie" not in client.get(f"{desk.door}/desk.css").headers
    clock.move(days=30, seconds=1)
    assert client.get(f"{desk.door}/me").headers["Location"].startswith(f"{desk.door}/in")
    assert editors.sessions(desk.room) == []


def test_logging_out_ends_the_session_and_its_cookie(desk: Desk) -> None:
    cookie = desk.cookie(desk.editor())
    client = desk.with_cookie(cookie)
    answer = desk.post(client, "/out")
    assert answer.headers["Location"] == f"{desk.door}/in?done=out"
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "Vous êtes déconnecté" in client.get(answer.headers["Location"]).text
    assert desk.with_cookie(cookie).get(f"{desk.door}/me").status_code == 303


def test_ones_own_sessions_are_shown_and_ended(desk: Desk, clock: Clock) -> None:
    afi = desk.editor()
    other, here, third = desk.enter(afi), desk.enter(afi), desk.enter(afi)
    page = here.get(f"{desk.door}/me").text
    assert page.count("Firefox, Android") == 3 + 2  # and, for who hears the page, on two buttons
    assert page.count(HOME) == 3
    first = min(one.id for one in editors.sessions(desk.room, afi))
    assert desk.post(here, f"/me/sessions/{first}/end").headers["Location"] == f"{desk.door}/me?done=ended"
    assert other.get(f"{desk.door}/me").status_code == 303
    assert third.get(f"{desk.door}/me").status_code == 200
    desk.post(here, "/me/sessions/end")
    assert third.get(f"{desk.door}/me").status_code == 303
    [left] = editors.sessions(desk.room, afi)
    assert desk.post(here, f"/me/sessions/{left.id}/end").headers["Location"] == f"{desk.door}/in?done=out"


def test_nobody_ends_the_session_of_another(desk: Desk) -> None:
    afi, efua = desk.editor(), desk.editor("efua", Role.WRITER)
    client, theirs = desk.enter(efua), desk.enter(afi)
    [number] = [one.id for one in editors.sessions(desk.room, afi)]
    desk.post(client, f"/me/sessions/{number}/end")
    desk.post(client, "/me/sessions/end")
    assert theirs.get(f"{desk.door}/me").status_code == 200


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (FIREFOX, "Firefox, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("Opera/9.80 (Android; Opera Mini/36.2/119.132; U; fr) Presto/2.12.423 Version/12.16", "Opera Mini, Android"),
        ("curl/8.5", "un autre navigateur"),
        ("", "un autre navigateur"),
    ],
)
def test_a_browser_in_few_words(room: Newsroom, agent: str, said: str) -> None:
    assert browsers.named(Words("fr", room.config.newsletter.zone), agent) == said


# --- The editors ----------------------------------------------------------------------------------------


def test_an_owner_adds_somebody_who_is_invited(desk: Desk, clock: Clock) -> None:
    client = desk.enter(desk.editor())
    answer = desk.post(client, "/editors", address="efua@journal.example", name="Efua <i>Mensah</i>", role="editor")
    assert answer.headers["Location"] == f"{desk.door}/editors/2?done=added"
    assert "efua@journal.example" in client.get(answer.headers["Location"]).text
    assert "Efua &lt;i&gt;Mensah&lt;/i&gt;" in client.get(f"{desk.door}/editors").text
    [link] = mailed(desk.room)
    clock.move(hours=23)
    theirs = desk.stranger()
    assert press(desk, theirs, link).status_code == 303
    page = theirs.get(f"{desk.door}/me", base_url=desk.site).text
    assert "Efua" in page
    assert f'href="{desk.door}/editors"' not in page  # what is not theirs to do is not offered


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"address": "afi@journal.example", "role": "writer"}, 409),
        ({"address": "nobody", "role": "writer"}, 400),
        ({"address": "efua@journal.example", "role": "king"}, 400),
        ({"address": "efua@journal.example"}, 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_added_changes_nothing(desk: Desk, form: dict[str, str], status: int) -> None:
    client = desk.enter(desk.editor())
    before = everything(desk.room)
    answer = desk.post(client, "/editors", **form)
    assert answer.status_code == status
    if form.get("role") == "writer":
        assert f'value="{form["address"]}"' in answer.text
    assert everything(desk.room) == before


def test_a_changed_role_counts_at_once(desk: Desk) -> None:
    owner, efua = desk.enter(desk.editor()), desk.editor("efua", Role.WRITER)
    theirs = desk.enter(efua)
    assert theirs.get(f"{desk.door}/editors").status_code == 403
    desk.post(owner, f"/editors/{efua.id}/role", role="owner")
    assert theirs.get(f"{desk.door}/editors").status_code == 200
    desk.post(owner, f"/editors/{efua.id}/role", role="writer")
    assert theirs.get(f"{desk.door}/editors").status_code == 403


def test_who_gives_up_being_an_owner_is_led_to_what_is_theirs(desk: Desk) -> None:
    afi, efua = desk.editor(), desk.editor("efua")
    client = desk.enter(afi)
    assert (
        desk.post(client, f"/editors/{afi.id}/role", role="editor").headers["Location"] == f"{desk.door}/me?done=role"
    )
    assert client.get(f"{desk.door}/editors").status_code == 403
    assert desk.post(desk.enter(efua), f"/editors/{efua.id}/role", role="editor").status_code == 409


@pytest.mark.parametrize("number", ["9" * 18, "9" * 30, "9" * 5000, "-1", "²", "x"])
def test_what_is_no_number_leads_nowhere(desk: Desk, number: str) -> None:
    owner = desk.enter(desk.editor())
    assert owner.get(f"{desk.door}/editors/{number}").status_code == 404
    for act in ("role", "invite", "log-out", "remove"):
        assert desk.post(owner, f"/editors/{number}/{act}", role="owner", sure="yes").status_code == 404
    assert desk.post(owner, f"/me/sessions/{number}/end").status_code == (303 if len(number) == 18 else 404)
    for path in ("/editions?before=", "/audit?before=", "/sources?entry=", "/readers?before="):
        assert owner.get(f"{desk.door}{path}{number}").status_code == 200


def test_the_only_owner_stays(desk: Desk) -> None:
    afi = desk.editor()
    client = desk.enter(afi)
    before = everything(desk.room)
    for path, form in ((f"/editors/{afi.id}/role", {"role": "writer"}), (f"/editors/{afi.id}/remove", {"sure": "yes"})):
        answer = desk.post(client, path, **form)
        assert answer.status_code == 409
        assert "est seul responsable" in answer.text
    with pytest.raises(editors.OnlyOwner):
        editors.remove(desk.room, afi.address, who=AT_HOME)
    assert everything(desk.room) == before
    desk.editor("efua")
    assert (
        desk.post(client, f"/editors/{afi.id}/remove", sure="yes").headers["Location"]
        == f"{desk.door}/editors?done=removed"
    )
    assert client.get(f"{desk.door}/editors").status_code == 303


def test_who_is_removed_is_out_at_once(desk: Desk) -> None:
    owner, efua = desk.enter(desk.editor()), desk.editor("efua", Role.EDITOR)
    theirs, link = desk.enter(efua), editors.link(desk.room, efua.address, who=AT_HOME)
    asked = desk.post(owner, f"/editors/{efua.id}/remove")
    assert asked.status_code == 200
    assert "1 session se ferme" in asked.text
    assert theirs.get(f"{desk.door}/me").status_code == 200
    desk.post(owner, f"/editors/{efua.id}/remove", sure="yes")
    assert theirs.get(f"{desk.door}/me").status_code == 303
    assert desk.stranger().get(path_of(link)).status_code == 404
    assert press(desk, desk.stranger(), link).status_code == 404
    assert owner.get(f"{desk.door}/editors/{efua.id}").status_code == 404


def test_an_owner_ends_sessions_and_mails_links_up_to_the_cap(desk: Desk) -> None:
    owner, efua = desk.enter(desk.editor()), desk.editor("efua", Role.EDITOR)
    theirs = desk.enter(efua)  # by a first link
    desk.post(owner, f"/editors/{efua.id}/log-out")
    assert theirs.get(f"{desk.door}/me").status_code == 303
    for number in range(5):  # strangers who wish for links to her do not keep the owner's from her
        editors.ask_for_link(desk.room, efua.address, f"198.51.{number}.0/24", language="fr")
    assert len(mailed(desk.room)) == 5
    said = [desk.post(owner, f"/editors/{efua.id}/invite").headers["Location"].partition("=")[2] for _ in range(5)]
    assert said == ["invited"] * 4 + ["enough"]
    assert len(mailed(desk.room)) == 4
    assert "cela suffit" in owner.get(f"{desk.door}/editors/{efua.id}?done=enough").text


def test_what_was_done_with_editors_is_written_down(desk: Desk) -> None:
    owner, efua = desk.enter(desk.editor()), desk.editor("efua", Role.WRITER)
    desk.post(owner, f"/editors/{efua.id}/role", role="editor")
    desk.post(owner, f"/editors/{efua.id}/role", role="editor")  # no change
    desk.post(owner, f"/editors/{efua.id}/remove", sure="yes")
    with read(desk.room.engine) as connection:
        acts = [(one.who.name, one.act) for one in audit.latest(connection, 3)]
    assert acts == [("Afi", "editor_removed"), ("Afi", "editor_role"), ("test", "editor_added")]


# --- Every page, also those to come ---------------------------------------------------------------------

SECRETS = ("Afi", "afi@journal", AMA, "Le port rouvre")  # of the newsroom `full`


def test_without_a_session_no_page_shows_anything(full: Desk) -> None:  # W15
    full.enter(full.editor())
    client = full.stranger()
    for method in ("GET", "POST"):
        for rule, path in full.paths(method):
            answer = client.open(path, method=method)
            assert not [one for one in SECRETS if one in answer.text], path
            assert answer.status_code < 500
            if (rule, path) in full.paths(method, for_all=False):
                assert answer.status_code == 303, path
                assert answer.headers["Location"].startswith(f"{full.door}/in"), path


def test_no_form_works_without_the_token_of_its_session(full: Desk) -> None:  # W15
    afi = full.editor()
    client, other = full.enter(afi), full.enter(afi)
    wrong = [None, "", "x", full.token(other), full.room.signer.token(Purpose.SESSION, 1, full.room.clock())]
    before = everything(full.room)
    for _rule, path in full.paths("POST", for_all=False):
        for token in wrong:
            form = {"sure": "yes"} | ({} if token is None else {access.FIELD: token})
            assert client.post(path, data=form).status_code == 403, path
            assert full.stranger().post(path, data=form).status_code == 303, path
    assert everything(full.room) == before


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://evil.example", "Host": "evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_no_form_of_another_site_works(full: Desk, headers: dict[str, str]) -> None:  # W15
    client = full.enter(full.editor())
    token = full.token(client)
    before = everything(full.room)
    for _rule, path in full.paths("POST"):
        form = {access.FIELD: token, "sure": "yes", "address": "afi@journal.example"}
        assert client.post(path, data=form, headers=headers).status_code == 403, path
    assert everything(full.room) == before


def test_a_form_of_ours_works_with_what_browsers_say(full: Desk) -> None:
    client = full.enter(full.editor())
    token = full.token(client)
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": full.site}
    assert client.post(f"{full.door}/out", data={access.FIELD: token}, headers=headers).status_code == 303
    assert editors.sessions(full.room) == []


def test_a_look_changes_nothing_on_any_page(full: Desk) -> None:
    client = full.enter(full.editor())
    before = everything(full.room)
    for _rule, path in full.paths("GET"):
        assert client.get(path).status_code < 500, path
    assert everything(full.room) == before


@pytest.mark.parametrize("role", [Role.WRITER, Role.EDITOR])
def test_roles_are_kept_to_on_every_page(full: Desk, role: Role) -> None:
    full.editor()
    client = full.enter(full.editor("efua", role))
    token = full.token(client)
    before = everything(full.room)
    seen = 0
    for method in ("GET", "POST"):
        for rule, path in full.paths(method, for_all=False):
            needed = getattr(full.app.view_functions[rule.endpoint], "needed", Role.WRITER)
            if not role.may(needed):
                answer = client.open(path, method=method, data={access.FIELD: token, "sure": "yes"})
                assert answer.status_code == 403, path
                seen += 1
    assert seen > 5
    assert everything(full.room) == before


def test_every_answer_of_the_desk_is_guarded(full: Desk) -> None:  # W13
    inside, outside = full.enter(full.editor()), full.stranger()
    for client in (inside, outside):
        for method in ("GET", "POST", "PUT"):
            for _rule, path in [*full.paths("GET"), *full.paths("POST")]:
                answer = client.open(path, method=method)
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Strict-Transport-Security"]
                assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
                if method != "GET" or not path.endswith((".css", ".js")):
                    assert answer.headers["Cache-Control"] == "no-store", path
                    assert "noindex" in answer.headers["X-Robots-Tag"]
                assert not wrong_with(answer), path


def wrong_with(answer: TestResponse) -> list[str]:
    """What a page might do that it must not: run a script that is no file of ours, be shown in another's frame."""
    policy = answer.headers["Content-Security-Policy"]
    if "; sandbox" in policy:  # a mail, shown in a frame of ours: it has styles, and may do nothing at all
        return [one for one in ("allow-scripts", "allow-same-origin", "allow-forms", "script-src") if one in policy] + [
            one for one in ("default-src 'none'", "frame-ancestors 'self'", "form-action 'none'") if one not in policy
        ]
    found = [one for one in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'") if one not in policy]
    found += [one for one in ("unsafe", "http:", "https:") if one in policy]
    html = answer.text if "text/html" in answer.headers["Content-Type"] else ""
    found += re.findall(r"<script(?! src=)|\sstyle=|<style|<\w[^>]*\son\w+=|javascript:", html)
    return found + re.findall(r'\s(?:src|action)="(?:https?:)?//[^"]*"', html)


def test_no_link_of_the_desk_is_made_of_what_a_visitor_calls_us(full: Desk) -> None:  # W11
    afi = full.editor()
    client, headers = full.enter(afi), {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for _rule, path in full.paths("GET"):
        answer = client.get(path, headers=headers)
        assert "evil.example" not in answer.text + str(answer.headers), path
    for form in ({}, {"address": afi.address}):
        answer = full.stranger().post(f"{full.door}/in", data=form, headers=headers)
        assert "evil.example" not in answer.text + str(answer.headers)
    assert mailed(full.room)[0].startswith(f"{full.site}{full.door}/in/")


def test_links_to_the_desk_are_masked_in_the_log(full: Desk, caplog: pytest.LogCaptureFixture) -> None:  # W13
    caplog.set_level(logging.DEBUG)
    afi = full.editor()
    link = path_of(editors.link(full.room, afi.address, who=AT_HOME))
    draft = full.room.signer.token(Purpose.DRAFT, 1, full.room.clock())
    client = full.enter(afi)
    paths = [link, f"{link}/x", f"{full.door}/draft/{draft}", f"/in/{draft}", "/desk/in/short", "/in/short"]
    for path in paths:
        client.get(path)
        client.post(path)
    secrets = [link.rpartition("/")[2], draft, "short"]
    assert f"{full.door}/in/… 200" in caplog.text
    assert not [secret for secret in secrets if secret in caplog.text]
    assert afi.address not in caplog.text
    assert guard.shown("/in/short") == "/in/…"
    assert guard.shown("/desk/draft/short/x") == "/desk/draft/…/x"


def test_what_is_not_there_is_said_in_the_desks_look(full: Desk) -> None:
    client = full.enter(full.editor())
    answer = client.get(f"{full.door}/nothing")
    assert answer.status_code == 404
    assert f'href="{full.door}/desk.css' in answer.text
    assert f'action="{full.door}/out"' not in answer.text


def test_readers_pages_have_no_desk_where_it_has_its_own_place(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_DESK_LISTEN="127.0.0.1:8001")
    assert not [rule for rule in create_app(room).url_map.iter_rules() if rule.endpoint.startswith("desk.")]
    answer = create_app(room).test_client().get("/desk/in")
    assert answer.status_code == 404
    assert "/style.css" in answer.text
    assert create_desk_app(room).test_client().get("/").status_code in (200, 303, 404)


# --- Trouble is told to the desk -------------------------------------------------------------------------


def test_who_may_send_hears_of_trouble_once(desk: Desk) -> None:
    room = desk.room
    for name, role in (("redaction", Role.OWNER), ("efua", Role.EDITOR), ("koffi", Role.WRITER)):
        desk.editor(name, role)
    assert room.config.newsletter.editors == ("redaction@journal.example",)
    found = report.of_day(room, room.today(), problem=Unavailable("the relay is down"))
    assert letters.tell_editors(room, found) == 2
    assert letters.tell_editors(room, found) == 0
    told = [row.address for row in everything(room)["letters"] if row.kind == LetterKind.NOTICE]
    assert told == ["redaction@journal.example", "efua@journal.example"]


def test_the_desk_is_told_where_the_configuration_names_nobody(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_EDITORS="")
    found = report.of_day(room, room.today(), problem=Unavailable("the relay is down"))
    assert letters.tell_editors(room, found) == 0
    editors.add(room, "Afi@journal.example", Role.OWNER, who=AT_HOME)
    assert letters.tell_editors(room, found) == 1


# --- For how long things are kept, on both databases ------------------------------------------------------


def test_what_is_over_is_tidied(both: Newsroom, clock: Clock) -> None:
    afi = editors.add(both, "afi@journal.example", Role.OWNER, who=AT_HOME)
    token = editors.link(both, afi.address, who=AT_HOME).rpartition("/")[2]
    cookie = editors.log_in(both, token, HOME, FIREFOX)
    editors.link(both, afi.address, who=AT_HOME)
    editors.ask_for_link(both, "nobody@journal.example", HOME, language="fr")
    clock.move(hours=23)
    assert tidy.tidy(both).tickets == 0
    clock.move(hours=2)
    assert tidy.tidy(both, dry_run=True).tickets == 3
    assert tidy.tidy(both).tickets == 3
    clock.move(days=28)
    assert tidy.tidy(both).sessions == 0
    assert editors.session(both, cookie or "") is not None  # seen now
    clock.move(days=30)
    assert tidy.tidy(both).sessions == 0
    clock.move(seconds=1)
    assert tidy.tidy(both).sessions == 1
    clock.move(days=340)
    assert tidy.tidy(both).audit == 0
    clock.move(days=1)
    done = tidy.tidy(both)
    assert (done.audit, everything(both)["audit"]) == (4, [])


def test_the_audit_log_may_be_kept_for_ever_and_is_purged_in_batches(
    both: Newsroom, make_room: MakeRoom, clock: Clock
) -> None:
    with write(both.engine) as connection:
        for _ in range(tidy.BATCH + 7):
            audit.add(connection, AT_HOME, "logged_in", clock())
    clock.move(days=500)
    url = both.engine.url.set(drivername=both.engine.url.drivername.split("+")[0])
    forever = make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False), NEWSLETTER_RETENTION_AUDIT="0")
    assert tidy.tidy(forever).audit == 0
    assert tidy.tidy(both).audit == tidy.BATCH + 7


def test_two_who_press_at_once_are_one(both: Newsroom) -> None:
    afi = editors.add(both, "afi@journal.example", Role.OWNER, who=AT_HOME)
    token = editors.link(both, afi.address, who=AT_HOME).rpartition("/")[2]
    assert both.read_link(Purpose.LOG_IN, token)
    number = (both.read_link(Purpose.LOG_IN, token) or (0,))[0]
    assert editors.begin_session(both, afi, number, HOME, FIREFOX)
    assert editors.begin_session(both, afi, number, HOME, FIREFOX) is None
    with read(both.engine) as connection:
        assert len(kept.all_sessions(connection)) == 1


def test_others_sessions_end_and_this_one_stays(both: Newsroom) -> None:
    afi = editors.add(both, "afi@journal.example", Role.OWNER, who=AT_HOME)
    efua = editors.add(both, "efua@journal.example", Role.EDITOR, who=AT_HOME)
    cookies = []
    for one in (afi, afi, efua):
        token = editors.link(both, one.address, who=AT_HOME).rpartition("/")[2]
        cookies.append(editors.log_in(both, token, None, "x\ny" * 200) or "")
    mine = editors.session(both, cookies[0])
    assert mine is not None
    assert editors.log_out_others(both, mine) == 1
    assert [bool(editors.session(both, one)) for one in cookies] == [True, False, True]
    assert len(mine.browser) == editors.LONGEST_BROWSER
    assert editors.log_out_everywhere(both, efua, who=AT_HOME, dry_run=True) == 1
    assert editors.log_out_everywhere(both, efua, who=AT_HOME) == 1
    assert editors.session(both, cookies[2]) is None


def test_with_the_sessions_the_links_end(both: Newsroom) -> None:
    efua = editors.add(both, "efua@journal.example", Role.EDITOR, who=AT_HOME)
    yao = editors.add(both, "yao@journal.example", Role.EDITOR, who=AT_HOME)
    now = both.clock()
    with write(both.engine) as connection:
        edition = editions.keep_draft(connection, both.today(), "daily", now, [])
        letter = kept.issue(connection, efua.id, now + draft.GOOD_FOR, now, edition_id=edition.id)
    about = both.signer.token(Purpose.DRAFT, letter, now)
    printed, others = (editors.link(both, one.address, who=AT_HOME).rpartition("/")[2] for one in (efua, yao))
    assert draft.opened(both, about)
    editors.log_out_everywhere(both, efua, who=AT_HOME, dry_run=True)
    assert editors.to_log_in(both, printed)
    editors.log_out_everywhere(both, efua, who=AT_HOME)
    assert draft.opened(both, about) is None
    assert editors.log_in(both, printed, None, "") is None
    mine = editors.session(both, editors.log_in(both, others, None, "") or "")
    assert mine
    left = editors.link(both, yao.address, who=AT_HOME).rpartition("/")[2]
    editors.log_out_others(both, mine)
    assert editors.to_log_in(both, left) is None
    assert editors.log_in(both, editors.link(both, efua.address, who=AT_HOME).rpartition("/")[2], None, "")


def test_an_address_works_here_once_however_it_is_spelled(both: Newsroom) -> None:
    editors.add(both, "afi@journal.example", Role.OWNER, who=AT_HOME, dry_run=True)
    assert editors.listed(both) == []
    editors.add(both, "afi@journal.example", Role.OWNER, who=AT_HOME)
    with pytest.raises(editors.WorksHere):
        editors.add(both, "Afi@JOURNAL.example", Role.WRITER, who=AT_HOME)
    with pytest.raises(BadData, match="does not work at the desk"):
        editors.set_role(both, "efua@journal.example", Role.OWNER, who=AT_HOME)
    assert editors.find(both, " AFI@journal.example").role is Role.OWNER


# --- At the command line -----------------------------------------------------------------------------------


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(folder)

    def run_it(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, list(arguments), prog_name="newsletter")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return run_it


def test_the_commands_do_what_the_pages_do(run: Callable[..., str], room: Newsroom) -> None:
    afi, efua = "afi@journal.example", "efua@journal.example"
    assert "would work at the desk" in run("editors", "add", afi, "--role", "owner", "--dry-run")
    assert editors.listed(room) == []
    said = run("editors", "add", afi, "--role", "owner", "--name", "Afi Dossou")
    assert f"open {LETTER}/desk/in" in said
    run("editors", "add", efua, "--role", "writer")
    assert "already" in run("editors", "add", efua, "--role", "writer", code=65)
    assert run("editors", "list").splitlines()[1].split("\t")[:3] == [efua, "efua", "writer"]
    run("editors", "role", efua, "editor", "--dry-run")
    assert editors.find(room, efua).role is Role.WRITER
    run("editors", "role", efua, "editor")
    assert editors.find(room, efua).role is Role.EDITOR
    for command in (("role", afi, "writer"), ("remove", afi)):
        assert "the only owner" in run("editors", *command, code=65)
    assert "would be removed" in run("editors", "remove", efua, "--dry-run")
    run("editors", "remove", efua)
    assert [one["name"] for one in json.loads(run("editors", "list", "--json"))] == ["Afi Dossou"]
    run("editors", "link", efua, code=65)


def test_a_link_from_the_command_line_works_without_mail(run: Callable[..., str], room: Newsroom) -> None:
    run("editors", "add", "afi@journal.example", "--role", "owner")
    before = everything(room)
    assert "/in/" not in run("editors", "link", "afi@journal.example", "--dry-run")
    assert "would be mailed" in run("editors", "link", "afi@journal.example", "--mail", "--dry-run")
    assert everything(room) == before
    token = run("editors", "link", "afi@journal.example").strip().rpartition("/")[2]
    real = Newsroom(room.config)  # by the clock that the command goes by
    assert editors.log_in(real, token, None, "")
    real.engine.dispose()
    assert json.loads(run("editors", "list", "--json"))[0]["sessions"] == 1
    assert "1 session would be ended" in run("editors", "log-out", "afi@journal.example", "--dry-run")
    assert "1 session ended" in run("editors", "log-out", "afi@journal.example")
    for _ in range(4):
        run("editors", "link", "afi@journal.example", "--mail")
    assert "5 links in this hour" in run("editors", "link", "afi@journal.example", "--mail", code=65)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _status(port: int, path: str) -> int:
    """What is answered there; 0 while nobody listens."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_serve_gives_the_desk_a_place_of_its_own(folder: Path) -> None:
    pages, desk = _free_port(), _free_port()
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--no-run", "--port", str(pages)]
    environ = os.environ | {"NEWSLETTER_DESK_LISTEN": f"127.0.0.1:{desk}", "NEWSLETTER_DESK_URL": ALONE}
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not _status(pages, "/healthz") and time.monotonic() < deadline:
                time.sleep(0.1)
            found = {(port, path): _status(port, path) for port in (pages, desk) for path in ("/", "/in", "/desk/in")}
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
    assert found[pages, "/"] == 200
    assert found[desk, "/in"] == 200
    assert found[pages, "/in"] == found[pages, "/desk/in"] == found[desk, "/desk/in"] == 404
    said = (folder / "serve.log").read_text()
    assert f"to be reached as {ALONE}" in said
    assert "Traceback" not in said
