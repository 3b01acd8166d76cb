"""B10: a mailbox read twice, by two at once, or by a reader that is killed again and again, gives one and the same
database."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from newsletter import config, daily, instance, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.newsroom import Newsroom
from newsletter.store.database import read
from newsletter.store.schema import bounces, consents, deliveries, letters, subscribers
from tests.conftest import Clock
from tests.fakes import FakeMailer

READERS, PEOPLES = 24, 6

REPORT = """From: MAILER-DAEMON@mx.lecteurs.example
To: b+{token}@bounces.example
Delivered-To: b+{token}@bounces.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="={number}="

--={number}=
Content-Type: text/plain

I could not deliver your message.

--={number}=
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.lecteurs.example

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {said}

--={number}=--
"""
LETTER = """From: {address}
To: b@bounces.example
Subject: Le port {number}

Merci pour l'article, je l'ai lu au port.
"""


def prepared(
    make_room: Callable[..., Newsroom], add_article: Callable[..., Path], folder: Path, clock: Clock
) -> list[str]:
    """An edition sent, and a mailbox with what came back of it; returns the statuses there will be."""
    clock.now = datetime.now(UTC)  # what follows is done by programs with a clock of their own
    room = make_room('return_path = "b+{token}@bounces.example"')
    room.__dict__["mailer"] = FakeMailer()
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(READERS)], "test")
    add_article("Le port agrandit ses quais")
    daily.send(room, room.today(), regardless=True, watch=Watch(Stop(clock)))
    with read(room.engine) as connection:
        sent = connection.execute(select(deliveries.c.id, deliveries.c.address).order_by(deliveries.c.id)).all()
    new = folder / "retour" / "new"
    for name in ("new", "cur", "tmp"):
        (folder / "retour" / name).mkdir(parents=True)
    for number, (delivery, address) in enumerate(sent):
        dead = number % 2 == 0
        said = ("5.1.1", "550 5.1.1 user unknown") if dead else ("5.2.2", "552 5.2.2 mailbox full")
        text = REPORT.format(
            token=room.signer.token(Purpose.DELIVERY, delivery),
            number=number,
            address=address,
            status=said[0],
            said=said[1],
        )
        (new / f"{1000 + number}.a.host").write_text(text, encoding="utf-8")
        if number < PEOPLES:
            letter = LETTER.format(address=address, number=number)
            (new / f"{1000 + number}.b.host").write_text(letter, encoding="utf-8")
    toml = folder / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[bounces]\ninbox = "maildir:retour"\n', encoding="utf-8")
    room.engine.dispose()
    return ["unreachable" if number % 2 == 0 else "active" for number in range(READERS)]


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "newsletter", "--config", str(folder / "newsletter.toml"), "bounces"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outcome(folder: Path) -> tuple[object, ...]:
    """What stands in the database, whenever it came there."""
    room = Newsroom(config.load(folder / "newsletter.toml", {}))
    try:
        with read(room.engine) as connection:
            rows = connection.execute(
                select(bounces.c.digest, bounces.c.kind, bounces.c.subscriber_id, bounces.c.reason)
            )
            acts = connection.execute(select(consents.c.subscriber_id, consents.c.act))
            people = connection.scalars(select(subscribers.c.status).order_by(subscribers.c.id))
            passed = connection.scalars(select(letters.c.kind))
            return sorted(map(tuple, rows)), Counter(map(tuple, acts)), list(people), Counter(passed)
    finally:
        room.engine.dispose()


def test_killed_again_and_again_and_read_by_two_at_once(
    make_room: Callable[..., Newsroom], add_article: Callable[..., Path], folder: Path, clock: Clock, tmp_path: Path
) -> None:
    expected = prepared(make_room, add_article, folder, clock)
    undisturbed, killed, together = (tmp_path / name for name in ("undisturbed", "killed", "together"))
    for copy in (undisturbed, killed, together):
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("undisturbed", "killed", "together"))
        copied = Newsroom(config.load(copy / "newsletter.toml", {}))
        instance.adopt(copied, go_on=False)
        copied.engine.dispose()
    assert start(undisturbed).wait(60) == 0
    right = outcome(undisturbed)
    assert right[2] == expected
    assert right[3] == {"passed_on": PEOPLES}
    assert len(right[0]) == READERS + PEOPLES  # type: ignore[arg-type]

    chance, kills = random.Random(6), 0
    for _ in itertools.repeat(None, 60):
        process = start(killed)
        began = len(list((killed / "retour" / ".newsletter" / "cur").glob("*")))
        limit = time.monotonic() + 30
        some = began + chance.randint(1, 6)
        while process.poll() is None and time.monotonic() < limit:
            if len(list((killed / "retour" / ".newsletter" / "cur").glob("*"))) >= some:
                process.kill()
                kills += 1
                break
            time.sleep(0.001)
        if process.wait(30) == 0:
            break
    assert kills >= 3
    assert outcome(killed) == right

    for process in [start(together), start(together)]:
        assert process.wait(60) == 0
    assert outcome(together) == right
    assert start(together).wait(60) == 0  # and once more
    assert outcome(together) == right
