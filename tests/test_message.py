"""An edition's message, read with the standard library's parser: the M checks, and that a retry changes nothing."""

from __future__ import annotations

import email
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import NewsletterTable
from newsletter.errors import BadData, DatabaseError, TemplateError
from newsletter.links import Purpose, Signer
from newsletter.mail import headers
from newsletter.mail.addresses import normalise, wire
from newsletter.mail.letter import letter
from newsletter.mail.message import WireTemplate, freeze
from newsletter.model import Message, Rendered, Slot, Variant

DATA = Path(__file__).parent / "data" / "mail"
DATE = datetime(2026, 11, 23, 6, 31, 7, tzinfo=UTC)
RETURN_PATH = "b+{token}@bounces.journal.example"
SIGNER = Signer("lettre.journal.example", {0: b"0" * 32, 1: b"1" * 32}, 0)
PAPER = NewsletterTable.model_validate(
    {
        "title": "Le Quotidien du Golfe",
        "name": "La lettre du matin",
        "site_url": "https://journal.example",
        "public_url": "https://lettre.journal.example",
        "from": '"Le Quotidien du Golfe, Lomé" <lettre@journal.example>',
        "reply_to": "redaction@journal.example",
        "list_id": "lettre.journal.example",
    }
)
RENDERED = Rendered(
    subject="Budget adopté : ce qui change pour les écoles du pays 🏫",
    preheader="Les députés ont voté dans la nuit.",
    html=(
        "<html lang=fr><p>.Lomé — « Les députés ont voté. »</p>\n"
        f'<p>Pour {Slot.ADDRESS.marker} : <a href="{Slot.UNSUBSCRIBE.marker}">se désabonner</a>, '
        f'<a href="{Slot.PREFERENCES.marker}">préférences</a></p></html>'
    ),
    text=(
        f"Bonjour,\n.\nFrom Lomé\n\nEnvoyé à {Slot.ADDRESS.marker}\nSe désabonner : {Slot.UNSUBSCRIBE.marker}\n"
        f"Préférences : {Slot.PREFERENCES.marker}\n"
    ),
)
# CR LF VT FF FS GS RS NEL U+2028 U+2029, and the pair: whatever Python or a mail program may take for a line's end.
LINE_ENDS = ["\r", "\n", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def template(rendered: Rendered = RENDERED, paper: NewsletterTable = PAPER, **changes: object) -> WireTemplate:
    values: dict[str, object] = {"edition": "2026-11-23", "return_path": "plain", "key": 0} | changes
    return freeze(rendered, paper, **values)  # type: ignore[arg-type]


def message(
    wire: WireTemplate | None = None,
    *,
    address: str = "ama@exemple.example",
    delivery: int = 7,
    subscriber: int = 3,
    date: datetime = DATE,
) -> Message:
    wire = wire or template()
    return wire.splice(SIGNER, delivery=delivery, subscriber=subscriber, address=address, date=date)


def parse(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def field(content: bytes, name: str) -> str:
    """A field's raw value, unfolded. There must be exactly one."""
    head = re.sub(r"\r\n(?=[ \t])", "", content.partition(b"\r\n\r\n")[0].decode())
    values = [line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(name.lower() + ":")]
    assert len(values) == 1, (name, values)
    return values[0]


def body(content: bytes, subtype: str) -> str:
    (part,) = [part for part in parse(content).walk() if part.get_content_type() == f"text/{subtype}"]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


# --- The header -----------------------------------------------------------------------------------


def test_the_message_as_it_stands() -> None:
    parsed = parse(message().content)
    assert parsed["From"].addresses[0].display_name == "Le Quotidien du Golfe, Lomé"
    assert parsed["To"] == "ama@exemple.example"
    assert parsed["Reply-To"] == "redaction@journal.example"  # M25
    assert parsed["Subject"] == RENDERED.subject
    assert parsedate_to_datetime(parsed["Date"]) == DATE
    assert str(parsed["Date"]) == "Mon, 23 Nov 2026 06:31:07 +0000"
    assert parsed["MIME-Version"] == "1.0"


def test_from_is_one_address() -> None:  # M01
    found = getaddresses([field(message().content, "From")])
    assert [address for _, address in found] == ["lettre@journal.example"]


SINGLE = (
    "Date From Reply-To To Subject Message-ID MIME-Version Content-Type List-Id List-Unsubscribe List-Unsubscribe-Post"
    " Feedback-ID List-Post List-Archive List-Owner Auto-Submitted Precedence"
)


ALLOWED = {*SINGLE.encode().split(), b"Content-Transfer-Encoding"}


@pytest.mark.parametrize("name", SINGLE.split())
def test_each_field_stands_once(name: str) -> None:  # M02
    assert field(message().content, name)


def test_one_mail_has_one_message_id_and_no_two_share_one() -> None:  # M03
    wire = template()
    made = {wire.message_id(SIGNER, delivery) for delivery in range(100_000)}
    assert len(made) == 100_000
    first = field(message(wire).content, "Message-ID")
    assert first == wire.message_id(SIGNER, 7) == field(message(wire).content, "Message-ID")
    assert re.fullmatch(r"<2026-11-23\.[a-z2-7]+@lettre\.journal\.example>", first)
    assert first != template(edition="2026-11-24").message_id(SIGNER, 7)


def test_the_token_in_the_message_id_is_the_deliverys() -> None:
    token = message(delivery=4711).content.partition(b"Message-ID: <2026-11-23.")[2].partition(b"@")[0]
    assert SIGNER.read(Purpose.DELIVERY, token.decode()) == 4711


@settings(deadline=None)
@given(
    address=st.sampled_from(["a@b.example", "a" * 64 + "@" + ".".join(["b" * 59] * 3) + ".example"]),
    text=st.text(max_size=2000),
    subject=st.text(max_size=1500),
)
def test_lines_are_short_and_end_in_crlf(address: str, text: str, subject: str) -> None:  # M05 M06 M08
    html = text + RENDERED.html
    content = message(template(replace(RENDERED, html=html, subject=subject)), address=address).content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", content)
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    head, _, bodies = content.partition(b"\r\n\r\n")
    assert max(map(len, bodies.split(b"\r\n"))) <= 76
    assert len(head) < 32_000
    assert len(field(content, "Subject")) <= 998 * 3
    assert len(str(make_header(decode_header(field(content, "Subject"))))) <= 998


@settings(deadline=None)
@given(st.integers(10, 358))
def test_long_links_are_never_encoded_in_the_header(length: int) -> None:  # M07
    wire = replace(template(), public_url="https://lettre.journal.example/".ljust(length, "x"))
    content = message(wire).content
    link = field(content, "List-Unsubscribe")
    assert link == f"<{SIGNER.link(wire.public_url, Purpose.UNSUBSCRIBE, 3)}>"
    assert parse(content)["List-Unsubscribe"] == link
    assert link.strip("<>") in body(content, "plain")
    assert link.strip("<>") in body(content, "html")


def test_the_header_is_ascii_and_encoded_only_for_people() -> None:  # M07
    head = message().content.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    lines = re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n")
    assert {line.partition(b":")[0] for line in lines if b"=?" in line} == {b"From", b"Subject"}
    assert not re.search(rb"<[^>]*=\?", head)  # none inside an address


def test_two_parts_text_first(tmp_path: Path) -> None:  # M09
    parsed = parse(message().content)
    assert parsed.get_content_type() == "multipart/alternative"
    parts = list(parsed.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part in parts:
        assert (part.get_content_charset(), part["Content-Transfer-Encoding"]) == ("utf-8", "quoted-printable")
        assert part.get_content().strip()


def test_the_bodies_are_what_was_rendered() -> None:
    links = {
        purpose: SIGNER.link(PAPER.public_url, purpose, 3) for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES)
    }
    for text, subtype in ((RENDERED.text, "plain"), (RENDERED.html, "html")):
        text = text.replace(Slot.ADDRESS.marker, "ama@exemple.example")
        text = text.replace(Slot.UNSUBSCRIBE.marker, links[Purpose.UNSUBSCRIBE])
        assert body(message().content, subtype) == text.replace(Slot.PREFERENCES.marker, links[Purpose.PREFERENCES])


def test_the_same_link_to_leave_by_in_header_text_and_html() -> None:  # M11
    content = message(subscriber=42).content
    found = re.findall(r"https://lettre\.journal\.example/u/([a-z2-7]+)", body(content, "plain"))
    found += re.findall(r'href="https://lettre\.journal\.example/u/([a-z2-7]+)"', body(content, "html"))
    found += re.findall(r"/u/([a-z2-7]+)>", field(content, "List-Unsubscribe"))
    assert len(found) == 3
    assert {SIGNER.read(Purpose.UNSUBSCRIBE, token) for token in found} == {42}


@pytest.mark.parametrize(("part", "kind"), [("html", "HTML"), ("text", "text")])
def test_no_edition_without_a_link_to_leave_by(part: str, kind: str) -> None:  # M11
    with pytest.raises(TemplateError, match=f"the edition's {kind} holds no link to unsubscribe"):
        template(replace(RENDERED, **{part: "Bonjour"}))


def test_no_mail_names_another_reader() -> None:  # M12
    wire = template()
    readers = [f"lecteur{number}@exemple.example" for number in range(20)]
    for number, address in enumerate(readers):
        content = message(wire, address=address, delivery=number, subscriber=number).content
        assert [one for one in readers if re.search(rb"\b" + one.encode(), content)] == [address]
        assert field(content, "To") == address


def test_an_address_is_escaped_in_the_html() -> None:
    content = message(address="o'neil&fils@exemple.example").content
    assert "Pour o&#x27;neil&amp;fils@exemple.example :" in body(content, "html")
    assert "o'neil&fils@exemple.example" in unescape(body(content, "html"))
    assert "Envoyé à o'neil&fils@exemple.example" in body(content, "plain")


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Re: le budget", "le budget"),
        ("RE : Fwd: TR : le budget", "le budget"),
        ("Reprise des cours", "Reprise des cours"),
        ("", "La lettre du matin"),
        ("Re:", "La lettre du matin"),
        ("=?utf-8?q?faux?=", "=?utf-8?q?faux?="),
        ("Mot" * 60, "Mot" * 60),
        ("à" * 400, "à" * 249 + "…"),
    ],
)
def test_subjects(subject: str, shown: str) -> None:  # M13 M08
    content = message(template(replace(RENDERED, subject=subject))).content
    assert str(make_header(decode_header(field(content, "Subject")))) == shown
    assert not re.match(r"(?i)(re|fwd?):", parse(content)["Subject"])
    subject_lines = re.search(rb"Subject:[^\r]*(?:\r\n [^\r]*)*", content)
    assert subject_lines
    assert max(map(len, subject_lines[0].split(b"\r\n"))) <= 76


