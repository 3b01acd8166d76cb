"""The lists of phrases in `phrases/`, each as one pattern. Who meets a server's words that are not known adds a line.

A line is a regular expression; one that begins with # is a comment, and an empty one is nothing. Where it begins or
ends with a space, that is written [ ]. <name> stands for any of the words below <name> in words.txt, <gap> for what may
stand between two words of a sentence.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "phrases"
GAP = "[^.;]{0,60}?"

_NAME = re.compile(r"<([a-z][a-z-]{1,30})>")


@lru_cache(maxsize=100)
def pattern(name: str, *, before: str = "", after: str = "", flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """Any of a list's phrases, compiled when it is first asked for: most commands never ask."""
    return re.compile(f"{before}(?:{any_of(name)}){after}", flags)


def any_of(name: str) -> str:
    """A list's phrases as one expression."""
    return "|".join(f"(?:{_whole(line)})" for line in _lines(FOLDER / f"{name}.txt"))


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _whole(line: str) -> str:
    """With what its <names> stand for."""
    words = _words()
    return _NAME.sub(lambda name: words.get(name[1], name[0]), line)


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in _lines(FOLDER / "words.txt"):
        if heading := _NAME.fullmatch(line):
            name = heading[1]
        else:
            found.setdefault(name, []).append(line)
    return {"gap": GAP} | {name: f"(?:{'|'.join(words)})" for name, words in found.items()}
