"""What holds for every answer: headers, limits, the log; whence a request comes; no link from the Host header."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter import embed, post, subscribe
from newsletter.links import Purpose
from newsletter.newsroom import Newsroom
from newsletter.web import guard, metrics
from newsletter.web.network import network_of
from tests.browser import AMA, everything, reader, token, visit
from tests.conftest import Clock

MakeRoom = Callable[..., Newsroom]
PAGES = ("/", "/embed", "/privacy", "/style.css", "/robots.txt", "/healthz", "/nothing", "/archive/")
PATHS = {
    "u": Purpose.UNSUBSCRIBE,
    "p": Purpose.PREFERENCES,
    "c": Purpose.CONFIRM,
    "d": Purpose.OWN,
    "a": Purpose.ADDRESS,
}


def own_pages(room: Newsroom) -> list[str]:
    """The pages behind a reader's links, each good; and a bad one of each kind."""
    known = reader(room)
    good = [f"/{path}/{token(room, purpose, known.id)}" for path, purpose in PATHS.items()]
    return [*good, f"{good[3]}/data.json", *(f"/{path}/none" for path in PATHS)]


# --- Headers --------------------------------------------------------------------------------------


def test_every_answer_is_guarded(room: Newsroom) -> None:
    client = visit(room)
    for path in [*PAGES, *own_pages(room)]:
        for answer in (client.get(path), client.post(path), client.put(path)):
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src" not in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy or path == "/embed"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert answer.headers["Referrer-Policy"]
            assert "Set-Cookie" not in answer.headers
            assert "Location" not in answer.headers


def test_no_page_needs_a_script_or_a_style_of_its_own(room: Newsroom) -> None:
    client = visit(room)
    for path in [*PAGES, *own_pages(room)]:
        html = client.get(path).text
        assert not re.search(r"<script|\sstyle=|<style|\son\w+=", html), path


def test_a_readers_own_pages_leave_no_trace(room: Newsroom) -> None:  # W13
    client = visit(room)
    for path in own_pages(room):
        for answer in (client.get(path), client.post(path), client.head(path)):
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "noindex" in answer.headers["X-Robots-Tag"]
    assert client.post("/", data={"email": AMA}).headers["Cache-Control"] == "no-store"


def test_only_https_is_promised_for_good(make_room: MakeRoom) -> None:
    client = visit(make_room(NEWSLETTER_PUBLIC_URL="http://127.0.0.1:8000"))
    assert "Strict-Transport-Security" not in client.get("/").headers


def test_tokens_are_masked_in_the_log(room: Newsroom, caplog: pytest.LogCaptureFixture) -> None:  # W13
    caplog.set_level(logging.DEBUG)
    client, paths = visit(room), own_pages(room)
    secrets = [path.split("/")[2] for path in paths if "none" not in path]
    for path in [*paths, f"/lettre{paths[0]}", f"/x?next={secrets[0]}", f"/{secrets[0]}", "/a%0d%0ab/\u20ac"]:
        client.get(path)
        client.post(path)
    assert "/u/… 200" in caplog.text
    assert not [secret for secret in secrets if secret in caplog.text]
    assert AMA not in caplog.text
    assert all("\r" not in line and "\n" not in line for line in caplog.messages)


# --- Limits ---------------------------------------------------------------------------------------


def test_a_body_has_its_bounds(room: Newsroom) -> None:
    client, paths = visit(room), own_pages(room)
    before = everything(room)
    big = "x" * (guard.LONGEST_BODY + 1)
    for path in ["/", "/embed", *paths[:5], f"{paths[1]}/pause", f"{paths[3]}/delete"]:
        answer = client.post(path, data={"email": big, "sure": "yes"})
        assert (answer.status_code, "C’est trop long" in answer.text) == (413, True), path
    parts = {f"f{i}": "x" for i in range(50)}
    assert client.post("/", data=parts, content_type="multipart/form-data").status_code == 413
    assert everything(room) == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe=\x80", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"{", "application/json"),
        (b"email=a%00b", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"", ""),
    ],
)
def test_a_broken_body_is_no_fault_of_ours(room: Newsroom, body: bytes, kind: str) -> None:
    client, paths = visit(room), own_pages(room)
    for path in ["/", "/embed", *paths, f"{paths[1]}/variant", f"{paths[3]}/address"]:
        assert client.post(path, data=body, content_type=kind).status_code < 500, path


