"""The benchmark of a cluster: that it counts rightly, and that its report says what was measured. No figure is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.chaos.outside import ROOT
from bench.cluster import report
from bench.processes import children, cpu
from tests.needs import needs

READERS = 300


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One round of everything, as small as can be."""
    needs("cc")
    folder = tmp_path_factory.mktemp("bench")
    words = f"--rounds 1 --count {READERS} --sinks fast --workers 2 --many 2 --paces 50 --seconds 1 --readers 6000"
    command = [sys.executable, "-m", "bench.cluster", *words.split(), "--folder", str(folder)]
    command += ["--json", str(folder / "found.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return result


def test_every_reader_is_counted_by_the_sink(found: dict[str, Any]) -> None:
    assert found["wrong"] == []
    assert [row["name"] for row in found["rates"]] == [
        "send alone, SQLite",
        "send alone, PostgreSQL",
        "2 workers, PostgreSQL",
    ]
    assert all(one["messages"] == READERS for row in found["rates"] for one in row["rounds"])


def test_the_database_s_share_is_measured(found: dict[str, Any]) -> None:
    lite, alone, workers = found["rates"]
    assert "wal_bytes" not in lite
    for row in (alone, workers):
        assert row["wal_bytes"] > 100
        assert 0 < row["commits"] < 2
    assert workers["workers_us"] > 0
    assert alone["workers_us"] == 0


def test_a_simulation_counts_what_was_recorded(found: dict[str, Any]) -> None:
    (row,) = found["claims"]
    assert row["workers"] == 2
    assert not row["dry"]
    assert row["records_s"] > 0
    assert row["commits_s"] > 0


def test_the_report_says_what_was_measured(found: dict[str, Any]) -> None:
    made = report.markdown(found)
    assert "| **2 workers, PostgreSQL** |" in made
    assert "### Claims and records of many workers, 50 messages a second each" in made
    assert "Not as it should be" in report.markdown(found | {"wrong": ["one is missing"]})


def test_the_report_goes_into_its_page(found: dict[str, Any], tmp_path: Path) -> None:
    results, page = tmp_path / "found.json", tmp_path / "page.md"
    results.write_text(json.dumps(found))
    page.write_text(f"# Before\n\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\n\nAfter.\n")
    command = [sys.executable, "-m", "bench.cluster.report", str(results), "--into", str(page)]
    subprocess.run(command, cwd=ROOT, check=True)
    made = page.read_text()
    assert made.startswith("# Before\n")
    assert made.endswith("\nAfter.\n")
    assert "old" not in made
    assert "2 workers" in made


def test_a_process_s_cpu_is_that_of_its_children_too() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\n"
    program = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint('x', flush=True)\ninput()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"x\n"
        assert cpu(process.pid) >= 0.19
        assert children(process.pid) == []
    finally:
        process.communicate(b"\n")
    assert cpu(process.pid) == 0.0  # it has gone
