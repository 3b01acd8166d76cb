"""A message's bytes → what a mail program has of it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import cached_property
from urllib.parse import urlsplit

from newsletter.inspection import page
from newsletter.inspection.page import Element

ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
NAMED = re.compile(r"<(https?://[^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Link:
    """A link or a picture, with the words on it."""

    url: str
    words: str = ""
    picture: bool = False

    @property
    def host(self) -> str:
        try:
            return (urlsplit(self.url).hostname or "").lower()
        except ValueError:
            return ""

    @property
    def scheme(self) -> str:
        """In small letters; empty where it has none, or is no address at all."""
        found = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*):", self.url)
        return found[1].lower() if found else ""


@dataclass(frozen=True)
class Mail:
    """One reader's mail, taken apart."""

    content: bytes = field(repr=False)

    @cached_property
    def message(self) -> EmailMessage:
        return BytesParser(policy=policy.default).parsebytes(self.content)

    @cached_property
    def html(self) -> str:
        return self._part("html")

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""

    @cached_property
    def page(self) -> Element:
        return page.read(self.html)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Of the HTML: what may be followed, and what is shown."""
        followed = [Link(one.get("href"), _words(one)) for one in self.page.all("a") if "href" in one.attributes]
        return (*followed, *self.pictures)

    @cached_property
    def pictures(self) -> tuple[Link, ...]:
        return tuple(Link(one.get("src"), one.get("alt"), picture=True) for one in self.page.all("img"))

    @cached_property
    def written_out(self) -> tuple[Link, ...]:
        """The addresses that stand in the text."""
        return tuple(Link(found.rstrip(".,;:!?)»")) for found in ADDRESS.findall(self.text))

    @cached_property
    def leave(self) -> str:
        """The reader's own link to leave by, as the header has it; empty where it has none."""
        found = NAMED.search(" ".join(str(self.message.get("List-Unsubscribe", "")).split()))
        return found[1] if found else ""


def _words(link: Element) -> str:
    pictures = " ".join(one.get("alt") for one in link.all("img"))
    return link.text or pictures or link.get("aria-label")
