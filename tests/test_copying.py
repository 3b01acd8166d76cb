"""A newsletter moved into another database: whole, compared, and sending nothing before it was adopted."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Boolean, Date, Engine, Integer, LargeBinary, Table, insert, select, text
from sqlalchemy.types import TypeEngine

from cli import cli
from newsletter import copying, daily, edit, instance, post, preferences, report, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import DatabaseError, NotSent, Unfinished
from newsletter.imports import import_file
from newsletter.links import Purpose
from newsletter.model import Origin
from newsletter.newsroom import Newsroom
from newsletter.store import copying as rows
from newsletter.store import database, notes
from newsletter.store.columns import Instant
from newsletter.store.database import read, sending_lock, write
from newsletter.store.lease import lease
from newsletter.store.partitions import make_room_for
from newsletter.store.schema import metadata
from tests.browser import visit
from tests.conftest import KINDS, Clock
from tests.fakes import FakeMailer

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 23)
PAGE = Origin("page")
NewDatabase = Callable[[str], str]
MakeRoom = Callable[..., Newsroom]
Add = Callable[..., Path]

pairs = pytest.mark.parametrize(("kind", "other"), [(one, two) for one in KINDS for two in KINDS])
ways = pytest.mark.parametrize(("kind", "other"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])


def quiet(table: str, doing: str, seen: int, total: int) -> None:
    """Nobody looks on."""


def taken(url: str) -> str:
    """As SQLAlchemy takes it."""
    return url.replace("postgresql:", "postgresql+psycopg:", 1)


def opened(url: str) -> Engine:
    engine = database.open_engine(taken(url))
    database.upgrade(engine)
    return engine


def copy(source: str, target: str, **options: bool) -> copying.Result:
    return copying.copy(taken(source), taken(target), quiet, **options)


def held(engine: Engine) -> dict[str, list[Any]]:
    """All that is copied, in an order that is the same on both."""
    with read(engine) as connection:
        found = {table.name: connection.execute(select(table)).all() for table in rows.tables()}
    found["notes"] = [row for row in found["notes"] if row.name not in rows.OF_ITS_PLACE]
    return {name: sorted(map(repr, map(tuple, here))) for name, here in found.items()}


# --- Every table, every kind of column ------------------------------------------------------------


def value_of(kind: TypeEngine[Any], chance: random.Random, number: int) -> Any:
    """Something that such a column may hold."""
    if isinstance(kind, Instant):
        return datetime(2026, 3, 29, 1, 30, tzinfo=UTC) + timedelta(microseconds=chance.choice([0, 1, 999_999, 10**15]))
    if isinstance(kind, Boolean):
        return chance.random() < 0.5
    if isinstance(kind, Date):
        return DAY + timedelta(days=number)
    if isinstance(kind, Integer):
        return chance.choice([0, -1, 2**31 - 1, number])
    if isinstance(kind, LargeBinary):
        return bytes(range(256))
    length = min(getattr(kind, "length", None) or 60, 60)
    return f"{number} L’été\n\t\\N \\. «\u00a0à la une\u00a0» 🗞 {chance.random()}"[:length]


def fill(engine: Engine, per_table: int = 15) -> None:
    """Rows in every table, with the numbers 1, 3, 5, … (so editions are in several parts of the ledger)"""
    chance = random.Random(7)
    with write(engine) as connection:
        for table in rows.tables():
            made = [a_row(table, chance, 2 * number + 1) for number in range(per_table)]
            if table.name == "deliveries":
                for row in made:
                    make_room_for(connection, row["edition_id"])
            connection.execute(insert(table), made)


def a_row(table: Table, chance: random.Random, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.foreign_keys or column.name == "id":
            row[column.name] = number
            if "wordings" in str(column.foreign_keys):
                row[column.name] = f"w{number}"
        elif column.primary_key and isinstance(column.type, Integer):
            row[column.name] = number
        elif table.name == "wordings" and column.primary_key:
            row[column.name] = f"w{number}"
        elif table.name == "deliveries" and column.name == "state":
            row[column.name] = "accepted"
        elif column.nullable and chance.random() < 0.4:
            row[column.name] = None
        else:
            row[column.name] = value_of(column.type, chance, number)
    return row


@pairs
def test_all_is_there_as_it_was(kind: str, other: str, new_database: NewDatabase) -> None:
    source, target = new_database(kind), new_database(other)
    one = opened(source)
    fill(one)
    result = copy(source, target)
    two = opened(target)
    assert held(two) == held(one)
    assert {table.table for table in result.tables} == set(metadata.tables) - {"leases", "slices", "workers"}
    for table in result.tables:
        assert table.rows == 15
        assert table.digest == table.digest_there
    assert not result.written_meanwhile
    assert list(Path(one.url.database or "").parent.glob("*.part")) == []
    one.dispose()
    two.dispose()


@ways
def test_no_number_is_used_twice(kind: str, other: str, new_database: NewDatabase) -> None:
    """Links hold numbers of rows that are gone since."""
    source, target = new_database(kind), new_database(other)
    one = opened(source)
    with write(one) as connection:
        subscribe_row = {"key": "", "status": "active", "since": datetime.now(UTC), "created_at": datetime.now(UTC)}
        for number in range(9):
            row = subscribe_row | {"address": f"{number}@l.example", "key": f"{number}@l.example"}
            connection.execute(insert(metadata.tables["subscribers"]), row)
        connection.execute(text("DELETE FROM subscribers WHERE id > 4"))
    copy(source, target)
    two = opened(target)
    with write(two) as connection:
        query = insert(metadata.tables["subscribers"]).values(**subscribe_row | {"address": "x", "key": "x"})
        assert connection.execute(query).inserted_primary_key == (10,)
    third = new_database(other)
    copy(target, third)  # and once more, with nothing lost on the way
    three = opened(third)
    assert held(two) == held(three)
    for engine in (one, two, three):
        engine.dispose()


def test_a_fingerprint_tells_every_change(new_database: NewDatabase) -> None:
    engine = opened(new_database("sqlite"))
    fill(engine)
    letters = metadata.tables["letters"]

    def fingerprint(change: str = "") -> rows.Print:
        with write(engine, rehearsal=True) as connection:
            if change:
                connection.execute(text(f"UPDATE letters SET {change} WHERE id = 3"))
            return rows.fingerprint(connection, letters, lambda rows: None)

    changes = ["", "repeated = NOT repeated", "address = address || ' '", "content = NULL", "attempts = attempts + 1"]
    changes += ["at = '2026-03-29 01:30:00.000002'", "content = x'00'", "reply = ''", "code = 7", "id = 4"]
    found = [fingerprint(change) for change in changes]
    assert len(set(found)) == len(changes)
    assert all(one.rows == 15 for one in found)
    engine.dispose()


# --- What is refused ------------------------------------------------------------------------------


def test_what_postgresql_cannot_hold_is_named(new_database: NewDatabase) -> None:
    """SQLite holds it, and nothing is left out in silence."""
    source, target = new_database("sqlite"), new_database("postgresql")
    one = opened(source)
    fill(one)
    with write(one) as connection:
        connection.execute(text("UPDATE articles SET title = 'a' || char(0) || 'b' WHERE id = 3"))
        connection.execute(text("UPDATE articles SET words = 3000000000 WHERE id = 5"))
        connection.execute(text("UPDATE articles SET language = 'une langue bien trop longue' WHERE id = 7"))
    with pytest.raises(DatabaseError) as told:
        copy(source, target)
    assert str(told.value).splitlines() == [
        "articles, the row with id 3: title holds U+0000, which PostgreSQL cannot: mend it there",
        "articles, the row with id 5: words is no number that PostgreSQL can hold there: mend it there",
        "articles, the row with id 7: language is longer than 20 characters: mend it there",
    ]
    two = opened(target)
    assert not any(held(two).values())
    assert copy(source, new_database("sqlite")).tables  # another SQLite holds it too
    one.dispose()
    two.dispose()


@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("articles SET title = CAST(X'ff41' AS TEXT) WHERE id = 7", "articles, the row with id 7: Could not decode"),
        ("editions SET day = 'tomorrow' WHERE id = 5", "editions, the row with id 5: .*tomorrow"),
        ("subscribers SET since = 'soon' WHERE id = 9", "subscribers, the row with id 9: .*soon"),
        ("subscribers SET since = 17 WHERE id = 9", "subscribers, the row with id 9: "),
        ("articles SET title = X'0102' WHERE id = 3", "articles, the row with id 3: "),
        ("letters SET content = 'abc' WHERE id = 3", "letters, the row with id 3: "),
    ],
)
def test_a_row_that_cannot_be_read_is_named(change: str, named: str, other: str, new_database: NewDatabase) -> None:
    """SQLite holds anything in any column, if somebody else puts it there."""
    source, target = new_database("sqlite"), new_database(other)
    one = opened(source)
    fill(one)
    with write(one) as connection:
        connection.exec_driver_sql("UPDATE " + change)
    one.dispose()
    with pytest.raises(DatabaseError, match=named):
        copy(source, target)
    two = opened(target)
    assert not any(held(two).values())
    two.dispose()


@pytest.mark.parametrize("other", KINDS)
def test_a_copy_that_differs_is_not_kept(other: str, new_database: NewDatabase) -> None:
    source, target = new_database("sqlite"), new_database(other)
    one, two = opened(source), opened(target)
    fill(one)
    change = "UPDATE bounces SET text = 'autre' WHERE id = 5"
    with write(two) as connection:  # somebody changes it while it is written
        if other == "sqlite":
            connection.execute(text(f"CREATE TRIGGER t AFTER INSERT ON bounces BEGIN {change}; END"))
        else:
            made = f"CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {change}; RETURN NULL; END$$"
            connection.execute(text(made))
            connection.execute(text("CREATE TRIGGER t AFTER INSERT ON bounces EXECUTE FUNCTION t()"))
    with pytest.raises(DatabaseError, match=r"nothing of it is kept\nbounces: 15 rows, .*; in the copy 15 rows"):
        copy(source, target)
    assert not any(held(two).values())
    one.dispose()
    two.dispose()


@pytest.mark.parametrize("other", KINDS)
def test_a_target_that_holds_anything_is_refused(other: str, new_database: NewDatabase) -> None:
    source, target = new_database("sqlite"), new_database(other)
    one, two = opened(source), opened(target)
    with write(two) as connection:
        connection.execute(insert(metadata.tables["signing_keys"]), a_row(metadata.tables["signing_keys"], random, 1))
    before = held(two)
    for dry_run in (False, True):
        with pytest.raises(DatabaseError, match=r"holds something already \(in signing_keys\)"):
            copy(source, target, dry_run=dry_run)
    assert held(two) == before
    with pytest.raises(DatabaseError, match="one database"):
        copy(source, source)
    one.dispose()
    two.dispose()


def test_a_source_that_is_not_there_is_not_made(new_database: NewDatabase) -> None:
    source, target = new_database("sqlite"), new_database("sqlite")
    with pytest.raises(DatabaseError, match="there is no such file"):
        copy(source, target)
    assert not Path(source.removeprefix("sqlite:///")).exists()
    assert not Path(target.removeprefix("sqlite:///")).exists()
    Path(source.removeprefix("sqlite:///")).touch()
    with pytest.raises(DatabaseError, match="holds no newsletter"):
        copy(source, target)


@pytest.mark.parametrize("kind", KINDS)
def test_another_schema_than_ours_is_refused(kind: str, new_database: NewDatabase) -> None:
    source, target = new_database(kind), new_database("sqlite")
    one = opened(source)
    for version in ("0005", "0099"):
        with write(one) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        with pytest.raises(DatabaseError, match=f"has schema {version}, and this program has {database.HEAD}"):
            copy(source, target)
        with pytest.raises(DatabaseError, match=f"has schema {version}"):
            copy(new_source(new_database), source)
    one.dispose()


def new_source(new_database: NewDatabase) -> str:
    url = new_database("sqlite")
    opened(url).dispose()
    return url


@pytest.mark.parametrize("kind", KINDS)
def test_while_somebody_sends_nothing_is_copied(kind: str, new_database: NewDatabase) -> None:
    source, target = new_database(kind), new_database("sqlite")
    one = opened(source)
    with sending_lock(one), pytest.raises(Unfinished, match=r"another run is sending .*copy it when that has ended"):
        copy(source, target)
    fill(one)
    with write(one) as connection:
        connection.execute(text("UPDATE deliveries SET state = 'claimed' WHERE id = 3"))
    with pytest.raises(Unfinished, match=r"has left 1 deliveries in its hands.*run `newsletter send` first"):
        copy(source, target)
    one.dispose()


def test_while_a_worker_has_a_slice_nothing_is_copied(new_database: NewDatabase) -> None:
    """Who sends the edition may have ended, and workers go on."""
    source, target = new_database("postgresql"), new_database("sqlite")
    one = opened(source)
    with lease(one, "slice 3/0"), pytest.raises(Unfinished, match=r"a worker is sending .*stop the workers first"):
        copy(source, target)
    one.dispose()


@pytest.mark.parametrize("kind", KINDS)
def test_who_writes_meanwhile_waits_and_is_told_of(kind: str, new_database: NewDatabase) -> None:
    """A reader who signs up while it is copied would be lost."""
    source, target = new_database(kind), new_database("sqlite")
    one = opened(source)
    fill(one)
    code = (
        "import sys; from newsletter.store import database, notes\n"
        "engine = database.open_engine(sys.argv[1])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "with database.write(engine) as connection: notes.put(connection, 'somebody', 'signed up')\n"
    )
    with writing_when_told(code, taken(source)) as (writer, say):
        begun: list[str] = []

        def watch(table: str, doing: str, seen: int, total: int) -> None:
            if not begun:
                begun.append(table)
                say()
                time.sleep(1)
            assert writer.poll() is None

        assert copying.copy(taken(source), taken(target), watch).written_meanwhile
        assert writer.wait(60) == 0
    with read(one) as connection:
        assert notes.get(connection, "somebody") == "signed up"
    two = opened(target)
    with read(two) as connection:
        assert notes.get(connection, "somebody") is None
    two.dispose()
    one.dispose()


def test_a_file_that_somebody_has_open_is_not_copied(new_database: NewDatabase) -> None:
    """Who waits for a minute to write gives up, and nothing would tell of it."""
    source, target = new_database("sqlite"), new_database("sqlite")
    opened(source).dispose()
    code = (
        "import sys; from newsletter.store import database\n"
        "with database.read(database.open_engine(sys.argv[1])): pass\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
    )
    with writing_when_told(code, taken(source)) as (serving, say):
        with pytest.raises(Unfinished, match=f"process {serving.pid} has it open: stop `serve`"):
            copy(source, target)
        copying.copy(taken(source), taken(target), lambda *seen: None, dry_run=True)
        say()
    copy(source, target)


@contextmanager
def writing_when_told(code: str, url: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, url], env=environ, **pipes) as writer:  # type: ignore[call-overload]
        assert writer.stdout.readline() == "ready\n"

        def say() -> None:
            writer.stdin.write("now\n")
            writer.stdin.flush()

        yield writer, say


@pytest.mark.parametrize("other", KINDS)
def test_a_copy_that_was_killed_leaves_nothing(other: str, new_database: NewDatabase) -> None:
    source, target = new_database("sqlite"), new_database(other)
    one = opened(source)
    fill(one)
    code = (
        "import os, sys; from newsletter import copying\n"
        "def watch(table, doing, seen, total):\n"
        "    if (table, doing) == ('deliveries', sys.argv[3]): os.kill(os.getpid(), 9)\n"
        "copying.copy(sys.argv[1], sys.argv[2], watch)\n"
    )
    for doing in ("copied", "compared"):
        one.dispose()  # what somebody has open is not copied
        command = [sys.executable, "-c", code, taken(source), taken(target), doing]
        killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=120)
        assert killed.returncode == -signal.SIGKILL
        two = opened(target)
        assert not any(held(two).values())
        two.dispose()
    copy(source, target)
    two = opened(target)
    assert held(two) == held(one)
    one.dispose()
    two.dispose()


# --- The whole road -------------------------------------------------------------------------------


def a_history(room: Newsroom, add_article: Add, clock: Clock, folder: Path) -> dict[str, str]:
    """Two days, readers in all states, a list that was imported, editors, and an edition half sent. Returns links."""
    names = ["ama", "kodjo", "efua", "yao", "abla", "koffi"]
    subscribe.add(room, [f"{name}@lecteurs.example" for name in names], "test")
    (folder / "liste.csv").write_text("email,name\nedem@lecteurs.example,Edem\n", encoding="utf-8")
    import_file(room, folder / "liste.csv", "formulaire, 2026")
    subscribe.sign_up(room, "sena@lecteurs.example", PAGE, language="fr")
    subscribe.forget(room, subscribe.find(room, "koffi@lecteurs.example"), PAGE)
    room.__dict__["mailer"] = FakeMailer({"abla": ["never"]})
    post.send_waiting(room)
    add_article("Le port rouvre")
    assert send(room, DAY).status == "sent"
    subscribe.leave(room, subscribe.find(room, "yao@lecteurs.example"), PAGE)
    preferences.pause(room, subscribe.find(room, "efua@lecteurs.example"), PAGE)
    clock.move(days=1)
    add_article("Le lycée ferme")
    stop, seen = Stop(room.clock), []

    def meanwhile(message: object) -> None:
        seen.append(message)
        if len(seen) == 2:
            stop.ask()

    room.__dict__["mailer"] = FakeMailer({"ama": ["later"]}, meanwhile=meanwhile)
    found = send(room, DAY + timedelta(days=1), stop=stop)
    assert (found.status, found.accepted, found.deferred, found.pending) == ("sending", 1, 1, 1)
    kodjo = subscribe.find(room, "kodjo@lecteurs.example").id
    return {
        "leave": f"/u/{room.signer.token(Purpose.UNSUBSCRIBE, kodjo)}",
        "preferences": f"/p/{room.signer.token(Purpose.PREFERENCES, kodjo)}",
        "archive": f"/archive/{DAY}",
    }


def send(room: Newsroom, day: date, stop: Stop | None = None) -> report.Report:
    return daily.send(room, day, watch=Watch(stop or Stop(room.clock)))


@ways
def test_the_whole_road(
    kind: str,
    other: str,
    new_database: NewDatabase,
    make_room: MakeRoom,
    add_article: Add,
    clock: Clock,
    folder: Path,
) -> None:  # R10
    """Copied, switched, adopted: it goes on with exactly the rest, and from where it was before nothing goes any more."""
    urls = [new_database(kind), new_database(other)]
    before, after = (make_room("connections = 1", NEWSLETTER_DATABASE=url) for url in urls)
    links = a_history(before, add_article, clock, folder)
    pages = {name: visit(before).get(path).text for name, path in links.items()}
    copy(*urls)
    assert held(after.engine) == held(before.engine)

    after.__dict__["mailer"] = mailer = FakeMailer()
    refused = send(after, DAY + timedelta(days=1))
    assert isinstance(refused.problem, NotSent)
    assert "newsletter adopt" in refused.said
    assert of_readers(mailer.offered) == []
    [edition] = instance.adopt(after, go_on=True)
    clock.move(minutes=5)
    found = send(after, DAY + timedelta(days=1))
    assert (found.status, found.accepted, found.rejected) == ("sent", 3, 0)
    assert of_readers(mailer.received) == ["ama", "edem"]
    assert all(len(copies) == 1 for copies in mailer.received.values())
    assert edit.named(after, None, edition.name).subject == edit.named(before, None, edition.name).subject

    for name, path in links.items():
        answer = visit(after).get(path)
        assert answer.status_code == 200, name
        assert without_forms(answer.text) == without_forms(pages[name])
    visit(after).post(links["leave"], data={"List-Unsubscribe": "One-Click"})
    assert subscribe.find(after, "kodjo@lecteurs.example").status == "unsubscribed"

    before.__dict__["mailer"] = mailer = FakeMailer()
    refused = send(before, DAY + timedelta(days=1))
    assert isinstance(refused.problem, NotSent)
    assert "is not the one that sent last from here" in refused.said
    assert of_readers(mailer.offered) == []


def of_readers(addresses: Iterable[str]) -> list[str]:
    """Editors are told of what is wrong, wherever it is."""
    return sorted(name.partition("@")[0] for name in addresses if name.endswith("@lecteurs.example"))


def without_forms(html: str) -> str:
    """What is signed is dated."""
    return re.sub(r'value="[^"]*"', "", html)


def test_a_newsroom_of_a_name_is_retired_in_its_old_database(
    new_database: NewDatabase, make_room: MakeRoom, add_article: Add, clock: Clock, folder: Path
) -> None:  # R10
    """Where `newsletter.instance` names the installation there is no state file: the old database itself must know."""
    urls = [new_database("sqlite"), new_database("postgresql")]
    before, after = (
        make_room("connections = 1", NEWSLETTER_DATABASE=url, NEWSLETTER_INSTANCE="production") for url in urls
    )
    a_history(before, add_article, clock, folder)
    copy(*urls, retire=True)
    assert "this newsletter was moved to postgresql" in send(before, DAY + timedelta(days=1)).said
    assert "a copy that nobody has adopted; if this is the one" in send(after, DAY + timedelta(days=1)).said
    instance.adopt(after, go_on=True)
    clock.move(minutes=5)
    assert send(after, DAY + timedelta(days=1)).status == "sent"
    assert "was moved to" in send(before, DAY + timedelta(days=1)).said


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    def run_it(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "database", "copy", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run_it


def test_the_command_tells_counts_and_hashes(room: Newsroom, run: Callable[..., Result], folder: Path) -> None:
    subscribe.add(room, ["ama@lecteurs.example", "kodjo@lecteurs.example"], "test")
    names = "sqlite:///subscribers.db", "sqlite:///neu.db"
    rehearsed = run(*names, "--dry-run")
    assert "subscribers\t2\n" in rehearsed.stdout
    assert not (folder / "neu.db").exists()
    told = run(*names)
    line = next(line for line in told.stdout.splitlines() if line.startswith("subscribers\t")).split("\t")
    assert line[1] == "2"
    assert line[2] == line[3]
    assert len(line[2]) == 16
    assert "it sends once it is adopted" in told.stdout
    assert "still sends from here, until" in told.stdout.splitlines()[-1]
    assert (folder / "neu.db").stat().st_mode & 0o777 == 0o600
    assert "holds something already" in run(*names, code=69).output
    found = json.loads(run(names[0], "sqlite:///noch.db", "--json").stdout)
    assert {
        key: value
        for key, value in found["tables"][names_of(found).index("subscribers")].items()
        if key in ("table", "rows")
    } == {"table": "subscribers", "rows": 2}
    assert found["written_meanwhile"] is False
    assert "must begin with sqlite" in run("mysql://x", "sqlite:///neu.db", code=78).output


def test_of_a_newsroom_of_a_name_it_must_be_said_what_becomes_of_the_old_one(
    make_room: MakeRoom, run: Callable[..., Result], folder: Path
) -> None:
    """Both have the name: without a word, both would send."""
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("[newsletter]", '[newsletter]\ninstance = "matin"', 1))
    room = make_room()
    instance.renew(room)
    names = "sqlite:///subscribers.db", "sqlite:///neu.db"
    assert "would go on sending" in run(*names, code=2).output
    assert "one or the other" in run(*names, "--retire", "--keep", code=2).output
    assert not (folder / "neu.db").exists()
    assert "STILL SENDS" in run(*names, "--keep").stdout.splitlines()[-1]
    instance.check(room)
    told = run(names[0], "sqlite:///autre.db", "--retire")
    assert "sends no more" in told.stdout.splitlines()[-1]
    with pytest.raises(NotSent):
        instance.check(room)


def names_of(found: dict[str, Any]) -> list[str]:
    return [one["table"] for one in found["tables"]]


def test_a_password_is_never_shown(run: Callable[..., Result], room: Newsroom) -> None:
    room.engine  # noqa: B018
    told = run("sqlite:///subscribers.db", "postgresql://lettre:hunter2@127.0.0.1:9/lettre", code=69)
    assert "hunter2" not in told.output
