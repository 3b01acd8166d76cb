"""One message to a relay that behaves in every way a server can: what is known afterwards, and in which phase."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.mail.exchange import stuff
from newsletter.mail.replies import BadReply, Replies, Reply
from newsletter.mail.smtp import Relay
from newsletter.mail.wire import Wire
from newsletter.model import Message, Outcome, Phase, Verdict
from newsletter.settings import Via
from tests.needs import needs
from tests.smtp_server import Action, Drip, HangUp, Reset, Say, ScriptedServer, Silence

CONTENT = b"Subject: Bonjour\r\n\r\nLa lettre du matin.\r\n"
SHORT = 0.4  # seconds that a test waits for a server which will never answer
LONG = 15.0  # seconds that no test should ever need
FEATURES = ("SIZE 10485760", "8BITMIME", "PIPELINING")


def message(number: int = 1, content: bytes = CONTENT, **changes: Any) -> Message:
    return Message("lettre@journal.example", f"lecteur{number}@exemple.example", content, **changes)


def relay(
    port: int,
    scheme: str = "smtp",
    host: str = "127.0.0.1",
    user: str = "",
    password: str | None = None,
    **changes: Any,
) -> Relay:
    values: dict[str, Any] = {"connect_timeout": LONG, "step_timeout": LONG, "send_timeout": LONG, "dot_timeout": LONG}
    via = Via.parse(f"{scheme}://{user + '@' if user else ''}{host}:{port}")
    return Relay(via, password, hello="journal.example", **(values | changes))


def send(server: ScriptedServer, one: Message | None = None, **changes: Any) -> Outcome:
    with relay(server.port, **changes).open() as line:
        return line.send(one or message(), lambda: None)


# --- The way it should be --------------------------------------------------------------------------


def test_one_message_word_by_word() -> None:
    with ScriptedServer() as server:
        outcome = send(server)
    assert outcome == Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0 queued as 4XyZ")
    assert bytes(server.connections[0].raw) == (
        b"ehlo journal.example\r\n"
        b"MAIL FROM:<lettre@journal.example> SIZE=41\r\n"
        b"RCPT TO:<lecteur1@exemple.example>\r\n"
        b"DATA\r\n" + CONTENT + b".\r\nQUIT\r\n"
    )


def test_nothing_of_the_dot_is_on_the_wire_before_it_is_written_down() -> None:
    with ScriptedServer() as server, relay(server.port).open() as line:
        seen: list[bytes] = []

        def at_dot() -> None:
            deadline = time.monotonic() + LONG
            while b"matin." not in server.connections[0].raw and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.05)
            seen.append(bytes(server.connections[0].raw))

        assert line.send(message(), at_dot).verdict is Verdict.ACCEPTED
    assert len(seen) == 1
    assert seen[0].endswith(b"La lettre du matin.")


def test_where_the_dot_cannot_be_written_down_the_line_is_cut_without_it() -> None:
    with ScriptedServer() as server, relay(server.port).open() as line:

        def at_dot() -> None:
            raise RuntimeError("the ledger is away")

        with pytest.raises(RuntimeError, match="the ledger is away"):
            line.send(message(), at_dot)
        assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED
    assert b".\r\n" not in server.connections[0].raw.partition(b"matin")[2].removeprefix(b".")
    assert [received.rcpt for received in server.messages] == ["RCPT TO:<lecteur2@exemple.example>"]


@pytest.mark.parametrize(
    "content",
    [
        b".\r\n",
        b"..\r\n",
        b"a\r\n.\r\nb\r\n",
        b".a\r\n.\r\n..\r\n",
        b"",
        b"sans fin de ligne",
        b"\r\n.\r\n",
    ],
)
def test_a_line_of_one_dot_survives(content: bytes) -> None:  # S12
    with ScriptedServer() as server:
        assert send(server, message(content=content)).verdict is Verdict.ACCEPTED
    assert [received.content for received in server.messages] == [
        content if content.endswith(b"\r\n") else content + b"\r\n"
    ]


@settings(deadline=None)
@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a", b"a."]), max_size=12))
def test_no_stuffed_content_holds_an_end(lines: list[bytes]) -> None:  # S12
    stuffed = stuff(b"\r\n".join(lines))
    assert b"\r\n.\r\n" not in b"\r\n" + stuffed
    assert b"".join(line.removeprefix(b".") for line in stuffed.splitlines(True)) == b"\r\n".join(lines) + (
        b"" if lines and b"\r\n".join(lines).endswith(b"\r\n") else b"\r\n"
    )


@pytest.mark.parametrize(
    ("features", "line"),
    [
        (FEATURES, "MAIL FROM:<lettre@journal.example> SIZE=41"),
        (("SIZE",), "MAIL FROM:<lettre@journal.example> SIZE=41"),
        ((), "MAIL FROM:<lettre@journal.example>"),
    ],
)
def test_only_what_is_offered_is_used(features: tuple[str, ...], line: str) -> None:  # S03
    with ScriptedServer(features=features) as server:
        assert send(server).verdict is Verdict.ACCEPTED
    assert line in server.commands


@pytest.mark.parametrize("features", [(*FEATURES, "DSN"), FEATURES])
@pytest.mark.parametrize("recipient", ["ama@exemple.example", "ama+essai=1@exemple.example", "üser@exemple.example"])
def test_a_notice_of_failure_is_asked_for_where_that_is_offered(  # S13
    features: tuple[str, ...], recipient: str
) -> None:
    utf8 = not recipient.isascii()
    one = Message("lettre@journal.example", recipient, CONTENT, name="2026-11-23.7.abc", utf8=utf8)
    with ScriptedServer(features=(*features, "SMTPUTF8")) as server:
        assert send(server, one).verdict is Verdict.ACCEPTED
    mail, rcpt = server.commands[1:3]
    assert ("RET=HDRS ENVID=2026-11-23.7.abc" in mail) == ("DSN" in features)
    assert ("NOTIFY=FAILURE" in rcpt) == ("DSN" in features)
    assert ("ORCPT" in rcpt) == ("DSN" in features and not utf8)
    if "ORCPT" in rcpt:
        assert rcpt.endswith("ORCPT=rfc822;" + recipient.replace("+", "+2B").replace("=", "+3D"))


@pytest.mark.parametrize("refusal", ["500 5.5.1 what?", "502 no", "554 never heard"])
def test_a_server_of_old_is_greeted_by_helo(refusal: str) -> None:  # S03
    with ScriptedServer({"EHLO": Say(refusal)}) as server:
        assert send(server).verdict is Verdict.ACCEPTED
    assert server.commands[:3] == ["ehlo journal.example", "helo journal.example", "MAIL FROM:<lettre@journal.example>"]


UTF8 = Message(
    "lettre@journal.example", "üser@exemple.example", "To: üser@exemple.example\r\n\r\nè\r\n".encode(), utf8=True
)


def test_letters_outside_ascii_where_the_relay_takes_them() -> None:  # M26
    with ScriptedServer(features=[*FEATURES, "SMTPUTF8"]) as server:
        assert send(server, UTF8).verdict is Verdict.ACCEPTED
    assert (
        server.messages[0].mail == f"MAIL FROM:<lettre@journal.example> SIZE={len(UTF8.content)} BODY=8BITMIME SMTPUTF8"
    )
    assert server.messages[0].rcpt == "RCPT TO:<üser@exemple.example>"


def test_where_it_does_not_that_one_alone_is_rejected() -> None:  # M26
    with ScriptedServer() as server, relay(server.port).open() as line:
        verdicts = [line.send(one, lambda: None) for one in (message(1), UTF8, message(2))]
    assert [outcome.verdict for outcome in verdicts] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED]
    assert verdicts[1].code is None
    assert "SMTPUTF8" in verdicts[1].reply
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    "recipient", ["a@b.example> SIZE=1", "a@b.example\r\nRCPT TO:<c@d.example>", "a b@c.example", "<a@b.example"]
)
def test_no_address_makes_a_second_command(recipient: str) -> None:  # W10
    with ScriptedServer() as server, relay(server.port).open() as line:
        for one in (Message("lettre@journal.example", recipient, CONTENT), Message(recipient, "a@b.example", CONTENT)):
            outcome = line.send(one, lambda: None)
            assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, None)
    assert server.commands == ["ehlo journal.example", "QUIT"]


# --- Each phase, each failure ----------------------------------------------------------------------

PHASES = {"MAIL": Phase.MAIL, "RCPT": Phase.RCPT, "DATA": Phase.DATA, ".": Phase.DOT}


@pytest.mark.parametrize(
    ("step", "code", "verdict"),
    [
        ("MAIL", 451, Verdict.REFUSED),
        ("MAIL", 550, Verdict.REFUSED),
        ("RCPT", 450, Verdict.DEFERRED),
        ("RCPT", 550, Verdict.REJECTED),
        ("DATA", 451, Verdict.DEFERRED),
        ("DATA", 554, Verdict.REJECTED),
        (".", 450, Verdict.DEFERRED),
        (".", 552, Verdict.REJECTED),
    ],
)
def test_a_refusal_counts_for_one_message(step: str, code: int, verdict: Verdict) -> None:
    script: dict[str, Action | list[Action]] = {
        step: [Say(f"{code} 4.2.1 pas celui-ci"), Say("354 oui" if step == "DATA" else "250 oui")]
    }
    with ScriptedServer(script) as server, relay(server.port).open() as line:
        outcome = line.send(message(1), lambda: None)
        assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED
    assert outcome == Outcome(verdict, PHASES[step], code, "4.2.1 pas celui-ci")
    assert len(server.connections) == 1
    assert ("RSET" in server.commands) is (step in ("RCPT", "DATA"))
    assert [received.rcpt for received in server.messages] == ["RCPT TO:<lecteur2@exemple.example>"]


DEADLY = [HangUp(), Reset(), Say("was ist das?"), Say(b"\xff\xfe\0\r\n")]
OUT_OF_PLACE = [("MAIL", Say("354 ?")), ("RCPT", Say("354 ?")), ("DATA", Say("250 ?")), (".", Say("354 ?"))]


@pytest.mark.parametrize(
    ("step", "action"), [*product(["CONNECT", "MAIL", "RCPT", "DATA", "."], DEADLY), *OUT_OF_PLACE], ids=repr
)
def test_a_dead_line_is_lost_before_the_dot_and_uncertain_after(step: str, action: Action) -> None:  # S10 S04
    with ScriptedServer({step: action}) as server:
        outcome = send(server)
    assert outcome.verdict is (Verdict.UNCERTAIN if step == "." else Verdict.LOST)
    assert outcome.phase is PHASES.get(step, Phase.CONNECT)
    assert outcome.code is None
    assert outcome.reply.startswith("the relay ")
    assert len(outcome.reply.splitlines()) == 1


@pytest.mark.parametrize("action", [Silence(), Drip(0.05)], ids=["silence", "tarpit"])
def test_no_server_holds_a_step_beyond_its_time(action: Action) -> None:  # S04
    """The tarpit sends a byte every 0.05 s: smtplib's own timeout would start anew with each of them."""
    patience = 2.0

    def offer(step: str) -> tuple[Outcome, float]:
        began = time.monotonic()
        with (
            ScriptedServer({step: action}) as server,
            relay(server.port, step_timeout=patience, dot_timeout=patience).open() as line,
        ):
            outcome = line.send(message(), lambda: None)
            return outcome, time.monotonic() - began

    steps = {"CONNECT": Phase.CONNECT, "EHLO": Phase.CONNECT, **PHASES}
    with ThreadPoolExecutor(len(steps)) as pool:  # all at once: waiting is all they do
        for (outcome, spent), (step, phase) in zip(pool.map(offer, steps), steps.items(), strict=True):
            assert outcome.verdict is (Verdict.UNCERTAIN if step == "." else Verdict.LOST)
            assert outcome.phase is phase
            assert "in time" in outcome.reply
            assert patience <= spent < LONG


