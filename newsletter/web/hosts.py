"""Several newsletters at one place: who is asked is told by the host that the browser names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.newsroom import Newsroom
from newsletter.speaker import speaking
from newsletter.values import host_name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PLAIN = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
MOST = 100  # characters of a strange host that are logged: whoever asks has written it
LATER = ("Retry-After", "60")


@dataclass(frozen=True, slots=True)
class Served:
    """One newsletter at that place."""

    room: Newsroom
    host: str  # as `values.host_name` gives it
    app: WSGIApplication
    ready: Callable[[], bool]  # whether its database is open


class Hosts:
    """The application of all of them.

    Where there is one alone it gets every request, whatever host that names, as behind a proxy that names none. Of
    several, Host alone tells: X-Forwarded-Host may come from whoever asks, since proxies pass on what they do not know,
    and would have one newsletter's page kept in a cache under another's name.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._only = served[0] if len(served) == 1 else None
        self._by_host = {one.host: one for one in served}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        one = self._only or self._by_host.get(host_name(environ.get("HTTP_HOST", "")))
        if one is None:
            return _strange(environ, start)
        with speaking(one.room.config.newsletter.list_id):
            if not one.ready():
                start("503 Service Unavailable", [*PLAIN, LATER])
                return [b"503\n"]
            return one.app(environ, start)


def _strange(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """421 Misdirected Request (RFC 9110, 15.5.20): a browser that came by the connection of another host tries again
    on one of its own. It says nothing of who is here. Health checks ask by address: they hear that the program lives;
    how a newsletter is, they ask at its own host."""
    if environ.get("PATH_INFO") == "/healthz" and environ.get("REQUEST_METHOD") in ("GET", "HEAD"):
        start("200 OK", PLAIN)
        return [b"ok\n"]
    log.info("asked for a host that is none of ours: %s", ascii(environ.get("HTTP_HOST", "")[:MOST]))
    start("421 Misdirected Request", PLAIN)
    return [b"421\n"]
