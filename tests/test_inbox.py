"""Mailboxes on this machine: a Maildir and an mbox, while others deliver into them, move and delete."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from newsletter.bounce.inbox import LARGEST, Mailbox, Patience, open_inbox
from newsletter.errors import ConfigError, Unavailable
from newsletter.settings import Inbox

ROOT = Path(__file__).parent.parent
RAW = b"Subject: Retour %d\n\nBonjour,\nvotre lettre n'est pas arriv\xc3\xa9e.\n"


def visit(kind: str, path: Path, *, delete: bool = False, **more: Any) -> AbstractContextManager[Mailbox]:
    where = Inbox.parse(f"{kind}:{path}")
    assert where is not None
    return open_inbox(where, path=path, password=None, folder="newsletter", delete=delete, **more)


def take_all(kind: str, path: Path, **more: Any) -> list[bytes]:
    found = []
    with visit(kind, path, **more) as mailbox:
        for arrived in mailbox.unread():
            found.append(arrived.raw)
            mailbox.done(arrived)
    return found


# --- Maildir ----------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    path = tmp_path / "Maildir"
    for name in ("", "tmp", "new", "cur"):
        (path / name).mkdir(mode=0o750)
        (path / name).chmod(0o750)
    return path


def deliver(maildir: Path, number: int, *, flags: str | None = None, raw: bytes | None = None) -> Path:
    name = f"17956{number:05}.M{number}.mx"
    path = maildir / "new" / name if flags is None else maildir / "cur" / f"{name}:2,{flags}"
    path.write_bytes(raw if raw is not None else RAW % number)
    os.utime(path, (1_795_600_000 + number, 1_795_600_000 + number))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_maildir_gives_the_oldest_first_whoever_has_looked_at_it(maildir: Path) -> None:
    deliver(maildir, 3)
    deliver(maildir, 1)
    deliver(maildir, 2, flags="S")
    assert take_all("maildir", maildir) == [RAW % 1, RAW % 2, RAW % 3]


def test_what_is_done_is_moved_with_its_name_and_flags(maildir: Path) -> None:
    deliver(maildir, 1)
    deliver(maildir, 2, flags="FR")
    take_all("maildir", maildir)
    done = maildir / ".newsletter"
    assert names(done / "cur") == ["1795600001.M1.mx:2,S", "1795600002.M2.mx:2,FRS"]
    assert names(maildir / "new") == names(maildir / "cur") == names(done / "new") == []
    assert (done / "maildirfolder").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (done, done / "cur", done / "new")} == {0o750}
    assert take_all("maildir", maildir) == []


def test_what_is_left_comes_again_and_holds_nobody_up(maildir: Path) -> None:
    for number in range(1, 5):
        deliver(maildir, number)
    for _ in range(2):
        with visit("maildir", maildir) as mailbox:
            for arrived in mailbox.unread(2):
                mailbox.leave(arrived) if b"Retour 1\n" in arrived.raw else mailbox.done(arrived)
    assert names(maildir / "new") == ["1795600001.M1.mx"]
    assert len(names(maildir / ".newsletter" / "cur")) == 3


def test_deleted_where_that_is_wanted_and_it_is_not_to_be_kept(maildir: Path) -> None:
    deliver(maildir, 1)
    deliver(maildir, 2)
    with visit("maildir", maildir, delete=True) as mailbox:
        for arrived in mailbox.unread():
            mailbox.done(arrived, keep=b"Retour 2\n" in arrived.raw)
    assert names(maildir / "new") == []
    assert names(maildir / ".newsletter" / "cur") == ["1795600002.M2.mx:2,S"]


def test_a_limit(maildir: Path) -> None:
    for number in range(1, 6):
        deliver(maildir, number)
    with visit("maildir", maildir) as mailbox:
        for arrived in mailbox.unread(2):
            mailbox.done(arrived)
    assert len(names(maildir / "new")) == 3


def test_what_is_no_mail_is_not_opened(maildir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"Subject: secret\n\n")
    (maildir / "new" / "1.link").symlink_to(secret)
    (maildir / "new" / "2.dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(maildir / "new" / "3.pipe")
    (maildir / "new" / "4.folder").mkdir()
    (maildir / "new" / ".hidden").write_bytes(b"Subject: hidden\n\n")
    deliver(maildir, 5, flags="ST")  # thrown away by its reader
    with open(maildir / "new" / "6.large", "wb") as file:
        file.truncate(LARGEST + 1)
    deliver(maildir, 7)
    assert take_all("maildir", maildir) == [RAW % 7]
    assert "6.large has 25000001 bytes" in caplog.text
    assert len(names(maildir / "new")) == 6


@pytest.fixture
def as_anybody() -> Iterator[Path]:
    """A folder of an account that is not root's, and that account at work: root reads everything."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.getuid() != 0:
            yield folder
            return
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_an_unreadable_mail_is_told_and_the_others_come(as_anybody: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("tmp", "new", "cur"):
        (as_anybody / name).mkdir()
    deliver(as_anybody, 1).chmod(0)
    deliver(as_anybody, 2)
    assert take_all("maildir", as_anybody) == [RAW % 2]
    assert "1795600001.M1.mx cannot be read: Permission denied" in caplog.text


def test_another_program_flags_and_takes_mails_meanwhile(maildir: Path) -> None:
    for number in range(1, 5):
        deliver(maildir, number)
    seen = []
    with visit("maildir", maildir) as mailbox:
        for arrived in mailbox.unread():
            seen.append(arrived.raw)
            if len(seen) == 1:
                (maildir / "new" / "1795600001.M1.mx").rename(maildir / "cur" / "1795600001.M1.mx:2,S")  # looked at
                (maildir / "new" / "1795600002.M2.mx").rename(maildir / "cur" / "1795600002.M2.mx:2,")  # and this
                (maildir / "new" / "1795600003.M3.mx").unlink()  # deleted
            if len(seen) == 3:
                (maildir / "new" / "1795600004.M4.mx").unlink()  # between reading and moving
            mailbox.done(arrived)
    assert seen == [RAW % 1, RAW % 2, RAW % 4]
    assert names(maildir / ".newsletter" / "cur") == ["1795600001.M1.mx:2,S", "1795600002.M2.mx:2,S"]


def test_two_visits_at_once_lose_nothing(maildir: Path) -> None:
    for number in range(200):
        deliver(maildir, number)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(take_all("maildir", maildir))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(200, 300):
        deliver(maildir, number)
    for thread in threads:
        thread.join()
    found += take_all("maildir", maildir)
    assert set(found) == {RAW % number for number in range(300)}
    assert len(names(maildir / ".newsletter" / "cur")) == 300
    assert names(maildir / "new") == names(maildir / "cur") == []


LISTING = """
    import sys
    from pathlib import Path
    from newsletter.bounce.inbox.maildir import Maildir
    listed = []
    sys.addaudithook(lambda event, found: listed.append(found) if event == "os.scandir" else None)
    cur = Path(sys.argv[1]) / "cur"
    with Maildir(cur.parent, "newsletter", False) as mailbox:
        for number, arrived in enumerate(mailbox.unread()):
            if number == 20:
                for name in (arrived.name, "1795600030.M30.mx"):
                    (cur / f"{name}:2,S").rename(cur / f"{name}:2,FS")
            mailbox.done(arrived)
    print(len(listed))
"""


def test_the_folders_are_listed_anew_only_when_a_mail_is_not_where_it_was(maildir: Path) -> None:
    """Else fifty thousand mails that a mail program has seen would take twenty minutes."""
    for number in range(100):
        deliver(maildir, number, flags="S")
    listing = run(LISTING, maildir, stdout=subprocess.PIPE)
    assert listing.communicate(timeout=60)[0] == b"4\n"  # two folders at first, and once more after two were flagged
    assert len(names(maildir / ".newsletter" / "cur")) == 100
    assert names(maildir / "cur") == []


def test_a_name_that_is_taken_hides_no_mail(maildir: Path) -> None:
    for raw in (RAW % 1, RAW % 2):
        deliver(maildir, 1, raw=raw)
        take_all("maildir", maildir)
    assert sorted(path.read_bytes() for path in (maildir / ".newsletter" / "cur").iterdir()) == [RAW % 1, RAW % 2]


def test_a_process_that_dies_in_the_midst_leaves_all_that_is_not_done(maildir: Path) -> None:
    for number in range(3):
        deliver(maildir, number)
    dying = """
        import os, sys
        from pathlib import Path
        from newsletter.bounce.inbox.maildir import Maildir
        with Maildir(Path(sys.argv[1]), "newsletter", False) as mailbox:
            for number, arrived in enumerate(mailbox.unread()):
                if number == 1:
                    os._exit(9)
                mailbox.done(arrived)
    """
    assert run(dying, maildir).wait() == 9
    assert take_all("maildir", maildir) == [RAW % 1, RAW % 2]


def test_no_maildir(tmp_path: Path, maildir: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "newsletter.toml"):
        with pytest.raises(ConfigError, match="is no Maildir"), visit("maildir", path):
            pass
    (maildir / "new").rmdir()
    (maildir / "new").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is no Maildir"), visit("maildir", maildir):
        pass


def test_the_folder_for_what_is_done_is_no_link(maildir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "cur").mkdir(parents=True)
    (maildir / ".newsletter").symlink_to(tmp_path / "elsewhere")
    deliver(maildir, 1)
    with visit("maildir", maildir) as mailbox:
        (arrived,) = mailbox.unread()
        with pytest.raises(Unavailable, match="is no folder") as caught:
            mailbox.done(arrived)
    assert "\n" not in str(caught.value)
    assert names(maildir / "new") == ["1795600001.M1.mx"]
    assert names(tmp_path / "elsewhere" / "cur") == []


# --- mbox -------------------------------------------------------------------------------------------

BEGIN = b"From MAILER-DAEMON Mon Nov 23 06:30:00 2026\n"


def written(raw: bytes) -> bytes:
    """As Postfix appends it."""
    return BEGIN + raw.replace(b"\nFrom ", b"\n>From ") + b"\n"


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "spool" / "lettre"
    path.parent.mkdir()
    path.write_bytes(b"".join(written(RAW % number) for number in range(3)))
    path.chmod(0o660)
    return path


def test_an_mbox_gives_its_mails_and_is_not_changed(mbox: Path) -> None:
    before = mbox.read_bytes(), mbox.stat().st_mtime_ns, mbox.stat().st_ino
    for _ in range(2):
        assert take_all("mbox", mbox) == [RAW % 0, RAW % 1, RAW % 2]
    assert (mbox.read_bytes(), mbox.stat().st_mtime_ns, mbox.stat().st_ino) == before
    assert names(mbox.parent) == ["lettre"]


def test_an_mbox_that_is_not_to_be_changed_gives_all_of_it(mbox: Path) -> None:
    with visit("mbox", mbox) as mailbox:
        assert len(list(mailbox.unread(2))) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: un\n\nFrom Lome with love\n\nFrom the beginning\n",
        b"Subject: un\n\n>From a quoted mail\n",
        b"Subject: un\n\n",
        b"Subject: un\n\nsans fin de ligne",
        b"Subject: un\n\nlongue " + b"x" * 200_000 + b"\nFrom ici\n",
        b"Subject: un\n\n" + b"x" * 65_536 + b"From MAILER-DAEMON Mon Nov 23 06:30:00 2026\n",
        b"Subject: un\n\nFrom there on Mon Nov 23 06:30:00 2026\n\n\n",
    ],
    ids=["from", "quoted", "empty", "no-end", "long", "chunk", "date"],
)
def test_a_mail_with_from_in_it_is_one(mbox: Path, raw: bytes) -> None:
    end = b"" if raw.endswith(b"\n") else b"\n"
    mbox.write_bytes(written(raw + end) + written(RAW % 7))
    first, second = take_all("mbox", mbox)
    assert first == raw.replace(b"\n>From ", b"\nFrom ") + end
    assert second == RAW % 7


