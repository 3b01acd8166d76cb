"""Who leaves by what came back: the judge, and our own marks in a mail. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.bounce import tokens
from newsletter.bounce.judge import PROBED_FOR, Probe, Sent, Verdict, counts, is_certain, judge
from newsletter.bounce.tokens import Mark
from newsletter.links import Purpose, Signer
from newsletter.model import Bounce, Clues, Proof, Reason, ReturnKind

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
SIGNER = Signer("lettre.journal.example", {0: b"k" * 32, 1: b"l" * 32}, 1)


def read(purpose: Purpose, token: str) -> int | None:
    return SIGNER.read(purpose, token)


def story(text: str) -> list[Sent]:
    """One letter a day, today's first: x came back, . did not, + is reported to have arrived."""
    return [Sent(NOW - timedelta(days=i, hours=6), sign == "x", sign == "+") for i, sign in enumerate(text)]


def verdict(text: str, probe: Probe | None = None, since: datetime = LONG_AGO) -> Verdict:
    return judge(story(text), probe, since, NOW, editions=5, days=7)


# B09
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Verdict.STAYS),
        ("x", Verdict.STAYS),
        ("xxxx", Verdict.STAYS),
        ("xxxxxxx", Verdict.STAYS),  # seven editions, and six days between the first and the last
        ("xxxxxxxx", Verdict.PROBE),
        ("xxxx..........", Verdict.STAYS),
        ("x.x.x.x..x", Verdict.STAYS),  # two of those in between arrived, six days ago and more
        ("x.x.xx.xx", Verdict.STAYS),  # what was not heard of for six days has arrived
        ("..xxxxxxxx", Verdict.PROBE),  # the last two may come back yet
        ("+xxxxxxxx", Verdict.STAYS),  # a success clears the count
        ("xxx+xxxxx", Verdict.STAYS),
        ("x.......xxxxxxxx", Verdict.STAYS),
    ],
)
def test_soft_bounces_count_by_editions_and_days(text: str, expected: Verdict) -> None:
    assert verdict(text) is expected


def test_coming_back_begins_anew() -> None:
    assert verdict("xxxxxxxx", since=NOW - timedelta(days=3)) is Verdict.STAYS


def test_a_probe_that_comes_back_is_the_end() -> None:
    sent = NOW - timedelta(days=2)
    assert verdict("xxxxxxxx", Probe(sent)) is Verdict.STAYS  # it may come back yet
    assert verdict("xxxxxxxx", Probe(sent, failed=True)) is Verdict.GONE
    assert verdict("x", Probe(sent, failed=True)) is Verdict.GONE
    assert verdict("xxxxxxxx", Probe(sent, failed=True), since=NOW - timedelta(days=1)) is Verdict.STAYS  # revived


def test_a_probe_that_came_back_counts_no_more_when_an_edition_has_arrived_since() -> None:
    failed = Probe(NOW - timedelta(days=20), failed=True)
    assert verdict("x" + "." * 25, failed) is Verdict.STAYS
    assert verdict("x+" + "x" * 25, failed) is Verdict.STAYS
    assert verdict("x" * 25, failed) is Verdict.GONE


def test_a_probe_that_arrived_begins_anew() -> None:
    survived = Probe(NOW - PROBED_FOR - timedelta(days=2))
    assert verdict("xxxxxxxxxxxxxxxx", survived) is Verdict.PROBE
    assert verdict("xxxxxxx.xxxxxxxx", Probe(NOW - PROBED_FOR - timedelta(hours=1))) is Verdict.STAYS


def bounce(reason: Reason = Reason.UNKNOWN_USER, *, suppress: bool = True, proof: Proof = Proof.RETURN_PATH) -> Bounce:
    return Bounce(1, NOW, ReturnKind.BOUNCE, "stdin", proof, reason=reason, suppress=suppress)


