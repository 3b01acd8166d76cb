"""DKIM: what we sign holds before other people's verifiers, and nothing that matters can be changed afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail.addresses import wire
from newsletter.mail.dkim import COVERED, Planned, Record, Sealer
from newsletter.mail.message import WireTemplate, freeze
from newsletter.mail.smtp import Relay
from newsletter.model import Message, Variant, Verdict
from newsletter.settings import Via
from tests.needs import needs, needs_namespaces
from tests.signatures import DOMAIN, ED25519, KEYS, RECORDS, RSA, SEALERS, signatures, verdicts
from tests.smtp_server import ScriptedServer
from tests.test_message import DATA, PAPER, RENDERED, SIGNER, template
from tests.test_message import a_letter as a_letter_of
from tests.test_message import message as message_of

ROOT = Path(__file__).parent.parent
# Verifiers refuse a signature of a time to come: long enough ago for whatever clock a test runs by.
DATE = datetime(2024, 11, 25, 6, 31, 7, tzinfo=UTC)
ADDRESSES = [
    "ama@exemple.example",
    "o'neil+lettre=1@exemple.example",
    "ama@exämple.example",
    "amévi@exemple.example",
    "a" * 64 + "@" + ".".join(["b" * 59] * 3) + ".example",
]


def message(wire: WireTemplate | None = None, **values: Any) -> Message:
    return message_of(wire, **({"date": DATE} | values))


def a_letter(**values: Any) -> Message:
    return a_letter_of(**({"date": DATE} | values))


def text_only() -> WireTemplate:
    return freeze(RENDERED, PAPER, edition="2026-11-23", return_path="plain", key=0, variant=Variant.TEXT)


def as_read(one: Message) -> Message:
    """The same message, without what its template knows of it."""
    return Message(one.sender, one.recipient, one.content, one.name, one.utf8)


SAMPLES = {
    "edition": message(),
    "text": message(text_only()),
    "left by mail": message(template(return_path="b+{token}@b.journal.example", leave_by_mail=True)),
    "letter": a_letter(),
    "letter with html": a_letter(html="<p>Rien n’est parti.</p>"),
}


# --- Others find it right -------------------------------------------------------------------------


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_dkimpy_finds_every_signature_right(keys: str, address: str) -> None:  # M19 M21 M26
    made = [message(address=address), message(text_only(), address=address), a_letter(to=address)]
    for one in made:
        sealed = SEALERS[keys].seal(one)
        assert verdicts(sealed.content) == [True] * len(KEYS[keys])
        assert (sealed.recipient, sealed.sender, sealed.utf8) == (one.recipient, one.sender, one.utf8)
        assert sealed.content.endswith(one.content)


@settings(max_examples=60)
@given(
    local=st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}", fullmatch=True),
    number=st.integers(0, 2**40),
    seconds=st.integers(0, 1_700_000_000),
    text=st.text(max_size=300),
    by_mail=st.booleans(),
)
def test_any_reader_s_mail_is_signed_as_if_it_had_been_read(
    local: str, number: int, seconds: int, text: str, by_mail: bool
) -> None:
    frozen = template(
        replace(RENDERED, text=text + RENDERED.text), return_path="b+{token}@b.journal.example", leave_by_mail=by_mail
    )
    address = f"{local}@exemple.example"
    made = message(
        frozen, address=address, delivery=number, subscriber=number, date=datetime.fromtimestamp(seconds, UTC)
    )
    assert isinstance(made, Planned)
    sealed = SEALERS["ed25519"].seal(made)
    assert sealed == SEALERS["ed25519"].seal(as_read(made))
    assert verdicts(sealed.content) == [True]


def test_an_edition_frozen_by_an_earlier_version_is_signed_too() -> None:
    frozen = WireTemplate.loads((DATA / "frozen-1.json").read_text(encoding="ascii"))
    assert SEALERS["both"].seal(message_of(frozen)).content.endswith((DATA / "frozen-1.eml").read_bytes())
    assert verdicts(SEALERS["both"].seal(message(frozen)).content) == [True, True]


def opendkim(content: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Debian's verifier, in a world whose name server knows our two keys."""
    records = folder / "records.json"
    records.write_text(json.dumps({one.name: one.strings for one in RECORDS}), encoding="ascii")
    command = [*needs_namespaces(), sys.executable, "-m", "tests.name_server", str(records), needs("opendkim-testmsg")]
    return subprocess.run(command, input=content, capture_output=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("keys", KEYS)
def test_opendkim_finds_it_right(keys: str, sample: str, tmp_path: Path) -> None:  # M19 M21
    sealed = SEALERS[keys].seal(SAMPLES[sample])
    good = opendkim(sealed.content, tmp_path)
    assert (good.returncode, good.stderr) == (0, b"")
    for altered in (sealed.content + b"ps\r\n", sealed.content.replace(b"To: ", b"To: x", 1)):
        bad = opendkim(altered, tmp_path)
        assert bad.returncode != 0
        assert b"Bad signature" in bad.stderr


def test_opendkim_knows_no_other_key(tmp_path: Path) -> None:
    """That it asks our name server at all: a selector that is not there is no good signature."""
    stranger = Sealer(DOMAIN, [("ailleurs", ED25519)]).seal(message())
    assert opendkim(stranger.content, tmp_path).returncode != 0


def test_it_arrives_as_it_was_signed() -> None:  # M19
    sent = [SEALERS["both"].seal(one) for one in SAMPLES.values()]
    with ScriptedServer() as server:
        relay = Relay(Via.parse(f"smtp://127.0.0.1:{server.port}"), None, hello=DOMAIN, messages_per_connection=100)
        with relay.open() as line:
            assert {line.send(one, lambda: None).verdict for one in sent} == {Verdict.ACCEPTED}
    assert [one.content for one in server.messages] == [one.content for one in sent]
    assert [verdicts(one.content) for one in server.messages] == [[True, True]] * len(sent)


# --- What is signed --------------------------------------------------------------------------------

WANTED = (
    "From Date Subject To Message-ID MIME-Version Content-Type List-Id List-Unsubscribe List-Unsubscribe-Post"
    " Feedback-ID Reply-To List-Archive List-Owner Auto-Submitted"
)


def test_the_tags_of_a_signature() -> None:  # M19 M20
    rsa, ed25519 = signatures(SEALERS["both"].seal(message()).content)
    assert (rsa["a"], ed25519["a"]) == ("rsa-sha256", "ed25519-sha256")
    for tags in (rsa, ed25519):
        assert list(tags) == ["v", "a", "c", "d", "s", "h", "t", "bh", "b"]  # and no l=
        assert (tags["v"], tags["c"], tags["d"]) == ("1", "relaxed/simple", DOMAIN)
        assert tags["t"] == str(int(DATE.timestamp()))
        names = tags["h"].split(":")
        assert not set(WANTED.split()) - set(names)
        assert {name: names.count(name) for name in names if names.count(name) > 1} == {"From": 2, "Subject": 2}


def test_a_letter_s_signature_names_what_is_there() -> None:  # M19 M20
    [tags] = signatures(SEALERS["rsa"].seal(a_letter()).content)
    names = tags["h"].split(":")
    there = {line.partition(b":")[0].decode() for line in a_letter().content.partition(b"\r\n\r\n")[0].split(b"\r\n")}
    assert set(names) == there & {name.decode() for name in COVERED}
    assert (names.count("From"), names.count("Subject")) == (2, 2)


def fields_of(content: bytes) -> list[bytes]:
    """Each field of a header but the signatures, with its folded lines."""
    found = re.findall(rb"[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", content.partition(b"\r\n\r\n")[0] + b"\r\n")
    return [field for field in found if not field.startswith(b"DKIM-Signature")]


@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_that_is_signed_can_be_changed(sample: str) -> None:  # M19 M20
    sealed = SEALERS["both"].seal(SAMPLES[sample]).content
    fields = fields_of(sealed)
    signed = [field for field in fields if field.partition(b":")[0] in COVERED]
    assert len(signed) == len(fields) - 1  # all but Precedence
    for field in signed:
        name, _, value = field.partition(b": ")
        assert verdicts(sealed.replace(field, name + b": x" + value)) == [False, False], name
        assert verdicts(sealed.replace(field, b"")) == [False, False], name
    for added in (b"From: faux@exemple.example\r\n", b"Subject: faux\r\n"):
        assert verdicts(added + sealed) == [False, False]
        assert verdicts(sealed.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1)) == [False, False]
    start = sealed.index(b"\r\n\r\n") + 4
    for at in (start, (start + len(sealed)) // 2, len(sealed) - 3):
        assert verdicts(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) == [False, False]
    assert verdicts(sealed + b"ps\r\n") == [False, False]


def test_what_relays_do_to_a_mail_does_no_harm() -> None:
    """A trace in front, a field folded anew or spaced wider, empty lines at the end (RFC 6376, 3.4.2 and 3.4.3)."""
    sealed = SEALERS["both"].seal(message()).content
    traced = b"Received: from a.example by b.example; Mon, 23 Nov 2026 06:31:09 +0000\r\n" + sealed
    folded = traced.replace(b"Mon, 25 Nov 2024 06:31:07", b"Mon,\r\n\t25  Nov 2024 06:31:07 ").replace(
        b"To: ", b"to:  ", 1
    )
    assert folded != traced
    assert verdicts(folded + b"\r\n\r\n") == [True, True]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_body_ends_in_one_line_end(sample: str) -> None:
    assert re.search(rb"[^\r\n]\r\n\Z", SAMPLES[sample].content)


def test_empty_lines_at_the_end_are_signed_as_if_they_were_not_there() -> None:
    """Editions frozen before DKIM may end in some, in their text variant."""
    long = replace(a_letter(), content=a_letter().content + b"\r\n\r\n")
    assert (
        signatures(SEALERS["rsa"].seal(long).content)[0]["bh"]
        == signatures(SEALERS["rsa"].seal(a_letter()).content)[0]["bh"]
    )
    assert verdicts(SEALERS["both"].seal(long).content) == [True, True]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_signature_s_lines_are_short(sample: str) -> None:  # M05
    head = SEALERS["both"].seal(SAMPLES[sample]).content.partition(b"\r\nFrom:")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


# --- A retry is the same message -------------------------------------------------------------------


def test_a_retry_has_the_same_signature_in_another_process(tmp_path: Path) -> None:  # M04
    for name, key in (("rsa", RSA), ("ed25519", ED25519)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / name).write_bytes(pem)
    script = (
        "import sys; from datetime import *; from pathlib import Path; from newsletter.mail.message import WireTemplate;"
        "from newsletter.links import Signer; from newsletter.mail import keyfiles; from newsletter.mail.dkim import Sealer;"
        "folder = Path(sys.argv[1]); wire = WireTemplate.loads(sys.stdin.read());"
        f"made = wire.splice(Signer({SIGNER.list_id!r}, {dict(SIGNER.keys)!r}, 0), delivery=7, subscriber=3,"
        " address='ama@exemple.example', date=datetime(2024, 11, 25, 6, 31, 7, tzinfo=UTC));"
        f"keys = [('lettre', keyfiles.read(folder / 'rsa', 'rsa')), ('lettre-ed', keyfiles.read(folder / 'ed25519', 'ed25519'))];"
        f"sys.stdout.buffer.write(Sealer({DOMAIN!r}, keys).seal(made).content)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    frozen = template().dumps().encode()
    told = subprocess.run(command, input=frozen, capture_output=True, check=True, cwd=ROOT).stdout
    assert told == SEALERS["both"].seal(message()).content


def test_another_second_is_another_signature() -> None:
    later = message(date=DATE + timedelta(seconds=1))
    assert [tags["t"] for tags in signatures(SEALERS["both"].seal(later).content)] == [
        str(int(DATE.timestamp()) + 1)
    ] * 2


def test_many_threads_sign_as_one_does() -> None:
    frozen = template()
    made = [message(frozen, address=f"lecteur{number}@exemple.example", delivery=number) for number in range(200)]
    fresh = Sealer(DOMAIN, KEYS["both"])
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fresh.seal, made))
    assert together == [SEALERS["both"].seal(one) for one in made]


