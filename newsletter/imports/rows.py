"""A CSV file → its rows: encoding, delimiter and first row are recognised, then it is read as a stream.

However large the file, only one row of it is in memory.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import BadData
from newsletter.imports.formats import PLAIN, Layout, recognise
from newsletter.imports.usual import person

SAMPLE = 1 << 16  # characters in which the first row must end
LONGEST_LINE = 1 << 20
DELIMITERS = ",;\t"
SEPARATOR = re.compile(r'"?sep=([,;\t])"?\n', re.IGNORECASE)  # Excel's own first line


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
        with path.open(encoding=encoding) as text:
            sample = text.read(SAMPLE).replace("\0", "")
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadData(f"{path}: neither UTF-8 nor Windows-1252; save it as UTF-8") from None
    delimiter, heading, layout = _first_row(path, sample)
    return ListFile(path, path.stat().st_size, digest, encoding, delimiter, heading, layout)


def _encoding(file: io.BufferedReader) -> str:
    """The whole file is looked at: in a long list the first accent may stand on its last line."""
    file.seek(0)
    if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        file.seek(0)
        try:
            for part in iter(lambda: file.read(SAMPLE), b""):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            last = error
        else:
            return encoding
    raise last


def _first_row(path: Path, sample: str) -> tuple[str, int, Layout]:
    """The delimiter, how many rows to skip, and the layout."""
    told = SEPARATOR.match(sample)
    found = [(delimiter, *_read(sample, delimiter)) for delimiter in (told[1] if told else DELIMITERS)]
    for delimiter, number, cells in sorted(found, key=lambda one: -len(one[2])):
        layout = recognise(cells, path.name)
        if layout:
            return delimiter, number, layout
    _, number, cells = min(found, key=lambda one: len(one[2]))
    if len(cells) == 1 and _is_address(cells[0]):
        return ",", number - 1, Layout(PLAIN, 0)
    columns = ", ".join(cell.strip() for cell in max(found, key=lambda one: len(one[2]))[2])
    raise BadData(f"{path}: no column called email (or adresse, e-mail, courriel); found: {columns[:200] or 'nothing'}")


def _read(sample: str, delimiter: str) -> tuple[int, list[str]]:
    """The first row with something in it, and its number."""
    reader = csv.reader(io.StringIO(sample), delimiter=delimiter)
    for number, cells in enumerate(reader, start=1):
        if any(cell.strip() for cell in cells) and not (number == 1 and SEPARATOR.match(sample)):
            return number, cells
    return 0, []


def _is_address(cell: str) -> bool:
    try:
        return bool(person(cell))
    except BadData:
        return False


def rows(found: ListFile, at_byte: Callable[[int], None]) -> Iterator[tuple[int, int, list[str]]]:
    """Each row, with the lines on which it begins and ends; blank ones too. `at_byte` hears how far we are.

    Raises BadData where the file is broken: a quotation mark that is not closed would swallow all that follow.
    """
    with found.path.open("rb") as raw, io.TextIOWrapper(raw, found.encoding) as text:
        lines = _lines(found.path, text)
        reader = csv.reader(lines, delimiter=found.delimiter, strict=True, escapechar=found.layout.escape)
        before = 0
        try:
            for number, cells in enumerate(reader):
                first, before = before + 1, reader.line_num
                if number >= found.heading:
                    yield first, before, cells
                if not number % 5000:
                    at_byte(raw.tell())
        except csv.Error as error:
            raise BadData(f"{found.path}: {_broken(before + 1, reader.line_num, error)}") from None
        except UnicodeDecodeError as error:
            raise BadData(f"{found.path}: line {reader.line_num}: {error}") from None


def _lines(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise BadData(f"{path}: line {number}: longer than {LONGEST_LINE} characters; this is no list of readers")
        yield line.replace("\0", "") if "\0" in line else line


def _broken(first: int, last: int, error: csv.Error) -> str:
    if first == last:
        return f"line {first}: {error}"
    return f"line {first}: a quotation mark that opens there is not closed rightly (read on to line {last}: {error})"
