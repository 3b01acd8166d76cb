"""The crash programme in short, with real processes (`make chaos` is the whole); and that its own parts see what is wrong.

The seed of what failed is told; `python -m bench.chaos --seed …` takes one too.
"""

from __future__ import annotations

import ast
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.chaos.ends import sigterms
from bench.chaos.finding import FAILED, NOT_RUN, PASSED, Finding, World, markdown
from bench.chaos.full import full_disk
from bench.chaos.judge import Case, judge
from bench.chaos.kills import random_kills
from bench.chaos.leave import races
from bench.chaos.locks import locked_out
from bench.chaos.outside import ROOT, Sink, Took, sink, wait_until
from bench.chaos.place import POLICIES, Server, Workshop
from bench.chaos.power import Shadow, build, power_cuts
from bench.chaos.starts import many_starts, stopped_sender
from bench.chaos.steps import STEPS, Step, named_steps
from tests.conftest import KINDS
from tests.needs import needs


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Newsrooms, two of them on PostgreSQL: what is slow has its turn there in the whole."""
    folder = tmp_path_factory.mktemp("chaos")
    seed = random.SystemRandom().randrange(10**6)
    server = Server(folder / "postgres")
    yield World(Workshop(folder, server), seed)
    server.close()


def check(world: World, found: Finding) -> None:
    """Nothing was wrong, and it was tried."""
    if found.state == NOT_RUN and os.environ.get("NEWSLETTER_TEST_ALL") != "1":
        pytest.skip(found.not_run)
    assert found.state == PASSED, f"seed {world.seed}: {found.problems or found.not_run}"


# --- The programme, in short --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "policy", "kills"), [*(("sqlite", policy, 6) for policy in POLICIES), ("postgresql", "resend", 3)]
)
def test_killed_at_random_moments(world: World, database: str, policy: str, kills: int) -> None:  # R01 R02 R11
    check(world, random_kills(world, database, policy, kills=kills, readers=200, per_round=6))


@pytest.mark.parametrize(("policy", "name"), [("resend", "Ledger.sending"), ("hold", "Journal.ended")])
def test_killed_at_named_steps(world: World, policy: str, name: str) -> None:  # R01 R02 R11
    steps = tuple(step for step in STEPS if step.at.endswith(f":{name}"))
    assert steps
    check(world, named_steps(world, "sqlite", policy, steps=steps))


@pytest.mark.parametrize("database", KINDS)
def test_told_to_stop_at_random_moments(world: World, database: str) -> None:  # R15
    check(world, sigterms(world, database, "hold", trials=3, readers=200, per_round=3))


def test_started_many_times_at_one_instant(world: World) -> None:  # R03
    check(world, many_starts(world, "sqlite", "resend", races=2, most=4))


def test_started_while_the_sender_is_stopped(world: World) -> None:  # R04
    check(world, stopped_sender(world, "sqlite", "resend", readers=200))


def test_another_writer_holds_the_database(world: World) -> None:  # R05
    check(world, locked_out(world, "sqlite", "resend", trials=1, seconds=2, readers=200))


def test_a_disk_that_fills_up(world: World) -> None:  # R06
    check(world, full_disk(world, "sqlite", "resend", trials=1))


def test_power_cuts(world: World) -> None:  # R07
    check(world, power_cuts(world, "sqlite", "resend", cuts=3, readers=200, per_round=3))


def test_readers_leave_during_a_run(world: World) -> None:  # W04
    check(world, races(world, "sqlite", "resend", number=30, readers=400))


def test_the_judges_know_nothing_of_the_program() -> None:
    """But how a link is made, for who leaves by one; the driver loads the program to be the program."""
    found = {
        (file.name, name)
        for file in (ROOT / "bench" / "chaos").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in imported(node)
        if name.partition(".")[0] in ("newsletter", "cli") and file.name != "driver.py"
    }
    assert found == {("leave.py", "newsletter.links")}


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


# --- The judge finds what is wrong ----------------------------------------------------------------

READERS = ["ama@lecteurs.example", "kodjo@lecteurs.example", "yao@lecteurs.example"]


def took(rcpt: str, at: float, sha256: str = "") -> Took:
    return Took(rcpt, at - 0.01, at, sha256 or rcpt, f"<{rcpt}>", 1)


def case(**more: Any) -> Case:
    """A resend run, killed once at 5.0, as it should be; with something else about it."""
    right: dict[str, Any] = {
        "policy": "resend",
        "readers": READERS,
        "states": dict.fromkeys(READERS, "accepted"),
        "edition": ("sent", 3),
        "took": [took(one, 1.0 + number) for number, one in enumerate(READERS)],
        "disturbed": [5.0],
        "bound": 1,
        "shown": 0,
    }
    return Case(**(right | more))


ALL = [took(one, 1.0 + number) for number, one in enumerate(READERS)]
DOUBT = {READERS[0]: "uncertain", READERS[1]: "accepted", READERS[2]: "accepted"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"took": ALL[1:]}, "nobody says so"),
        ({"took": ALL[1:], "states": DOUBT, "shown": 1}, "named as uncertain"),
        ({"took": ALL[1:]}, "the sink has nothing for them"),
        ({"took": [*ALL, took(READERS[0], 6.0), took(READERS[1], 6.1)]}, "2 duplicates, 1 at most"),
        ({"took": [*ALL, took(READERS[0], 4.0), took(READERS[1], 4.0)], "disturbed": [5.0, 7.0]}, "of one kill"),
        ({"took": [*ALL, took(READERS[0], 6.0, "other")]}, "that differ"),
        ({"took": [*ALL, took("qui@lecteurs.example", 6.0)]}, "not in the audience"),
        ({"states": dict.fromkeys(READERS[1:], "accepted"), "edition": ("sent", 2)}, "not the list"),
        ({"edition": ("sent", 4)}, "frozen for 4"),
        ({"edition": ("sending", 3)}, "the edition is sending"),
        ({"states": dict.fromkeys(READERS, "pending")}, "have not ended"),
        ({"states": dict.fromkeys(READERS, "rejected")}, "3 rejected"),
        ({"states": dict.fromkeys(READERS, "skipped"), "skipped": READERS}, "skipped, and the sink has"),
        ({"shown": 2}, "status names 2"),
        ({"took": [*ALL[1:], Took(READERS[0], 1, 1, "x", ALL[1].id, 1)]}, "shared by readers"),
        ({"policy": "hold", "took": [*ALL, took(READERS[0], 6.0)]}, "hold allows none"),
        ({"policy": "hold", "took": ALL[1:]}, "nobody says so"),
        ({"policy": "hold", "states": dict.fromkeys(READERS, "uncertain"), "shown": 3}, "3 uncertain, 1 at most"),
    ],
)
def test_the_judge_finds(more: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in judge(case(**more)).problems)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"took": [*ALL, took(READERS[0], 6.0)]},
        {"policy": "hold"},
        {"policy": "hold", "took": ALL[1:], "states": DOUBT, "shown": 1},
        {"took": ALL[1:], "states": DOUBT | {READERS[0]: "skipped"}, "skipped": READERS[:1]},
    ],
)
def test_the_judge_finds_nothing_where_nothing_is(more: dict[str, Any]) -> None:
    assert judge(case(**more)).problems == []


def test_a_check_that_was_not_run_has_not_passed() -> None:
    nothing, unable = Finding("a", "sqlite", "hold", "R01"), Finding("b", "sqlite", "hold", "R06", not_run="no disk")
    wrong = Finding("c", "sqlite", "hold", "R01", trials=1, problems=["lost"])
    assert [one.state for one in (nothing, unable, wrong)] == [NOT_RUN, NOT_RUN, FAILED]
    assert "not run: no disk" in markdown([unable], 1)


def test_a_step_that_is_never_reached_is_a_failure(world: World) -> None:
    found = named_steps(world, "sqlite", "resend", steps=(Step("newsletter.dispatch:_freeze", 9, ("before",)),))
    assert [problem for problem in found.problems if "never reached" in problem]


# --- The sink says the truth ------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Sink]:
    with sink(tmp_path / "sink.jsonl", 0) as one:
        yield one


def talk(port: int, *pieces: bytes) -> list[bytes]:
    """Send each piece, wait for all that is answered until QUIT."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        for piece in pieces:
            line.sendall(piece)
        return line.makefile("rb").read().splitlines()


