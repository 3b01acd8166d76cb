"""The newsroom that is measured: ten articles of ours, a letter of some 59 KB, and N subscribers.

It is made through the program: a folder with newsletter.toml, and what `python cli.py` does with it. Only the
subscribers are loaded in bulk, and a loaded list is copied for each run: a run leaves a ledger behind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from bench.imports import bulk
from newsletter import config
from newsletter.store import database

ROOT = Path(__file__).resolve().parent.parent
EDITION = Path(__file__).resolve().parent / "edition"
CONNECTIONS = 10
SITE = """
[newsletter]
title = "Le Quotidien du Golfe"
name = "La lettre du matin"
site_url = "https://journal.example"
public_url = "https://lettre.journal.example"
from = "Le Quotidien du Golfe <lettre@journal.example>"
reply_to = "redaction@journal.example"
list_id = "lettre.journal.example"
postal_address = "Le Quotidien du Golfe, 14 rue des Filaos, 01 BP 0000, Lomé, Togo"
language = "fr"
timezone = "UTC"
database = "{database}"
editors = ["redaction@journal.example"]
[pick]
max_articles = {articles}
window_hours = 72
sections = ["Société", "Politique", "Économie", "Environnement", "Éducation", "Sport", "Culture"]
"""
FOLDER = """
[[sources]]
kind = "folder"
path = "articles/"
"""
DELIVERY = """
[delivery]
via = "smtp+plain://127.0.0.1:{port}"
connections = {connections}
messages_per_connection = 0
"""
READER = "lectrice@lecteurs.example"  # whom `preview` shows an edition to
LINK = re.compile(r"https://lettre\.journal\.example/([a-z]+)/[\w.~=-]{8,}")


# --- Its folder -----------------------------------------------------------------------------------


def write_folder(folder: Path, *, database_url: str = "sqlite:///subscribers.db") -> None:
    """newsletter.toml without a way out, the ten articles, an hour old, and the house's own footer."""
    (folder / "articles").mkdir(parents=True)
    (folder / "templates" / "email").mkdir(parents=True)
    toml = SITE.format(database=database_url, articles=10) + FOLDER
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    published = datetime.now(UTC) - timedelta(hours=1)
    for number, file in enumerate(sorted((EDITION / "articles").glob("*.md"))):
        moment = (published - timedelta(minutes=number)).isoformat(timespec="seconds")
        article = file.read_text(encoding="utf-8").replace("PUBLISHED", moment, 1)
        (folder / "articles" / file.name).write_text(article, encoding="utf-8")
    house = (EDITION / "house.mjml").read_text(encoding="utf-8")
    ours = (ROOT / "templates" / "email" / "footer.mjml").read_text(encoding="utf-8")
    (folder / "templates" / "email" / "footer.mjml").write_text(f"{ours}\n{house}", encoding="utf-8")


def set_way_out(folder: Path, port: int, extra: str = "") -> None:
    """Where the mail goes; `extra` are tables of newsletter.toml besides, as [dkim]."""
    toml = folder / "newsletter.toml"
    way = DELIVERY.format(port=port, connections=CONNECTIONS)
    toml.write_text(toml.read_text(encoding="utf-8") + way + extra, encoding="utf-8")


def database_url(folder: Path) -> str:
    """Where its subscribers are, as the program understands its newsletter.toml."""
    return config.load(folder / "newsletter.toml", {}).database_url


def command(folder: Path, *words: str) -> list[str]:
    """The command line of the program, for that newsroom."""
    return [sys.executable, str(ROOT / "cli.py"), "--config", str(folder / "newsletter.toml"), *words]


def environ() -> dict[str, str]:
    """Ours, without the settings of a newsroom that may stand in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}


# --- Its mail, as others are given it ---------------------------------------------------------------


@dataclass(frozen=True)
class Mail:
    """The edition with `{address}`, `{unsubscribe}` and `{preferences}` where it is personal."""

    subject: str
    text: str
    html: str
    size: int  # bytes of one message as the program writes it, CRLF included

    def for_peers(self) -> dict[str, str]:
        return {"subject": self.subject, "text": self.text, "html": self.html}


def mail_of(folder: Path) -> Mail:
    """What `newsletter preview` writes of that newsroom's edition."""
    shown = folder / "preview"
    words = command(folder, "preview", "--out", str(shown))
    subprocess.run(words, check=True, capture_output=True, cwd=folder, env=environ())  # noqa: S603
    eml = (shown / "edition.eml").read_bytes()
    subject = str(message_from_bytes(eml, policy=policy.default)["Subject"])
    text, html = ((shown / f"edition.{kind}").read_text(encoding="utf-8") for kind in ("txt", "html"))
    found = Mail(subject, _opened(text), _opened(html), len(eml))
    missing = [slot for slot in SLOTS.values() for body in (found.text, found.html) if slot not in body]
    if missing:
        raise RuntimeError(f"the edition has nothing personal left: {missing}")
    return found


SLOTS = {"u": "{unsubscribe}", "p": "{preferences}", "": "{address}"}


def _opened(body: str) -> str:
    """The body with a slot in the place of what was one reader's."""
    return LINK.sub(lambda match: SLOTS.get(match[1], match[0]), body).replace(READER, SLOTS[""])


# --- Its subscribers --------------------------------------------------------------------------------


@dataclass
class Lists:
    """Lists of subscribers, each loaded once, and copied for each run."""

    folder: Path
    server: str | None = None  # the address of a PostgreSQL
    _loaded: set[str] = field(default_factory=set)

    @contextmanager
    def newsroom(self, kind: str, rows: int) -> Iterator[Path]:
        """A newsroom of its own with that many subscribers, gone afterwards. `kind`: sqlite or postgresql."""
        base = self._base(kind, rows)
        room = self.folder / "room"
        url = "sqlite:///subscribers.db"
        if kind == "postgresql":
            url = self._copy_database(base)
        write_folder(room, database_url=url)
        if kind == "sqlite":
            shutil.copyfile(base, room / "subscribers.db")
        try:
            yield room
        finally:
            shutil.rmtree(room)

    def _base(self, kind: str, rows: int) -> str:
        name = f"list_{kind}_{rows}"
        url = f"sqlite:///{self.folder / name}.db" if kind == "sqlite" else ""
        if kind == "postgresql" and name not in self._loaded:
            self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
            url = self._url(name)
        if name not in self._loaded:
            _load(url, rows)
            self._loaded.add(name)
        return name if kind == "postgresql" else str(self.folder / f"{name}.db")

    def _copy_database(self, base: str) -> str:
        self._admin("DROP DATABASE IF EXISTS run WITH (FORCE)", f"CREATE DATABASE run TEMPLATE {base}", "CHECKPOINT")
        return self._url("run", driver="postgresql")

    def _url(self, name: str, driver: str = "postgresql+psycopg") -> str:
        url = make_url(str(self.server)).set(drivername=driver, database=name)
        return url.render_as_string(hide_password=False)

    def _admin(self, *statements: str) -> None:
        admin = create_engine(
            make_url(str(self.server)).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        admin.dispose()


def _load(url: str, rows: int) -> None:
    """All of it in the database's file, and its planner told how much that is, as after a night."""
    engine = database.open_engine(url)
    bulk(engine, rows)
    engine.dispose()
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
