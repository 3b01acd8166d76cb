"""The list, handed out: everybody with how they joined, or every act of consent; CSV or JSON, as a stream.

What `csv_of` writes of people, an import reads back.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from newsletter.errors import BadData
from newsletter.model import SubscriberStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, consents, subscribers
from newsletter.store import exports as lists
from newsletter.store.database import read, write

Record = dict[str, str | None]

COLUMNS = (
    *("address", "name", "status", "since", "variant", "paused_until"),
    *("joined", "act", "how", "page", "note"),
)
ACT_COLUMNS = (*("address", "at", "act", "how", "page", "wording", "wording_text", "network", "note", "import"),)
# What a spreadsheet takes for a formula (OWASP, CSV injection). An apostrophe before it makes it text; one that stands
# there already gets another, so that taking one away always gives what there was.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def note(room: Newsroom, who: Who, form: str, status: SubscriberStatus | None = None, *, acts: bool = False) -> int:
    """Write down that somebody takes the list with them, before the first of it leaves; returns how many readers."""
    with write(room.engine) as connection:
        counts = subscribers.counts(connection)
        of = [status] if status else [one for one in SubscriberStatus if one is not SubscriberStatus.FORGOTTEN]
        number = sum(counts[one] for one in of)
        what = {"count": number, "status": status, "form": form, "acts": acts}
        audit.add(connection, who, "readers_exported", room.clock(), after=what)
    return number


def people(room: Newsroom, status: SubscriberStatus | None = None) -> Iterator[Record]:
    """Everybody but the forgotten, or those of them in one status, each with the last act by which they joined.

    No transaction stays open from one thousand to the next: whoever takes them may be at the end of a slow line.
    """
    after = 0
    while True:
        with read(room.engine) as connection:
            some = lists.joined(connection, status, after)
        if not some:
            return
        yield from map(_record, some)
        after = some[-1].subscriber.id


def _record(one: lists.Joined) -> Record:
    who, act = one.subscriber, one.act.value if one.act else None
    values = (who.address, who.name, who.status.value, _iso(who.since), who.variant.value, _iso(who.paused_until))
    return dict(zip(COLUMNS, (*values, _iso(one.at), act, one.how, one.page, one.note), strict=True))


def acts(room: Newsroom) -> Iterator[Record]:
    """Every act of consent with the address as it is now, the oldest first, and the words that were agreed to."""
    with read(room.engine) as connection:
        words: dict[str, str | None] = {}
        for address, one in consents.everybody(connection):
            origin = one.origin
            if origin.wording and origin.wording not in words:
                words[origin.wording] = consents.wording(connection, origin.wording)
            values = (address, _iso(one.at), one.act.value, origin.how, origin.page, origin.wording)
            text = words.get(origin.wording or "")
            yield dict(zip(ACT_COLUMNS, (*values, text, origin.network, origin.note, one.imported), strict=True))


def csv_of(columns: Iterable[str], records: Iterable[Record]) -> Iterator[str]:
    """CSV, row by row; with a mark at its beginning, by which spreadsheets know UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    yield "\ufeff"
    writer.writerow(columns)
    for record in records:
        writer.writerow([harmless(cell or "") for cell in record.values()])
        if text.tell() > 1 << 16:
            yield _taken(text)
    yield _taken(text)


def json_of(records: Iterable[Record]) -> Iterator[str]:
    """A JSON list, row by row."""
    before = "[\n"
    for record in records:
        yield before + json.dumps(record, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def save(path: Path, parts: Iterable[str]) -> None:
    """Write a file that only its owner can read; never over another. Raises BadData where that cannot be."""
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise BadData(f"{path}: exists already; name a new file") from None
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.writelines(parts)
    except BaseException as error:
        path.unlink(missing_ok=True)  # half a list is taken for a whole one
        if isinstance(error, OSError):
            raise BadData(f"{path}: {error.strerror}") from None
        raise


def _taken(text: io.StringIO) -> str:
    value = text.getvalue()
    text.seek(0)
    text.truncate()
    return value


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
