"""`/metrics` for a monitor, in Prometheus's text format (0.0.4): on an address of its own, which is not public."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from flask import Flask, Response

from newsletter import metrics
from newsletter.errors import NewsletterError
from newsletter.newsroom import Newsroom

log = logging.getLogger(__name__)


def create_metrics_app(*rooms: Newsroom, is_ready: Callable[[Newsroom], bool] = lambda room: True) -> Flask:
    """One page with figures, read anew each time; 503 where the database does not answer.

    Several newsletters share the page, each figure with the label `newsletter`, its list_id. One that does not answer
    keeps no figure of the others back: of it, there is `newsletter_up` alone.
    """
    app = Flask("newsletter.web.metrics", static_folder=None, template_folder=None)

    @app.get("/metrics")
    def show() -> Response:
        try:
            text = "\n".join(lines(rooms[0]) if len(rooms) == 1 else _of_several(rooms, is_ready)) + "\n"
        except NewsletterError:
            return Response("", 503, mimetype="text/plain")
        return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _of_several(rooms: Sequence[Newsroom], is_ready: Callable[[Newsroom], bool]) -> Iterator[str]:
    """A monitor wants all samples of a figure in one place, below its HELP and TYPE."""
    figures: dict[str, list[str]] = {}
    for room in rooms:
        for line in _of_one(room, is_ready):
            name = line.split()[2] if line.startswith("#") else line.partition("{")[0]
            of_name = figures.setdefault(name, [])
            if line not in of_name:
                of_name.append(line)
    for samples in figures.values():
        yield from samples


def _of_one(room: Newsroom, is_ready: Callable[[Newsroom], bool]) -> Iterator[str]:
    name, found = room.config.newsletter.list_id, []
    try:
        found = list(lines(room)) if is_ready(room) else []
    except NewsletterError as error:
        log.warning("%s: no figures: %s", name, error)
    for line in [*_metric("up", "gauge", "1 where the newsletter's database answers", "", int(bool(found))), *found]:
        yield line if line.startswith("#") else _labelled(line, name)


def _labelled(line: str, newsletter: str) -> str:
    figure, _, value = line.rpartition(" ")
    name, _, labels = figure.removesuffix("}").partition("{")
    return f'{name}{{newsletter="{newsletter}"{"," if labels else ""}{labels}}} {value}'


def lines(room: Newsroom) -> Iterator[str]:
    """The figures, each with its type and what it is."""
    found = metrics.figures(room)
    edition = found["edition"]
    yield from _metric("subscribers", "gauge", "People on the list, by status", "status", found["subscribers"])
    yield from _metric("letters_waiting", "gauge", "Single mails that wait to leave", "", found["letters_waiting"])
    oldest = found["letters_oldest_seconds"]
    yield from _metric("letters_oldest_seconds", "gauge", "How long the oldest of them has waited", "", oldest)
    yield from _metric("sign_ups_total", "counter", "Sign-ups asked for", "", found["sign_ups"])
    said = "Bounces and complaints that came back and are kept, by what they are"
    yield from _metric("returned", "gauge", said, "kind", found["returned"])
    yield from _metric("runner_alive", "gauge", "1 where a runner lives", "", int(found["runner"]))
    yield from _metric("sending", "gauge", "1 while a run holds the sending lock", "", int(found["sending"]))
    said = "Messages that ended per second, over the last ten"
    yield from _metric("messages_per_second", "gauge", said, "", found["speed"])
    said = "Deliveries of the edition under way that have not ended"
    yield from _metric("deliveries_remaining", "gauge", said, "", found["remaining"])
    said = "1 where an editor has stopped the edition under way"
    yield from _metric("edition_paused", "gauge", said, "", int(found["paused"]))
    if found["ends_at"]:
        said = "When the edition under way will be done, as it goes now; absent where that cannot be said"
        yield from _metric("estimated_finish_timestamp_seconds", "gauge", said, "", round(found["ends_at"]))
    said = "1 where an edition should be out by schedule.expected_by and is not"
    yield from _metric("edition_overdue", "gauge", said, "", int(found["overdue"]))
    if edition:
        said = "Deliveries of the edition under way, else of the latest, by state"
        yield from _metric("deliveries", "gauge", said, f'edition="{edition}",state', found["deliveries"])


def _metric(name: str, kind: str, said: str, label: str, value: object) -> Iterator[str]:
    full = f"newsletter_{name}"
    yield f"# HELP {full} {said}"
    yield f"# TYPE {full} {kind}"
    if isinstance(value, dict):
        for key, number in value.items():
            yield f'{full}{{{label}="{key}"}} {number}'
    else:
        yield f"{full} {value}"
