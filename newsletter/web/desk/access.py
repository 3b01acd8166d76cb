"""Who is at the desk, and what they may do there: looked at before every view.

A view says by `@needs(Role.EDITOR)` whom it is for, and by `@everybody` that it is for those who are not logged in too;
without either it is for whoever works here.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from flask import Blueprint, Response, abort, current_app, g, redirect, request
from werkzeug.exceptions import HTTPException

from newsletter import auditlog, editors
from newsletter.model import Editor, Role, Session, Who
from newsletter.web import guard, paper
from newsletter.web.desk import files
from newsletter.web.paper import filled, language, room

PATH = "/desk"
COOKIE = "newsletter_desk"
SEARCH = "newsletter_desk_search"  # a passing cookie, see `readers.look_for`
PLAIN = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?")
LONGEST_PLACE = 100  # characters
FIELD = "form"  # of every form: the token by which we know it for ours
TEXTS = (  # what people type into forms: it must not be lost with a session
    *("subject", "preheader", "note", "title", "summary", "section", "picture", "alt", "text"),
    *("name", "address", "reason", "url"),
)

blueprint = Blueprint("desk", __name__)

View = TypeVar("View", bound=Callable[..., Any])


def everybody(view: View) -> View:
    """For those who are not logged in too: the log-in itself, style and script."""
    view.for_everybody = True  # type: ignore[attr-defined]
    return view


def needs(role: Role) -> Callable[[View], View]:
    """For those who may do at least what that role may."""

    def guarded(view: View) -> View:
        @wraps(view)
        def wrapped(*args: Any, **values: Any) -> Any:
            if not me().role.may(role):
                return page("not-yours.html", 403, role=role)
            return view(*args, **values)

        wrapped.needed = role  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return guarded


def enter() -> Any:
    """Before every view of the desk."""
    view = current_app.view_functions.get(request.endpoint or "")
    g.session = editors.session(room(), request.cookies.get(COOKIE, ""))
    changes = request.method not in ("GET", "HEAD", "OPTIONS")
    if changes and not _is_from_here():
        return page("not-ours.html", 403)
    if getattr(view, "for_everybody", False):
        return None
    if g.session is None:
        return _typed_in_vain() if changes else go("/in", after=wanted(place()))
    if changes and not editors.is_our_form(room(), g.session, request.form.get(FIELD, "")):
        return page("not-ours.html", 403, typed=_typed(), after=_page_of_the_form())
    return None


def _typed_in_vain() -> Response:
    """To whoever sends a form after their session is over: what they typed, to be copied; without any, the log-in."""
    typed, after = _typed(), _page_of_the_form()
    return page("not-ours.html", 403, typed=typed, after=after) if typed else go("/in", after=after)


def _typed() -> dict[str, str]:
    return {name: text for name in TEXTS if (text := request.form.get(name, ""))}


def _page_of_the_form() -> str:
    """Where a form was written: at the path to which it is sent, or the one above."""
    return wanted(place()) or wanted(place().rpartition("/")[0])


def leave(response: Response) -> Response:
    """After every view of the desk: nothing of it is kept, or shown in a frame."""
    response.headers.setdefault("Content-Security-Policy", guard.policy(script=True))
    response.headers.setdefault("Cache-Control", "no-store")
    # Not "no-referrer": a form on such a page is sent with "Origin: null" (Fetch, 3.2), and would be none of ours.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    known: Session | None = g.get("session")
    if known and response.headers["Cache-Control"] == "no-store":  # no copy of a cookie in anybody's cache
        cookie = editors.renewed(room(), known)
        if cookie:
            remember(response, COOKIE, cookie, editors.lasting(room()))
    return _packed(response)


def _packed(response: Response) -> Response:
    """A fifth of the bytes, for who pays for them; a proxy that packs by itself leaves it as it is."""
    whole = response.status_code == 200 and not response.is_streamed and not response.headers.get("Content-Encoding")
    if not (whole and (response.mimetype or "").startswith("text/") and request.accept_encodings.quality("gzip")):
        return response
    response.set_data(gzip.compress(response.get_data(), compresslevel=6, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


def _is_from_here() -> bool:
    """What browsers tell of where a form stood (Fetch Metadata; Origin). Old ones tell nothing: the token decides."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", "")
    here = urlsplit(room().config.desk_url)
    return site in ("same-origin", "none") and origin in ("", f"{here.scheme}://{here.netloc.lower()}")