def test_the_list_s_fields() -> None:
    content = message().content
    assert field(content, "List-Id") == "La lettre du matin <lettre.journal.example>"  # M16
    assert re.fullmatch(r"<https://[^<>,\s]+>", field(content, "List-Unsubscribe"))  # M17
    assert field(content, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"  # M18
    assert field(content, "Auto-Submitted") == "auto-generated"  # M22
    assert field(content, "Precedence") == "bulk"  # M22
    assert field(content, "List-Post") == "NO"  # M24
    assert field(content, "List-Owner") == "<mailto:redaction@journal.example>"  # M24
    assert field(content, "List-Archive") == "<https://lettre.journal.example/archive/2026-11-23>"  # M24


def test_leaving_by_mail_stands_behind_the_link() -> None:  # M17 M18
    wire = template(return_path=RETURN_PATH, leave_by_mail=True)
    made = message(wire, delivery=99, subscriber=42)
    link, mail = field(made.content, "List-Unsubscribe").split(", ")
    assert link == f"<{SIGNER.link(PAPER.public_url, Purpose.UNSUBSCRIBE, 42)}>"
    assert mail == f"<mailto:{made.sender}?subject=unsubscribe>"
    token = made.sender.partition("+")[2].partition("@")[0]
    assert SIGNER.read(Purpose.DELIVERY, token) == 99
    assert field(made.content, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert field(message(wire, delivery=100).content, "List-Unsubscribe") != field(made.content, "List-Unsubscribe")


@pytest.mark.parametrize("changes", [{"return_path": RETURN_PATH}, {"leave_by_mail": True}])
def test_without_a_return_path_that_is_read_nobody_leaves_by_mail(changes: dict[str, object]) -> None:
    assert b"mailto:b+" not in message(template(**changes)).content
    assert field(message(template(**changes)).content, "List-Unsubscribe").startswith("<https://")
    assert "," not in field(message(template(**changes)).content, "List-Unsubscribe")


@pytest.mark.parametrize("variant", Variant)
def test_an_address_is_written_as_a_uri_wants_it(variant: Variant) -> None:
    """RFC 6068, 2: what would end the address or the field is said in percent; the rest is what the envelope says."""
    odd = "b=%&?/{token}=x,>@bounces.journal.example"
    made = message(template(return_path=odd, leave_by_mail=True, variant=variant))
    _, mail = field(made.content, "List-Unsubscribe").split(", ")
    assert re.fullmatch(r"<mailto:[A-Za-z0-9@!$*+._~%-]+\?subject=unsubscribe>", mail)
    parts = urlsplit(mail.strip("<>"))
    assert unquote(parts.path) == made.sender
    assert parts.query == "subject=unsubscribe"


@pytest.mark.parametrize(
    "list_id", ["lettre.journal.example", "a.b", "la-lettre-du-matin.le-quotidien-du-golfe.example"]
)
def test_feedback_id(list_id: str) -> None:  # M23
    wire = template(paper=PAPER.model_copy(update={"list_id": list_id}))
    one, other = (field(message(wire, delivery=n, subscriber=n).content, "Feedback-ID") for n in (1, 2))
    assert one == other
    assert re.fullmatch(r"[^:]+:[^:]+:[^:]+:[a-z0-9]{5,15}", one)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("La lettre", "La lettre <l.example>"),
        ("Lomé, le matin", "<l.example>"),
        ('Le "matin" (Lomé)', "<l.example>"),
        ('Le "matin", ici', r'"Le \"matin\", ici" <l.example>'),
        ("", "<l.example>"),
    ],
)
def test_the_list_s_name_is_ascii_or_none(name: str, wire: str) -> None:  # M16
    assert headers.list_id(name, "l.example") == wire


