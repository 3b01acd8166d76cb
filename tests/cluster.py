"""A newsroom on a real PostgreSQL, in real time: what tests of workers and of their queue share."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, delete, make_url, text

from newsletter import config, daily
from newsletter.deliver import Stop
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.sending import Watch
from newsletter.store import editions, schema, slices, subscribers
from newsletter.store.database import write
from newsletter.store.subscribers import NewSubscriber
from tests.conftest import TOML

ROOT = Path(__file__).parent.parent
NUMBERS = itertools.count()


def now() -> datetime:
    return datetime.now(UTC)


def new_schema(postgres_url: str) -> str:
    """The URL of a schema of its own, as newsletter.toml names it."""
    url, name = make_url(postgres_url), f"cluster{os.getpid()}_{next(NUMBERS)}"
    admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    admin.dispose()
    named = url.set(drivername="postgresql").update_query_dict({"options": f"-csearch_path={name}"})
    return named.render_as_string(hide_password=False)


def found_newsroom(folder: Path, database: str, *, delivery: str = "", instance: str = "essai") -> Newsroom:
    """A newsroom with an article of an hour ago."""
    (folder / "articles").mkdir(parents=True)
    published = (now() - timedelta(hours=1)).isoformat()
    front = f'---\ntitle: "Le port"\ndate: {published}\nurl: https://journal.example/port/\n---\n\nTexte.\n'
    (folder / "articles" / "port.md").write_text(front, encoding="utf-8")
    named = f'[newsletter]\ndatabase = "{database}"\n' + (f'instance = "{instance}"\n' if instance else "")
    toml = TOML.replace("[newsletter]\n", named, 1) + f"\n[delivery]\n{delivery}\n"
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    return Newsroom(config.load(folder / "newsletter.toml", {}))


def add_readers(room: Newsroom, count: int) -> None:
    with write(room.engine) as connection:
        addresses = [f"r{i:03}@lecteurs.example" for i in range(count)]
        subscribers.add(connection, [NewSubscriber(one, one) for one in addresses], now=now())


def send(room: Newsroom, *, slice_size: int = 10, freeze_only: bool = False) -> Report:
    """The day's edition, in slices of so many; by workers where some live. It may be told to stop as it begins."""
    stop = Stop(room.clock)

    def begun(found: Report) -> None:
        with write(room.engine) as connection:
            edition = editions.named(connection, str(found.edition))
            assert edition is not None
            connection.execute(delete(schema.slices))
            slices.cut(connection, edition.id, least=slice_size)
        if freeze_only:
            stop.ask()

    return daily.send(room, room.today(), regardless=True, watch=Watch(stop, begun=begun))


def outbox(room: Newsroom) -> list[str]:
    """To whom a mail lies there."""
    mails = [path.read_text(encoding="utf-8") for path in (room.config.folder / "outbox" / "new").iterdir()]
    return sorted(re.findall(r"^To: (.+)$", mail, re.MULTILINE)[0] for mail in mails)


def started(room: Newsroom, *words: str) -> subprocess.Popen[str]:
    """A real process of the command line."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    command = [sys.executable, "-m", "newsletter", "--config", str(room.config.path), *words]
    return subprocess.Popen(
        command,
        env=environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
