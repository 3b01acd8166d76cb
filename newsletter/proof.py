"""What should be looked at before an edition goes out: said in the newsletter's language, with the article it is about.

`remarks` is pure: it reads the edition, its choices and their rendering, and asks nobody. Whether links answer was
looked up before, by `shaping.refresh` or `shaping.ask_pages`, and stands beside each article.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter import dispatch, shaping
from newsletter.collect.recheck import GONE, SILENCE
from newsletter.errors import TemplateError
from newsletter.model import DAILY, Choice, Edition, Rendered
from newsletter.newsroom import Newsroom
from newsletter.render.clean import clean
from newsletter.render.edition import LONGEST_PREHEADER, LONGEST_SUBJECT, stories, weight
from newsletter.render.story import LONGEST_TITLE, PICTURES_BUDGET, Story, with_few_pictures
from newsletter.render.weight import HEAVIEST
from newsletter.store import editions
from newsletter.store.database import read
from newsletter.words import Words

CLIPPING = 102_400  # bytes of HTML: what is beyond, Gmail hides behind a link, the footer with it
NEARLY = 0.9  # of a limit: time to say so
SEEN_SUBJECT = 46  # characters that a large phone shows
LONG_NOTE = 600  # characters: more than a phone's first screen


class Level(StrEnum):
    PROBLEM = "problem"  # it should not go out so
    WARNING = "warning"  # it goes out other than it was meant, perhaps
    HINT = "hint"  # it could be better


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at."""

    level: Level
    said: str
    article: int | None = None  # what it is about, where it is about one


@dataclass(frozen=True, slots=True)
class Proof:
    """An edition looked through."""

    edition: Edition
    remarks: tuple[Remark, ...]  # problems first
    weight: int  # bytes of its HTML
    pictures: int  # bytes of the pictures it shows, assumed where not known
    rendered: Rendered | None = None  # none where the templates are broken

    @property
    def sound(self) -> bool:
        """Nothing stands against its going out."""
        return all(one.level is not Level.PROBLEM for one in self.remarks)


def check(room: Newsroom, edition: Edition, *, links: bool = False) -> Proof:
    """Look an edition through; with `links`, ask the articles' pages first whether they still answer."""
    with read(room.engine) as connection:
        choices = editions.choices_of(connection, edition.id)
    if links:
        choices = shaping.ask_pages(room, choices)
    return proof(room, edition, choices)


def proof(room: Newsroom, edition: Edition, choices: Sequence[Choice], rendered: Rendered | None = None) -> Proof:
    """The same of choices at hand, rendered already, it may be: what an editor is just trying, for example."""
    picked = [one for one in choices if one.picked]
    try:
        rendered = rendered or dispatch.render_edition(room, edition, picked)
    except TemplateError as error:
        return Proof(edition, (Remark(Level.PROBLEM, str(error)),), 0, 0)
    found = tuple(remarks(room, edition, choices, rendered))
    pictures = sum(one.picture.size for one in with_few_pictures(stories(room.look, picked)) if one.picture)
    return Proof(edition, found, weight(room.config.newsletter, rendered.html), pictures, rendered)


def remarks(room: Newsroom, edition: Edition, choices: Sequence[Choice], rendered: Rendered) -> list[Remark]:
    """All that is to be said of an edition; problems first, then by article in their places."""
    picked = sorted((one for one in choices if one.picked), key=lambda one: (one.place is None, one.place or 0))
    page = _Page(room.words, edition, picked, stories(room.look, picked), rendered)
    found = [
        *page.of_articles(),
        *page.of_renderings(),
        *page.of_words(),
        *page.of_weight(weight(room.config.newsletter, rendered.html)),
        *page.of_pictures(),
        *page.of_links(),
        *page.of_sites(),
    ]
    levels = list(Level)
    return sorted(found, key=lambda one: levels.index(one.level))  # sorted() is stable


