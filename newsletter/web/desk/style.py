"""The desk's look and its script: the same for everybody, kept by browsers until they change."""

from __future__ import annotations

from flask import Blueprint, Response, request

from newsletter.web.desk import files
from newsletter.web.desk.access import everybody

blueprint = Blueprint("style", __name__)

A_WEEK = 7 * 86400


@blueprint.get("/desk.css")
@everybody
def css() -> Response:
    return _file("desk.css", "text/css")


@blueprint.get("/desk.js")
@everybody
def js() -> Response:
    return _file("desk.js", "text/javascript")


def _file(name: str, kind: str) -> Response:
    """Under the address that names its content it may be kept; under another one, it is asked for each time."""
    text = files.content(name)
    response = Response(text, mimetype=kind)
    known = request.args.get("v") == files.mark(text)
    response.headers["Cache-Control"] = f"public, max-age={A_WEEK}" if known else "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