@settings(deadline=None)
@given(name=st.text(min_size=1, max_size=200), local=st.from_regex(r"[a-z]{1,40}", fullmatch=True))
def test_any_display_name_comes_through(name: str, local: str) -> None:
    line = headers.mailbox_field("From", f"{local}@journal.example", default_name=name)
    parsed = parse(line.encode() + b"\r\n")
    assert [one.addr_spec for one in parsed["From"].addresses] == [f"{local}@journal.example"]
    assert max(map(len, line.split("\r\n"))) <= 76
    # Not the parser's display_name: in 3.11 it puts a space between two encoded words, against RFC 2047, 6.2.
    phrase = re.sub(r"\r\n(?=[ \t])", "", line).partition(": ")[2].rpartition("<")[0].strip()
    shown = str(make_header(decode_header(phrase)))
    if phrase.startswith('"'):
        shown = re.sub(r"\\(.)", r"\1", shown[1:-1])
    assert shown == headers.one_line(name)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_subject_comes_through(subject: str) -> None:
    line = headers.text_field("Subject", subject)
    assert str(make_header(decode_header(re.sub(r"\r\n(?=[ \t])", "", line).strip("\r\n").partition(": ")[2]))) == (
        headers.one_line(subject)
    )
    assert max(map(len, line.split("\r\n"))) <= 76


