"""An edition as readers will see it: on a phone and a wide screen, light and dark, without pictures, as text; also with
what was typed and not yet kept."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from newsletter import edit, preview
from newsletter.errors import NewsletterError
from newsletter.model import Choice, Edition
from newsletter.web.desk import asked
from newsletter.web.desk.access import go, me, page, who
from newsletter.web.desk.today import the_edition, tried_article, tried_words
from newsletter.web.desk.trouble import trouble
from newsletter.web.paper import room, words

blueprint = Blueprint("previews", __name__)

CLIPPED = 102_400  # bytes of HTML: what is over, Gmail cuts off (hteumeuleu/email-bugs, 41)


@blueprint.get("/edition/<name>/preview")
def looked_at(name: str) -> Response:
    """The page with the frame, and the ways to look."""
    found, choices = edit.with_choices(room(), the_edition(name).id)
    seen = {
        "screen": "wide" if request.args.get("screen") == "wide" else "phone",
        "light": "dark" if request.args.get("light") == "dark" else "light",
        "pictures": "no" if request.args.get("pictures") == "no" else "yes",
        "part": part if (part := request.args.get("part")) in ("text", "whatsapp") else "html",
    }
    shown, problem = _shown(found, choices)
    weight = len(shown.html.encode()) if shown else 0
    values: dict[str, Any] = {"edition": found, "seen": seen, "shown": shown} | problem
    values |= {"weight": weight, "clipped": CLIPPED, "done": request.args.get("done", ""), "address": me().address}
    return page("preview.html", **values)


@blueprint.get("/edition/<name>/closer")
def closer(name: str) -> Response:
    """The whole mail looked through; nobody is asked, here or elsewhere."""
    from newsletter import inspection

    found, choices = edit.with_choices(room(), the_edition(name).id)
    if not any(one.picked for one in choices) and not found.note:
        return page(
            "closer.html", edition=found, found=None, problem=words().say("The edition carries no article yet.")
        )
    try:
        looked = inspection.of_edition(room(), found, choices, offline=True)
    except NewsletterError as error:
        return page("closer.html", 502, edition=found, found=None, **trouble(error))
    return page("closer.html", edition=found, found=looked)


@blueprint.get("/edition/<name>/mail")
def mail(name: str) -> Response:
    """The mail alone, for a frame: `light=dark`, `pictures=no`; `only=12` shows one article after the lead."""
    found, choices = edit.with_choices(room(), the_edition(name).id)
    return framed(found, _only(choices))


@blueprint.post("/edition/<name>/try")
def tried(name: str) -> Response:
    """The mail with what is typed in a form and not kept yet: nothing changes."""
    found, choices = edit.with_choices(room(), the_edition(name).id)
    number = asked.posted("article")
    if number is None and request.form.get("article"):
        abort(400)
    try:
        if number is None:
            found, choices = tried_words(found, choices)
        else:
            found, choices = tried_article(found, choices, number)
            choices = _with_lead(choices, number)
    except NewsletterError as error:
        return in_frame(page("in-frame.html", 400, said=trouble(error)["problem"]))
    return framed(found, choices)


def _only(choices: list[Choice]) -> list[Choice]:
    number = asked.number("only")
    return choices if number is None else _with_lead(choices, number)


def _with_lead(choices: list[Choice], number: int) -> list[Choice]:
    """One article as the mail shows it: after the lead, unless it is that."""
    return [one for one in choices if one.place == 1 or one.candidate.id == number]


def framed(found: Edition, choices: list[Choice]) -> Response:
    shown, problem = _shown(found, choices)
    if shown is None:
        return in_frame(page("in-frame.html", said=problem["problem"]))
    dark, pictures = request.values.get("light") == "dark", request.values.get("pictures") != "no"
    html = preview.as_page(room(), shown, dark=dark, pictures=pictures)
    return in_frame(Response(html, mimetype="text/html"), pictures=pictures)


def in_frame(response: Response, *, pictures: bool = False) -> Response:
    """It may style itself and show pictures, stand in a frame of ours, and nothing else."""
    images = "https: http: data:" if pictures else "data:"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src {images};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups"
        " allow-popups-to-escape-sandbox"
    )
    return response


def _shown(found: Edition, choices: list[Choice]) -> tuple[preview.Preview | None, dict[str, str]]:
    """The edition as a mail; where it cannot be one, why."""
    if not any(one.picked for one in choices) and not found.note:
        return None, {"problem": words().say("The edition carries no article yet.")}
    try:
        return preview.of_edition(room(), found, choices), {}
    except NewsletterError as error:
        return None, trouble(error)


@blueprint.post("/edition/<name>/test")
def test(name: str) -> Response:
    """Mail it to whoever asks, marked as a test, outside the ledger."""
    found, choices = edit.with_choices(room(), the_edition(name).id)
    try:
        results = preview.mail_test(room(), found, choices, [me().address], who=who())
    except NewsletterError as error:
        return page("preview.html", 502, edition=found, **_bare(), **trouble(error))
    refused = preview.refused(results)
    if refused:
        said = words().say("The relay did not take it.")
        return page("preview.html", 502, edition=found, **_bare(), problem=said, details=refused[0][1].reply)
    return go(f"/edition/{name}/preview", done="tested")


def _bare() -> dict[str, Any]:
    seen = {"screen": "phone", "light": "light", "pictures": "yes", "part": "html"}
    return {"seen": seen, "shown": None, "weight": 0, "clipped": CLIPPED, "done": "", "address": me().address}
