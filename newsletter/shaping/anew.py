"""Beginning again: the machine's choice in the place of the editors'."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from newsletter import picking
from newsletter import shape as shapes
from newsletter.model import DAILY, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape
from newsletter.shaping.act import Shaped, do
from newsletter.shaping.refusals import MadeByHand
from newsletter.store import editions
from newsletter.store import shapes as rows


def pick_anew(
    room: Newsroom, who: Who, edition_id: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Let the machine pick from the articles known now. What editors wrote of articles goes; subject, preheader and
    note stay. A draft follows its sites from then on, and is picked anew by each later picking, as if nobody had had a
    hand in it. Undone like any act. Raises BadData for an edition that no machine picks.
    """

    def patch(connection: Connection, now: Shape) -> Patch:
        edition = editions.by_id(connection, edition_id)
        if edition.slot != DAILY:
            raise MadeByHand(edition.name)
        end = picking.moment_of(room, edition.day)
        made = picking.choose(room, connection, edition.day, end, edition.id)
        editions.consider(connection, edition.id, [replace(one, picked=False, place=None) for one in made])
        rows.explain(connection, edition.id, {one.candidate.id: one.reason for one in made})
        order = [one.candidate.id for one in made if one.picked]
        sections = {one.candidate.id: one.section for one in made}
        return shapes.begun_anew(now, order, sections, rows.instant(end))

    return do(room, who, edition_id, "pick_anew", patch, version, dry_run=dry_run, pins=False)