def test_the_reply_to_the_dot_has_a_time_of_its_own() -> None:  # S04
    with ScriptedServer({".": Silence()}) as server:
        began = time.monotonic()
        assert send(server, dot_timeout=SHORT).verdict is Verdict.UNCERTAIN
        assert SHORT <= time.monotonic() - began < LONG


def test_after_the_dot_ten_minutes_are_waited() -> None:  # S04
    patience = Relay(Via.parse("smtp://127.0.0.1:25"), None, hello="journal.example")._patience
    assert patience.dot >= 600


@pytest.mark.parametrize(
    ("step", "code"), [("CONNECT", 421), ("CONNECT", 554), ("EHLO", 421), ("HELO", 501), ("MAIL", 421), ("MAIL", 530)]
)
def test_a_refusal_of_us_is_no_reader_s_fault(step: str, code: int) -> None:
    script: dict[str, Action | list[Action]] = {step: Say(f"{code} 5.7.1 not you")}
    if step == "HELO":
        script["EHLO"] = Say("500 what?")
    with ScriptedServer(script) as server:
        outcome = send(server)
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.code == code
    assert outcome.phase is (Phase.MAIL if step == "MAIL" else Phase.CONNECT)
    assert "5.7.1 not you" in outcome.reply


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        port = taken.getsockname()[1]
        with relay(port).open() as line:
            outcome = line.send(message(), lambda: None)
    assert outcome == Outcome(
        Verdict.LOST, Phase.CONNECT, None, f"the relay cannot connect to 127.0.0.1:{port}: Connection refused"
    )


