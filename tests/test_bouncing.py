"""`newsletter bounces` at the command line: the configured mailbox, another, one mail by a pipe, the list."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from newsletter import daily, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import bounces
from newsletter.store.database import read
from tests.browser import everything
from tests.fakes import FakeMailer
from tests.imap_server import CLOSE, playing

LETTER = b"From: ama@lecteurs.example\nTo: b@bounces.example\nSubject: Bravo\n\nMerci pour l'article sur le port.\n"
STOP = b"From: ama@lecteurs.example\nTo: b+%s@bounces.example\nSubject: STOP\n\nSTOP\n"


@pytest.fixture
def sent(room: Newsroom, add_article: Callable[..., Path]) -> Newsroom:
    room.__dict__["mailer"] = FakeMailer()
    subscribe.add(room, ["ama@lecteurs.example", "kodjo@lecteurs.example"], "test")
    add_article("Le port rouvre")
    daily.send(room, room.today(), watch=Watch(Stop(room.clock)))
    return room


def token(room: Newsroom, address: str) -> str:
    with read(room.engine) as connection:
        found = bounces.latest_delivery(connection, subscribe.find(room, address).id)
    assert found is not None
    return room.signer.token(Purpose.DELIVERY, found.id)


def dead(room: Newsroom, address: str) -> bytes:
    """As a server writes that needs few words."""
    return (
        f"From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nTo: b+{token(room, address)}@bounces.example\n"
        f"Subject: Undelivered Mail Returned to Sender\n\n<{address}>: host mx.example said: 550 5.1.1 User unknown\n"
    ).encode()


def run(folder: Path, *words: str, mail: bytes = b"", password: str | None = None) -> Result:
    words = ("--config", str(folder / "newsletter.toml"), "bounces", *words)
    return CliRunner().invoke(cli, words, input=mail, env={"NEWSLETTER_BOUNCES_PASSWORD": password})


def status(room: Newsroom, address: str) -> SubscriberStatus:
    return subscribe.find(room, address).status


def test_without_a_mailbox_there_is_nothing_to_read(sent: Newsroom, folder: Path) -> None:
    done = run(folder)
    assert done.exit_code == 78
    assert "bounces.inbox" in done.stderr


def test_another_mailbox_is_read(sent: Newsroom, folder: Path) -> None:
    (folder / "retour").write_bytes(b"From x Mon Nov 23 08:00:00 2026\n" + dead(sent, "ama@lecteurs.example"))
    done = run(folder, "--inbox", f"mbox:{folder / 'retour'}")
    assert (done.exit_code, done.stdout) == (0, "1 mail: 1 bounce\ngone: 1\n"), done.output
    assert status(sent, "ama@lecteurs.example") is SubscriberStatus.UNREACHABLE
    again = json.loads(run(folder, "--inbox", f"mbox:{folder / 'retour'}", "--json").stdout)
    assert (again["mails"], again["done"]["known"], again["done"]["gone"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("place", "code"), [("nowhere:x", 2), ("maildir:/nowhere/at/all", 78), ("imap://ama@mail.example/INBOX", 2)]
)
def test_a_mailbox_that_is_none(sent: Newsroom, folder: Path, place: str, code: int) -> None:
    done = run(folder, "--inbox", place)
    assert done.exit_code == code
    assert done.stderr.count("\n") <= 4
    assert "Traceback" not in done.output


def test_one_mail_by_a_pipe(sent: Newsroom, folder: Path) -> None:
    done = run(folder, "--stdin", mail=dead(sent, "ama@lecteurs.example"))
    assert (done.exit_code, done.output) == (0, "")
    assert status(sent, "ama@lecteurs.example") is SubscriberStatus.UNREACHABLE
    assert run(folder, "--stdin", mail=dead(sent, "ama@lecteurs.example")).exit_code == 0
    assert run(folder, "--stdin", mail=STOP % token(sent, "kodjo@lecteurs.example").encode()).exit_code == 0
    assert status(sent, "kodjo@lecteurs.example") is SubscriberStatus.UNSUBSCRIBED
    assert run(folder, "--stdin", mail=LETTER).exit_code == 0
    assert run(folder, "--stdin", mail=b"\0\xff not a mail at all").exit_code == 0


def test_whatever_goes_wrong_the_mail_server_tries_again(sent: Newsroom, folder: Path) -> None:
    toml = folder / "newsletter.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace('editors = ["redaction@journal.example"]\n', ""), encoding="utf-8")
    assert run(folder, "--stdin", mail=LETTER).exit_code == 75  # nobody to pass it on to
    toml.write_text(text + "\n[nonsense]\n", encoding="utf-8")
    assert run(folder, "--stdin", mail=LETTER).exit_code == 75
    sent.engine.dispose()
    (folder / "subscribers.db").write_bytes(b"this is no database, " * 500)
    toml.write_text(text, encoding="utf-8")
    done = run(folder, "--stdin", mail=LETTER)
    assert done.exit_code == 75
    assert "Traceback" not in done.output


def test_a_closed_standard_input_is_named(sent: Newsroom, folder: Path) -> None:
    program = [sys.executable, "-m", "newsletter", "--config", str(folder / "newsletter.toml"), "bounces"]
    for words, code in ((["--stdin"], 75), (["classify", "-"], 65)):
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *program, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert "standard input is closed" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("mail", [b"", b"\n", b" \r\n\t\n"], ids=repr)
def test_an_empty_mail_is_nobodys_letter(sent: Newsroom, folder: Path, mail: bytes) -> None:
    before = everything(sent)
    done = run(folder, "--stdin", mail=mail)
    assert (done.exit_code, done.output) == (0, "")
    maildir = folder / "Maildir"
    for name in ("new", "cur"):
        (maildir / name).mkdir(parents=True)
    (maildir / "new" / "1.mx").write_bytes(mail)
    (maildir / "new" / "2.mx").write_bytes(LETTER)
    assert run(folder, "--inbox", f"maildir:{maildir}").stdout == "1 mail: 1 letter\npassed on: 1\n"
    assert list((maildir / "new").iterdir()) == []
    after = everything(sent)
    assert len(after["bounces"]) - len(before["bounces"]) == 1
    assert len(after["letters"]) - len(before["letters"]) == 1


def test_the_list(sent: Newsroom, folder: Path) -> None:
    run(folder, "--stdin", mail=dead(sent, "ama@lecteurs.example"))
    forged = dead(sent, "kodjo@lecteurs.example").replace(token(sent, "kodjo@lecteurs.example").encode(), b"x" * 40)
    run(folder, "--stdin", mail=forged)
    told = json.loads(run(folder, "list", "--json").stdout)
    assert [(one["address"], one["proof"], one["reason"], one["dead"]) for one in told] == [
        ("kodjo@lecteurs.example", "address", "unknown_user", True),
        ("ama@lecteurs.example", "return_path", "unknown_user", True),
    ]
    assert len(json.loads(run(folder, "list", "--unproven", "--json").stdout)) == 1
    assert len(json.loads(run(folder, "list", "--edition", "2026-11-23", "--json").stdout)) == 1
    assert run(folder, "list", "--edition", "2020-01-01").exit_code == 65
    assert status(sent, "kodjo@lecteurs.example") is SubscriberStatus.ACTIVE


def test_the_next_visit_goes_on_where_the_last_one_was_cut_off(sent: Newsroom, folder: Path) -> None:
    """The server breaks off at its first mail whenever that is asked for."""
    gone = dead(sent, "ama@lecteurs.example").replace(b"\n", b"\r\n")
    second = b"* 2 FETCH (UID 12 BODY[] {%d}\r\n%s)\r\n{tag} OK done\r\n" % (len(gone), gone)
    with playing(UID_FETCH_5=CLOSE, UID_FETCH_12=second) as server:
        place = f"imap://retours@127.0.0.1:{server.port}/INBOX"
        for expected in (SubscriberStatus.ACTIVE, SubscriberStatus.UNREACHABLE):
            done = run(folder, "--inbox", place, password="mot")
            assert done.exit_code == 69, done.output
            assert status(sent, "ama@lecteurs.example") is expected
    with playing(UID_SEARCH=b"* SEARCH 5\r\n{tag} OK done\r\n") as server:  # another mailbox begins at its beginning
        done = run(folder, "--inbox", f"imap://retours@127.0.0.1:{server.port}/INBOX", password="mot")
        assert done.exit_code == 0, done.output
        assert any("UID FETCH 5 " in said for said in server.said)