# --- Links and redirects ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99", "[::1", "a b", ""])
def test_no_link_is_made_of_what_a_visitor_calls_us(room: Newsroom, host: str) -> None:  # W11
    client, paths = visit(room), own_pages(room)
    lies = {"Host": host, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in [*PAGES, *paths, "/archive", "//evil.example/x"]:
        for answer in (client.get(path, headers=lies), client.post(path, headers=lies)):
            assert "evil" not in answer.text.replace("//evil.example/x", "")
            assert "evil" not in str(answer.headers)
    client.post("/", data={"email": "efua@lecteurs.example"}, headers=lies)
    post.send_waiting(room)
    [mail] = list((room.config.resolve("outbox") / "new").iterdir())
    assert b"https://lettre.journal.example/c/" in mail.read_bytes().replace(b"=\n", b"")
    assert b"evil" not in mail.read_bytes()


TARGETS = ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "%2f%2fevil.example")


def test_nobody_is_led_elsewhere(room: Newsroom) -> None:  # W08
    client, paths = visit(room), own_pages(room)
    for name, target in itertools.product(("next", "url", "lang"), TARGETS):
        for path in (
            "/",
            "/embed",
            "/privacy",
            *paths,
            "/archive",
            "/archive/",
            f"/{target}",
            f"{target}/..",
            "//u//x",
        ):
            for answer in (
                client.get(path, query_string={name: target}),
                client.post(path, data={name: target, "email": AMA}),
            ):
                assert not 300 <= answer.status_code < 400, path
                assert "Location" not in answer.headers
                assert "Refresh" not in answer.headers


# --- Behind a prefix, behind a proxy ----------------------------------------------------------------


def test_behind_a_path_pages_answer_with_and_without_it(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_PUBLIC_URL="https://journal.example/lettre")
    client, path = visit(room), f"/u/{token(room, Purpose.UNSUBSCRIBE, reader(room).id)}"
    for before in ("", "/lettre"):
        html = client.get(f"{before}/").text
        assert 'action="/lettre/"' in html
        assert 'href="/lettre/style.css' in html
        assert 'rel="canonical" href="https://journal.example/lettre/"' in html
        assert client.get(f"{before}/style.css").status_code == 200
        answer = client.get(before + path)
        assert (answer.status_code, answer.headers["Referrer-Policy"]) == (200, "no-referrer")
        assert f'action="/lettre{path}"' in answer.text
    assert client.get("/lettre").status_code == 200
    assert client.get("/lettrex").status_code == 404
    assert client.get("/lettre/lettre/").status_code == 404
    assert "Disallow: /lettre/u/" in client.get("/robots.txt").text
    assert 'action="https://journal.example/lettre/"' in embed.texts(room)["form"]
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200


PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("203.0.113.77", "", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "", "203.0.113.0/24"),
        ("203.0.113.77", "198.51.100.1", "203.0.113.0/24"),  # no proxy of ours: what it says is nothing
        ("10.0.0.1", "", "10.0.0.0/24"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.0/24"),
        ("10.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.0/24"),  # the left end is the visitor's own claim
        ("10.0.0.1", "192.0.2.1, 198.51.100.1, 10.2.3.4", "198.51.100.0/24"),
        ("10.0.0.1", "10.1.1.1, 10.2.3.4", "10.1.1.0/24"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.0/24"),
        ("10.0.0.1", "unknown, 198.51.100.1:4711", "198.51.100.0/24"),
        ("10.0.0.1", "[2001:db8:1:2::9]:4711", "2001:db8:1::/48"),
        ("10.0.0.1", '"[2001:db8:1:2::9]"', "2001:db8:1::/48"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.0/24"),
        ("fd00::1%eth0", "2001:db8:7::1", "2001:db8:7::/48"),
        ("", "198.51.100.1", "198.51.100.0/24"),  # a Unix socket: who may open it is our proxy
        ("", "", None),
        ("unknown", "198.51.100.1", None),
    ],
)
def test_the_network_a_request_comes_from(peer: str, forwarded: str, network: str | None) -> None:
    assert network_of(peer, forwarded, PROXIES) == network


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert network_of("127.0.0.1", "198.51.100.1", ()) == "127.0.0.0/24"
    assert network_of("", "198.51.100.1", ()) is None


def test_a_proxy_that_nobody_named_is_warned_of_once(
    room: Newsroom, make_room: MakeRoom, caplog: pytest.LogCaptureFixture
) -> None:
    form = {"email": "info@lecteurs.example"}
    for named, times in ((room, 1), (make_room(NEWSLETTER_WEB_TRUSTED_PROXIES="127.0.0.1"), 0)):
        caplog.clear()
        client = visit(named)
        for _ in range(3):
            client.post("/", data=form, headers={"X-Forwarded-For": "192.0.2.7"})
        client.post("/", data=form)
        assert caplog.text.count("web.trusted_proxies does not name") == times


def test_a_trusted_proxy_names_the_reader(make_room: MakeRoom) -> None:
    room = make_room(NEWSLETTER_WEB_TRUSTED_PROXIES="127.0.0.1")
    client = visit(room)
    client.post("/", data={"email": AMA}, headers={"X-Forwarded-For": "192.0.2.9, 198.51.100.77"})
    [act] = subscribe.history(room, subscribe.find(room, AMA))
    assert act.origin.network == "198.51.100.0/24"
    rows = str(everything(room))
    assert "198.51.100.77" not in rows
    assert "192.0.2" not in rows


# --- When something is wrong --------------------------------------------------------------------------


def test_what_is_not_there_is_told_in_our_look(room: Newsroom) -> None:
    client = visit(room)
    for answer in (client.get("/nothing"), client.put("/"), client.get("/archive/2026-01-01")):
        assert answer.status_code in (404, 405)
        assert "Cette page n’existe pas" in answer.text
        assert "Le Quotidien du Golfe" in answer.text
    assert set(client.put("/").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_database_that_is_away_is_a_503(room: Newsroom, folder: Path) -> None:
    client = visit(room)
    paths = own_pages(room)
    room.engine.dispose()
    for file in folder.glob("subscribers.db*"):
        file.write_bytes(b"no database" * 1000)
    for answer in (client.post("/", data={"email": AMA}), client.get(paths[0]), client.post(paths[0])):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "Revenez dans une minute" in answer.text
        assert "subscribers.db" not in answer.text


@pytest.mark.parametrize("name", ["privacy.html", "page.html"])
def test_a_broken_template_is_a_500(room: Newsroom, folder: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    own = folder / "templates" / "web"
    own.mkdir(parents=True)
    (own / name).write_text("{% if %}", encoding="utf-8")
    answer = visit(room).get("/privacy")
    assert answer.status_code == 500
    assert "templates" not in answer.text
    assert f"{name}, line 1" in caplog.text


def test_a_fault_of_the_program_is_logged_without_the_link(room: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    [good, *_] = own_pages(room)
    client = visit(room)
    room.clock = lambda: 1 / 0  # type: ignore[assignment,return-value]
    answer = client.post(good)
    assert (answer.status_code, "Quelque chose s’est cassé" in answer.text) == (500, True)
    assert "ZeroDivisionError" in caplog.text
    assert good.split("/")[2] not in caplog.text


# --- Figures ----------------------------------------------------------------------------------------


def metrics_client(room: Newsroom) -> FlaskClient:
    app: Flask = metrics.create_metrics_app(room)
    return app.test_client()


def test_figures_for_a_monitor(room: Newsroom, clock: Clock) -> None:
    reader(room, "kodjo@lecteurs.example")
    visit(room).post("/", data={"email": AMA})
    clock.move(seconds=90)
    answer = metrics_client(room).get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    for line in (
        'newsletter_subscribers{status="active"} 1',
        'newsletter_subscribers{status="pending"} 1',
        "newsletter_letters_waiting 1",
        "newsletter_letters_oldest_seconds 90.0",
        "newsletter_sign_ups_total 1",
        "newsletter_runner_alive 0",
    ):
        assert line in lines
    assert "lecteurs.example" not in answer.text
    assert visit(room).get("/metrics").status_code == 404  # not on the public address