@pytest.mark.parametrize("host", ["relais.invalid", "x" * 70 + ".example"])
def test_a_host_that_does_not_exist(host: str) -> None:
    with relay(25, "smtp+plain", host).open() as line:
        outcome = line.send(message(), lambda: None)
    assert (outcome.verdict, outcome.phase) == (Verdict.LOST, Phase.CONNECT)
    assert f"cannot find {host}" in outcome.reply


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (Say("421 4.3.2 closing"), Verdict.DEFERRED, 421),
        (Say("421 4.3.2 closing", hang_up=True), Verdict.DEFERRED, 421),
        (Say("550 5.7.1 no", hang_up=True), Verdict.REJECTED, 550),
        (Say("250 taken", hang_up=True), Verdict.ACCEPTED, 250),
    ],
)
def test_what_is_said_after_the_dot_counts(reply: Say, verdict: Verdict, code: int) -> None:
    with ScriptedServer({".": [reply, Say("250 ok")]}) as server, relay(server.port).open() as line:
        outcome = line.send(message(1), lambda: None)
        assert (outcome.verdict, outcome.phase, outcome.code) == (verdict, Phase.DOT, code)
        assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED
    assert len(server.connections) == (1 if not reply.hang_up and code != 421 else 2)


# --- Between two messages --------------------------------------------------------------------------

