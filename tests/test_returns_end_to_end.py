"""The whole way with real servers on the loopback: our sender, Debian's Postfix, a mailbox that does not exist, the
report that comes back, read out of the Maildir and by Dovecot's IMAP over it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from newsletter import bounce, daily, returns, subscribe
from newsletter.bounce.inbox import Mailbox, open_inbox
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import Act, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.returns import Done
from newsletter.settings import Inbox
from newsletter.store.database import read
from newsletter.store.schema import deliveries
from tests import dovecot
from tests.postfix import Postfix, postfix

__all__ = ["postfix"]

DAY = date(2026, 11, 23)
THERE, NOT_THERE = "ama@lecteurs.example", "kodjo@lecteurs.example"


def sent(make_room: Callable[..., Newsroom], add_article: Callable[..., Path], relay: str) -> Newsroom:
    """A newsroom that has sent its edition to one mailbox that exists and to one that does not."""
    add_article("Le port agrandit ses quais", section="Économie")
    room = make_room(f'via = "smtp://{relay}"\nreturn_path = "b+{{token}}@bounces.example"')
    subscribe.add(room, [THERE, NOT_THERE], "test")
    report = daily.send(room, DAY, watch=Watch(Stop(room.clock)))
    assert report.accepted == 2  # the relay took both: that one of them is nobody's it finds out later
    return room


def inbox(server: Postfix) -> AbstractContextManager[Mailbox]:
    where = Inbox.parse(f"maildir:{server.maildir}")
    assert where is not None
    return open_inbox(where, path=server.maildir, password=None, folder="newsletter", delete=False)


def by_imap(imap: dovecot.Dovecot) -> AbstractContextManager[Mailbox]:
    where = Inbox.parse(f"imaps://retours%40bounces.example@localhost:{imap.tls}/INBOX")
    assert where is not None
    return open_inbox(
        where, path=None, password=dovecot.PASSWORD, folder="newsletter", delete=False, context=imap.context
    )


def whose(room: Newsroom, raw: bytes) -> str:
    """The address of the delivery whose token stands in the return path, as a report is attributed."""
    match = re.search(rb"^Delivered-To: b\+([a-z2-7]+)@bounces\.example\r?$", raw, re.MULTILINE)
    assert match
    number = room.signer.read(Purpose.DELIVERY, match[1].decode())
    assert number is not None
    with read(room.engine) as connection:
        return str(connection.execute(select(deliveries.c.address).where(deliveries.c.id == number)).scalar_one())


def test_a_report_comes_back_and_is_read_by_maildir_and_by_imap(
    make_room: Callable[..., Newsroom], add_article: Callable[..., Path], postfix: Postfix
) -> None:
    room = sent(make_room, add_article, postfix.relay)
    postfix.wait_for_mail(1, postfix.readers)
    postfix.wait_for_mail(1)

    with inbox(postfix) as mailbox:
        (report,) = mailbox.unread()
        mailbox.leave(report)
    assert whose(room, report.raw) == NOT_THERE  # B01
    assert b"\nStatus: 5.1.1\n" in report.raw

    with dovecot.running(postfix.maildir) as imap:
        with by_imap(imap) as mailbox:
            (again,) = mailbox.unread()
            mailbox.done(again)
        with by_imap(imap) as mailbox:
            assert list(mailbox.unread()) == []
    assert again.raw.replace(b"\r\n", b"\n") == report.raw
    assert len(list((postfix.maildir / ".newsletter" / "cur").iterdir())) == 1

    with inbox(postfix) as mailbox:
        assert list(mailbox.unread()) == []

    digest = returns.digest_of(report.raw)
    assert digest == returns.digest_of(again.raw)
    done = [returns.take(room, bounce.read(raw), digest=digest, via="maildir").done for raw in (report.raw, again.raw)]
    assert done == [Done.GONE, Done.KNOWN]
    assert subscribe.find(room, NOT_THERE).status is SubscriberStatus.UNREACHABLE
    assert subscribe.find(room, THERE).status is SubscriberStatus.ACTIVE
    acts = [one.act for one in subscribe.history(room, subscribe.find(room, NOT_THERE))]
    assert acts == [Act.ADDED, Act.UNREACHABLE]  # once


@pytest.mark.parametrize("way", ["maildir", "imap"])
def test_the_command_takes_it_off_the_list(
    make_room: Callable[..., Newsroom], add_article: Callable[..., Path], folder: Path, postfix: Postfix, way: str
) -> None:
    """As an editor's webmaster sets it up: `newsletter bounces` by the configuration, twice."""
    room = sent(make_room, add_article, postfix.relay)
    postfix.wait_for_mail(1)
    toml = folder / "newsletter.toml"
    with dovecot.running(postfix.maildir) as imap:
        places = {
            "maildir": f"maildir:{postfix.maildir}",
            "imap": f"imap://{quote(dovecot.USER)}@localhost:{imap.plain}/INBOX",
        }
        toml.write_text(f'{toml.read_text()}\n[bounces]\ninbox = "{places[way]}"\n', encoding="utf-8")
        told = [bounces_command(toml), bounces_command(toml)]
    assert told[0]["mails"] == 1
    assert told[0]["done"]["gone"] == 1
    assert told[1]["mails"] == 0
    assert subscribe.find(room, NOT_THERE).status is SubscriberStatus.UNREACHABLE
    assert subscribe.find(room, THERE).status is SubscriberStatus.ACTIVE


def bounces_command(toml: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", "--config", str(toml), "bounces", "--json"],
        env=os.environ | {"NEWSLETTER_BOUNCES_PASSWORD": dovecot.PASSWORD},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