def test_what_is_our_fault_counts_against_nobody() -> None:
    for reason in (Reason.BLOCKED, Reason.CONTENT, Reason.THROTTLED, Reason.TOO_BIG, Reason.SYSTEM, Reason.DELAYED):
        assert not counts(bounce(reason, suppress=False))
    assert counts(bounce(Reason.MAILBOX_FULL, suppress=False))
    assert not is_certain(bounce(Reason.MAILBOX_FULL, suppress=False))


# B08
@pytest.mark.parametrize("proof", [Proof.ADDRESS, Proof.NOTHING])
def test_without_a_mark_of_ours_nothing_is_certain(proof: Proof) -> None:
    assert not is_certain(bounce(proof=proof))
    assert not counts(bounce(proof=proof))
    assert is_certain(bounce())


# --- Our marks -------------------------------------------------------------------------------------

TOKEN = SIGNER.token(Purpose.DELIVERY, 4711)
OLD = Signer(SIGNER.list_id, SIGNER.keys, 0).token(Purpose.DELIVERY, 4711)
LETTER = SIGNER.token(Purpose.LETTER, 12)
LEAVE = SIGNER.token(Purpose.UNSUBSCRIBE, 99)


# B01
@pytest.mark.parametrize(
    ("clues", "expected"),
    [
        (Clues(return_paths=(f"b+{TOKEN}@bounces.example",)), Mark(Proof.RETURN_PATH, Purpose.DELIVERY, 4711)),
        (Clues(return_paths=(f"B+{TOKEN.upper()}@BOUNCES.EXAMPLE",)), Mark(Proof.RETURN_PATH, Purpose.DELIVERY, 4711)),
        (Clues(return_paths=(f"b-{OLD}@bounces.example",)), Mark(Proof.RETURN_PATH, Purpose.DELIVERY, 4711)),
        (Clues(return_paths=(f"retour{TOKEN}@bounces.example",)), Mark(Proof.RETURN_PATH, Purpose.DELIVERY, 4711)),
        (Clues(return_paths=(f"b+{LETTER}@bounces.example",)), Mark(Proof.RETURN_PATH, Purpose.LETTER, 12)),
        (
            Clues(return_paths=("lettre@journal.example",), message_ids=(f"<2026-11-23.{TOKEN}@lettre.example>",)),
            Mark(Proof.MESSAGE_ID, Purpose.DELIVERY, 4711),
        ),
        (Clues(message_ids=(f"<confirm.{LETTER}@lettre.example>",)), Mark(Proof.MESSAGE_ID, Purpose.LETTER, 12)),
        (
            Clues(links=(f"<https://lettre.journal.example/u/{LEAVE}>",)),
            Mark(Proof.LINK, Purpose.UNSUBSCRIBE, 99),
        ),
        (
            Clues(links=(f"https://lettre.journal.example/u/{LEAVE}", f"mailto:b+{TOKEN}@bounces.example")),
            Mark(Proof.LINK, Purpose.DELIVERY, 4711),  # it names the edition as well
        ),
        (Clues(links=(f"2026-11-23.4711.{TOKEN[-12:]}",)), Mark(Proof.LINK, Purpose.DELIVERY, 4711)),
        (Clues(links=(f"2026-11-23.4711.{OLD[-12:].upper()}",)), Mark(Proof.LINK, Purpose.DELIVERY, 4711)),
        (Clues(links=(f"2026-11-23.4712.{TOKEN[-12:]}",)), None),
        (Clues(return_paths=(f"b+{TOKEN[:-1]}a@bounces.example",), message_ids=("<x@y.example>",)), None),
        (Clues(return_paths=(f"b+{LEAVE}@bounces.example",)), None),  # good for leaving, and for no return path
        (Clues(), None),
        (Clues(message_ids=("a" * 100_000,) * 500), None),
    ],
)
def test_our_marks_are_found(clues: Clues, expected: Mark | None) -> None:
    assert tokens.find(clues, read, SIGNER) == expected
