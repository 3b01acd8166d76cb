"""The server under the pages: nobody shuts out the others by what they hold open."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, request
from waitress import wasyncore

from newsletter.web import server

MOST = 20
PAGE = b"GET / HTTP/1.1\r\nHost: x.example\r\n"


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """That application under our server, with small bounds; gives its port."""
    sockets: dict[int, Any] = {}
    ours = server.serve(app, "127.0.0.1", 0, 2, most=MOST, idle=1, sockets=sockets)
    stop = threading.Event()

    def run() -> None:  # its own loop ends by signals only
        while not stop.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ours.effective_port
    finally:
        stop.set()
        thread.join(10)
        ours.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)


@contextmanager
def besieged(port: int, begin: bytes) -> Iterator[Callable[[], int]]:
    """More connections than there may be, each of which sends a byte now and then; gives how many are still open."""
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * MOST)]
    closed: set[socket.socket] = set()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.2):
            for one in held:
                try:
                    one.sendall(b"x")
                except OSError:
                    closed.add(one)

    for one in held:
        one.sendall(begin)
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield lambda: len(held) - len(closed)
    finally:
        stop.set()
        thread.join()
        for one in held:
            one.close()


def made() -> Flask:
    app = Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    def page() -> str:
        return f"read {len(request.get_data())}"

    return app


def asked(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def test_who_drips_a_header_keeps_nobody_out() -> None:
    with serving(made()) as port, besieged(port, PAGE + b"X-Slow: "):
        assert asked(port) == b"read 0"


def test_who_drips_a_body_keeps_nobody_out() -> None:
    with serving(made()) as port, besieged(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n") as left:
        assert asked(port) == b"read 0"
        assert left() < 2 * MOST


def test_a_connection_that_is_used_again_stays_open() -> None:
    with serving(made()) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        first = connection.sock
        for _ in range(5):
            connection.request("POST", "/", body=b"email=ama")
            assert connection.getresponse().read() == b"read 9"
            time.sleep(0.4)
        assert connection.sock is first
        connection.close()