def test_lines_may_end_in_crlf(mbox: Path) -> None:
    mbox.write_bytes((written(RAW % 1) + written(RAW % 2)).replace(b"\n", b"\r\n"))
    assert take_all("mbox", mbox, delete=True) == [(RAW % number).replace(b"\n", b"\r\n") for number in (1, 2)]
    assert mbox.read_bytes() == b""


def test_all_done_cuts_the_file_to_nothing(mbox: Path) -> None:
    before = mbox.stat()
    assert len(take_all("mbox", mbox, delete=True)) == 3
    assert mbox.read_bytes() == b""
    assert (mbox.stat().st_ino, mbox.stat().st_mode) == (before.st_ino, before.st_mode)
    assert names(mbox.parent) == ["lettre"]
    assert take_all("mbox", mbox, delete=True) == []


def test_what_is_left_or_kept_stays_in_its_place(mbox: Path) -> None:
    if os.getuid() == 0:
        os.chown(mbox, 65534, 8)
    before = mbox.stat()
    mbox.write_bytes(b"".join(written(RAW % number) for number in range(6)))
    with visit("mbox", mbox, delete=True) as mailbox:
        for number, arrived in enumerate(mailbox.unread()):
            if number == 1:
                mailbox.leave(arrived)
            elif number != 5:
                mailbox.done(arrived, keep=number == 3)
    assert mbox.read_bytes() == written(RAW % 1) + written(RAW % 3) + written(RAW % 5)
    after = mbox.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert names(mbox.parent) == ["lettre"]


