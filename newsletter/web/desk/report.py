"""How the last editions did, each mailbox provider, and the list."""

from __future__ import annotations

from flask import Blueprint, Response

from newsletter import trends
from newsletter.trends import page as plotted
from newsletter.web.desk.access import page
from newsletter.web.desk.asked import number
from newsletter.web.paper import room, words

blueprint = Blueprint("report", __name__)

CHOICES = (7, 30, 90)  # editions


@blueprint.get("/report")
def report() -> Response:
    asked = number("last")
    last = trends.LAST if asked is None else min(max(asked, 1), trends.MOST)
    found = trends.of_last(room(), last)
    return page("report.html", chosen=last, choices=CHOICES, **plotted.values(words(), found))
