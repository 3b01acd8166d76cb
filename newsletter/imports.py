"""A list of readers from elsewhere: a CSV file → people on the list, and which consent is claimed for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.errors import BadData
from newsletter.model import Act, Origin
from newsletter.newsroom import Newsroom
from newsletter.store import consents, subscribers
from newsletter.store.database import write
from newsletter.store.subscribers import NewSubscriber
from newsletter.subscribe import person

EMAIL_COLUMNS = ("email", "adresse", "e-mail", "courriel", "mail", "email address", "adresse e-mail", "adresse email")
NAME_COLUMNS = ("name", "nom")
BATCH = 500


@dataclass(slots=True)
class Imported:
    """What came of an import. `bad` holds a line of text for each row that could not be used."""

    added: int = 0
    known: int = 0  # on the list already, in whatever status: nothing about them changes
    bad: list[str] = field(default_factory=list)

    @property
    def usable(self) -> int:
        return self.added + self.known


def import_file(room: Newsroom, path: Path, consent: str | None, *, dry_run: bool = False) -> Imported:
    """Read a CSV file with a column of addresses, and put on the list whom it does not know.

    Commas, semicolons or tabs; UTF-8 with or without BOM, UTF-16, else Windows-1252. Nobody who has left is revived.
    Raises BadData where the file has no column of addresses.
    """
    result = Imported()
    people = _people(path, result)
    with write(room.engine, rehearsal=dry_run) as connection:
        for batch in _batched(people, BATCH):
            ids = subscribers.add(connection, batch, now=room.clock())
            consents.record(connection, ids, Act.IMPORTED, Origin("import", note=consent), room.clock())
            added = len(ids)
            result.added += added
            result.known += len(batch) - added
    return result


def _people(path: Path, result: Imported) -> Iterator[NewSubscriber]:
    """The usable rows, each address once; what is wrong with the others goes into `result`."""
    rows = _rows(path)
    header = [_column_name(cell) for cell in next(rows, (0, []))[1]]
    email = next((header.index(name) for name in EMAIL_COLUMNS if name in header), None)
    if email is None:
        raise BadData(
            f"{path}: no column called email (or adresse, e-mail, courriel); found: {', '.join(header) or 'nothing'}"
        )
    name = next((header.index(one) for one in NAME_COLUMNS if one in header), None)
    seen: dict[str, int] = {}
    for line, cells in rows:
        address = cells[email].strip() if len(cells) > email else ""
        if not any(cell.strip() for cell in cells):
            continue
        try:
            one = person(address, cells[name] if name is not None and len(cells) > name else None)
        except BadData as error:
            result.bad.append(f"line {line}: {error}")
            continue
        if one.key in seen:
            result.bad.append(f"line {line}: {one.address} stands on line {seen[one.key]} already")
            continue
        seen[one.key] = line
        yield one


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it ends on."""
    text = _decoded(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise BadData(f"{path}: line {reader.line_num}: {error}") from None


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return data.decode(encoding).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    raise BadData(f"{path}: neither UTF-8 nor Windows-1252; save it as UTF-8")


def _column_name(cell: str) -> str:
    return " ".join(cell.strip().strip('"').casefold().replace("_", " ").split())


def _batched(people: Iterable[NewSubscriber], size: int) -> Iterator[list[NewSubscriber]]:
    batch: list[NewSubscriber] = []
    for one in people:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
