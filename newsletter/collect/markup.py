"""XML as it is found → a tree. Pure, in linear time, without a DTD.

Feeds in the wild are cut off, hold bare ampersands, HTML that was never escaped, undeclared prefixes, warnings of
PHP before their first tag. One tolerant reader takes them all, the well-formed ones included: nothing depends on
where the first mistake stands. Entities are only ever replaced by one short text, and external ones not at all, so
there is nothing to expand and nothing to fetch. Why not a library: docs/decisions/0010-own-feed-reader.md.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field

from newsletter.collect.text import character_of
from newsletter.errors import SourceError

MAX_STEPS = 80_000  # tags, comments and the like: half a second's work; a feed of 200 articles has 10,000
MAX_DEPTH = 200  # below it tags are text of the element that holds them
MAX_ATTRIBUTES = 10_000  # characters of one tag's attributes that are read
MAX_SPACES = 30  # namespaces that are known at one place
MAX_ENTITIES = 200_000  # entities that are decoded in one document
MAX_ENTITY = 100  # characters that one of the document's own may stand for: 20 MB in all

# Namespaces by the prefix that everybody uses for them; the texts of RSS, RDF and Atom itself have none.
NAMESPACES = {
    "http://purl.org/dc/elements/1.1": "dc",
    "http://purl.org/dc/elements/1.0": "dc",
    "http://purl.org/dc/terms": "dcterms",
    "http://purl.org/rss/1.0/modules/content": "content",
    "http://search.yahoo.com/mrss": "media",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.google.com/schemas/play-podcasts/1.0": "googleplay",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "http://www.w3.org/xml/1998/namespace": "xml",
    "com-wordpress:feed-additions:1": "wordpress",
    "http://prismstandard.org/namespaces/1.2/basic": "prism",
    "http://prismstandard.org/namespaces/basic/2.0": "prism",
    "http://backend.userland.com/rss": "",
    "http://backend.userland.com/rss2": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://purl.org/rss/1.0": "",
    "http://my.netscape.com/rdf/simple/0.9": "",
    "http://channel.netscape.com/rdf/simple/0.9": "",
    "http://purl.org/net/rss1.1": "",
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/atom/ns": "",
}
# Elements that hold no elements: where one of them, or of the rich ones, begins inside, an end tag was forgotten
# (`<link href="…">` is the usual one).
FLAT = frozenset({"title", "link", "guid", "id", "pubdate", "published", "updated", "category", "enclosure"})
FLAT |= frozenset({"dc:creator", "dc:date", "dc:subject", "media:thumbnail"})
RICH = frozenset({"description", "summary", "content", "content:encoded", "author"})


class Document:
    """The whole text, with the entities it declares and how many may still be decoded."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.entities: dict[str, str] = {}
        self.strange: set[str] = set()
        self.left = MAX_ENTITIES

    def decoded(self, text: str) -> str:
        if "&" not in text or self.left <= 0:
            return text
        text, count = _ENTITY.subn(self._entity, text, count=self.left)
        self.left -= count
        return text

    def _entity(self, match: re.Match[str]) -> str:
        # With its semicolon only: in an address, "&copy=2" is a parameter.
        own = self.entities.get(match[1])
        if own is not None:
            return own
        # One that the document declares and we do not follow, since it is long, of entities, or elsewhere: nothing.
        return "" if match[1] in self.strange else character_of(match[0])


