"""Style sheets, as far as mails use them: which declarations hold for an element on a screen. Pure.

Selectors of names, classes, ids and attributes, below one another or right below; `@media` with width and colour
scheme. What is beyond that (`:hover`, `+`, `@supports`) never holds: it says nothing of how a mail first looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from newsletter.inspection.colours import colour
from newsletter.inspection.page import Element

LONGEST = 200_000  # characters of a style sheet that are read
COMMENT = re.compile(r"/\*.*?\*/|<!--|-->", re.DOTALL)
SIMPLE = re.compile(r"([.#])([\w-]+)|\[\s*([\w-]+)\s*(?:=\s*[\"']?([^\"'\]]*)[\"']?\s*)?\]|(:root)|(\*|[a-zA-Z][\w-]*)")
NUMBER = r"(\d{1,6}(?:\.\d*)?|\.\d+)"
FEATURE = re.compile(r"\(\s*([\w-]+)\s*:\s*([\w.-]+)\s*\)")
IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)

PIECES = re.compile(r"\s+(?![^(]*\))")
PICTURES = ("url(", "linear-gradient(", "radial-gradient(")
FONT = re.compile(rf"(?:^|\s)({NUMBER}(?:px|pt|em|rem|%))(?:\s*/\s*\S+)?(?:\s|$)")
WEIGHT = re.compile(r"bold|bolder|lighter|[1-9]00")

Rank = tuple[bool, bool, tuple[int, int, int], int]  # important, in style="…", the selector's, the place


@dataclass(frozen=True, slots=True)
class Screen:
    """What a mail is looked at on."""

    dark: bool = False
    width: int = 360


@dataclass(frozen=True, slots=True)
class Declaration:
    name: str
    value: str
    important: bool = False


@dataclass(frozen=True, slots=True)
class Simple:
    """What one element must be: `h2.first[lang]`."""

    name: str = ""
    classes: tuple[str, ...] = ()
    id: str = ""
    attributes: tuple[tuple[str, str | None], ...] = ()
    root: bool = False

    def fits(self, element: Element) -> bool:
        return (
            self.name in ("", "*", element.name)
            and (not self.id or element.get("id") == self.id)
            and (not self.root or element.name == "html")
            and all(one in element.classes for one in self.classes)
            and all(
                name in element.attributes and value in (None, element.get(name)) for name, value in self.attributes
            )
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Declarations, for whom they are, and on which screens."""

    media: tuple[str, ...]
    steps: tuple[tuple[bool, Simple], ...]  # from the element itself outwards; True: right above the one before
    declarations: tuple[Declaration, ...]

    @property
    def rank(self) -> tuple[int, int, int]:
        simples = [one for _, one in self.steps]
        classes = sum(len(one.classes) + len(one.attributes) + one.root for one in simples)
        return sum(bool(one.id) for one in simples), classes, sum(one.name not in ("", "*") for one in simples)

    def fits(self, element: Element, at: int = 0) -> bool:
        direct, simple = self.steps[at]
        above: Element | None = element
        while above is not None:
            if simple.fits(above):
                rest = at + 1
                if rest == len(self.steps) or (above.parent is not None and self.fits(above.parent, rest)):
                    return True
                if not any(direct for direct, _ in self.steps[rest:]):
                    return False  # who is further out has less above it
            if direct or at == 0:
                return False
            above = above.parent
        return False


def sheet(page: Element) -> list[Rule]:
    """All the rules that a page's own style sheets hold."""
    found: list[Rule] = []
    for style in page.all("style"):
        text = style.text_inside[:LONGEST]
        media = (style.get("media").lower(),) if style.get("media") else ()
        found += _rules(COMMENT.sub(" ", text), media)
    return found


def _rules(text: str, media: tuple[str, ...]) -> Iterator[Rule]:
    position = 0
    while (start := text.find("{", position)) >= 0:
        end = _end(text, start)
        head = text[position:start].rpartition(";")[2].strip()
        inside, position = text[start + 1 : end], end + 1
        if head.lower().startswith("@media") and len(media) < 5:
            yield from _rules(inside, (*media, head[6:].strip().lower()))
        elif not head.startswith("@"):
            declared = tuple(declarations(inside))
            for selector in head.split(","):
                steps = _steps(selector)
                if steps and declared:
                    yield Rule(media, steps, declared)


