"""The newsletter's words: phrases, dates, numbers and names, in French and in English."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, nodes

from newsletter.words import LOCALE_FOLDER, Words, _read_catalogs

LOME, PARIS = ZoneInfo("Africa/Lome"), ZoneInfo("Europe/Paris")
ROOT = Path(__file__).parent.parent
FRENCH, ENGLISH = Words("fr", LOME), Words("en", LOME)


@pytest.mark.parametrize(
    ("day", "french", "english"),
    [
        (date(2026, 11, 23), "lundi 23 novembre 2026", "Monday 23 November 2026"),
        (date(2026, 10, 1), "jeudi 1er octobre 2026", "Thursday 1 October 2026"),
        (date(2026, 12, 31), "jeudi 31 décembre 2026", "Thursday 31 December 2026"),
        (date(2028, 2, 29), "mardi 29 février 2028", "Tuesday 29 February 2028"),
        (date(2026, 8, 21), "vendredi 21 août 2026", "Friday 21 August 2026"),
    ],
)
def test_full_date(day: date, french: str, english: str) -> None:
    assert FRENCH.full_date(day) == french
    assert ENGLISH.full_date(day) == english


def test_time_is_told_on_the_newsrooms_clock() -> None:
    moment = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)
    assert FRENCH.time(moment) == "7\u00a0h\u00a005"
    assert ENGLISH.time(moment) == "7:05"
    assert Words("fr", PARIS).time(moment) == "8\u00a0h\u00a005"


def test_moment_goes_by_the_local_day() -> None:
    late = datetime(2026, 9, 30, 23, 30, tzinfo=UTC)
    assert FRENCH.moment(late) == "30 septembre 2026 à 23\u00a0h\u00a030"
    assert Words("fr", PARIS).moment(late) == "1er octobre 2026 à 1\u00a0h\u00a030"
    assert ENGLISH.moment(late) == "30 September 2026 at 23:30"


@pytest.mark.parametrize(
    ("people", "french", "english"),
    [
        ((), "", ""),
        (("Ama K.",), "Ama K.", "Ama K."),
        (("Ama K.", "Kodjo A."), "Ama K. et Kodjo A.", "Ama K. and Kodjo A."),
        (("Ama K.", "Kodjo A.", "Efua D."), "Ama K., Kodjo A. et Efua D.", "Ama K., Kodjo A. and Efua D."),
    ],
)
def test_names(people: tuple[str, ...], french: str, english: str) -> None:
    assert FRENCH.names(people) == french
    assert ENGLISH.names(people) == english


@pytest.mark.parametrize(
    ("n", "french", "english"),
    [
        (0, "0 o", "0 B"),
        (999, "999 o", "999 B"),
        (1_200, "1,2 ko", "1.2 KB"),
        (48_300, "48 ko", "48 KB"),
        (1_234_567, "1,2 Mo", "1.2 MB"),
        (5_000_000_000_000, "5 000 Go", "5,000 GB"),
    ],
)
def test_bytes(n: int, french: str, english: str) -> None:
    assert FRENCH.bytes(n) == french.replace(" ", "\u00a0")
    assert ENGLISH.bytes(n) == english.replace(" ", "\u00a0")


def test_capitalised_touches_the_first_letter_only() -> None:
    assert [FRENCH.capitalised(text) for text in ("lundi 1er mai", "élections en RDC", "")] == [
        "Lundi 1er mai",
        "Élections en RDC",
        "",
    ]


def test_say_fills_in_and_leaves_a_pattern_without_values() -> None:
    assert FRENCH.say("By {names}", names="{Ama}") == "Par {Ama}"  # what is filled in is no pattern itself
    assert ENGLISH.say("By {names}", names="Ama") == "By Ama"
    assert FRENCH.say("By {names}") == "Par {names}"
    assert FRENCH.say("a phrase no one has translated {x}", x=1) == "a phrase no one has translated 1"


@pytest.mark.parametrize(("n", "french"), [(0, "0"), (1, "1"), (2, "2"), (1840, "1\u00a0840")])
def test_count(n: int, french: str) -> None:
    assert FRENCH.count("{n} min read", "{n} min read", n) == f"{french}\u00a0min\u00a0de\u00a0lecture"


def test_count_without_translation() -> None:
    assert [ENGLISH.count("{n} article", "{n} articles", n) for n in (0, 1, 2)] == [
        "0 articles",
        "1 article",
        "2 articles",
    ]
    assert ENGLISH.count("{n} by {who}", "{n} by {who}", 1200, who="Ama") == "1,200 by Ama"


# --- The French file --------------------------------------------------------------------------------


def _said_in_python() -> set[str]:
    """Every first argument of `….say("…")` and `….count("…", …)` in the package, and of their short names."""
    found = set()
    for file in (ROOT / "newsletter").rglob("*.py"):
        if "commands" in file.parts:  # their say() prints
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                wanted = {"say": 1, "count": 3}.get(name, 99)
                first = node.args[0] if len(node.args) >= wanted else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def _said_in_templates() -> set[str]:
    """Every `say("…")` and `count("…", …)` of the templates."""
    found = set()
    for file in (ROOT / "templates").rglob("*.*"):
        if file.suffix not in (".mjml", ".txt", ".html"):
            continue
        for call in Environment().parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("say", "count"):
                assert isinstance(call.args[0], nodes.Const), f"{file}: say() needs its message in so many letters"
                found.add(call.args[0].value)
    return found


def test_everything_said_has_its_french() -> None:
    catalog = _read_catalogs(LOCALE_FOLDER / "fr")
    said = _said_in_python() | _said_in_templates()
    assert {"By {names}", "{n} min read", "Unsubscribe"} <= said
    missing = said - catalog.phrases.keys() - catalog.plurals.keys()
    assert not missing, f"add these to a file of newsletter/locale/fr: {sorted(missing)}"


def test_the_french_asks_for_the_same_values_and_is_set_in_french() -> None:
    catalog = _read_catalogs(LOCALE_FOLDER / "fr")
    pairs = [*catalog.phrases.items(), *((one, form) for one, forms in catalog.plurals.items() for form in forms)]
    assert len(pairs) > 30
    for message, french in pairs:
        assert _fields(message) == _fields(french), message
        assert not re.search(r"'|\.\.\.|[^\u00a0(](?<!…)[!?»]| [:;]|« ", french), f"not French typography: {french!r}"


def _fields(pattern: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(pattern) if field is not None}
