"""A CSV file → its rows: encoding, delimiter and first row are recognised, then it is read as a stream.

However large the file, only one row of it is in memory.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from newsletter.errors import BadData
from newsletter.imports.formats import PLAIN, Layout, recognise
from newsletter.imports.usual import person

SAMPLE = 1 << 16  # characters in which the first row must end
LONGEST_LINE = 1 << 20
LONGEST_ROW = 100  # lines: a note may have some
DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\n', re.IGNORECASE)  # Excel's own first line
BROKEN = re.compile(r"[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that the encoding does not have
# How a file's bytes are read that do not fit: kept, where one row may be in another encoding than the others.
ERRORS = {"utf-8-sig": "surrogateescape", "cp1252": "surrogateescape", "utf-16": "strict"}
NAMES = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}  # as people call them
OTHER = {"utf-8-sig": "cp1252", "cp1252": "utf-8"}  # in which a row out of another list is probably written


@dataclass(frozen=True, slots=True)
class ListFile:
    """What was recognised of a file."""

    path: Path
    size: int
    digest: str  # SHA-256
    encoding: str
    delimiter: str
    heading: int  # how many rows come before the first person
    layout: Layout


def look(path: Path) -> ListFile:
    """Recognise a file. Raises BadData where it cannot be read, or has no column of addresses."""
    if not path.is_file():
        raise BadData(f"{path}: not a file that can be read twice: save the list as a file first")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            encoding = _encoding(file)
        with path.open(encoding=encoding, errors=ERRORS[encoding]) as text:
            sample = text.read(SAMPLE).replace("\0", "")
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadData(f"{path}: broken UTF-16; save it as UTF-8") from None
    delimiter, heading, layout = _first_row(path, sample, encoding)
    return ListFile(path, path.stat().st_size, digest, encoding, delimiter, heading, layout)


def _encoding(file: io.BufferedReader) -> str:
    """What most lines of the file are written in: a row pasted in from elsewhere must not spoil all the others.

    The whole file is looked at: in a long list the first accent may stand on its last line.
    """
    file.seek(0)
    begin = file.read(3)
    if begin[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    well = broken = 0
    for part in iter(lambda: file.read(SAMPLE), b""):
        text = decoder.decode(part, final=len(part) < SAMPLE)
        if not text.isascii():
            lines = [bool(BROKEN.search(line)) for line in text.splitlines() if not line.isascii()]
            broken += sum(lines)
            well += len(lines) - sum(lines)
    return "utf-8-sig" if begin == codecs.BOM_UTF8 or broken <= well else "cp1252"


def _first_row(path: Path, sample: str, encoding: str) -> tuple[str, int, Layout]:
    """The delimiter, how many rows to skip, and the layout."""
    told = SEPARATOR.match(sample)
    delimiters = told[1] if told else DELIMITERS
    found = [(delimiter, *_read(sample, delimiter, encoding)) for delimiter in delimiters]
    for delimiter, number, cells in sorted(found, key=lambda one: -len(one[2])):
        layout = recognise(cells, path.name)
        if layout:
            return delimiter, number, layout
    _, number, cells = min(found, key=lambda one: len(one[2]))
    if len(cells) == 1 and _is_address(cells[0]):
        return ",", number - 1, Layout(PLAIN, 0)
    columns = ", ".join(cell.strip() for cell in max(found, key=lambda one: len(one[2]))[2])
    raise BadData(f"{path}: no column called email (or adresse, e-mail, courriel); found: {columns[:200] or 'nothing'}")


def _read(sample: str, delimiter: str, encoding: str) -> tuple[int, list[str]]:
    """The first row with something in it, and its number. Its columns are known in whichever encoding it is."""
    reader = csv.reader(io.StringIO(sample), delimiter=delimiter)
    for number, cells in enumerate(reader, start=1):
        if any(cell.strip() for cell in cells) and not (number == 1 and SEPARATOR.match(sample)):
            return number, [_in_the_other(cell, encoding) or BROKEN.sub("?", cell) for cell in cells]
    return 0, []


def _in_the_other(cell: str, encoding: str) -> str | None:
    """The cell, where its bytes are none of the file's encoding, or well-formed UTF-8 in a file of Windows-1252: that
    is no chance, since who writes “Ã©” means “é”. None for any other."""
    if cell.isascii() or encoding not in OTHER or (encoding == "utf-8-sig" and not BROKEN.search(cell)):
        return None
    try:
        return cell.encode(encoding.removesuffix("-sig"), "surrogateescape").decode(OTHER[encoding])
    except UnicodeError:
        return None


def _is_address(cell: str) -> bool:
    try:
        return bool(person(cell))
    except BadData:
        return False


def check_bytes(found: ListFile, cells: Sequence[str]) -> None:
    """Raises BadData where the file's encoding does not hold in one of those cells."""
    for cell in cells:
        if not cell.isascii() and (BROKEN.search(cell) or _in_the_other(cell, found.encoding) is not None):
            row = " ".join(BROKEN.sub("?", one).strip() for one in cells)
            raise BadData(f"{row}: not written in {NAMES[found.encoding]}, as the rest of the file is")


class Row(NamedTuple):
    """One row, with the lines on which it begins and ends. A broken one has a `problem`, and no cells."""

    first: int
    last: int
    cells: list[str]
    problem: str = ""


def rows(found: ListFile, at_byte: Callable[[int], None]) -> Iterator[Row]:
    """Each row; blank ones too. `at_byte` hears how far we are.

    A row that is broken, as by a quotation mark that is not closed, is one line: what it would have swallowed is read
    for itself. Raises BadData where the file is no text.
    """
    with found.path.open("rb") as raw, io.TextIOWrapper(raw, found.encoding, ERRORS[found.encoding]) as text:
        lines = _Lines(found.path, text)
        number = 0
        try:
            for row in _rows(found, lines):
                if number >= found.heading:
                    yield row
                number += 1
                if not number % 5000:
                    at_byte(raw.tell())
        except UnicodeDecodeError as error:
            raise BadData(f"{found.path}: line {lines.number + 1}: {error}") from None


def _rows(found: ListFile, lines: _Lines) -> Iterator[Row]:
    while True:
        reader = csv.reader(lines, delimiter=found.delimiter, strict=True, escapechar=found.layout.escape)
        try:
            for cells in reader:
                first = lines.number - len(lines.row) + 1
                lines.row.clear()
                yield Row(first, lines.number, cells)
            return
        except csv.Error as error:
            first, last = lines.put_back(), lines.number
            yield Row(first, last, [], _broken(error))


class _Lines:
    """The file's lines, one by one; those of the row that is being read can be put back."""

    def __init__(self, path: Path, text: io.TextIOWrapper) -> None:
        self._path = path
        self._text = text
        self._back: deque[str] = deque()
        self.row: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.row) >= LONGEST_ROW:
            raise csv.Error(f"it goes on over {LONGEST_ROW} lines")
        line = self._back.popleft() if self._back else self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LONGEST_LINE:
            said = f"longer than {LONGEST_LINE} characters; this is no list of readers"
            raise BadData(f"{self._path}: line {self.number}: {said}")
        self.row.append(line)
        return line.replace("\0", "") if "\0" in line else line

    def put_back(self) -> int:
        """All lines of the row but its first, whose number comes back."""
        rest = self.row[1:]
        self._back.extendleft(reversed(rest))
        self.number -= len(rest)
        self.row.clear()
        return self.number


def _broken(error: csv.Error) -> str:
    if "unexpected end" in str(error) or "goes on over" in str(error):
        return "a quotation mark that opens there is not closed"
    return f"its quotation marks do not fit ({error})"
