"""What the desk does can be done on the command line: send now and take it back, lists, searches, sessions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from newsletter import auditlog, daily, edit, editors, subscribe
from newsletter.model import EditionStatus, Role, SubscriberStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.store import subscribers
from newsletter.store.database import write
from tests.browser import everything
from tests.desk import cookie_of, editor

Run = Callable[..., str]
Status = EditionStatus
AFI = "afi@journal.example"


@pytest.fixture
def here(make_room: Callable[..., Newsroom]) -> Iterator[Newsroom]:
    """By the clock that the commands go by."""
    room = make_room()
    real = Newsroom(room.config)
    yield real
    real.engine.dispose()


@pytest.fixture
def run(folder: Path, here: Newsroom) -> Run:
    def run_it(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return run_it


@pytest.fixture
def today(here: Newsroom, folder: Path) -> str:
    """The name of today's draft."""
    fresh = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    (folder / "articles" / "port.md").write_text(f"---\ntitle: Le port rouvre\ndate: {fresh}\n---\n\nOuvert.\n")
    return daily.make_edition(here, here.today()).edition.name


def standing(room: Newsroom, name: str) -> tuple[Status, bool]:
    found = edit.named(room, None, name)
    return found.status, found.go_at is not None


def test_an_edition_is_sent_now_and_taken_back(run: Run, here: Newsroom, today: str) -> None:
    before = everything(here)
    assert "would go at" in run("edition", "send-now", "--dry-run")
    assert everything(here) == before
    said = run("edition", "send-now", "--edition", today)
    assert "take-back" in said
    assert "no runner lives" in said
    assert standing(here, today) == (Status.APPROVED, True)
    assert "would be taken back" in run("edition", "take-back", "--dry-run")
    assert standing(here, today) == (Status.APPROVED, True)
    assert f"edition {today}: taken back, draft as before" in run("edition", "take-back")
    assert standing(here, today) == (Status.DRAFT, False)
    run("edition", "take-back", code=4)
    assert [one.act for one in auditlog.page(here).entries] == ["take_back", "send_now"]
    assert auditlog.page(here).entries[0].who == here.here
    run("edition", "send-now", "--edition", "2026-01-01", code=65)
    run("edition", "send-now", "--edition", today, "--date", today, code=2)


def test_editions_are_listed(run: Run, here: Newsroom, today: str) -> None:
    run("edition", "extra")
    listed = json.loads(run("edition", "list", "--json"))
    assert [(one["edition"], one["status"]) for one in listed] == [(f"{today}-extra", "draft"), (today, "draft")]
    assert (listed[1]["subject"], listed[1]["articles"]) == ("Le port rouvre", 1)
    assert (listed[1]["states"]["accepted"], listed[1]["started_at"]) == (0, None)
    assert [line.split("\t")[0] for line in run("edition", "list", "--limit", "1").splitlines()] == [f"{today}-extra"]


def test_readers_are_found_by_a_part(run: Run, here: Newsroom) -> None:
    subscribe.add(here, ["ama@lecteurs.example", "zoe@lecteurs.example"], "papier")
    zoe = subscribe.find(here, "zoe@lecteurs.example")
    with write(here.engine) as connection:
        subscribers.set_status(connection, zoe.id, SubscriberStatus.UNREACHABLE, here.clock())
    found = json.loads(run("subscribers", "find", "LECTEURS", "--json"))
    assert [one["address"] for one in found] == ["zoe@lecteurs.example", "ama@lecteurs.example"]
    assert run("subscribers", "find", "lecteurs", "--status", "active").startswith("ama@lecteurs.example\tactive")
    assert run("subscribers", "find", "nobody") == ""
    assert "zoe@lecteurs.example: unsubscribed" in run("subscribers", "remove", "zoe@lecteurs.example")
    assert subscribe.find(here, "zoe@lecteurs.example").status is SubscriberStatus.UNSUBSCRIBED
    assert "unsubscribed already" in run("subscribers", "remove", "zoe@lecteurs.example")
    subscribe.add(here, [f"lecteur{i}@x.example" for i in range(60)], "papier")
    assert "more than 50" in run("subscribers", "find", "x.example")


def test_sessions_are_listed_and_ended(run: Run, here: Newsroom) -> None:
    afi, yao = editor(here, Role.OWNER, "Afi"), editor(here, Role.WRITER, "Yao")
    cookies = [cookie_of(here, one) for one in (afi, afi, yao)]
    link = editors.link(here, AFI, who=Who("test")).rpartition("/")[2]
    listed = json.loads(run("editors", "sessions", AFI, "--json"))
    assert [(one["network"], one["browser"]) for one in listed] == [("192.0.2.0/24", "Firefox")] * 2
    last, first = (str(one["session"]) for one in listed)
    assert "would be ended" in run("editors", "log-out", AFI, "--session", last, "--dry-run")
    run("editors", "log-out", AFI, "--session", last)
    assert [line.split("\t")[0] for line in run("editors", "sessions", AFI).splitlines()] == [first]
    run("editors", "log-out", AFI, "--session", last, code=65)
    other = str(editors.sessions(here, yao)[0].id)
    assert "has no session" in run("editors", "log-out", AFI, "--session", other, code=65)
    assert [bool(editors.session(here, one)) for one in cookies] == [True, False, True]
    assert editors.to_log_in(here, link), "links are left"
    run("editors", "log-out", AFI)
    assert editors.to_log_in(here, link) is None
    assert json.loads(run("editors", "sessions", AFI, "--json")) == []
