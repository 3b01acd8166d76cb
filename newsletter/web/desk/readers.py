"""Who is on the list: looked for, looked at, added, taken off, brought back, forgotten, handed out. For owners."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, abort, request

from newsletter import auditlog, exports, readers, subscribe
from newsletter.errors import BadData
from newsletter.model import AuditEntry, Bounce, Consent, DeliveryState, Origin, Role, Subscriber, SubscriberStatus
from newsletter.readers import Dossier
from newsletter.subscribe import MAY_LEAVE, REVIVABLE, CannotBeAdded
from newsletter.web import phrases
from newsletter.web.desk.access import SEARCH, go, needs, page, remember, who
from newsletter.web.desk.access import forget as drop_cookie
from newsletter.web.desk.asked import number
from newsletter.web.paper import room, words
from newsletter.words import Words, plain

blueprint = Blueprint("readers", __name__)

Status = SubscriberStatus

PEOPLE = [status for status in Status if status is not Status.FORGOTTEN]
LONGEST_REASON = 500  # characters
LOOKED_FOR = timedelta(hours=1)  # for how long a search is remembered
OWNERS = needs(Role.OWNER)


# --- The list ---------------------------------------------------------------------------------------


@blueprint.get("/readers")
@OWNERS
def listed() -> Response:
    return _list_page(wanted=_status(request.args.get("status", "")))


@blueprint.post("/readers/found")
@OWNERS
def look_for() -> Response:
    """What is looked for is an address, mostly: it must not stand in the page's own, which proxies write down and
    browsers keep. A passing cookie holds it, so that the page behind can be left and come back to."""
    part, wanted = plain(request.form.get("q", ""))[: readers.LONGEST_SEARCH], _status(request.form.get("status", ""))
    if not part:
        response = go("/readers", status=wanted or "")
        drop_cookie(response, SEARCH, below="/readers")
        return response
    response = go("/readers/found")
    remember(response, SEARCH, urlencode({"q": part, "status": wanted or ""}), LOOKED_FOR, below="/readers")
    return response


@blueprint.get("/readers/found")
@OWNERS
def found() -> Response:
    held = dict(parse_qsl(request.cookies.get(SEARCH, "")))
    return _list_page(part=held.get("q", ""), wanted=_status(held.get("status", "")))


@blueprint.post("/readers/add")
@OWNERS
def add() -> Response:
    address, reason = request.form.get("address", "").strip(), _reason()
    if not reason:
        return _list_page(400, address=address, wrong_reason=_reason_missing())
    try:
        added = subscribe.add(room(), [address], reason, who=who())
    except BadData as error:
        return _list_page(400, address=address, reason=reason, wrong_address=_why_not(error, words()))
    known = subscribe.find(room(), address)
    return go(f"/readers/{known.id}", done="added" if added else "known")


@blueprint.post("/readers/export")
@OWNERS
def export() -> Response:
    """The list as a file, row by row: it is never whole in memory."""
    form = "json" if request.form.get("as") == "json" else "csv"
    status = _status(request.form.get("status", ""))
    exports.note(room(), who(), form, status)
    records = exports.people(room(), status)
    parts = exports.json_of(records) if form == "json" else exports.csv_of(exports.COLUMNS, records)
    response = Response(_encoded(parts), mimetype="application/json" if form == "json" else "text/csv")
    name = "-".join([room().config.newsletter.list_id, status or "readers", room().today().isoformat()])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def _list_page(status: int = 200, *, part: str = "", wanted: Status | None = None, **typed: Any) -> Response:
    found = readers.find(room(), part, wanted, number("before"))
    figures = readers.figures(room())
    return page(
        "readers.html",
        status,
        figures=[(one, phrases.status(words(), one), figures[one]) for one in Status],
        statuses=[(one.value, phrases.status(words(), one)) for one in PEOPLE],
        q=plain(part)[: readers.LONGEST_SEARCH],
        wanted=wanted.value if wanted else "",
        people=[_row(one) for one in found.people],
        here="/readers/found" if part else "/readers",
        last=found.people[-1].id if found.more else None,
        further=number("before") is not None,
        done=request.args.get("done", ""),
        typed={"address": "", "reason": "", "wrong_address": "", "wrong_reason": ""} | typed,
    )


def _row(one: Subscriber) -> dict[str, Any]:
    return {
        "id": one.id,
        "address": plain(one.address),
        "name": plain(one.name or ""),
        "status": phrases.status(words(), one.status),
        "good": one.status is Status.ACTIVE,
        "since": words().moment(one.since),
    }


def _why_not(error: BadData, words: Words) -> str:
    say = words.say
    if not isinstance(error, CannotBeAdded):
        return say("That is no mail address we can write to: please look at it once more.")
    day = words.full_date(error.known.since.astimezone(words.zone).date())
    if error.moved:
        return say("Its reader gave this address up for another one on {day}.", day=day)
    return {
        Status.PENDING: say("They signed up on {day} and have yet to confirm it: only they can.", day=day),
        Status.UNSUBSCRIBED: say("They left on {day}: only they can come back, by signing up.", day=day),
        Status.UNREACHABLE: say("Mail to it has come back since {day}: look for it here, and revive it.", day=day),
        Status.COMPLAINED: say("They marked us as unwanted on {day}: we must not write to them again.", day=day),
        Status.FORGOTTEN: say("They had their data deleted on {day}: only they can come back.", day=day),
    }[error.known.status]


# --- One reader -------------------------------------------------------------------------------------


@blueprint.get("/readers/<int:reader_id>")
@OWNERS
def one(reader_id: int) -> Response:
    known, before = _known(reader_id), number("before")
    found = readers.dossier(room(), known, before)
    return page(
        "reader.html",
        reader=_row(known),
        done=request.args.get("done", ""),
        variant=phrases.variant(words(), known.variant),
        created=words().moment(known.created_at),
        paused_until=words().moment(known.paused_until) if known.paused_until else "",
        may_leave=known.status in MAY_LEAVE,
        may_revive=known.status in REVIVABLE,
        acts=[_act(act, found) for act in found.acts],
        sent=[_delivery(*one) for one in found.trace.deliveries],
        last=found.trace.deliveries[-1][1].id if found.more else None,
        further=before is not None,
        returned=[_returned(one) for one in found.trace.returned],
        letters=[_letter(one) for one in found.letters],
        more_letters=found.more_letters,
        audit=[_entry(one) for one in found.audit],
    )


def _entry(entry: AuditEntry) -> tuple[str, str, str]:
    return words().moment(entry.at), auditlog.name_of(entry, words()), auditlog.told(entry, words())


def _act(act: Consent, found: Dossier) -> dict[str, str]:
    origin = act.origin
    return {
        "at": words().moment(act.at),
        "act": phrases.act(words(), act.act),
        "how": phrases.how(words(), origin.how),
        "page": plain(origin.page or ""),
        "network": plain(origin.network or ""),
        "note": plain(origin.note or ""),
        "imported": plain(act.imported or ""),
        "version": plain(origin.wording or ""),
        "wording": found.wordings.get(origin.wording or "", ""),
    }


def _delivery(edition: Any, one: Any, message_id: str) -> dict[str, Any]:
    reply = " ".join(plain(str(part)) for part in (one.code, one.reply) if part)
    at = words().moment(one.at) if one.at else ""
    state = _state(one.state, words())
    bad = one.state in (DeliveryState.REJECTED, DeliveryState.UNCERTAIN)
    return {"edition": edition.name, "state": state, "bad": bad, "reply": reply, "at": at, "message_id": message_id}


def _returned(one: Bounce) -> tuple[str, str, str, str]:
    why = phrases.reason(words(), one.reason) if one.reason else ""
    said = " ".join(part for part in (one.code, plain(one.text)) if part)
    return words().moment(one.at), phrases.returned(words(), one), why, said


def _letter(one: Any) -> dict[str, str]:
    reply = " ".join(plain(str(part)) for part in (one.code, one.reply) if part)
    kind, state = phrases.kind(words(), one.kind), _state(one.state, words())
    at = words().moment(one.created_at)
    return {"at": at, "kind": kind, "state": state, "address": plain(one.address), "reply": reply}


def _state(state: DeliveryState, words: Words) -> str:
    """What became of a mail, as the ledger has it."""
    say, of = words.say, DeliveryState
    known = {
        of.ACCEPTED: say("taken on by the relay"),
        of.REJECTED: say("turned down by the relay"),
        of.DEFERRED: say("put off by the relay"),
        of.UNCERTAIN: say("in doubt"),
        of.SKIPPED: say("left out: they had left"),
    }
    return known.get(state) or say("not yet gone")


@blueprint.post("/readers/<int:reader_id>/data")
@OWNERS
def data(reader_id: int) -> Response:
    """All that we know of a reader, as they can fetch it themselves."""
    found = readers.hand_out(room(), _known(reader_id), who=who())
    response = Response(json.dumps(found, ensure_ascii=False, indent=2) + "\n", mimetype="application/json")
    name = f"{room().config.newsletter.list_id}-{reader_id}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


# --- Acts: each is asked before it is done ----------------------------------------------------------


@blueprint.get("/readers/<int:reader_id>/unsubscribe")
@OWNERS
def ask_unsubscribe(reader_id: int) -> Response:
    return _unsubscribe_page(_known(reader_id))


@blueprint.post("/readers/<int:reader_id>/unsubscribe")
@OWNERS
def unsubscribe(reader_id: int) -> Response:
    before = subscribe.remove(room(), _known(reader_id).address, who=who(), note=_reason() or None)
    if before.status not in (*MAY_LEAVE, Status.UNSUBSCRIBED):  # pressed twice, it is true as well
        return _unsubscribe_page(before, 409)
    return go(f"/readers/{reader_id}", done="unsubscribed")


def _unsubscribe_page(known: Subscriber, status: int = 200) -> Response:
    return page("reader-unsubscribe.html", status, reader=_row(known), allowed=known.status in MAY_LEAVE)


@blueprint.get("/readers/<int:reader_id>/revive")
@OWNERS
def ask_revive(reader_id: int) -> Response:
    return _revive_page(_known(reader_id))


@blueprint.post("/readers/<int:reader_id>/revive")
@OWNERS
def revive(reader_id: int) -> Response:
    known = _known(reader_id)
    if not (reason := _reason()):
        return _revive_page(known, 400, wrong=_reason_missing())
    if known.status not in REVIVABLE:
        return _revive_page(known, 409)
    subscribe.revive(room(), known.address, reason, who=who())
    return go(f"/readers/{reader_id}", done="revived")


def _revive_page(known: Subscriber, status: int = 200, wrong: str = "") -> Response:
    complained = known.status is Status.COMPLAINED
    allowed = known.status in REVIVABLE
    return page("reader-revive.html", status, reader=_row(known), complained=complained, allowed=allowed, wrong=wrong)


@blueprint.get("/readers/<int:reader_id>/forget")
@OWNERS
def ask_forget(reader_id: int) -> Response:
    return _forget_page(_known(reader_id), sure=False)


@blueprint.post("/readers/<int:reader_id>/forget")
@OWNERS
def forget(reader_id: int) -> Response:
    """Asked twice, since nothing brings it back."""
    known = _known(reader_id)
    if request.form.get("sure") != "yes":
        return _forget_page(known, sure=True)
    subscribe.forget(room(), known, Origin("desk"), who=who())
    return go("/readers", done="forgotten")


def _forget_page(known: Subscriber, *, sure: bool) -> Response:
    acts, sent, mails = readers.dossier(room(), known).counts
    complained = known.status is Status.COMPLAINED
    return page(
        "reader-forget.html", reader=_row(known), sure=sure, acts=acts, sent=sent, mails=mails, complained=complained
    )


# --- What was asked ---------------------------------------------------------------------------------


def _known(reader_id: int) -> Subscriber:
    known = readers.by_id(room(), reader_id)
    if known is None:
        abort(404)
    return known


def _status(text: str) -> SubscriberStatus | None:
    return next((one for one in PEOPLE if one.value == text), None)


def _reason() -> str:
    return plain(request.form.get("reason", ""))[:LONGEST_REASON]


def _reason_missing() -> str:
    return words().say("Please say how we know that they asked: it is kept as the proof.")


def _encoded(parts: Iterable[str]) -> Iterator[bytes]:
    return (part.encode() for part in parts)