OK = Say("250 ok")


@pytest.mark.parametrize("end", [Say("421 4.7.0 enough for this connection", hang_up=True), HangUp(), Reset()])
def test_a_connection_that_ends_between_messages_is_no_error(end: Action) -> None:  # S08 S09
    with ScriptedServer({"MAIL": [OK, OK, end, OK, OK]}) as server, relay(server.port).open() as line:
        outcomes = [line.send(message(number), lambda: None) for number in range(4)]
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert len(server.connections) == 2
    assert len({received.rcpt for received in server.messages}) == len(server.messages) == 4


def test_a_connection_closed_while_idle_is_no_error() -> None:  # S09
    with ScriptedServer({".": [Say("250 ok", hang_up=True), OK]}) as server, relay(server.port).open() as line:
        assert line.send(message(1), lambda: None).verdict is Verdict.ACCEPTED
        time.sleep(0.05)
        assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED
    assert len(server.messages) == 2


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_421_on_a_used_connection_says_nothing_of_the_reader(step: str) -> None:  # S08
    yes = Say("354 go") if step == "DATA" else OK
    script: dict[str, Action | list[Action]] = {step: [yes, Say("421 too much", hang_up=True), yes]}
    with ScriptedServer(script) as server, relay(server.port).open() as line:
        outcomes = [line.send(message(number), lambda: None) for number in range(3)]
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert len(server.messages) == 3


def test_a_connection_that_ends_at_once_again_is_told() -> None:
    script: dict[str, Action | list[Action]] = {"MAIL": [OK, HangUp()]}
    with ScriptedServer(script) as server, relay(server.port).open() as line:
        assert line.send(message(1), lambda: None).verdict is Verdict.ACCEPTED
        assert line.send(message(2), lambda: None) == Outcome(
            Verdict.LOST, Phase.MAIL, None, "the relay closed the connection"
        )
    assert len(server.connections) == 2


@pytest.mark.parametrize(("limit", "connections"), [(0, 1), (1, 5), (2, 3), (100, 1)])
def test_messages_per_connection(limit: int, connections: int) -> None:  # S16
    with ScriptedServer() as server, relay(server.port, messages_per_connection=limit).open() as line:
        for number in range(5):
            assert line.send(message(number), lambda: None).verdict is Verdict.ACCEPTED
    assert len(server.connections) == connections
    assert server.commands.count("QUIT") == connections


@pytest.mark.parametrize("step", ["QUIT", "RSET"])
@pytest.mark.parametrize("action", [HangUp(), Say("500 no"), Say("421 no", hang_up=True), Say("blabla")])
def test_an_error_afterwards_changes_nothing(step: str, action: Action) -> None:  # S11
    with ScriptedServer({step: action, "RCPT": [OK, Say("550 no"), OK]}) as server, relay(server.port).open() as line:
        outcomes = [line.send(message(number), lambda: None) for number in range(3)]
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED]
    assert len(server.messages) == 2


