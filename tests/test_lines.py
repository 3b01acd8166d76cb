"""Many messages over several lines at once: what is known of each, whatever the relay does in the midst of a pipeline."""

from __future__ import annotations

import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.mail import Offer
from newsletter.model import Message, Outcome, Phase, Verdict
from tests.smtp_server import Action, Drip, HangUp, Reset, Say, ScriptedServer, Silence
from tests.test_smtp import BIG, LONG, SHORT, certificate, message, relay, server_tls, trust

__all__ = ["certificate", "server_tls", "trust"]

OK, GO = Say("250 ok"), Say("354 go ahead")
PLAIN = ("SIZE 10485760", "8BITMIME")


class Post:
    """A supply of so many messages. What was untouched is offered again."""

    def __init__(self, count: int, *, content: bytes | None = None, fail_at: int = -1) -> None:
        self.ready = deque(message(n) if content is None else message(n, content) for n in range(count))
        self.noted: list[str] = []
        self.outcomes: dict[str, list[Outcome]] = {}
        self.begun = 0
        self.untouched_ones = 0
        self.busy = 0
        self._fail_at = fail_at

    def take(self) -> Offer | None:
        if not self.ready:
            return None
        self.begun += 1
        self.busy += 1
        return Offer(self.ready.popleft())

    def wanted(self, offer: Offer) -> bool:
        return True

    def note(self, offers: Sequence[Offer]) -> float:
        for offer in offers:
            if len(self.noted) == self._fail_at:
                raise RuntimeError("the journal is full")
            self.noted.append(offer.message.recipient)
        return 1.0

    def ended(self, offer: Offer, outcome: Outcome) -> None:
        self.busy -= 1
        self.outcomes.setdefault(offer.message.recipient, []).append(outcome)

    def untouched(self, offer: Offer) -> None:
        self.busy -= 1
        self.untouched_ones += 1
        self.ready.appendleft(offer.message)

    def left(self) -> float | None:
        return None

    def rest(self) -> float | None:
        assert self.busy == 0
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        pass

    @property
    def verdicts(self) -> list[Verdict]:
        return [outcome.verdict for _, [outcome] in sorted(self.outcomes.items())]


def run(server: ScriptedServer, post: Post, lines: int = 1, **changes: Any) -> Post:
    relay(server.port, **changes).lines(lines).run(post)
    return post


def held(server: ScriptedServer) -> list[str]:
    return sorted(received.rcpt.removeprefix("RCPT TO:<").rstrip(">") for received in server.messages)


# --- The way it should be --------------------------------------------------------------------------


def test_the_next_envelope_goes_with_a_message_s_end() -> None:
    with ScriptedServer() as server:
        post = run(server, Post(3))
    assert post.verdicts == [Verdict.ACCEPTED] * 3
    one = b"MAIL FROM:<lettre@journal.example> SIZE=41\r\nRCPT TO:<lecteur%d@exemple.example>\r\nDATA\r\n"
    end = message(0).content + b".\r\n"
    raw = bytes(server.connections[0].raw)
    assert raw == b"ehlo journal.example\r\n" + b"".join(one % n + end for n in range(3)) + b"QUIT\r\n"


@pytest.mark.parametrize("features", [PLAIN, (), (*PLAIN, "PIPELINING")])
@pytest.mark.parametrize("lines", [1, 4])
def test_each_message_arrives_once(features: tuple[str, ...], lines: int) -> None:  # S03
    with ScriptedServer(features=features) as server:
        post = run(server, Post(40), lines)
    assert post.verdicts == [Verdict.ACCEPTED] * 40
    assert len(set(held(server))) == len(server.messages) == 40
    assert len(server.connections) <= lines
    assert {received.content for received in server.messages} == {message(0).content}


def test_commands_wait_for_their_replies_where_pipelining_is_not_offered() -> None:  # S03
    with ScriptedServer({"MAIL": Say("550 no")}, features=PLAIN) as server:
        run(server, Post(2))
    assert [command.split(":")[0] for command in server.commands[1:]] == ["MAIL FROM", "MAIL FROM", "QUIT"]


