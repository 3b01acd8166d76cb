"""To the desk and away from it: ask for a link, press the button behind it; see and end one's own sessions."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import Blueprint, Response, g, request

from newsletter import editors
from newsletter.errors import BadData
from newsletter.model import Editor
from newsletter.web.desk import browsers
from newsletter.web.desk.access import COOKIE, FIELD, SEARCH, everybody, forget, go, me, page, remember, session, wanted
from newsletter.web.paper import language, origin, room, words

blueprint = Blueprint("log_in", __name__)

LONGEST_ADDRESS = 320  # characters
PRESSED = "newsletter_desk_in"  # a passing cookie, see `_button`


# --- Ask for a link ---------------------------------------------------------------------------------


@blueprint.get("/in")
def asking() -> Response:
    after = wanted(request.args.get("after", ""))
    if g.session:
        return go(after or "/")
    return page("in.html", after=after, done=request.args.get("done", ""))


@blueprint.post("/in")
def asked() -> Response:
    """The same answer whoever asks: strangers, editors, and those who asked too often. Only what is no address is told
    so."""
    typed, after = request.form.get("address", "")[:LONGEST_ADDRESS], wanted(request.form.get("after", ""))
    try:
        editors.ask_for_link(room(), typed, origin("desk").network, language=language(), after=after)
    except BadData:
        return page("in.html", 400, after=after, typed=typed, wrong=True)
    return go("/in", done="asked", after=after)


# --- Use it -----------------------------------------------------------------------------------------


@blueprint.get("/in/<token>")
def arriving(token: str) -> Response:
    """A look changes nothing: mail programs and their guards open links before anybody does."""
    known = editors.to_log_in(room(), token)
    return _button(known) if known else _over()


@blueprint.post("/in/<token>")
def arrived(token: str) -> Response:
    known = editors.to_log_in(room(), token)
    if known is None:
        return _over()
    if not is_our_button():
        return _button(known, 403)
    cookie = editors.log_in(room(), token, origin("desk").network, request.user_agent.string)
    if cookie is None:  # used by another window meanwhile
        return _over()
    if g.session:  # whose cookie is written over: nobody could end it any more
        editors.log_out(room(), g.session)
        g.session = None
    response = go(wanted(request.form.get("after", "")) or "/")
    remember(response, COOKIE, cookie, editors.lasting(room()))
    forget(response, PRESSED)
    return response


def _button(known: Editor, status: int = 200) -> Response:
    """The page with the button, whose form repeats what a passing cookie holds.

    A form that logs in has no session to be bound to. So a page elsewhere could press it with a link of its own, and
    have an editor of ours work under another's name (log-in CSRF). Browsers tell where a form stood, and `access.enter`
    refuses what stood elsewhere; old ones tell nothing: but no other site can read the cookie, nor set one here.
    """
    after = wanted(request.values.get("after", ""))
    return with_button("in-button.html", status, known=known, after=after, again=status != 200)


def with_button(template: str, status: int = 200, **values: Any) -> Response:
    """A page whose form logs in: its field `form` holds `mark`, and so does a passing cookie."""
    mark = secrets.token_urlsafe(16)
    response = page(template, status, mark=mark, **values)
    remember(response, PRESSED, mark, editors.INVITED_WITHIN)
    return response


def is_our_button() -> bool:
    """Whether a form that logs in was one of ours, in this browser."""
    mark = request.cookies.get(PRESSED, "")
    return bool(mark) and hmac.compare_digest(mark.encode(), request.form.get(FIELD, "").encode())


def _over() -> Response:
    return page("in-over.html", 404)


for view in (asking, asked, arriving, arrived):
    everybody(view)


# --- One's own sessions -----------------------------------------------------------------------------


@blueprint.get("/me")
def own() -> Response:
    shown = [
        {"id": one.id, "browser": browsers.named(words(), one.browser), "network": one.network or "–"}
        | {"since": words().moment(one.created_at), "seen": words().moment(one.seen_at), "this": one.id == session().id}
        for one in editors.sessions(room(), me())
    ]
    return page("me.html", sessions=shown, done=request.args.get("done", ""))


@blueprint.post("/me/sessions/<int:number>/end")
def end(number: int) -> Response:
    editors.log_out(room(), session(), number)
    return go("/me", done="ended") if number != session().id else _gone()


@blueprint.post("/me/sessions/end")
def end_others() -> Response:
    editors.log_out_others(room(), session())
    return go("/me", done="others")


@blueprint.post("/out")
def out() -> Response:
    editors.log_out(room(), session())
    return _gone()


def _gone() -> Response:
    g.session = None
    response = go("/in", done="out")
    forget(response, COOKIE)
    forget(response, SEARCH, below="/readers")
    return response
