"""The benchmark itself: that it counts rightly, and that its report says what was measured. No figure is asserted."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import plots, report, rounds, runs, sinks
from bench.goals import Goal, goals
from bench.senders import Sender
from tests.needs import needs

ROOT = Path(__file__).parent.parent
QUICK = {("smtp-source", "postfix"), ("ours", "postfix"), ("smtp-source", "fast"), ("ours", "fast")}


# --- The whole, in its quick form -----------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    for program in ("gcc", "smtp-sink", "smtp-source"):
        needs(program)
    folder = tmp_path_factory.mktemp("bench")
    file = folder / "results.json"
    command = [sys.executable, "-m", "bench", "--quick", "--folder", str(folder), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [path for path in folder.iterdir() if path != file], "it leaves nothing behind"
    return report.load([str(file)])


def test_every_message_is_counted_by_the_sink(quick: dict[str, Any]) -> None:  # R18
    cases = {(case["sender"], case["sink"]): case for case in quick["cases"]}
    assert cases.keys() == QUICK
    for (_sender, sink), case in cases.items():
        [one] = case["rounds"]
        assert (one["messages"], one["wrong"], case["exact"]) == (200, "", True)
        assert one["ids"] == (200 if sink == "fast" else None)
        assert case["rate"] > 0
        assert one["cpu"] > 0
        assert one["peak_mb"] > 1
    assert quick["wrong"] == []
    assert cases["ours", "fast"]["size"] == pytest.approx(59_000, rel=0.02)
    assert cases["smtp-source", "fast"]["size"] == pytest.approx(cases["ours", "fast"]["size"], rel=0.002)


def test_the_report_tells_of_every_sender(quick: dict[str, Any]) -> None:
    told = report.markdown(quick)
    for case in quick["cases"]:
        assert told.count(f"{case['label']}") >= 2
    assert {"cores", "cpu", "system", "date", "versions", "commit_ms"} <= quick["machine"].keys()
    measured = {goal.name for goal in goals(quick) if goal.found is not None}
    assert {"into smtp-sink, of smtp-source", "CPU of a message without DKIM, into fastsink"} <= measured


# --- What a run is judged by ----------------------------------------------------------------------

TOOK = {"code": 0, "began": 10.0, "ended": 14.0, "user": 1.0, "system": 0.5, "peak_kb": 2048}


def judged(code: int = 0, *, stopped: bool = False, **seen: Any) -> dict[str, Any]:
    count = sinks.Count(**({"messages": 50, "first": 11.0, "last": 13.0, "recipients": 50, "ids": 50} | seen))
    return runs._result(Sender("ours", "ours"), "fast", 50, TOOK | {"code": code}, count, stopped)


def test_what_is_exact_is_right() -> None:
    found = judged()
    assert not found["wrong"]
    assert (found["rate"], found["first_after"], found["whole_seconds"]) == (20.0, 1.0, 4.0)
    assert (found["cpu"], found["peak_mb"]) == (1.5, 2.0)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"messages": 49, "recipients": 49, "ids": 49}, "49 messages instead of 50"),
        ({"messages": 51}, "51 messages instead of 50"),
        ({"ids": 49}, "49 different Message-IDs in 50"),
        ({"recipients": 49}, "49 different recipients in 50"),
        ({"code": 75}, "left with 75"),
        ({"messages": 0, "first": 0.0, "last": 0.0, "recipients": 0, "ids": 0}, "0 messages instead of 50"),
    ],
)
def test_what_is_not_exact_is_said(seen: dict[str, Any], said: str) -> None:
    assert said in judged(**seen)["wrong"]


def test_who_was_told_to_stop_need_not_have_ended() -> None:
    seen = {"messages": 20, "recipients": 20, "ids": 20}
    assert not judged(75, stopped=True, **seen)["wrong"]
    assert judged(1, stopped=True, **seen)["wrong"]
    assert judged(0, stopped=True, **seen)["wrong"]
    assert judged(-15, stopped=True, **seen)["wrong"]
    assert not judged(-15, stopped=True)["wrong"]
    assert "different" in judged(75, stopped=True, **seen | {"ids": 19})["wrong"]


@pytest.mark.parametrize(("value", "rounded"), [(3.4, 3), (7, 7), (99, 70), (230, 200), (999, 700), (12_345, 10_000)])
def test_few_different_numbers_of_mails(value: float, rounded: int) -> None:
    assert rounds.round_number(value) == rounded


def test_a_ratio_is_taken_inside_its_round() -> None:
    mine, theirs = [{"rate": rate} for rate in (10, 40, 30)], [{"rate": rate} for rate in (5, 10, 10)]
    assert rounds.ratio(mine, theirs) == 3.0


# --- The sink of ours -----------------------------------------------------------------------------

Talk = Callable[[list[bytes]], tuple[sinks.Count, list[str]]]


@pytest.fixture(scope="module")
def fastsink(tmp_path_factory: pytest.TempPathFactory) -> str:
    needs("gcc")
    return sinks.compile_fastsink(tmp_path_factory.mktemp("fastsink"))


@pytest.fixture
def talk(fastsink: str, tmp_path: Path) -> Talk:
    """Say these pieces to it on one line, and see what it has counted and written down."""

    def say(pieces: list[bytes]) -> tuple[sinks.Count, list[str]]:
        with sinks.fast(fastsink, tmp_path) as sink, socket.create_connection(("127.0.0.1", sink.port), 10) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                line.sendall(piece)
            line.sendall(b"QUIT\r\n")
            while line.recv(65536):
                pass
        return sink.count, (tmp_path / "fastsink.log").read_text(encoding="ascii").splitlines()

    return say


def mail(number: int) -> bytes:
    return b"Subject: Bonjour\r\nMessage-ID: <%d@a.example>\r\n\r\nUn mot.\r\nEt .un. autre\r\n" % number


def envelope(number: int) -> bytes:
    return b"MAIL FROM:<lettre@journal.example>\r\nRCPT TO:<lecteur%d@lecteurs.example>\r\n" % number


LOGGED = [f"lecteur{number}@lecteurs.example\t<{number}@a.example>\t{len(mail(number))}" for number in range(3)]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_it_counts_however_the_bytes_are_cut(talk: Talk, size: int) -> None:
    whole = b"".join(envelope(number) + b"DATA\r\n" + mail(number) + b".\r\n" for number in range(3))
    count, lines = talk([whole[at : at + size] for at in range(0, len(whole), size)])
    assert (count.messages, count.recipients, count.ids) == (3, 3, 3)
    assert lines == LOGGED


@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_it_counts_chunks(talk: Talk, size: int) -> None:
    whole = b""
    for number in range(3):
        head, tail = mail(number)[:60], mail(number)[60:]
        whole += envelope(number) + b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (len(head), head, len(tail), tail)
    count, lines = talk([whole[at : at + size] for at in range(0, len(whole), size)])
    assert count.messages == 3
    assert lines == LOGGED


def test_it_tells_repeated_messages(talk: Talk) -> None:
    one = envelope(1) + b"DATA\r\n" + mail(1) + b".\r\n"
    count, _ = talk([one, one])
    assert (count.messages, count.recipients, count.ids) == (2, 1, 1)


def test_it_keeps_each_reply_back(fastsink: str, tmp_path: Path) -> None:
    """All of them come, in order; that each waits is the timer's part."""
    with (
        sinks.fast(fastsink, tmp_path, delay=5) as sink,
        socket.create_connection(("127.0.0.1", sink.port), 10) as line,
    ):
        line.sendall(b"EHLO a.example\r\n" + envelope(1) + b"DATA\r\n" + mail(1) + b".\r\nQUIT\r\n")
        said = b""
        while b"221" not in said:
            said += line.recv(65536)
    codes = [row[:3] for row in said.split(b"\r\n") if row[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert sink.count.messages == 1


# --- The report -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal("a", 1.0, 1.2), "met"),
        (Goal("a", 1.0, 0.75), "short by 25 %"),
        (Goal("a", 90, 99, "MB", least=False), "over by 10 %"),
        (Goal("a", 90, 90, "MB", least=False), "met"),
        (Goal("a", 1.0, None), "not measured"),
    ],
)
def test_a_shortfall_is_named(goal: Goal, verdict: str) -> None:
    assert goal.verdict == verdict


