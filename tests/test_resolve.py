"""What is done about who may or may not have the edition."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from newsletter import daily, resolve, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import AlreadyRunning, BadData, NotSent
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store.database import sending_lock
from tests.conftest import Clock
from tests.fakes import FakeMailer

ON_BOTH = True

DAY = date(2026, 11, 23)
AMA, KODJO = "ama@lecteurs.example", "kodjo@lecteurs.example"


def send(room: Newsroom) -> Report:
    return daily.send(room, DAY, watch=Watch(Stop(room.clock)))


@pytest.fixture
def held(make_room: Callable[..., Newsroom], add_article: Callable[..., Path]) -> Newsroom:
    """An edition of which two readers are in doubt."""
    room = make_room('on_uncertain = "hold"')
    subscribe.add(room, [AMA, KODJO, "efua@lecteurs.example"], "test")
    add_article("Le port rouvre")
    room.__dict__["mailer"] = FakeMailer({"ama": ["doubt", "ok"], "kodjo": ["doubt", "doubt"]})
    found = send(room)
    assert (found.status, found.accepted, found.uncertain) == ("sent", 1, 2)
    return room


def test_doubts_are_listed(held: Newsroom) -> None:
    edition, uncertain = resolve.doubts(held, None)
    assert edition.day == DAY
    assert [one.address for one in uncertain] == [AMA, KODJO]
    assert [one.address for one in resolve.doubts(held, DAY, ["AMA@Lecteurs.example"]).uncertain] == [AMA]
    with pytest.raises(BadData, match="no doubt"):
        resolve.doubts(held, DAY, ["efua@lecteurs.example"])
    with pytest.raises(BadData, match="no edition of 2026-11-22"):
        resolve.doubts(held, date(2026, 11, 22))


def test_what_is_known_to_have_arrived_is_accepted(held: Newsroom) -> None:
    resolve.resolve(held, None, "accepted", [AMA])
    assert [one.address for one in resolve.doubts(held, None).uncertain] == [KODJO]
    found = send(held)
    assert (found.accepted, found.uncertain) == (2, 1)


def test_what_is_to_be_sent_again_is_sent_once_more_the_same(held: Newsroom) -> None:
    mailer = held.__dict__["mailer"]
    assert send(held).uncertain == 2  # nothing by itself
    resolve.resolve(held, None, "resend")
    found = send(held)
    assert (found.status, found.accepted, found.uncertain) == ("sent", 2, 1)
    assert len(mailer.received[AMA]) == 2
    assert len(set(mailer.received[AMA])) == 1
    assert [one.address for one in resolve.doubts(held, None).uncertain] == [KODJO]


def test_a_rehearsal_decides_nothing(held: Newsroom) -> None:
    assert len(resolve.resolve(held, None, "accepted", dry_run=True).uncertain) == 2
    assert len(resolve.resolve(held, None, "resend", dry_run=True).uncertain) == 2
    assert len(resolve.doubts(held, None).uncertain) == 2
    assert send(held).uncertain == 2


def test_when_it_is_too_late_nothing_is_sent_again(held: Newsroom, clock: Clock) -> None:
    clock.move(hours=13)
    with pytest.raises(NotSent, match="is over"):
        resolve.resolve(held, DAY, "resend")
    assert len(resolve.resolve(held, DAY, "accepted").uncertain) == 2


def test_not_while_a_run_is_sending(held: Newsroom) -> None:
    with sending_lock(held.engine), pytest.raises(AlreadyRunning):
        resolve.resolve(held, None, "accepted")


def test_the_command(held: Newsroom, folder: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "resolve", *words])
        assert done.exit_code == 0, done.output
        return done.output

    listed = json.loads(run("--json"))
    assert (listed["edition"], [one["address"] for one in listed["doubts"]]) == ("2026-11-23", [AMA, KODJO])
    assert AMA in run()
    status = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "status"])
    assert "2 may or may not have it: `newsletter resolve` lists them" in status.output
    assert "1 would count as accepted now" in run(AMA, "--accepted", "--dry-run")
    assert "1 count as accepted now" in run(AMA, "--accepted")
    assert json.loads(run("--json"))["doubts"][0]["address"] == KODJO
