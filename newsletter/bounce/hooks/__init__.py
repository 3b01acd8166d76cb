"""What a provider's webhook says → what came back. In comes the body of a request, out go its events, each with what
makes it the same however often it is told. Pure; who is believed is asked elsewhere (`sns`, `mailgun.signed`).

Fields that are missing or of another type are taken as empty: providers add and drop them. Only what is no event of
theirs at all is BadData.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from newsletter.errors import BadData
from newsletter.model import Clues, Failure, Reason

Judge = Callable[[int | None, str], Failure]  # what a server's words mean: `bounce.reasons.judge`

LONGEST = 500  # characters of a server's words
LONGEST_NAME = 998  # of an address, a Message-ID
MOST = 100  # recipients of one event, fields of one header
QUEUE_ID = re.compile(r"(?=[A-Za-z.-]*\d)[A-Za-z0-9][A-Za-z0-9.-]{6,198}[A-Za-z0-9]")  # as a relay's reply has them


def parse(body: bytes | str) -> Any:
    """JSON, whatever it holds."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadData("what a webhook told is no JSON") from None


def record(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadData("what a webhook told is no event")
    return body


def at(value: Any, *path: str) -> Any:
    """What stands at a path of keys; None where there is no such."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, longest: int = LONGEST_NAME) -> str:
    """A text, or a number as text, in one line; else nothing."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)[: 4 * longest]).split())[:longest]


def items(value: Any) -> list[Any]:
    return value[:MOST] if isinstance(value, list) else []


def message_id(value: Any) -> str:
    """A Message-ID in its angle brackets, which some providers leave away."""
    found = text(value).strip("<> ")
    return f"<{found}>" if "@" in found and " " not in found else ""


def digest(provider: str, *parts: Any) -> str:
    """What makes an event the same however often it is told."""
    return hashlib.sha256(json.dumps([provider, *map(text, parts)]).encode()).hexdigest()


def clues(paths: Iterable[Any], ids: Iterable[Any], links: Iterable[Any] = (), words: Iterable[Any] = ()) -> Clues:
    """What may name the delivery; what is empty is left away."""
    message_ids = tuple(dict.fromkeys(filter(None, map(message_id, ids))))
    queued = frozenset(word for one in words for word in QUEUE_ID.findall(text(one)))
    return Clues(
        tuple(dict.fromkeys(filter(None, map(text, paths)))),
        message_ids,
        tuple(dict.fromkeys(filter(None, map(text, links)))),
        queued,
    )


def failure(
    address: Any,
    permanent: bool | None,
    otherwise: tuple[Reason, bool],
    judge: Judge | None,
    *,
    said: Any = "",
    status: Any = "",
    code: Any = None,
) -> Failure:
    """One recipient's failure: by what its server said where that is told, else by what the provider says (where it
    did not even try, there is no judge to ask).

    The provider knows whether it will try again; an address that it calls dead for now is none.
    """
    words, status = text(said, LONGEST), text(status, 20)
    number = code if isinstance(code, int) and 400 <= code < 600 else None
    if judge and (words or number or status):
        found = judge(number, words if status in words else f"{status} {words}".strip())
        reason, suppress, shown = found.reason, found.suppress, found.code
        permanent = found.permanent if permanent is None else permanent
        if reason is Reason.OTHER:
            reason, suppress = otherwise
    else:
        (reason, suppress), shown = otherwise, ""
    return Failure(
        text(address), permanent, reason, suppress and permanent is not False, status or shown or text(number), words
    )
