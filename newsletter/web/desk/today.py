"""The edition on the desk: as the machine picked it, what was left out below, and what editors make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort, request

from newsletter import edit, making, preview, proof, shaping
from newsletter.errors import NewsletterError
from newsletter.model import AuditEntry, Choice, Edition, EditionStatus, Picture
from newsletter.shaping import Conflict, Shaped
from newsletter.web.desk import asked
from newsletter.web.desk.access import go, me, page, who
from newsletter.web.desk.sending import decision_values
from newsletter.web.desk.trouble import trouble
from newsletter.web.paper import room

blueprint = Blueprint("today", __name__)

FOUND = ("changed", "gone", "fresh")  # of a look at the sites
MAKES_AHEAD = timedelta(days=7)
WORDS = ("subject", "preheader", "note")
LEFT_OUT = 30  # of those left out, shown at once: the rest on demand


# --- Looking ----------------------------------------------------------------------------------------


@blueprint.get("/")
def today() -> Response:
    """Today's edition; where there is none yet, a button that makes its draft."""
    day = room().today()
    edition = edit.find(room(), day.isoformat())
    if edition is not None:
        return show(edition)
    return page("none-yet.html", day=day, due=room().config.due(day))


@blueprint.get("/edition/<name>")
def edition(name: str) -> Response:
    return show(the_edition(name))


def show(edition: Edition, status: int = 200, **values: Any) -> Response:
    """An edition's page, by what has become of it."""
    found, choices = edit.with_choices(room(), edition.id)
    return page("edition.html", status, **decision_values(found, choices) | view(found, choices) | values)


def the_edition(name: str) -> Edition:
    """The edition of that name; 404 where there is none."""
    found = edit.find(room(), name)
    if found is None:
        abort(404)
    return found


def view(edition: Edition, choices: list[Choice]) -> dict[str, Any]:
    """What the page of an edition that is being made shows."""
    picked = [one for one in choices if one.picked]
    others = [one for one in choices if not one.picked]
    everything = "all" in request.args
    closed = shaping.refusal(room(), edition, me().role)
    return {
        "edition": edition,
        "picked": picked,
        "others": others if everything else others[:LEFT_OUT],
        "more_others": 0 if everything else max(len(others) - LEFT_OUT, 0),
        "changes": {one.choice.candidate.id: one for one in shaping.changes(choices)},
        "proof": proof.proof(room(), edition, choices) if picked and not edition.frozen else None,
        "limit": proof.CLIPPING,
        "undoable": shaping.undoable(room(), edition.id),
        "redoable": shaping.redoable(room(), edition.id),
        "meanwhile": _meanwhile(edition),
        "closed": closed,
        "why_closed": trouble(closed)["problem"] if closed and edition.status is EditionStatus.APPROVED else "",
        "done": request.args.get("done", ""),
        "found": {name: _number(name) for name in FOUND},
    }


def _number(name: str) -> int:
    """A figure of what the last act found."""
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 5 else 0


def _meanwhile(edition: Edition) -> list[AuditEntry]:
    """What others have done since the version that the last act was made from."""
    since = asked.number("since")
    if since is None:
        return []
    return [entry for entry in edit.history(room(), edition, since) if entry.who != who()]


# --- Acts on the whole ------------------------------------------------------------------------------


@blueprint.post("/make")
def make() -> Response:
    """Collect, and pick the day's draft."""
    day = _day(request.form.get("day", ""))
    try:
        made = making.make(room(), day, who())
        made.gathered.check()
    except NewsletterError as error:
        return page("none-yet.html", 502, day=day, due=room().config.due(day), **trouble(error))
    return go(f"/edition/{made.edition.name}", done="made")


def _day(text: str) -> date:
    """Today, where none is named, or one of the next days: no other has a draft to be made."""
    today = room().today()
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        abort(400)
    if not today <= day <= today + MAKES_AHEAD:
        abort(400)
    return day


@blueprint.post("/edition/<name>/order")
def order(name: str) -> Response:
    """All buttons of the list: `do` is what and which, as `up/12`; `order` is what dragging gave."""
    found = the_edition(name)
    what, _, named = request.form.get("do", "").partition("/")
    number = asked.whole(named)
    if request.form.get("order"):
        given = [asked.whole(one) for one in request.form["order"].split(",")[:200]]
        ids = [one for one in given if one is not None]
        return _done(found, "moved", lambda: shaping.arrange(room(), who(), found.id, ids, _version()))
    if what not in ACTS or number is None:
        abort(400)
    act, said = ACTS[what]
    return _done(found, said, lambda: act(found.id, number), f"a{number}")


