"""What came of an edition: by state, by provider, who left; on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event, insert

from cli import cli
from newsletter import daily, edit, providers, results, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import DeliveryState, EditionStatus, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import editions, subscribers
from newsletter.store import results as rows
from newsletter.store.database import read, write
from newsletter.store.results import Count
from newsletter.store.schema import deliveries
from newsletter.store.subscribers import NewSubscriber
from tests.conftest import Clock
from tests.fakes import FakeMailer

ON_BOTH = True

DAY = date(2026, 11, 23)
State, Status = DeliveryState, EditionStatus


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("gmail.com", "Gmail"),
        ("GoogleMail.com", "Gmail"),
        ("yahoo.fr", "Yahoo"),
        ("yahoo.co.uk", "Yahoo"),
        ("yahoo.com.ar", "Yahoo"),
        ("ymail.com", "Yahoo"),
        ("hotmail.com", "Outlook, Hotmail"),
        ("live.fr", "Outlook, Hotmail"),
        ("outlook.com", "Outlook, Hotmail"),
        ("msn.com", "Outlook, Hotmail"),
        ("me.com", "iCloud"),
        ("icloud.com", "iCloud"),
        ("orange.fr", "Orange"),
        ("wanadoo.fr", "Orange"),
        ("free.fr", "Free"),
        ("laposte.net", "La Poste"),
        ("proton.me", "Proton"),
        ("sfr.fr", "SFR"),
        ("gmx.de", "GMX"),
        ("journal.example", "journal.example"),
        ("mail.yahoo.fr.journal.example", "mail.yahoo.fr.journal.example"),
        ("live.journal.example", "live.journal.example"),  # a host of somebody's own
        ("orange.journal.example", "orange.journal.example"),
        ("gmail.com.", "Gmail"),
        ("", ""),
    ],
)
def test_the_providers(domain: str, name: str) -> None:
    assert providers.of(domain) == name


def test_the_largest_are_told_by_name() -> None:
    counts = [Count(f"d{i}.example", State.ACCEPTED, False, 100 - i) for i in range(20)]
    counts += [Count("gmail.com", State.ACCEPTED, False, 60), Count("googlemail.com", State.REJECTED, True, 50)]
    counts += [Count("", State.SKIPPED, False, 999)]  # forgotten
    largest, rest = results.by_provider(counts)
    assert (largest[0].name, largest[0].accepted, largest[0].refused) == ("Gmail", 60, 50)
    assert [one.name for one in largest[1:3]] == ["d0.example", "d1.example"]
    assert (len(largest), len(rest)) == (results.TOP, 21 - results.TOP)
    assert sum(one.total for one in largest + rest) == sum(one.times for one in counts) - 999


def test_a_few_have_no_others() -> None:
    counts = [Count(f"d{i}.example", State.UNCERTAIN, False, 1) for i in range(results.TOP)]
    assert results.by_provider(counts)[1] == []


def test_counted_by_domain_in_one_pass(engine: Engine, clock: Clock) -> None:
    now = clock()
    with write(engine) as connection:
        one = editions.keep_draft(connection, DAY, "daily", now, [])
        other = editions.keep_draft(connection, DAY - timedelta(days=1), "daily", now, [])
        for i, (domain, state, late) in enumerate(
            [
                ("Gmail.com", State.ACCEPTED, False),
                ("gmail.com", State.ACCEPTED, False),
                ("gmail.com", State.ACCEPTED, True),
                ("gmail.com", State.REJECTED, False),
                ("l.example", State.DEFERRED, False),
                ("", State.SKIPPED, False),
            ]
        ):
            address = f"r{i}@{domain}" if domain else ""
            [number] = subscribers.add(connection, [NewSubscriber(f"r{i}", f"r{i}")], now=now)
            for edition in (one, other):
                row = {"edition_id": edition.id, "subscriber_id": number, "address": address, "state": state, "at": now}
                connection.execute(insert(deliveries).values(**row, late=late))
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    with read(engine) as connection:
        found = rows.by_domain(connection, one.id)
        states = rows.by_state(connection, [one.id, other.id])
    assert len([query for query in said if "deliveries" in query]) == 2
    assert sorted(found) == [
        Count("", State.SKIPPED, False, 1),
        Count("gmail.com", State.ACCEPTED, False, 2),
        Count("gmail.com", State.ACCEPTED, True, 1),
        Count("gmail.com", State.REJECTED, False, 1),
        Count("l.example", State.DEFERRED, False, 1),
    ]
    assert (
        states[one.id]
        == states[other.id]
        == {
            State.ACCEPTED: 3,
            State.REJECTED: 1,
            State.DEFERRED: 1,
            State.SKIPPED: 1,
        }
    )


def test_who_left_since_it_began_and_before_the_next(engine: Engine, clock: Clock) -> None:
    begun = clock()
    with write(engine) as connection:
        one = editions.keep_draft(connection, DAY, "daily", begun, [])
        editions.change(connection, one.id, status=Status.SENT, started_at=begun)
        one = editions.by_id(connection, one.id)

        def somebody(name: str, status: str, hours: float, *, had_it: bool = True) -> None:
            [number] = subscribers.add(connection, [NewSubscriber(name, name)], now=begun)
            if had_it:
                row = {"edition_id": one.id, "subscriber_id": number, "address": name, "state": State.ACCEPTED}
                connection.execute(insert(deliveries).values(**row, at=begun))
            at = begun + timedelta(hours=hours)
            subscribers.set_status(connection, number, SubscriberStatus(status), at)
            if status == "forgotten":
                subscribers.forget(connection, number, f"#{name}", SubscriberStatus.FORGOTTEN, at)

        somebody("stays", "active", 1)
        somebody("before", "unsubscribed", -1)
        somebody("left", "unsubscribed", 1)
        somebody("complained", "complained", 2)
        somebody("forgotten", "forgotten", 3)
        somebody("unreachable", "unreachable", 3)  # did not leave
        somebody("another", "unsubscribed", 3, had_it=False)
        somebody("later", "unsubscribed", 30)
        assert editions.next_begun(connection, one) is None
        assert [name for _, name in rows.departures(connection, one, None)] == ["later", "", "complained", "left"]
        following = editions.keep_draft(connection, DAY + timedelta(days=1), "daily", begun, [])
        tomorrow = begun + timedelta(days=1)
        editions.change(connection, following.id, status=Status.SENDING, started_at=tomorrow)
        assert editions.next_begun(connection, one) == tomorrow
        assert [name for _, name in rows.departures(connection, one, tomorrow)] == ["", "complained", "left"]


@pytest.fixture
def sent(room: Newsroom, add_article: Callable[..., Path]) -> Newsroom:
    room.__dict__["mailer"] = FakeMailer({"kodjo": ["never", "never"]})
    subscribe.add(room, [f"{n}@{d}" for n in ("ama", "kodjo") for d in ("gmail.com", "orange.fr")], "test")
    add_article("Le port rouvre")
    daily.send(room, DAY, watch=Watch(Stop(room.clock)))
    return room


def test_the_results_of_an_edition(sent: Newsroom) -> None:
    found = results.of_edition(sent, edit.named(sent, None, "2026-11-23"))
    assert [(one.name, one.accepted, one.refused) for one in found.providers] == [("Gmail", 1, 1), ("Orange", 1, 1)]
    assert (found.all.accepted, found.all.refused, found.all.total) == (2, 2, 4)
    assert found.refusals == [("550 5.1.1 no such mailbox", 2)]
    assert (found.left, found.newcomers.total, found.until) == (0, 0, None)


def test_a_draft_has_none(sent: Newsroom, clock: Clock, add_article: Callable[..., Path]) -> None:
    clock.move(days=1)
    add_article("Demain")
    made = daily.make_edition(sent, sent.today()).edition
    found = results.of_edition(sent, made)
    assert (found.all.total, found.providers, found.left) == (0, [], 0)


def test_the_command(sent: Newsroom, folder: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "edition", "results", *words])
        assert done.exit_code == 0, done.output
        return done.output

    told = json.loads(run("--edition", "2026-11-23", "--json"))
    assert told["states"] == {
        "accepted": 2, "refused": 2, "put_off": 0, "uncertain": 0, "skipped": 0, "waiting": 0,
    }  # fmt: skip
    assert told["providers"][0] == {"provider": "Gmail", "accepted": 1, "refused": 1} | dict.fromkeys(
        ("put_off", "uncertain", "skipped", "waiting"), 0
    )
    assert told["bounces"] is None
    plain = run("--date", "2026-11-23")
    assert "Orange\t1\t1\t0\t0\t0\t0" in plain
    assert "2 × 550 5.1.1 no such mailbox" in plain
    assert "0 readers left" in plain
    assert "not read yet" in plain
