"""IMAP: a real Dovecot, and servers that hang, lie and talk nonsense."""

from __future__ import annotations

import imaplib
import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from newsletter.bounce.inbox import Arrived, Mailbox, Patience, names, open_inbox
from newsletter.errors import ConfigError, NewsletterError, Unavailable
from newsletter.settings import Inbox
from tests import dovecot, imap_server
from tests.imap_server import CLOSE, DRIP, FLOOD, HANG, MAIL, playing

RAW = b"Subject: Retour %d\r\n\r\nVotre lettre n'est pas arriv\xc3\xa9e.\r\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[dovecot.Dovecot]:
    with dovecot.running() as server:
        yield server


@pytest.fixture
def server(shared: dovecot.Dovecot) -> dovecot.Dovecot:
    """The same one for all tests, with its folders empty."""
    with client(shared) as imap:
        for line in imap.list()[1]:
            name = line.decode().rpartition(' "." ')[2] if isinstance(line, bytes) else ""
            if name and name != "INBOX":
                imap.delete(name)
        if imap.select()[1] != [b"0"]:
            imap.store("1:*", "+FLAGS", "(\\Deleted)")
            imap.expunge()
    return shared


def client(server: dovecot.Dovecot) -> imaplib.IMAP4_SSL:
    """Another program at the same mailbox."""
    imap = imaplib.IMAP4_SSL("localhost", server.tls, ssl_context=server.context)
    imap.authenticate("PLAIN", lambda _: f"\0{dovecot.USER}\0{dovecot.PASSWORD}".encode())
    return imap


def fill(server: dovecot.Dovecot, *contents: bytes, folder: str = "INBOX") -> None:
    with client(server) as imap:
        for raw in contents:
            assert imap.append(folder, None, None, raw)[0] == "OK"


def held(server: dovecot.Dovecot, folder: str = "INBOX") -> list[tuple[bytes, bytes]]:
    """What a folder holds: flags and content."""
    with client(server) as imap:
        if imap.select(folder, readonly=True)[0] != "OK":
            return []
        data = imap.fetch("1:*", "(FLAGS BODY.PEEK[])")[1] if imap.search(None, "ALL")[1] != [b""] else []
    return [(flags(part[0]), part[1]) for part in data if isinstance(part, tuple)]


def flags(answer: bytes) -> bytes:
    return b" ".join(sorted(flag for flag in imaplib.ParseFlags(answer) if flag != b"\\Recent"))


def visit(
    server: dovecot.Dovecot,
    *,
    scheme: str = "imaps",
    place: str = "INBOX",
    password: str = dovecot.PASSWORD,
    folder: str = "newsletter",
    delete: bool = False,
    context: ssl.SSLContext | None = None,
    user: str = "retours%40bounces.example",
    port: int = 0,
) -> AbstractContextManager[Mailbox]:
    port = port or (server.tls if scheme == "imaps" else server.plain)
    where = Inbox.parse(f"{scheme}://{user}@localhost:{port}/{place}")
    assert where is not None
    return open_inbox(
        where, path=None, password=password, folder=folder, delete=delete, context=context or server.context
    )


def take_all(mailbox: AbstractContextManager[Mailbox]) -> list[bytes]:
    found = []
    with mailbox as opened:
        for arrived in opened.unread():
            found.append(arrived.raw)
            opened.done(arrived)
    return found


# --- A real server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls"])
def test_mails_come_the_oldest_first_and_are_moved(server: dovecot.Dovecot, scheme: str) -> None:
    fill(server, *(RAW % number for number in range(3)))
    assert take_all(visit(server, scheme=scheme)) == [RAW % 0, RAW % 1, RAW % 2]
    assert held(server) == []
    assert held(server, "newsletter") == [(b"\\Seen", RAW % number) for number in range(3)]
    with client(server) as imap:
        assert b"newsletter" in b" ".join(line for line in imap.lsub()[1] if isinstance(line, bytes))
    assert take_all(visit(server, scheme=scheme)) == []


def test_nothing_is_marked_before_it_is_done(server: dovecot.Dovecot) -> None:
    fill(server, RAW % 1, RAW % 2)
    with visit(server) as mailbox:
        for arrived in mailbox.unread():
            mailbox.leave(arrived)
    assert held(server) == [(b"", RAW % 1), (b"", RAW % 2)]
    assert held(server, "newsletter") == []


