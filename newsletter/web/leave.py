"""The pages behind the links of every mail: unsubscribe, and preferences. A look changes nothing; a press acts at once.

Whoever has the mail has the link, and mails get forwarded: so nothing here shows more than the mail does.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from newsletter import preferences, subscribe
from newsletter.links import NOBODY, Purpose
from newsletter.model import Subscriber, SubscriberStatus, Variant
from newsletter.web import phrases
from newsletter.web.paper import common, language, not_ours, origin, page, plain, room, url, words

blueprint = Blueprint("leave", __name__)


# --- Unsubscribe ----------------------------------------------------------------------------------


@blueprint.get("/u/<token>")
@blueprint.get("/u/<token>/<any(back, pause, resume):_after>")  # a reader who loads the answer's address again
def leaving(token: str, _after: str = "") -> Response:
    known = subscribe.of_link(room(), Purpose.UNSUBSCRIBE, token)
    if known is None and _came_with_a_test(token):
        return page("test-link.html")
    return _leave_page(known, token) if known else not_ours()


@blueprint.post("/u/<token>")
def left(token: str) -> Response:
    """At once, whatever the body holds: RFC 8058 wants no second step, no cookie and no redirect."""
    known = subscribe.of_link(room(), Purpose.UNSUBSCRIBE, token)
    if known is None:
        return page("test-link.html") if _came_with_a_test(token) else not_ours()
    one_click = request.form.get("List-Unsubscribe") == "One-Click"  # urlencoded, and as multipart
    subscribe.leave(room(), known, origin("one-click" if one_click else "link"))
    if one_click:
        return plain(words().say("You are unsubscribed.") + "\n")
    return _leave_page(_again(Purpose.UNSUBSCRIBE, token, known), token, done="left")


def _came_with_a_test(token: str) -> bool:
    """A link that we made for nobody: it answers as a reader's does, so that who sets up the pages can try it (RFC
    8058 wants 200), and there is nothing that it could change."""
    found = room().read_link(Purpose.UNSUBSCRIBE, token)
    return found is not None and found[0] == NOBODY


@blueprint.post("/u/<token>/back")
def came_back(token: str) -> Response:
    known = subscribe.of_link(room(), Purpose.UNSUBSCRIBE, token)
    if known is None:
        return not_ours()
    back = subscribe.come_back(room(), known, origin("link"))
    return _leave_page(_again(Purpose.UNSUBSCRIBE, token, known), token, done="back" if back else "too-late")


@blueprint.post("/u/<token>/pause")
def paused(token: str) -> Response:
    known = subscribe.of_link(room(), Purpose.UNSUBSCRIBE, token)
    if known is None:
        return not_ours()
    until = preferences.pause(room(), known, origin("link"))
    return _leave_page(_again(Purpose.UNSUBSCRIBE, token, known), token, done="paused" if until else "")


@blueprint.post("/u/<token>/resume")
def resumed(token: str) -> Response:
    known = subscribe.of_link(room(), Purpose.UNSUBSCRIBE, token)
    if known is None:
        return not_ours()
    preferences.resume(room(), known, origin("link"))
    return _leave_page(_again(Purpose.UNSUBSCRIBE, token, known), token, done="resumed")


def _leave_page(known: Subscriber, token: str, done: str = "") -> Response:
    return _page("leave.html", known, url(f"/u/{token}"), done)


# --- Preferences ----------------------------------------------------------------------------------


@blueprint.get("/p/<token>")
@blueprint.get("/p/<token>/<any(leave, back, pause, resume, variant, link):_after>")
def preferring(token: str, _after: str = "") -> Response:
    known = subscribe.of_link(room(), Purpose.PREFERENCES, token)
    return _preferences_page(known, token) if known else not_ours()


@blueprint.post("/p/<token>/<any(leave, back, pause, resume, variant, link):wish>")
def preferred(token: str, wish: str) -> Response:
    known = subscribe.of_link(room(), Purpose.PREFERENCES, token)
    if known is None:
        return not_ours()
    done = _do(known, wish)
    return _preferences_page(_again(Purpose.PREFERENCES, token, known), token, done)


def _do(known: Subscriber, wish: str) -> str:
    """Do what a reader wishes; returns what to say of it."""
    by_link = origin("link")
    if wish == "leave":
        subscribe.leave(room(), known, by_link)
        return "left"
    if wish == "back":
        return "back" if subscribe.come_back(room(), known, by_link) else "too-late"
    if wish == "pause":
        return "paused" if preferences.pause(room(), known, by_link) else ""
    if wish == "resume":
        preferences.resume(room(), known, by_link)
        return "resumed"
    if wish == "variant":
        chosen = request.form.get("variant")
        if chosen in list(Variant):
            preferences.choose_variant(room(), known, Variant(chosen), by_link)
        return "variant"
    return "link" if preferences.mail_own_link(room(), known, language=language()) else "links-enough"


def _preferences_page(known: Subscriber, token: str, done: str = "") -> Response:
    return _page("preferences.html", known, url(f"/p/{token}"), done)


# --- Both -----------------------------------------------------------------------------------------


def _again(purpose: Purpose, token: str, known: Subscriber) -> Subscriber:
    """How things stand after the press."""
    return subscribe.of_link(room(), purpose, token) or known


def _page(template: str, known: Subscriber, here: str, done: str) -> Response:
    pausing = preferences.is_pausing(room(), known)
    said = common()
    return page(
        template,
        here=here,
        done=done,
        known=known,
        active=known.status is SubscriberStatus.ACTIVE,
        may_leave=known.status in (SubscriberStatus.ACTIVE, SubscriberStatus.PENDING, SubscriberStatus.UNREACHABLE),
        pausing=pausing,
        address=phrases.hidden(known.address),
        standing=phrases.standing(words(), known, said["name"], said["when"], pausing=pausing),
        may_come_back=subscribe.may_come_back(room(), known),
    )
