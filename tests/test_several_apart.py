"""Several newsletters served together: who is asked is told by the host, and none opens a door to another's readers."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import make_url
from werkzeug.test import Client, TestResponse

from newsletter import config, editors, subscribe, together
from newsletter.links import PATHS, Purpose
from newsletter.model import Role, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import notes
from newsletter.store.database import letters_lock, newcomers_lock, sending_lock, write
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from newsletter.web.hosts import Hosts, Served
from newsletter.web.metrics import create_metrics_app
from tests.browser import AMA, everything, reader
from tests.conftest import TOML, Clock
from tests.desk import cookie_of, editor

ROOT = Path(__file__).parent.parent
SECRETS = {"matin": "le-secret-du-matin-1234", "hebdo": "le-secret-de-l-hebdo-1234"}


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[together.Together]:
    """Two newsletters: two files of SQLite, or two schemas of one PostgreSQL, which are made when they are opened."""
    rooms = []
    for name, secret in SECRETS.items():
        database = "sqlite:///subscribers.db"
        if request.param == "postgresql":
            url = make_url(request.getfixturevalue("postgres_url"))
            schema = f"apart_{name}_{tmp_path.name[-12:]}"
            named = url.update_query_dict({"options": f'-csearch_path="{schema}"'})
            database = named.render_as_string(hide_password=False)
        rooms.append(Newsroom(config.load(founded(tmp_path / name, database, secret), {}), clock=clock, kept=1))
    made = together.Together(rooms)
    made.open()
    yield made
    for room in rooms:
        room.engine.dispose()


def founded(folder: Path, database: str, secret: str, more: str = "") -> Path:
    (folder / "articles").mkdir(parents=True)
    text = TOML.replace("lettre.journal.example", f"{folder.name}.journal.example")
    text = text.replace("[newsletter]", f"[newsletter]\ndatabase = '{database}'", 1)
    (folder / "secret").write_text(secret)
    (folder / "secret").chmod(0o600)
    (folder / "newsletter.toml").write_text(f'{text}\n[bounces]\nbrevo_secret_file = "secret"\n{more}', "utf-8")
    return folder / "newsletter.toml"


class Visitor:
    """Asks all of them at one place, by host."""

    def __init__(self, rooms: together.Together, ready: Callable[[Newsroom], bool] = lambda room: True) -> None:
        served = [
            Served(room, f"{room.config.folder.name}.journal.example", create_app(room), lambda room=room: ready(room))  # type: ignore[misc]
            for room in rooms
        ]
        self.client = Client(Hosts(served), use_cookies=False)

    def ask(self, host: str, path: str, method: str = "GET", **more: object) -> TestResponse:
        headers = {"Host": host, **more.pop("headers", {})}  # type: ignore[dict-item]
        return self.client.open(path, method=method, headers=headers, **more)


# --- Told apart -------------------------------------------------------------------------------------


def test_the_host_tells_whose_page_it_is(both: together.Together) -> None:
    visitor = Visitor(both)
    for host in ("matin.journal.example", "MATIN.journal.example.:443", "matin.journal.example:8000"):
        assert "https://matin.journal.example" in visitor.ask(host, "/archive/feed.xml").text
    assert "https://hebdo.journal.example" in visitor.ask("hebdo.journal.example", "/archive/feed.xml").text


@pytest.mark.parametrize("host", ["", "127.0.0.1:8000", "soir.journal.example", "journal.example", "[::1", "a b", "é"])
def test_an_unknown_host_learns_nothing(both: together.Together, host: str, caplog: pytest.LogCaptureFixture) -> None:
    visitor = Visitor(both)
    caplog.set_level(logging.INFO, "newsletter.web.hosts")
    for path in ("/", "/desk/", "/archive/"):
        answer = visitor.ask(host, path, headers={"X-Forwarded-Host": "matin.journal.example"})
        assert answer.status_code == 421
        assert "journal" not in answer.text + str(answer.headers)
    assert visitor.ask(host, "/healthz").text == "ok\n"
    said = {one.getMessage() for one in caplog.records}
    assert len(said) == 1
    assert re.fullmatch(r"asked for a host that is none of ours: '[ -~]*'", said.pop())


def test_a_strange_host_is_cut_in_the_log(both: together.Together, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "newsletter.web.hosts")
    Visitor(both).ask("soir.example\x1b[2J" + "x" * 5000, "/")
    [said] = [one.getMessage() for one in caplog.records]
    assert said.startswith("asked for a host that is none of ours: 'soir.example\\x1b[2Jxxx")
    assert len(said) < 160


def test_what_a_proxy_did_not_say_chooses_nobody(both: together.Together) -> None:
    """A cache in front would keep the one's page under the other's name."""
    answer = Visitor(both).ask(
        "matin.journal.example", "/archive/feed.xml", headers={"X-Forwarded-Host": "hebdo.journal.example"}
    )
    assert "https://matin.journal.example" in answer.text
    assert "hebdo" not in answer.text


def test_one_alone_answers_whatever_its_host_is_called(room: Newsroom) -> None:
    room.signer  # noqa: B018
    alone = Hosts([Served(room, "lettre.journal.example", create_app(room), lambda: True)])
    assert Client(alone).get("/", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_one_whose_database_is_away_keeps_nobody_else(both: together.Together) -> None:
    visitor = Visitor(both, lambda room: room.config.folder.name != "hebdo")
    away = visitor.ask("hebdo.journal.example", "/")
    assert (away.status_code, away.headers["Retry-After"]) == (503, "60")
    assert visitor.ask("matin.journal.example", "/").status_code == 200


def test_a_monitor_tells_them_apart(both: together.Together) -> None:
    matin, hebdo = both
    subscribe.add(matin, [AMA, "kodjo@lecteurs.example"], "test")
    app = create_metrics_app(matin, hebdo, is_ready=lambda room: room is matin)
    lines = app.test_client().get("/metrics").text.splitlines()
    assert 'newsletter_subscribers{newsletter="matin.journal.example",status="active"} 2' in lines
    assert 'newsletter_up{newsletter="matin.journal.example"} 1' in lines
    assert 'newsletter_up{newsletter="hebdo.journal.example"} 0' in lines
    assert len([line for line in lines if "hebdo" in line]) == 1
    text = create_metrics_app(matin, hebdo).test_client().get("/metrics").text
    for figure in ("newsletter_subscribers", "newsletter_letters_waiting"):
        assert text.count(f"# TYPE {figure} ") == 1
    names = [line.split()[2] if line.startswith("#") else line.partition("{")[0] for line in text.splitlines()]
    runs = [name for name, before in zip(names, ["", *names], strict=False) if name != before]
    assert len(runs) == len(set(runs))  # all samples of a figure stand together


# --- Kept apart -------------------------------------------------------------------------------------


def test_the_links_of_one_open_nothing_of_another(both: together.Together) -> None:
    """The same reader is on both lists, under the same number."""
    matin, hebdo = both
    known, other = reader(matin), reader(hebdo)
    assert known.id == other.id
    before, visitor = [everything(room) for room in both], Visitor(both)
    for purpose, path in PATHS.items():
        token = matin.signer.token(purpose, known.id, matin.clock())
        wrong = visitor.ask("hebdo.journal.example", f"/{path}/none-at-all")
        for method in ("GET", "POST"):
            answer = visitor.ask("hebdo.journal.example", f"/{path}/{token}", method)
            assert AMA not in answer.text
            assert answer.status_code == 405 or answer.status_code == wrong.status_code, (purpose, method)
    assert [everything(room) for room in both] == before
    token = matin.signer.token(Purpose.UNSUBSCRIBE, known.id, matin.clock())
    assert visitor.ask("matin.journal.example", f"/u/{token}", "POST").status_code == 200
    assert subscribe.find(matin, AMA).status is SubscriberStatus.UNSUBSCRIBED
    assert subscribe.find(hebdo, AMA).status is SubscriberStatus.ACTIVE


def test_a_session_at_one_desk_is_none_at_another(both: together.Together) -> None:
    matin, hebdo = both
    editor(hebdo, Role.OWNER)
    cookie = cookie_of(matin, editor(matin, Role.OWNER))
    session = editors.session(matin, cookie)
    assert session is not None
    form, visitor = editors.form_token(matin, session), Visitor(both)
    headers = {"Cookie": f"{COOKIE}={cookie}"}
    assert visitor.ask("matin.journal.example", "/desk/readers", headers=headers).status_code == 200
    before = everything(hebdo)
    answer = visitor.ask("hebdo.journal.example", "/desk/readers", headers=headers)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/desk/in")
    visitor.ask("hebdo.journal.example", "/desk/editors", "POST", headers=headers, data={"form": form, "address": AMA})
    assert everything(hebdo) == before
    # And where somebody works at both, the form of one desk is none of the other's.
    there = cookie_of(hebdo, editor(hebdo, Role.OWNER))
    before = everything(hebdo)
    data = {"form": form, "address": "efua@autre.example", "role": "owner"}
    theirs = {"Cookie": f"{COOKIE}={there}"}
    answer = visitor.ask("hebdo.journal.example", "/desk/editors", "POST", headers=theirs, data=data)
    assert answer.status_code in (403, 404, 405)
    assert everything(hebdo)["editors"] == before["editors"]


def test_a_link_to_log_in_is_good_at_its_own_desk_alone(both: together.Together) -> None:
    matin, hebdo = both
    editor(hebdo, Role.OWNER)
    token = editors.link(matin, editor(matin, Role.OWNER).address, who=matin.here)
    before = everything(hebdo)
    answer = Visitor(both).ask("hebdo.journal.example", f"/desk/in/{token.rsplit('/', 1)[1]}")
    assert answer.status_code == 404
    assert everything(hebdo) == before


def test_cookies_are_for_their_own_host(both: together.Together) -> None:
    matin, _hebdo = both
    token = editors.link(matin, editor(matin).address, who=matin.here).rsplit("/", 1)[1]
    answer = Visitor(both).ask("matin.journal.example", f"/desk/in/{token}")
    cookie = answer.headers["Set-Cookie"]
    assert "Domain" not in cookie
    assert "Secure" in cookie


def test_what_a_provider_tells_one_is_believed_by_no_other(both: together.Together) -> None:
    event = {"event": "hard_bounce", "email": AMA, "message-id": "<1@x.example>", "ts_event": 1764000000, "id": 1}
    _matin, hebdo = both
    visitor, before = Visitor(both), everything(hebdo)
    for host, status in (("matin", 200), ("hebdo", 403)):
        answer = visitor.ask(f"{host}.journal.example", f"/hooks/brevo/{SECRETS['matin']}", "POST", json=event)
        assert answer.status_code == status
    assert everything(hebdo) == before


def test_a_command_sees_the_readers_of_its_own(both: together.Together) -> None:
    matin, hebdo = both
    subscribe.add(matin, [AMA], "test")
    subscribe.add(hebdo, ["kodjo@lecteurs.example"], "test")
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "--config",
        str(matin.config.path),
        "subscribers",
        "list",
        "--json",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [one["address"] for one in json.loads(result.stdout)] == [AMA]


def test_the_locks_of_one_keep_no_other(both: together.Together) -> None:
    matin, hebdo = both
    with ExitStack() as held:
        for room in both:
            for lock in (sending_lock, letters_lock, newcomers_lock):
                held.enter_context(lock(room.engine))()
    if matin.engine.dialect.name == "postgresql":  # two files of SQLite have nothing in common
        with write(matin.engine) as one, write(hebdo.engine) as other:
            for connection in (one, other):
                notes.one_at_a_time(connection, "joining")
                notes.wait_for(connection, "next_turn")


# --- The real programs ------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])


def asked(port: int, host: str, path: str) -> tuple[int, str]:
    for _ in range(600):
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host}), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it never answered")


def test_serve_goes_on_without_one_and_takes_it_in_later(tmp_path: Path) -> None:
    port, shared = free_port(), f"127.0.0.1:{free_port()}"
    more = f'[web]\nmetrics = "{shared}"\n[delivery]\nvia = "maildir:outbox"\n'
    paths = [founded(tmp_path / "matin", "sqlite:///subscribers.db", SECRETS["matin"], more)]
    paths += [founded(tmp_path / "hebdo", "sqlite:///away/subscribers.db", SECRETS["hebdo"], more)]
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", str(port), *map(str, paths)]
    with (tmp_path / "said").open("w+") as said, subprocess.Popen(command, stderr=said, stdout=said) as program:
        try:
            assert asked(port, "matin.journal.example", "/healthz") == (200, "ok\n")
            assert asked(port, "hebdo.journal.example", "/")[0] == 503
            assert asked(port, "soir.journal.example", "/")[0] == 421
            metrics = asked(int(shared.rpartition(":")[2]), shared, "/metrics")[1]
            assert 'newsletter_up{newsletter="hebdo.journal.example"} 0' in metrics
        finally:
            program.terminate()
            assert program.wait(60) == 0
        text = (tmp_path / "said").read_text()
        assert "GET /healthz 200  [newsletter=matin.journal.example]" in text
        assert f"{paths[1]}: database" in text


def test_run_sends_the_letters_of_each(tmp_path: Path) -> None:
    more = '[delivery]\nvia = "maildir:outbox"\n'
    paths = [founded(tmp_path / name, "sqlite:///subscribers.db", SECRETS[name], more) for name in SECRETS]
    lost = founded(tmp_path / "soir", "sqlite:///away/subscribers.db", "le-secret-du-soir-12345", more)
    for path in paths:
        room = Newsroom(config.load(path, {}))
        subscribe.sign_up(room, AMA, subscribe.Origin("page"), language="fr")
        room.engine.dispose()
    command = [sys.executable, str(ROOT / "cli.py"), "run", *map(str, [lost, *paths])]
    with (tmp_path / "said").open("w+") as said, subprocess.Popen(command, stderr=said) as program:
        try:
            for _ in range(600):
                if all(list(path.parent.glob("outbox/new/*")) for path in paths):
                    break
                time.sleep(0.1)
        finally:
            program.terminate()
            assert program.wait(60) == 0
    assert all(list(path.parent.glob("outbox/new/*")) for path in paths)
