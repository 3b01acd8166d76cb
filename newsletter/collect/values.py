"""Reading JSON and YAML that may hold anything anywhere: each question has an answer of the type asked for. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from newsletter.errors import SourceError

Values = Mapping[str, Any]

NOTHING: Values = {}
MAX_SAVED = 1_000
_NEXT = re.compile(r"[\s,]*(?=\{)")


def json_of(text: str) -> Any:
    """The JSON value in a text, also behind what PHP said first (`<br /><b>Notice</b>: … [{`).

    Raises SourceError where there is none.
    """
    text = text.lstrip("\ufeff \t\r\n")
    for start in _starts(text):
        try:
            return json.JSONDecoder(strict=False).raw_decode(text, start)[0]
        except RecursionError:
            raise SourceError("is JSON nested beyond reason") from None
        except ValueError:
            continue
    if whole_ones := _before_the_cut(text):
        return whole_ones
    raise SourceError("is JSON that is damaged or cut off" if text[:1] in ("{", "[") else "is not JSON")


def _before_the_cut(text: str) -> list[Any]:
    """Of a list that was cut off, the objects that are whole."""
    found: list[Any] = []
    at = 1 if text.startswith("[") else len(text)
    while (begins := _NEXT.match(text, at)) and len(found) < MAX_SAVED:
        try:
            value, at = json.JSONDecoder(strict=False).raw_decode(text, begins.end())
        except (ValueError, RecursionError):
            break
        found.append(value)
    return found


def _starts(text: str) -> list[int]:
    """Where a list or an object may begin: at the first character, else behind a warning."""
    if text[:1] in ("{", "["):
        return [0]
    return [match.start() for match in re.finditer(r"\[\s*\{|\{\s*\"|\[\s*\]\s*\Z", text[:20_000])][:20]


def text(values: Values, *names: str) -> str:
    """The first of these that holds a text, a number or a date, as text."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return ""


def table(values: Values, name: str) -> Values:
    value = values.get(name)
    return value if isinstance(value, dict) else NOTHING


def items(values: Values, name: str) -> list[Any]:
    value = values.get(name)
    return value if isinstance(value, list) else []


def tables(values: Values, name: str) -> Iterator[Values]:
    return (one for one in items(values, name) if isinstance(one, dict))


def texts(values: Values, name: str) -> list[str]:
    """A list of texts, or one text alone."""
    value = values.get(name)
    found = value if isinstance(value, list) else [value]
    return [str(one) for one in found if isinstance(one, str | int | float) and str(one).strip()]


def whole(values: Values, name: str) -> int | None:
    value = values.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18 else None
