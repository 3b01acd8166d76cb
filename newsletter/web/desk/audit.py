"""What was done at the desk and on the command line, by whom, and when."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from newsletter import auditlog
from newsletter.auditlog import Page
from newsletter.errors import BadData
from newsletter.model import AuditEntry, Role
from newsletter.web.desk.access import may, page
from newsletter.web.desk.asked import number
from newsletter.web.paper import room, words

blueprint = Blueprint("audit", __name__)

LONGEST_IN_SIGHT = 80  # characters of a text; a longer one is opened by who wants to read it


@blueprint.get("/audit")
def entries() -> Response:
    edition, before, owner = request.args.get("edition", "").strip(), number("before"), may(Role.OWNER)
    try:
        found, unknown = auditlog.page(room(), before=before, edition=edition, of_readers=owner), False
    except BadData:
        found, unknown = Page([], False, {}, {}, frozenset()), True
    return page(
        "audit.html",
        404 if unknown else 200,
        edition=edition[:40],
        unknown=unknown,
        entries=[_entry(one, found, owner) for one in found.entries],
        last=found.entries[-1].id if found.more else None,
        further=before is not None,
    )


def _entry(entry: AuditEntry, found: Page, owner: bool) -> dict[str, Any]:
    say = words()
    changes = [(one.what, one.before, one.after) for one in auditlog.changes(entry, say, found.titles)]
    long = any(len(text) > LONGEST_IN_SIGHT or "\n" in text for _, *texts in changes for text in texts)
    return {
        "iso": entry.at.isoformat(timespec="seconds"),
        "at": say.moment(entry.at),
        "who": auditlog.name_of(entry, say),
        "told": auditlog.told(entry, say, found.titles),
        "edition": found.editions.get(entry.edition_id or 0, ""),
        "reader": entry.subscriber_id if owner and entry.subscriber_id in found.readers else None,
        "changes": changes,
        "long": long,
        "undone": entry.undone,
    }
