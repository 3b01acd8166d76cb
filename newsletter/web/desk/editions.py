"""All editions, the newest first; and an extra one, asked for."""

from __future__ import annotations

from flask import Blueprint, Response

from newsletter import corrections, results
from newsletter.model import DAILY, Edition, EditionStatus, Role
from newsletter.web.desk.access import go, needs, page, who
from newsletter.web.desk.asked import number
from newsletter.web.paper import room

blueprint = Blueprint("editions", __name__)


@blueprint.get("/editions")
def listed() -> Response:
    lines, older = results.listed(room(), number("before"))
    return page("editions.html", lines=lines, older=older)


@blueprint.get("/editions/extra")
@needs(Role.EDITOR)
def asked() -> Response:
    """What an extra edition is, and whom it goes to, before one is made."""
    day = room().today()
    everybody = Edition(0, day, DAILY, EditionStatus.DRAFT, room().clock())
    return page("extra.html", day=day, readers=corrections.readers(room(), everybody))


@blueprint.post("/editions/extra")
@needs(Role.EDITOR)
def made() -> Response:
    found = corrections.make_extra(room(), room().today(), who())
    return go(f"/edition/{found.name}", done="extra")
