"""What the tests of rendering share: invented articles, a paper, an edition; a mail's HTML as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

from newsletter.config import NewsletterTable
from newsletter.model import DAILY, Article, Candidate, Choice, Edition, EditionStatus, Picture, Slot
from newsletter.render import Look
from newsletter.words import Words

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SITE, PUBLIC = "https://journal.example", "https://lettre.journal.example"
HEADLINES = (
    "Le port retrouve ses pêcheurs après deux ans de travaux",
    "À Kpalimé, le café se vend avant d'être cueilli",
    "Le budget des communes voté à une voix près",
    "Une fanfare pour le quartier des Filaos",
    "Trois écoles reliées au réseau électrique",
)
SECTIONS = ("Économie", "Politique", "Société", "Culture")
SUMMARY = (
    "Les premières barques ont quitté le quai à l'aube. Dans la nouvelle halle, les mareyeuses attendent la chambre"
    " froide promise pour le mois prochain, et les comptes ne sont pas encore faits."
)


def table(**values: Any) -> NewsletterTable:
    """A [newsletter] table."""
    given: dict[str, Any] = {
        "title": "Le Quotidien du Golfe",
        "name": "La lettre du matin",
        "site_url": SITE,
        "public_url": PUBLIC,
        "from": "Le Quotidien du Golfe <lettre@journal.example>",
        "reply_to": "redaction@journal.example",
        "postal_address": "14 rue des Filaos\n01 BP 0000 Lomé, Togo",
    }
    return NewsletterTable(**(given | values))


def edition(**values: Any) -> Edition:
    given: dict[str, Any] = {"id": 1, "day": date(2026, 11, 23), "slot": DAILY, "status": EditionStatus.DRAFT}
    return Edition(**(given | {"picked_at": NOW} | values))


def article(number: int = 1, **values: Any) -> Article:
    url = f"{SITE}/articles/{number}/le-port-retrouve-ses-pecheurs/"
    given: dict[str, Any] = {
        "identity": url,
        "url": url,
        "title": f"{HEADLINES[number % len(HEADLINES)]} ({number})",
        "summary": SUMMARY,
        "authors": ("Ama Kossivi", "Kodjo Atsou"),
        "picture": Picture(f"{SITE}/images/{number}.jpg", "Une barque à quai", 768, 432, 40_000),
        "published": NOW,
        "words": 640,
    }
    return Article(**(given | values))


def choice(number: int, chosen: Article | None = None, *, picked: bool = True, section: str | None = None) -> Choice:
    """The article in that place; sections come one after the other, three articles each."""
    chosen = chosen or article(number)
    candidate = Candidate(number, chosen, NOW, NOW)
    return Choice(candidate, picked, "", number, section or SECTIONS[(number - 1) // 3 % len(SECTIONS)])


def choices(count: int, **values: Any) -> list[Choice]:
    return [choice(number, article(number, **values)) for number in range(1, count + 1)]


def look(folder: Path, language: str = "fr") -> Look:
    return Look(folder, Words(language, table().zone))


def personal(text: str) -> str:
    """A reader's copy."""
    values = {
        Slot.ADDRESS: "afi@boite.example",
        Slot.UNSUBSCRIBE: f"{PUBLIC}/u/abc",
        Slot.PREFERENCES: f"{PUBLIC}/p/abc",
    }
    for slot, value in values.items():
        text = text.replace(slot.marker, value)
    return text


def tree(html: str) -> Element:
    """The document as a browser reads it."""
    document: Element = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    return document


def all_of(document: Element, *names: str) -> Iterator[Element]:
    return (element for element in document.iter() if element.tag in names)


def text_of(element: Element) -> str:
    return "".join(element.itertext())