def test_a_limit_of_an_mbox_that_is_emptied(mbox: Path) -> None:
    with visit("mbox", mbox, delete=True) as mailbox:
        for arrived in mailbox.unread(2):
            mailbox.done(arrived)
    assert mbox.read_bytes() == written(RAW % 2)


def test_what_was_done_before_something_failed_is_removed(mbox: Path) -> None:
    def fail() -> None:
        with visit("mbox", mbox, delete=True) as mailbox:
            for number, arrived in enumerate(mailbox.unread()):
                if number == 1:
                    raise RuntimeError
                mailbox.done(arrived)

    with pytest.raises(RuntimeError):
        fail()
    assert mbox.read_bytes() == written(RAW % 1) + written(RAW % 2)


def test_mails_of_the_same_bytes_are_counted(mbox: Path) -> None:
    mbox.write_bytes(written(RAW % 1) * 3)
    with visit("mbox", mbox, delete=True) as mailbox:
        for arrived in mailbox.unread(2):
            mailbox.done(arrived)
    assert mbox.read_bytes() == written(RAW % 1)


def test_what_arrives_meanwhile_stays(mbox: Path) -> None:
    def more(number: int) -> None:
        with mbox.open("ab") as file:
            file.write(written(RAW % number))

    found = []
    with visit("mbox", mbox, delete=True) as mailbox:
        for arrived in mailbox.unread():
            mailbox.done(arrived)
            found.append(arrived.raw)
            if arrived.raw == RAW % 2:
                more(8)
        more(9)
    assert found == [RAW % 0, RAW % 1, RAW % 2, RAW % 8]
    assert mbox.read_bytes() == written(RAW % 9)


