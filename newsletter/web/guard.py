"""What holds for every answer: its headers, how long a body may be, and what is written into the log."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flask import Flask, Response, abort, g, request

from newsletter.config import Config

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024  # bytes: a form with one field needs a hundred
LONGEST_EVENT = 256 * 1024  # what a provider tells: Amazon's messages end there
HOOKS = "hooks"  # the blueprint that is told
A_YEAR = 365 * 86400
TOKENS = re.compile(r"^/((?:desk/)?(?:in|draft)|[updac]|hooks/brevo)/[^/]*")
TOKEN_LIKE = re.compile(r"[A-Za-z2-7]{24,}")  # wherever else one was put


class Prefix:
    """Makes pages answer with and without the path that public_url has: some proxies cut it off, and some do not."""

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Any:
        path = environ.get("PATH_INFO", "")
        if self.prefix and (path == self.prefix or path.startswith(f"{self.prefix}/")):
            environ = environ | {"PATH_INFO": path.removeprefix(self.prefix) or "/"}
        return self.app(environ, start)


def protect(app: Flask, address: str) -> None:
    """Put the guard before and behind every view of the application, which is reached at that address."""
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = LONGEST_BODY
    app.config["MAX_FORM_PARTS"] = 20
    headers = _headers(address)

    def enter() -> None:
        g.began = time.monotonic()
        if (request.content_length or 0) > (LONGEST_EVENT if request.blueprint == HOOKS else LONGEST_BODY):
            abort(413)

    def leave(response: Response) -> Response:
        if TOKENS.match(request.path) or request.method == "POST" or response.status_code >= 400:
            _keep_secret(response)
        for name, value in headers.items():
            response.headers.setdefault(name, value)  # a view may have said otherwise: the frame, the archive, the desk
        log.info("%s %s %s", request.method, shown(request.path), response.status_code)
        return response

    app.before_request(enter)
    app.after_request(leave)


def _headers(address: str) -> dict[str, str]:
    found = {
        "Content-Security-Policy": policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
    if address.startswith("https://"):
        found["Strict-Transport-Security"] = f"max-age={A_YEAR}"
    return found


def policy(ancestors: str = "'none'", pictures: str = "", *, script: bool = False) -> str:
    """The content security policy: no script at all, and nothing from elsewhere.

    `ancestors` may show the page in a frame; `pictures` may be loaded besides our own. The desk alone has a `script`:
    a file of ours, never one that stands in a page.
    """
    scripts = "script-src 'self'; connect-src 'self'; " if script else ""
    images = f"img-src 'self' data: {pictures}".rstrip()
    return (
        f"default-src 'none'; {scripts}style-src 'self'; {images}; frame-src 'self'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )


def embedding_sites(config: Config) -> str:
    """Who may show our form in a frame: `web.embed_on`, else the newsroom's own site."""
    site = urlsplit(config.newsletter.site_url)
    return " ".join(config.web.embed_on or [f"{site.scheme}://{site.netloc}"])


def _keep_secret(response: Response) -> None:
    """Where a link is somebody's own: no copy of it stays in a cache, in an index, in another site's log."""
    response.headers.setdefault("Referrer-Policy", "no-referrer")  # the desk, whose pages link to none, says otherwise
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"


def shown(path: str) -> str:
    """A path as it may stand in a log: `/u/…`. One line, whatever was asked for."""
    masked = TOKEN_LIKE.sub("…", TOKENS.sub(r"/\1/…", path))
    return quote(masked[:200], safe="/-_.~").replace(quote("…"), "…")