# --- Nothing breaks out of its field ---------------------------------------------------------------


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_no_line_end_makes_a_header(end: str) -> None:  # W10
    evil = f"Le titre{end}Bcc: espion@exemple.example{end}{end}<script>"
    title = PAPER.model_copy(update={"title": evil, "name": evil, "sender": "lettre@journal.example"})
    made = [
        message(template(replace(RENDERED, subject=evil))).content,
        message(template(paper=title)).content,
        message(template(paper=PAPER.model_copy(update={"sender": f'"{evil}" <lettre@journal.example>'}))).content,
        letter(
            PAPER, to="ama@exemple.example", subject=evil, text="Bonjour", date=DATE, message_id="<1@a.example>"
        ).content,
    ]
    for content in made:
        head = content.partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
        assert set(names) <= ALLOWED
        assert parse(content)["To"] == "ama@exemple.example"
        assert (
            next(part.get_content_type() for part in parse(content).walk() if not part.is_multipart()) == "text/plain"
        )


@pytest.mark.parametrize("end", [*LINE_ENDS, "\0", " ", ",", ">", "<"], ids=ascii)
def test_no_address_makes_a_second_recipient(end: str) -> None:  # W10
    with pytest.raises(BadData) as caught:
        message(address=f"ama{end}espion@exemple.example" if end != " " else "ama espion@exemple.example")
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(BadData):
        message(address=f"ama@exemple.example{end}x@exemple.example")