def test_what_is_left_holds_nobody_up(server: dovecot.Dovecot) -> None:
    fill(server, *(RAW % number for number in range(4)))
    with visit(server) as mailbox:
        for arrived in mailbox.unread(2):
            mailbox.leave(arrived) if arrived.raw == RAW % 0 else mailbox.done(arrived)
    assert [raw for _, raw in held(server)] == [RAW % 0, RAW % 3]


HASTY = Patience(connect=20, step=20, mail=20, total=100)


def a_short_visit(
    server: dovecot.Dovecot, behind: str, left: bytes, delivering: bytes = b""
) -> tuple[list[bytes], str]:
    """Four mails, and its time is over; what begins so is left. What it had, and the mail that it came to."""
    passed, found = [0.0], []
    where = Inbox.parse(f"imaps://retours%40bounces.example@localhost:{server.tls}/INBOX")
    assert where is not None
    with open_inbox(
        where, path=None, password=dovecot.PASSWORD, folder="newsletter", delete=False, behind=behind,
        context=server.context, patience=HASTY, clock=lambda: time.monotonic() + passed[0],
    ) as mailbox:  # fmt: skip
        for arrived in mailbox.unread():
            found.append(arrived.raw)
            mailbox.leave(arrived) if arrived.raw.startswith(left) else mailbox.done(arrived)
            passed[0] += 20
    if delivering:
        fill(server, delivering)
    return found, mailbox.reached


def test_visits_that_are_cut_off_come_to_every_mail_behind_those_that_are_left(server: dovecot.Dovecot) -> None:
    letters = [b"Subject: Lettre %d\r\n\r\nBonjour\r\n" % number for number in range(10)]
    fill(server, *letters, RAW % 1, RAW % 2)
    found, reached = [], ""
    for number in range(4):
        some, reached = a_short_visit(server, reached, b"Subject: Lettre", RAW % 3 if number == 1 else b"")
        found.append(some)
    assert found == [letters[:4], letters[4:8], [*letters[8:], RAW % 1, RAW % 2], [RAW % 3, *letters[:3]]]
    assert [raw for _, raw in held(server)] == letters
    assert len(held(server, "newsletter")) == 3
    assert {flag for flag, _ in held(server)} == {b""}  # and nothing is marked for it


def test_where_the_last_visit_ended_means_nothing_in_another_folder(server: dovecot.Dovecot) -> None:
    fill(server, *(RAW % number for number in range(3)))
    for behind in ("1-2", "", "-", "nonsense", "1-x", "1-²"):
        assert a_short_visit(server, behind, b"Subject")[0] == [RAW % 0, RAW % 1, RAW % 2]


def test_deleted_where_that_is_wanted_and_never_what_others_marked(server: dovecot.Dovecot) -> None:
    fill(server, *(RAW % number for number in range(4)))
    with client(server) as imap:
        imap.select()
        imap.store("4", "+FLAGS", "(\\Deleted)")  # somebody has second thoughts about it still
        imap.unselect()
    with visit(server, delete=True) as mailbox:
        for arrived in mailbox.unread():
            mailbox.done(arrived, keep=arrived.raw == RAW % 2)
    assert held(server) == [(b"\\Deleted", RAW % 3)]
    assert held(server, "newsletter") == [(b"\\Seen", RAW % 2)]


def test_many_mails(server: dovecot.Dovecot) -> None:
    fill(server, *(RAW % number for number in range(130)))
    assert take_all(visit(server)) == [RAW % number for number in range(130)]
    assert len(held(server, "newsletter")) == 130


def test_folders_have_any_name(server: dovecot.Dovecot) -> None:
    with client(server) as imap:
        assert imap.create(names.folder("Retours & échecs"))[0] == "OK"
    fill(server, RAW % 1, folder=names.folder("Retours & échecs"))
    assert take_all(visit(server, place="Retours%20%26%20%C3%A9checs", folder="Deja lu")) == [RAW % 1]
    assert held(server, '"Deja lu"') == [(b"\\Seen", RAW % 1)]


