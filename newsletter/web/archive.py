"""The archive's pages, the same for everybody: the list, an edition to read, the same as it was mailed, the feed."""

from __future__ import annotations

from datetime import date, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as Answer

from newsletter import archive as editions
from newsletter.archive import Line
from newsletter.web.guard import policy
from newsletter.web.paper import language, page, public, room, words

archive = Blueprint("archive", __name__)

ATOM = "http://www.w3.org/2005/Atom"
FEED = 20  # editions in the feed
MINUTES = 600  # seconds for which a copy may be kept: an edition does not change, but by what corrects it


@archive.get("/archive/")
def listed() -> Response:
    if not room().config.web.archive:
        abort(404)
    lines, older = editions.listed(room(), _day(request.args.get("before", "")))
    return page("archive.html", lines=lines, older=older)


@archive.get("/archive/<name>")
def edition(name: str) -> Response:
    found = editions.page(room(), name, language=language())
    if found is None:
        abort(404)
    response = page("edition.html", edition=found, locale={"fr": "fr_FR", "en": "en_GB"}[language()])
    response.headers["Content-Security-Policy"] = policy(pictures="https: http:")
    return _kept(response)


@archive.get("/archive/<name>/mail")
def mail(name: str) -> Response:
    """As it was mailed, to stand in a frame of ours: it may style itself and show pictures, and nothing else."""
    html = editions.mail(room(), name)
    if html is None:
        abort(404)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    response.headers["X-Robots-Tag"] = "noindex"
    return _kept(response)


@archive.get("/archive/feed.xml")
def feed() -> Answer:
    if not room().config.web.archive:
        abort(404)
    response = Response(_atom(editions.latest(room(), FEED)), mimetype="application/atom+xml")
    response.add_etag()
    return _kept(response).make_conditional(request)


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = f"public, max-age={MINUTES}"
    return response


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _atom(lines: list[Line]) -> bytes:
    """The feed (RFC 4287): an entry for each edition, its headlines in it. ElementTree escapes what sites wrote."""
    paper, host = room().config.newsletter, urlsplit(public("/")).hostname
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed", {"xml:lang": paper.language})
    _add(root, "id", f"tag:{host},2026:archive")
    _add(root, "title", paper.name)
    _add(root, "subtitle", paper.title)
    _add(root, "updated", _last(lines).isoformat(timespec="seconds") if lines else "1970-01-01T00:00:00+00:00")
    _add(root, "link", rel="self", href=public("/archive/feed.xml"))
    _add(root, "link", rel="alternate", href=public("/archive/"))
    _add(_add(root, "author"), "name", paper.title)
    for line in lines:
        entry = _add(root, "entry")
        _add(entry, "id", f"tag:{host},{line.day.isoformat()}:{line.name}")
        _add(entry, "title", line.subject)
        if line.corrections:
            _add(entry, "published", line.at.isoformat(timespec="seconds"))
        _add(entry, "updated", line.updated.isoformat(timespec="seconds"))
        _add(entry, "link", rel="alternate", href=line.url)
        for other in (*(one.line for one in line.corrections), *([line.corrects] if line.corrects else [])):
            _add(entry, "link", rel="related", href=other.url, title=other.subject)
        _add(entry, "summary", _summary(line))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _last(lines: list[Line]) -> datetime:
    return max(line.updated for line in lines)


def _summary(line: Line) -> str:
    """Its headlines, below what was corrected in it; of what is a note, that."""
    found = editions.page(room(), line.name, language=language())
    if found is None:
        return ""
    say, full_date = words().say, words().full_date
    put_right = [
        say("Correction of {day}: {text}", day=full_date(one.line.day), text=" ".join(one.text))
        for one in line.corrections
    ]
    headlines = " · ".join(one.title for one in found.stories)
    note = " ".join(found.note) if line.corrects or not headlines else ""
    return "\n".join(filter(None, [*put_right, note, headlines]))


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    child.text = text or None
    return child
