"""Several newsletters in one process: told apart, kept apart, and none keeps the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, make_url, text

from cli import cli
from newsletter import config, together
from newsletter.errors import ConfigError, DatabaseError
from newsletter.newsroom import Newsroom
from newsletter.store import database
from newsletter.store.database import read, write
from newsletter.values import host_name
from tests.conftest import TOML, Clock

Found = Callable[..., Path]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Found a newsletter in a folder of its own: `found("hebdo", database="…")`; returns its newsletter.toml."""

    def make(name: str, *, more: str = "", host: str = "", database: str = "sqlite:///subscribers.db") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        own = host or f"{name}.journal.example"
        text = TOML.replace("lettre.journal.example", own)
        text = text.replace("[newsletter]", f'[newsletter]\ndatabase = "{database}"', 1)
        (folder / "newsletter.toml").write_text(text + more, encoding="utf-8")
        return folder / "newsletter.toml"

    return make


@pytest.fixture
def open_rooms(clock: Clock) -> Iterator[Callable[..., together.Together]]:
    """Newsrooms of those files, not yet opened."""
    made: list[Newsroom] = []

    def rooms(*paths: Path) -> together.Together:
        loaded = config.load_all(paths, {})
        made.extend(Newsroom(one, clock=clock, sleep=lambda seconds: None) for one in loaded)
        return together.Together(made[-len(loaded) :])

    yield rooms
    for room in made:
        if "engine" in vars(room):
            room.engine.dispose()


def called(*words: object, **environ: str) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], env=environ)


# --- What is refused --------------------------------------------------------------------------------


def test_config_and_arguments_together_are_wrong_usage(found: Found) -> None:
    one, other = found("matin"), found("hebdo")
    result = called("--config", one, "run", other)
    assert result.exit_code == 2
    assert "one or the other" in result.stderr
    assert called("run", "--config", one, other).exit_code == 2


def test_the_mistakes_of_all_files_come_together(found: Found) -> None:
    one, other = found("matin", more="\n[web]\narchive = 7\n"), found("hebdo", more="\n[desk]\nwrong = 1\n")
    result = called("run", one, other)
    assert result.exit_code == 78
    assert f"{one}: web.archive" in result.stderr
    assert f"{other}: desk.wrong: unknown key" in result.stderr


def test_what_makes_a_newsletter_the_one_it_is_stands_in_its_file(found: Found) -> None:
    """NEWSLETTER_DATABASE would give all of them one database."""
    paths = [found("matin"), found("hebdo")]
    with pytest.raises(ConfigError) as raised:
        config.load_all(paths, {"NEWSLETTER_DATABASE": "sqlite:///one.db", "NEWSLETTER_DESK_URL": "https://d.example"})
    assert len(raised.value.problems) == 2
    assert raised.value.problems[0].startswith("NEWSLETTER_DATABASE: speaks to all 2 files")
    with pytest.raises(ConfigError, match="NEWSLETTER_INSTANCE: speaks to all 2 files"):
        config.load_all(paths, {"NEWSLETTER_INSTANCE": "agence"})  # by it each knows its own database
    common = config.load_all(paths, {"NEWSLETTER_LANGUAGE": "en", "NEWSLETTER_DELIVERY_RATE": "5/second"})
    assert {one.newsletter.language for one in common} == {"en"}
    [alone] = config.load_all(paths[:1], {"NEWSLETTER_DATABASE": "sqlite:///one.db"})
    assert alone.newsletter.database == "sqlite:///one.db"


def test_two_that_would_be_one_are_refused(found: Found, tmp_path: Path) -> None:
    first = found("matin")
    beside = first.with_name("hebdo.toml")
    text = first.read_text(encoding="utf-8")
    beside.write_text(text.replace("matin.journal", "hebdo.journal").replace("subscribers.db", "hebdo.db"), "utf-8")
    same_list = found("soir", more="")
    same_list.write_text(same_list.read_text(encoding="utf-8").replace("soir.journal", "matin.journal"), "utf-8")
    same_host = found("midi", more='\n[desk]\nurl = "https://MATIN.journal.example"\nlisten = "127.0.0.1:8001"\n')
    for other, said, served in (
        (first, "named twice", False),
        (beside, "both lie in", False),
        (same_list, "both are matin.journal.example", False),
        (same_host, "both are found at matin.journal.example", True),
    ):
        with pytest.raises(ConfigError, match=said) as raised:
            together.check([config.load(first, {}), config.load(other, {})], served=served)
        assert len(raised.value.problems) == 1
        assert str(raised.value).startswith(f"{first} and {other}: ")
    together.check([config.load(first, {}), config.load(same_host, {})], served=False)


PING = '[monitor]\nping_url = "https://watch.example/4711"\n'


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ('[bounces]\ninbox = "maildir:../back"\n', '[bounces]\ninbox = "mbox:../x/../back"\n', "back"),
        (
            '[bounces]\ninbox = "imaps://back@mail.example"\n',
            '[bounces]\ninbox = "imap+starttls://back@MAIL.example/inbox"\n',
            "INBOX of back at mail.example",
        ),
        (PING, PING, "monitor.ping_url: both are https://watch.example/4711"),
    ],
)
def test_two_that_would_take_what_is_the_others_are_refused(found: Found, one: str, other: str, said: str) -> None:
    loaded = [config.load(found(name, more=more), {}) for name, more in (("matin", one), ("hebdo", other))]
    with pytest.raises(ConfigError, match=said) as raised:
        together.check(loaded, served=False)
    assert len(raised.value.problems) == 1


