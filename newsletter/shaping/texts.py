"""What editors write: of an article, and of the edition as a whole."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from newsletter import shape as shapes
from newsletter.model import Article, AuditEntry, Choice, Edition, Edits, Picture, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape, key
from newsletter.shaping.act import Act, Conflict, Shaped, do, do_in, since
from newsletter.shaping.refusals import NoAddress, NoPicture, TooLong
from newsletter.store import articles, editions

LONGEST = {
    "subject": 200,
    "preheader": 200,
    "note": 3000,
    "section": 80,
    "title": 300,
    "summary": 1500,
    "alt": 300,
}  # characters
LONGEST_URL = 2000
MANY_LINES = ("note",)
BLANKS = re.compile(r"[ \t]+")
UNSEEN = ("Cc", "Cs", "Co")  # PostgreSQL stores no NUL; lone surrogates cannot be encoded; private use marks our slots


def rewrite(
    room: Newsroom,
    who: Who,
    edition_id: int,
    article: int,
    wanted: Mapping[str, Any],
    version: int | None = None,
    *,
    dry_run: bool = False,
) -> Shaped:
    """Write something in the place of what the site gave: `wanted` may name title, summary, section and picture.

    None, or what the site has itself, goes back to the site's. A picture is a mapping with url and alt: an empty one is
    no picture, one without url describes the picture that is there. Raises Conflict where somebody else has written it
    meanwhile.
    """
    given = {name: wanted[name] for name in shapes.TEXTS if name in wanted}

    def patch(connection: Connection, now: Shape) -> Patch:
        meanwhile = since(connection, edition_id, version)
        base = shapes.rewound(now, [entry.before for entry in meanwhile])
        sites = _sites(connection, article, base, now)
        described = _described(given, now.get(key("picture", article)), sites)
        mine = {key(name, article): as_kept(name, value, sites) for name, value in described.items()}
        return _merged(connection, edition_id, base, now, mine, meanwhile)

    return do(room, who, edition_id, "rewrite", patch, version, article, dry_run=dry_run)


def write_words(
    room: Newsroom,
    who: Who,
    edition_id: int,
    wanted: Mapping[str, Any],
    version: int | None = None,
    *,
    dry_run: bool = False,
) -> Shaped:
    """Set the subject, the preheader or the note; empty, the machine's it is again. Raises Conflict as `rewrite`."""
    return do(room, who, edition_id, "words", _writing(edition_id, wanted, version), version, dry_run=dry_run)


def set_subject(connection: Connection, room: Newsroom, who: Who, edition: Edition, subject: str) -> Edition:
    """The subject alone, in the caller's transaction: the choice stays whose it was."""
    return do_in(
        connection, room, who, edition, "words", _writing(edition.id, {"subject": subject}, None), pins=False
    ).edition


def _writing(edition_id: int, wanted: Mapping[str, Any], version: int | None) -> Act:
    mine = {name: as_kept(name, wanted[name]) for name in shapes.WORDS if name in wanted}

    def patch(connection: Connection, now: Shape) -> Patch:
        meanwhile = since(connection, edition_id, version)
        base = shapes.rewound(now, [entry.before for entry in meanwhile])
        return _merged(connection, edition_id, base, now, mine, meanwhile)

    return patch


def _merged(
    connection: Connection, edition_id: int, base: Shape, now: Shape, mine: Patch, meanwhile: list[AuditEntry]
) -> Patch:
    found, disputed = shapes.merged(base, now, mine)
    if disputed:
        touching = [entry for entry in meanwhile if set(entry.after) & set(disputed)]
        raise Conflict(editions.by_id(connection, edition_id), disputed, touching, _written(base, mine))
    return found


def _written(base: Shape, mine: Patch) -> list[str]:
    """What the editor changed on a form that was made from `base`."""
    return [name for name, value in mine.items() if base.get(name) != value]


