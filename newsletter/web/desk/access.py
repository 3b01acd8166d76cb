"""Who is at the desk, and what they may do there: looked at before every view.

A view says by `@needs(Role.EDITOR)` whom it is for, and by `@everybody` that it is for those who are not logged in too;
without either it is for whoever works here.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from flask import Blueprint, Response, abort, current_app, g, redirect, request

from newsletter import editors, journal
from newsletter.model import Editor, Role, Session, Who
from newsletter.web import guard, paper
from newsletter.web.paper import filled, language, room

PATH = "/desk"
COOKIE = "newsletter_desk"
FIELD = "form"  # of every form: the token by which we know it for ours

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

        return wrapped  # type: ignore[return-value]

    return guarded


def enter() -> Any:
    """Before every view of the desk."""
    view = current_app.view_functions.get(request.endpoint or "")
    g.session = editors.session(room(), request.cookies.get(COOKIE, ""))
    if request.method == "POST" and not _is_from_here():
        return page("not-ours.html", 403)
    if getattr(view, "for_everybody", False):
        return None
    if g.session is None:
        return go("/in", after=request.path if request.method == "GET" else "")
    if request.method == "POST" and not editors.is_our_form(room(), g.session, request.form.get(FIELD, "")):
        return page("not-ours.html", 403)
    return None


def leave(response: Response) -> Response:
    """After every view of the desk: nothing of it is kept, or shown in a frame."""
    response.headers.setdefault("Content-Security-Policy", guard.policy(script=True))
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
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
    return site in ("same-origin", "none") and origin in ("", f"{here.scheme}://{here.netloc}")


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
        told=lambda entry: journal.line_of(room(), entry, paper.words()),
        me=known.editor if known else None,
        may=lambda role: known is not None and known.editor.role.may(Role(role)),
        form_field=FIELD,
        form_token=editors.form_token(room(), known) if known else "",
        current=request.path.removeprefix(paper.web().prefix),
    )
    response = Response(text, status, mimetype="text/html")
    response.headers["Content-Language"] = language()
    return response