@dataclass(frozen=True, slots=True)
class _Page:
    words: Words
    edition: Edition
    picked: Sequence[Choice]
    stories: Sequence[Story]  # of those picked, in their places
    rendered: Rendered

    def of_articles(self) -> Iterator[Remark]:
        say = self.words.say
        if not self.picked and (self.edition.slot == DAILY or not self.edition.note):
            yield Remark(Level.PROBLEM, say("It carries no article."))
        again = Counter(key for one in self.picked for key in _names(one))
        for one in self.picked:
            number, title = one.candidate.id, self._title(one)
            if one.candidate.used_in and self.edition.corrects is None and not self.edition.frozen:
                day = one.candidate.used_in
                said = say("« {title} » went out in the edition of {day} already.", title=title, day=day)
                yield Remark(Level.PROBLEM, said, number)
            if any(again[key] > 1 for key in _names(one)):
                yield Remark(Level.WARNING, say("« {title} » stands there twice.", title=title), number)
            if not clean(one.article.title):
                yield Remark(Level.PROBLEM, say("An article has no title: {url}", url=one.article.url), number)

    def of_renderings(self) -> Iterator[Remark]:
        """Of articles that the mail shows less of than they have."""
        say = self.words.say
        for one in self.picked:
            number, title = one.candidate.id, self._title(one)
            if number in self.rendered.left_out:
                said = say("« {title} » is left out: the mail would become too heavy.", title=title)
                yield Remark(Level.WARNING, said, number)
            if number in self.rendered.degraded:
                said = say(
                    "« {title} » is shown by its title and link alone: the rest breaks the template.", title=title
                )
                yield Remark(Level.WARNING, said, number)
            if len(clean(one.article.title)) > LONGEST_TITLE:
                said = say(
                    "The title of « {title} » is cut: it has more than {most} characters.",
                    title=title,
                    most=LONGEST_TITLE,
                )
                yield Remark(Level.WARNING, said, number)

    def of_words(self) -> Iterator[Remark]:
        say, edition = self.words.say, self.edition
        wanted = clean(edition.subject or "") or (clean(self.picked[0].article.title) if self.picked else "")
        length = len(wanted)
        if length > LONGEST_SUBJECT:
            said = say(
                "The subject is cut: it has {n} characters, and {most} are shown.", n=length, most=LONGEST_SUBJECT
            )
            yield Remark(Level.WARNING if edition.subject else Level.HINT, said)
        elif length > SEEN_SUBJECT:
            said = say("Phones show about {most} characters of the subject; it has {n}.", n=length, most=SEEN_SUBJECT)
            yield Remark(Level.HINT, said)
        preheader = clean(edition.preheader or "")
        if len(preheader) > LONGEST_PREHEADER:
            most = LONGEST_PREHEADER
            said = say(
                "The preheader is cut: it has {n} characters, and {most} are shown.", n=len(preheader), most=most
            )
            yield Remark(Level.WARNING, said)
        if not self.rendered.preheader:
            yield Remark(Level.WARNING, say("It has no preheader: beside the subject, readers see nothing."))
        if len(edition.note or "") > LONG_NOTE:
            said = say("The note is long: a phone shows no article below it on its first screen.")
            yield Remark(Level.HINT, said)

    def of_weight(self, bytes: int) -> Iterator[Remark]:
        say, size = self.words.say, self.words.number
        if bytes > CLIPPING:
            said = say(
                "It weighs {n} bytes: Gmail cuts it at {most}, and the link to leave with it.",
                n=size(bytes),
                most=size(CLIPPING),
            )
            yield Remark(Level.PROBLEM, said)
        elif bytes > NEARLY * CLIPPING:
            said = say(
                "It weighs {n} bytes: close to the {most} at which Gmail cuts.", n=size(bytes), most=size(CLIPPING)
            )
            yield Remark(Level.WARNING, said)
        elif bytes > NEARLY * HEAVIEST and not self.rendered.left_out:
            said = say(
                "It weighs {n} bytes: over {most}, its last articles are left out.", n=size(bytes), most=size(HEAVIEST)
            )
            yield Remark(Level.HINT, said)

    def of_pictures(self) -> Iterator[Remark]:
        """Of those that would be shown: the lead's, and the first of each section."""
        say = self.words.say
        meant = with_few_pictures(self.stories, budget=sum(one.picture.size for one in self.stories if one.picture))
        shown = with_few_pictures(self.stories)
        for i, (wanted, found) in enumerate(zip(meant, shown, strict=True)):
            if found.picture and not found.picture.alt:
                said = say(
                    "The picture of « {title} » has no description, for those who do not see it.", title=found.title
                )
                yield Remark(Level.WARNING, said, found.id)
            elif wanted.picture and not found.picture:
                most = self.words.bytes(PICTURES_BUDGET)
                said = say(
                    "The picture of « {title} » is left out: with it, the pictures would weigh more than {most}.",
                    title=found.title,
                    most=most,
                )
                yield Remark(Level.WARNING if i == 0 else Level.HINT, said, found.id)
            elif i == 0 and not found.picture:
                yield Remark(Level.HINT, say("The lead has no picture."), found.id)

    def of_links(self) -> Iterator[Remark]:
        say = self.words.say
        for one, story in zip(self.picked, self.stories, strict=True):
            answer, number, title = one.candidate.answer, one.candidate.id, self._title(one)
            if story.url is None:
                yield Remark(Level.PROBLEM, say("« {title} » has no address to link to.", title=title), number)
            elif answer in GONE:
                said = say("« {title} » is gone: its page answers {status}.", title=title, status=answer)
                yield Remark(Level.PROBLEM, said, number)
            elif answer == SILENCE:
                yield Remark(Level.WARNING, say("The page of « {title} » did not answer.", title=title), number)
            elif answer and answer >= 500:
                said = say("The page of « {title} » is out of order: it answers {status}.", title=title, status=answer)
                yield Remark(Level.WARNING, said, number)

    def of_sites(self) -> Iterator[Remark]:
        for one in shaping.changes(self.picked):
            said = self.words.say(
                "The site has changed « {title} » since; this edition has it as it was.", title=one.was.title
            )
            yield Remark(Level.WARNING, said, one.choice.candidate.id)

    def _title(self, one: Choice) -> str:
        return clean(one.article.title, LONGEST_TITLE) or one.article.url


def _names(one: Choice) -> set[str]:
    """By what a reader would take two articles for the same."""
    url, title = one.article.url.rstrip("/"), clean(one.article.title).casefold()
    return {name for name in (url, title) if name}
