"""The Maildir: a message is there whole or not at all, once, whatever died in between."""

from __future__ import annotations

import mailbox
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsletter.mail.outbox import Outbox, file_name
from newsletter.model import Message, Outcome, Phase, Verdict
from tests.conftest import MORNING, Clock

CONTENT = b"Subject: Bonjour\r\n\r\nLa lettre du matin.\r\n"
NAME = "2026-11-23.7.abcdefghijkl"


def message(content: bytes = CONTENT, name: str = NAME) -> Message:
    return Message("lettre@journal.example", "ama@exemple.example", content, name)


def send(folder: Path, one: Message | None = None, dots: list[str] | None = None) -> Outcome:
    dots = dots if dots is not None else []
    with Outbox(folder, Clock()).open() as line:
        return line.send(one or message(), lambda: dots.append("."))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "boîte" / "outbox"


def test_the_file_is_the_message(folder: Path) -> None:
    outcome = send(folder)
    assert outcome == Outcome(Verdict.ACCEPTED, Phase.DOT, None, f"kept in {folder} as {NAME}")
    assert names(folder) == [f"new/{NAME}"]
    path = folder / "new" / NAME
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_mtime == MORNING.timestamp()
    for made in (folder, folder / "tmp", folder / "new", folder / "cur"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_mail_programs_can_read_it(folder: Path) -> None:
    send(folder)
    box = mailbox.Maildir(folder, create=False)
    (found,) = list(box)
    assert found["Subject"] == "Bonjour"


@pytest.mark.parametrize(
    "place", [f"new/{NAME}", f"cur/{NAME}", f"cur/{NAME}:2,", f"cur/{NAME}:2,S", f"cur/{NAME}:2,FRS"]
)
def test_a_second_time_changes_nothing(folder: Path, place: str) -> None:
    send(folder)
    (folder / "new" / NAME).rename(folder / place)
    dots: list[str] = []
    assert send(folder, dots=dots).verdict is Verdict.ACCEPTED
    assert names(folder) == [place]
    assert dots == []


def test_a_repeat_on_the_same_line_finds_it_too(folder: Path) -> None:
    with Outbox(folder, Clock()).open() as line:
        for _ in range(3):
            assert line.send(message(), lambda: None).verdict is Verdict.ACCEPTED
    assert names(folder) == [f"new/{NAME}"]


def test_two_lines_with_the_same_message_make_one_file(folder: Path) -> None:
    outbox = Outbox(folder, Clock())
    with outbox.open() as one, outbox.open() as other:
        one.send(message(name="warm"), lambda: None)
        other.send(message(name="up"), lambda: None)  # both have looked around by now
        assert one.send(message(), lambda: None).verdict is Verdict.ACCEPTED
        assert other.send(message(), lambda: None).verdict is Verdict.ACCEPTED
    assert names(folder) == [f"new/{NAME}", "new/up", "new/warm"]


def test_what_a_dead_run_left_in_tmp_is_replaced(folder: Path) -> None:
    send(folder, message(name="another"))
    (folder / "tmp" / NAME).write_bytes(b"Subject: Bon")
    assert send(folder).verdict is Verdict.ACCEPTED
    assert (folder / "new" / NAME).read_bytes() == CONTENT
    assert names(folder) == [f"new/{NAME}", "new/another"]


def test_what_a_dead_run_left_in_tmp_may_be_linked_elsewhere(folder: Path) -> None:
    """Died between link and unlink; then a mail program moved the message to a folder of its own."""
    send(folder)
    os.link(folder / "new" / NAME, folder / "tmp" / NAME)
    (folder / ".Archives").mkdir()
    (folder / "new" / NAME).rename(folder / ".Archives" / NAME)
    longer = message(CONTENT + b"plus\r\n")
    assert send(folder, longer).verdict is Verdict.ACCEPTED
    assert (folder / ".Archives" / NAME).read_bytes() == CONTENT  # never written into
    assert (folder / "new" / NAME).read_bytes() == longer.content


@pytest.mark.parametrize("at", ["dot", "link"])
def test_killed_at_any_point_it_is_there_whole_or_not_at_all(folder: Path, at: str) -> None:
    script = (
        "import os, signal, sys; from datetime import *; from pathlib import Path;"
        "from newsletter.mail.outbox import Outbox; from newsletter.model import Message;"
        "die = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "link = os.link;"
        "os.link = (lambda *a: (link(*a), die())) if sys.argv[2] == 'link' else link;"
        "line = Outbox(Path(sys.argv[1]), lambda: datetime.now(UTC)).open();"
        f"line.send(Message('a@b.example', 'c@d.example', {CONTENT!r}, {NAME!r}),"
        " die if sys.argv[2] == 'dot' else (lambda: None))"
    )
    root = Path(__file__).parent.parent
    died = subprocess.run([sys.executable, "-c", script, str(folder), at], cwd=root)
    assert died.returncode == -signal.SIGKILL
    assert (folder / "new" / NAME).exists() is (at == "link")
    assert send(folder).verdict is Verdict.ACCEPTED
    assert [name for name in names(folder) if not name.startswith("tmp/")] == [f"new/{NAME}"]
    assert (folder / "new" / NAME).read_bytes() == CONTENT


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full, as far as one process can have it without being root's guest elsewhere."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_refuses_and_leaves_nothing_behind(folder: Path) -> None:
    dots: list[str] = []
    with files_of_at_most(10):
        outcome = send(folder, dots=dots)
    assert (outcome.verdict, outcome.phase, outcome.code) == (Verdict.REFUSED, Phase.CONNECT, None)
    assert outcome.reply == f"cannot write into the outbox {folder}: File too large"
    assert names(folder) == []
    assert dots == []
    assert send(folder).verdict is Verdict.ACCEPTED  # when there is room again


def test_a_file_in_the_folder_s_place_refuses(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("not a folder")
    outcome = send(tmp_path / "outbox")
    assert outcome.verdict is Verdict.REFUSED
    assert "cannot write into the outbox" in outcome.reply
    assert len(outcome.reply.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("2026-11-23.7.abc", "2026-11-23.7.abc"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        (".caché", "%2Ecach%C3%A9"),
        ("a:2,S", "a%3A2,S"),
        ("notice.1@lettre.example", "notice.1@lettre.example"),
    ],
)
def test_file_names_are_harmless(folder: Path, name: str, file: str) -> None:
    assert file_name(name) == file
    assert send(folder, message(name=name)).verdict is Verdict.ACCEPTED
    assert names(folder) == [f"new/{file}"]