def _end(text: str, start: int) -> int:
    """Where the block that begins at `start` ends."""
    depth = 0
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return start + brace.start()
    return len(text)


def _steps(selector: str) -> tuple[tuple[bool, Simple], ...]:
    """Empty where it is of a kind that never holds."""
    steps: list[tuple[bool, Simple]] = []
    words = selector.replace(">", " > ").split()
    direct = False
    for word in reversed(words):
        if word == ">":
            direct = True
            continue
        simple = _simple(word)
        if simple is None:
            return ()
        steps.append((direct, simple))
        direct = False
    return tuple(steps)


def _simple(word: str) -> Simple | None:
    name, classes, identity, attributes, root = "", [], "", [], False
    position = 0
    while position < len(word):
        part = SIMPLE.match(word, position)
        if part is None:
            return None
        position = part.end()
        if part[1] == ".":
            classes.append(part[2])
        elif part[1] == "#":
            identity = part[2]
        elif part[3]:
            attributes.append((part[3].lower(), part[4]))
        elif part[5]:
            root = True
        else:
            name = part[6].lower()
    return Simple(name, tuple(classes), identity, tuple(attributes), root)


def declarations(text: str) -> Iterator[Declaration]:
    """What stands between two braces, or in style="…"."""
    for part in re.split(r";(?![^(]*\))", text):
        name, colon, value = part.partition(":")
        if colon and value.strip():
            important = IMPORTANT.search(value) is not None
            for one, given in _spelt_out(name.strip().lower(), IMPORTANT.sub("", value).strip()):
                yield Declaration(one, given, important)


def _spelt_out(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A short form as what it stands for: it sets what it does not name, too."""
    parts = PIECES.split(value)
    size = FONT.search(value)
    if name == "background":
        yield "background-color", next((part for part in parts if colour(part)), "transparent")
        yield "background-image", next((part for part in parts if part.startswith(PICTURES)), "none")
    elif name == "font" and size:
        yield "font-size", size[1]
        yield "font-weight", next((part for part in parts if WEIGHT.fullmatch(part)), "normal")
        yield "font-family", value[size.end() :].strip()
    else:
        yield name, value


def holds(media: Iterable[str], screen: Screen) -> bool:
    """Whether all of these conditions are met; of one with commas, any of its parts."""
    return all(any(_met(part, screen) for part in one.split(",")) for one in media)


def _met(query: str, screen: Screen) -> bool:
    kind = query.partition("(")[0].replace("only", "").replace("and", "").strip()
    if kind not in ("", "all", "screen"):
        return False
    features = FEATURE.findall(query)
    return query.count("(") == len(features) and all(_feature(name, value, screen) for name, value in features)


def _feature(name: str, value: str, screen: Screen) -> bool:
    if name == "prefers-color-scheme":
        return value == ("dark" if screen.dark else "light")
    number = re.match(NUMBER, value)
    if name in ("max-width", "max-device-width") and number:
        return screen.width <= float(number[0])
    if name in ("min-width", "min-device-width") and number:
        return screen.width >= float(number[0])
    return False


def styles(element: Element, rules: Iterable[Rule]) -> dict[str, str]:
    """What is declared for an element, of `rules` that hold on the screen: the strongest of each name."""
    strongest: dict[str, tuple[Rank, str]] = {}

    def offer(one: Declaration, inline: bool, rank: tuple[int, int, int], place: int) -> None:
        key = (one.important, inline, rank, place)
        if one.name not in strongest or key >= strongest[one.name][0]:
            strongest[one.name] = (key, one.value)

    for place, rule in enumerate(rules):
        if rule.fits(element):
            for one in rule.declarations:
                offer(one, False, rule.rank, place)
    for one in declarations(element.attributes.get("style", "")):
        offer(one, True, (0, 0, 0), 0)
    return {name: value for name, (_, value) in strongest.items()}
