"""What every mailer promises, the fake one of the other tests included: see `newsletter.mail`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsletter.mail import Mailer
from newsletter.mail.outbox import Outbox
from newsletter.mail.smtp import Relay
from newsletter.model import Message, Phase, Verdict
from newsletter.settings import Via
from tests.conftest import Clock
from tests.fakes import FakeMailer
from tests.smtp_server import ScriptedServer

CONTENT = b"Subject: Bonjour\r\n\r\n.\r\n..\r\nFrom Lom=C3=A9\r\n"
Setting = tuple[Mailer, Callable[[], list[bytes]]]  # with what has reached the other side, dots as they were meant


def message(number: int = 1, content: bytes = CONTENT) -> Message:
    return Message("lettre@journal.example", f"lecteur{number}@exemple.example", content, f"2026-11-23.{number}.abc")


@pytest.fixture(params=["relay", "outbox", "fake"])
def setting(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Setting]:
    if request.param == "outbox":
        folder = tmp_path / "outbox"
        yield Outbox(folder, clock), lambda: [path.read_bytes() for path in sorted(folder.glob("new/*"))]
    elif request.param == "fake":
        fake = FakeMailer()
        yield fake, lambda: [content for contents in fake.received.values() for content in contents]
    else:
        with ScriptedServer() as server:
            relay = Relay(Via.parse(f"smtp://127.0.0.1:{server.port}"), None, hello="journal.example", step_timeout=10)
            yield relay, lambda: [received.content for received in server.messages]


class Dot:
    """Counts its calls, and what was on the other side at that moment."""

    def __init__(self, arrived: Callable[[], list[bytes]], error: Exception | None = None) -> None:
        self.seen: list[int] = []
        self._arrived = arrived
        self._error = error

    def __call__(self) -> None:
        self.seen.append(len(self._arrived()))
        if self._error:
            raise self._error


def test_a_message_arrives_as_it_was_given(setting: Setting) -> None:
    mailer, arrived = setting
    dot = Dot(arrived)
    with mailer.open() as line:
        outcome = line.send(message(), dot)
    assert (outcome.verdict, outcome.phase) == (Verdict.ACCEPTED, Phase.DOT)
    assert outcome.reply
    assert dot.seen == [0]  # once, and before anything had arrived
    assert arrived() == [CONTENT]


def test_many_messages_on_one_line(setting: Setting) -> None:
    mailer, arrived = setting
    contents = [b"Subject: %d\r\n\r\nBonjour\r\n" % number for number in range(5)]
    with mailer.open() as line:
        for number, content in enumerate(contents):
            assert line.send(message(number, content), lambda: None).verdict is Verdict.ACCEPTED
    assert arrived() == contents


@pytest.mark.parametrize("error", [RuntimeError("the ledger is away"), OSError("disk full")], ids=["other", "oserror"])
def test_no_dot_where_it_cannot_be_written_down(setting: Setting, error: Exception) -> None:
    mailer, arrived = setting
    if isinstance(mailer, FakeMailer):
        mailer.received.clear()
    dot = Dot(arrived, error)
    with mailer.open() as line:
        with pytest.raises(type(error), match=str(error)):
            line.send(message(), dot)
        assert arrived() == []
        assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED  # the line goes on
    assert len(dot.seen) == 1
    assert arrived() == [CONTENT]


def test_what_repeats_safely_makes_no_second_copy(setting: Setting) -> None:
    mailer, arrived = setting
    for _ in range(2):
        with mailer.open() as line:
            assert line.send(message(), lambda: None).verdict is Verdict.ACCEPTED
    assert len(arrived()) == (1 if mailer.repeats_safely else 2)


def test_a_line_can_be_closed_twice_and_used_again(setting: Setting) -> None:
    mailer, arrived = setting
    line = mailer.open()
    line.close()
    assert line.send(message(), lambda: None).verdict is Verdict.ACCEPTED
    line.close()
    line.close()
    assert line.send(message(2), lambda: None).verdict is Verdict.ACCEPTED
    line.close()
    assert len(arrived()) == 2


def test_opening_touches_nothing(tmp_path: Path, clock: Clock) -> None:
    mailers: list[Any] = [
        Outbox(tmp_path / "outbox", clock),
        Relay(Via.parse("smtp://127.0.0.1:1"), None, hello="journal.example"),
    ]
    for mailer in mailers:
        mailer.open().close()
    assert list(tmp_path.iterdir()) == []
