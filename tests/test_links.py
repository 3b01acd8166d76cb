"""Signed links: made for one purpose and one person, worth nothing for anything else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.links import PATHS, Purpose, Signer, archive_link, base32, number
from tests.conftest import MORNING

SIGNER = Signer("lettre.journal.example", {0: b"a" * 32, 1: b"b" * 32}, 1)
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@given(st.integers(0, 2**56 - 1), st.sampled_from(Purpose))
def test_a_token_is_read_back_and_stays_short(subject: int, purpose: Purpose) -> None:
    token = SIGNER.token(purpose, subject, MORNING)
    assert SIGNER.read(purpose, token) == subject
    assert SIGNER.read(purpose, token.upper()) == subject  # some relays change a return path's case
    made = MORNING if purpose.dated else datetime(1970, 1, 1, tzinfo=UTC)
    assert SIGNER.read_dated(purpose, token) == (subject, made)
    if purpose in PATHS:
        assert len(SIGNER.link("https://l.example", purpose, subject, MORNING)) - len("https://l.example") <= 60
    assert all(SIGNER.read(other, token) is None for other in Purpose if other is not purpose)


@given(st.integers(0, 2**40), st.data())
def test_any_other_letter_makes_it_worthless(subject: int, data: st.DataObject) -> None:
    token = SIGNER.token(Purpose.UNSUBSCRIBE, subject)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(BASE32).filter(lambda c: c != token[place]))
    assert SIGNER.read(Purpose.UNSUBSCRIBE, token[:place] + other + token[place + 1 :]) is None


@given(st.binary(max_size=40))
def test_base32_is_the_standard_library_s(raw: bytes) -> None:
    assert base32(raw) == base64.b32encode(raw).rstrip(b"=").lower()


@given(st.integers(0, 2**63), st.sampled_from([one for one in Purpose if not one.dated]), st.binary(max_size=100))
def test_the_fast_way_makes_the_same_token(subject: int, purpose: Purpose, key: bytes) -> None:
    signer = Signer("lettre.journal.example", {7: key, 0: b"a" * 32}, 7)
    token = signer.token(purpose, subject)
    assert signer.maker(purpose)(number(subject)) == token.encode()
    assert signer.read(purpose, token) == subject


def test_the_fast_way_has_no_moment() -> None:
    with pytest.raises(ValueError, match="needs its moment"):
        SIGNER.maker(Purpose.CONFIRM)


@given(st.text(max_size=80))
def test_rubbish_is_no_token(text: str) -> None:
    assert SIGNER.read(Purpose.PREFERENCES, text) is None


def test_an_old_key_still_reads_and_another_list_does_not() -> None:
    old = Signer(SIGNER.list_id, {0: b"a" * 32}, 0).token(Purpose.UNSUBSCRIBE, 7)
    assert SIGNER.read(Purpose.UNSUBSCRIBE, old) == 7
    elsewhere = Signer("autre.example", SIGNER.keys, 0)
    assert elsewhere.read(Purpose.UNSUBSCRIBE, old) is None
    assert Signer(SIGNER.list_id, {2: b"c" * 32}, 2).read(Purpose.UNSUBSCRIBE, old) is None


def test_an_edition_is_read_online_at_one_address() -> None:
    assert archive_link("https://l.example", "2026-11-23") == "https://l.example/archive/2026-11-23"
