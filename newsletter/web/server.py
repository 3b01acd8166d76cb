"""The web server: waitress, with bounds that keep one client from shutting out the others.

They hold for a server that stands alone; the proxy in front has better ones (docs/deploy.md).
"""

from __future__ import annotations

from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import create_server

from newsletter.errors import Unavailable

LONGEST_BODY = 64 * 1024  # bytes: what is longer is cut off before it is read
MOST_CONNECTIONS = 800  # who only holds one open costs little, and must not keep others out
IDLE_SECONDS = 30  # then such a connection is closed, and one whose request is not complete by then


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. waitress closes it some time after its last byte: here, after the first byte of a request that is
    not complete, or 800 that send a byte now and then would stay for good."""

    last_activity: float
    begun = 0.0  # when the first byte of a request came

    def received(self, data: bytes) -> bool:
        begins = self.request is None
        more: bool = super().received(data)
        if begins or self.request is None:  # a first byte, or the last one
            self.begun = self.last_activity
        else:
            self.last_activity = self.begun
        return more


def serve(
    app: Any,
    host: str,
    port: int,
    threads: int,
    *,
    most: int = MOST_CONNECTIONS,
    idle: int = IDLE_SECONDS,
    sockets: dict[int, Any] | None = None,
) -> Any:
    """A server for that WSGI application, listening; `run()` serves. `sockets` is where it keeps those it has open.

    Raises Unavailable where it cannot listen.
    """
    try:
        server = create_server(
            app,
            map=sockets,
            host=host,
            port=port,
            threads=threads,
            ident=None,
            clear_untrusted_proxy_headers=False,  # we judge them ourselves, by web.trusted_proxies
            max_request_body_size=LONGEST_BODY,
            connection_limit=most,
            channel_timeout=idle,
            cleanup_interval=max(idle // 3, 1),
            asyncore_use_poll=True,  # select() knows no more than 1,024
        )
    except OSError as error:
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    server.channel_class = Channel
    return server
