"""An article as the templates see it: clean, set, cut to length, with its picture's place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from newsletter.model import Article, Choice, Picture
from newsletter.render.clean import clean, cut, direction, excerpt, web_url
from newsletter.render.share import Share, shares
from newsletter.render.typo import typo
from newsletter.words import Words

LONGEST_TITLE = 160
UNTITLED = "…"
LONGEST_LEAD = 480  # a lead's summary: three or four lines on a wide screen
LONGEST_SUMMARY = 280
LONGEST_NAME = 60
MOST_NAMES = 5
WORDS_PER_MINUTE = 200

WIDTH = 560  # pixels of text: 600 less the margins
TALLEST = 420  # an upright picture is made narrower instead of filling the screen
NARROWEST = 200  # below it a picture is an icon
PICTURES_BUDGET = 250_000  # bytes in all: 2 GB cost 6 % of a month's income in Togo (November 2024)
USUAL_PICTURE = 80_000  # bytes assumed where the size is not known


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as the mail shows it."""

    url: str
    alt: str
    width: int
    size: int  # bytes, assumed where not known


@dataclass(frozen=True, slots=True)
class Story:
    """What the templates get of one picked article. All texts are plain; `url` is None where it has no good one."""

    id: int  # of its candidate
    title: str
    url: str | None
    section: str = ""
    summary: str = ""
    byline: str = ""  # « Par Ama K. et Kodjo A. »
    reading: str = ""  # « 3 min de lecture »
    picture: Shown | None = None
    share: tuple[Share, ...] = ()
    lang: str | None = None  # where it differs from the newsletter's
    dir: Literal["ltr", "rtl"] = "ltr"
    degraded: bool = False  # title and link only

    @property
    def details(self) -> str:
        """Byline and reading time in one line."""
        return " · ".join(filter(None, (self.byline, self.reading)))

    def bare(self) -> Story:
        """Title and link only; without the characters that break a careless template of the newsroom's own."""
        plain = re.sub(r"[<>&\"'{}\\]", " ", self.title)
        return Story(
            self.id, clean(plain) or UNTITLED, self.url, self.section, lang=self.lang, dir=self.dir, degraded=True
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The stories of one section, in their order."""

    section: str  # "" where they have none
    stories: tuple[Story, ...]


def story(choice: Choice, words: Words, *, lead: bool = False) -> Story:
    """The story of a picked article. It never fails: what cannot be shown is left out."""
    article = choice.article
    language = _other_language(article, words.language)

    def text(value: str, longest: int = LONGEST_TITLE) -> str:
        value = clean(value)
        return excerpt(typo(value) if words.language == "fr" and language is None else value, longest)

    summary = text(article.summary, LONGEST_LEAD if lead else LONGEST_SUMMARY)
    title = cut(text(article.title, LONGEST_TITLE * 2), LONGEST_TITLE) or cut(summary, LONGEST_TITLE // 2) or UNTITLED
    url = web_url(article.url)
    return Story(
        id=choice.candidate.id,
        title=title,
        url=url,
        section=cut(text(choice.section or article.section or ""), LONGEST_NAME),
        summary="" if summary.casefold() == title.casefold() else summary,
        byline=_byline(article.authors, words),
        reading=_reading(article.words, words),
        picture=shown(article.picture) if article.picture else None,
        share=shares(title, url) if url else (),
        lang=language,
        dir=_direction(title, language),
    )


def _other_language(article: Article, ours: str) -> str | None:
    given = clean(article.language or "", 20)
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", given):  # BCP 47, as far as it matters here
        return None
    return None if given.split("-")[0].lower() == ours else given


def _direction(title: str, language: str | None) -> Literal["ltr", "rtl"]:
    return "rtl" if direction(title, language) == "rtl" else "ltr"


def _byline(authors: Iterable[str], words: Words) -> str:
    names = [name for author in authors if (name := clean(author, LONGEST_NAME))]
    return words.say("By {names}", names=words.names(names[:MOST_NAMES])) if names else ""


def _reading(count: int, words: Words) -> str:
    if count <= 0:
        return ""
    return words.count("{n} min read", "{n} min read", max(1, round(count / WORDS_PER_MINUTE)))


def shown(picture: Picture) -> Shown | None:
    """A picture at the size at which it is shown: never larger than it is, nor taller than the screen."""
    url = web_url(picture.url)
    width, height = max(picture.width or 0, 0), max(picture.height or 0, 0)
    if url is None or 0 < width < NARROWEST:
        return None
    size = USUAL_PICTURE if picture.size is None else max(picture.size, 0)
    alt = clean(picture.alt, LONGEST_SUMMARY)
    wide = min(WIDTH, width or WIDTH)
    if width and height:
        wide = max(1, min(wide, TALLEST * width // height))
    return Shown(url, alt, wide, size)


def with_few_pictures(stories: Iterable[Story], budget: int = PICTURES_BUDGET) -> list[Story]:
    """The lead keeps its picture, and in each section the first that has one, as long as the budget lasts."""
    kept: list[Story] = []
    illustrated: set[str] = set()
    for one in stories:
        where = one.section if kept else "\0lead"
        if one.picture and where not in illustrated and one.picture.size <= budget:
            budget -= one.picture.size
            illustrated.add(where)
        else:
            one = replace(one, picture=None)
        kept.append(one)
    return kept


def groups(stories: Iterable[Story]) -> list[Group]:
    """Stories by section, in the order in which they come: the same in HTML and text."""
    return [Group(section, tuple(some)) for section, some in groupby(stories, key=lambda one: one.section)]
