"""An edition after it went out: what came of it, and its correction, which is shown before it is made."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from newsletter import corrections, edit, preview, results
from newsletter.model import Edition, Role
from newsletter.trends import said
from newsletter.web.desk.access import go, needs, page, who
from newsletter.web.desk.asked import whole
from newsletter.web.paper import room, words

blueprint = Blueprint("after", __name__)

SHOWN = 100  # addresses of those who left
FIELDS = ("text", "subject", "article")


@blueprint.get("/edition/<name>/after")
def after(name: str) -> Response:
    edition = _edition(name)
    if not edition.frozen:
        return go(f"/edition/{edition.name}")
    return page("after-page.html", edition=edition, **after_values(edition))


def after_values(edition: Edition) -> dict[str, Any]:
    """What desk/after.html shows of an edition that is frozen, besides `edition` itself."""
    found = results.of_edition(room(), edition)
    return {
        "results": found,
        "why": [(said.reason(words(), reason), times) for reason, times in found.back.reasons] if found.back else [],
        "left_shown": SHOWN,
        "corrected": corrections.corrected_by(room(), edition),
        "corrections": corrections.of_edition(room(), edition),
        "may_correct": corrections.may_correct(edition),
    }


@blueprint.get("/edition/<name>/correct")
@needs(Role.EDITOR)
def form(name: str) -> Response:
    return _form(_edition(name))


@blueprint.post("/edition/<name>/correct")
@needs(Role.EDITOR)
def correct(name: str) -> Response:
    """Shows what the correction would say, and to how many; with `do=make` the draft is made."""
    edition = _edition(name)
    typed = {field: request.form.get(field, "") for field in FIELDS}
    article = whole(typed["article"])
    wrong = corrections.mistakes(typed["text"], typed["subject"])
    if not corrections.may_correct(edition) or wrong:
        return _form(edition, 400, typed=typed, wrong=wrong)
    if request.form.get("do") == "make":
        made = corrections.make_correction(
            room(), edition.id, typed["text"], who(), subject=typed["subject"], article=article
        )
        return go(f"/edition/{made.name}", done="correction")
    seen = corrections.propose(room(), edition.id, typed["text"], subject=typed["subject"], article=article)
    return _form(edition, typed=typed, seen=seen, mail=preview.of_edition(room(), seen.edition, seen.choices))


def _form(edition: Edition, status: int = 200, **values: Any) -> Response:
    if not corrections.may_correct(edition):
        corrected = corrections.corrected_by(room(), edition)
        return page("correct-not.html", 409, edition=edition, corrected=corrected)
    _, articles = corrections.correctable(room(), edition.id)
    shown: dict[str, Any] = {"typed": dict.fromkeys(FIELDS, ""), "wrong": [], "seen": None} | values
    return page(
        "correct.html",
        status,
        edition=edition,
        articles=articles,
        usual=corrections.usual_subject(room(), edition),
        earlier=corrections.of_edition(room(), edition),
        **shown,
    )


def _edition(name: str) -> Edition:
    found = edit.find(room(), name)
    if found is None:
        abort(404)
    return found