def _step(by: int) -> Callable[[int, int], Shaped]:
    return lambda edition_id, article: shaping.step(room(), who(), edition_id, article, by, _version())


ACTS: dict[str, tuple[Callable[[int, int], Shaped], str]] = {
    "up": (_step(-1), "moved"),
    "down": (_step(1), "moved"),
    "lead": (lambda edition_id, article: shaping.lead(room(), who(), edition_id, article, _version()), "lead"),
    "drop": (lambda edition_id, article: shaping.drop(room(), who(), edition_id, article, _version()), "dropped"),
    "add": (lambda edition_id, article: shaping.add(room(), who(), edition_id, article, _version()), "added"),
    "leave": (lambda edition_id, article: shaping.leave(room(), who(), edition_id, article, _version()), "left"),
    "take": (lambda edition_id, article: shaping.take(room(), who(), edition_id, article, _version()), "taken"),
}


@blueprint.post("/edition/<name>/undo")
def undo(name: str) -> Response:
    found = the_edition(name)
    return _done(found, "undone", lambda: shaping.undo(room(), who(), found.id, _version()))


@blueprint.post("/edition/<name>/redo")
def redo(name: str) -> Response:
    found = the_edition(name)
    return _done(found, "redone", lambda: shaping.redo(room(), who(), found.id, _version()))


@blueprint.post("/edition/<name>/again")
def pick_anew(name: str) -> Response:
    """The machine's choice in the place of the editors': undone like any act."""
    found = the_edition(name)
    return _done(found, "picked", lambda: shaping.pick_anew(room(), who(), found.id, _version()))


@blueprint.post("/edition/<name>/refresh")
def refresh(name: str) -> Response:
    """Ask the sites what has changed since; what is found stands beside each article."""
    found = the_edition(name)
    try:
        seen = shaping.refresh(room(), who(), found.id)
        seen.gathered.check()
    except NewsletterError as error:
        return show(found, 502, **trouble(error))
    counts = {"changed": len(seen.changes) + len(seen.followed), "gone": len(seen.withdrawn), "fresh": len(seen.fresh)}
    return go(f"/edition/{name}", done="refreshed", **{one: str(count) for one, count in counts.items() if count})


def _done(edition: Edition, said: str, act: Callable[[], Shaped], anchor: str = "") -> Response:
    """Do it, and show the edition again: what was done, and what others did meanwhile."""
    try:
        shaped = act()
    except Conflict as error:
        return show(edition, 409, disputed=error)
    except NewsletterError as error:
        return show(edition, 409, **trouble(error))
    since = str(_version()) if shaped.meanwhile else ""
    return go(f"/edition/{edition.name}", done=said if shaped.changed else "nothing", since=since, anchor=anchor)


def _version() -> int | None:
    """The version from which the form was made."""
    return asked.posted("version")


# --- The words, and an article's texts --------------------------------------------------------------


@blueprint.get("/edition/<name>/words")
def words_form(name: str) -> Response:
    found = the_edition(name)
    return _words_page(found, _words_of(found))


@blueprint.post("/edition/<name>/words")
def words_written(name: str) -> Response:
    found, wanted = the_edition(name), _posted_words()
    try:
        shaped = shaping.write_words(room(), who(), found.id, wanted, _version())
    except Conflict as error:
        found = the_edition(name)
        return _words_page(found, status=409, **_disputed(error, wanted, _words_of(found)))
    except NewsletterError as error:
        return _words_page(found, wanted, 400, made_from=_version(), **trouble(error))
    return _written(found, shaped)


def _words_of(found: Edition) -> dict[str, str]:
    return {name: getattr(found, name) or "" for name in WORDS}


def _posted_words() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in WORDS}


def _words_page(found: Edition, values: dict[str, str], status: int = 200, **more: Any) -> Response:
    """The form, as made from `made_from`: a form that comes back with a mistake goes on from its own version."""
    _, choices = edit.with_choices(room(), found.id)
    common = {"made_from": found.version, "longest": shaping.LONGEST}
    return page("words.html", status, edition=found, values=values, usual=_usual(found, choices), **(common | more))


