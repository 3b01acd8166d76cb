"""What every page has: the newsroom, the reader's language, and a template filled in."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, g, request

from newsletter import __version__
from newsletter.model import Origin
from newsletter.newsroom import Newsroom
from newsletter.web.network import is_unnamed_proxy, network_of
from newsletter.web.phrases import when
from newsletter.words import LOCALES, Words

log = logging.getLogger(__name__)

EXTENSION = "newsletter"  # where the application keeps what follows


@dataclass(frozen=True, slots=True)
class Web:
    """What one application holds, made by `create_app`."""

    room: Newsroom
    prefix: str  # the path of public_url, without a slash at its end: "" or "/lettre"
    wordings: set[str] = field(default_factory=set)  # versions that are known to be kept
    unnamed: set[str] = field(default_factory=set)  # proxies that have been warned of


def web() -> Web:
    found: Web = current_app.extensions[EXTENSION]
    return found


def room() -> Newsroom:
    return web().room


def url(path: str) -> str:
    """A link between our pages: from the root, with the path that public_url has. It names no host at all."""
    return web().prefix + path


def public(path: str) -> str:
    """A link as it is read elsewhere. By public_url alone: never by what a visitor says our name is."""
    return room().config.newsletter.public_url + path


# --- The language ---------------------------------------------------------------------------------


def language() -> str:
    """The newsletter's, unless the reader's browser (or the address) wants the other one, and not this."""
    if "language" not in g:
        g.language = _language()
    return str(g.language)


def _language() -> str:
    own = room().config.newsletter.language
    said = request.args.get("lang", "")
    if said in LOCALES:
        return said
    wanted = [name.lower().partition("-")[0] for name in request.accept_languages.values()]
    if own in wanted:
        return own
    return next((name for name in wanted if name in LOCALES), own)


def speak(said: str) -> None:
    """Answer in the language of the form that was sent, where it says one that we know."""
    if said in LOCALES:
        g.language = said


def words() -> Words:
    return room().look_in(language()).words


def filled(template: str, **values: Any) -> str:
    """A template of templates/web/ filled in, in the reader's language; also with what every template may use."""
    return room().look_in(language()).text(f"web/{template}", **common(), **values)


# --- Answers --------------------------------------------------------------------------------------


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page out of templates/web/, in the reader's language. What each template may use is said in page.html."""
    response = Response(filled(template, **values), status, mimetype="text/html")
    response.headers["Content-Language"] = language()
    response.headers["Vary"] = "Accept-Language"
    return response


def common() -> dict[str, Any]:
    """What every template may use."""
    config = room().config
    paper = config.newsletter
    return {
        "title": paper.title,
        "name": paper.name,
        "site": paper.site_url,
        "contact": parseaddr(config.privacy.contact or paper.reply_to or paper.sender)[1],
        "postal_address": " · ".join(line.strip() for line in paper.postal_address.splitlines() if line.strip()),
        "when": when(words(), config),
        "archive": config.web.archive,
        "version": __version__,
        "url": url,
        "public": public,
    }


def plain(text: str, status: int = 200) -> Response:
    return Response(text, status, mimetype="text/plain")


def not_ours(template: str = "stale.html", **values: Any) -> Response:
    """The one answer to every link that is none of ours, or is over: it tells nothing about anybody."""
    return page(template, 404, **values)


# --- Whence a request comes -----------------------------------------------------------------------


def origin(how: str, **values: str | None) -> Origin:
    """How an act came here, with the reader's address cut to its network."""
    trusted = room().config.web.trusted_proxies
    forwarded = request.headers.get("X-Forwarded-For", "")
    peer = request.environ.get("REMOTE_ADDR", "")
    if peer not in web().unnamed and is_unnamed_proxy(peer, forwarded, trusted):
        web().unnamed.add(peer)
        log.warning(
            "requests come by a proxy at %s, which web.trusted_proxies does not name: readers share a cap", peer
        )
    return Origin(how, network=network_of(peer, forwarded, trusted), **values)


def referring_page() -> str | None:
    """Where a pasted form stood, as the browser tells: without its query, which may hold anything."""
    try:
        parts = urlsplit(request.headers.get("Referer", "")[:2000])
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    host = parts.netloc.rpartition("@")[2]
    found = f"{parts.scheme}://{host}{parts.path}"
    return "".join(c for c in found if c.isprintable())[:300]
