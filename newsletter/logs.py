"""The log on standard error: lines for people, or one JSON object a line for machines.

Machines keep and pass on what they get: no JSON line has anybody's address in it, whoever wrote it. (What relays say is
masked where it is logged.)
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from newsletter.mail.masked import without_names
from newsletter.speaker import said_of, sign

Kind = Literal["text", "json"]


def begin(kind: Kind, newsletters: Sequence[str] = ()) -> None:
    """From here on all that is logged goes to standard error. For the start of a process; once more when it is known
    which newsletters it is for. Of more than one, lines for people too say whose they are."""
    formatter = AsJson(*newsletters) if kind == "json" else AsText(several=len(newsletters) > 1)
    for known in _ours():
        known.setFormatter(formatter)
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(sign)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # what it does is ours to tell,
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # and once, that the database is away;
    logging.getLogger("alembic").setLevel(logging.WARNING)  # of a new schema, each of its steps would be a line


def for_machines() -> bool:
    """Whether standard error is JSON alone: then what a command has to complain of is logged as well."""
    return any(isinstance(known.formatter, AsJson) for known in _ours())


def _ours() -> Iterator[logging.Handler]:
    return (one for one in logging.getLogger().handlers if isinstance(one.formatter, (AsJson, AsText)))


class AsText(logging.Formatter):
    """2026-11-23 06:30:00,123 newsletter.worker WARNING …  [edition=2026-11-23 slice=7]"""

    def __init__(self, *, several: bool) -> None:
        super().__init__("%(asctime)s %(name)s %(levelname)s %(message)s")
        self._hidden = () if several else ("newsletter",)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        about = " ".join(f"{name}={value}" for name, value in said_of(record).items() if name not in self._hidden)
        first, newline, rest = line.partition("\n")  # of an exception, the trace stands below
        return f"{first}  [{about}]{newline}{rest}" if about else line


class AsJson(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, newsletter, what it is about; `trace` of a fault of the
    program. Where a process is for one newsletter alone, every line is of that one."""

    def __init__(self, *newsletters: str) -> None:
        super().__init__()
        self._newsletter = newsletters[0] if len(newsletters) == 1 else ""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_names(record.getMessage()),
            "newsletter": self._newsletter,
        }
        if record.exc_info:
            line["trace"] = without_names(self.formatException(record.exc_info))
        return json.dumps(line | said_of(record), ensure_ascii=False, default=str)