@dataclass(slots=True)
class Node:
    """An element: its name in small letters with the usual prefix (`title`, `dc:creator`), its attributes likewise."""

    name: str
    attributes: dict[str, str]
    written: str  # the name as it stands there, for finding its end tag
    document: Document
    start: int = 0  # where its inside begins and ends
    end: int = -1
    spaces: dict[str, str] = field(default_factory=dict)  # prefix → usual prefix, as declared around here
    base: str = ""
    language: str = ""
    children: list[Node] = field(default_factory=list)
    pieces: list[tuple[str, bool]] = field(default_factory=list)  # its own text, and whether it is CDATA
    named: dict[str, list[Node]] | None = None  # the children by name, once they are asked for

    @property
    def text(self) -> str:
        """Its own text, decoded."""
        return "".join(piece if literal else self.document.decoded(piece) for piece, literal in self.pieces).strip()

    @property
    def markup(self) -> str:
        """Its value as HTML: its text where that is escaped, else the elements in it as they are written."""
        if not self.children:
            return self.text
        inner = self.document.text[self.start : self.end if self.end >= 0 else len(self.document.text)]
        return _PREFIX.sub(r"<\1", _CDATA.sub(r"\1", inner)).strip()

    def get(self, attribute: str) -> str:
        return self.attributes.get(attribute, "").strip()

    def all(self, *names: str) -> list[Node]:
        """The children of these names, in document order; no feed means more than a hundred of one."""
        if self.named is None:
            self.named = {}
            for child in self.children:
                self.named.setdefault(child.name, []).append(child)
        found = [child for name in names for child in self.named.get(name, ())[:100]]
        return found if len(names) == 1 else sorted(found, key=lambda child: child.start)

    def first(self, *names: str) -> Node | None:
        """The first child of the first name that has one with anything in it; else of the first name present."""
        found = [child for name in names for child in self.all(name)]
        return next((child for child in found if child.children or child.text), found[0] if found else None)