@pytest.mark.parametrize(("limit", "connections"), [(0, 1), (1, 5), (2, 3), (100, 1)])
def test_messages_for_each_connection(limit: int, connections: int) -> None:  # S16
    with ScriptedServer() as server:
        assert run(server, Post(5), messages_per_connection=limit).verdicts == [Verdict.ACCEPTED] * 5
    assert len(server.connections) == connections
    assert server.commands.count("QUIT") == connections


def test_through_tls(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    big = BIG[: BIG.index(b"\r\n", 3_000_000) + 2]
    with ScriptedServer(tls=server_tls, features=("STARTTLS", "PIPELINING")) as server:
        post = run(server, Post(6, content=big), 2, scheme="smtp+starttls", host="localhost", context=trust)
    assert post.verdicts == [Verdict.ACCEPTED] * 6
    assert {received.content == big for received in server.messages} == {True}


# --- Refusals in a pipeline ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [450, 550])
@pytest.mark.parametrize("data", [GO, Say("503 no valid recipients"), Say("554 no valid recipients")])
@pytest.mark.parametrize("features", [PLAIN, (*PLAIN, "PIPELINING")])
def test_a_recipient_refused(code: int, data: Say, features: tuple[str, ...]) -> None:  # S06
    """With 354 all the same the relay gets an empty message for nobody; else the transaction is begun anew."""
    pipelined = "PIPELINING" in features
    script: dict[str, Action | list[Action]] = {"RCPT": [OK, Say(f"{code} not him"), OK]}
    if pipelined:
        script["DATA"] = [GO, data, GO]
    with ScriptedServer(script, features=features) as server:
        post = run(server, Post(4))
    verdict = Verdict.DEFERRED if code == 450 else Verdict.REJECTED
    assert post.verdicts == [Verdict.ACCEPTED, verdict, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert post.outcomes["lecteur1@exemple.example"] == [Outcome(verdict, Phase.RCPT, code, "not him")]
    assert [name for name in held(server) if "lecteur1@" in name] == []
    assert len(server.connections) == 1
    assert server.commands.count("RSET") == (0 if pipelined and data is GO else 1)
    assert [len(received.content) for received in server.messages if not received.content] == (
        [0] if pipelined and data is GO else []
    )


@pytest.mark.parametrize("code", [450, 550])
def test_the_sender_refused(code: int) -> None:
    script: dict[str, Action | list[Action]] = {
        "MAIL": [OK, Say(f"{code} not you"), OK],
        "RCPT": [OK, Say("503 MAIL first"), OK],
        "DATA": [GO, Say("503 MAIL first"), GO],
    }
    with ScriptedServer(script) as server:
        post = run(server, Post(3))
    assert post.outcomes["lecteur1@exemple.example"] == [Outcome(Verdict.REFUSED, Phase.MAIL, code, "not you")]
    assert post.verdicts == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert len(server.connections) == 1


def test_a_relay_that_refuses_the_sender_and_takes_the_message_gets_none() -> None:
    with ScriptedServer({"MAIL": [OK, Say("550 not you"), OK]}) as server:
        post = run(server, Post(3))
    assert post.verdicts == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert held(server) == ["lecteur0@exemple.example", "lecteur2@exemple.example"]


@pytest.mark.parametrize(("code", "verdict"), [(451, Verdict.DEFERRED), (554, Verdict.REJECTED)])
@pytest.mark.parametrize("step", ["DATA", "."])
def test_refused_with_the_next_one_on_its_way(step: str, code: int, verdict: Verdict) -> None:  # S05 S06
    yes = GO if step == "DATA" else OK
    with ScriptedServer({step: [yes, Say(f"{code} not this"), yes]}) as server:
        post = run(server, Post(4))
    assert post.verdicts == [Verdict.ACCEPTED, verdict, Verdict.ACCEPTED, Verdict.ACCEPTED]
    phase = Phase.DATA if step == "DATA" else Phase.DOT
    assert post.outcomes["lecteur1@exemple.example"] == [Outcome(verdict, phase, code, "not this")]
    assert len(server.connections) == 1


@pytest.mark.parametrize("hang_up", [False, True])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
def test_421_in_a_pipeline(step: str, hang_up: bool) -> None:  # S08
    """On a used connection it says nothing of a message whose dot was not written; after the dot it counts."""
    yes = GO if step == "DATA" else OK
    with ScriptedServer({step: [yes, Say("421 4.3.2 enough", hang_up), yes]}) as server:
        post = run(server, Post(4))
    second = Verdict.DEFERRED if step == "." else Verdict.ACCEPTED
    assert post.verdicts == [Verdict.ACCEPTED, second, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert post.untouched_ones == 1
    assert len(server.connections) == 2


# --- Lines that die --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [HangUp(), Reset(), Silence(), Drip()])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
def test_a_line_that_dies_on_its_first_message(step: str, action: Action) -> None:  # S04 S10
    yes = GO if step == "DATA" else OK
    with ScriptedServer({step: [action, yes]}) as server:
        post = run(server, Post(3), step_timeout=SHORT, dot_timeout=SHORT)
    first = Verdict.UNCERTAIN if step == "." else Verdict.LOST
    assert post.verdicts == [first, Verdict.ACCEPTED, Verdict.ACCEPTED]
    [outcome] = post.outcomes["lecteur0@exemple.example"]
    phases = {"MAIL": Phase.MAIL, "RCPT": Phase.RCPT, "DATA": Phase.DATA, ".": Phase.DOT}
    if not isinstance(action, Reset):  # which takes replies with it that had come already
        assert outcome.phase is phases[step]
    assert outcome.reply.startswith("the relay ")
    assert len(server.connections) == 2


@pytest.mark.parametrize("action", [HangUp(), Reset(), Silence()])
def test_a_line_that_dies_at_a_dot_leaves_the_next_one_untouched(action: Action) -> None:  # S10
    with ScriptedServer({".": [OK, action, OK]}) as server:
        post = run(server, Post(4), step_timeout=SHORT, dot_timeout=SHORT)
    assert post.verdicts == [Verdict.ACCEPTED, Verdict.UNCERTAIN, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert post.untouched_ones == 1
    assert len(held(server)) == len(set(held(server))) == 4


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("lines", [1, 3])
def test_a_relay_that_closes_after_so_many_messages_is_no_error(every: int, lines: int) -> None:  # S09
    dots: list[Action] = [Say("250 ok", hang_up=(n + 1) % every == 0) for n in range(60)]
    with ScriptedServer({".": dots}) as server:
        post = run(server, Post(20), lines)
    assert post.verdicts == [Verdict.ACCEPTED] * 20
    assert len(held(server)) == len(set(held(server))) == 20


@pytest.mark.parametrize("reply", [b"\x00\xff\r\n", b"999 what\r\n", b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"])
def test_replies_that_make_no_sense(reply: bytes) -> None:  # S15
    with ScriptedServer({"RCPT": [Say(reply), OK]}) as server:
        post = run(server, Post(2), step_timeout=SHORT)
    assert post.outcomes["lecteur0@exemple.example"][0].verdict is Verdict.LOST
    assert held(server)[-1:] == ["lecteur1@exemple.example"]


@pytest.mark.parametrize("code", [452, 552])
@pytest.mark.parametrize("hang_up", [False, True])
def test_a_refusal_in_the_midst_of_a_big_message(code: int, hang_up: bool) -> None:
    script: dict[str, Action | list[Action]] = {"BODY": Say(f"{code} no more of this", hang_up)}
    with ScriptedServer(script, receive_buffer=4096) as server:
        post = run(server, Post(1, content=BIG))
    [outcome] = post.outcomes["lecteur0@exemple.example"]
    assert outcome == Outcome(outcome.verdict, Phase.DATA, code, "no more of this")


@pytest.mark.parametrize("action", [HangUp(), Reset(), Silence()])
def test_a_line_that_dies_in_the_midst_of_a_big_message(action: Action) -> None:
    slow = SHORT if isinstance(action, Silence) else LONG
    with ScriptedServer({"BODY": action}, receive_buffer=4096) as server:
        post = run(server, Post(1, content=BIG), send_timeout=slow)
    [outcome] = post.outcomes["lecteur0@exemple.example"]
    assert outcome.verdict is Verdict.LOST
    assert server.messages == []


def test_nobody_there() -> None:
    with ScriptedServer() as server:
        port = server.port
    post = Post(3)
    relay(port).lines(2).run(post)
    assert post.verdicts == [Verdict.LOST] * 3
    assert {outcome.phase for [outcome] in post.outcomes.values()} == {Phase.CONNECT}


def test_a_greeting_that_refuses_us() -> None:  # S08
    with ScriptedServer({"CONNECT": [Say("421 4.7.0 too many", hang_up=True), Say("220 come in")]}) as server:
        post = run(server, Post(2))
    assert post.verdicts == [Verdict.REFUSED, Verdict.ACCEPTED]
    assert post.outcomes["lecteur0@exemple.example"][0].code == 421


# --- What must be written down ---------------------------------------------------------------------


@pytest.mark.parametrize("fail_at", [0, 1, 5])
def test_where_it_cannot_be_written_down_nothing_is_sent(fail_at: int) -> None:  # R06
    post = Post(10, fail_at=fail_at)
    with ScriptedServer() as server:
        with pytest.raises(RuntimeError, match="the journal is full"):
            run(server, post, 3)
        time.sleep(0.1)
    assert set(held(server)) <= set(post.noted)
    assert len(server.messages) <= fail_at


@pytest.mark.parametrize("lines", [1, 4])
def test_every_message_is_noted_before_it_can_arrive(lines: int) -> None:
    seen: list[bool] = []

    class Watching(Post):
        def note(self, offers: Sequence[Offer]) -> float:
            seen.extend(offer.message.recipient not in held(server) for offer in offers)
            return super().note(offers)

    with ScriptedServer() as server:
        run(server, Watching(20), lines)
    assert seen == [True] * 20


class Leaving(Post):
    """Somebody who leaves while we connect."""

    def wanted(self, offer: Offer) -> bool:
        return False

    def untouched(self, offer: Offer) -> None:
        super().untouched(offer)
        self.ready.clear()


@pytest.mark.parametrize("greeting", [Say("220 come in"), Silence()])
def test_who_is_not_wanted_any_more_when_we_are_connected(greeting: Action) -> None:
    with ScriptedServer({"CONNECT": greeting}) as server:
        started = time.monotonic()
        post = run(server, Leaving(1))
        assert time.monotonic() - started < LONG / 2  # a connection that hangs is not waited for
    assert (post.outcomes, post.untouched_ones, server.messages) == ({}, 1, [])


class LeavingLate(Post):
    """Somebody who leaves between being taken and being begun."""

    def wanted(self, offer: Offer) -> bool:
        return offer.message.recipient not in ("lecteur1@exemple.example", "lecteur4@exemple.example")

    def untouched(self, offer: Offer) -> None:
        self.busy -= 1
        self.untouched_ones += 1


def test_who_leaves_while_another_s_message_is_written_gets_none() -> None:  # W04
    with ScriptedServer() as server:
        post = run(server, LeavingLate(6))
    assert post.verdicts == [Verdict.ACCEPTED] * 4
    assert post.untouched_ones == 2
    assert held(server) == [f"lecteur{n}@exemple.example" for n in (0, 2, 3, 5)]
    assert not [command for command in server.commands if "lecteur1@" in command or "lecteur4@" in command]


class Hurried(Post):
    """Somebody who has to leave soon."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._end = time.monotonic() + SHORT

    def left(self) -> float | None:
        return self._end - time.monotonic()


@pytest.mark.parametrize("step", ["RCPT", "."])
def test_a_relay_that_says_nothing_is_not_waited_for_when_we_have_to_leave(step: str) -> None:  # R15
    with ScriptedServer({step: Silence()}) as server:
        started = time.monotonic()
        post = run(server, Hurried(1))
        assert time.monotonic() - started < LONG / 2
    assert post.verdicts == [Verdict.UNCERTAIN if step == "." else Verdict.LOST]


# --- Anything at any time --------------------------------------------------------------------------

REPLIES = {
    "MAIL": OK,
    "RCPT": OK,
    "DATA": GO,
    ".": OK,
    "RSET": OK,
}
TROUBLE: list[Action] = [Say("450 4.2.0 later"), Say("550 5.1.1 never"), Say("421 4.3.2 bye", hang_up=True)]
TROUBLE += [HangUp(), Reset(), Say("421 4.3.2 bye"), Say("250-two\n250 lines")]


def scripts() -> st.SearchStrategy[dict[str, list[Action]]]:
    """For each step a list of what happens at its occurrences; mostly a yes."""

    def step(yes: Action) -> st.SearchStrategy[list[Action]]:
        one = st.one_of(st.just(yes), st.just(yes), st.sampled_from([*TROUBLE, yes]))
        return st.lists(one, min_size=8, max_size=8).map(lambda told: [*told, yes])

    return st.fixed_dictionaries({name: step(yes) for name, yes in REPLIES.items()})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts(), lines=st.integers(1, 3), pipelined=st.booleans(), limit=st.sampled_from([0, 0, 3]))
def test_what_is_said_of_each_message_is_true(
    script: dict[str, list[Action]], lines: int, pipelined: bool, limit: int
) -> None:
    features = (*PLAIN, "PIPELINING") if pipelined else PLAIN
    with ScriptedServer(script, features=features) as server:
        post = run(server, Post(10), lines, messages_per_connection=limit, step_timeout=LONG)
    there = [name for name, received in zip(names(server), server.messages, strict=True) if received.content]
    assert len(post.outcomes) == 10
    for name, outcomes in post.outcomes.items():
        assert len(outcomes) == 1
        copies = there.count(name)
        if outcomes[0].verdict is Verdict.ACCEPTED:
            assert copies == 1
        elif outcomes[0].verdict is Verdict.UNCERTAIN:
            assert copies <= 1
        elif outcomes[0].code != 421:  # a server may say 421 of what it has taken
            assert copies == 0
        assert copies == 0 or name in post.noted


def names(server: ScriptedServer) -> list[str]:
    return [received.rcpt.removeprefix("RCPT TO:<").rstrip(">") for received in server.messages]


def test_no_line_says_more_than_one_thing_at_a_time() -> None:
    """Between two lines' messages nothing is mixed: each connection carries whole transactions."""
    with ScriptedServer() as server:
        run(server, Post(30), 3)
    for connection in server.connections:
        verbs = [command.split(":")[0].split(" ")[0] for command in connection.commands if command != "QUIT"][1:]
        assert verbs == ["MAIL", "RCPT", "DATA"] * (len(verbs) // 3)
        assert all(first != second for first, second in pairwise(connection.commands))


def test_dots_at_the_beginning_of_lines_survive() -> None:  # S12
    """Dots at the beginning of lines are doubled where a message is not known to have none."""
    with ScriptedServer() as server:
        post = Post(0)
        post.ready.append(Message("lettre@journal.example", "ama@exemple.example", b".\r\n..\r\nfin"))
        run(server, post)
    assert [received.content for received in server.messages] == [b".\r\n..\r\nfin\r\n"]


def test_who_wakes_us_too_late_writes_nowhere() -> None:
    """The pipe's number may belong to another file by then."""
    wakes: list[Callable[[], None]] = []

    class Waking(Post):
        def wake_by(self, wake: Callable[[], None]) -> None:
            wakes.append(wake)

    with ScriptedServer() as server:
        run(server, Waking(1))
    read_end, write_end = os.pipe()  # very likely with the numbers that were ours
    os.set_blocking(read_end, False)
    for wake in wakes:
        wake()
    with pytest.raises(BlockingIOError):
        os.read(read_end, 10)
    os.close(read_end)
    os.close(write_end)