def test_mails_are_taken_away_meanwhile(server: dovecot.Dovecot) -> None:
    fill(server, *(RAW % number for number in range(3)))
    found = []
    with visit(server) as mailbox, client(server) as other:
        other.select()
        for arrived in mailbox.unread():
            found.append(arrived.raw)
            mailbox.done(arrived)
            if len(found) == 1:
                other.store("1:2", "+FLAGS", "(\\Deleted)")
                other.expunge()
    assert RAW % 0 in found
    assert RAW % 2 in found
    assert RAW % 2 in [raw for _, raw in held(server, "newsletter")]
    assert held(server) == []


def test_a_visit_that_fails_moves_what_was_done(server: dovecot.Dovecot) -> None:
    fill(server, RAW % 1, RAW % 2)

    def fail() -> None:
        with visit(server) as mailbox:
            mailbox.done(next(mailbox.unread()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [raw for _, raw in held(server)] == [RAW % 2]


def test_a_wrong_password_and_a_missing_folder_are_mistakes_of_ours(server: dovecot.Dovecot) -> None:
    for wrong, said in [
        ({"password": "faux"}, "the log-in as retours@bounces.example failed: .*check the user"),
        ({"user": "personne"}, "the log-in as personne failed"),
        ({"place": "Nulle/part"}, "there is no folder Nulle/part"),
        ({"password": ""}, "needs the mailbox's password"),
    ]:
        with pytest.raises(ConfigError, match=said) as caught, visit(server, **wrong):
            pass
        assert "\n" not in str(caught.value)
        assert "faux" not in str(caught.value)


def test_the_very_folder_that_is_read_is_refused(server: dovecot.Dovecot) -> None:
    with client(server) as imap:
        imap.create("retours")
    fill(server, RAW % 1, folder="retours")
    with pytest.raises(ConfigError, match="is the very folder that is read"):
        take_all(visit(server, place="retours", folder="Retours"))
    assert [raw for _, raw in held(server, "retours")] == [RAW % 1]


def test_the_certificate_is_looked_at(server: dovecot.Dovecot) -> None:
    for scheme in ("imaps", "imap+starttls"):
        with pytest.raises(Unavailable, match="the certificate of localhost is not to be trusted"):
            take_all(visit(server, scheme=scheme, context=ssl.create_default_context()))


def test_tls_where_there_is_none_and_none_where_it_is_asked_for(server: dovecot.Dovecot) -> None:
    with pytest.raises(Unavailable, match="speaks no TLS that we accept"):
        take_all(visit(server, port=server.plain))
    closed = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n{tag} OK done\r\n"
    with playing(CAPABILITY=closed) as strict, pytest.raises(ConfigError, match="takes no password this way"):
        take_all(fake(strict))
    assert not any("LOGIN " in said for said in strict.said)


def test_in_the_clear_on_this_machine() -> None:
    with dovecot.running(tls_only=False) as server:
        fill(server, RAW % 1)
        assert take_all(visit(server, scheme="imap")) == [RAW % 1]


@pytest.mark.parametrize("missing", ["MOVE", "MOVE UIDPLUS"])
def test_a_server_without_move(missing: str) -> None:
    has = ["IMAP4rev1", "ENABLE", "NAMESPACE", "UNSELECT", "MOVE", "UIDPLUS"]
    left = " ".join(word for word in has if word not in missing.split())
    with dovecot.running(more=f"imap_capability = {left}") as server:
        fill(server, RAW % 1, RAW % 2, RAW % 3)
        with client(server) as imap:
            imap.select()
            imap.store("3", "+FLAGS", "(\\Deleted)")
            imap.unselect()
        assert take_all(visit(server)) == [RAW % 1, RAW % 2]
        marked = [(b"\\Deleted", RAW % 3)]
        if "UIDPLUS" in missing:  # the mark has to do, and what is marked does not come again
            marked = [*((b"\\Deleted \\Seen", RAW % number) for number in (1, 2)), *marked]
        assert held(server) == marked
        assert [raw for _, raw in held(server, "newsletter")] == [RAW % 1, RAW % 2]
        assert take_all(visit(server)) == []


def test_a_server_where_all_folders_stand_below_the_inbox() -> None:
    below = "namespace inbox {\n  inbox = yes\n  prefix = INBOX.\n  separator = .\n}"
    with dovecot.running(more=below) as server:
        fill(server, RAW % 1)
        assert take_all(visit(server)) == [RAW % 1]
        assert [raw for _, raw in held(server, "INBOX.newsletter")] == [RAW % 1]


# --- Servers of our own making ------------------------------------------------------------------------

HURRY = Patience(connect=2, step=0.6, mail=0.6, total=20)


def fake(server: imap_server.Server, *, delete: bool = False, **more: Any) -> AbstractContextManager[Mailbox]:
    where = Inbox.parse(f"imap://retours@127.0.0.1:{server.port}/INBOX")
    assert where is not None
    patience = more.pop("patience", HURRY)
    return open_inbox(where, path=None, password="mot", folder="newsletter", delete=delete, patience=patience, **more)


def test_an_honest_server_without_anything_new() -> None:
    with playing() as server, fake(server) as mailbox:
        found = list(mailbox.unread())
        mailbox.done(found[0])
    assert found == [Arrived(MAIL, "7-5", len(MAIL)), Arrived(MAIL, "7-12", len(MAIL))]
    assert [said.partition(" ")[2] for said in server.said][-4:] == [
        "UID STORE 5 +FLAGS.SILENT (\\Seen)",
        'UID COPY 5 "newsletter"',
        "UID STORE 5 +FLAGS.SILENT (\\Deleted)",
        "LOGOUT",
    ]
    assert not any("EXPUNGE" in said or "CLOSE" in said for said in server.said)


def test_a_folder_that_must_stand_below_the_inbox_and_no_word_of_it() -> None:
    script = {
        'LIST "" "NEWSLETTER"': b"{tag} OK done\r\n",
        'LIST "" "INBOX.NEWSLETTER"': b"{tag} OK done\r\n",
        'CREATE "NEWSLETTER"': b"{tag} NO all folders stand below the inbox\r\n",
    }
    with playing(**script) as server, fake(server) as mailbox:
        mailbox.done(next(mailbox.unread()))
    said = [one.partition(" ")[2] for one in server.said]
    assert 'CREATE "INBOX.newsletter"' in said
    assert 'SUBSCRIBE "INBOX.newsletter"' in said
    assert 'UID COPY 5 "INBOX.newsletter"' in said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"GREETING": HANG}, "no answer in time"),
        ({"GREETING": DRIP}, "no answer in time"),
        ({"GREETING": FLOOD}, "cannot be reached"),
        ({"GREETING": b"* BYE too many of you\r\n"}, "BYE too many of you|too many"),
        ({"GREETING": b"220 smtp.example ESMTP\r\n"}, "unexpected response"),
        ({"GREETING": b"\xff\xfe\x00\x01\r\n"}, "cannot be reached"),
        ({"GREETING": CLOSE}, "closed the connection"),
        ({"CAPABILITY": b"{tag} BAD what\r\n"}, "BAD"),
        ({"CAPABILITY": b"* CAPABILITY {4}\r\nabcd\r\n{tag} OK\r\n"}, "cannot be reached"),
        ({"CAPABILITY": b"* CAPABILITY IMAP4rev1 \xe9\r\n{tag} OK\r\n"}, "cannot be reached"),
        ({"AUTHENTICATE": HANG}, "the log-in fails: no answer in time"),
        ({"AUTHENTICATED": b"* BYE go away\r\n" + CLOSE}, "go away|closed"),
        ({"AUTHENTICATED": b"{tag} NO [UNAVAILABLE] the database is away\r\n"}, "refused for now"),
        ({"SELECT": HANG}, "the folder cannot be opened: no answer in time"),
        ({"SELECT": b"{tag} NO [SERVERBUG] oh\r\n"}, "cannot be opened for now"),
        ({"UID SEARCH": DRIP}, "the mails cannot be listed: no answer in time"),
        ({"UID SEARCH": FLOOD}, "the mails cannot be listed: (no answer in time|it says more)"),
        ({"UID SEARCH": b"* SEARCH five\r\n{tag} OK done\r\n"}, "the mails cannot be listed"),
        ({"UID SEARCH": b"{tag} NO never\r\n"}, "NO never"),
        ({"UID FETCH SIZE": b"{tag} BAD syntax\r\n"}, "BAD"),
        ({"UID FETCH 5": b"* 1 FETCH (UID 5 BODY[] {28}\r\nSubject" + HANG}, "a mail cannot be fetched: no answer"),
        ({"UID FETCH 5": b"* 1 FETCH (UID 5 BODY[] {99999999999}\r\n"}, "announces 99999999999 bytes"),
        ({"UID FETCH 5": b"* 1 FETCH (UID 5 BODY[] {28}\r\nSubject" + CLOSE}, "closed the connection"),
        ({"UID FETCH 5": b"{tag}X OK\r\n"}, "unexpected"),
        ({"UID FETCH 5": b"* BYE idle\r\n" + CLOSE}, "idle|closed"),
        ({"UID STORE": b"{tag} NO read only\r\n"}, "mails cannot be moved: NO read only"),
        ({"UID COPY": b"{tag} NO [OVERQUOTA] full\r\n"}, "mails cannot be moved: NO"),
        ({"UID COPY": HANG}, "mails cannot be moved: no answer in time"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_server_that_does_not_do_as_it_should(script: dict[str, bytes], said: str) -> None:
    began = time.monotonic()
    with playing(**script) as server, pytest.raises(Unavailable, match=said) as caught:
        take_all(fake(server))
    assert str(caught.value).startswith(f"bounces.inbox: imap://retours@127.0.0.1:{server.port}/INBOX: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert time.monotonic() - began < 15  # some steps of 0.6 s, and a busy machine


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"AUTHENTICATED": b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n"}, "the log-in as retours failed"),
        ({"SELECT": b"{tag} NO [NONEXISTENT] no such\r\n"}, "there is no folder INBOX"),
        ({"SELECT": b"* 2 EXISTS\r\n{tag} OK [READ-ONLY] selected\r\n"}, "may only be read"),
        ({"CREATE": b"{tag} NO not here\r\n", "LIST": b"{tag} OK done\r\n"}, "does not make the folder newsletter: .*not here"),
    ],
)  # fmt: skip
def test_what_an_editor_has_to_put_right(script: dict[str, bytes], said: str) -> None:
    with playing(**script) as server, pytest.raises(ConfigError, match=said):
        take_all(fake(server))