_ENTITY = re.compile(r"&(#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{0,40});")
_NAME = re.compile(r"[A-Za-z_][\w.\-]*(?::[\w.\-]+)?")
# A tag holds no "<": where one comes before the end, what began was text. That keeps the reading linear.
# Possessive (`++`): what is matched once is not tried in all other ways, which takes for ever where no ">" comes.
_TAG = re.compile(r"""(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>""")
_CUT_TAG = re.compile(r"</?(?:[A-Za-z_][^<>]{0,2000})?\Z")
_SLOPPY_TAG = re.compile(r"[^<>]*>")
_ATTRIBUTE = re.compile(
    r"""(?<![\w.:\-])([A-Za-z_][\w.\-]*+(?::[\w.\-]++)?+)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]++))"""
)
_ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_DECLARED = re.compile(r"<!ENTITY\s+([A-Za-z][\w]*)\s")
_DECLARATION = re.compile(r"""<!ENTITY\s+([A-Za-z][\w]*)\s+(?:"([^"<%]*)"|'([^'<%]*)')\s*>""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_PREFIX = re.compile(r"<(/?)(?:x?html|xh|h):")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]+")


def tree_of(text: str) -> Node:
    """The document's elements under one nameless root. Raises SourceError where it has more tags than any feed."""
    text = _CONTROLS.sub("", text)
    return _Reader(text).read()


class _Reader:
    """One reading of one document: `at` only ever moves forward."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.steps = 0
        self.document = Document(text)
        self.stack = [Node("", {}, "", self.document, spaces={"atom": ""})]  # often used without being declared
        self.open: Counter[str] = Counter()  # how many elements of a name are open: no search for one that is not
        self.missing: set[str] = set()  # endings that do not occur any more: not searched for again

    def read(self) -> Node:
        text = self.text
        while self.at < len(text):
            tag = text.find("<", self.at)
            if tag < 0:
                tag = len(text)
            if tag > self.at:
                self.stack[-1].pieces.append((text[self.at : tag], False))
            self.at = tag
            if tag < len(text):
                self._step()
        return self.stack[0]

    def _step(self) -> None:
        """Read what begins at a "<"."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise SourceError(f"has more than {MAX_STEPS:,} tags: no feed to read every day")
        text, at = self.text, self.at
        if text.startswith("<![CDATA[", at):
            end = self._find("]]>", at + 9)
            self.stack[-1].pieces.append((text[at + 9 : end if end >= 0 else len(text)], True))
            self.at = end + 3 if end >= 0 else len(text)
        elif text.startswith("<!--", at):
            self._skip(self._find("-->", at + 4), 3)
        elif text.startswith("<?", at):
            self._skip(self._find("?>", at + 2), 2)
        elif text.startswith("<!", at):
            self._doctype()
        elif text.startswith("</", at):
            self._end_tag()
        else:
            self._start_tag()

    def _find(self, ending: str, at: int) -> int:
        if ending in self.missing:
            return -1
        found = self.text.find(ending, at)
        if found < 0:
            self.missing.add(ending)
        return found

    def _skip(self, end: int, length: int) -> None:
        if end >= 0:
            self.at = end + length
        else:
            self._literal()

    def _literal(self) -> None:
        """The "<" was just a character."""
        self.stack[-1].pieces.append(("<", True))
        self.at += 1

    def _unfinished(self) -> None:
        """No tag, or one in whose middle the document was cut off."""
        cut = _CUT_TAG.match(self.text, self.at)
        if cut:
            self.at = cut.end()
        else:
            self._literal()

    def _doctype(self) -> None:
        """Leave it out, but keep its short internal entities: some feeds declare `&nbsp;` or their own name."""
        inner, close = self.text.find("[", self.at, self.at + 2000), self.text.find(">", self.at, self.at + 2000)
        if 0 <= inner < close:
            end = self._find("]", inner)
            subset = self.text[inner : min(end, inner + 20_000)] if end >= 0 else ""
            for name, double, single in _DECLARATION.findall(subset):
                value = html.unescape(double or single)
                if len(value) <= MAX_ENTITY and not _ENTITY.search(value):
                    self.document.entities.setdefault(name, value)
            self.document.strange = set(_DECLARED.findall(subset)) - self.document.entities.keys()
            close = self.text.find(">", end, end + 2000) if end >= 0 else -1
        self._skip(close, 1)

    def _end_tag(self) -> None:
        name, close = _NAME.match(self.text, self.at + 2), _SLOPPY_TAG.match(self.text, self.at + 2)
        if not name or not close:
            self._unfinished()
            return
        written = name[0].lower()
        if self.open[written]:
            self._close_to(written)
        self.at = close.end()

    def _close_to(self, written: str) -> None:
        while self.stack[-1].written != written:
            self._close(self.at)
        self._close(self.at)

    def _close(self, end: int) -> None:
        node = self.stack.pop()
        node.end = end
        self.open[node.written] -= 1

    def _start_tag(self) -> None:
        text = self.text
        name = _NAME.match(text, self.at + 1)
        close = (_TAG.match(text, name.end()) or _SLOPPY_TAG.match(text, name.end())) if name else None
        if not name or not close:
            self._unfinished()
            return
        written = name[0].lower()
        if written in ("item", "entry") and self.open[written]:
            self._close_to(written)  # the one before was never closed
        elif self.stack[-1].written in FLAT and (written in FLAT or written in RICH):
            self._close(self.at)
        if len(self.stack) < MAX_DEPTH:
            rest = text[name.end() : close.end() - 1]
            if written == "link" and rest.strip() == "/" and _ADDRESS.match(text, close.end()):
                rest = ""  # `<link/>https://…`: a tool for HTML wrote this, where a link holds nothing
            self._open(written, rest, close.end())
        self.at = close.end()

    def _open(self, written: str, rest: str, start: int) -> None:
        parent = self.stack[-1]
        attributes = self._attributes(rest) if "=" in rest else {}
        spaces = self._spaces(parent, attributes)
        node = Node(_usual(written, spaces), {}, written, self.document, start, spaces=spaces)
        for name, value in attributes.items():
            node.attributes[_usual(name, spaces) if ":" in name else name] = value
        node.base = attributes.get("xml:base", "").strip() or parent.base
        node.language = attributes.get("xml:lang", "").strip() or parent.language
        parent.children.append(node)
        if rest.endswith("/"):
            node.end = start
        else:
            self.stack.append(node)
            self.open[written] += 1

    def _attributes(self, rest: str) -> dict[str, str]:
        found = _ATTRIBUTE.findall(rest[:MAX_ATTRIBUTES])
        return {name.lower(): self.document.decoded(double or single or bare) for name, double, single, bare in found}

    def _spaces(self, parent: Node, attributes: dict[str, str]) -> dict[str, str]:
        declared = {}
        for name, uri in attributes.items():
            if name == "xmlns" or name.startswith("xmlns:"):
                prefix = name[6:]
                declared[prefix] = NAMESPACES.get(uri.strip().lower().rstrip("/#"), prefix)
        if not declared or declared.items() <= parent.spaces.items() or len(parent.spaces) > MAX_SPACES:
            return parent.spaces
        return {**parent.spaces, **declared}


def _usual(written: str, spaces: dict[str, str]) -> str:
    prefix, colon, local = written.rpartition(":")
    usual = spaces.get(prefix, prefix if colon else "")
    return f"{usual}:{local}" if usual else local
