"""Where the lines and bars of a plot stand, in hundredths of its width and height; 0, 0 is at the top left. Pure.

The drawing is stretched to the page, so no text stands in it: what is written stands around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

GAP = 0.25  # of a bar's place
CUT = 4.0  # a bar that is so many times the next one is cut: else nothing could be read but that


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a bar."""

    x: float
    y: float
    width: float
    height: float
    kind: int  # which of the quantities it shows


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars beside one another, each of pieces on top of one another."""

    top: float  # the value at the upper edge
    pieces: list[Bar]
    cut: bool = False  # one bar at least is higher than the plot


@dataclass(frozen=True, slots=True)
class Curve:
    """A line from left to right."""

    low: int  # the values at the lower and the upper edge
    high: int
    points: str  # as SVG's polyline wants them


def bars(stacks: Sequence[Sequence[float]], least: float = 0.0, *, top: float | None = None) -> Bars:
    """Each stack's values from the bottom up. The upper edge shows at least `least`, or exactly `top`."""
    sums = [sum(stack) for stack in stacks]
    if top is None:
        top = max(round_up(_worth_showing(sums)), least) or 1.0
    width = 100 / max(len(stacks), 1)
    pieces = []
    for place, stack in enumerate(stacks):
        upto = 0.0
        for kind, value in enumerate(stack):
            height = min(value, top - upto) / top * 100
            if height > 0:
                x, y = (place + GAP / 2) * width, 100 - upto / top * 100 - height
                pieces.append(Bar(round(x, 2), round(y, 2), round(width * (1 - GAP), 2), round(height, 2), kind))
            upto = min(upto + value, top)
    return Bars(top, pieces, any(one > top * (1 + 1e-9) for one in sums))


def _worth_showing(values: Sequence[float]) -> float:
    """The highest value, unless it is one alone that stands far above all others."""
    first, second = [*sorted(values, reverse=True), 0.0, 0.0][:2]
    return second * 1.5 if second and first > second * CUT else first


def curve(values: Sequence[int]) -> Curve:
    """Between round numbers below and above: what matters is how it changes."""
    if not values:
        return Curve(0, 1, "")
    step = max(round_up((max(values) - min(values)) / 4), 1.0)
    low, high = floor(min(values) / step) * step, (floor(max(values) / step) + 1) * step
    across = 100 / max(len(values) - 1, 1)
    points = [(i * across, 100 - (value - low) / (high - low) * 100) for i, value in enumerate(values)]
    if len(points) == 1:
        points.append((100.0, points[0][1]))
    return Curve(round(low), round(high), " ".join(f"{x:.2f},{y:.2f}" for x, y in points))


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 …, or of their tenths and hundredths."""
    if value <= 0:
        return 0.0
    power: float = 10.0 ** floor(log10(value))
    return next((round(n * power, 9) for n in (1, 2, 5) if value <= n * power * (1 + 1e-9)), round(10 * power, 9))
