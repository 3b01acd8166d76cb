"""`newsletter report`: tables, JSON, CSV and the page that stands by itself."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import html5lib
import pytest
from click.testing import CliRunner, Result

from cli import cli
from newsletter import config, results, trends
from newsletter.commands import reporting
from newsletter.newsroom import Newsroom
from newsletter.store.database import write
from newsletter.store.schema import deliveries
from newsletter.trends import page, tables
from tests.trending import bounce, troubled

Run = Callable[..., Result]


LAST = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)  # the command goes by the machine's clock
DAY = LAST.date()


@pytest.fixture
def room(folder: Path) -> Iterator[Newsroom]:
    made = Newsroom(config.load(folder / "newsletter.toml", {}))
    yield made
    made.engine.dispose()


@pytest.fixture
def told(room: Newsroom) -> Newsroom:
    troubled(LAST, days=20, readers=900).write(room.engine)
    return room


@pytest.fixture
def run(folder: Path) -> Run:
    def call(*words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "report", *words])
        assert done.exit_code == code, done.output
        return done

    return call


def test_lines_for_other_programs(told: Newsroom, run: Run) -> None:
    said = run().stdout
    found = trends.of_last(told)
    for title in ("Why mails failed", "Mailbox providers", "Editions"):
        assert f"\n{title}\n" in said
    last = found.editions[-1]
    assert f"{DAY}\t{last.sum.total}\t{last.sum.accepted}\t{last.sum.refused}\t" in said
    assert f"\nall\t{found.sum.total}\t{found.sum.accepted}\t" in said
    assert re.search(r"^Yahoo\t.*\twarning$", said, re.MULTILINE)
    assert re.search(r"^problem: Orange: \d+ complaints for ", said, re.MULTILINE)
    assert re.search(r"^warning: Yahoo turned 1\d% of the mails away in the last 3 .*: we are blocked\.$", said, re.M)
    assert "\n2 mailbox providers need a look.\n" in said
    assert "is not followed" in said


def test_all_is_well(room: Newsroom, run: Run) -> None:
    troubled(LAST, days=20, readers=900, seed=4).write(room.engine)
    quiet = run("--date", str(DAY - timedelta(days=10))).stdout
    assert "\nAll is well.\n" in quiet
    assert "problem" not in quiet
    assert "warning" not in quiet


def test_before_anything_was_sent(room: Newsroom, run: Run) -> None:
    said = run().stdout
    assert said.startswith("Nothing has been sent yet.\n")
    assert "[bounces]" in said
    assert json.loads(run("--json").stdout)["editions"] == []
    assert run("--csv").stdout.splitlines() == ["\ufeff" + ",".join(tables.COLUMNS["editions"])]


def test_json(told: Newsroom, run: Run) -> None:
    found = json.loads(run("--last", "5", "--json").stdout)
    assert [one["edition"] for one in found["editions"]] == [str(DAY - timedelta(days=ago)) for ago in range(4, -1, -1)]
    assert found["editions"][-1]["started_at"] == LAST.isoformat().replace("+00:00", "Z")
    assert {one["provider"] for one in found["providers"]} >= {"Gmail", "Yahoo", "Orange", "port.example"}
    assert found["growth"][-1]["active"] == found["active"]
    assert found["warnings"][0]["share"] > 0.003
    assert found["bounces_read"] is True
    assert found["unattributed"] == 0
    # What is usual is told by editions before these five.
    assert [(one["provider"], one["what"], one["reason"]) for one in found["warnings"]] == [
        ("Orange", "complaints", None),
        ("Yahoo", "failed", "blocked"),
    ]


@pytest.mark.parametrize("table", tables.COLUMNS)
def test_csv(told: Newsroom, run: Run, table: str) -> None:
    said = run("--csv", "--table", table).stdout
    rows = list(csv.DictReader(io.StringIO(said.removeprefix("\ufeff"))))
    made = tables.rows(trends.of_last(told), table)
    assert len(rows) == len(made) > 0
    assert tuple(rows[0]) == tables.COLUMNS[table]
    assert [int(row["hard" if "hard" in row else "joined"]) for row in rows] == [
        row.get("hard", row.get("joined")) for row in made
    ]


def test_the_tables_of_the_command_are_those_there_are() -> None:
    assert tuple(tables.COLUMNS) == reporting.TABLES


def test_csv_is_of_editions_unless_said(told: Newsroom, run: Run) -> None:
    assert run("--csv").stdout == run("--csv", "--table", "editions").stdout


def test_no_cell_is_a_formula(told: Newsroom, run: Run) -> None:
    with write(told.engine) as connection:
        connection.execute(deliveries.update().values(address="x@=cmd"))
    said = run("--csv", "--table", "providers").stdout
    assert ",'=cmd," in said
    assert ",=cmd," not in said


def test_one_edition(told: Newsroom, run: Run) -> None:
    by_day, by_name = (run(*words, "--json").stdout for words in (("--date", str(DAY)), ("--edition", str(DAY))))
    assert by_day == by_name
    [line] = json.loads(by_day)["editions"]
    found = results.of_edition(told, trends.of_last(told, 1).editions[0].edition)
    assert (line["accepted"], line["left"]) == (found.all.accepted, found.left)
    assert "Yahoo" in [one["provider"] for one in json.loads(by_day)["warnings"]]  # by what was usual before it
    run("--date", "2020-01-01", code=65)


@pytest.mark.parametrize(
    "words",
    [
        ("--date", "2026-11-23", "--last", "3"),
        ("--date", "2026-11-23", "--edition", "2026-11-23"),
        ("--json", "--csv"),
        ("--csv", "--html", "x.html"),
        ("--table", "growth"),
        ("--json", "--table", "growth"),
        ("--csv", "--table", "opens"),
        ("--last", "0"),
        ("--last", "401"),
    ],
)
def test_what_does_not_go_together(run: Run, words: tuple[str, ...]) -> None:
    run(*words, code=2)


def test_what_nothing_proves_is_said(told: Newsroom, run: Run) -> None:
    with write(told.engine) as connection:
        bounce(connection, 1, proof="nothing", at=LAST)
        bounce(connection, 2, proof="address", at=LAST)
    assert "2 bounces that nothing proves to be ours: counted for no one" in run().stdout


def test_the_results_of_an_edition_tell_what_came_back(told: Newsroom, folder: Path) -> None:
    words = ["--config", str(folder / "newsletter.toml"), "edition", "results", "--date", str(DAY)]
    back = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)["bounces"]
    assert back["hard"] + back["soft"] > 0
    assert sum(one["times"] for one in back["reasons"]) == back["hard"] + back["soft"]
    said = CliRunner().invoke(cli, words).stdout
    assert f"came back: {back['hard']} for good, {back['soft']} for now; " in said
    assert "not read yet" not in said


def test_the_results_of_an_edition_outlive_its_deliveries(told: Newsroom, folder: Path) -> None:
    words = ["--config", str(folder / "newsletter.toml"), "edition", "results", "--date", str(DAY)]
    trends.of_last(told)  # which keeps the totals
    before = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    with write(told.engine) as connection:
        connection.execute(deliveries.delete())
    after = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert (after["states"], after["providers"]) == (before["states"], before["providers"])
    assert (before["purged"], after["purged"], after["purged_since"]) == (False, True, None)
    assert (after["left"], after["newcomers"]) == (None, None)
    said = CliRunner().invoke(cli, words).stdout
    assert "are deleted: this was kept of them" in said
    assert f"all\t{before['states']['accepted']}\t" in said
    assert "left since" not in said


# --- The page ---------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(told: Newsroom, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bilan.html"
    assert run("--html", str(file)).stdout == f"{file}: 20 editions\n"
    text = file.read_text(encoding="utf-8")
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    assert not list(tree.iter("script"))
    assert not [one for one in tree.iter() if "style" in one.attrib or "src" in one.attrib]
    assert [one.get("href") for one in tree.iter() if one.get("href")] == ["data:,"]
    assert not re.search(r"url\(|@import|https?:", text)
    assert (
        len(list(tree.iter("{http://www.w3.org/2000/svg}svg"))) == 12
    )  # six providers, the complaints of one, and five plots
    assert "Personne n’est suivi" in text
    run("--html", str(file))  # over the earlier one
    run("--html", str(tmp_path / "no" / "bilan.html"), code=65)
    run("--html", str(tmp_path), code=2)


def test_every_plot_has_its_figures_below(told: Newsroom) -> None:
    found = trends.of_last(told)
    tree = html5lib.parse(page.html(told, found), namespaceHTMLElements=False)
    for svg in tree.iter("{http://www.w3.org/2000/svg}svg"):
        assert svg.get("role") == "img"
        assert svg.get("aria-label")
    bodies = [len(list(one)) for one in tree.iter("tbody")]
    assert bodies == [
        len(found.providers),
        len(found.editions),
        len(tables.by_reason(found.reasons)),
        len(found.growth),
    ]


def test_what_an_address_says_is_text(told: Newsroom) -> None:
    with write(told.engine) as connection:
        connection.execute(deliveries.update().values(address='x@"><script>alert(1)</script>'))
    text = page.html(told, trends.of_last(told))
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text