# --- Cookies and places ------------------------------------------------------------------------------


def remember(response: Response, name: str, value: str, span: timedelta, *, below: str = "") -> None:
    """Give the browser a cookie: for the desk alone, or what is below a page of it; for no script, and for no form that
    stands elsewhere."""
    secure = room().config.desk_url.startswith("https://")
    place = here(below) or "/"
    response.set_cookie(name, value, max_age=span, path=place, secure=secure, httponly=True, samesite="Lax")


def forget(response: Response, name: str, *, below: str = "") -> None:
    response.delete_cookie(name, path=here(below) or "/")


def place() -> str:
    """The path that was asked for, as from the desk's door: it may have a host of its own, or stand below /desk."""
    below = request.path == PATH or request.path.startswith(f"{PATH}/")
    return (request.path.removeprefix(PATH) if below else request.path) or "/"


def is_asked() -> bool:
    """Whether a request is for the desk; also for what is not there."""
    if "desk" not in current_app.blueprints:
        return False
    alone = "pages" not in current_app.blueprints
    return alone or request.path == PATH or request.path.startswith(f"{PATH}/")


def wanted(path: str) -> str:
    """A page of the desk to go to after the log-in: one that is there, named by plain characters; else empty.

    It comes with a link, and may be anybody's: it must lead nowhere else, and say nothing.
    """
    if not PLAIN.fullmatch(path) or len(path) > LONGEST_PLACE:
        return ""
    door = request.path.removesuffix(place())
    try:
        endpoint, _values = current_app.url_map.bind("").match(door + path, method="GET")
    except HTTPException:
        return ""
    return "" if getattr(current_app.view_functions[endpoint], "for_everybody", False) else path


# --- For the views ----------------------------------------------------------------------------------


def session() -> Session:
    """The session of whoever asks. Only where somebody is logged in."""
    found: Session | None = g.session
    if found is None:
        abort(403)
    return found


def me() -> Editor:
    """Whoever asks."""
    return session().editor


def who() -> Who:
    """Whoever asks, as the audit log names them."""
    return editors.as_who(me())


def may(role: Role) -> bool:
    return me().role.may(role)


def here(path: str = "/") -> str:
    """A link to a page of the desk: from the root, naming no host."""
    return urlsplit(room().config.desk_url).path + path


def go(path: str, **query: str) -> Response:
    """To another page of the desk, after an act (303: what was posted is not posted again); `anchor` is a place on it,
    the rest what is asked for."""
    anchor = query.pop("anchor", "")
    asked = {name: value for name, value in query.items() if value}
    location = quote(here(path), safe="/-_.~") + (f"?{urlencode(asked)}" if asked else "")
    location += f"#{quote(anchor)}" if anchor else ""
    response = redirect(location, 303)
    response.autocorrect_location_header = False
    return response  # type: ignore[return-value]


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page out of templates/web/desk/, in the editor's language. What each may use is said in desk/page.html."""
    known: Session | None = g.get("session")
    text = filled(
        f"desk/{template}",
        **values,
        desk=here,
        file=_address_of,
        told=lambda entry: auditlog.line_of(room(), entry, paper.words()),
        me=known.editor if known else None,
        may=lambda role: known is not None and known.editor.role.may(Role(role)),
        form_field=FIELD,
        form_token=editors.form_token(room(), known) if known else "",
        current=request.path.removeprefix(paper.web().prefix),
    )
    response = Response(text, status, mimetype="text/html")
    response.headers["Content-Language"] = language()
    return response


def _address_of(file: str) -> str:
    """Style or script, by what is in it: see `style`."""
    return f"{here(f'/{file}')}?v={files.mark(files.content(file))}"