def test_a_mail_that_the_server_cannot_give_holds_up_none_behind_it() -> None:
    with playing(UID_FETCH_5=CLOSE) as server:
        with pytest.raises(Unavailable), fake(server) as mailbox:
            list(mailbox.unread())
        assert mailbox.reached == "7-5"
        with pytest.raises(Unavailable), fake(server, behind=mailbox.reached) as mailbox:
            list(mailbox.unread())
    assert [said.split(" ")[3] for said in server.said if "BODY.PEEK" in said] == ["5", "12", "5"]


def test_a_visit_has_its_end_whatever_the_server_does() -> None:
    slow = Patience(connect=2, step=60, mail=60, total=1)
    began = time.monotonic()
    with playing(UID_SEARCH=DRIP) as server, pytest.raises(Unavailable, match="no answer in time"):
        take_all(fake(server, patience=slow))
    assert time.monotonic() - began < 15


def test_a_long_visit_ends_in_good_order() -> None:
    passed = [0.0]
    patience = Patience(connect=20, step=20, mail=20, total=100)
    with playing() as server, fake(server, patience=patience, clock=lambda: time.monotonic() + passed[0]) as mailbox:
        for arrived in mailbox.unread():
            mailbox.done(arrived)
            passed[0] = 85
    assert any("UID COPY 5 " in said for said in server.said)
    assert not any("FETCH 12" in said for said in server.said)