def _usual(found: Edition, choices: list[Choice]) -> dict[str, str]:
    """What stands where no editor writes; nothing where the templates are broken: the preview tells of that."""
    try:
        return preview.usual_words(room(), found, choices)
    except NewsletterError:
        return {"subject": "", "preheader": ""}


@blueprint.get("/edition/<name>/article/<int:number>")
def article_form(name: str, number: int) -> Response:
    found = the_edition(name)
    choice = _choice(found, number)
    return _article_page(found, choice, _as_it_stands(choice))


@blueprint.post("/edition/<name>/article/<int:number>")
def article_written(name: str, number: int) -> Response:
    found, values = the_edition(name), _posted_article()
    choice = _choice(found, number)
    try:
        shaped = shaping.rewrite(room(), who(), found.id, number, _wanted(values, choice), _version())
    except Conflict as error:
        found = the_edition(name)
        choice = _choice(found, number)
        return _article_page(found, choice, status=409, **_disputed(error, values, _as_it_stands(choice)))
    except NewsletterError as error:
        return _article_page(found, choice, values, 400, made_from=_version(), **trouble(error))
    return _written(found, shaped, f"a{number}")


def _disputed(error: Conflict, typed: dict[str, str], there: dict[str, str]) -> dict[str, Any]:
    """For the form that comes back: what its editor wrote, the rest as it is now, and what stands where they meet."""
    written, keys = _fields(error.written), _fields(error.keys)
    return {
        "values": there | {name: typed[name] for name in there if name in written},
        "disputed": error,
        "theirs": {name: there[name] for name in there if name in keys and there[name] != typed[name]},
        "own": bool(error.meanwhile) and all(entry.who == who() for entry in error.meanwhile),
    }


def _fields(keys: Iterable[str]) -> set[str]:
    """The fields of the forms that are behind what an act changes."""
    named = {key.partition("/")[0] for key in keys}
    return named | ({"alt", "shown"} if "picture" in named else set())


def _written(found: Edition, shaped: Shaped, anchor: str = "") -> Response:
    since = str(_version()) if shaped.meanwhile else ""
    return go(f"/edition/{found.name}", done="written" if shaped.changed else "nothing", since=since, anchor=anchor)


def _choice(found: Edition, number: int) -> Choice:
    _, choices = edit.with_choices(room(), found.id)
    choice = next((one for one in choices if one.candidate.id == number), None)
    if choice is None:
        abort(404)
    return choice


def _as_it_stands(choice: Choice) -> dict[str, str]:
    article = choice.article
    picture = article.picture or Picture("")
    return {
        "title": article.title,
        "summary": article.summary,
        "section": choice.section or "",
        "picture": picture.url,
        "alt": picture.alt,
        "shown": "no" if choice.edits.without_picture else "yes",
    }


def _posted_article() -> dict[str, str]:
    names = ("title", "summary", "section", "picture", "alt")
    values = {name: request.form.get(name, "") for name in names}
    return values | {"shown": "yes" if request.form.get("shown") else "no"}


def _wanted(values: dict[str, str], choice: Choice) -> dict[str, Any]:
    """What `shaping.rewrite` takes, out of the form's fields."""
    has_picture = (choice.kept or choice.candidate.article).picture is not None
    picture: dict[str, str] | None = None
    if values["shown"] == "no" and (has_picture or choice.edits.picture):
        picture = {}
    elif values["picture"].strip():
        picture = {"url": values["picture"], "alt": values["alt"]}
    return {name: values[name] for name in ("title", "summary", "section")} | {"picture": picture}


def _article_page(found: Edition, choice: Choice, values: dict[str, str], status: int = 200, **more: Any) -> Response:
    common = {"made_from": found.version, "longest": shaping.LONGEST, "sections": room().config.pick.sections}
    common |= {"given": choice.kept or choice.candidate.article}
    return page("article.html", status, edition=found, choice=choice, values=values, **(common | more))


# --- For the previews -------------------------------------------------------------------------------


def tried_words(found: Edition, choices: list[Choice]) -> tuple[Edition, list[Choice]]:
    """The edition as the form of its words would make it."""
    return shaping.tried(room(), found, choices, _posted_words(), {})


def tried_article(found: Edition, choices: list[Choice], number: int) -> tuple[Edition, list[Choice]]:
    """The edition as an article's form would make it."""
    choice = next((one for one in choices if one.candidate.id == number), None)
    if choice is None:
        raise shaping.NoArticle(number)
    return shaping.tried(room(), found, choices, {}, {number: _wanted(_posted_article(), choice)})
