"""What spam filters say of our mails: their answers read, their silence too, and Debian's SpamAssassin over the real
thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter import preview
from newsletter.mail import score
from newsletter.mail.score import Mute, Rule, Score, read_rspamd, read_spamassassin
from newsletter.model import Message
from newsletter.newsroom import Newsroom
from tests.needs import needs
from tests.signatures import SEALERS

Add = Callable[..., Path]
# The Generic Test for Unsolicited Bulk Email: every filter must take it for spam.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REPORT = """From: ama@lecteurs.example
X-Spam-Status: No

newsletter-score 99.9 5.0 0.0.0

newsletter-score -0.3 5.0 4.0.1
 pts rule name              description
---- ---------------------- --------------------------------------------------
 0.7 HTML_FONT_LOW_CONTRAST BODY: HTML font color similar or identical to
                            background
-0.0 NO_RECEIVED            Informational: message has no Received headers
-1.0 MAILING_LIST_MULTI     Multiple indicators imply a widely-seen list
                            manager

 9.9 NOT_A_RULE             what stands below is no part of it
"""
RSPAMD = {
    "score": 3.25,
    "required_score": 15.0,
    "action": "no action",
    "symbols": {
        "MIME_GOOD": {"name": "MIME_GOOD", "score": -0.1, "description": "Known content-type"},
        "URI_COUNT_ODD": {"name": "URI_COUNT_ODD", "score": 1.0, "description": "Odd number of URIs"},
        "MIME_TRACE": {"name": "MIME_TRACE", "score": 0.0},
    },
}


def test_spamassassin_s_report_is_read() -> None:
    assert read_spamassassin(REPORT) == Score(
        "SpamAssassin 4.0.1",
        -0.3,
        5.0,
        (
            Rule("HTML_FONT_LOW_CONTRAST", 0.7, "BODY: HTML font color similar or identical to background"),
            Rule("NO_RECEIVED", 0.0, "Informational: message has no Received headers"),
            Rule("MAILING_LIST_MULTI", -1.0, "Multiple indicators imply a widely-seen list manager"),
        ),
        spam=False,
    )


@pytest.mark.parametrize("text", ["", "rien", "newsletter-score x y z", REPORT.replace("newsletter-score", "score")])
def test_what_is_no_report(text: str) -> None:
    assert read_spamassassin(text) is None


def test_rspamd_s_json_is_read() -> None:
    found = read_rspamd(json.dumps(RSPAMD))
    assert found
    assert [(one.name, one.points, one.meaning) for one in found.rules] == [
        ("URI_COUNT_ODD", 1.0, "Odd number of URIs"),
        ("MIME_TRACE", 0.0, ""),
        ("MIME_GOOD", -0.1, "Known content-type"),
    ]
    assert (found.points, found.threshold, found.spam) == (3.25, 15.0, False)


@pytest.mark.parametrize(
    ("action", "spam"),
    [("reject", True), ("add header", True), ("rewrite subject", True), ("greylist", False), ("no action", False)],
)
def test_what_rspamd_would_do_decides(action: str, spam: bool) -> None:
    found = read_rspamd(json.dumps(RSPAMD | {"action": action}))
    assert found
    assert found.spam is spam


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"error": "x"}', '{"symbols": []}', '{"symbols": {"A": 1}}'])
def test_what_is_no_answer_of_rspamd(text: str) -> None:
    assert read_rspamd(text) is None


# --- Programs ---------------------------------------------------------------------------------------


def program(folder: Path, name: str, script: str) -> Callable[[str], str | None]:
    """Only this one is installed."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return lambda wanted: str(file) if wanted == name else None


def test_where_none_is_installed_nothing_is_said() -> None:
    assert score.ask(b"x", which=lambda _: None) == []


