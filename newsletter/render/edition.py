"""The road of a rendering: stories → what the templates say of them → light enough to go out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from email.utils import parseaddr

from newsletter.config import NewsletterTable
from newsletter.errors import TemplateError
from newsletter.links import archive_link
from newsletter.model import Choice, Edition, Rendered, Slot
from newsletter.render.clean import clean, cut, excerpt
from newsletter.render.look import Look
from newsletter.render.share import shares
from newsletter.render.story import UNTITLED, Story, groups, story, with_few_pictures
from newsletter.render.typo import typo
from newsletter.render.weight import light_enough, without_poison

LONGEST_SUBJECT = 60  # characters; phones show 27 to 46
LONGEST_NOTE = 3000  # characters of an editor's note
LONGEST_LINE = 140  # characters of a summary in WhatsApp
LONGEST_PREHEADER = 100  # characters that are seen
PADDED_PREHEADER = 150  # with the filler that keeps the body's first words out of it
FILLER = "\u034f\u200c\u00a0"
# What a reader's own values may weigh: an address has at most 254 bytes (RFC 5321, 4.5.3.1), a few of them escaped;
# a link is at most 60 characters longer than public_url (see links).
ADDRESS_ROOM, LINK_ROOM = 400, 60
ANSWERED = re.compile(r"^(?:(?:re|fwd?|tr|réf?)(?:\[\d+\])?[ \u00a0]*:[ \u00a0]*)+", re.IGNORECASE)


def render(
    look: Look,
    paper: NewsletterTable,
    edition: Edition,
    choices: Sequence[Choice],
    *,
    archive: bool = True,
    corrected: Edition | None = None,
) -> Rendered:
    """Render `edition` with its picked `choices`, the first place being the lead. Without `archive` there is nothing to
    read online. `corrected` is the edition that it corrects, where it is a correction.

    An article that breaks the template is shown by title and link; what is too heavy goes from the tail. Raises
    TemplateError where the template itself is broken, or too heavy without any article.
    """
    shown = with_few_pictures(stories(look, choices))
    subject = _subject(look, paper, edition, shown, corrected)
    preheader = cut(clean(edition.preheader or ""), LONGEST_PREHEADER) or _preheader(edition, shown)
    page = _Page(look, paper, edition, subject, preheader, archive, corrected)
    sound = without_poison(shown, page.trouble)
    kept = light_enough(sound, lambda some: page.weight(page.html(some)))
    return Rendered(
        subject=subject,
        preheader=preheader,
        html=page.html(kept),
        text=page.text(kept),
        left_out=tuple(one.id for one in sound[len(kept) :]),
        degraded=tuple(one.id for one in kept if one.degraded),
    )


def whatsapp(
    look: Look,
    paper: NewsletterTable,
    edition: Edition,
    choices: Sequence[Choice],
    *,
    archive: bool = True,
    corrected: Edition | None = None,
) -> str:
    """The edition as a text to paste into WhatsApp: titles in bold, a line each, the address alone on its line."""
    short = [replace(one, summary=excerpt(one.summary, LONGEST_LINE)) for one in stories(look, choices)]
    page = _Page(look, paper, edition, archive=archive, corrected=corrected)
    return page.fill("email/whatsapp.txt", short)


def stories(look: Look, choices: Sequence[Choice]) -> list[Story]:
    """The picked articles as templates see them, in their places, the lead first."""
    picked = sorted((one for one in choices if one.picked), key=lambda one: (one.place is None, one.place or 0))
    return [story(choice, look.words, lead=i == 0) for i, choice in enumerate(picked)]


def _subject(
    look: Look, paper: NewsletterTable, edition: Edition, stories: Sequence[Story], corrected: Edition | None
) -> str:
    """The editor's subject, else the lead's title, or what it corrects; never one that looks like an answer."""
    usual = stories[0].title if stories else ""
    if corrected:
        usual = look.words.say("Correction: {subject}", subject=clean(corrected.subject or paper.name))
    given = clean(edition.subject or "") or usual
    given = ANSWERED.sub("", given).strip(" \u00a0")
    given = "" if given == UNTITLED else given
    return cut(given or f"{paper.name} – {look.words.full_date(edition.day)}", LONGEST_SUBJECT)


def paragraphs(text: str, clean: Callable[[str], str] = clean) -> list[str]:
    """An editor's note as its paragraphs, cleaned; a single line break is none."""
    parts = re.split(r"\n[ \t]*\n", text[:LONGEST_NOTE].replace("\r\n", "\n"))
    return [part for part in map(clean, parts) if part]


