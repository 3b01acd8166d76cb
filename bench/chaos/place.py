"""A newsroom to be ill-treated: its folder, its database, and the program as processes of their own.

A `Pattern` is made once: configuration, articles and a list of readers, imported by the program itself; each trial gets
a fresh copy. It has never sent, so the copy is no copy to the program (docs/backup.md).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.chaos.books import Books
from bench.chaos.outside import LONG, ROOT
from bench.postgres import Postgres

CONNECTIONS = 4
CLAIM_SIZE = 50  # a tenth of the usual, so that a bound that does not hold is seen
DATABASES = ("sqlite", "postgresql")
POLICIES = ("resend", "hold")
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
timezone = "UTC"
[[sources]]
kind = "folder"
path = "articles/"
"""
TITLES = ("Le port rouvre lundi", "Deux lycées changent de nom", "L’eau revient à Kpalimé", "Le marché aura un toit")
ALREADY_RUNNING = "already_running"


class Server:
    """A PostgreSQL of our own; made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def postgres(self) -> Postgres:
        return Postgres(self._folder)

    def database(self, like: str | None = None) -> str:
        """The address of a new database, empty or a copy of the one with the address `like`."""
        return self.postgres.database(like)

    def drop(self, url: str) -> None:
        self.postgres.drop(url)

    def close(self) -> None:
        if "postgres" in vars(self):
            self.postgres.close()


@dataclass(eq=False)
class Workshop:
    """Where everything is made: a folder, a PostgreSQL, and patterns that are made once; `delivery` is what stands in
    every newsroom's [delivery]."""

    folder: Path
    server: Server
    delivery: dict[str, Any] = field(default_factory=dict)
    _patterns: dict[tuple[str, int], Place] = field(default_factory=dict)
    _count: int = 0

    @property
    def claim_size(self) -> int:
        """What may be in doubt after a power cut."""
        return int(self.delivery.get("claim_size", CLAIM_SIZE))

    @property
    def connections(self) -> int:
        return int(self.delivery.get("connections", CONNECTIONS))

    @contextmanager
    def place(
        self, database: str, readers: int, *, port: int, inside: Path | None = None, **delivery: Any
    ) -> Iterator[Place]:
        """A fresh newsroom with that many readers that mails to 127.0.0.1:`port`; thrown away at the end.

        `delivery` goes into [delivery]; `inside` is the folder in which its folder is made.
        """
        pattern = self._pattern(database, readers)
        self._count += 1
        folder = (inside or self.folder) / f"place{self._count}"
        shutil.copytree(pattern.folder, folder)
        url = self.server.database(pattern.url) if database == "postgresql" else f"sqlite:///{folder}/subscribers.db"
        place = Place(folder, database, url, readers)
        place.configure(port=port, **({"claim_size": CLAIM_SIZE} | self.delivery | delivery))
        try:
            yield place
        finally:
            place.end_all()
            shutil.rmtree(folder)
            if database == "postgresql":
                self.server.drop(url)

    def _pattern(self, database: str, readers: int) -> Place:
        if (database, readers) not in self._patterns:
            folder = self.folder / f"pattern-{database}-{readers}"
            url = self.server.database() if database == "postgresql" else f"sqlite:///{folder}/subscribers.db"
            place = Place(folder, database, url, readers)
            place.furnish()
            self._patterns[database, readers] = place
        return self._patterns[database, readers]

    @contextmanager
    def log(self) -> Iterator[Path]:
        """A file for a sink's log."""
        self._count += 1
        path = self.folder / f"sink{self._count}.jsonl"
        yield path
        path.unlink()


