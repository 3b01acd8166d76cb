"""`/metrics` for a monitor, in Prometheus's text format (0.0.4): on an address of its own, which is not public."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

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
    return together(line for room in rooms for line in _of_one(room, is_ready))


def together(lines: Iterable[str]) -> Iterator[str]:
    """All samples of a figure in one place, below its HELP and TYPE, which stand there once."""
    figures: dict[str, list[str]] = {}
    for line in lines:
        name = line.split()[2] if line.startswith("#") else line.partition("{")[0].partition(" ")[0]
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
    for line in [*metric("up", "gauge", "1 where the newsletter's database answers", "", int(bool(found))), *found]:
        yield line if line.startswith("#") else labelled(line, name)


def labelled(line: str, newsletter: str) -> str:
    """A sample that says which newsletter it is of."""
    figure, _, value = line.rpartition(" ")
    name, _, labels = figure.removesuffix("}").partition("{")
    return f'{name}{{newsletter="{newsletter}"{"," if labels else ""}{labels}}} {value}'


def lines(room: Newsroom) -> Iterator[str]:
    """The figures, each with its type and what it is."""
    found = metrics.figures(room)
    edition = found["edition"]
    yield from metric("subscribers", "gauge", "People on the list, by status", "status", found["subscribers"])
    yield from metric("letters_waiting", "gauge", "Single mails that wait to leave", "", found["letters_waiting"])
    oldest = found["letters_oldest_seconds"]
    yield from metric("letters_oldest_seconds", "gauge", "How long the oldest of them has waited", "", oldest)
    yield from metric("sign_ups_total", "counter", "Sign-ups asked for", "", found["sign_ups"])
    said = "Bounces and complaints that came back and are kept, by what they are"
    yield from metric("returned", "gauge", said, "kind", found["returned"])
    yield from metric("runner_alive", "gauge", "1 where a runner lives", "", int(found["runner"]))
    yield from metric("sending", "gauge", "1 while a run holds the sending lock", "", int(found["sending"]))
    said = "Messages that ended per second, over the last ten"
    yield from metric("messages_per_second", "gauge", said, "", found["speed"])
    said = "Deliveries of the edition under way that have not ended"
    yield from metric("deliveries_remaining", "gauge", said, "", found["remaining"])
    said = "1 where an editor has stopped the edition under way"
    yield from metric("edition_paused", "gauge", said, "", int(found["paused"]))
    if found["ends_at"]:
        said = "When the edition under way will be done, as it goes now; absent where that cannot be said"
        yield from metric("estimated_finish_timestamp_seconds", "gauge", said, "", round(found["ends_at"]))
    said = "1 where an edition should be out by schedule.expected_by and is not"
    yield from metric("edition_overdue", "gauge", said, "", int(found["overdue"]))
    yield from of_cluster(found["cluster"])
    if edition:
        said = "Deliveries of the edition under way, else of the latest, by state"
        yield from metric("deliveries", "gauge", said, f'edition="{edition}",state', found["deliveries"])


def of_cluster(found: Mapping[str, Any]) -> Iterator[str]:
    """What there is to see of all workers; nothing on SQLite, where there are none."""
    if not found:
        return
    yield from metric("workers", "gauge", "Workers that live, on all machines", "", found["workers"])
    yield from metric("workers_in_trouble", "gauge", "Of them, whose last slice met trouble", "", found["in_trouble"])
    yield from metric("workers_sending", "gauge", "Of them, with a slice in hand", "", found["sending"])
    said = "Slices of the editions under way that are not done: in hand, put off, due; and due without a job"
    yield from metric("slices_left", "gauge", said, "state", found["slices"])
    yield from metric("jobs", "gauge", "Jobs of the queue: waiting (todo), in work (doing)", "state", found["jobs"])


def metric(name: str, kind: str, said: str, label: str, value: object) -> Iterator[str]:
    """A figure with its type and what it is; a sample for each key, where the value is a mapping."""
    full = f"newsletter_{name}"
    yield f"# HELP {full} {said}"
    yield f"# TYPE {full} {kind}"
    if isinstance(value, dict):
        for key, number in value.items():
            yield f'{full}{{{label}="{key}"}} {number}'
    else:
        yield f"{full} {value}"
