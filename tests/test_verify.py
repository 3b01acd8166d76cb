"""Signatures checked: what we sign, what dkimpy signs in every form, and what was changed on its way."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail import verify
from newsletter.model import Message
from tests.signatures import DOMAIN, RECORDS, RSA, SEALERS, verdicts

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
HEAD = b"""From: Le Quotidien <lettre@journal.example>\r
To: ama@lecteurs.example\r
Subject: Le port  rouvre,\r
 et le march\xc3\xa9 aussi\r
Date: Mon, 23 Nov 2026 06:30:00 +0000\r
Message-ID: <1@journal.example>\r
List-Unsubscribe: <https://lettre.journal.example/u/abc>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
\r
"""
BODIES = {
    "plain": b"Bonjour\r\n",
    "spaces": b"Bonjour  \t a \r\n \r\nsuite\t\r\n",
    "empty end": b"Bonjour\r\n\r\n\r\n",
    "no end": b"Bonjour",
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "space alone": b"  \r\n\r\n",
}
WAYS = [(head, body) for head in (b"relaxed", b"simple") for body in (b"relaxed", b"simple")]
PEM = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
VALUES = {one.name: one.value for one in RECORDS}


def why(raw: bytes, now: datetime = NOW) -> list[str]:
    """What is said of each signature; empty where it is valid."""
    return [verify.check(raw, one, VALUES[one.record_name], now) for one in verify.signatures(raw)]


def signed(raw: bytes, ways: tuple[bytes, bytes], **options: object) -> bytes:
    """By dkimpy."""
    field: bytes = dkim.sign(raw, b"lettre", DOMAIN.encode(), PEM, canonicalize=ways, **options)
    return field + raw


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("ways", WAYS, ids=lambda one: b"/".join(one).decode())
def test_what_dkimpy_signs_is_valid(ways: tuple[bytes, bytes], body: str) -> None:
    raw = signed(HEAD + BODIES[body], ways)
    assert verdicts(raw) == [True]
    assert why(raw) == [""]
    assert why(raw.replace(b"\r\n", b"\n")) == [""]  # as it is saved


@pytest.mark.parametrize("kind", SEALERS)
def test_what_we_sign_is_valid(kind: str) -> None:
    message = Message(
        "lettre@journal.example", "ama@lecteurs.example", HEAD.replace(b"\xc3\xa9", b"e") + b"Bonjour\r\n", "1"
    )
    raw = SEALERS[kind].seal(message).content
    assert why(raw) == [""] * (2 if kind == "both" else 1)
    assert all(one.covers >= {"from", "list-unsubscribe", "list-unsubscribe-post"} for one in verify.signatures(raw))


CHANGES = [  # what happens to it, under relaxed/relaxed and simple/simple, and what is said
    (b"Bonjour", b"Bonsoir", "the text was changed"),
    (b"rouvre", b"ferme", "the header was changed"),
    (b"Subject", b"Subject: faux\r\nSubject", ""),  # a field above those that were signed is none of them
    (b"u/abc", b"u/abd", "the header was changed"),
    (b"a=rsa-sha256", b"a=rsa-sha1", "does not count"),
    (b"b=", b"b=BBBB", "the header was changed"),
]


@pytest.mark.parametrize(("old", "new", "said"), CHANGES)
@pytest.mark.parametrize("ways", [WAYS[0], WAYS[3]], ids=["relaxed", "simple"])
def test_what_was_changed_is_told(ways: tuple[bytes, bytes], old: bytes, new: bytes, said: str) -> None:
    raw = signed(HEAD + b"Bonjour\r\n", ways)
    changed = raw.replace(b" " + old if old == b"b=" else old, b" " + new if old == b"b=" else new, 1)
    assert changed != raw
    [found] = why(changed)
    assert said in found if said else found == ""
    assert verdicts(changed) == [found == ""]


def test_space_may_change_where_the_form_is_relaxed() -> None:
    for ways, valid in ((WAYS[0], True), (WAYS[3], False)):
        raw = signed(HEAD + b"Bonjour  a\r\n", ways)
        changed = raw.replace(b"Le port  rouvre,\r\n et", b"Le port rouvre, et").replace(b"Bonjour  a", b"Bonjour a ")
        assert verdicts(changed) == [valid]
        assert (why(changed) == [""]) is valid


def test_only_a_part_of_the_body_may_be_signed() -> None:
    raw = signed(HEAD + b"Bonjour\r\n", WAYS[0], length=True) + b"et la suite\r\n"
    assert why(raw) == [""]
    assert verdicts(raw) == [True]


def test_a_signature_ends_and_a_key_too() -> None:
    raw = (
        SEALERS["rsa"]
        .seal(Message("a@b.example", "c@d.example", HEAD.replace(b"\xc3\xa9", b"e") + b"Oui\r\n", "1"))
        .content
    )
    [one] = verify.signatures(raw)
    assert verify.check(raw, one, "v=DKIM1; p=", NOW) == "it cannot be read (the key is revoked)"
    assert verify.check(raw, one, VALUES[one.record_name], NOW) == ""
    assert "ed25519 key" in verify.check(raw, one, RECORDS[1].value, NOW)
    assert "cannot be read" in verify.check(raw, one, "v=DKIM1; k=rsa; p=AAAA", NOW)
    old = raw.replace(b" t=", b" x=1; t=", 1)
    [one] = verify.signatures(old)
    assert "time is over" in verify.check(old, one, VALUES[one.record_name], NOW)


@pytest.mark.parametrize(
    ("until", "said"),
    [("²", "x= is no time"), ("demain", "x= is no time"), ("9" * 5000, ""), ("1", "its time is over (x=)")],
)
def test_an_end_that_is_no_number_or_a_huge_one(until: str, said: str) -> None:
    """Our own signature's header changes by it: where its end does not speak against it, the header does."""
    raw = signed(HEAD + b"Bonjour\r\n", WAYS[0]).replace(b"bh=", f"x={until}; bh=".encode(), 1)
    [found] = why(raw)
    assert found.startswith(said or "the header was changed")


@pytest.mark.parametrize(
    "raw",
    [
        signed(HEAD + b"\r\n" * 400_000, WAYS[0]),  # empty lines at the end
        signed(HEAD + b"\r\n" * 400_000 + b"a\r\n", WAYS[3]),
        signed(HEAD + b"Bonjour\r\n", WAYS[0]) + b"a\r" * 400_000,
        signed(b"X: " + b"a\r" * 100_000 + b"\r\n" + HEAD + b"Bonjour\r\n", WAYS[0]),  # no ends of lines
    ],
    ids=["empty lines", "empty lines inside", "lone CR", "lone CR in the header"],
)
def test_a_large_mail_takes_no_longer_than_its_size(raw: bytes) -> None:
    began = time.process_time()
    why(raw)
    assert time.process_time() - began < 2.5  # 0.1 s; what looks at each line anew takes 7 s and more


@given(st.binary(max_size=400))
def test_whatever_comes_is_no_exception(noise: bytes) -> None:
    raw = b"DKIM-Signature: v=1; a=rsa-sha256; d=journal.example; s=lettre; h=from;" + noise + b"\r\n" + HEAD + noise
    for one in verify.signatures(raw):
        assert verify.check(raw, one, RECORDS[0].value, NOW)
        assert verify.check(raw, one, noise.decode("latin-1"), NOW)