# --- While the message is on its way ----------------------------------------------------------------

BIG = b"Subject: Bonjour\r\n\r\n" + b"La lettre du matin.\r\n" * 400_000  # more than any socket's buffers hold


@pytest.mark.parametrize(("code", "verdict"), [(452, Verdict.DEFERRED), (552, Verdict.REJECTED)])
@pytest.mark.parametrize("hang_up", [False, True])
def test_a_refusal_in_the_midst_of_a_message_is_heard(code: int, verdict: Verdict, hang_up: bool) -> None:
    dots: list[str] = []
    script = {"BODY": Say(f"{code} no more of this", hang_up)}
    with ScriptedServer(script, receive_buffer=4096) as server, relay(server.port).open() as line:
        outcome = line.send(message(content=BIG), lambda: dots.append("."))
    assert outcome == Outcome(verdict, Phase.DATA, code, "no more of this")
    assert dots == []


@pytest.mark.parametrize("action", [HangUp(), Reset(), Silence()])
def test_a_line_that_dies_in_the_midst_of_a_message_is_lost(action: Action) -> None:
    dots: list[str] = []
    with (
        ScriptedServer({"BODY": action}, receive_buffer=4096) as server,
        relay(server.port, send_timeout=SHORT if isinstance(action, Silence) else LONG).open() as line,
    ):
        outcome = line.send(message(content=BIG), lambda: dots.append("."))
    assert (outcome.verdict, outcome.phase) == (Verdict.LOST, Phase.DATA)
    assert dots == []


def test_a_line_that_dies_just_before_the_dot_leaves_no_doubt() -> None:
    """Not a byte of the dot could be written: the message cannot be complete over there."""
    with ScriptedServer({"BODY": Reset()}) as server, relay(server.port).open() as line:

        def at_dot() -> None:
            time.sleep(0.2)  # the reset arrives in the meantime

        outcome = line.send(message(), at_dot)
    assert (outcome.verdict, outcome.phase) == (Verdict.LOST, Phase.DATA)
    assert server.messages == []


def test_a_big_message_arrives_whole() -> None:
    with ScriptedServer() as server:
        assert send(server, message(content=BIG)).verdict is Verdict.ACCEPTED
    assert server.messages[0].content == BIG


# --- Replies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"250 2.0.0 ok\r\n", 250, "2.0.0 ok"),
        (b"250\r\n", 250, ""),
        (b"250 \r\n", 250, ""),
        (b"250 ok\n", 250, "ok"),
        (
            b"550-5.1.1 no such\r\n550-5.1.1 mailbox\r\n550 5.1.1 here\r\n",
            550,
            "5.1.1 no such 5.1.1 mailbox 5.1.1 here",
        ),
        (b"250-first\r\n550 last counts\r\n", 550, "first last counts"),
        ("550 boîte pleine\r\n".encode(), 550, "boîte pleine"),
        ("550 boîte pleine\r\n".encode("latin-1"), 550, "boîte pleine"),
        (b"550 \x1b[31mred\x07 alert\x00\r\n", 550, "[31mred alert"),
        (b"250 " + b"x" * 1000 + b"\r\n", 250, "x" * 499 + "…"),
    ],
)
def test_replies_as_servers_write_them(raw: bytes, code: int, text: str) -> None:  # S15
    replies = Replies()
    for i in range(len(raw)):
        assert not replies.ready()
        replies.feed(raw[i : i + 1])
    reply = replies.take()
    assert reply
    assert (reply.code, reply.text) == (code, text)
    assert not replies.pending


