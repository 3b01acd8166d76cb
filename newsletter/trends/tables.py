"""A report as tables, for other programs: JSON and CSV. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.trends.figures import Day, Line, Sum, Trends, Warned, Why

Row = dict[str, object]
BACK = ("hard", "soft", "complaints")
OF_A_SUM = ("accepted", "refused", "uncertain", "skipped", "deferred", "waiting", "put_off", *BACK)
COLUMNS = {
    "editions": ("edition", "status", "started_at", "audience", *OF_A_SUM, "left"),
    "providers": ("edition", "provider", *OF_A_SUM),
    "reasons": ("provider", "reason", "refused", "hard", "soft"),
    "growth": ("day", "joined", "left", "unreachable", "complained", "active"),
}


def rows(trends: Trends, table: str) -> list[Row]:
    """One table, of the COLUMNS it has there. What nobody knows is None."""
    made = {"editions": _editions, "providers": _providers, "reasons": _reasons, "growth": _growth}
    return made[table](trends)


def figures(trends: Trends) -> Row:
    """All of it, as `--json` prints it."""
    return {
        "at": trends.at,
        "active": trends.active,
        "bounces_read": trends.read,
        "unattributed": trends.unattributed if trends.read else None,
        "warnings": [_warned(one) for one in trends.warned],
        **{table: rows(trends, table) for table in COLUMNS},
    }


def _editions(trends: Trends) -> list[Row]:
    return [_edition(one) for one in trends.editions]


def _edition(one: Line) -> Row:
    found: Row = {"edition": one.edition.name, "status": one.edition.status.value}
    found |= {"started_at": one.edition.started_at, "audience": one.edition.audience}
    return found | _sum(one.sum, known=one.known) | {"left": one.left}


def _sum(of: Sum, *, known: bool) -> Row:
    return {name: getattr(of, name) if known or name not in BACK else None for name in OF_A_SUM}


def _providers(trends: Trends) -> list[Row]:
    """Each provider in each edition in which it had a delivery."""
    told = [*trends.providers, trends.others]
    return [
        {"edition": line.edition.name, "provider": one.name or None} | _sum(one.sums[place], known=line.known)
        for place, line in enumerate(trends.editions)
        for one in told
        if one.sums[place].total
    ]


def _reasons(trends: Trends) -> list[Row]:
    return [_why(one) for one in trends.reasons]


def _why(one: Why) -> Row:
    found: Row = {"provider": one.provider or None, "reason": one.reason.value if one.reason else None}
    return found | {"refused": one.refused, "hard": one.hard, "soft": one.soft}


def _growth(trends: Trends) -> list[Row]:
    return [_day(one) for one in trends.growth]


def _day(one: Day) -> Row:
    return {
        "day": one.day,
        "joined": one.joined,
        "left": one.left,
        "unreachable": one.unreachable,
        "complained": one.complained,
        "active": one.active,
    }


def _warned(one: Warned) -> Row:
    return {
        "provider": one.provider or None,
        "what": one.what,
        "grave": one.grave,
        "times": one.times,
        "of": one.of,
        "share": round(one.share, 5),
        "usual": None if one.usual is None else round(one.usual, 5),
        "editions": one.editions,
        "reason": one.reason.value if one.reason else None,
    }


def by_reason(reasons: Sequence[Why]) -> list[Why]:
    """The same without providers, the most frequent first."""
    found: dict[object, Why] = {}
    for one in reasons:
        was = found.get(one.reason, Why("", one.reason))
        found[one.reason] = Why("", one.reason, was.refused + one.refused, was.hard + one.hard, was.soft + one.soft)
    return sorted(found.values(), key=lambda one: (-one.failed, one.reason or ""))