# --- The envelope ---------------------------------------------------------------------------------


def test_the_plain_return_path_is_the_from_address() -> None:  # S14
    made = message()
    assert (made.sender, made.recipient, made.utf8) == ("lettre@journal.example", "ama@exemple.example", False)


def test_a_return_path_of_ones_own_names_the_delivery() -> None:  # S14
    made = message(template(return_path="b+{token}@bounces.journal.example"), delivery=99)
    match = re.fullmatch(r"b\+([a-z2-7]+)@bounces\.journal\.example", made.sender)
    assert match
    assert SIGNER.read(Purpose.DELIVERY, match[1]) == 99
    assert len(made.sender.partition("@")[0]) <= 64  # RFC 5321, 4.5.3.1.1


def test_the_name_is_the_deliverys() -> None:
    names = {message(delivery=n).name for n in range(50)} | {message(template(edition="2026-11-24")).name}
    assert len(names) == 51
    assert message(delivery=12).name.startswith("2026-11-23.12.")
    other_database = Signer(SIGNER.list_id, {0: b"x" * 32}, 0)
    again = template().splice(other_database, delivery=12, subscriber=3, address="ama@exemple.example", date=DATE)
    assert again.name != message(delivery=12).name


def test_letters_outside_ascii() -> None:  # M26
    domain = message(address="ama@exämple.example")
    assert (domain.recipient, domain.utf8) == ("ama@xn--exmple-cua.example", False)
    assert domain.content.isascii()
    local = message(address="amévi@exemple.example")
    assert (local.recipient, local.utf8) == ("amévi@exemple.example", True)
    assert field(local.content, "To") == "amévi@exemple.example"
    assert "Envoyé à amévi@exemple.example" in body(local.content, "plain")


def test_a_naive_date_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="zone"):
        message(date=DATE.replace(tzinfo=None))


@settings(deadline=None)
@given(st.integers(0, 3_500_000_000), st.integers(-14 * 60, 14 * 60))
def test_any_date_is_read_back(seconds: int, minutes: int) -> None:
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))
    assert parsedate_to_datetime(field(message(date=moment).content, "Date")) == moment


def test_the_same_moment_in_two_zones_is_written_as_it_was_given() -> None:
    frozen = template()
    lome, elsewhere = DATE, DATE.astimezone(timezone(timedelta(hours=5, minutes=30)))
    for moment, written in [(lome, "+0000"), (elsewhere, "+0530"), (lome, "+0000"), (elsewhere, "+0530")]:
        assert field(message(frozen, date=moment).content, "Date").endswith(written)


def test_a_template_minds_who_signs_its_links() -> None:
    frozen = template()
    other = Signer(SIGNER.list_id, {0: b"x" * 32}, 0)
    for signer in (SIGNER, other, SIGNER):
        made = frozen.splice(signer, delivery=7, subscriber=3, address="ama@exemple.example", date=DATE)
        assert made == template().splice(signer, delivery=7, subscriber=3, address="ama@exemple.example", date=DATE)
        assert signer.link(PAPER.public_url, Purpose.UNSUBSCRIBE, 3) in made.content.decode()


