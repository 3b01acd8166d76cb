"""What we say to people, in the newsletter's language: phrases by gettext, dates and lists as the language wants them.

English is the message itself; other languages stand in `locale/<language>/*.po`, read when first needed.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALES = {"fr": "fr", "en": "en_GB"}  # day before month, in both
LOCALE_FOLDER = Path(__file__).parent / "locale"
NBSP = "\u00a0"
# What a text from elsewhere may hold, and no line of ours: controls, what turns its direction, what hides in it.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]")


class Words:
    """The words of one newsletter: its `language` ("fr" or "en") and the zone its times are told in."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone

    def say(self, message: str, /, **values: object) -> str:
        """`message` in the newsletter's language, with `{names}` filled in; without values it stays a pattern."""
        text = self._catalog.phrases.get(message, message)
        return text.format(**values) if values else text

    def count(self, singular: str, plural: str, n: int, /, **values: object) -> str:
        """The phrase for `n` of something; `{n}` is written as the language writes numbers."""
        forms = self._catalog.plurals.get(singular)
        text = forms[self._catalog.form_for(n)] if forms else singular if n == 1 else plural
        return text.format(n=self.number(n), **values)

    @cached_property
    def _catalog(self) -> _Catalog:
        return _read_catalogs(LOCALE_FOLDER / self.language)

    @property
    def _locale(self) -> str:
        return LOCALES.get(self.language, self.language)

    def full_date(self, day: date) -> str:
        """« lundi 23 novembre 2026 », « jeudi 1er octobre 2026 »; "Monday 23 November 2026"."""
        return self._date(day, "EEEE d MMMM y")

    def short_date(self, day: date) -> str:
        """« 23 nov. », « 1er oct. »; "23 Nov"."""
        return self._date(day, "d MMM")

    def _date(self, day: date, pattern: str) -> str:
        from babel.dates import format_date

        text = format_date(day, pattern, locale=self._locale)
        if self.language == "fr" and day.day == 1:  # Babel writes « 1 octobre »
            text = text.replace("1 ", "1er ", 1)
        return text

    def time(self, moment: datetime) -> str:
        """The hour on the newsroom's clock: « 7 h 05 », "7:05"."""
        local = moment.astimezone(self.zone)
        if self.language == "fr":
            return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}"
        return f"{local.hour}:{local.minute:02}"

    def moment(self, moment: datetime) -> str:
        """Day and hour on the newsroom's clock: « 23 novembre 2026 à 7 h 05 »."""
        day = self._date(moment.astimezone(self.zone).date(), "d MMMM y")
        return self.say("{day} at {time}", day=day, time=self.time(moment))

    def number(self, n: float) -> str:
        """« 1 840 » with a no-break space, "1,840"."""
        text = f"{n:,}"
        return text.translate({ord(","): NBSP, ord("."): ","}) if self.language == "fr" else text

    def bytes(self, n: int) -> str:
        """« 48 ko », « 1,2 Mo »; "48 KB", "1.2 MB"."""
        units = ("o", "ko", "Mo", "Go") if self.language == "fr" else ("B", "KB", "MB", "GB")
        step = min((len(str(n)) - 1) // 3, 3)
        value: float = n / 1000**step
        rounded = round(value, 1) if step and value < 10 else round(value)
        return f"{self.number(rounded)}{NBSP}{units[step]}"

    def names(self, people: Sequence[str]) -> str:
        """« Ama K. », « Ama K. et Kodjo A. », « Ama K., Kodjo A. et Efua D. »."""
        if len(people) < 2:
            return "".join(people)
        return f"{', '.join(people[:-1])} {self.say('and')} {people[-1]}"

    @staticmethod
    def capitalised(text: str) -> str:
        """Fit to begin a line: the first letter large, the rest as it is."""
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class _Catalog:
    phrases: dict[str, str]
    plurals: dict[str, tuple[str, ...]]  # by the singular
    form_for: Callable[[int], int]


def _read_catalogs(folder: Path) -> _Catalog:
    """A language's phrases; none where it has no files, as for English. Read from the .po: nothing is compiled."""
    found = _Catalog({}, {}, lambda n: int(n != 1))
    for file in sorted(folder.glob("*.po")):
        found = _read_catalog(file, found)
    return found


def _read_catalog(file: Path, known: _Catalog) -> _Catalog:
    from babel.messages.pofile import read_po

    with file.open("rb") as stream:
        catalog = read_po(stream)
    phrases, plurals = dict(known.phrases), dict(known.plurals)
    for message in catalog:
        if not message.id or message.fuzzy:
            continue
        if isinstance(message.id, str):
            phrases[message.id] = str(message.string) or message.id
        elif isinstance(message.string, (tuple, list)) and all(message.string):
            plurals[message.id[0]] = tuple(message.string)
    return _Catalog(phrases, plurals, gettext.c2py(catalog.plural_expr))


def plain(text: str) -> str:
    """A text from elsewhere as it may stand in a line of ours, whatever was put into it."""
    return " ".join(part for part in UNSEEN.sub(" ", text).split(" ") if part)
