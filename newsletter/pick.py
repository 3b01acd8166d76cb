"""Station 2: the collected articles → the day's choice, each with its reason. Pure.

In come candidates, the window and the rules; out comes one Choice for every article considered, the picked ones in
their places first. What may not be in this room: the database, the clock, a look at the site.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.config import PickTable
from newsletter.model import Candidate, Choice
from newsletter.words import Words

LONGEST = timedelta(days=3)  # however long ago the last edition was
REPEAT = timedelta(hours=48)  # the same text under another address, within this time, is the same article


@dataclass(frozen=True, slots=True)
class Window:
    """The time of first publication from which an edition is made: after `start`, up to `end`."""

    start: datetime
    end: datetime


def window(end: datetime, hours: float, last_picking: datetime | None) -> Window:
    """Reach back `hours`, or to the last edition's picking if that is longer ago, but never over three days."""
    start = end - timedelta(hours=hours)
    if last_picking:
        start = min(start, last_picking)
    return Window(max(start, end - LONGEST), end)


def pick(candidates: Sequence[Candidate], span: Window, rules: PickTable, words: Words) -> list[Choice]:
    """Choose from `candidates`.

    The picked ones come first, in their places: the lead, then the sections in the configured order, the newest
    first in each. The others follow, each with the reason why it is out.
    """
    ordered = sorted(candidates, key=lambda one: (one.published, one.id), reverse=True)
    out = {one.id: reason for one in ordered if (reason := _out_of_question(one, span, words))}
    out |= _repeats(ordered, out, words)
    eligible = [one for one in ordered if one.id not in out]
    if len(eligible) < rules.min_articles:
        reason = words.say("only {count} of at least {least} articles: kept for tomorrow")
        out |= {one.id: reason.format(count=len(eligible), least=rules.min_articles) for one in eligible}
        eligible = []
    picked = _picked(eligible, rules, words)
    placed = {choice.candidate.id for choice in picked}
    full = words.say("newer articles fill the {most} places", most=rules.max_articles)
    others = [
        Choice(one, picked=False, reason=out.get(one.id, full), section=_section(one, rules))
        for one in ordered
        if one.id not in placed
    ]
    return picked + others


def _out_of_question(one: Candidate, span: Window, words: Words) -> str | None:
    """Why an article cannot be in this edition, whatever else there is."""
    if one.used_in:
        return words.say("already in the edition of {day}", day=one.used_in)
    if one.archived:
        return words.say("without a date, and there already when its source was first read")
    if one.published > span.end:
        return words.say("dated after the moment of picking: {when}", when=words.moment(one.published))
    if one.published <= span.start:
        return words.say("too old: published {when}", when=words.moment(one.published))
    return None


def _repeats(ordered: Sequence[Candidate], out: dict[int, str], words: Words) -> dict[int, str]:
    """The articles that say again what an earlier one said: the earlier one stands.

    Two articles of one edition repeat each other by their title; one that went out before is repeated only by the
    same title and the same text, since a column may be called the same every day.
    """
    found: dict[int, str] = {}
    seen: dict[tuple[str, ...], Candidate] = {}
    for one in reversed(ordered):
        title, text = _plain(one.article.title), _plain(one.article.summary)
        if one.used_in and text:
            seen.setdefault((title, text), one)
        if one.id in out:
            continue
        earlier = seen.get((title,)) or seen.get((title, text))
        if title and earlier and one.published - earlier.published <= REPEAT:
            found[one.id] = words.say("repeats an earlier article: {url}", url=earlier.article.url)
        else:
            seen[(title,)] = one
    return found


def _picked(eligible: Sequence[Candidate], rules: PickTable, words: Words) -> list[Choice]:
    """The lead and the newest of the others, in the order of the mail."""
    if not eligible:
        return []
    lead = _lead(eligible, rules, words)
    rest = [one for one in eligible if one is not lead.candidate][: rules.max_articles - 1]
    newest = {section: i for i, section in reversed(list(enumerate(_section(one, rules) for one in rest)))}
    # sorted() is stable: inside a section the newest stay first.
    rest.sort(key=lambda one: _rank(_section(one, rules), newest, rules))
    choices = [lead]
    for one in rest:
        reason = words.say("published {when}, in the window", when=words.moment(one.published))
        choices.append(Choice(one, picked=True, reason=reason, section=_section(one, rules)))
    return [replace(choice, place=place) for place, choice in enumerate(choices, 1)]


def _lead(eligible: Sequence[Candidate], rules: PickTable, words: Words) -> Choice:
    """The article that the site itself leads with, else the newest of the first section that has any."""
    for one in eligible:
        if one.article.lead:
            reason = words.say("the lead: the site marks it « À la une »")
            return Choice(one, picked=True, reason=reason, section=_section(one, rules))
    for section in rules.sections:
        for one in eligible:
            if _section(one, rules) == section:
                reason = words.say("the lead: the newest of {section}", section=section)
                return Choice(one, picked=True, reason=reason, section=section)
    reason = words.say("the lead: the newest of all")
    return Choice(eligible[0], picked=True, reason=reason, section=_section(eligible[0], rules))


def _rank(section: str | None, newest: dict[str | None, int], rules: PickTable) -> tuple[int, int]:
    """Configured sections in their order, then others by their newest article, then what has no section."""
    if section in rules.sections:
        return (0, rules.sections.index(section))
    return (1 if section else 2, newest[section])


def _section(one: Candidate, rules: PickTable) -> str | None:
    """An article's section, in the spelling of the configuration: ECONOMIE is Économie."""
    given = one.article.section
    plain = _plain(given or "")
    return next((section for section in rules.sections if _plain(section) == plain), given)


def _plain(text: str) -> str:
    """Letters and digits alone, without accents or case: what two spellings of one title share."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isalnum())
