"""The readers' pages: asked by a client of Flask's, or under a real server by a real Chromium."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from waitress import wasyncore
from waitress.server import create_server

from newsletter import subscribe
from newsletter.links import Purpose
from newsletter.model import Subscriber
from newsletter.newsroom import Newsroom
from newsletter.store.database import read
from newsletter.store.schema import metadata
from newsletter.web import create_app
from tests.needs import needs

AMA = "ama@lecteurs.example"

# Without its services Chromium calls nobody; without a sandbox it runs as root, as machines that test often do.
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--disable-default-apps --no-first-run --metrics-recording-only --disable-extensions --disable-dev-shm-usage"
)


# --- Asked by a client ------------------------------------------------------------------------------


def visit(room: Newsroom) -> FlaskClient:
    """A client of the readers' pages that keeps no cookie. The first key is made before it looks."""
    room.signer  # noqa: B018
    return create_app(room).test_client(use_cookies=False)


def reader(room: Newsroom, address: str = AMA) -> Subscriber:
    """Somebody on the list."""
    subscribe.add(room, [address], "test")
    return subscribe.find(room, address)


def token(room: Newsroom, purpose: Purpose, subject: int) -> str:
    return room.signer.token(purpose, subject, room.clock())


def everything(room: Newsroom) -> dict[str, list[Any]]:
    """All rows of all tables: to hold that nothing has changed."""
    with read(room.engine) as connection:
        return {table.name: list(connection.execute(select(table))) for table in metadata.sorted_tables}


# --- By a browser -----------------------------------------------------------------------------------


def free_place() -> tuple[socket.socket, str]:
    """A socket on the loopback, and its address as the web says it: public_url is known before there is a server."""
    place = socket.create_server(("127.0.0.1", 0))
    return place, f"http://127.0.0.1:{place.getsockname()[1]}"


@contextmanager
def serving(app: Any, place: socket.socket) -> Iterator[None]:
    """The application, under waitress, until the block ends."""
    sockets: dict[int, Any] = {}
    server = create_server(app, map=sockets, sockets=[place], threads=4, clear_untrusted_proxy_headers=False)
    stop = threading.Event()

    def run() -> None:  # its own loop ends by signals only
        while not stop.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)


@contextmanager
def chromium() -> Iterator[Callable[..., Any]]:
    """Opens pages: `open_page(width=360, dark=True, locale="fr-FR")`. Skipped by name where Chromium is missing."""
    program = needs("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        environment: dict[str, Any] = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        browser = playwright.chromium.launch(executable_path=program, args=QUIET.split(), env=environment)

        def open_page(*, width: int = 1280, dark: bool = False, locale: str = "fr-FR", javascript: bool = True) -> Any:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                locale=locale,
                java_script_enabled=javascript,
            )
            return context.new_page()

        yield open_page
        browser.close()
