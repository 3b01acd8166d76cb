"""Colours as style sheets write them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple


class Colour(NamedTuple):
    """Red, green and blue up to 255, and how much of it covers what lies below, up to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def over(self, ground: Colour) -> Colour:
        """As it is seen on an opaque ground."""
        red, green, blue = (a * self.alpha + b * (1 - self.alpha) for a, b in zip(self[:3], ground[:3], strict=True))
        return Colour(red, green, blue)

    def __str__(self) -> str:
        return "#" + "".join(f"{round(part):02x}" for part in self[:3])


CLEAR = Colour(0, 0, 0, 0)
# The sixteen of HTML 4, and what mails are seen to use besides.
NAMES = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080", "white": "#ffffff",
    "maroon": "#800000", "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "magenta": "#ff00ff",
    "green": "#008000", "lime": "#00ff00", "olive": "#808000", "yellow": "#ffff00", "navy": "#000080",
    "blue": "#0000ff", "teal": "#008080", "aqua": "#00ffff", "cyan": "#00ffff", "orange": "#ffa500",
    "brown": "#a52a2a", "crimson": "#dc143c", "darkblue": "#00008b", "darkgray": "#a9a9a9", "darkgrey": "#a9a9a9",
    "darkgreen": "#006400", "darkred": "#8b0000", "dimgray": "#696969", "dimgrey": "#696969", "gold": "#ffd700",
    "indigo": "#4b0082", "ivory": "#fffff0", "lightblue": "#add8e6", "lightgray": "#d3d3d3", "lightgrey": "#d3d3d3",
    "lightyellow": "#ffffe0", "midnightblue": "#191970", "pink": "#ffc0cb", "royalblue": "#4169e1",
    "slategray": "#708090", "steelblue": "#4682b4", "tomato": "#ff6347", "whitesmoke": "#f5f5f5", "beige": "#f5f5dc",
}  # fmt: skip
HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
PART = r"(\d{1,6}(?:\.\d*)?|\.\d+)"
FUNCTION = re.compile(rf"rgba?\(\s*{PART}[\s,]+{PART}[\s,]+{PART}(?:[\s,/]+{PART}(%?))?\s*\)")


def colour(text: str) -> Colour | None:
    """The colour that a text names; None where it is none that we know."""
    text = text.strip().lower()
    if text == "transparent":
        return CLEAR
    text = NAMES.get(text, text)
    digits = HEX.fullmatch(text)
    if digits:
        written = digits[1] if len(digits[1]) > 4 else "".join(one * 2 for one in digits[1])
        parts = [int(written[i : i + 2], 16) for i in range(0, len(written), 2)]
        return Colour(parts[0], parts[1], parts[2], parts[3] / 255 if len(parts) == 4 else 1.0)
    found = FUNCTION.fullmatch(text)
    if found is None:
        return None
    alpha = float(found[4]) / (100 if found[5] else 1) if found[4] else 1.0
    red, green, blue = (min(float(found[i]), 255.0) for i in (1, 2, 3))
    return Colour(red, green, blue, min(alpha, 1.0))