@pytest.mark.parametrize("raw", [b"ok\r\n", b"\r\n", b"25 ok\r\n", b"2500 ok\r\n", b"150 soon\r\n", b"600 ?\r\n", b"250+ok\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"2" * 9000, b"250 " + b"y" * 9000 + b"\r\n", b"250-more\r\n" * 300])  # fmt: skip
def test_what_is_no_reply(raw: bytes) -> None:  # S15
    replies = Replies()
    replies.feed(raw)
    with pytest.raises(BadReply):
        replies.ready()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_none_or_no_reply(raw: bytes) -> None:  # S15
    replies = Replies()
    replies.feed(raw)
    try:
        reply, said = replies.take(), ""
    except BadReply as error:
        reply, said = None, str(error)
    assert len(said.splitlines()) <= 1
    assert reply is None or (200 <= reply.code <= 599 and len(reply.text.splitlines()) <= 1)


def test_two_replies_at_once_are_two() -> None:
    replies = Replies()
    replies.feed(b"250 one\r\n354 two\r\n25")
    assert [replies.take(), replies.take(), replies.take()] == [Reply(250, b"one"), Reply(354, b"two"), None]
    assert replies.pending


@pytest.mark.parametrize(
    "reply", [b"550-non\r\n550-" + "é".encode() * 400 + b"\r\n550 fin\r\n", b"550\r\n", b"550 caf\xe9\r\n"]
)
def test_odd_replies_over_the_line(reply: bytes) -> None:  # S15
    with ScriptedServer({"RCPT": Say(reply)}) as server:
        outcome = send(server)
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, 550)
    assert len(outcome.reply) <= 500
    assert len(outcome.reply.splitlines()) <= 1


# --- TLS and log-in --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, made for this run, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    key = file.with_suffix(".key")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost"]
    command = [needs("openssl"), *options.split(), *names, "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


STARTTLS = ("STARTTLS", "AUTH PLAIN LOGIN", *FEATURES)
LOGIN: dict[str, Any] = {"host": "localhost", "user": "lettre", "password": "s3cret"}


def test_starttls_and_log_in(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:  # S01
    with ScriptedServer(features=STARTTLS, tls=server_tls, login=("lettre", "s3cret")) as server:
        outcome = send(server, scheme="smtp+starttls", context=trust, **LOGIN)
    assert outcome.verdict is Verdict.ACCEPTED
    connection = server.connections[0]
    assert connection.encrypted
    assert connection.first_after_starttls == b"\x16"  # S02: a TLS handshake, and nothing before it
    verbs = [command.split()[0].upper() for command in connection.commands]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


def test_tls_at_once(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:  # S01
    with (
        ScriptedServer(tls=server_tls, tls_at_once=True) as server,
        relay(server.port, "smtps", "localhost", context=trust).open() as line,
    ):
        for number in range(3):
            assert line.send(message(number), lambda: None).verdict is Verdict.ACCEPTED
    assert len(server.connections) == 1


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_big_message_through_tls(scheme: str, server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with ScriptedServer(features=STARTTLS, tls=server_tls, tls_at_once=scheme == "smtps") as server:
        outcome = send(server, message(content=BIG), scheme=scheme, host="localhost", context=trust)
    assert outcome.verdict is Verdict.ACCEPTED
    assert server.messages[0].content == BIG


def test_a_refusal_in_the_midst_of_a_message_through_tls(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    script = {"BODY": Say("552 no more of this")}
    with ScriptedServer(script, tls=server_tls, tls_at_once=True, receive_buffer=4096) as server:
        outcome = send(server, message(content=BIG), scheme="smtps", host="localhost", context=trust)
    # The server reads on here: the refusal is heard in the midst, and no dot is written.
    assert outcome == Outcome(Verdict.REJECTED, Phase.DATA, 552, "no more of this")


@pytest.mark.parametrize(
    ("step", "action", "verdict"),
    [
        ("RCPT", HangUp(), Verdict.LOST),
        ("RCPT", Reset(), Verdict.LOST),
        (".", HangUp(), Verdict.UNCERTAIN),
        (".", Reset(), Verdict.UNCERTAIN),
        (".", Silence(), Verdict.UNCERTAIN),
        (".", Drip(), Verdict.UNCERTAIN),
    ],
)
def test_a_dead_line_through_tls(
    step: str, action: Action, verdict: Verdict, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:  # S10 S04
    with ScriptedServer({step: action}, tls=server_tls, tls_at_once=True) as server:
        outcome = send(server, scheme="smtps", host="localhost", context=trust, dot_timeout=SHORT)
    assert outcome.verdict is verdict


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_nobody_vouches_for(scheme: str, server_tls: ssl.SSLContext) -> None:  # S01
    with ScriptedServer(features=STARTTLS, tls=server_tls, tls_at_once=scheme == "smtps") as server:
        outcome = send(server, scheme=scheme, **LOGIN)
    assert (outcome.verdict, outcome.phase, outcome.code) == (Verdict.REFUSED, Phase.CONNECT, None)
    assert "the certificate of localhost is not to be trusted (self" in outcome.reply
    assert "SSL_CERT_FILE" in outcome.reply
    assert not [command for command in server.commands if command.upper().startswith(("AUTH", "MAIL"))]


def test_a_certificate_for_another_name(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:  # S01
    with ScriptedServer(features=STARTTLS, tls=server_tls) as server:
        outcome = send(server, scheme="smtp+starttls", context=trust)  # to 127.0.0.1
    assert outcome.verdict is Verdict.REFUSED
    assert "IP address mismatch" in outcome.reply


def test_no_starttls_no_mail() -> None:  # S01
    with ScriptedServer(features=["AUTH PLAIN"]) as server:
        outcome = send(server, scheme="smtp+starttls", **LOGIN)
    assert outcome.verdict is Verdict.REFUSED
    assert "offers no STARTTLS" in outcome.reply
    assert server.commands == ["ehlo journal.example", "QUIT"] or server.commands == ["ehlo journal.example"]


@pytest.mark.parametrize("code", [454, 501])
def test_starttls_refused(code: int) -> None:
    with ScriptedServer({"STARTTLS": Say(f"{code} not now")}, features=STARTTLS) as server:
        outcome = send(server, scheme="smtp+starttls", host="localhost")
    assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, code)
    assert "not now" in outcome.reply


def test_words_slipped_in_before_tls_are_not_believed(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """RFC 3207, 6: what is said in the clear behind the answer to STARTTLS must not count as said inside."""
    slipped = Say("220 go ahead\n250-evil.example\n250 AUTH PLAIN")
    with ScriptedServer({"STARTTLS": slipped}, features=STARTTLS, tls=server_tls) as server:
        outcome = send(server, scheme="smtp+starttls", context=trust, **LOGIN)
    assert outcome.verdict is Verdict.REFUSED
    assert "before TLS began" in outcome.reply
    assert not [command for command in server.commands if command.startswith("AUTH")]


def test_tls_where_there_is_none() -> None:
    with ScriptedServer() as server:
        outcome = send(server, scheme="smtps", host="localhost")
    assert outcome.verdict is Verdict.REFUSED
    assert "smtps:// begins with TLS (port 465)" in outcome.reply


@pytest.mark.parametrize("action", [HangUp(), Silence()])
def test_a_line_that_dies_in_the_handshake(action: Action) -> None:
    with ScriptedServer({"CONNECT": action}) as server:
        outcome = send(server, scheme="smtps", host="localhost", connect_timeout=SHORT)
    assert (outcome.verdict, outcome.phase) == (Verdict.LOST, Phase.CONNECT)
    assert "TLS handshake" in outcome.reply


def test_a_wrong_password() -> None:
    with ScriptedServer(features=["AUTH PLAIN"], login=("lettre", "another")) as server:
        outcome = send(server, user="lettre", password="s3cret")  # on loopback, so in the clear
    assert (outcome.verdict, outcome.phase, outcome.code) == (Verdict.REFUSED, Phase.CONNECT, 535)
    assert "5.7.8 wrong user or password" in outcome.reply
    assert "NEWSLETTER_SMTP_PASSWORD" in outcome.reply
    assert "s3cret" not in outcome.reply


@pytest.mark.parametrize(
    ("features", "script", "password", "said"),
    [
        ([], {}, "s3cret", "offers no log-in"),
        (["AUTH XOAUTH2"], {}, "s3cret", "offers no log-in that we know"),
        (["AUTH PLAIN"], {}, "mot de passé", "plain ASCII"),
        (["AUTH CRAM-MD5"], {"AUTH": Say("334 a")}, "s3cret", "challenge cannot be read"),
        (["AUTH PLAIN"], {"AUTH": Say("454 4.7.0 try later")}, "s3cret", "try later"),
        (["AUTH LOGIN"], {"AUTH": Say("334 VXNlcm5hbWU6", hang_up=True)}, "s3cret", "closed the connection"),
    ],
)
def test_log_ins_that_cannot_be(features: list[str], script: dict[str, Any], password: str, said: str) -> None:
    with ScriptedServer(script, features=features) as server:
        outcome = send(server, user="lettre", password=password)
    assert outcome.verdict in (Verdict.REFUSED, Verdict.LOST)
    assert outcome.phase is Phase.CONNECT
    assert said in outcome.reply
    assert not [command for command in server.commands if command.startswith("MAIL")]


def test_a_password_that_is_missing_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="NEWSLETTER_SMTP_PASSWORD"):
        relay(587, "smtp+starttls", "relais.example", user="lettre")


def test_no_password_in_the_clear() -> None:  # S01
    via = Via("smtp+plain://lettre@relais.example:25", "smtp", host="relais.example", port=25, user="lettre")
    with pytest.raises(ConfigError, match="in the clear"):
        Relay(via, "s3cret", hello="journal.example")


def test_a_host_with_several_addresses_is_tried_at_each() -> None:
    """localhost is ::1 first on most machines; the server listens on 127.0.0.1 only."""
    with ScriptedServer() as server:
        assert send(server, host="localhost").verdict is Verdict.ACCEPTED


def test_the_wire_s_clock_is_the_one_it_is_given() -> None:
    times = iter([0.0, *[99.0] * 50])
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Exception, match="gave no reply in time"):
        Wire(ours, lambda: next(times)).reply(60)


# --- Postfix's own test server ----------------------------------------------------------------------


@contextmanager
def smtp_sink(*flags: str) -> Iterator[int]:
    """Postfix's smtp-sink with these flags; gives its port."""
    program = needs("smtp-sink")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = subprocess.Popen([program, *user, *flags, f"127.0.0.1:{port}", "100"], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        sink.terminate()
        sink.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")


# The 19 ways of tests/data's smtp_scenarios, delays shortened: what one line tells of each.
SINK = [
    ("", Verdict.ACCEPTED, Phase.DOT),
    ("-q .", Verdict.UNCERTAIN, Phase.DOT),  # S10
    ("-Q .", Verdict.DEFERRED, Phase.DOT),
    ("-r .", Verdict.DEFERRED, Phase.DOT),  # S05
    ("-f .", Verdict.REJECTED, Phase.DOT),  # S06
    ("-W .:1", Verdict.ACCEPTED, Phase.DOT),
    ("-W .:1:50", Verdict.ACCEPTED, Phase.DOT),
    ("-q RCPT", Verdict.LOST, Phase.RCPT),  # S10
    ("-q CONNECT", Verdict.LOST, Phase.CONNECT),
    ("-q MAIL", Verdict.LOST, Phase.MAIL),
    ("-q DATA", Verdict.LOST, Phase.DATA),
    ("-f RCPT", Verdict.REJECTED, Phase.RCPT),  # S06
    ("-r RCPT", Verdict.DEFERRED, Phase.RCPT),  # S05
    ("-A 0", Verdict.REJECTED, None),  # in DATA or at the dot, whichever is heard first
    ("-e", Verdict.ACCEPTED, Phase.DOT),  # S03
    ("-p -8 -N", Verdict.ACCEPTED, Phase.DOT),  # S03
    ("-H 1 -T 1024", Verdict.ACCEPTED, Phase.DOT),
    ("-q QUIT", Verdict.ACCEPTED, Phase.DOT),  # S11
    ("-m 1", Verdict.ACCEPTED, Phase.DOT),
]


@pytest.mark.parametrize(("flags", "verdict", "phase"), SINK, ids=[flags or "plain" for flags, _, _ in SINK])
def test_smtp_sink(flags: str, verdict: Verdict, phase: Phase | None) -> None:
    with smtp_sink(*flags.split()) as port, relay(port).open() as line:
        outcomes = [line.send(message(number), lambda: None) for number in range(2)]
    assert [outcome.verdict for outcome in outcomes] == [verdict, verdict]
    assert phase is None or {outcome.phase for outcome in outcomes} == {phase}


@pytest.mark.parametrize("size", [60_000, 8_000_000])
def test_smtp_sink_that_refuses_and_reads_no_more(size: int) -> None:
    """-A: 550 after DATA, and not a byte is read any more. A client that only writes hangs here."""
    content = b"Subject: Bonjour\r\n\r\n" + b"x" * 76 + b"\r\n"
    with smtp_sink("-A", "0") as port, relay(port).open() as line:
        outcome = line.send(message(content=content * (size // len(content))), lambda: None)
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, 550)


def test_what_smtp_sink_holds_is_what_was_sent() -> None:  # M06
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # smtp-sink writes as nobody
        with smtp_sink("-d", f"{folder}/mail.") as port, relay(port).open() as line:
            assert (
                line.send(message(content=b"Subject: x\r\n\r\n.un\r\n.\r\ndeux\r\n"), lambda: None).verdict
                is Verdict.ACCEPTED
            )
        (dump,) = Path(folder).glob("mail.*")
        assert re.search(rb"Subject: x\r?\n\r?\n\.un\r?\n\.\r?\ndeux\r?\n", dump.read_bytes())
