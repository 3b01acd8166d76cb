"""A folder of Markdown files with front matter → articles: for a newsroom without a site.

    ---
    title: Le pont rouvre lundi
    date: 2026-11-23 06:00
    section: Société
    authors: [Afi Mensah, Kossi Adjavon]
    image: images/pont.jpg
    ---
    Le texte de l'article, en Markdown.

French names do as well: titre, auteurs, rubrique, chapô, à la une, …; all of them may be left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from newsletter.collect import values
from newsletter.collect.decode import text_of
from newsletter.collect.feed import INSIDE, OWN
from newsletter.collect.found import Found, Image
from newsletter.collect.make import Rules, articles_of
from newsletter.collect.pictures import number, pictures_in
from newsletter.collect.text import folded
from newsletter.errors import SourceError
from newsletter.model import Article

MAX_FILE = 1_000_000  # bytes: the longest article ever printed is shorter
MAX_FRONT_MATTER = 20_000  # characters

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
# Names as an editor may write them, folded, → ours.
_NAMES = {
    "titre": "title", "lien": "url", "link": "url", "published": "date", "publie": "date", "modifie": "modified",
    "rubrique": "section", "category": "section", "categorie": "section", "author": "authors", "auteur": "authors",
    "auteurs": "authors", "auteure": "authors", "image_alt": "image_alt", "legende": "image_alt", "photo": "image",
    "resume": "summary", "chapo": "summary", "excerpt": "summary", "description": "summary", "a_la_une": "lead",
    "une": "lead", "statut": "status", "langue": "language", "updated": "modified",
}  # fmt: skip
_DRAFTS = frozenset({"draft", "brouillon", "private", "prive"})
_YES = frozenset({"true", "yes", "oui", "1", "vrai"})


def articles_in(folder: Path, rules: Rules) -> tuple[tuple[Article, ...], tuple[str, ...]]:
    """The folder's published articles, newest first, the undated last; and a note for each file left out.

    Raises SourceError where there is no such folder.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    articles: list[Article] = []
    notes: list[str] = []
    try:
        files = sorted(path for path in folder.glob("*.md") if path.is_file())
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}") from None
    for path in files:
        try:
            articles.extend(_article(path, rules))
        except SourceError as error:
            notes.append(f"{path.name}: {error}; it is left out")
    articles.sort(key=lambda one: one.published or datetime.min.replace(tzinfo=UTC), reverse=True)
    return _each_once(articles, notes), tuple(notes)


def _each_once(articles: list[Article], notes: list[str]) -> tuple[Article, ...]:
    known: dict[str, Article] = {}
    for article in articles:
        if known.setdefault(article.identity, article) is not article:
            notes.append(f"{article.title}: another file has the same address {article.url}; it is left out")
    return tuple(known.values())


def _article(path: Path, rules: Rules) -> tuple[Article, ...]:
    front, body = _parts(_read(path))
    if folded(values.text(front, "status")) in _DRAFTS or front.get("draft") is True:
        return ()
    found = _found(path, front, body, rules.site_url)
    if not found.title.strip():
        raise SourceError("has neither a title nor a heading")
    return articles_of([found], rules)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise SourceError(f"is larger than {MAX_FILE // 1_000_000} MB")
        return text_of(path.read_bytes())
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})") from None


def _parts(text: str) -> tuple[Mapping[str, Any], str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        if text.lstrip().startswith("---\n"):
            raise SourceError("its front matter is not closed by a line ---")
        return {}, text
    if len(match[1]) > MAX_FRONT_MATTER:
        raise SourceError("its front matter is too long")
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError(f"its front matter is no YAML: {_where(error)}") from None
    if front is not None and not isinstance(front, dict):
        raise SourceError("its front matter is no list of names and values")
    return {_usual(str(name)): value for name, value in (front or {}).items()}, text[match.end() :]


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 2})" if mark else " ".join(str(problem).split())[:200]


def _usual(name: str) -> str:
    name = re.sub(r"[\s-]+", "_", folded(name).strip())
    return _NAMES.get(name, name)


def _found(path: Path, front: Mapping[str, Any], body: str, site_url: str) -> Found:
    heading = _HEADING.search(body)
    title = values.text(front, "title") or (heading[1] if heading else "")
    if heading and heading[1].strip() == title.strip() and not body[: heading.start()].strip():
        body = body[heading.end() :]  # the title again, above its text
    content = MarkdownIt("commonmark").render(body)
    image = values.text(front, "image")
    own = [Image(image, OWN, alt=values.text(front, "image_alt"), **_measures(path, image, front))] if image else []
    base = f"{site_url}/" if site_url else ""
    return Found(
        title=title,
        link=values.text(front, "url") or base + _slug(path.stem),
        excerpt=values.text(front, "summary"),
        content=content,
        authors=tuple(values.texts(front, "authors")),
        sections=tuple(values.texts(front, "section")),
        images=(*own, *pictures_in(content, INSIDE)),
        published=tuple(values.texts(front, "date") or [values.text(front, "date")]),
        modified=(values.text(front, "modified"),),
        lead=folded(str(front.get("lead", ""))) in _YES,
        language=values.text(front, "language"),
        base=base,
        images_base=base,
    )


def _measures(path: Path, image: str, front: Mapping[str, Any]) -> dict[str, int | None]:
    """What is known of a picture: its file lies beside the article, until somebody puts both on the site."""
    file = path.parent / image
    size = file.stat().st_size if "://" not in image and file.is_file() else None
    return {"width": number(front.get("image_width")), "height": number(front.get("image_height")), "size": size}


def _slug(name: str) -> str:
    ascii_ = (
        unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("æ", "ae")).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^a-z0-9]+", "-", ascii_.lower()).strip("-") or "article"
