"""Links by which a reader passes an article on: plain text links to the article's own address. Pure.

Nothing of the reader goes into them: a shared link must not lead back to who shared it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Share:
    """One way to pass an article on."""

    name: str
    url: str


def shares(title: str, url: str) -> tuple[Share, ...]:
    """WhatsApp, Facebook and X, in the order in which our readers use them."""
    said, link = quote(title, safe=""), quote(url, safe="")
    return (
        Share("WhatsApp", f"https://wa.me/?text={said}%20{link}"),
        Share("Facebook", f"https://www.facebook.com/sharer/sharer.php?u={link}"),
        Share("X", f"https://x.com/intent/post?text={said}&url={link}"),
    )
