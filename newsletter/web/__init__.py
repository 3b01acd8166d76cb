"""The readers' pages and the desk: parse what is asked, call one operation, print its answer. No rule lives here.

In comes a request, out goes a page, by the templates in templates/web/. `create_app()` is what a WSGI server imports:
`gunicorn 'newsletter.web:create_app()'`; `newsletter serve` runs it under waitress.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

from newsletter import config
from newsletter.errors import BadData, NewsletterError, TemplateError, Unavailable
from newsletter.newsroom import Newsroom
from newsletter.web import archive, desk, guard, hooks, leave, own, pages, paper

log = logging.getLogger(__name__)


def create_app(room: Newsroom | None = None) -> Flask:
    """The application of a newsroom; without one, of the newsletter.toml that is found.

    The desk is a part of it, unless `desk.listen` gives that a place of its own.
    """
    room = room or Newsroom(config.load())
    blueprints = [pages.blueprint, leave.blueprint, own.blueprint, archive.archive, hooks.blueprint(room)]
    app = _app(room, room.config.newsletter.public_url, blueprints)
    if not room.config.desk.listen:
        app.register_blueprint(desk.blueprint, url_prefix=desk.PATH)
    return app


def create_desk_app(room: Newsroom | None = None) -> Flask:
    """The desk alone, to be served at `desk.listen` and reached at `desk.url`."""
    room = room or Newsroom(config.load())
    app = _app(room, room.config.desk_url, [])
    app.register_blueprint(desk.blueprint)
    return app


class Number(IntegerConverter):
    """`<int:…>` in an address: as many digits as a row of the database may have; what is longer leads nowhere."""

    regex = "[0-9]{1,18}"


def _app(room: Newsroom, address: str, blueprints: list[Blueprint]) -> Flask:
    app = Flask("newsletter.web", static_folder=None, template_folder=None)
    prefix = urlsplit(address).path.rstrip("/")
    app.extensions[paper.EXTENSION] = paper.Web(room, prefix)
    app.url_map.converters["int"] = Number
    # The router corrects addresses by redirects that name the host the visitor gave: none of that.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    guard.protect(app, address)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)
    app.wsgi_app = guard.Prefix(app.wsgi_app, prefix)  # type: ignore[assignment]
    return app


def _refused(error: HTTPException) -> Response:
    """404, 405, 413 and the like, in our look."""
    status = error.code or 500
    response = _explained(status)
    if status == 405:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or [])
    return response


def _failed(error: Exception) -> Response:
    """What went wrong, as a status and a page; the log has the reason, and nobody's link."""
    where = f"{request.method} {guard.shown(request.path)}"
    if not isinstance(error, NewsletterError):
        log.error("%s: a fault of the program", where, exc_info=error)
        return _explained(500)
    log.error("%s: %s", where, error)
    if isinstance(error, Unavailable):
        response = _explained(503)
        response.headers["Retry-After"] = "60"
        return response
    return _explained(400 if isinstance(error, BadData) and not isinstance(error, TemplateError) else 500)


def _explained(status: int) -> Response:
    try:
        if desk.is_asked():
            return desk.page("error.html", status, code=status)
        return paper.page("error.html", status, code=status)
    except Exception as error:  # the template itself may be what is broken
        log.error("the page of an error cannot be shown: %s", error)
        return paper.plain(f"{status}\n", status)