def test_a_message_that_was_changed_after_splicing_is_signed_as_it_is_now() -> None:
    changed = replace(message(), content=message().content.replace(b"Bonjour", b"Bonsoir"))
    assert changed.content != message().content
    assert verdicts(SEALERS["both"].seal(changed).content) == [True, True]


def test_a_message_without_a_date_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="Date"):
        SEALERS["rsa"].seal(Message("a@b.example", "c@d.example", b"From: a@b.example\r\n\r\nBonjour\r\n"))


# --- In the DNS ------------------------------------------------------------------------------------


def test_a_record_is_cut_into_strings() -> None:
    rsa, ed25519 = RECORDS
    assert rsa.name == "lettre._domainkey.journal.example"
    assert rsa.value.startswith("v=DKIM1; k=rsa; p=MIIBIjANBg")
    assert [len(string) for string in rsa.strings] == [255, len(rsa.value) - 255]
    assert "".join(rsa.strings) == rsa.value
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", ed25519.value)  # RFC 8463, 4: the bare 32 bytes
    assert ed25519.strings == [ed25519.value]
    assert Record("a", "").strings == []


# --- Splicing, made fast, gives what it always gave --------------------------------------------------


@settings(max_examples=60)
@given(local=st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}", fullmatch=True), host=st.integers(1, 180))
def test_an_address_is_written_as_the_slow_way_writes_it(local: str, host: int) -> None:
    from html import escape

    from newsletter.mail import quoted

    address = f"{local}@{'.'.join(['h' * 60] * (host // 60) + ['h' * (host % 60 or 1)])}.example"
    content = message(address=address).content
    assert wire(address) == (address, False)
    for text in (address, escape(address)):
        assert quoted._wrap(text.encode()) in content
    assert f"To: {address}\r\n".encode() in content
