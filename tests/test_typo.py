"""French typography: what is set right, what is left alone, and that twice is once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.typo import typo

# "~" stands for the no-break space U+00A0.
SET = [
    ("Quoi?", "Quoi~?"),
    ("Quoi ?", "Quoi~?"),
    ("Quoi\u202f?", "Quoi~?"),
    ("Enfin !", "Enfin~!"),
    ("Vraiment ?!", "Vraiment~?!"),
    ("Oui !!!", "Oui~!!!"),
    ("Mali: la suite", "Mali~: la suite"),
    ("Mali : la suite ; fin", "Mali~: la suite~; fin"),
    ("«Enfin!»", "«~Enfin~!~»"),
    ("« Enfin »", "«~Enfin~»"),
    ("<< Enfin >>", "«~Enfin~»"),
    ('Il a dit "enfin".', "Il a dit «~enfin~»."),
    ('"Un" et "deux"', "«~Un~» et «~deux~»"),
    ('l\'"Adjoa"', "l’«~Adjoa~»"),
    ("L'eau d'Afi", "L’eau d’Afi"),
    ("aujourd'hui", "aujourd’hui"),
    ("Et puis...", "Et puis…"),
    ("Ah.....", "Ah…"),
    ("le 1 octobre", "le 1er octobre"),
    ("le 1 er mai", "le 1er mai"),
    ("le 1ier mai", "le 1er mai"),
    ("le 21 octobre", "le 21 octobre"),
    ("la 1ère fois", "la 1re fois"),
    ("la 2ème fois", "la 2e fois"),
    ("le 20ième", "le 20e"),
    ("n°5", "n°~5"),
    ("N° 12", "N°~12"),
    ("nº 7", "n°~7"),
    ("10%", "10~%"),
    ("10 %.", "10~%."),
    ("1 650 F CFA", "1~650~F~CFA"),
    ("12 345 678 habitants", "12~345~678 habitants"),
    ("en 2026 120 000 voix", "en 2026 120~000 voix"),
    ("15 €", "15~€"),
    ("à 7 h 05", "à 7~h~05"),
    ("un , deux", "un, deux"),
    ("(quoi ?)", "(quoi~?)"),
]

LEFT_ALONE = [
    "",
    "rendez-vous à 12:30",
    "de 12:30:15 à 14:00",
    "https://journal.example/a?b=1;c!d:e",
    "voir https://journal.example/l'eau?x=10%",
    "www.journal.example/a?b",
    "journal.example/a;b!c",
    "redaction@journal.example",
    "tapez `a ? b : c;`",
    "score 3:2",
    "Togo 2 Bénin 120",
    "R&D",
    "12.5 et 1,5",
    "(?) [!] …",
    "rien à signaler",
    "5' et 3\"",
    "Tom & Jerry&nbsp;: la suite",
    "عنوان بالعربية؟",
    "🎉🎉",
    "le bus 11 octobre",
]


@pytest.mark.parametrize(("given_text", "expected"), SET)
def test_is_set(given_text: str, expected: str) -> None:
    assert typo(given_text).replace("\u00a0", "~") == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_is_left_alone(text: str) -> None:
    assert typo(text) == text


@pytest.mark.parametrize("text", [*(given_text for given_text, _ in SET), *LEFT_ALONE])
def test_twice_is_once(text: str) -> None:
    assert typo(typo(text)) == typo(text)


PIECES = [
    *"«»\"'’:;!?…,.%()[] \u00a0\u202f<>&`/@#°",
    "  ", "...", "1", "12", "345", "2026", "mot", "l", "h", "F", "CFA", "1er", "er", "ère", "n°", "mai", "€",
    "http://a.example/b?c", "12:30", "a@b.example", "&amp;", "journal.example", "🎉", "\u0301",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_twice_is_once_for_anything(text: str) -> None:
    once = typo(text)
    assert typo(once) == once


@given(st.lists(st.sampled_from(PIECES), max_size=10).map(" ".join))
def test_no_word_is_lost(text: str) -> None:
    def letters(value: str) -> str:
        return "".join(c for c in value if c.isalpha() and c not in "erèimo")

    assert letters(typo(text)) == letters(text)


def test_a_long_text_takes_no_long_time() -> None:
    for unit in ('"', "« ", "a ' ", "1 000 ", "&a", "a.", "http", "` ", "<<"):
        text = unit * 3_000
        assert len(typo(text)) > 0