def test_two_mailboxes_of_one_host_are_two(found: Found) -> None:
    boxes = ("imaps://back@mail.example/Matin", "imaps://back@mail.example/Hebdo", "imaps://other@mail.example/Matin")
    files = [found(f"n{n}", more=f'[bounces]\ninbox = "{box}"\n') for n, box in enumerate(boxes)]
    together.check([config.load(file, {"NEWSLETTER_BOUNCES_PASSWORD": "x"}) for file in files], served=True)


@pytest.mark.parametrize("how", ["link", "other words"])
def test_one_sqlite_file_under_two_names_is_refused(
    found: Found, open_rooms: Callable[..., together.Together], how: str
) -> None:
    first = found("matin")
    rooms = open_rooms(first)
    rooms.open()
    if how == "other words":
        second = found("hebdo", database=f"sqlite:///{first.parent.parent}/./matin/subscribers.db")
    else:
        second = found("hebdo")
        os.symlink(first.with_name("subscribers.db"), second.with_name("subscribers.db"))
    with pytest.raises(ConfigError, match="both lead to the same database") as raised:
        open_rooms(first, second).open()
    assert f"{first} and {second}" in str(raised.value)


def test_one_schema_under_two_names_is_refused_and_two_schemas_are_two(
    found: Found, open_rooms: Callable[..., together.Together], postgres_url: str
) -> None:
    def url(schema: str, **more: str) -> str:
        query = {"options": f"-csearch_path={schema}", **more}
        return make_url(postgres_url).update_query_dict(query).render_as_string(hide_password=False)

    one, other = found("matin", database=url("shared")), found("hebdo", database=url("shared", application_name="x"))
    with pytest.raises(ConfigError, match="both lead to the same database"):
        open_rooms(one, other).open()
    third = found("soir", database=url("evening"))
    rooms = open_rooms(one, third)
    rooms.open()
    assert all(rooms.is_ready(room) for room in rooms)


# --- A schema of PostgreSQL --------------------------------------------------------------------------


def schema_of(url: str, path: str, user: str = "") -> Engine:
    named = make_url(url).set(drivername="postgresql+psycopg").update_query_dict({"options": f"-csearch_path={path}"})
    named = named.set(username=user) if user else named
    return database.open_engine(named.render_as_string(hide_password=False))


@contextmanager
def upgraded(engine: Engine) -> Iterator[Engine]:
    try:
        database.upgrade(engine)
        yield engine
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("path", "name"), [("printemps", "printemps"), ('"Été_du_soir"', "Été_du_soir"), ("AUTOMNE", "automne")]
)
def test_a_schema_is_made_where_it_is_missing(postgres_url: str, path: str, name: str) -> None:
    for _ in range(2):  # the second time it is there
        with upgraded(schema_of(postgres_url, path)) as engine, read(engine) as connection:
            found = connection.execute(
                text("SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'notes'::regclass")
            )
            assert str(found.scalar()).strip('"') == name


def test_who_may_not_make_a_schema_is_told_the_line(postgres_url: str) -> None:
    with upgraded(schema_of(postgres_url, "owner_s")) as engine, write(engine) as connection:
        connection.execute(text("DROP ROLE IF EXISTS poor_one"))
        connection.execute(text("CREATE ROLE poor_one LOGIN"))
    engine = schema_of(postgres_url, "poor_s", "poor_one")
    with pytest.raises(DatabaseError, match="CREATE SCHEMA poor_s AUTHORIZATION poor_one;"):
        database.upgrade(engine)
    engine.dispose()


def test_tables_of_another_schema_are_nobody_else_s(postgres_url: str) -> None:
    """`second,first`: while the second is empty, all that is asked for is found in the first."""
    with upgraded(schema_of(postgres_url, "first_s")):
        pass
    engine = schema_of(postgres_url, "second_s,first_s")
    for _ in range(2):
        with pytest.raises(
            DatabaseError, match=r"tables of first_s: name that one alone, as .*%3Dfirst_s; or, for a new"
        ):
            database.upgrade(engine)
    engine.dispose()


def test_one_that_does_not_answer_is_waited_for(found: Found, open_rooms: Callable[..., together.Together]) -> None:
    lost = found("hebdo", database="sqlite:///missing/subscribers.db")
    rooms = open_rooms(found("matin"), lost)
    rooms.open()
    well, ill = rooms
    assert rooms.is_ready(well)
    assert not rooms.is_ready(ill)
    assert not rooms.wait_for(ill, lambda: True)
    (lost.parent / "missing").mkdir()
    assert rooms.wait_for(ill, lambda: False, trouble=0.01)
    with pytest.raises(DatabaseError):
        open_rooms(found("soir", database="sqlite:///missing/subscribers.db")).open()


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("LETTRE.Journal.example", "lettre.journal.example"),
        ("lettre.journal.example.:443", "lettre.journal.example"),
        ("lettre.journal.example:8000", "lettre.journal.example"),
        ("événement.example", "xn--vnement-9xab.example"),
        ("[::1]:8000", "::1"),
        ("", ""),
        ("a/b", ""),
        ("user@lettre.journal.example", ""),
        ("..", ""),
        ("[::1", ""),
        ("é..example", ""),
    ],
)
def test_a_host_is_compared_as_browsers_send_it(given: str, host: str) -> None:
    assert host_name(given) == host
