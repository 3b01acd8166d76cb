"""Who works at the desk: for owners alone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from newsletter import editors
from newsletter.errors import BadData
from newsletter.model import Editor, Role
from newsletter.web.desk import browsers
from newsletter.web.desk.access import go, me, needs, page, who
from newsletter.web.paper import language, room, words

blueprint = Blueprint("team", __name__, url_prefix="/editors")

LONGEST_ADDRESS, LONGEST_NAME = 320, 80  # characters


@blueprint.get("")
@needs(Role.OWNER)
def everyone() -> Response:
    return _list(done=request.args.get("done", ""))


@blueprint.post("")
@needs(Role.OWNER)
def add() -> Response:
    """They are invited at once: an address that is wrong shows by what comes back."""
    address, name = request.form.get("address", "")[:LONGEST_ADDRESS], request.form.get("name", "")[:LONGEST_NAME]
    role = _role()
    try:
        added = editors.add(room(), address, role, name=name, who=who())
    except BadData as error:
        known = isinstance(error, editors.WorksHere)
        wrong = "known" if known else "address"
        return _list(409 if known else 400, wrong=wrong, address=address, name_typed=name, role_typed=role)
    editors.invite(room(), added, who=who(), language=language())
    return go(f"/editors/{added.id}", done="added")


def _list(status: int = 200, **values: Any) -> Response:
    stays = editors.sessions(room())
    shown = [
        {"id": one.id, "name": one.name, "address": one.address, "role": one.role}
        | {"seen": next((words().moment(stay.seen_at) for stay in stays if stay.editor.id == one.id), "")}
        for one in editors.listed(room())
    ]
    return page("editors.html", status, editors=shown, roles=list(Role), **values)


# --- One of them --------------------------------------------------------------------------------------


@blueprint.get("/<int:number>")
@needs(Role.OWNER)
def one(number: int) -> Response:
    return _page(_known(number), done=request.args.get("done", ""))


@blueprint.post("/<int:number>/role")
@needs(Role.OWNER)
def change_role(number: int) -> Response:
    known = _known(number)
    try:
        editors.set_role(room(), known.address, _role(), who=who())
    except editors.OnlyOwner:
        return _page(known, 409, wrong="only-owner")
    if known.id == me().id and _role() is not Role.OWNER:  # this page is theirs no more
        return go("/me", done="role")
    return go(f"/editors/{number}", done="role")


@blueprint.post("/<int:number>/invite")
@needs(Role.OWNER)
def invite(number: int) -> Response:
    done = editors.invite(room(), _known(number), who=who(), language=language())
    return go(f"/editors/{number}", done="invited" if done else "enough")


@blueprint.post("/<int:number>/log-out")
@needs(Role.OWNER)
def log_out(number: int) -> Response:
    editors.log_out_everywhere(room(), _known(number), who=who())
    return go(f"/editors/{number}", done="logged-out")


@blueprint.get("/<int:number>/remove")
@needs(Role.OWNER)
def removing(number: int) -> Response:
    return _asked_twice(_known(number))


@blueprint.post("/<int:number>/remove")
@needs(Role.OWNER)
def remove(number: int) -> Response:
    known = _known(number)
    if request.form.get("sure") != "yes":
        return _asked_twice(known)
    try:
        editors.remove(room(), known.address, who=who())
    except editors.OnlyOwner:
        return _page(known, 409, wrong="only-owner")
    return go("/editors", done="removed")


def _asked_twice(known: Editor) -> Response:
    return page("editors-remove.html", known=known, sessions=len(editors.sessions(room(), known)))


def _page(known: Editor, status: int = 200, **values: Any) -> Response:
    shown = [
        {"browser": browsers.named(words(), one.browser), "seen": words().moment(one.seen_at)}
        for one in editors.sessions(room(), known)
    ]
    return page("editors-one.html", status, known=known, sessions=shown, roles=list(Role), **values)


def _known(number: int) -> Editor:
    """Raises 404 where nobody has that number, or has it no more."""
    return editors.by_number(room(), number) or abort(404)


def _role() -> Role:
    said = request.form.get("role", "")
    return Role(said) if said in list(Role) else abort(400)