def mail(to: str, body: bytes = b"Bonjour") -> bytes:
    head = f"MAIL FROM:<lettre@journal.example>\r\nRCPT TO:<{to}>\r\nDATA\r\nMessage-ID: <{to}>\r\n\r\n"
    return head.encode() + body + b"\r\n.\r\n"


def test_the_sink_takes_a_whole_pipeline(outside: Sink) -> None:
    said = talk(outside.port, b"EHLO a.example\r\n" + b"".join(mail(one) for one in READERS) + b"QUIT\r\n")
    assert [line[:3] for line in said].count(b"354") == 3
    assert said[-1].startswith(b"221")
    messages = outside.took()
    assert [(one.rcpt, one.id) for one in messages] == [(one, f"<{one}>") for one in READERS]
    assert all(one.began <= one.at for one in messages)
    assert [rcpt for rcpt, _ in outside.began] == READERS


def test_the_sink_has_written_it_down_before_it_answers(outside: Sink) -> None:
    outside.order(delay=60)
    with socket.create_connection(("127.0.0.1", outside.port), timeout=10) as line:
        line.sendall(b"EHLO a.example\r\n" + mail(READERS[0]) + mail(READERS[1]))
        wait_until(lambda: len(outside.took()) == 1)


def test_the_sink_takes_what_has_come_of_a_client_that_died(outside: Sink) -> None:
    outside.order(delay=0.2)
    with socket.create_connection(("127.0.0.1", outside.port), timeout=10) as line:
        line.sendall(b"EHLO a.example\r\n" + b"".join(mail(one) for one in READERS) + b"MAIL FROM:<a@b.example>\r\n")
        line.shutdown(socket.SHUT_WR)
        wait_until(lambda: len(outside.took()) == 3)
    assert max(one.at for one in outside.took()) - outside.took()[0].began < 0.2  # when it came, not when it was read


