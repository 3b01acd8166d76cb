"""Quoted-printable, cut at the slots: whatever the texts and the values, it decodes to what was meant."""

from __future__ import annotations

import quopri
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail import quoted
from newsletter.model import Slot

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ue000\ue001"), max_size=300)
LINES = st.lists(
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "From ici",
            ". From",
            "é" * 40,
            "a" * 74,
            "a" * 75,
            "a" * 76,
            "a" * 77,
            "fin ",
            "\t",
            "=",
            "🗞️" * 9,
        ]
    ),
    max_size=8,
).map("\r\n".join)
VALUES = st.one_of(st.from_regex(r"[a-z.+]{1,90}@[a-z]{1,30}\.example", fullmatch=True), TEXTS, LINES)
SLOTS = st.sampled_from(quoted.SLOTS)


def splice(text: str, values: dict[Slot, str]) -> bytes:
    constants, slots = quoted.cut(text)
    pieces = [quoted.value(values[slot]) for slot in slots] + [b""]
    return b"".join(constant + piece for constant, piece in zip(constants, pieces, strict=True))


def expected(text: str, values: dict[Slot, str]) -> str:
    text = re.sub(r"\r\n|\r|\n", "\r\n", text)
    for slot in quoted.SLOTS:
        text = text.replace(slot.marker, values[slot])
    return text


def assert_fits_on_the_wire(wire: bytes) -> None:
    lines = wire.split(b"\r\n")
    assert max(map(len, lines)) <= 76  # RFC 2045, 6.7, rule 5
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", wire)  # M06
    assert not [line for line in lines if line.startswith((b".", b"From "))]  # S12
    assert not [line for line in lines if line.endswith((b" ", b"\t"))]
    assert wire.isascii()


@settings(deadline=None)
@given(
    pieces=st.lists(st.one_of(TEXTS, LINES, SLOTS.map(lambda slot: slot.marker)), max_size=9),
    values=st.fixed_dictionaries(dict.fromkeys(quoted.SLOTS, VALUES)),
)
def test_any_splice_decodes_to_what_was_meant(pieces: list[str], values: dict[Slot, str]) -> None:
    text = "".join(pieces)
    wire = splice(text, values)
    assert quopri.decodestring(wire).decode() == expected(text, values)
    assert_fits_on_the_wire(wire)


@settings(deadline=None)
@given(st.one_of(TEXTS, LINES))
def test_a_text_without_slots(text: str) -> None:
    wire = quoted.encode(text)
    assert quopri.decodestring(wire).decode() == expected(text, dict.fromkeys(quoted.SLOTS, ""))
    assert_fits_on_the_wire(wire)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("ama@exemple.example", b"ama@exemple.example"),
        ("https://lettre.journal.example/u/abc234", b"https://lettre.journal.example/u/abc234"),
        ("a" * 75, b"a" * 75),
        ("a" * 76, b"a" * 75 + b"=\r\na"),
        (".ama@exemple.example", b"=2Eama@exemple.example"),
        ("From ici", b"=46rom ici"),
        ("afi=1@exemple.example", b"afi=3D1@exemple.example"),
        ("ümit@exemple.example", b"=C3=BCmit@exemple.example"),
        ("fin ", b"fin=20"),
        ("", b""),
    ],
)
def test_how_a_value_is_written(value: str, wire: bytes) -> None:
    assert quoted.value(value) == wire


@given(st.from_regex(r"[!-~]{1,160}", fullmatch=True))
def test_a_long_link_is_written_as_a_text_would_be(link: str) -> None:
    assert quoted.value(link) == quoted.encode(link)


@pytest.mark.parametrize("text", [".", "a" * 75 + ".", "a" * 75 + ".b", "a" * 150 + "." * 3, "a" * 76, "a" * 75])
def test_no_line_of_a_long_link_begins_with_a_dot(text: str) -> None:
    assert quoted.value(text) == quoted.encode(text)
    assert not re.search(rb"(?m)^\.", quoted.value(text))


def test_a_slot_stands_between_two_soft_breaks() -> None:
    text = (
        f"Bonjour {Slot.ADDRESS.marker}, voici :\n{Slot.UNSUBSCRIBE.marker}\n{Slot.ADDRESS.marker}{Slot.ADDRESS.marker}"
    )
    constants, slots = quoted.cut(text)
    assert slots == [Slot.ADDRESS, Slot.UNSUBSCRIBE, Slot.ADDRESS, Slot.ADDRESS]
    assert constants == [b"Bonjour=20=\r\n", b"=\r\n, voici :\r\n", b"\r\n", b"=\r\n", b""]


def test_half_a_surrogate_pair_does_not_cost_the_day_its_mail() -> None:
    assert quoted.encode("Un titre \ud83d coupé") == b"Un titre ? coup=C3=A9"
