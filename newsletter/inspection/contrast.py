"""How much each text of a mail stands out from what it is written on, on a light screen and on a dark one. Pure.

WCAG 2.2, 1.4.3: 4.5 : 1, and 3 : 1 for large letters (24 px, or 18.66 px in bold). Counted from the mail's own styles:
what a program makes of them by itself (Gmail's dark colours) nobody can know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from newsletter.inspection import css
from newsletter.inspection.colours import Colour, colour
from newsletter.inspection.css import NUMBER, Rule, Screen
from newsletter.inspection.page import UNSHOWN, Element
from newsletter.render import colour as legible

LEAST, LEAST_LARGE = legible.LEAST, 3.0
LARGE, LARGE_BOLD = 24.0, 18.66  # px
BOLD = frozenset({"b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th"})
HEADINGS = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67}  # of the letters around them
SIZE = re.compile(rf"{NUMBER}(px|pt|em|rem|%)")


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it is seen."""

    text: str
    ink: Colour
    ground: Colour
    size: float  # px
    bold: bool

    @property
    def ratio(self) -> float:
        return legible.contrast(str(self.ink), str(self.ground))

    @property
    def least(self) -> float:
        return LEAST_LARGE if self.size >= LARGE or (self.bold and self.size >= LARGE_BOLD) else LEAST


@dataclass(frozen=True, slots=True)
class _Look:
    """What an element hands on to what is in it. None: a colour that we cannot read, or a picture below."""

    ink: Colour | None
    ground: Colour | None
    size: float = 16.0
    bold: bool = False
    hidden: bool = False


LIGHT = _Look(Colour(0, 0, 0), Colour(255, 255, 255))
DARK = _Look(Colour(255, 255, 255), Colour(18, 18, 18))
LINKS = {False: Colour(0, 0, 238), True: Colour(158, 158, 255)}  # of browsers, on a light and a dark ground


def knows_dark(page: Element) -> bool:
    """Whether the mail has colours of its own for a dark screen; else programs show the light ones, or make some up."""
    return any("prefers-color-scheme" in query for rule in css.sheet(page) for query in rule.media) or _scheme(page)


def _scheme(page: Element) -> bool:
    return any("dark" in one.get("content").lower() for one in page.all("meta") if one.get("name") == "color-scheme")


def faint(page: Element, screen: Screen) -> list[Written]:
    """The texts that stand out less than they should; of those that look alike the first, the worst of all first."""
    found: dict[tuple[str, str, float], Written] = {}
    for one in written(page, screen):
        if one.ratio < one.least:
            found.setdefault((str(one.ink), str(one.ground), one.least), one)
    return sorted(found.values(), key=lambda one: one.ratio)


def written(page: Element, screen: Screen) -> Iterator[Written]:
    """Every text that is seen, but those whose colours cannot be told."""
    rules = [rule for rule in css.sheet(page) if css.holds(rule.media, screen)]
    waiting: list[tuple[Element, _Look]] = [(page, DARK if screen.dark and _scheme(page) else LIGHT)]
    while waiting:
        element, around = waiting.pop()
        look = _looks(element, around, rules, screen)
        if look.hidden:
            continue
        for child in element.children:
            if isinstance(child, Element):
                continue
            text = " ".join(child.split())
            if text and look.ink and look.ground and look.size > 0:
                yield Written(text, look.ink.over(look.ground), look.ground, look.size, look.bold)
        waiting += [(child, look) for child in reversed(element.children) if isinstance(child, Element)]


def _looks(element: Element, around: _Look, rules: Sequence[Rule], screen: Screen) -> _Look:
    if element.name in UNSHOWN:
        return replace(around, hidden=True)
    style = css.styles(element, rules)
    hidden = style.get("display") == "none" or style.get("visibility") == "hidden" or style.get("opacity") == "0"
    if hidden:
        return replace(around, hidden=True)
    return _Look(
        ink=_ink(element, style, around, screen),
        ground=_ground(element, style, around),
        size=_size(element, style, around.size),
        bold=_bold(element, style, around.bold),
    )


def _ink(element: Element, style: dict[str, str], around: _Look, screen: Screen) -> Colour | None:
    given = style.get("color") or (element.get("color") if element.name == "font" else "")
    given = given or (element.get("text") if element.name == "body" else "")
    if not given and element.name == "a" and element.get("href"):
        return LINKS[screen.dark and around.ground is not None and sum(around.ground[:3]) < 3 * 128]
    return around.ink if given in ("", "inherit", "currentcolor") else colour(given)


def _ground(element: Element, style: dict[str, str], around: _Look) -> Colour | None:
    if style.get("background-image", "none") != "none" or element.get("background"):
        return None
    given = style.get("background-color") or element.get("bgcolor")
    if given in ("", "inherit", "initial", "unset", "none"):
        return around.ground
    found = colour(given)
    if found is None or found.alpha == 1:
        return found
    return found.over(around.ground) if around.ground else None


def _size(element: Element, style: dict[str, str], around: float) -> float:
    said = SIZE.fullmatch(style.get("font-size", ""))
    if said is None:
        return around * HEADINGS.get(element.name, 1.0)
    number, unit = float(said[1]), said[2]
    return {"px": number, "pt": number * 4 / 3, "em": number * around, "rem": number * 16, "%": number * around / 100}[
        unit
    ]


def _bold(element: Element, style: dict[str, str], around: bool) -> bool:
    given = style.get("font-weight", "")
    if given in ("bold", "bolder") or re.fullmatch(r"[6-9]00", given):
        return True
    if given in ("normal", "lighter") or re.fullmatch(r"[1-5]00", given):
        return False
    return around or element.name in BOLD
