"""Where providers tell what came back. There are pages for those alone that the configuration names.

Machines come here, of no session and with no cookie. The log says what became of a request and names nobody.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response, abort, request

from newsletter.errors import BadData
from newsletter.newsroom import Newsroom
from newsletter.returns import hooks
from newsletter.web.guard import HOOKS, LONGEST_EVENT
from newsletter.web.paper import plain

log = logging.getLogger(__name__)


def blueprint(room: Newsroom) -> Blueprint:
    """`POST /hooks/PROVIDER`, and Brevo's with its secret behind it. Raises ConfigError for a secret that is none."""
    made = Blueprint(HOOKS, __name__)
    listening = hooks.listening(room.config)
    heard = hooks.made(room)

    def told(provider: str, secret: str = "") -> Response:
        return _told(heard, provider, secret or _bearer())

    for provider in listening:
        made.add_url_rule(f"/hooks/{provider}", provider, told, methods=["POST"], defaults={"provider": provider})
    if "brevo" in listening:
        place = "/hooks/brevo/<secret>"
        made.add_url_rule(place, "brevo-secret", told, methods=["POST"], defaults={"provider": "brevo"})
    return made


def _told(heard: hooks.Hooks, provider: str, secret: str) -> Response:
    """200 when it is in the database: then it is told no more. Where that does not answer: 503, as on every page."""
    request.max_content_length = LONGEST_EVENT
    body = request.get_data(cache=False)
    if len(body) > LONGEST_EVENT:
        abort(413)
    try:
        heard.hear(provider, body, secret)
    except hooks.NotBelieved as error:
        log.warning("%s", error)
        return plain("not believed\n", 403)
    except BadData as error:
        log.warning("%s: %s", provider, error)
        return plain("no event\n", 400)
    return plain("ok\n")


def _bearer() -> str:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""