def test_another_program_rewrites_the_mailbox_meanwhile(mbox: Path, caplog: pytest.LogCaptureFixture) -> None:
    mbox.write_bytes(b"".join(written(b"Subject: %d\n\n%s" % (n, b"x" * 70 * 1000 + b"\n")) for n in range(200)))
    with visit("mbox", mbox, delete=True) as mailbox:
        for number, arrived in enumerate(mailbox.unread()):
            mailbox.done(arrived)
            if number == 0:
                mbox.write_bytes(written(RAW % 5) + written(arrived.raw))
    assert "was changed by another program" in caplog.text
    assert mbox.read_bytes() == written(RAW % 5)  # the one that was done goes, wherever it is now


def run(code: str, *arguments: object, stdout: int | None = None) -> subprocess.Popen[bytes]:
    lines = code.splitlines()
    width = len(lines[1]) - len(lines[1].lstrip())
    words = [sys.executable, "-c", "\n".join(line[width:] for line in lines), *map(str, arguments)]
    return subprocess.Popen(words, env={"PYTHONPATH": str(ROOT)}, stdout=stdout)


DELIVERING = """
    import fcntl, os, sys, time
    path, count = sys.argv[1], int(sys.argv[2])
    for number in range(count):
        while True:  # the lock file first, then the mailbox is opened: as Postfix does
            try:
                os.close(os.open(path + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
                break
            except FileExistsError:
                time.sleep(0.001)
        with open(path, "ab") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            file.write(b"From MAILER-DAEMON Mon Nov 23 06:30:00 2026\\nSubject: %d\\n\\nretour" % number)
            file.flush()
            file.write(b"\\n\\n")
        os.unlink(path + ".lock")
        if number % 10 == 0:
            time.sleep(0.002)
"""


