"""What a source's reader finds: an article in the source's own words, before the house's rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that a source offers. `rank` says how plainly it is meant as the article's: smaller is plainer."""

    url: str
    rank: int = 0
    width: int | None = None
    height: int | None = None
    size: int | None = None  # bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Texts are HTML or text, as the source gives them; times are the source's own strings; nothing is cleaned."""

    title: str = ""
    link: str = ""  # absolute, or relative to `base`
    guid: str = ""
    post: int | None = None  # the post's id at its WordPress site
    excerpt: str = ""
    content: str = ""  # the full text, where the source gives one
    authors: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    published: tuple[str, ...] = ()  # candidates, the best first
    modified: tuple[str, ...] = ()
    lead: bool = False
    language: str = ""
    base: str = ""  # where a relative link starts
    images_base: str = ""  # where its pictures' addresses start, if not at the article's own
    title_is_text: bool = False  # "<b>" in it is meant
    excerpt_is_text: bool = False