def test_the_sink_misbehaves_when_told_to(outside: Sink) -> None:
    outside.order(rules=[{"at": "RCPT", "say": "450 4.2.0 later", "every": 2, "times": 1}])
    envelope = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRSET\r\n"
    said = talk(outside.port, b"EHLO a.example\r\n" + envelope * 4 + b"QUIT\r\n")
    assert [line[:3] for line in said[-12:-1:3]] == [b"250", b"450", b"250", b"250"]
    outside.order(rules=[{"at": ".", "say": None, "keep": True, "hang_up": True}])
    assert not talk(outside.port, b"EHLO a.example\r\n" + mail(READERS[2]))[-1].startswith(b"250")
    assert READERS[2] in {one.rcpt for one in outside.took()}
    outside.order(rules=[{"at": ".", "say": "554 5.7.1 no"}])
    assert b"554 5.7.1 no" in talk(outside.port, b"EHLO a.example\r\n" + mail(READERS[1]) + b"QUIT\r\n")
    assert READERS[1] not in {one.rcpt for one in outside.took()}


# --- The shadow forgets what was not synced -----------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    needs("cc")
    return build(tmp_path_factory.mktemp("library"))


@pytest.fixture
def after_cut(tmp_path: Path, library: Path) -> Callable[[str], Path]:
    """Run a piece of Python in a folder, cut the power, and give the folder; `sync(path)` is there for it."""

    def run(program: str) -> Path:
        folder = tmp_path / "room"
        folder.mkdir()
        (folder / "known").write_text("before")
        shadow = Shadow(library, folder, tmp_path / "shadow")
        tool = "import os, sqlite3\ndef sync(path):\n    fd = os.open(path, 0)\n    os.fsync(fd)\n    os.close(fd)\n"
        environ = os.environ | shadow.environ
        subprocess.run([sys.executable, "-c", tool + program], cwd=folder, env=environ, check=True)
        shadow.cut()
        return folder

    return run