def test_a_mail_that_is_too_large_is_told_and_left(caplog: pytest.LogCaptureFixture) -> None:
    sizes = b"* 1 FETCH (UID 5 RFC822.SIZE 26000000)\r\n* 2 FETCH (UID 12 RFC822.SIZE 28)\r\n{tag} OK done\r\n"
    with playing(UID_FETCH_SIZE=sizes) as server:
        assert take_all(fake(server)) == [MAIL]
    assert "7-5 has 26000000 bytes" in caplog.text
    assert not any(" 5 " in said and "SIZE" not in said for said in server.said)


@pytest.mark.parametrize(
    "answer",
    [
        b"{tag} OK done\r\n",
        b"* 1 FETCH (UID 5 BODY[] NIL)\r\n{tag} OK done\r\n",
        b"* 3 EXISTS\r\n* 9 FETCH (FLAGS (\\Seen))\r\n{tag} OK done\r\n",
        b"* 9 FETCH (UID 99 BODY[] {2}\r\nno)\r\n{tag} OK done\r\n",
    ],
    ids=["gone", "nil", "flags", "another"],
)
def test_a_mail_that_is_gone_is_nobodys_trouble(answer: bytes) -> None:
    with playing(UID_FETCH_5=answer) as server:
        assert take_all(fake(server)) == [MAIL]
    assert any("UID STORE 12 " in said for said in server.said)


