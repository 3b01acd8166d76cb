"""The newsroom's colour, made legible: what is written in it stands out from the paper, on a light screen and a dark
one. Pure.

Contrast as WCAG 2.2 (1.4.3) counts it; text needs 4.5 : 1.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 4.5
STEP = 0.05  # of the way to black or white


@dataclass(frozen=True, slots=True)
class Accent:
    """One colour for each kind of screen, as #rrggbb; empty where the palette's own is meant."""

    light: str = ""
    dark: str = ""


def accent(colour: str, light_paper: str = "#f1ede4", dark_paper: str = "#2a2825") -> Accent:
    """The newsroom's colour, darkened for a light screen and lightened for a dark one as far as it takes.

    The papers are the tinted ones of email/palette.mjml: what is legible there is so on the plain ones.
    """
    if not colour:
        return Accent()
    return Accent(_legible(colour, light_paper, 0.0), _legible(colour, dark_paper, 255.0))


def contrast(one: str, other: str) -> float:
    """How much two colours differ: 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _legible(colour: str, paper: str, towards: float) -> str:
    share, found = 0.0, colour
    while contrast(found, paper) < LEAST and share < 1:
        share = min(share + STEP, 1.0)
        found = "#" + "".join(f"{round(part + (towards - part) * share):02x}" for part in _parts(colour))
    return found


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
