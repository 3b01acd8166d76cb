"""Results → two pictures: python -m bench.plots bench-results.json [MORE.json …] --out docs/images

SVG, written by hand: no library, and a change of one figure changes one line. The tones are middling, to be read on
white and on black.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from bench.report import load

WIDTH = 760
FONT = "font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\""
WORDS, QUIET, OURS, OTHERS, MARK = "#6e7781", "#8b949e", "#2f81f7", "#9aa4ae", "#bf8700"
TITLES = {"postfix": "into Debian’s smtp-sink", "fast": "into fastsink"}
ROW, BAR, LEFT = 30, 18, 320


def speed(results: dict[str, Any]) -> str:
    """Messages a second of all senders, as bars, one group for each sink."""
    groups = []
    for sink, title in TITLES.items():
        cases = [case for case in results.get("cases", []) if case["sink"] == sink and case["rate"]]
        if cases:
            groups.append((title, sorted(cases, key=lambda case: -case["rate"])))
    lines: list[str] = []
    top = 56
    for title, cases in groups:
        lines.append(_text(20, top, f"Messages a second, {title}", size=14, weight="600"))
        top += 14
        most = max(case["rate"] for case in cases)
        for case in cases:
            lines += _bar(top, case, most)
            top += ROW
        top += 40
    head = _text(
        20, 26, f"One edition of {results['edition']['bytes'] / 1000:.0f} KB, personal for each reader", size=12
    )
    return _svg(top - 16, "Messages a second of several senders", [head, *lines])


def _bar(top: int, case: dict[str, Any], most: float) -> list[str]:
    ours = case["sender"].startswith("ours")
    long = max(2.0, (WIDTH - LEFT - 90) * case["rate"] / most)
    middle = top + BAR / 2 + 4
    color = OURS if ours else OTHERS
    label = case["label"].partition(" (")[0]
    return [
        _text(LEFT - 10, middle, label, anchor="end", weight="600" if ours else "400", color=OURS if ours else WORDS),
        f'<rect x="{LEFT}" y="{top}" width="{long:.1f}" height="{BAR}" rx="3" fill="{color}"/>',
        _text(LEFT + long + 8, middle, f"{case['rate']:,.0f}", color=OURS if ours else WORDS),
    ]


HIGH, BELOW, SIDE, TOP = 260, 50, 64, 56


def memory(results: dict[str, Any]) -> str:
    """The peak of `send` over the number of subscribers; where one was stopped before its end, a hollow point."""
    runs = [one for one in results.get("scale", []) if one["wanted"] >= 1000]
    highest: float = max([90.0, *(one["peak_mb"] for one in runs)])
    ceiling: int = 20 * math.ceil(highest * 1.08 / 20)
    first, last = math.log10(runs[0]["wanted"]), math.log10(runs[-1]["wanted"])

    def across(subscribers: float) -> float:
        return float(SIDE + 40 + (WIDTH - SIDE - 110) * (math.log10(subscribers) - first) / ((last - first) or 1))

    def down(megabytes: float) -> float:
        return float(TOP + HIGH * (1 - megabytes / ceiling))

    lines = [_text(20, 26, "Peak of memory of one newsletter send, in MB", size=14, weight="600")]
    for megabytes in range(0, ceiling + 1, 20 if ceiling <= 140 else 40):
        at = down(megabytes)
        lines.append(f'<path d="M{SIDE} {at:.1f}H{WIDTH - 20}" stroke="{QUIET}" stroke-opacity=".35"/>')
        lines.append(_text(SIDE - 10, at + 4, str(megabytes), anchor="end"))
    goal = down(90)
    lines.append(
        f'<path d="M{SIDE} {goal:.1f}H{WIDTH - 20}" stroke="{MARK}" stroke-dasharray="6 5" stroke-width="1.5"/>'
    )
    lines.append(_text(WIDTH - 20, goal - 7, "wanted: at most 90 MB", anchor="end", color=MARK))
    points = [(across(one["wanted"]), down(one["peak_mb"])) for one in runs]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    lines.append(f'<path d="M{path}" fill="none" stroke="{OURS}" stroke-width="2.5" stroke-linejoin="round"/>')
    for one, (x, y) in zip(runs, points, strict=True):
        inside = "none" if one["stopped"] else OURS
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{inside}" stroke="{OURS}" stroke-width="2"/>')
        lines.append(_text(x, y + 22, f"{one['peak_mb']:.0f}", anchor="middle", weight="600", color=OURS))
        lines.append(_text(x, TOP + HIGH + 20, f"{one['wanted']:,}", anchor="middle"))
    hollow = " (a hollow point: told to stop before its end)" if any(one["stopped"] for one in runs) else ""
    lines.append(_text((SIDE + WIDTH - 20) / 2, TOP + HIGH + 42, f"subscribers{hollow}", anchor="middle"))
    return _svg(TOP + HIGH + BELOW + 8, "Memory of the sender over the number of subscribers", lines)


# --- SVG ----------------------------------------------------------------------------------------------


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, weight: str = "400", color: str = WORDS
) -> str:
    look = f'font-size="{size}" font-weight="{weight}" fill="{color}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'


def _svg(height: float, title: str, lines: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" {FONT}>'
    return "\n".join([head, f"<title>{escape(title)}</title>", *lines, "</svg>", ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.plots", description="Draw what was measured.")
    parser.add_argument("results", nargs="+")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    results = load(given.results)
    drawn = {"bench-speed.svg": "cases", "bench-memory.svg": "scale"}
    for name, part in drawn.items():
        if results.get(part):
            picture = speed(results) if part == "cases" else memory(results)
            (given.out / name).write_text(picture, encoding="utf-8")
            sys.stdout.write(f"{given.out / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
