"""An edition looked through before it goes: what a spam filter, a phone and a slow line will make of it.

    inspect(room, day, name) → Inspection

The mail is made by the road of every mail, signed, and taken apart again; what the desk remarks (`proof`) is part of
what is found. Nothing is written, nothing is sent. The checks themselves are pure, each in a file of its own; `asked`
alone talks to the world, and `mail.score` to the filters of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from newsletter import preview as previews
from newsletter import proof
from newsletter.collect.recheck import GONE, SILENCE
from newsletter.errors import TemplateError
from newsletter.inspection import agreement, cost, filters, links, markup
from newsletter.inspection.asked import Answers, Picture, ask
from newsletter.inspection.contrast import faint, knows_dark
from newsletter.inspection.cost import Cost
from newsletter.inspection.css import Screen
from newsletter.inspection.finding import Check, Finding, of_remark
from newsletter.inspection.mail import Link, Mail
from newsletter.links import PATHS, Purpose, archive_link
from newsletter.mail import score
from newsletter.mail.score import Mute, Score
from newsletter.model import Choice, Edition, Message
from newsletter.newsroom import Newsroom
from newsletter.proof import Level, Proof
from newsletter.render import shares, stories
from newsletter.render.story import Story
from newsletter.words import Words

UNREADABLE = 2.0  # of contrast: below it hardly anybody reads it
Filters = Callable[[bytes], Sequence[Score | Mute]]

__all__ = ["Check", "Cost", "Finding", "Inspection", "Mute", "Picture", "Score", "inspect", "look", "of_edition"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """An edition looked through as a whole."""

    edition: Edition
    findings: tuple[Finding, ...]  # problems first
    html: int  # bytes, as Gmail counts them
    cost: Cost
    pictures: tuple[Picture, ...] = ()
    judgements: tuple[Score | Mute, ...] = ()  # of spam filters; none where none is installed
    asked: int = 0  # addresses
    left: tuple[str, ...] = ()  # those that there was no time for

    @property
    def sound(self) -> bool:
        """Nothing stands against its going out."""
        return all(one.level is not Level.PROBLEM for one in self.findings)


def inspect(
    room: Newsroom,
    day: date | None,
    name: str | None = None,
    *,
    offline: bool = False,
    judge: Filters | None = score.ask,
) -> Inspection:
    """Look through the edition of a day, made up where there is none yet, or the one of that name.

    `offline` asks nobody outside this machine. Raises BadData where there is nothing to look at.
    """
    edition, choices = previews.look_up(room, day, name)
    return of_edition(room, edition, choices, offline=offline, judge=judge)


def of_edition(
    room: Newsroom, edition: Edition, choices: Sequence[Choice], *, offline: bool = False, judge: Filters | None = None
) -> Inspection:
    """The same of an edition at hand. Without `judge` no filter is asked."""
    try:
        shown = previews.of_edition(room, edition, choices)
    except TemplateError:
        return _broken(proof.proof(room, edition, choices))
    sealed = room.seal(Message(room.config.newsletter.sender, previews.SAMPLE_READER, shown.eml))
    mail = Mail(sealed.content)
    told = stories(room.look, choices)
    answers = None if offline else _ask(room, edition, mail)
    proven = proof.proof(room, edition, _answered(choices, told, answers) if answers else choices)
    pictures = tuple(
        _remembered(answers.pictures if answers else [Picture(one.url, None) for one in mail.pictures], told)
    )
    judgements = tuple(judge(mail.content)) if judge else ()
    found = [of_remark(one) for one in proven.remarks]
    left_out = proven.rendered.left_out if proven.rendered else ()
    shown_ones = [one for one in told if one.id not in left_out]
    own = " ".join(filter(None, (edition.subject, edition.preheader, edition.note)))
    found += look(mail, shown_ones, room.words, signed=room.sealer is not None, own=own)
    found += [*cost.look(pictures, room.words), *filters.look(judgements, room.words)]
    if answers:
        found += _dead(answers, {one.url for one in told}, room.words)
    return Inspection(
        edition,
        _sorted(found),
        html=proven.weight,
        cost=cost.cost(len(mail.content), pictures),
        pictures=pictures,
        judgements=judgements,
        asked=len(answers.links) + len(answers.pictures) if answers else 0,
        left=answers.left if answers else (),
    )


def look(mail: Mail, told: Sequence[Story], words: Words, *, signed: bool = True, own: str = "") -> list[Finding]:
    """All that the mail by itself tells, with the articles that it should hold, and what editors wrote. Pure."""
    articles = " ".join([own, *(f"{one.title} {one.summary} {one.details}" for one in told)])
    judged = {one.picture.url for one in told if one.picture}
    return [
        *agreement.headers(mail, words, signed=signed),
        *agreement.parts(mail, told, words),
        *links.look(mail, words),
        *markup.look(mail, words, articles=articles, judged=judged),
        *_contrasts(mail, words),
    ]


def _broken(proven: Proof) -> Inspection:
    """Of templates that give no mail there is one thing to say."""
    return Inspection(proven.edition, tuple(of_remark(one) for one in proven.remarks), 0, Cost(0, 0))


def _sorted(found: Sequence[Finding]) -> tuple[Finding, ...]:
    levels = list(Level)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: levels.index(one.level)))  # sorted() is stable


def _contrasts(mail: Mail, words: Words) -> Iterator[Finding]:
    screens = [(Screen(), words.say("On a light screen"))]
    if knows_dark(mail.page):
        screens.append((Screen(dark=True), words.say("On a dark screen")))
    for screen, where in screens:
        for one in faint(mail.page, screen):
            said = words.say(
                "{where} “{text}” is hard to read: {ink} on {ground} is {ratio} : 1, and {least} : 1 is wanted.",
                where=where,
                text=one.text[:60],
                ink=one.ink,
                ground=one.ground,
                ratio=words.number(round(one.ratio, 1)),
                least=words.number(one.least),
            )
            yield Finding(Check.CONTRAST, Level.PROBLEM if one.ratio < UNREADABLE else Level.WARNING, said)


# --- What the world answers -------------------------------------------------------------------------


def _ask(room: Newsroom, edition: Edition, mail: Mail) -> Answers:
    """Every link and picture that a reader may follow today. Not asked: a reader's own links (the mail's reader is
    nobody), the links to pass an article on (they answer programs as they please), the page of an edition that has not
    gone out, and what leads to this machine."""
    paper = room.config.newsletter
    own = tuple(f"{paper.public_url}/{PATHS[one]}/" for one in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES))
    unborn = "" if edition.frozen else archive_link(paper.public_url, edition.name)
    passing_on = {Link(one.url).host for one in shares("", "")}

    def asked(link: Link) -> bool:
        usual = link.scheme in ("http", "https") and link.host not in passing_on
        return usual and not link.url.startswith(own) and link.url != unborn

    private = {Link(one.url).host for one in room.config.sources if one.url and one.allow_private_network}
    followed = [one.url for one in (*mail.links, *mail.written_out) if not one.picture and asked(one)]
    return ask(room.fetcher, followed, [one.url for one in mail.pictures if asked(one)], private)


def _answered(choices: Sequence[Choice], told: Sequence[Story], answers: Answers) -> list[Choice]:
    """What the articles' pages have just answered goes before what they answered last. The mail's addresses are those
    of the stories: an article's own may be written otherwise."""
    known = {one.id: answers.links[one.url] for one in told if one.url in answers.links}
    return [
        replace(one, candidate=replace(one.candidate, answer=known.get(one.candidate.id, one.candidate.answer)))
        for one in choices
    ]


def _dead(answers: Answers, articles: set[str | None], words: Words) -> Iterator[Finding]:
    """Of the links that are not an article's: `proof` speaks of those."""
    for url, status in answers.dead.items():
        if url in articles:
            continue
        shown = links.shown(url)
        if status == SILENCE:
            yield Finding(Check.LINKS, Level.WARNING, words.say("Nobody answers at {url}.", url=shown))
        else:
            level = Level.PROBLEM if status in GONE else Level.WARNING
            said = words.say("A link is dead: {url} answers {status}.", url=shown, status=status)
            yield Finding(Check.LINKS, level, said)
    if answers.left:
        said = words.say("There was no time to ask {n} addresses, as {url}.", n=len(answers.left), url=answers.left[0])
        yield Finding(Check.LINKS, Level.HINT, said)


def _remembered(pictures: Sequence[Picture], told: Sequence[Story]) -> Iterator[Picture]:
    """With what the sources said of their weight, where nobody else said it."""
    sizes = {one.picture.url: one.picture.size for one in told if one.picture}
    for one in pictures:
        yield one if one.bytes is not None else replace(one, bytes=sizes.get(one.url) or None)
