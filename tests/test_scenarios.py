"""The ways in which a server may behave (tests/data/smtp_scenarios.json), against Postfix's real smtp-sink: in which
state the ledger's rows end, and what the sink holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from newsletter.deliver.judge import End
from tests.test_deliver import Post
from tests.test_smtp import relay, smtp_sink

SCENARIOS = json.loads((Path(__file__).parent / "data" / "smtp_scenarios.json").read_text(encoding="utf-8"))
NAMES = ("ama", "kodjo", "efua")
# Delays are shortened: what is told by seconds here was half a minute there.
SHORTER = {"-W .:30": "-W .:1", "-H 5 -T 1024": "-H 1 -T 1024"}

on_sqlite = pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=[one["behaviour"] for one in SCENARIOS])


@pytest.fixture
def dumps() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # smtp-sink writes as nobody
        yield Path(folder)


def held(dumps: Path) -> list[str]:
    """Who has a mail at the sink; a name for each copy."""
    found = []
    for file in dumps.iterdir():
        for line in file.read_text(encoding="latin-1").splitlines():
            if line.startswith("To: "):
                found.append(line.removeprefix("To: ").partition("@")[0])
    return sorted(found)


def run(engine: Engine, scenario: dict[str, Any], dumps: Path, lines: int, policy: str) -> tuple[Post, End]:
    post = Post(engine, *NAMES)
    flags = SHORTER.get(scenario["smtp_sink_flags"], scenario["smtp_sink_flags"])
    with smtp_sink(*flags.split(), "-d", f"{dumps}/mail.%S.") as port:
        mailer = relay(port)
        end = post.run(mailer, connections=lines, patient=False, on_uncertain=policy).end  # type: ignore[arg-type]
    return post, end


def test_there_are_nineteen() -> None:
    assert len(SCENARIOS) == 19


@on_sqlite
@each_scenario
@pytest.mark.parametrize("lines", [1, 3])
def test_each_ends_in_its_state(engine: Engine, scenario: dict[str, Any], dumps: Path, lines: int) -> None:
    """S05 S06 S09 S10 S11: with `hold`, so that a doubt stays where it is."""
    post, end = run(engine, scenario, dumps, lines, "hold")
    state = scenario["state"]
    assert post.counts() == {state: 3}
    assert end is {"pending": End.LOST, "deferred": End.WAITING}.get(state, End.DONE)
    if state == "accepted":
        assert held(dumps) == sorted(NAMES)
    if state == "uncertain":
        assert held(dumps) == sorted(NAMES)  # the sink took them, and did not say so


@on_sqlite
def test_a_doubt_is_repeated_once_and_no_more(engine: Engine, dumps: Path) -> None:  # S10
    [scenario] = [one for one in SCENARIOS if one["smtp_sink_flags"] == "-q ."]
    post, end = run(engine, scenario, dumps, 1, "resend")
    assert (post.counts(), end) == ({"uncertain": 3}, End.DONE)
    assert held(dumps) == sorted([*NAMES, *NAMES])
