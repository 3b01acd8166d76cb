"""A report as a page: what its templates show, and the page that stands by itself in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsletter.errors import BadData
from newsletter.newsroom import Newsroom
from newsletter.trends import plots, said, tables
from newsletter.trends.figures import Line, Provider, Sum, Trends, share
from newsletter.words import Words

LEAST_SHARE = 0.02  # what plots of failures show at the least: a tenth of a percent must not look like a mountain
LEAST_COMPLAINTS = 0.005
LEAST_READERS = 5.0
WARNINGS = 6  # told at the top; the others are marked below
ENOUGH = 20  # answers that make a share


def values(words: Words, trends: Trends) -> dict[str, Any]:
    """What web/desk/report-part.html shows."""
    measure = _measure(trends)
    joined = [[float(one.joined)] for one in trends.growth]
    gone = [[float(one.left), float(one.unreachable), float(one.complained)] for one in trends.growth]
    people = max(plots.bars(joined, LEAST_READERS).top, plots.bars(gone, LEAST_READERS).top)  # one measure, both ways
    first = sorted(trends.providers, key=lambda one: ("grave", "warned", "").index(_state(one)))
    return {
        "trends": trends,
        "verdict": said.verdict(words, trends),
        "warnings": [(one.grave, said.warning(words, one)) for one in trends.warned[:WARNINGS]],
        "more_warnings": max(len(trends.warned) - WARNINGS, 0),
        "last": trends.editions[-1] if trends.editions else None,
        "providers": [_provider(words, one, measure) for one in first],
        "measure": measure,
        "reasons": [(said.reason(words, one.reason), one) for one in tables.by_reason(trends.reasons)],
        "failing": plots.bars([_shares(one.sum) for one in trends.editions], LEAST_SHARE),
        "leaving": plots.bars([_left(one) for one in trends.editions], LEAST_READERS),
        "list": plots.curve([one.active for one in trends.growth]),
        "joining": plots.bars(joined, top=people),
        "going": plots.bars(gone, top=people),
        "percent": lambda of: said.percent(words, of),
        "share": share,
        "short": words.short_date,
    }


def _shares(of: Sum) -> list[float]:
    return [share(part, of.answered) for part in (of.refused, of.hard, of.soft)]


def _left(one: Line) -> list[float]:
    """Those who complained, and the others who left."""
    complained = min(one.sum.complaints, one.left or 0)
    return [float(complained), float((one.left or 0) - complained)]


def _measure(trends: Trends) -> float:
    """The share at the upper edge of all providers' plots: one for all, so that they may be compared. One mail of two
    that failed at a small one is not what the others are measured by: its bar is cut."""
    shares = [share(of.failed, of.answered) for one in trends.providers for of in one.sums if of.answered >= ENOUGH]
    return max(plots.round_up(max(shares, default=0.0)), LEAST_SHARE)


def _provider(words: Words, one: Provider, measure: float) -> dict[str, Any]:
    """Complaints have a plot where they are warned of: few as they are, none would be seen on the other."""
    warned = [of.what for of in one.warned]
    complaints = [[share(of.complaints, of.accepted)] for of in one.sums]
    return {
        "name": one.name,
        "sum": one.sum,
        "plot": plots.bars([_shares(of) for of in one.sums], top=measure),
        "complaints": plots.bars(complaints, LEAST_COMPLAINTS) if "complaints" in warned else None,
        "state": _state(one),
        "warned": warned,
        "what": [said.what(words, what) for what in warned],
    }


def _state(one: Provider) -> str:
    return "" if not one.warned else "grave" if any(of.grave for of in one.warned) else "warned"


def html(room: Newsroom, trends: Trends) -> str:
    """The page that needs nothing else: to be mailed, printed, put away. In the newsletter's language."""
    paper, look = room.config.newsletter, room.look
    return look.text("web/report.html", title=paper.title, name=paper.name, **values(look.words, trends))


def save(room: Newsroom, trends: Trends, path: Path) -> None:
    """Write that page into a file, over an earlier one. Raises BadData where that cannot be."""
    text = html(room, trends)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
