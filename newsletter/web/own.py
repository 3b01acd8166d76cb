"""The pages behind links that do not last: confirm a sign-up, one's own data, confirm a new address.

A look changes nothing: the button does.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from newsletter import preferences, subscribe
from newsletter.errors import BadData
from newsletter.model import Act, DeliveryState, LetterKind, Subscriber, SubscriberStatus
from newsletter.web import phrases
from newsletter.web.paper import language, not_ours, origin, page, room, url, words

blueprint = Blueprint("own", __name__)

LAST_EDITIONS = LAST_LETTERS = 10  # on the page; all of them are in the file
LONGEST_ADDRESS = 320  # characters


# --- Confirm the sign-up --------------------------------------------------------------------------


@blueprint.get("/c/<token>")
def confirming(token: str) -> Response:
    known = subscribe.to_confirm(room(), token)
    if known is None:
        return not_ours("confirm-over.html")
    if known.status is SubscriberStatus.ACTIVE:
        return _welcome()
    return page("confirm.html", here=url(f"/c/{token}"), address=phrases.hidden(known.address))


@blueprint.post("/c/<token>")
def confirmed(token: str) -> Response:
    known = subscribe.confirm(room(), token, origin("link"))
    return _welcome() if known else not_ours("confirm-over.html")


def _welcome() -> Response:
    here = room()
    at_once = here.config.sign_up.send_latest_on_confirm
    return page("welcome.html", at_once=at_once, next_edition=phrases.next_edition(words(), here.config, here.clock()))


# --- One's own data -------------------------------------------------------------------------------


@blueprint.get("/d/<token>")
@blueprint.get("/d/<token>/<any(address, delete):_after>")
def own(token: str, _after: str = "") -> Response:
    known = preferences.owner(room(), token)
    return _own_page(known, token) if known else not_ours("own-over.html")


@blueprint.get("/d/<token>/data.json")
def download(token: str) -> Response:
    known = preferences.owner(room(), token)
    if known is None:
        return not_ours("own-over.html")
    text = json.dumps(preferences.own_data(room(), known), ensure_ascii=False, indent=2)
    response = Response(text + "\n", mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{room().config.newsletter.list_id}.json"'
    return response


@blueprint.post("/d/<token>/address")
def asked_address(token: str) -> Response:
    """The same answer for an address that is on the list and one that is not: a letter goes there."""
    known = preferences.owner(room(), token)
    if known is None:
        return not_ours("own-over.html")
    typed = request.form.get("email", "")[:LONGEST_ADDRESS]
    try:
        asked = preferences.ask_for_address(room(), known, typed, origin("link"), language=language())
    except BadData:
        wrong = words().say("That is no mail address we can write to: please look at it once more.")
        return _own_page(known, token, 400, typed=typed, problem=wrong)
    return _own_page(known, token, done="address" if asked else "addresses-enough")


@blueprint.post("/d/<token>/delete")
def delete(token: str) -> Response:
    """Asked once more, since nothing brings it back."""
    known = preferences.owner(room(), token)
    if known is None:
        return not_ours("own-over.html")
    if request.form.get("sure") != "yes":
        return page("delete.html", here=url(f"/d/{token}"), address=known.address)
    subscribe.forget(room(), known, origin("link"))
    return page("deleted.html")


def _own_page(
    known: Subscriber, token: str, status: int = 200, *, typed: str = "", problem: str = "", done: str = ""
) -> Response:
    data: dict[str, Any] = preferences.own_data(room(), known)
    return page(
        "own.html",
        status,
        here=url(f"/d/{token}"),
        known=known,
        active=known.status is SubscriberStatus.ACTIVE,
        typed=typed,
        problem=problem,
        done=done,
        **_in_words(data),
    )


def _in_words(data: dict[str, Any]) -> dict[str, Any]:
    """What is known of a reader, as the page says it."""
    say = words()
    return {
        "now": phrases.status(say, data["status"]),
        "variant": phrases.variant(say, data["variant"]),
        "paused_until": _moment(data["paused_until"]),
        "acts": [
            one
            | {"at": _moment(one["at"]), "act": phrases.act(say, Act(one["act"])), "how": phrases.how(say, one["how"])}
            for one in data["consents"]
        ],
        "editions": [
            {"edition": one["edition"], "state": phrases.state(say, DeliveryState(one["state"]))}
            for one in data["editions"][:LAST_EDITIONS]
        ],
        "more_editions": max(len(data["editions"]) - LAST_EDITIONS, 0),
        "letters": [
            {"at": _moment(one["at"]), "kind": phrases.kind(say, LetterKind(one["kind"]))}
            | {"address": one["address"], "state": phrases.state(say, DeliveryState(one["state"]))}
            for one in data["letters"][:LAST_LETTERS]
        ],
        "more_letters": max(len(data["letters"]) - LAST_LETTERS, 0),
    }


def _moment(text: str | None) -> str:
    return words().moment(datetime.fromisoformat(text)) if text else ""


# --- Confirm the new address ----------------------------------------------------------------------


@blueprint.get("/a/<token>")
def changing(token: str) -> Response:
    change = preferences.asked_address(room(), token)
    if change is None:
        return not_ours("address-over.html")
    return page("address.html", here=url(f"/a/{token}"), address=change.address)


@blueprint.post("/a/<token>")
def changed(token: str) -> Response:
    change = preferences.asked_address(room(), token)
    if change is None:
        return not_ours("address-over.html")
    done = preferences.change_address(room(), change, origin("link"), language=language())
    return page("address-changed.html", done=done, address=change.address)
