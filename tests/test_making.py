"""Making an edition and mailing a test of it, at the desk and on the command line: written down, and not again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from newsletter import auditlog, edit, making
from newsletter.errors import TooOften
from newsletter.model import AuditEntry, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.store.database import read
from newsletter.store.notes import get
from tests.conftest import Clock
from tests.desk import Desk, text_of
from tests.fakes import FakeMailer

Add = Callable[..., Path]


@pytest.fixture
def ready(room: Newsroom, add_article: Add) -> Newsroom:
    room.__dict__["mailer"] = FakeMailer()
    add_article("Le port rouvre mercredi")
    return room


def last(room: Newsroom) -> AuditEntry:
    return auditlog.page(room, limit=1).entries[0]


def test_the_desk_s_making_and_testing_are_written_down(ready: Newsroom) -> None:
    desk = Desk(ready)
    desk.act("/make")
    edition = edit.named(ready, ready.today(), None)
    entry = last(ready)
    assert (entry.act, entry.who.name, entry.edition_id) == ("made", "Efua", edition.id)
    assert entry.after == {"articles": 1, "considered": 1}
    desk.act(f"/edition/{edition.name}/test")
    entry = last(ready)
    assert (entry.act, entry.who.name, entry.edition_id) == ("tested", "Efua", edition.id)
    assert entry.after == {"count": 1, "refused": 0}, "and no address"
    told = text_of(desk.text("/audit"))
    assert "Efua a fait composer l’édition : 1 article retenu" in told
    assert "Efua en a envoyé 1 essai" in told
    assert "made: 1 article in it" in auditlog.told(auditlog.page(ready).entries[1], ready.words_in("en"))


@pytest.mark.parametrize("path", ["/make", "/edition/{day}/refresh"])
def test_the_sites_are_not_asked_again_and_again(ready: Newsroom, clock: Clock, path: str) -> None:
    making.make(ready, ready.today(), ready.here)
    desk, path = Desk(ready), path.format(day=ready.today())
    assert desk.post(path).status_code == 303
    answer = Desk(ready, Role.WRITER, name="Yao").post(path)
    assert answer.status_code == 502
    assert "interrogés à l’instant" in text_of(answer.text)
    clock.move(seconds=31)
    assert desk.post(path).status_code == 303


def test_the_command_line_waits_for_nobody(ready: Newsroom) -> None:
    for _ in range(2):
        making.make(ready, ready.today(), ready.here)
    with read(ready.engine) as connection:
        assert get(connection, "made by hand") is None
    making.make(ready, ready.today(), Who("Efua", 1))
    with pytest.raises(TooOften, match="a moment ago"):
        making.make(ready, ready.today(), Who("Efua", 1))


def test_the_command_line_is_written_down_too(
    folder: Path, add_article: Add, make_room: Callable[..., Newsroom]
) -> None:
    add_article("Le port rouvre mercredi")
    room = make_room()

    def run(*words: str) -> None:
        result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *words])
        assert result.exit_code == 0, result.output

    day = f"{room.today()}"
    run("edition", "build", "--date", day, "--dry-run")
    run("test-send", "efua@journal.example", "--date", day, "--dry-run")
    assert auditlog.page(room).entries == []
    run("test-send", "efua@journal.example", "--date", day)  # of an edition that is not kept
    assert (last(room).act, last(room).edition_id) == ("tested", None)
    run("edition", "build", "--date", day)
    assert (last(room).act, last(room).who, last(room).edition_id) == ("made", room.here, 1)