def _sites(connection: Connection, article: int, *shown: Shape) -> list[Article]:
    """The article as the site gave it: as the editor saw it on the form, as it is kept now, and as the site has it."""
    kept = [articles.from_json(value) for shape in shown if (value := shape.get(key("kept", article)))]
    return [*kept, articles.chosen(connection, [article])[article].article]


def _described(given: Mapping[str, Any], own: Mapping[str, Any] | None, sites: list[Article]) -> dict[str, Any]:
    """What is to be written; a description alone with the address of the picture that it describes."""
    picture = given.get("picture")
    if not picture or "url" in picture:
        return dict(given)
    there = (
        sites[-2 if len(sites) > 1 else -1].picture if own is None else None
    )  # as it is kept, else as the site has it
    url = there.url if there else (own or {}).get("url")
    if url is None:
        raise NoPicture
    return {**given, "picture": {"url": url, "alt": picture.get("alt")}}


def tried(
    room: Newsroom, edition: Edition, choices: list[Choice], words: Mapping[str, Any], texts: Mapping[int, Any]
) -> tuple[Edition, list[Choice]]:
    """The edition as it would be with these words, and these texts by article: for a preview. Keeps nothing."""
    edition = replace(edition, **{name: as_kept(name, words[name]) for name in shapes.WORDS if name in words})
    return edition, [_tried(one, texts.get(one.candidate.id, {})) for one in choices]


def _tried(one: Choice, texts: Mapping[str, Any]) -> Choice:
    sites = [one.kept or one.candidate.article]
    wanted = {name: as_kept(name, texts[name], sites) for name in shapes.TEXTS if name in texts}
    picture = wanted.get("picture")
    edits = Edits(
        title=wanted.get("title", one.edits.title),
        summary=wanted.get("summary", one.edits.summary),
        picture=(Picture(**picture) if picture else None) if "picture" in wanted else one.edits.picture,
        without_picture=picture == {} if "picture" in wanted else one.edits.without_picture,
    )
    return replace(one, edits=edits, section=wanted.get("section", one.section))


# --- As it is kept ----------------------------------------------------------------------------------


def as_kept(name: str, value: Any, sites: list[Article] | None = None) -> Any:
    """A text as it is kept, without white space around it or too much of it. None where it is empty, or as one of
    `sites` has it: that is nobody's writing, and goes on following the site. Raises BadData for what cannot be kept."""
    if name == "picture":
        return _picture(value, sites or [])
    text = _lines(value) if name in MANY_LINES else _line(value)
    if name in ("title", "summary") and any(text == _line(getattr(site, name)) for site in sites or []):
        return None
    _check_length(name, text)
    return text or None


def _check_length(name: str, text: str) -> None:
    if len(text) > LONGEST[name]:
        raise TooLong(name, len(text), LONGEST[name])


def _picture(value: Any, sites: list[Article]) -> Any:
    if value is None or value == {}:
        return value
    url, alt = str(value.get("url") or "").strip(), _line(value.get("alt"))
    for site in sites:
        if site.picture and site.picture.url == url:  # what is known of its size stays known
            if alt == _line(site.picture.alt):  # the site's own may be longer than what editors write
                return None
            _check_length("alt", alt)
            return {**asdict(site.picture), "alt": alt}
    if not _is_web_address(url):
        raise NoAddress(url)
    _check_length("alt", alt)
    return {"url": url, "alt": alt}


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = len(url) <= LONGEST_URL and url.isprintable() and " " not in url
    return plain and parts.scheme in ("https", "http") and bool(parts.hostname)


def _line(value: Any) -> str:
    """One line; no-break spaces stay, as everywhere in French."""
    return BLANKS.sub(" ", " ".join(_seen(value).split("\n"))).strip()


def _lines(value: Any) -> str:
    return "\n".join(BLANKS.sub(" ", line).strip() for line in _seen(value).split("\n")).strip()


def _seen(value: Any) -> str:
    """Without what nobody can see, and what a database or a template cannot bear; line breaks are one character."""
    text = "\n".join(str(value or "").splitlines()).replace("\t", " ")
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in UNSEEN)
