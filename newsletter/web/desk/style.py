"""The desk's look and its script: the same for everybody, kept by browsers until the program changes."""

from __future__ import annotations

from flask import Blueprint, Response, request

from newsletter.web.desk.access import everybody
from newsletter.web.paper import filled

blueprint = Blueprint("style", __name__)

A_WEEK = 7 * 86400


@blueprint.get("/desk.css")
@everybody
def css() -> Response:
    return _file("desk/desk.css", "text/css")


@blueprint.get("/desk.js")
@everybody
def js() -> Response:
    return _file("desk/desk.js", "text/javascript")


def _file(template: str, kind: str) -> Response:
    response = Response(filled(template), mimetype=kind)
    response.headers["Cache-Control"] = f"public, max-age={A_WEEK}"  # its address names the version
    response.add_etag()
    response.make_conditional(request)
    return response
