"""Old and new programs on one schema: what is newer is worked with where it says so; an upgrade keeps nobody waiting."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from newsletter import daily, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import DatabaseError
from newsletter.newsroom import Newsroom
from newsletter.store import copying, database, migrations, upgrading
from newsletter.store.database import read, write
from tests.conftest import TOML, Clock

ON_BOTH = True
ROOT = Path(__file__).parent.parent
MakeRoom = Callable[..., Newsroom]
Add = Callable[..., Path]

EXPANDS = (
    "ALTER TABLE subscribers ADD COLUMN quarter VARCHAR(20)",
    "ALTER TABLE deliveries ADD COLUMN tint INTEGER NOT NULL DEFAULT 3",
    "ALTER TABLE editions ADD COLUMN tint INTEGER NOT NULL DEFAULT 3",
    "CREATE TABLE quarters (name VARCHAR(20) PRIMARY KEY, note TEXT)",
    "UPDATE alembic_version SET version_num = '0099'",
)


def expand(engine: Engine) -> None:
    """A release to come: what it adds, the programs of today know nothing of."""
    with write(engine) as connection:
        for statement in EXPANDS:
            connection.execute(text(statement))


def contract(engine: Engine) -> None:
    with write(engine) as connection:
        upgrading.contracts(connection, "0099")
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))


def test_an_old_program_sends_on_a_schema_that_has_grown(make_room: MakeRoom, add_article: Add) -> None:
    expand(make_room().engine)
    room = make_room()
    subscribe.add(room, ["ama@lecteurs.example", "kodjo@lecteurs.example"], "test")
    add_article("Le port rouvre")
    found = daily.send(room, date(2026, 11, 23), watch=Watch(Stop(room.clock)))
    assert (found.status, found.accepted) == ("sent", 2)
    with read(room.engine) as connection:
        assert connection.execute(text("SELECT tint FROM deliveries")).scalars().all() == [3, 3]
    assert database.upgrade(room.engine) is False
    assert database.revision(room.engine) == "0099"


def test_as_a_process_of_its_own_too(make_room: MakeRoom, add_article: Add, folder: Path, clock: Clock) -> None:
    clock.now = datetime.now(UTC)  # that process looks at the real one
    room = make_room()
    expand(room.engine)
    subscribe.add(room, ["ama@lecteurs.example", "kodjo@lecteurs.example"], "test")
    add_article("Le port rouvre")
    sent = newsletter(room, folder, "send", "--now")
    assert sent.returncode == 0, sent.stderr
    assert "2 accepted of 2" in sent.stdout
    assert len(list((folder / "outbox" / "new").iterdir())) == 2
    contract(room.engine)
    for command in (["send", "--now"], ["status"], ["database", "upgrade"], ["subscribers", "list"]):
        refused = newsletter(room, folder, *command)
        assert refused.returncode == 69, refused.stdout
        assert "made by a newer version of newsletter (0099): upgrade the program" in refused.stderr.splitlines()[-1]
        assert "Traceback" not in refused.stderr


def newsletter(room: Newsroom, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    url = room.config.newsletter.database
    (folder / "newsletter.toml").write_text(
        TOML.replace("[newsletter]", f"[newsletter]\ndatabase = '{url}'", 1), encoding="utf-8"
    )
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_what_was_taken_away_is_refused_by_who_needs_it(engine: Engine) -> None:
    contract(engine)
    with pytest.raises(DatabaseError, match=r"newer version of newsletter \(0099\): upgrade the program"):
        database.upgrade(engine)
    with write(engine) as connection:  # one of which old programs know since long
        upgrading.contracts(connection, database.HEAD)
    assert database.upgrade(engine) is False
    with write(engine) as connection:  # and one that does not tell
        connection.execute(text("DELETE FROM notes"))
    with pytest.raises(DatabaseError, match="upgrade the program"):
        database.revision(engine)


def test_a_new_database_tells_whom_it_serves(engine: Engine) -> None:
    with read(engine) as connection:
        note = connection.execute(text("SELECT value FROM notes WHERE name = 'schema_serves'")).scalar_one()
        assert "0006" <= note <= database.HEAD
        assert upgrading.serves_us(connection)
        assert copying.holding(connection) is None  # and holds nothing yet


def test_a_newer_program_that_was_quicker_is_no_fault(empty_engine: Engine) -> None:
    """Ours has seen an old schema, waits for its turn, and finds a newer one."""
    with write(empty_engine) as connection:
        migrations.run(connection, "0005")
    ours = threading.Thread(target=lambda: told.append(database.upgrade(empty_engine)))
    told: list[bool] = []
    with write(empty_engine) as connection:
        if connection.dialect.name == "postgresql":
            values = {"key": database.advisory_key("upgrade")}
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), values)
        migrations.run(connection)
        ours.start()
        time.sleep(0.5)
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    ours.join(60)
    assert told == [True]
    assert database.revision(empty_engine) == "0099"


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
def test_an_upgrade_waits_for_quiet_and_keeps_nobody_waiting(empty_engine: Engine) -> None:
    """Somebody is in the midst of a long transaction: the upgrade wants a lock that stands against theirs, and who comes
    after it would wait behind it until that transaction ends."""
    with write(empty_engine) as connection:
        migrations.run(connection, "0005")
        connection.execute(text("INSERT INTO notes (name, value) VALUES ('a', '0')"))
    url = empty_engine.url.render_as_string(hide_password=False)
    longest: list[float] = []
    over = threading.Event()

    def others() -> None:
        engine = database.open_engine(url)
        edition = "UPDATE editions SET remark = 'x' WHERE id = 7"
        while not over.is_set():
            began = time.monotonic()
            with write(engine) as connection:
                connection.execute(text(edition))
            longest.append(time.monotonic() - began)
        engine.dispose()

    holds = 6
    another = database.open_engine(url)
    upgrade = threading.Thread(target=database.upgrade, args=[another])
    worker = threading.Thread(target=others)
    with write(empty_engine) as connection:
        connection.execute(text("UPDATE editions SET remark = 'held'"))
        upgrade.start()
        time.sleep(0.5)
        worker.start()
        time.sleep(holds)
        assert upgrade.is_alive()
    upgrade.join(120)
    over.set()
    worker.join(60)
    another.dispose()
    assert database.revision(empty_engine) == database.HEAD
    assert len(longest) > 1
    assert max(longest) < holds, "they went on while the upgrade paused"


FORGET = "UPDATE subscribers SET address = '', name = NULL WHERE id = 1"
BLANK = "UPDATE deliveries SET address = '', reply = NULL WHERE subscriber_id = 1"


@pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("order", [(FORGET, BLANK), (BLANK, FORGET)], ids=["reader first", "ledger first"])
def test_an_upgrade_gives_way_to_a_reader_that_it_is_entangled_with(
    empty_engine: Engine, order: tuple[str, str]
) -> None:
    """Each has what the other wants: a reader deletes their data while the ledger becomes one of parts."""
    with write(empty_engine) as connection:
        migrations.run(connection, "0006")
    url = empty_engine.url.render_as_string(hide_password=False)
    another, look = database.open_engine(url), database.open_engine(url)
    upgrade = threading.Thread(target=database.upgrade, args=[another])
    with write(empty_engine) as connection:
        connection.execute(text(order[0]))
        upgrade.start()
        for _ in range(2000):
            if is_under_way(look):
                break
            time.sleep(0.02)
        connection.execute(text(order[1]))
    upgrade.join(120)
    another.dispose()
    look.dispose()
    assert database.revision(empty_engine) == database.HEAD


def is_under_way(engine: Engine) -> bool:
    """Whether the upgrade waits for somebody, or has the ledger."""
    query = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = to_regclass('deliveries')"
    query += " AND mode = 'AccessExclusiveLock' OR relation = to_regclass('subscribers') AND NOT granted)"
    with read(engine) as connection:
        return bool(connection.execute(text(query)).scalar())


def test_the_heads_can_be_compared_as_texts() -> None:
    versions = (Path(database.__file__).parent / "migrations" / "versions").glob("0*.py")
    assert {len(file.name.partition("_")[0]) for file in versions} == {len(database.HEAD)}


def test_the_log_of_a_server_does_not_tell_each_step_of_a_fresh_schema(tmp_path: Path) -> None:
    code = (
        "from newsletter import logs; from newsletter.store import database; logs.begin('text');"
        f" database.upgrade(database.open_engine('sqlite:///{tmp_path}/subscribers.db'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
