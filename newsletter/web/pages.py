"""The pages for everybody: sign-up, the form to embed, privacy, and what machines ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from newsletter import archive, embed, metrics, subscribe
from newsletter.errors import BadData
from newsletter.links import PATHS, Purpose
from newsletter.web import guard, phrases
from newsletter.web.paper import (
    filled,
    language,
    origin,
    page,
    plain,
    public,
    referring_page,
    room,
    speak,
    url,
    web,
    words,
)

blueprint = Blueprint("pages", __name__)

LEAST, MOST = timedelta(seconds=2), timedelta(hours=24)  # how long a person takes between our page and their press
LAST_EDITIONS = 5
LONGEST_ADDRESS = 320  # characters


@blueprint.get("/")
def sign_up() -> Response:
    return _form("sign-up.html")


@blueprint.get("/embed")
def embedded() -> Response:
    """The form alone, to stand in a frame of the newsroom's site."""
    return _framed(_form("embed.html"))


@blueprint.post("/")
def signed_up() -> Response:
    return _signed_up("sign-up.html", "asked.html")


@blueprint.post("/embed")
def embedded_signed_up() -> Response:
    return _framed(_signed_up("embed.html", "embed-asked.html"))


def _form(template: str, status: int = 200, *, typed: str = "", problem: str = "") -> Response:
    """The page with the form; after a mistake with what was typed, and what is wrong with it."""
    here = room()
    values: dict[str, Any] = {
        "honeypot": embed.HONEYPOT,
        "wording": embed.wording(here, language()),
        "shown": here.signer.token(Purpose.FORM, 0, here.clock()),
        "typed": typed,
        "problem": problem,
    }
    if template == "sign-up.html":
        values["editions"] = archive.latest(here, LAST_EDITIONS, corrections=False) if here.config.web.archive else []
    return page(template, status, **values)


def _framed(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = guard.policy(guard.embedding_sites(room().config))
    return response


def _signed_up(form: str, answer: str) -> Response:
    """Everybody gets one answer: readers of whatever standing, and robots. Only what is no address is told so."""
    speak(request.form.get("lang", ""))
    typed = request.form.get("email", "")[:LONGEST_ADDRESS]
    shown = request.form.get("shown")
    age = _age(shown) if shown is not None else LEAST  # a form pasted elsewhere cannot know
    if request.form.get(embed.HONEYPOT) or age is None or age < LEAST:
        return page(answer)
    if age > MOST:  # a person with many tabs: a robot gains nothing by it but a new page
        again = words().say("This page had been open for long. Please press the button once more.")
        return _form(form, typed=typed, problem=again)
    try:
        subscribe.sign_up(room(), typed, _origin(form, pasted=shown is None), language=language())
    except subscribe.NotWelcome as error:
        return _form(form, 400, typed=typed, problem=_not_welcome(error))
    except BadData:
        wrong = words().say("That is no mail address we can write to: please look at it once more.")
        return _form(form, 400, typed=typed, problem=wrong)
    return page(answer)


def _age(shown: str) -> timedelta | None:
    """How old the page is that a form came from; None where it is none of ours."""
    found = room().read_link(Purpose.FORM, shown)
    return room().clock() - found[1] if found else None


def _origin(form: str, *, pasted: bool) -> Any:
    if pasted:
        return origin("form", page=referring_page(), wording=_pasted_wording())
    agreed = embed.wording(room(), language())
    if agreed.version not in web().wordings:
        subscribe.keep_wording(room(), agreed.version, agreed.text)
        web().wordings.add(agreed.version)
    framed = form == "embed.html"
    return origin("form" if framed else "page", page=public("/embed" if framed else "/"), wording=agreed.version)


def _pasted_wording() -> str | None:
    """The words on a pasted form are those of the day it was made: it says which, and only kept ones are believed."""
    said = request.form.get("wording", "")[:20]
    if said and said not in web().wordings and subscribe.knows_wording(room(), said):
        web().wordings.add(said)
    return said if said in web().wordings else None


def _not_welcome(error: subscribe.NotWelcome) -> str:
    say = words().say
    if error.role:
        return say("That is the address of an office, not of a person: please give your own.")
    return say("That is an address that lasts for a day: please give one that you keep.")


# --- Privacy --------------------------------------------------------------------------------------


@blueprint.get("/privacy")
def privacy() -> Response:
    config = room().config
    table, paper = config.privacy, config.newsletter
    return page(
        "privacy.html",
        controller=table.controller or paper.title,
        authority=table.authority,
        more=[part.strip() for part in table.more.split("\n\n") if part.strip()],
        in_parts=config.database_url.startswith("postgresql"),
        keep={name: phrases.span(words(), days) for name, days in config.retention.model_dump().items()},
        wording=embed.wording(room(), language()),
    )


# --- For machines ---------------------------------------------------------------------------------


@blueprint.get("/style.css")
def style() -> Response:
    response = Response(filled("style.css"), mimetype="text/css")
    response.headers["Cache-Control"] = "public, max-age=86400"
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/robots.txt")
def robots() -> Response:
    lines = [f"Disallow: {url(f'/{path}/')}" for path in (*PATHS.values(), "hooks", "desk")]
    return plain("\n".join(["User-agent: *", *lines]) + "\n")


@blueprint.get("/healthz")
def healthz() -> Response:
    return plain("ok\n") if metrics.is_well(room()) else plain("not ok\n", 503)
