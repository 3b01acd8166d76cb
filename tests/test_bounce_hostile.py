"""Broken and hostile mails: whatever the bytes are, something is said of them, in bounded time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.bounce import read, text_of
from newsletter.bounce.mail import MAX_PARTS, Part, normal, parse
from newsletter.model.bounces import Returned, ReturnKind

SAMPLES = sorted((Path(__file__).parent / "data" / "bounces").glob("*.eml"))
HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Undelivered Mail\n"
LONGEST_TIME = 8  # seconds: a second or two on a machine that does nothing else


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("ends", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_other_line_ends_change_nothing(path: Path, ends: bytes) -> None:
    # B06
    raw = path.read_bytes()
    assert read(raw.replace(b"\n", ends)) == read(raw)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_line_of_mbox_before_it_changes_nothing(path: Path) -> None:
    # B06
    raw = path.read_bytes()
    line = b"From MAILER-DAEMON Mon Nov 23 06:00:00 2026\n"
    assert read(line + raw) == read(raw)
    assert read((line + raw).replace(b"\n", b"\r\n")) == read(raw)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_nuls_and_empty_lines_before_it_change_nothing(path: Path) -> None:
    # B06
    raw = path.read_bytes()
    assert read(b"\n\n" + raw.replace(b" ", b"\0 ")) == read(raw)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_cut_anywhere_it_is_read(path: Path) -> None:
    # B06
    raw = path.read_bytes()
    for length in range(0, len(raw), max(1, len(raw) // 40)):
        assert isinstance(read(raw[:length]), Returned)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_bytes_that_were_changed_are_read(path: Path) -> None:
    # B06
    chance = random.Random(path.stem)
    for _ in range(15):
        raw = bytearray(path.read_bytes())
        for _ in range(len(raw) // 50):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        assert isinstance(read(bytes(raw)), Returned)


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read(raw: bytes) -> None:
    # B06
    assert isinstance(read(raw), Returned)
    assert isinstance(text_of(raw), str)


NAMES = [
    "Content-Type",
    "Content-Transfer-Encoding",
    "From",
    "To",
    "Subject",
    "Return-Path",
    "Auto-Submitted",
    "Received",
]
VALUES = [
    "multipart/report; boundary=b",
    "message/rfc822",
    "text/plain; charset=\udcff",
    "base64",
    "<>",
    "=?x?b?====?=",
    "=?",
]
LINES = st.one_of(
    st.builds("{}: {}".format, st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.text(max_size=60))),
    st.sampled_from(
        ["", "--b", "--b--", "Final-Recipient: rfc822;", "Action: failed", "Status: 5.", "<a@b.example>:", " x"]
    ),
    st.text(max_size=80),
)


@given(st.lists(LINES, max_size=40))
@settings(max_examples=300, deadline=None)
def test_anything_that_looks_like_a_mail_is_read(lines: list[str]) -> None:
    # B06
    assert isinstance(read("\n".join(lines).encode("utf-8", "replace")), Returned)


@pytest.mark.parametrize(
    "charset", ["nope", "punycode", "idna", "hex", "rot13", "zlib", "unicode_escape", "utf-16", "\x00", ""]
)
def test_any_charset_s_name_is_survived(charset: str) -> None:
    # B06
    raw = HEAD + f"Content-Type: text/plain; charset={charset}\n\n".encode() + b"<a@x.example>: user unknown \xff\xfe"
    assert read(raw).kind is ReturnKind.BOUNCE


MONSTERS = {
    "a line": b"a" * 10_000_000,
    "at signs": b"a@" * 5_000_000,
    "brackets": b"<" * 10_000_000,
    "empty lines": b"\n" * 10_000_000,
    "spaces": b" " * 10_000_000,
    "quotes": b"> " * 5_000_000,
    "codes": b"5.1.1 550 " * 1_000_000,
    "words": b"mailbox user account host domain message mail not delivery could " * 150_000,
    "addresses": b"".join(b"<a%d@x.example>:\nno such user\n\n" % number for number in range(100_000)),
    "heads": b"From: a@x.example\nTo: c\n\n" * 400_000,
    "message ids": b"Message-ID: \n" * 800_000,
    "links": b"List-Unsubscribe: <\n " * 500_000,
    "dots": b"a.a." * 2_500_000,
}


@pytest.mark.parametrize("name", MONSTERS)
def test_ten_megabytes_of_anything_take_a_moment(name: str) -> None:
    # B06
    _in_time(HEAD + b"\n" + MONSTERS[name])


PAGES = {
    "comments": b"<!--",
    "links": b'<a href="mailto:',
    "open": b"<pre <script <style ",
    "tags": b"<p>",
    "names": b"&amp",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_never_ends_takes_a_moment(name: str) -> None:
    # B06
    _in_time(HEAD + b"Content-Type: text/html\n\n" + PAGES[name] * (5_000_000 // len(PAGES[name])))


HEADS = {
    "one header": b"X: " + b"a\n " * 3_000_000,
    "many headers": b"X: a\n" * 1_000_000,
    "lines that are no headers": (b"a\n" * 9_000 + b"To: x\n") * 300,
    "references": b"References: " + b"<a@x.example> " * 500_000,
    "recipients": b"To: " + b"a@x.example, " * 500_000,
    "encoded": b"Subject: " + b"=?utf-8?q?=?=" * 500_000,
    "parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_000_000,
    "the same boundary": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 200_000,
    "base64": b"Content-Transfer-Encoding: base64\n\n" + b"QUJD" * 2_500_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=3D=\n" * 2_000_000,
    "statuses": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    + b"".join(b"Final-Recipient: rfc822;a%d@x.example\nAction: failed\n\n" % number for number in range(50_000)),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_monstrous_head_takes_a_moment(name: str) -> None:
    # B06
    _in_time(HEAD + HEADS[name] + b"\n\n")


def test_a_mail_in_a_mail_in_a_mail_is_read_to_some_depth() -> None:
    # B06
    within = b"Subject: x\n\nx"
    for _ in range(3000):
        within = b"Content-Type: message/rfc822\n\n" + within
    _in_time(HEAD + within)
    nested = b"x"
    for number in range(1000):
        nested = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%b\n--b%d--\n" % (
            number,
            number,
            nested,
            number,
        )
    _in_time(HEAD + nested)


def test_a_mail_of_many_parts_is_read_as_far_as_some() -> None:
    # B06
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000
    assert len(list(parse(raw).walk())) <= MAX_PARTS + 1


def test_a_large_original_does_not_hide_its_report() -> None:
    # B06
    raw = next(path for path in SAMPLES if path.stem == "postfix").read_bytes()
    large = raw.replace(b"\n--=_limit/9--", b"\n" + b"QUJDREVGR0hJSktMTU5PUA==\n" * 400_000 + b"\n--=_limit/9--")
    assert len(large) > 10_000_000
    started = time.monotonic()
    assert read(large).failures == read(raw).failures
    assert time.monotonic() - started < LONGEST_TIME


def test_headers_without_a_body_and_a_body_without_headers() -> None:
    # B06
    assert parse(normal(b"Subject: x")).first("subject") == "x"
    assert parse(normal(b"just words\nand more")).body == b"just words\nand more"
    assert parse(normal(b"Subject: x\nnonsense\nTo: y\n\nz")).first("to") == "y"
    assert isinstance(parse(b""), Part)
    assert read(b"").kind is ReturnKind.LETTER


def test_folded_headers_that_lost_their_indentation_are_whole() -> None:
    # B06: so some programs store what they were given.
    raw = next(path for path in SAMPLES if path.stem == "postfix").read_bytes()
    assert read(raw.replace(b"\n\t", b"\n").replace(b"\n <mailto:", b"\n<mailto:")).failures == read(raw).failures
    assert parse(normal(b"Received: from x\nby y with\nESMTP id 1\nSubject: z\n\nw")).first("subject") == "z"


def _in_time(raw: bytes) -> None:
    started = time.monotonic()
    assert isinstance(read(raw), Returned)
    assert time.monotonic() - started < LONGEST_TIME