def note_of(look: Look, edition: Edition) -> list[str]:
    """An editor's note as the mail sets it, in paragraphs."""
    return paragraphs(edition.note or "", _setter(look))


def _setter(look: Look) -> Callable[[str], str]:
    """Cleaned, and in French with its no-break spaces."""
    return (lambda text: typo(clean(text))) if look.words.language == "fr" else clean


def _preheader(edition: Edition, stories: Sequence[Story]) -> str:
    """The second and third headlines; the lead's summary where it is alone; of what is mostly a note, that."""
    if edition.note and (edition.corrects is not None or not stories):
        return excerpt(clean(edition.note), LONGEST_PREHEADER)
    if len(stories) == 1:
        return excerpt(stories[0].summary, LONGEST_PREHEADER)
    return cut(" · ".join(one.title for one in stories[1:3]), LONGEST_PREHEADER)


@dataclass(frozen=True, slots=True)
class Corrected:
    """The edition that a correction is about."""

    day: date
    subject: str
    url: str  # of its page in the archive; empty where there is none


@dataclass(frozen=True, slots=True)
class _Page:
    """The edition's templates with all that they need but the stories."""

    look: Look
    paper: NewsletterTable
    edition: Edition
    subject: str = ""
    preheader: str = ""
    archive: bool = True
    corrected: Edition | None = None

    def html(self, stories: Sequence[Story]) -> str:
        return self.look.html("email/edition.mjml", **self._values(stories))

    def text(self, stories: Sequence[Story]) -> str:
        return self.fill("email/edition.txt", stories)

    def fill(self, template: str, stories: Sequence[Story]) -> str:
        text = self.look.text(template, **self._values(stories))
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"

    def trouble(self, stories: Sequence[Story]) -> TemplateError | None:
        """What these stories do to the templates; None where all is well."""
        try:
            self.html(stories)
            self.text(stories)
        except TemplateError as error:
            return error
        return None

    def _values(self, stories: Sequence[Story]) -> dict[str, object]:
        """All that the templates may use; the top of email/edition.mjml says what each is."""
        paper, words = self.paper, self.look.words
        title, name = self._set(paper.title), self._set(paper.name)
        online = archive_link(paper.public_url, self.edition.name)
        plain = self.corrected is None  # a correction has no lead, and is not there to be passed on
        shared = shares(f"{name}, {words.full_date(self.edition.day)}", online) if self.archive and plain else ()
        filler = FILLER * ((PADDED_PREHEADER - len(self.preheader)) // len(FILLER))
        stories = stories if plain else [replace(one, share=()) for one in stories]
        return {
            "paper": paper,
            "title": title,
            "name": name,
            "publisher": self._publisher(title),
            "contact": parseaddr(paper.reply_to or paper.sender)[1],
            "day": self.edition.day,
            "note": note_of(self.look, self.edition),
            "subject": self.subject,
            "preheader": self.preheader + filler,
            "stories": stories,
            "correction": self._correction(),
            "lead": stories[0] if stories and plain else None,
            "groups": groups(stories[1:] if plain else stories),
            "online": online if self.archive else "",
            "edition_share": shared,
            "archives": f"{paper.public_url}/archive/" if self.archive else "",
            "sign_up": f"{paper.public_url}/",
            "privacy": f"{paper.public_url}/privacy",
            "address": Slot.ADDRESS.marker,
            "unsubscribe": Slot.UNSUBSCRIBE.marker,
            "preferences": Slot.PREFERENCES.marker,
        }

    def _correction(self) -> Corrected | None:
        """What it corrects, as the templates see it."""
        if self.corrected is None:
            return None
        url = archive_link(self.paper.public_url, self.corrected.name) if self.archive else ""
        return Corrected(self.corrected.day, self._set(self.corrected.subject or ""), url)

    def _set(self, text: str) -> str:
        return _setter(self.look)(text)

    def _publisher(self, title: str) -> str:
        """Who publishes it and where: the law wants both. Most addresses begin with the name already."""
        lines = [line for line in map(self._set, self.paper.postal_address.splitlines()) if line]
        address = ", ".join(lines)
        return address if address.casefold().startswith(title.casefold()) else ", ".join(filter(None, (title, address)))

    def weight(self, html: str) -> int:
        return weight(self.paper, html)


def weight(paper: NewsletterTable, html: str) -> int:
    """Bytes of a page as a reader gets it, the personal values at their longest."""
    link = len(paper.public_url) + LINK_ROOM
    room = {Slot.ADDRESS: ADDRESS_ROOM, Slot.UNSUBSCRIBE: link, Slot.PREFERENCES: link}
    return len(html.encode()) + sum(html.count(slot.marker) * size for slot, size in room.items())