# --- A retry is the same message -------------------------------------------------------------------


def test_a_retry_is_the_same_bytes_in_another_process() -> None:  # M04
    script = (
        "import sys, hashlib; from datetime import *; from newsletter.mail.message import WireTemplate;"
        "from newsletter.links import Signer;"
        "wire = WireTemplate.loads(sys.stdin.read());"
        "signer = Signer('changed.example', {0: b'0' * 32, 9: b'9' * 32}, 9);"  # the key and the list changed meanwhile
        "made = wire.splice(signer, delivery=7, subscriber=3, address='ama@exemple.example',"
        " date=datetime(2026, 11, 23, 6, 31, 7, tzinfo=UTC));"
        "print(hashlib.sha256(made.content).hexdigest(), made.name, made.sender)"
    )
    frozen = template(return_path="b+{token}@b.journal.example")
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-c", script], input=frozen.dumps(), capture_output=True, text=True, check=True, cwd=root
    ).stdout
    made = message(frozen)
    assert told.split() == [hashlib.sha256(made.content).hexdigest(), made.name, made.sender]


def test_what_is_frozen_comes_back_whole() -> None:
    frozen = template()
    assert frozen.dumps().isascii()
    assert WireTemplate.loads(frozen.dumps()) == frozen


def test_an_edition_frozen_by_an_earlier_version_is_sent_as_it_would_have_been() -> None:
    """Never change these two files: an upgrade in the midst of an edition must alter no retry."""
    frozen = WireTemplate.loads((DATA / "frozen-1.json").read_text(encoding="ascii"))
    assert message(frozen).content == (DATA / "frozen-1.eml").read_bytes()


def test_one_that_lets_readers_leave_by_mail_too() -> None:
    """Of the second version; these two files never change either."""
    frozen = WireTemplate.loads((DATA / "frozen-2.json").read_text(encoding="ascii"))
    assert message(frozen).content == (DATA / "frozen-2.eml").read_bytes()
    assert WireTemplate.loads(frozen.dumps()) == frozen


def test_what_an_earlier_version_can_read_is_written_for_it() -> None:
    plain, by_mail = template(), template(return_path=RETURN_PATH, leave_by_mail=True)
    assert [json.loads(one.dumps())["version"] for one in (plain, by_mail)] == [1, 2]


def test_what_a_later_version_wrote_asks_for_an_upgrade() -> None:
    with pytest.raises(DatabaseError, match="upgrade this one"):
        WireTemplate.loads(json.dumps(json.loads(template().dumps()) | {"version": 3}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"version": 2}',
        '{"version": 3}',
        '{"version": 1}',
        '{"version": 1, "parts": ["é"], "holes": []}',
    ],
)
def test_a_damaged_template_is_said_in_one_line(text: str) -> None:
    with pytest.raises(DatabaseError, match="the frozen edition") as caught:
        WireTemplate.loads(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_frozen_key_that_is_gone_stops_the_edition_not_one_reader() -> None:
    with pytest.raises(DatabaseError, match="signing key 5"):
        message(template(key=5))


def test_the_boundary_stands_only_where_it_belongs() -> None:
    trap = "--=_2026-11-23\n--=_2026-11-23--\n"
    content = message(template(replace(RENDERED, text=trap + RENDERED.text, html=trap + RENDERED.html))).content
    assert content.count(b"\r\n--=_2026-11-23") == 3
    assert body(content, "plain").startswith(trap)
    assert body(content, "html").startswith(trap)


# --- Addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_address", "text", "utf8"),
    [
        ("ama@exemple.example", "ama@exemple.example", False),
        ("  Ama.K@Exemple.EXAMPLE ", "Ama.K@exemple.example", False),
        ("ama@exämple.org", "ama@xn--exmple-cua.org", False),
        ("ama@XN--EXMPLE-CUA.org", "ama@xn--exmple-cua.org", False),
        ("üser@exämple.org", "üser@xn--exmple-cua.org", True),
        ("u\u0308ser@exemple.org", "üser@exemple.org", True),  # NFC
        ("ama@poste.test", "ama@poste.test", False),
        ("root@localhost", "root@localhost", False),
        ("desk@salle.localhost", "desk@salle.localhost", False),
        ("desk@SALLE.Local", "desk@salle.local", False),
        ("o'neil+lettre@exemple.example", "o'neil+lettre@exemple.example", False),
    ],
)
def test_addresses_in_order(given_address: str, text: str, utf8: bool) -> None:  # M26
    found = normalise(given_address)
    assert (found.text, found.utf8) == (text, utf8)
    assert wire(found.text) == (text, utf8)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Ama@Exemple.example", "ama@exemple.example", " AMA@EXEMPLE.EXAMPLE "),
        ("Ümit@exämple.org", "ümit@xn--exmple-cua.org", "u\u0308mit@EXÄMPLE.org"),
    ],
)
def test_spellings_of_one_subscriber(spellings: tuple[str, ...]) -> None:  # R13
    assert len({normalise(spelling).key for spelling in spellings}) == 1


