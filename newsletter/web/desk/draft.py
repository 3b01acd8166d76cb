"""Where the links of the draft letter lead: the edition as it is now, with buttons that act. No log-in is needed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from newsletter import draft, edit, editors
from newsletter.draft import Opened
from newsletter.edit import Changed
from newsletter.errors import BadData, NotSent
from newsletter.model import EditionStatus
from newsletter.web.desk.access import COOKIE, everybody, go, page, remember
from newsletter.web.desk.log_in import is_our_button, with_button
from newsletter.web.desk.sending import decision_values
from newsletter.web.paper import origin, room

blueprint = Blueprint("draft", __name__)

DECISIONS = {"approve": EditionStatus.APPROVED, "hold": EditionStatus.HELD}


@blueprint.get("/draft/<token>")
@everybody
def look(token: str) -> Response:
    found = draft.opened(room(), token)
    return _page(found) if found else page("draft-over.html", 404)


@blueprint.post("/draft/<token>")
@everybody
def act(token: str) -> Response:
    """What a button says. The link is the proof: there need not be a session, and its form carries no token of one."""
    found = draft.opened(room(), token)
    if found is None:
        return page("draft-over.html", 404)
    wanted = request.form.get("do", "")
    if wanted == "open":
        return _come_in(found) if g.session or is_our_button() else _page(found, 403)
    if wanted not in DECISIONS:
        return _page(found, 400)
    if not found.may_decide:
        return page("not-yours.html", 403, role="editor")
    try:
        draft.decide(room(), found, DECISIONS[wanted], seen=request.form.get("version", ""))
    except Changed:
        return _page(found, 409, changed=True)
    except (NotSent, BadData):  # it went meanwhile: the page tells how it stands
        return _page(draft.opened(room(), token) or found, 409, refused=True)
    return go(f"/draft/{token}", done=DECISIONS[wanted].value)


def _page(found: Opened, status: int = 200, **more: Any) -> Response:
    values = decision_values(found.edition, found.choices)
    seen = request.args.get("seen", "")
    lead = found.picked[0].article.title if found.picked else ""
    values |= {
        "opened": found,
        "picked": found.picked,
        "subject": found.edition.subject or lead,
        "first": "hold" if request.args.get("do") == "hold" else "approve",
        "changed": bool(seen) and request.method == "GET" and seen != edit.sight(found.edition, found.choices),
        "refused": False,
        "logged_in": g.session is not None,
    }
    return with_button("draft.html", status, **(values | more))


def _come_in(found: Opened) -> Response:
    """Begin a session by the link, once. Whoever is at the desk already stays who they are."""
    if g.session is not None:
        return go(f"/edition/{found.edition.name}")
    cookie = draft.come_in(room(), found, origin("desk").network, request.user_agent.string)
    if cookie is None:
        return _page(found, 409, refused=True)
    response = go(f"/edition/{found.edition.name}")
    remember(response, COOKIE, cookie, editors.lasting(room()))
    return response