def test_other_news_between_the_parts_of_an_answer() -> None:
    answer = (
        b"* 4 EXISTS\r\n* 1 FETCH (FLAGS () UID 5 BODY[] {28}\r\n" + MAIL + b")\r\n* 1 FETCH (FLAGS (\\Seen) UID 5)\r\n"
    )
    short = b'* 2 FETCH (UID 12 BODY[] "\\"x\\"")\r\n{tag} OK done\r\n'
    with playing(UID_FETCH_5=answer + b"{tag} OK done\r\n", UID_FETCH_12=short) as server:
        assert take_all(fake(server)) == [MAIL, b'"x"']


def test_an_accented_password_where_only_login_is_known() -> None:
    with playing(CAPABILITY=b"* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n") as server:
        where = Inbox.parse(f"imap://retours@127.0.0.1:{server.port}/INBOX")
        assert where is not None
        with open_inbox(where, path=None, password='clé "1"', folder="newsletter", delete=False, patience=HURRY):
            pass
    assert server.said[1].encode("latin-1").decode().endswith('LOGIN "retours" "clé \\"1\\""')


def test_words_said_before_tls_do_not_count() -> None:
    offer = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n{tag} OK done\r\n"
    with playing(CAPABILITY=offer, STARTTLS=b"{tag} OK begin\r\n* CAPABILITY IMAP4rev1\r\n") as server:
        where = Inbox.parse(f"imap+starttls://retours@127.0.0.1:{server.port}/INBOX")
        assert where is not None
        with pytest.raises(Unavailable, match="somebody may be on the line"):
            take_all(open_inbox(where, path=None, password="mot", folder="n", delete=False, patience=HURRY))
    with playing() as server:
        where = Inbox.parse(f"imap+starttls://retours@127.0.0.1:{server.port}/INBOX")
        assert where is not None
        with pytest.raises(Unavailable, match="offers no STARTTLS"):
            take_all(open_inbox(where, path=None, password="mot", folder="n", delete=False, patience=HURRY))
    assert not any("AUTHENTICATE" in said for said in server.said)  # no password in the clear


def test_nobody_there() -> None:
    port = dovecot.free_port()
    for where in (f"imaps://retours@127.0.0.1:{port}/INBOX", "imaps://retours@nulle-part.invalid/INBOX"):
        place = Inbox.parse(where)
        assert place is not None
        with pytest.raises(Unavailable, match="cannot be reached: "):
            take_all(open_inbox(place, path=None, password="mot", folder="n", delete=False, patience=HURRY))


def test_a_mail_of_another_visit_is_not_moved() -> None:
    with playing() as server, fake(server) as mailbox, pytest.raises(ValueError, match="another visit"):
        mailbox.done(Arrived(b"", "8-5", 0))


# --- Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", '"INBOX"'),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("Retours & échecs", '"Retours &- &AOk-checs"'),
        ("台北", '"&U,BTFw-"'),  # RFC 3501, 5.1.3
        ("😀", '"&2D3eAA-"'),
    ],
)
def test_folders_as_the_wire_has_them(name: str, wire: str) -> None:
    assert names.folder(name) == wire


def test_no_command_hides_in_a_name() -> None:
    with pytest.raises(ValueError):
        names.quoted("mot\r\nA1 DELETE INBOX")


def test_errors_are_ours(server: dovecot.Dovecot) -> None:
    where = Inbox.parse(f"imaps://retours@localhost:{server.tls}/INBOX")
    assert where is not None
    for password in ("a\r\nb", "\0"):
        with (
            pytest.raises(NewsletterError),
            open_inbox(where, path=None, password=password, folder="n", delete=False, context=server.context),
        ):
            pass