def test_nothing_is_lost_while_another_process_delivers(mbox: Path) -> None:
    mbox.write_bytes(b"")
    delivering = run(DELIVERING, mbox, 400)
    found: list[bytes] = []
    try:
        while delivering.poll() is None:
            with visit("mbox", mbox, delete=True) as mailbox:
                for number, arrived in enumerate(mailbox.unread()):
                    if number % 3 == 2:
                        mailbox.leave(arrived)
                        continue
                    found.append(arrived.raw)
                    mailbox.done(arrived)
    finally:
        delivering.wait(60)
    found += take_all("mbox", mbox, delete=True)
    assert sorted(found) == sorted(b"Subject: %d\n\nretour\n" % number for number in range(400))
    assert mbox.read_bytes() == b""


VISITING = """
    import sys, time
    from pathlib import Path
    from newsletter.bounce.inbox.mbox import Mbox
    end = time.monotonic() + 60
    while not Path(sys.argv[2]).exists() and time.monotonic() < end:
        with Mbox(Path(sys.argv[1]), True, 30, time.monotonic, lambda seconds: time.sleep(0.001)) as mailbox:
            for number, arrived in enumerate(mailbox.unread()):
                if number % 3 == 2:
                    mailbox.leave(arrived)
                    continue
                print(arrived.raw.split()[1].decode())
                mailbox.done(arrived)
"""


