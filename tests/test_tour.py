"""A reader's whole tour in a real browser, through the real server: from the call to action to the inbox, and out."""

from __future__ import annotations

import http.client
import mailbox
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsletter import config, subscribe
from newsletter.errors import BadData
from newsletter.newsroom import Newsroom
from tests.browser import chromium, free_place

ROOT = Path(__file__).parent.parent
PAGE, FORM = "ama@lecteurs.example", "kodjo@lecteurs.example"


class House:
    """A newsroom's folder, its `serve` in a process of its own, and what one does with it."""

    def __init__(self, folder: Path, place: str) -> None:
        self.folder = folder
        self.place = place
        toml = folder / "newsletter.toml"
        toml.write_text(toml.read_text().replace("https://lettre.journal.example", place), encoding="utf-8")
        self.room = Newsroom(config.load(toml, {}))

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *words], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def mails(self) -> list[Message]:
        path = self.folder / "outbox"
        return list(mailbox.Maildir(path, create=False)) if (path / "cur").exists() else []

    def letter(self, to: str, kind: str) -> str:
        """The newest link of a kind in a letter to somebody; it leaves at once, so wait a little."""
        for _ in range(100):
            links = [link for mail in self.mails() if mail["To"] == to for link in self.links(mail, kind)]
            if links:
                return links[-1]
            time.sleep(0.1)
        raise AssertionError(f"no letter with a /{kind}/ link to {to}")

    def edition(self, to: str) -> Message:
        [mail] = [mail for mail in self.mails() if mail["To"] == to and mail["List-Id"]]
        return mail

    def links(self, mail: Message, kind: str) -> list[str]:
        [text] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
        payload = text.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return re.findall(rf"{re.escape(self.place)}/{kind}/[a-z2-7]+", payload.decode())

    def status(self, address: str) -> str:
        try:
            return subscribe.find(self.room, address).status.value
        except BadData:
            return "unknown"


@pytest.fixture
def house(folder: Path, add_article: Callable[..., Path]) -> Iterator[House]:
    free, place = free_place()
    port = str(urlsplit(place).port)
    free.close()
    found = House(folder, place)
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", port]
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for(place)
            yield found
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
            found.room.engine.dispose()
    assert "Traceback" not in (folder / "serve.log").read_text()


def wait_for(place: str) -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection(urlsplit(place).netloc, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError("the server did not begin")


@pytest.fixture
def elsewhere(house: House) -> Iterator[str]:
    """The newsroom's own site, another origin, with the form pasted into it."""
    form = house.run("embed", "--kind", "form")

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><html lang=fr><meta charset=utf-8><title>Journal</title>{form}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/article/"
    server.shutdown()
    thread.join()
    server.server_close()


def press(page: Any, button: str) -> None:
    page.locator(button).first.click()
    page.wait_for_load_state("domcontentloaded")


def sign_up_here(page: Any, house: House) -> None:
    page.goto(house.place)
    time.sleep(2.1)  # a person needs two seconds; whoever is faster is a robot
    page.locator("main input[type=email]").fill(PAGE)
    press(page, "main form button")
    assert house.status(PAGE) == "pending"
    page.goto(house.letter(PAGE, "c"))
    assert house.status(PAGE) == "pending"  # a look changes nothing
    press(page, "main form button.big")
    assert house.status(PAGE) == "active"


def sign_up_elsewhere(page: Any, house: House, site: str) -> None:
    page.goto(site)
    page.locator("input[type=email]").fill(FORM)
    press(page, "button")
    assert page.url.startswith(house.place)
    page.goto(house.letter(FORM, "c"))
    press(page, "main form button.big")
    [act, *_] = subscribe.history(house.room, subscribe.find(house.room, FORM))
    assert (act.origin.how, act.origin.network) == ("form", "127.0.0.0/24")
    assert act.origin.wording


def one_click(link: str) -> int:
    """As a mail service does it (RFC 8058): no cookie, no referrer."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", parts.path, "List-Unsubscribe=One-Click", headers)
    answer = connection.getresponse()
    assert answer.getheader("Set-Cookie") is None
    connection.close()
    return answer.status


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_reader_s_whole_tour(
    house: House, elsewhere: str, add_article: Callable[..., Path], javascript: bool
) -> None:
    add_article("Le port rouvre", section="Économie")
    article = house.folder / "articles" / "le-port-rouvre.md"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    article.write_text(re.sub(r"date: .*", f"date: {now}", article.read_text()), encoding="utf-8")
    with chromium() as open_page:
        page = open_page(width=360, javascript=javascript)
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        sign_up_here(page, house)
        sign_up_elsewhere(page, house, elsewhere)
        assert "sent to 2 of 2" in house.run("send", "--now")
        mail = house.edition(PAGE)
        [online] = [text for text in _lines(mail) if text.startswith(f"{house.place}/archive/")][:1]
        page.goto(online)
        assert page.get_by_role("link", name="Le port rouvre", exact=True).count() == 1
        [leave] = house.links(mail, "u")[:1]
        page.goto(leave)
        assert house.status(PAGE) == "active"
        press(page, "main form button.big")
        assert house.status(PAGE) == "unsubscribed"
        press(page, "form[action$='/back'] button")
        assert house.status(PAGE) == "active"
        for _ in range(2):
            assert one_click(house.edition(FORM)["List-Unsubscribe"].strip("<>")) == 200
        assert house.status(FORM) == "unsubscribed"
        page.goto(house.links(mail, "p")[0])
        press(page, "form[action$='/link'] button")
        page.goto(house.letter(PAGE, "d"))
        assert PAGE in page.content()
        press(page, "form[action$='/delete'] button")
        assert house.status(PAGE) == "active"  # asked once more
        press(page, "form[action$='/delete'] button.big")
        assert house.status(PAGE) == "unknown"
        page.context.close()
    own = (house.place, elsewhere.rsplit("/", 2)[0], "data:")
    assert not [url for url in requests if not url.startswith(own)]  # nothing from anywhere else
    assert PAGE not in house.run("subscribers", "list", "--json")


def _lines(mail: Message) -> list[str]:
    [text] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    payload = text.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().splitlines()


def test_who_holds_connections_open_keeps_nobody_out(house: House) -> None:
    where = urlsplit(house.place)
    idle = [socket.create_connection((where.hostname or "", where.port or 0)) for _ in range(150)]
    for one in idle:
        one.sendall(b"POST / HTTP/1.1\r\nHost: ")
    connection = http.client.HTTPConnection(where.netloc, timeout=15)  # it takes a moment, or two minutes
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    for one in (connection, *idle):
        one.close()
