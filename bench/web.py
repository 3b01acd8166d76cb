"""How the readers' pages hold while an edition is on its way: python -m bench.web

A newsroom in a temporary folder, on one SQLite file: `newsletter serve` as a process, `newsletter send` as another, a
relay that accepts everything, and a crowd of readers on persistent connections. What is measured is told in README.md.
Everything stays on 127.0.0.1, and every process is ended by its own id.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.crowd import SPAWN, crowd, relay
from newsletter import config
from newsletter.links import Purpose
from newsletter.newsroom import Newsroom

ROOT = Path(__file__).resolve().parent.parent
FIRST_CHUNK = 0.5  # seconds before it was seen, in which it was at work
KINDS = ("page", "one-click", "sign-up")  # sign-ups last: their letters leave after them
WAITING = "letters WHERE state NOT IN ('accepted', 'rejected', 'uncertain', 'skipped')"
BODY = 8 * 1024  # bytes of text in the edition's articles: a mail of an ordinary weight
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
[schedule]
send_at = "00:00"
max_lateness_hours = 48
[[sources]]
kind = "folder"
path = "articles/"
[delivery]
via = "smtp://127.0.0.1:{relay}"
messages_per_connection = 0
[sign_up]
per_network_per_hour = {cap}
total_per_hour = {cap}
total_per_day = {cap}
[web]
trusted_proxies = ["127.0.0.1"]
"""