def test_the_message_stands_on_standard_input_and_the_rules_are_local(tmp_path: Path) -> None:
    which = program(tmp_path, "spamassassin", f'cat > {tmp_path}/seen; echo "$LC_ALL $@" > {tmp_path}/words')
    score.ask(b"Subject: x\r\n\r\nmot\r\n", which=which)
    assert (tmp_path / "seen").read_bytes() == b"Subject: x\r\n\r\nmot\r\n"
    words = (tmp_path / "words").read_text()
    assert words.startswith("C ")
    assert {"--local", "--test-mode", "--nocreate-prefs"} <= set(words.split())
    assert "use_bayes 0" in words


def test_rspamd_is_asked_for_rules_that_ask_nobody(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(RSPAMD), encoding="utf-8")
    which = program(
        tmp_path, "rspamc", f'for w in "$@"; do echo "$w"; done > {tmp_path}/words; cat > /dev/null; cat {answer}'
    )
    (found,) = score.ask(b"x", which=which, rspamd="127.0.0.1:9")
    assert isinstance(found, Score)
    words = (tmp_path / "words").read_text().splitlines()
    assert "--connect=127.0.0.1:9" in words
    (settings,) = [json.loads(one.partition("Settings=")[2]) for one in words if "Settings=" in one]
    assert not {"rbl", "surbl", "fuzzy", "phishing", "policies"} & set(settings["groups_enabled"])
    assert settings["groups_enabled"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'no rules found' >&2; exit 2", "no rules found"),
        ("exit 70", "it ended with 70 and said nothing"),
        ("cat", "Subject: mot"),  # it gives back what it got, and no report
        ("head -c 2000000 /dev/zero", "\0" * 20),
    ],
)
def test_one_that_is_broken_says_why(tmp_path: Path, script: str, why: str) -> None:
    (found,) = score.ask(b"Subject: mot\r\n\r\n", which=program(tmp_path, "spamassassin", script))
    assert isinstance(found, Mute)
    assert found.why.startswith(why)
    assert len(found.why) <= 200


def test_one_that_never_answers_is_given_up(tmp_path: Path) -> None:
    which = program(tmp_path, "rspamc", "exec sleep 60")
    assert score.ask(b"x", which=which, longest=0.3) == [Mute("rspamd", "no answer within 0.3 s")]


def test_one_that_has_gone_is_told(tmp_path: Path) -> None:
    (found,) = score.ask(b"x", which=lambda name: str(tmp_path / "rspamc") if name == "rspamc" else None)
    assert found == Mute("rspamd", "No such file or directory")


def test_a_program_that_reads_nothing_is_no_fault_of_ours(tmp_path: Path) -> None:
    which = program(tmp_path, "spamassassin", "exec <&-; echo fini >&2; exit 1")
    (found,) = score.ask(b"x" * 5_000_000, which=which)
    assert found == Mute("SpamAssassin", "fini")


# --- The real one -----------------------------------------------------------------------------------


def judged(message: bytes) -> Score:
    assassin = needs("spamassassin")
    (found,) = score.ask(message, which=lambda name: assassin if name == "spamassassin" else None)
    assert isinstance(found, Score), found
    return found


@pytest.mark.parametrize("keys", ["none", "both"])
def test_spamassassin_has_nothing_against_an_edition(room: Newsroom, add_article: Add, keys: str) -> None:
    picture = {"image": "https://journal.example/port.jpg", "image_alt": '"Un quai"'}
    add_article("Le port rouvre", section="Économie", **picture)
    add_article("Le lycée ferme", section="Société")
    content = preview.preview(room, None).eml
    if keys != "none":
        content = SEALERS[keys].seal(Message("lettre@journal.example", "ama@lecteurs.example", content)).content
    found = judged(content)
    assert [rule for rule in found.rules if rule.points > 0.1] == []
    assert "MAILING_LIST_MULTI" in {rule.name for rule in found.rules}
    assert found.points <= -0.5
    assert found.threshold == 5.0


def test_spamassassin_knows_spam() -> None:
    found = judged(b"From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\n\r\n" + GTUBE + b"\r\n")
    assert found.spam
    assert found.rules[0].name == "GTUBE"