@pytest.mark.parametrize(
    "address",
    [
        "", "ama", "ama@", "@exemple.example", "ama@exemple", "a ma@exemple.example", "ama@exemple..example", "ama@-x.example",
        "ama@exemple.example, kofi@exemple.example", "Ama <ama@exemple.example>", "ama@exemple.example\nBcc: x@y.example",
        "ama@192.0.2.1", "ama@[192.0.2.1]", "a" * 65 + "@exemple.example", "ama@" + "x" * 64 + ".example", "ama\0@exemple.example",
        "am\u202ea@exemple.example", '"a b"@exemple.example', "ama@exemple.example>", "ama@" + "exemple." * 40 + "example",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_mailed(address: str) -> None:
    for read in (normalise, wire):
        with pytest.raises(BadData) as caught:
            read(address)
        assert len(str(caught.value).splitlines()) == 1
        assert str(caught.value).startswith(headers.one_line(address, 100) or "an empty address")


# --- Letters ---------------------------------------------------------------------------------------


def a_letter(**changes: object) -> Message:
    values: dict[str, object] = {
        "to": "redaction@journal.example",
        "subject": "La lettre du 23 novembre n’est pas partie",
        "text": "Bonjour,\n.\nLe relais a tout refusé.\n",
        "date": DATE,
        "message_id": "<notice.2026-11-23@lettre.journal.example>",
    }
    return letter(PAPER, **(values | changes))  # type: ignore[arg-type]


def test_a_letter_of_text() -> None:
    made = a_letter()
    parsed = parse(made.content)
    assert parsed["Subject"] == "La lettre du 23 novembre n’est pas partie"
    assert body(made.content, "plain") == "Bonjour,\n.\nLe relais a tout refusé.\n"
    assert (parsed["Auto-Submitted"], parsed["Precedence"]) == ("auto-generated", "bulk")  # M22
    assert (made.sender, made.recipient) == ("lettre@journal.example", "redaction@journal.example")
    assert made.name == "notice.2026-11-23@lettre.journal.example"
    assert a_letter() == made


def test_a_letter_with_html() -> None:
    made = a_letter(html="<p>Rien n’est parti.</p>")
    assert parse(made.content).get_content_type() == "multipart/alternative"
    assert body(made.content, "html") == "<p>Rien n’est parti.</p>"
    assert body(made.content, "plain") == "Bonjour,\n.\nLe relais a tout refusé.\n"


@pytest.mark.parametrize("to", ["Rédaction <redaction@journal.example>", "redaction@journal.example"])
def test_a_letter_goes_to_the_address_alone(to: str) -> None:
    assert a_letter(to=to).recipient == "redaction@journal.example"
    assert field(a_letter(to=to).content, "To") == "redaction@journal.example"


def test_a_letter_to_a_local_part_outside_ascii() -> None:
    made = a_letter(to="rédaction@journal.example")
    assert made.utf8
    assert field(made.content, "To") == "rédaction@journal.example"
