"""What editors decide about an edition, and how its sending goes: approve, hold, cancel, send now, stop, go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, request

from newsletter import corrections, edit, progress, report
from newsletter.edit import Changed
from newsletter.errors import BadData, NotSent
from newsletter.model import Choice, Edition, EditionStatus, Role
from newsletter.report import Report
from newsletter.web.desk.access import go, needs, page, who
from newsletter.web.desk.standing import clock, in_time, standing, when
from newsletter.web.paper import room, words

blueprint = Blueprint("sending", __name__)

Status = EditionStatus


def decision_values(edition: Edition, choices: list[Choice] | None = None) -> dict[str, Any]:
    """All that desk/decide.html needs, for whichever page includes it."""
    choices = edit.with_choices(room(), edition.id)[1] if choices is None else choices
    readers = corrections.readers(room(), edition)
    forecast = progress.forecast(room(), Report(edition.name, edition.status, pending=readers))
    undo = room().config.desk.undo_seconds
    return _standing_values(edition, choices) | {"readers": readers, "forecast": forecast, "undo": undo}


def _standing_values(edition: Edition, choices: list[Choice]) -> dict[str, Any]:
    """How it stands, without a count of the readers: a million takes its time, and pages ask again and again."""
    now, config = room().clock(), room().config
    carries = sum(choice.picked for choice in choices)
    can_go = carries > 0 or edition.stands_alone
    return {
        "edition": edition,
        "runner": report.runner_lives(room()),
        "now": now,
        "standing": standing(words(), config, edition, now, empty=not can_go),
        "carries": carries,
        "can_go": can_go,
        "seen": edit.sight(edition, choices),
        "goes_at": when(words(), config.due(edition.day), now),
        "in_time": in_time(config, edition, now) and now < config.due(edition.day),
        "decided": request.args.get("done", ""),
    }


# --- Whether it goes --------------------------------------------------------------------------------


@blueprint.post("/edition/<name>/approve")
@needs(Role.EDITOR)
def approve(name: str) -> Response:
    return _decide(name, Status.APPROVED)


@blueprint.post("/edition/<name>/hold")
@needs(Role.EDITOR)
def hold(name: str) -> Response:
    return _decide(name, Status.HELD)


@blueprint.post("/edition/<name>/cancel")
@needs(Role.EDITOR)
def cancel(name: str) -> Response:
    """Asked twice: what it means is said before."""
    edition, choices = _the(name)
    if request.form.get("sure") == "yes" or edition.status not in edit.OPEN:
        return _decide(name, Status.CANCELLED)
    return page("decide-cancel.html", **decision_values(edition, choices))


@blueprint.post("/edition/<name>/send")
@needs(Role.EDITOR)
def send(name: str) -> Response:
    """Asked twice: to how many it goes, and by when it is done, is said before."""
    edition, choices = _the(name)
    if request.form.get("sure") == "yes" or edition.status not in edit.OPEN:
        seen = request.form.get("version", "")
        return _act(name, lambda: edit.send_now(room(), edition.id, who(), seen=seen), f"/edition/{name}/progress")
    return page("send.html", **decision_values(edition, choices))


@blueprint.post("/edition/<name>/take-back")
@needs(Role.EDITOR)
def take_back(name: str) -> Response:
    edition, _ = _the(name)
    return _act(name, lambda: edit.take_back(room(), edition.id, who()), f"/edition/{name}", "taken-back")


def _decide(name: str, status: EditionStatus) -> Response:
    edition, _ = _the(name)
    seen = request.form.get("version", "")
    return _act(
        name,
        lambda: edit.decide(room(), edition.day, status, slot=edition.slot, who=who(), seen=seen),
        f"/edition/{name}",
        status.value,
    )


def _act(name: str, act: Callable[[], object], then: str, done: str = "") -> Response:
    """Do it, and go on; or say why it could not be done, with the edition as it is now."""
    try:
        act()
    except Changed as error:
        edition, choices = _the(name)
        to = "send" if request.path.endswith("/send") else "approve"
        more = {"meanwhile": error.meanwhile, "picked": [one for one in choices if one.picked], "to": to}
        return page("decide-changed.html", 409, **decision_values(edition, choices), **more, clock=_clock)
    except (NotSent, BadData):
        edition, choices = _the(name)
        return page("decide-refused.html", 409, **_standing_values(edition, choices))
    return go(then, done=done)


# --- While it goes ----------------------------------------------------------------------------------


@blueprint.get("/edition/<name>/progress")
def look_on(name: str) -> Response:
    """How its sending goes: a page, or the part of it that the script looks at again and again."""
    edition, choices = _the(name)
    seen = progress.look(room(), name)
    found = seen.report
    ended = found.accepted + found.rejected + found.uncertain + found.skipped
    values = _standing_values(edition, choices) | {
        "progress": seen,
        "report": found,
        "ended": ended,
        "percent": 100 * ended // found.audience if found.audience else 0,
        "stopped": edit.stopped(room(), edition),
        "clock": _clock,
    }
    return page("progress-part.html" if "part" in request.args else "progress.html", **values)


@blueprint.post("/edition/<name>/stop")
@needs(Role.EDITOR)
def stop(name: str) -> Response:
    edition, _ = _the(name)
    return _act(name, lambda: edit.stop_sending(room(), edition.id, who()), f"/edition/{name}/progress", "stopped")


@blueprint.post("/edition/<name>/resume")
@needs(Role.EDITOR)
def resume(name: str) -> Response:
    edition, _ = _the(name)
    return _act(name, lambda: edit.resume_sending(room(), edition.id, who()), f"/edition/{name}/progress", "resumed")


def _clock(moment: Any) -> str:
    return clock(words(), moment)


def _the(name: str) -> tuple[Edition, list[Choice]]:
    """The edition of that name; 404 where there is none."""
    try:
        return edit.with_choices(room(), edit.named(room(), None, name).id)
    except BadData:
        abort(404)