def test_later_files_go_before_earlier_ones(tmp_path: Path) -> None:
    files = {
        "a": {"cases": [1], "day": 1, "machine": "mine", "wrong": ["x"]},
        "b": {"day": 2, "machine": "busy", "wrong": []},
    }
    for name, values in files.items():
        (tmp_path / name).write_text(json.dumps(values), encoding="utf-8")
    found = report.load([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found == {"cases": [1], "day": 2, "machine": "mine", "wrong": ["x"]}


def test_tables_go_where_they_belong() -> None:
    page = f"# Title\n\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\n\nEnd.\n"
    assert report.into(page, "new\n") == f"# Title\n\n{report.MARKS[0]}\n\nnew\n\n{report.MARKS[1]}\n\nEnd.\n"
    with pytest.raises(ValueError, match="no lines"):
        report.into("# Title\n", "new\n")


def test_the_pictures_hold_every_figure(quick: dict[str, Any]) -> None:
    sizes = {10_000: 70.0, 100_000: 75.4, 1_000_000: 131.2}
    grown = [{"wanted": size, "peak_mb": peak, "stopped": size == 1_000_000} for size, peak in sizes.items()]
    bars = ElementTree.fromstring(plots.speed(quick))
    points = ElementTree.fromstring(plots.memory({"scale": grown}))
    space = "{http://www.w3.org/2000/svg}"
    assert len(bars.findall(f"{space}rect")) == len(quick["cases"])
    written = {text.text for text in points.iter(f"{space}text")}
    assert {"10,000", "1,000,000", "70", "75", "131"} <= written
    for picture in (bars, points):
        wide, high = float(picture.attrib["width"]), float(picture.attrib["height"])
        assert all(0 < float(text.attrib["x"]) <= wide for text in picture.iter(f"{space}text"))
        assert all(0 < float(text.attrib["y"]) < high for text in picture.iter(f"{space}text"))
