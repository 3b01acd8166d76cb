"""Where the articles come from: how each source fares, asking them now, trying another."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from newsletter import sourcing
from newsletter.errors import BadData, ConfigError, SourceError, TooOften
from newsletter.model import Article, Harvest
from newsletter.sourcing import Standing
from newsletter.web.desk.access import go, page, who
from newsletter.web.desk.asked import number
from newsletter.web.paper import room, words
from newsletter.words import plain

blueprint = Blueprint("sources", __name__)

FIRST_ARTICLES = 10


@blueprint.get("/sources")
def listed() -> Response:
    entry = number("entry")
    came = sourcing.came(room(), entry) if entry is not None else None
    return _page(came=dict(came.after) if came else None)


@blueprint.post("/sources/collect")
def collect() -> Response:
    """May take a minute: the sites are waited for."""
    try:
        entry = sourcing.collect(room(), who=who())
    except TooOften:
        return _page(429, problem=words().say("The sources were asked a moment ago: their answer stands below."))
    except ConfigError:
        return _page(409, problem=words().say("There is no source yet: newsletter.toml names them, under [[sources]]."))
    return go("/sources", entry=str(entry))


@blueprint.post("/sources/try")
def attempt() -> Response:
    """Nothing is kept of it but that it was tried: so the answer is the page itself."""
    url, say = request.form.get("url", ""), words()
    try:
        harvest = sourcing.attempt(room(), url, who=who())
    except TooOften:
        n = sourcing.TRIALS_AN_HOUR
        wrong = say.count("{n} address an hour may be tried.", "{n} addresses an hour may be tried.", n)
        return _page(429, typed=url, wrong=f"{wrong} {say.say('Please go on in a while.')}")
    except SourceError as error:
        wrong = say.say("No articles came from there. Is the address right, and can anybody open it?")
        return _page(400, typed=url, wrong=wrong, detail=plain(str(error)))
    except BadData:
        return _page(400, typed=url, wrong=say.say("That is no web address: it begins with https://"))
    return _page(typed=url, tried=_tried(harvest))


def _page(status: int = 200, **values: Any) -> Response:
    standing = [_source(one) for one in sourcing.standing(room())]
    known = {"came": None, "problem": "", "typed": "", "wrong": "", "detail": "", "tried": None} | values
    return page("sources.html", status, sources=standing, **known)


def _source(one: Standing) -> dict[str, Any]:
    record, say = one.record, words()
    return {
        "key": one.source.key,
        "kind": _kind(one.source.kind),
        "place": plain(one.source.place),
        "section": plain(one.source.section or ""),
        "fresh": one.fresh,
        "articles": record.articles if record else 0,
        "at": say.moment(record.collected_at) if record and record.collected_at else "",
        "notes": [plain(line) for line in (record.note or "").splitlines()] if record else [],
        "error": plain(record.error or "") if record else "",
        "since": say.moment(record.failing_since) if record and record.failing_since else "",
    }


def _kind(kind: str) -> str:
    say = words().say
    return {"feed": say("Feed"), "wordpress": say("WordPress site"), "folder": say("Folder")}.get(kind, kind)


def _tried(harvest: Harvest) -> dict[str, Any]:
    return {
        "place": plain(harvest.source.partition(" ")[2]),
        "count": len(harvest.articles),
        "articles": [_article(one) for one in harvest.articles[:FIRST_ARTICLES]],
        "pictures": sum(1 for one in harvest.articles if one.picture),
        "notes": [plain(one) for one in harvest.notes],
        "lines": sourcing.lines(harvest),
    }


def _article(one: Article) -> dict[str, Any]:
    return {
        "title": plain(one.title),
        "summary": plain(one.summary),
        "section": plain(one.section or ""),
        "authors": words().names([plain(name) for name in one.authors]),
        "at": words().moment(one.published) if one.published else "",
        "picture": one.picture is not None,
    }