def main() -> int:
    wanted = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-", dir=wanted.folder))
    try:
        found = {"machine": machine(folder), "wanted": vars(wanted) | {"folder": None}}
        with relay() as port:
            found["load"] = under_load(_newsroom(folder / "load", port, wanted.cap, wanted.readers), wanted)
            if wanted.large:
                room = _newsroom(folder / "large", port, wanted.cap, wanted.large)
                found["planning"] = while_planning(room, wanted)
    finally:
        if not wanted.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _print(found)
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if _has_failed(found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.web", description="The readers' pages under load.")
    parser.add_argument("--readers", type=int, default=20_000, help="on the list, in the part under load")
    parser.add_argument("--large", type=int, default=300_000, help="on the list, while it is planned; 0 leaves it out")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of the six measurements")
    parser.add_argument("--threads", type=int, default=8, help="of the server")
    parser.add_argument("--cap", type=int, default=100_000_000, help="letters to strangers, an hour and a day")
    parser.add_argument("--no-run", action="store_true", help="no runner in the server: letters wait for `send`")
    parser.add_argument("--folder", help="where the temporary folder is made: on the disk to be measured")
    parser.add_argument("--keep", action="store_true", help="leave that folder, with the server's log")
    parser.add_argument("--json", metavar="FILE", help="write what was found")
    return parser.parse_args()


# --- The two parts --------------------------------------------------------------------------------


def under_load(room: Newsroom, wanted: argparse.Namespace) -> dict[str, Any]:
    """Three kinds of request, idle and while an edition is being sent."""
    people = _Readers(room, wanted.readers)
    rows = {}
    with _server(room, wanted) as (port, log):
        crowd(port, "page", 1, 0.5, [])  # the first request of all reads the templates
        for kind in KINDS:
            rows[f"{kind}, idle"] = crowd(port, kind, wanted.connections, wanted.seconds, people.for_(kind))
        letters, waiting = _letters_leave(room)
        with _sending(room) as send:
            began = time.monotonic()
            for kind in KINDS:
                rows[f"{kind}, sending"] = crowd(port, kind, wanted.connections, wanted.seconds, people.for_(kind))
            still = send.poll() is None
            speed = _count(room, "deliveries WHERE state = 'accepted'") / (time.monotonic() - began)
    return {
        "requests": rows,
        "letters a second, with nothing else to do": letters,
        "letters that waited when sending began": waiting,
        "sending until the end": still,
        "mails accepted a second meanwhile": round(speed),
    } | _troubles(room, log)


def while_planning(room: Newsroom, wanted: argparse.Namespace) -> dict[str, Any]:
    """One sign-up after the other while a large audience is frozen."""
    with _server(room, wanted) as (port, log):
        crowd(port, "page", 1, 0.5, [])
        idle = crowd(port, "sign-up", 1, 2.0, [])
        watch = _Freezing(room)
        with _sending(room), watch:
            found = crowd(port, "sign-up", 1, 60.0, [], until=watch.over)
    first = watch.began - FIRST_CHUNK
    during = [one for one in found["moments"] if one[1] >= first and one[0] <= watch.ended]
    return {
        "audience": wanted.large,
        "from the first chunk planned to the freezing, s": round(watch.ended - watch.began, 2),
        "sign-ups meanwhile": len(during),
        "longest wait, ms": round(max((b - a for a, b in during), default=0) * 1000, 1),
        "longest wait when idle, ms": idle["max"],
        "not 2xx": idle["not 2xx"] + found["not 2xx"],
    } | _troubles(room, log)


class _Freezing:
    """Looks into the database, as a reader of it, when planning begins and when the edition is frozen."""

    def __init__(self, room: Newsroom) -> None:
        self._path = str(room.engine.url.database)
        self.began = self.ended = float("inf")
        self.over = SPAWN.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._thread.join()

    def _look(self) -> None:
        with closing(sqlite3.connect(self._path)) as base:
            patience = time.monotonic() + 60
            while time.monotonic() < patience:
                if self.began == float("inf") and base.execute("SELECT 1 FROM deliveries LIMIT 1").fetchone():
                    self.began = time.monotonic()
                if base.execute("SELECT 1 FROM editions WHERE status = 'sending'").fetchone():
                    self.ended = time.monotonic()
                    break
                time.sleep(0.002)
        time.sleep(0.5)  # a sign-up that began before has to come back
        self.over.set()


# --- The newsroom ---------------------------------------------------------------------------------


def _newsroom(folder: Path, relay: int, cap: int, readers: int) -> Newsroom:
    (folder / "articles").mkdir(parents=True)
    toml = folder / "newsletter.toml"
    toml.write_text(TOML.format(relay=relay, cap=cap), encoding="utf-8")
    published = datetime.now(UTC) - timedelta(hours=1)
    for i in range(8):
        head = f'---\ntitle: "Article {i}"\ndate: {published.isoformat()}\nurl: https://journal.example/{i}/\n---\n\n'
        (folder / "articles" / f"{i}.md").write_text(head + "Des mots, des mots. " * (BODY // 160), encoding="utf-8")
    room = Newsroom(config.load(toml, environ={}))
    _fill(str(room.engine.url.database), readers)
    room.signer  # noqa: B018  the key is there before anybody asks for it at once
    return room


def _fill(path: str, readers: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    people = ((f"lecteur{i}@lecteurs.example", f"lecteur{i}@lecteurs.example", now, now) for i in range(readers))
    with closing(sqlite3.connect(path)) as base, base:
        base.executemany(
            "INSERT INTO subscribers (address, key, status, since, created_at) VALUES (?, ?, 'active', ?, ?)", people
        )
        base.execute(
            "INSERT INTO consents (subscriber_id, at, act, how) SELECT id, created_at, 'imported', 'import'"
            " FROM subscribers"
        )


class _Readers:
    """The links of readers who will leave, each of them once: the last on the list first, whom `send` reaches last."""

    def __init__(self, room: Newsroom, number: int) -> None:
        self._room = room
        self._left = number
        self._half = number // 2

    def for_(self, kind: str) -> list[str]:
        if kind != "one-click":
            return []
        first = max(0, self._left - self._half)
        found = [self._room.signer.token(Purpose.UNSUBSCRIBE, i) for i in range(self._left, first, -1)]
        self._left = first
        return found


def _letters_leave(room: Newsroom, patience: float = 5.0) -> tuple[int, int]:
    """How many letters of the first sign-ups leave in a second; and how many are left when patience ends."""
    began = time.monotonic()
    before = left = _count(room, WAITING)
    while left and time.monotonic() - began < patience:
        time.sleep(0.1)
        left = _count(room, WAITING)
    return round((before - left) / (time.monotonic() - began)), left


def _count(room: Newsroom, which: str) -> int:
    with closing(sqlite3.connect(str(room.engine.url.database))) as base:
        return int(base.execute(f"SELECT count(*) FROM {which}").fetchone()[0])  # noqa: S608  our own words


def _troubles(room: Newsroom, log: Path) -> dict[str, int]:
    """What the server and the sender complained of."""
    said = log.read_text(encoding="utf-8") + _send_log(room).read_text(encoding="utf-8")
    return {
        "said database is locked": said.count("database is locked"),
        "errors in the logs": len(re.findall(r" (?:ERROR|CRITICAL) |^error:|Traceback", said, re.MULTILINE)),
    }


# --- The processes --------------------------------------------------------------------------------


def _command(room: Newsroom, *words: str) -> list[str]:
    return [sys.executable, "-m", "newsletter", "--config", str(room.config.path), *words]


@contextmanager
def _server(room: Newsroom, wanted: argparse.Namespace) -> Iterator[tuple[int, Path]]:
    """`newsletter serve` on a free port; gives the port, and its log."""
    log = room.config.folder / "serve.log"
    words = ["serve", "--port", "0", "--threads", str(wanted.threads), *(["--no-run"] if wanted.no_run else [])]
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603  our own command
            _command(room, *words), stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        place = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if place is None:
            raise SystemExit(f"newsletter serve does not start: {line}{log.read_text(encoding='utf-8')}")
        yield int(place[1]), log
    finally:
        _end(process)


@contextmanager
def _sending(room: Newsroom) -> Iterator[subprocess.Popen[str]]:
    """`newsletter send`, as cron calls it."""
    with _send_log(room).open("w") as errors:
        process = subprocess.Popen(  # noqa: S603  our own command
            _command(room, "send"), stdout=errors, stderr=errors, text=True, cwd=ROOT
        )
    try:
        yield process
    finally:
        _end(process)


def _send_log(room: Newsroom) -> Path:
    return room.config.folder / "send.log"


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


# --- What was found -------------------------------------------------------------------------------


def machine(folder: Path) -> dict[str, Any]:
    """What the figures hang on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit, ms": _commit_ms(folder / "commit.db"),
        "busy before": round(os.getloadavg()[0], 1),
    }


def _commit_ms(path: Path) -> float:
    """What the disk takes to keep one commit for good, as the store asks it to."""
    took = []
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.execute("CREATE TABLE t (n)")
        for n in range(200):
            began = time.perf_counter()
            base.execute("INSERT INTO t VALUES (?)", (n,))
            took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 2)


def _has_failed(found: dict[str, Any]) -> bool:
    """Whether a reader was shown anything but a page."""
    load, planning = found["load"], found.get("planning", {})
    return any(
        [
            any(row["not 2xx"] for row in load["requests"].values()),
            planning.get("not 2xx"),
            load["said database is locked"] + planning.get("said database is locked", 0),
        ]
    )


def _print(found: dict[str, Any]) -> None:
    lines = [", ".join(f"{name} {value}" for name, value in found["machine"].items()), ""]
    columns = ("requests", "a second", "median", "p99", "max", "not 2xx")
    lines.append(f"{'(times in ms)':22}" + "".join(f"{name:>10}" for name in columns))
    for name, row in found["load"]["requests"].items():
        lines.append(f"{name:22}" + "".join(f"{row[column]:>10}" for column in columns))
        lines += [f"    {status}: {number}" for status, number in row["bad"].items()]
    for part in ("load", "planning"):
        values = {name: value for name, value in found.get(part, {}).items() if not isinstance(value, dict)}
        lines += ["", *(f"{name}: {value}" for name, value in values.items())]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