class Place:
    """One newsroom. `addresses` are its readers, as they were given to the program to import."""

    def __init__(self, folder: Path, database: str, url: str, readers: int) -> None:
        self.folder, self.database, self.url = folder, database, url
        self.addresses = [f"lecteur{number}@lecteurs.example" for number in range(readers)]
        self.books = Books(database, url)
        self.day = datetime.now(UTC).date().isoformat()  # one edition, even if midnight passes
        self._delivery: dict[str, Any] = {}
        self._running: list[subprocess.Popen[str]] = []

    @property
    def connections(self) -> int:
        """How many messages may be on their way at a time."""
        return int(self._delivery.get("connections", CONNECTIONS))

    @property
    def delivery(self) -> dict[str, Any]:
        """What stands in its [delivery]."""
        return dict(self._delivery)

    def furnish(self) -> None:
        """Articles, and the list, imported by the program itself."""
        (self.folder / "articles").mkdir(parents=True)
        for number, title in enumerate(TITLES):
            published = (datetime.now(UTC) - timedelta(hours=1 + number)).isoformat()
            head = f'---\ntitle: "{title}"\ndate: {published}\nurl: https://journal.example/{number}/\n---\n\n'
            text = head + "Des mots, des phrases, et un chiffre ou deux. " * 20 + "\n"
            (self.folder / "articles" / f"{number}.md").write_text(text, encoding="utf-8")
        self.configure()
        readers = self.folder / "liste.csv"
        readers.write_text("email\n" + "\n".join(self.addresses) + "\n", encoding="utf-8")
        done = self.start("subscribers", "import", str(readers), "--consent", "essai")
        _, said = done.communicate(timeout=LONG)
        if done.returncode:
            raise RuntimeError(f"the list could not be imported: {said}")
        readers.unlink()

    def configure(self, *, port: int | None = None, **delivery: Any) -> None:
        """Write newsletter.toml anew, with what is given added to [delivery]."""
        if port is not None:
            self._delivery["via"] = f"smtp://127.0.0.1:{port}"
        self._delivery |= {"connections": self.connections} | delivery
        lines = [f"{key} = {json.dumps(value)}" for key, value in self._delivery.items()]
        text = TOML.replace("[[sources]]", f"database = {json.dumps(self.url)}\n[[sources]]", 1)
        text += "[delivery]\n" + "\n".join(lines) + "\n"
        (self.folder / "newsletter.toml").write_text(text, encoding="utf-8")

    def start(
        self,
        *words: str,
        through: Sequence[str] = ("cli.py",),
        environ: Mapping[str, str] | None = None,
        **more: Any,
    ) -> subprocess.Popen[str]:
        """The command line as a process; `through` is what python runs instead of cli.py."""
        command = [sys.executable, *through, "--config", str(self.folder / "newsletter.toml"), *words]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
        process = subprocess.Popen(  # noqa: S603  our own command
            command,
            cwd=ROOT,
            env=clean | dict(environ or {}),
            text=True,
            **({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more),
        )
        self._running.append(process)
        return process

    def start_sending(self, **how: Any) -> subprocess.Popen[str]:
        """`newsletter send`, whatever the hour. Takes what `start` takes."""
        return self.start("send", "--now", "--date", self.day, "--json", **how)

    def send(self, **how: Any) -> Sent:
        """The same, waited for."""
        return ended(self.start_sending(**how))

    def finish(self, **how: Any) -> Sent:
        """Call it as cron would until it says that nothing is left to do: not unfinished, and no other run.

        A dead run's lock may outlive it for a moment, or as long as its lease does.
        """
        deadline = time.monotonic() + LONG
        while True:
            sent = self.send(**how)
            again = sent.code == 75 or sent.status == ALREADY_RUNNING
            if not again or time.monotonic() > deadline:
                return sent
            time.sleep(0.2)

    def status(self) -> dict[str, Any]:
        """What `newsletter status --json` says."""
        process = self.start("status", "--json")
        out, err = process.communicate(timeout=LONG)
        if process.returncode:
            raise RuntimeError(f"newsletter status: {err}")
        return dict(json.loads(out))

    def end_all(self) -> None:
        """End what still runs here."""
        for process in self._running:
            kill(process)
        self._running.clear()


@dataclass(frozen=True, slots=True)
class Sent:
    """How a call of `newsletter send` ended. `status` is none where it printed no figures."""

    code: int
    status: str | None
    said: str  # on stderr

    @property
    def crashed(self) -> bool:
        """It died of something it does not name."""
        return "Traceback" in self.said or self.code == 1 or self.code < 0


def ended(process: subprocess.Popen[str]) -> Sent:
    """Wait for a `send --json` to end."""
    out, err = process.communicate(timeout=LONG * 2)
    try:
        status = json.loads(out).get("status")
    except ValueError:
        status = None
    return Sent(process.returncode, status, err.strip())


def kill(process: subprocess.Popen[str]) -> bool:
    """kill -9, and wait for the end; False where it had ended by itself."""
    alive = process.poll() is None
    with suppress(ProcessLookupError):
        process.kill()
    process.communicate()
    return alive and process.returncode == -9
