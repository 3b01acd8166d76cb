"""HTML → a tree of its elements, as a mail program builds one. Pure, in linear time; comments are left out, and with
them what only Outlook sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

DEEPEST = 400  # elements within elements: beyond it they lie side by side
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
UNSHOWN = frozenset({"head", "title", "style", "script", "template"})


@dataclass(slots=True, eq=False)
class Element:
    """One element, its attributes by their names in small letters."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def get(self, attribute: str) -> str:
        return self.attributes.get(attribute, "").strip()

    @property
    def classes(self) -> list[str]:
        return self.get("class").split()

    def all(self, *names: str) -> Iterator[Element]:
        """Itself and all below it that have one of these names, in document order; without a name, all of them."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            if not names or one.name in names:
                yield one
            waiting += [child for child in reversed(one.children) if isinstance(child, Element)]

    @property
    def text(self) -> str:
        """The words in it, whether they are shown or not, in one line."""
        return " ".join("".join(self._pieces()).split())

    @property
    def text_inside(self) -> str:
        """Its own text as it stands, of a style sheet or a title."""
        return "".join(piece for piece in self.children if isinstance(piece, str))

    def _pieces(self) -> Iterator[str]:
        waiting: list[Element | str] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                yield one
            elif one.name == "br":
                yield " "
            elif one.name not in UNSHOWN:
                waiting += reversed(one.children)
                yield "" if one.name in INLINE else " "


INLINE = frozenset({"a", "abbr", "b", "em", "font", "i", "img", "small", "span", "strong", "sub", "sup", "u"})


def read(html: str) -> Element:
    """The whole page below an element without a name."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, str] = {}
        for name, value in attrs:
            given.setdefault(name, value or "")  # of one said twice, programs take the first
        element = Element(tag, given, self._open[-1])
        self._open[-1].children.append(element)
        if tag not in VOID and len(self._open) < DEEPEST:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].name == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
