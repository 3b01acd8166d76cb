"""What a source's reader found → articles as the house keeps them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from newsletter.collect import identity
from newsletter.collect.bylines import bylines
from newsletter.collect.dates import moment_of
from newsletter.collect.found import Found
from newsletter.collect.pictures import picture_of
from newsletter.collect.summary import shortened, summary_of
from newsletter.collect.text import count_words, folded, line_of
from newsletter.model import Article, Harvest

MAX_TITLE = 300  # characters
MAX_SECTIONS, MAX_DATES = 40, 6  # that are looked at

_FRONT_PAGE = frozenset({"a la une", "une", "la une", "a-la-une"})
_NO_SECTION = frozenset(
    {"non classe", "non classee", "non classifie(e)", "uncategorized", "uncategorised", "sans categorie"}
    | {"non categorise", "unkategorisiert", "allgemein", "sin categoria", "sem categoria", "divers non classe"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a source's reader must know of the house."""

    zone: ZoneInfo  # of dates that name none
    language: str
    site_url: str
    strip: tuple[str, ...]  # house lines that are dropped from texts
    folder: Path  # where the configuration lies: paths of sources start there
    now: datetime  # the moment of collecting


def articles_of(found: Sequence[Found], rules: Rules) -> tuple[Article, ...]:
    """The articles, each once, in the source's order."""
    found = [one for one in found if _holds_something(one)]
    made = [(one, _article(one, rules)) for one in found]
    known: dict[str, Article] = {}
    for one, article in made:
        article = _identified(one, article, made)
        known.setdefault(article.identity, article)
    return tuple(_once(known.values()))


def _holds_something(one: Found) -> bool:
    return any((one.title, one.link, one.excerpt, one.content, one.images, one.authors, one.published, one.modified))


def _article(one: Found, rules: Rules) -> Article:
    url = identity.absolute(one.link, one.base or rules.site_url)
    title = _title(one.title, one.title_is_text)
    sections = [name for one in one.sections[:MAX_SECTIONS] if (name := _label(one[:300]))]
    language = one.language.replace("_", "-").split("-")[0].strip().lower()[:8]
    return Article(
        identity="",
        url=identity.clean(url) if url else "",
        title=title,
        summary=summary_of(one.excerpt, one.content, title, rules.strip, one.excerpt_is_text),
        authors=bylines(one.authors),
        section=next((name[:80] for name in sections if _is_section(name)), None),
        picture=picture_of(one.images, one.images_base or url or one.base or rules.site_url),
        published=_moment((*one.published[:MAX_DATES], *one.modified[:MAX_DATES]), rules.zone),
        modified=_moment(one.modified[:MAX_DATES], rules.zone),
        lead=one.lead or any(folded(name) in _FRONT_PAGE for name in sections),
        words=count_words(one.content) if one.content else 0,
        language=language if re.fullmatch(r"[a-z]{2,3}", language) and language != rules.language else None,
    )


def _title(markup: str, is_text: bool) -> str:
    title = line_of(markup, is_text)
    return title if len(title) <= MAX_TITLE else shortened(title[:MAX_TITLE], cut=True)


@lru_cache(maxsize=500)  # a site's articles have the same few
def _label(markup: str) -> str:
    return line_of(markup)


def _is_section(name: str) -> bool:
    fold = folded(name)
    return (
        len(name) <= 80
        and any(c.isalpha() for c in name)
        and fold not in _FRONT_PAGE
        and fold not in _NO_SECTION
        and not fold.startswith(("http://", "https://", "tag:"))
    )


def _moment(texts: Iterable[str], zone: tzinfo) -> datetime | None:
    return next((moment for text in texts if (moment := moment_of(text, zone))), None)


# --- Which is which -------------------------------------------------------------------------------


Made = Sequence[tuple[Found, Article]]


def _identified(one: Found, article: Article, made: Made) -> Article:
    """The article with its identity and aliases: the post's id, else its address, else its guid, else its words."""
    guid = one.guid.strip()
    own_guid = bool(guid) and len({other.title for it, other in made if it.guid.strip() == guid}) == 1
    own_address = bool(article.url) and not identity.is_front_page(article.url)
    own_address = own_address and len({other.title for _, other in made if other.url == article.url}) == 1
    post = identity.post_identity(article.url, guid if own_guid else "", one.post) if article.url else None
    keys = [post] if post else []
    if own_address:
        keys.append(identity.canonical(article.url))
    if own_guid and not identity.is_front_page(guid) and not identity.post_identity(article.url, guid):
        keys.append(identity.guid_key(guid, article.url or one.base))
    keys = list(dict.fromkeys(keys)) or [identity.text_key([article.url, article.title])]
    return replace(article, identity=keys[0], aliases=tuple(keys[1:]))


def _once(articles: Iterable[Article]) -> Iterable[Article]:
    """Leave out what has the same key and title as one before: a new guid, another form of the address."""
    seen: set[tuple[str, str]] = set()
    for article in articles:
        keys = {(key, article.title) for key in (article.identity, *article.aliases)}
        if not keys & seen:
            yield article
        seen |= keys


# --- What the house can use -----------------------------------------------------------------------


def usable(harvest: Harvest, section: str | None, rules: Rules) -> Harvest:
    """The harvest with each article fit for a mail: under the source's section, where it has one; with a title, if
    need be its first words; with somewhere to go, if need be the site. Notes say what was mended or left out."""
    articles = [article for one in harvest.articles if (article := _mended(one, section, rules))]
    left, homeless = len(harvest.articles) - len(articles), sum(not one.url for one in harvest.articles)
    notes = [*harvest.notes]
    if left:
        notes.append(f"{left} without a title, or without text and address: left out")
    if homeless:
        notes.append(f"{homeless} without an address of their own: they lead to {rules.site_url or 'nowhere'}")
    if not harvest.articles and not harvest.unchanged:
        notes.append("there are no articles in it")
    return replace(harvest, articles=tuple(articles), notes=tuple(notes))


def _mended(article: Article, section: str | None, rules: Rules) -> Article | None:
    title = article.title or shortened(article.summary, limit=90)
    url = article.url or rules.site_url
    if not title or not url or not (article.url or article.summary):
        return None
    return replace(article, title=title, url=url, section=section or article.section)
