"""`/metrics` of a worker's process: what it knows of itself; and of all, what the database tells, where it answers.

When the database is cut it answers too, and says so by `newsletter_worker_database_up 0`: a monitor has to tell a
worker that waits for its database from one that is gone, and what it did before the cut stays countable.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from flask import Flask, Response

from newsletter import cluster, metrics
from newsletter.errors import NewsletterError
from newsletter.newsroom import Newsroom
from newsletter.web.metrics import labelled, metric, of_cluster, together
from newsletter.worker import Doing

log = logging.getLogger(__name__)


def create_worker_app(doings: Mapping[Newsroom, Doing]) -> Flask:
    """One page with the figures of a process, each with the label `newsletter`."""
    app = Flask("newsletter.web.workers", static_folder=None, template_folder=None)

    @app.get("/metrics")
    def show() -> Response:
        found = (line for room, doing in doings.items() for line in _of_one(room, doing))
        text = "\n".join(together(found)) + "\n"
        return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _of_one(room: Newsroom, doing: Doing) -> Iterator[str]:
    for line in [*own(doing), *_of_all(room, doing)]:
        yield line if line.startswith("#") else labelled(line, doing.newsletter)


def own(doing: Doing) -> Iterator[str]:
    """What the process knows without asking anybody."""
    yield from metric("worker_up", "gauge", "1: this process lives", "", 1)
    said = "1 where its last word about itself reached the database"
    yield from metric("worker_database_up", "gauge", said, "", int(doing.reached))
    said = "Seconds since then"
    yield from metric("worker_said_seconds", "gauge", said, "", round(doing.silent(), 1))
    said = "Messages, by what became of them; one that was put off counts each time"
    yield from metric("worker_messages_total", "counter", said, "outcome", doing.counts)
    yield from metric("worker_slices_in_hand", "gauge", "Slices it is at", "", int(doing.at is not None))
    yield from metric("worker_trouble", "gauge", "1 where its last slice met trouble", "", int(bool(doing.trouble)))


def _of_all(room: Newsroom, doing: Doing) -> list[str]:
    """Not asked for while the database is known to be cut: the answer would come too late for who asks us."""
    if not doing.reached:
        return []
    try:
        return list(of_cluster(metrics.of_cluster(room, cluster.look(room))))
    except NewsletterError as error:
        log.warning("no figures of the others: %s", error)
        return []