def test_two_visits_and_a_delivery_at_once_lose_nothing(mbox: Path) -> None:
    mbox.write_bytes(b"")
    stop = mbox.with_name("stop")
    visiting = [run(VISITING, mbox, stop, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        assert run(DELIVERING, mbox, 600).wait(60) == 0
    finally:
        stop.touch()
        said = [one.communicate(timeout=60)[0].decode() for one in visiting]
    assert [one.returncode for one in visiting] == [0, 0]
    found = {int(number) for one in said for number in one.split()}
    found |= {int(raw.split()[1]) for raw in take_all("mbox", mbox, delete=True)}
    assert found == set(range(600))  # some perhaps by both, which is no harm


class Replaced(type(Path())):  # type: ignore[misc]
    """A mailbox that another program replaces, once, between our opening it and our having its locks."""

    armed = False

    def is_file(self) -> bool:
        if self.armed:
            self.armed = False
            fresh = Path(f"{self}.fresh")
            fresh.write_bytes(Path(str(self)).read_bytes() + written(RAW % 8))
            fresh.rename(str(self))
        return bool(super().is_file())


def test_a_mailbox_that_is_replaced_before_it_is_locked_is_opened_anew(mbox: Path) -> None:
    path = Replaced(mbox)
    with visit("mbox", path, delete=True) as mailbox:
        for arrived in mailbox.unread():
            mailbox.leave(arrived) if arrived.raw == RAW % 2 else mailbox.done(arrived)
        path.armed = True
    assert mbox.read_bytes() == written(RAW % 2) + written(RAW % 8)


HOLDING = """
    import fcntl, sys, time
    with open(sys.argv[1], "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def impatient() -> dict[str, Any]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return {"patience": Patience(lock=2), "clock": lambda: now[0], "sleep": sleep}


def test_a_mailbox_that_is_locked_is_waited_for_so_long_and_no_longer(mbox: Path, impatient: dict[str, Any]) -> None:
    text = "\n".join(line[4:] for line in HOLDING.splitlines())
    with subprocess.Popen([sys.executable, "-c", text, str(mbox)], stdout=subprocess.PIPE) as holding:
        try:
            assert holding.stdout is not None
            holding.stdout.readline()
            with pytest.raises(Unavailable, match="has locked it for 2 s"), visit("mbox", mbox, **impatient):
                pass
            assert names(mbox.parent) == ["lettre"]
        finally:
            holding.kill()
    assert len(take_all("mbox", mbox)) == 3


def test_a_lock_file_counts_until_it_is_old(mbox: Path, impatient: dict[str, Any]) -> None:
    lock = mbox.with_name("lettre.lock")
    lock.write_text("1\n", encoding="ascii")
    with pytest.raises(Unavailable, match=r"remove .*lettre\.lock"), visit("mbox", mbox, **impatient):
        pass
    os.utime(lock, (time.time() - 3600, time.time() - 3600))
    assert len(take_all("mbox", mbox)) == 3
    assert not lock.exists()


def test_what_a_dead_run_left_beside_it_is_no_harm(mbox: Path) -> None:
    mbox.with_name(".lettre.newsletter").write_bytes(b"half of a")
    with visit("mbox", mbox, delete=True) as mailbox:
        mailbox.done(next(mailbox.unread()))
    assert mbox.read_bytes() == written(RAW % 1) + written(RAW % 2)
    assert names(mbox.parent) == ["lettre"]


def test_a_process_that_dies_in_the_midst_leaves_the_mailbox_whole(mbox: Path) -> None:
    before = mbox.read_bytes()
    dying = """
        import os, sys, time
        from pathlib import Path
        from newsletter.bounce.inbox.mbox import Mbox
        mailbox = Mbox(Path(sys.argv[1]), True, 5, time.monotonic, time.sleep).__enter__()
        for arrived in mailbox.unread():
            mailbox.done(arrived)
        os._exit(9)
    """
    assert run(dying, mbox).wait() == 9
    assert mbox.read_bytes() == before
    assert len(take_all("mbox", mbox, delete=True)) == 3


def peak_of(mbox: Path) -> tuple[int, int]:
    """How many bytes were held at most, and how many mails came."""
    digests = set()
    tracemalloc.start()
    try:
        with visit("mbox", mbox, delete=True) as mailbox:
            for arrived in mailbox.unread():
                digests.add(hashlib.sha256(arrived.raw).digest())
                mailbox.done(arrived)
        return tracemalloc.get_traced_memory()[1], len(digests)
    finally:
        tracemalloc.stop()


LINE = b"ligne " * 100 + b"\n"


def test_a_large_mailbox_is_never_held_whole(mbox: Path) -> None:
    with mbox.open("wb") as file:
        for number in range(4000):
            file.write(written(b"Subject: %d\n\n" % number + LINE * 20))
    size = mbox.stat().st_size
    peak, count = peak_of(mbox)
    assert count == 4000
    assert peak < size / 4
    assert mbox.read_bytes() == b""


def test_a_mail_that_is_too_large_is_told_and_left(mbox: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mbox.open("ab") as file:
        file.write(BEGIN + b"Subject: large\n\n" + LINE * (3 * LARGEST // len(LINE)) + b"\n")
        file.write(written(RAW % 9))
    peak, count = peak_of(mbox)
    assert count == 4
    assert peak < 2 * LARGEST
    assert "is left where it is" in caplog.text
    assert mbox.stat().st_size > 2.9 * LARGEST


@pytest.mark.parametrize(
    "content", [b"Subject: no mbox\n\n", b"From nobody\n\n", b"\0" * 100], ids=["mail", "from", "nul"]
)
def test_what_is_no_mbox_is_not_read(mbox: Path, content: bytes) -> None:
    mbox.write_bytes(content)
    with pytest.raises(ConfigError, match="is no mbox"), visit("mbox", mbox):
        pass


def test_where_there_is_no_mbox(tmp_path: Path, mbox: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(mbox)
    for path in (tmp_path / "nothing", tmp_path, link):
        with pytest.raises(ConfigError, match=r"bounces\.inbox: .*(cannot be opened|is no file)"), visit("mbox", path):
            pass


def test_the_notes_of_other_programs_are_no_mail(mbox: Path) -> None:
    notes = b"Subject: DON'T DELETE THIS MESSAGE\nX-IMAP: 1795 0001\n\nnotes\n"
    mbox.write_bytes(written(notes) + written(RAW % 1))
    assert take_all("mbox", mbox, delete=True) == [RAW % 1]
    assert mbox.read_bytes() == written(notes)


@pytest.fixture
def no_warnings_of_ours(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_an_empty_mailbox(kind: str, maildir: Path, mbox: Path, no_warnings_of_ours: Callable[[], list[str]]) -> None:
    mbox.write_bytes(b"")
    for delete in (False, True):
        assert take_all(kind, maildir if kind == "maildir" else mbox, delete=delete) == []
    assert no_warnings_of_ours() == []
    assert not (maildir / ".newsletter").exists()