@pytest.mark.parametrize(
    ("program", "left"),
    [
        ("open('new', 'w').write('a')", {"known": "before"}),
        ("open('new', 'w').write('a'); sync('new')", {"known": "before", "new": "a"}),
        ("open('new', 'w').write('a'); sync('.')", {"known": "before", "new": ""}),
        ("open('known', 'w').write('after')", {"known": "before"}),
        ("open('known', 'w').write('after'); sync('known'); open('known', 'a').write('!')", {"known": "after"}),
        ("f = open('known', 'a'); f.write('!'); f.flush(); os.fdatasync(f.fileno())", {"known": "before!"}),
        ("os.rename('known', 'other')", {"known": "before"}),
        ("os.rename('known', 'other'); sync('.')", {"other": "before"}),
        ("os.rename('known', 'other'); sync('other')", {"other": "before"}),
        ("os.unlink('known')", {"known": "before"}),
        ("os.unlink('known'); sync('.')", {}),
        ("open('p', 'w').write('a'); sync('p'); os.replace('p', 'known')", {"known": "before", "p": "a"}),
        ("open('p', 'w').write('a'); sync('p'); os.replace('p', 'known'); sync('.')", {"known": "a"}),
        ("os.unlink('known'); open('known', 'w').write('a'); sync('.')", {"known": ""}),
    ],
)
def test_the_shadow_keeps_what_was_synced(after_cut: Callable[[str], Path], program: str, left: dict[str, str]) -> None:
    assert {path.name: path.read_text() for path in after_cut(program).iterdir()} == left


@pytest.mark.parametrize(("synchronous", "rows"), [("FULL", 2), ("OFF", 0)])
def test_the_shadow_sees_what_sqlite_syncs(after_cut: Callable[[str], Path], synchronous: str, rows: int) -> None:
    program = f"""
base = sqlite3.connect("base.db", isolation_level=None)
base.execute("PRAGMA journal_mode=WAL")
base.execute("CREATE TABLE t (n)")
base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
sync("base.db")
base.execute("PRAGMA synchronous={synchronous}")
for n in range(2):
    base.execute("INSERT INTO t VALUES (?)", (n,))
os._exit(0)
"""
    with closing(sqlite3.connect(after_cut(program) / "base.db")) as base:
        assert base.execute("SELECT count(*) FROM t").fetchone() == (rows,)


def test_the_shadow_takes_no_lock_away(after_cut: Callable[[str], Path]) -> None:
    """To close another descriptor of a file drops a process's locks on it (POSIX): SQLite would be open to others."""
    program = """
import fcntl, subprocess, sys
f = open("known", "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
os.fsync(f.fileno())
other = "import fcntl; fcntl.lockf(open('known', 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
assert subprocess.run([sys.executable, "-c", other], stderr=subprocess.DEVNULL).returncode == 1
"""
    after_cut(program)


def test_a_machine_that_starts_anew_has_another_boot_id(after_cut: Callable[[str], Path]) -> None:
    read = "open('ids', 'w').write(open('/proc/sys/kernel/random/boot_id').read()); sync('ids')"
    shown = (after_cut(read) / "ids").read_text().strip()
    assert shown != Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert len(shown) == 36


def test_the_sign_of_the_one_that_sends_outlives_a_power_cut(after_cut: Callable[[str], Path]) -> None:  # R07 R10
    """Else a database that has outlived it, on PostgreSQL, would be taken for a copy."""
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from types import SimpleNamespace
from newsletter import instance
instance._write_state(SimpleNamespace(config=SimpleNamespace(folder=Path.cwd())), ["a", "b"])
"""
    state = json.loads((after_cut(program) / ".newsletter-instance").read_text())
    assert state["stamps"] == ["a", "b"]


def test_the_report_can_be_read_by_machines(world: World) -> None:
    found = Finding("kill -9 at random", "sqlite", "resend", "R01")
    found.add(judge(case()), "round 1")
    shown = json.loads(json.dumps(found.ended().as_dict()))
    assert (shown["state"], shown["figures"]["messages"], shown["figures"]["lost"]) == ("passed", 3, 0)
