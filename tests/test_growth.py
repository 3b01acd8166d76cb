"""The ledger over the years: in parts on PostgreSQL, folded into totals on both databases, as fast as on the first day."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, insert, select, text, update

from newsletter import pauses, subscribe, tidy, trends
from newsletter.errors import DatabaseError
from newsletter.links import Purpose
from newsletter.model import DeliveryState, Entry, Origin, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import (
    database,
    deliveries,
    doubts,
    editions,
    migrations,
    notes,
    partitions,
    runs,
    schema,
    subscribers,
    totals,
)
from newsletter.store import slices as cut
from newsletter.store.database import read, write
from newsletter.store.partitions import WIDTH, Part, make_room_for, part_for, parts
from newsletter.store.recording import record
from tests.conftest import MORNING, Clock, TickingClock

ON_POSTGRESQL = pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
LONG = timedelta(days=365)
State = DeliveryState


def people(engine: Engine, number: int) -> None:
    rows = [
        {"id": i, "address": f"r{i}@lecteurs.example", "key": f"r{i}@lecteurs.example"} for i in range(1, number + 1)
    ]
    common = {"status": "active", "since": NOW - LONG, "created_at": NOW - LONG}
    with write(engine) as connection:
        connection.execute(insert(schema.subscribers), [row | common for row in rows])


def an_edition(engine: Engine, number: int, **values: object) -> int:
    """The edition of that number, planned for everybody."""
    row = {"id": number, "day": date(2026, 1, 1) + timedelta(days=number), "slot": "daily", "status": "sending"}
    with write(engine) as connection:
        connection.execute(insert(schema.editions).values(row | {"picked_at": NOW, "started_at": NOW} | values))
        deliveries.plan(connection, number, NOW)
    return number


def held(engine: Engine, edition_id: int) -> int:
    """How many deliveries there are of an edition."""
    with read(engine) as connection:
        return sum(deliveries.counts(connection, edition_id).values())


def names(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return [one.name for one in parts(connection)]


# --- Parts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edition_id", "there", "made"),
    [
        (1, [], (1, 9)),
        (8, [], (1, 9)),
        (9, [], (9, 17)),
        (30, [(0, 28)], (28, 33)),  # what was one table ended in between
        (26, [(28, 33)], (25, 28)),
        (402, [(0, 401)], (401, 409)),
    ],
)
def test_a_part_holds_what_the_others_leave(
    edition_id: int, there: list[tuple[int, int]], made: tuple[int, int]
) -> None:
    found = part_for(edition_id, [Part(f"deliveries_{first}", first, end) for first, end in there])
    assert (found.first, found.end) == made


@ON_POSTGRESQL
def test_there_is_always_room_for_the_next_editions_too(engine: Engine) -> None:
    assert names(engine) == ["deliveries_1", "deliveries_9"]
    with write(engine) as connection:
        assert [make_room_for(connection, number) for number in (1, 8, 9, 9, 100)] == [False, False, True, False, True]
    assert names(engine) == [f"deliveries_{first}" for first in (1, 9, 17, 97, 105)]


@ON_POSTGRESQL
def test_who_copies_a_ledger_makes_room_for_all_of_it(engine: Engine) -> None:
    with write(engine) as connection:
        rows = [
            {"id": i, "day": date(2026, 1, 1) + timedelta(days=i), "slot": "daily", "status": "sent"} for i in (3, 50)
        ]
        connection.execute(insert(schema.editions), [row | {"picked_at": NOW} for row in rows])
        for edition_id in connection.scalars(select(schema.editions.c.id)).all():
            partitions.make_room_for(connection, edition_id)
    assert names(engine) == [f"deliveries_{first}" for first in (1, 9, 49, 57)]


def test_deliveries_are_planned_wherever_they_belong(engine: Engine) -> None:
    people(engine, 3)
    for number in (1, WIDTH, WIDTH + 1, 50 * WIDTH):
        assert held(engine, an_edition(engine, number)) == 3
    with pytest.raises(DatabaseError, match=r"(?i)unique"), write(engine) as connection:
        deliveries.plan(connection, 50 * WIDTH, NOW)  # each reader once


@ON_POSTGRESQL
def test_two_who_make_room_at_once_make_it_once(engine: Engine) -> None:
    together, made = threading.Barrier(2), []

    def make() -> None:
        together.wait()
        with write(engine) as connection:
            made.append(make_room_for(connection, 100))

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, True]
    assert names(engine) == ["deliveries_1", "deliveries_9", "deliveries_97", "deliveries_105"]


@ON_POSTGRESQL
def test_room_is_made_between_others_and_keeps_nobody_waiting(engine: Engine) -> None:
    """Somebody has written to subscribers and does not let go: who comes after us must not wait behind us for that."""
    people(engine, 3)
    maker = threading.Thread(target=partitions.make_room, args=[engine, 40])
    with write(engine) as connection:
        connection.execute(text("UPDATE subscribers SET name = 'x' WHERE id = 1"))
        maker.start()
        for number in range(20):
            time.sleep(0.1)
            with write(engine) as another:
                another.execute(text("SET LOCAL lock_timeout = '20s'"))  # to fail, rather than wait for ever
                another.execute(text(f"UPDATE subscribers SET name = '{number}' WHERE id = 2"))
        assert maker.is_alive()
    maker.join(60)
    assert "deliveries_33" in names(engine)


@ON_POSTGRESQL
def test_two_confirm_where_there_is_no_part(told: Newsroom, make_room: Callable[..., Newsroom], clock: Clock) -> None:
    """Each locks their row, and then both would want all rows."""
    url = told.config.newsletter.database
    room = make_room(NEWSLETTER_DATABASE=url, NEWSLETTER_SIGN_UP_SEND_LATEST_ON_CONFIRM="true")
    with write(told.engine) as connection:
        connection.execute(text("DROP TABLE deliveries_17"))
        later = {"status": "pending", "created_at": clock(), "since": clock()}
        connection.execute(update(schema.subscribers).where(schema.subscribers.c.id < 3).values(later))
    at_once, done = threading.Barrier(2), []

    def confirm(number: int) -> None:
        token = room.signer.token(Purpose.CONFIRM, number, clock())
        at_once.wait()
        done.append(subscribe.confirm(room, token, Origin("page")))

    threads = [threading.Thread(target=confirm, args=[number]) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.id for one in done if one} == {1, 2}
    assert held(told.engine, 20) == 2


@ON_POSTGRESQL
def test_room_is_made_beside_who_delivers(engine: Engine) -> None:
    people(engine, 3)
    an_edition(engine, 1)
    with write(engine) as delivering:
        assert len(deliveries.claim(delivering, 1, 1, NOW, 2)) == 2
        with write(engine) as connection:
            connection.execute(text("SET LOCAL lock_timeout = '20s'"))  # to fail, rather than wait for ever
            assert make_room_for(connection, 100)
        assert len(deliveries.claim(delivering, 1, 1, NOW, 2)) == 1


@ON_POSTGRESQL
def test_what_is_asked_of_an_edition_looks_into_its_part_alone(engine: Engine) -> None:
    """And never goes through all of it, though the statistics know nothing of an edition just planned."""
    people(engine, 3000)
    for number in (1, WIDTH - 1, 3 * WIDTH):
        an_edition(engine, number)
    with write(engine) as connection:
        connection.execute(update(schema.deliveries).values(state=State.ACCEPTED))
        connection.execute(text("ANALYZE deliveries"))
    an_edition(engine, WIDTH)
    plans: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: plans.append(_plan(*args[1:4])))
    with write(engine) as connection:
        taken = deliveries.claim(connection, WIDTH, 7, NOW, 200)
        deliveries.departed(connection, WIDTH, 7, NOW)
        record(connection, WIDTH, 7, [Entry(one.id, State.UNCERTAIN, NOW) for one in taken[:100]])
        ids = [one.id for one in taken]
        doubts.take_for_accepted(connection, WIDTH, ids[:50], NOW)
        deliveries.doubt(connection, WIDTH, 7, ids[100:150], "", NOW)
        deliveries.give_back(connection, WIDTH, 7, ids[150:], NOW)
        deliveries.counts(connection, WIDTH)
        deliveries.next_attempt(connection, WIDTH)
    assert len(plans) > 8
    for plan in plans:
        assert set(re.findall(r"on (deliveries_\d+)\b", plan)) == {"deliveries_1"}, plan
    writing = [plan for plan in plans if plan.startswith("Update")]
    assert not [plan for plan in writing if re.search(r"Seq Scan on deliveries|Rows Removed", plan)], writing


def _plan(cursor: object, statement: str, parameters: object) -> str:
    cursor.execute(f"EXPLAIN {statement}", parameters)  # type: ignore[attr-defined]
    return "\n".join(row[0] for row in cursor.fetchall())  # type: ignore[attr-defined]


# --- The migration ------------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_the_table_that_was_becomes_the_first_part_without_a_copy(empty_engine: Engine) -> None:
    with write(empty_engine) as connection:
        migrations.run(connection, "0006")
    people(empty_engine, 4)
    with write(empty_engine) as connection:
        for number in range(1, 12):
            row = {"id": number, "day": date(2026, 1, number), "slot": "daily", "status": "sent", "picked_at": NOW}
            connection.execute(insert(schema.editions).values(row))
            connection.execute(
                text(
                    "INSERT INTO deliveries (edition_id, subscriber_id, address, state, attempts, repeated, at)"
                    " SELECT :edition, id, address, 'accepted', 1, false, :now FROM subscribers"
                ),
                {"edition": number, "now": NOW},
            )
        before = connection.execute(
            text("SELECT 'deliveries'::regclass::oid, pg_relation_filenode('deliveries')")
        ).one()
        rows = connection.execute(text("SELECT * FROM deliveries ORDER BY id")).all()
    database.upgrade(empty_engine)
    with write(empty_engine) as connection:
        there = "SELECT 'deliveries_1'::regclass::oid, pg_relation_filenode('deliveries_1')"
        assert connection.execute(text(there)).one() == before  # the same file
        assert connection.execute(text("SELECT * FROM deliveries ORDER BY id")).all() == rows
        assert [tuple(one) for one in parts(connection)] == [("deliveries_1", 0, 17), ("deliveries_17", 17, 25)]
    an_edition(empty_engine, 12, day=date(2026, 2, 1))
    with read(empty_engine) as connection:
        assert (
            connection.execute(
                select(func.min(schema.deliveries.c.id)).where(schema.deliveries.c.edition_id == 12)
            ).scalar()
            == 45
        )
        rules = (
            "SELECT conname FROM pg_constraint WHERE conrelid = 'deliveries'::regclass AND contype IN ('f', 'p', 'u')"
        )
        assert set(connection.scalars(text(rules))) == {
            "pk_deliveries",
            "uq_deliveries_edition_id_subscriber_id",
            "fk_deliveries_edition_id",
            "fk_deliveries_subscriber_id",
        }


# --- Folding ------------------------------------------------------------------------------------------


@pytest.fixture
def told(empty_engine: Engine, make_room: Callable[..., Newsroom]) -> Newsroom:
    """A newsroom on each of the two databases, with twenty editions to six readers, of the last twenty days."""
    url = empty_engine.url.set(drivername=empty_engine.url.drivername.split("+")[0])
    room = make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False))
    database.upgrade(room.engine)
    people(room.engine, 6)
    for number in range(1, 21):
        at = MORNING - timedelta(days=20 - number)
        an_edition(room.engine, number, day=at.date(), status="sent", audience=6, started_at=at, ended_at=at)
    with write(room.engine) as connection:
        connection.execute(update(schema.deliveries).values(state=State.ACCEPTED))
    return room


def large(room: Newsroom) -> None:
    """As if the editions had gone to a million."""
    with write(room.engine) as connection:
        connection.execute(update(schema.editions).values(audience=1_000_000))


def left(room: Newsroom) -> list[int]:
    """The editions of which there are deliveries."""
    with read(room.engine) as connection:
        query = select(schema.deliveries.c.edition_id).distinct().order_by(schema.deliveries.c.edition_id)
        return list(connection.scalars(query))


def test_old_deliveries_are_folded_into_totals(told: Newsroom, clock: Clock) -> None:
    before = trends.of_last(told, 20)
    clock.move(days=400 - 7, hours=1)  # the first thirteen are over their time
    assert tidy.tidy(told).deliveries > 0
    assert left(told) == list(range(14, 21))
    after = trends.of_last(told, 20)
    assert [one.sum.accepted for one in after.editions] == [one.sum.accepted for one in before.editions]
    assert tidy.tidy(told).deliveries == 0


@ON_POSTGRESQL
def test_large_editions_go_with_their_part_or_ten_days_later(told: Newsroom, clock: Clock) -> None:
    large(told)
    before = {number: held(told.engine, number) for number in range(1, 21)}
    clock.move(days=400 - 7, hours=1)  # thirteen are over: a part, and half of the next
    assert tidy.tidy(told).deliveries == sum(before[number] for number in range(1, 9))
    assert "deliveries_1" not in names(told.engine)
    assert left(told) == list(range(9, 21))
    clock.move(days=4)  # the second part is over
    assert tidy.tidy(told).deliveries == sum(before[number] for number in range(9, 17))
    clock.move(days=12)  # the third is not full, and will not be: it is a weekly now
    assert tidy.tidy(told).deliveries == sum(before[number] for number in (17, 18, 19))
    assert left(told) == [20]
    trends.of_last(told, 20)


def test_what_comes_to_its_time_while_we_tidy_has_its_totals_too(told: Newsroom) -> None:
    begun = MORNING - timedelta(days=20 - 8)  # the eighth edition: with it a part of the ledger is over
    for few in (True, False):
        if not few:
            large(told)
        for late in range(1, 12):
            told.clock = TickingClock(begun + timedelta(days=400, seconds=-late))
            tidy.tidy(told)
            with read(told.engine) as connection:
                kept = totals.kept(connection, range(1, 21))
            assert set(range(1, 21)) - set(left(told)) <= set(kept)
    assert left(told)[0] in (8, 9)


def test_a_rehearsal_counts_what_would_go(told: Newsroom, clock: Clock) -> None:
    for days in (400 - 7, 4, 12):
        large(told)
        clock.move(days=days, hours=1)
        would = tidy.tidy(told, dry_run=True).deliveries
        assert tidy.tidy(told).deliveries == would > 0


@ON_POSTGRESQL
def test_a_part_that_is_none_of_ours_is_told_of(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE rest PARTITION OF deliveries DEFAULT"))
    with pytest.raises(DatabaseError, match="table rest: a part of the ledger with bounds"):
        names(engine)


@ON_POSTGRESQL
def test_what_keeps_a_part_from_going_is_told_as_what_it_is(told: Newsroom, clock: Clock) -> None:
    """A view that somebody made of a part is no reason to try again every day for ever."""
    large(told)
    clock.move(days=400 - 11, hours=1)
    with write(told.engine) as connection:
        connection.execute(text("CREATE VIEW mine AS SELECT * FROM deliveries_1"))
    with pytest.raises(DatabaseError, match="other objects depend on it"):
        tidy.tidy(told)


@ON_POSTGRESQL
def test_a_part_stays_while_a_delivery_in_it_has_not_ended(told: Newsroom, clock: Clock) -> None:
    large(told)
    with write(told.engine) as connection:
        here = schema.deliveries.c.edition_id == 3, schema.deliveries.c.subscriber_id == 1
        connection.execute(update(schema.deliveries).where(*here).values(state=State.DEFERRED))
    clock.move(days=400 - 11, hours=1)
    assert tidy.tidy(told).deliveries == 0
    clock.move(days=10)
    assert tidy.tidy(told).deliveries > 0
    assert left(told)[0] == 3
    assert held(told.engine, 3) == 1


@ON_POSTGRESQL
def test_a_part_in_use_is_left_for_another_day(told: Newsroom, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    large(told)
    clock.move(days=400 - 11, hours=1)
    with read(told.engine) as connection:
        connection.execute(select(schema.deliveries).where(schema.deliveries.c.edition_id == 20)).all()
        assert tidy.tidy(told).deliveries == 0
    assert "old deliveries stay until the next tidying" in caplog.text
    assert left(told)[0] == 1
    assert tidy.tidy(told).deliveries > 0
    assert left(told)[0] == 9


def test_who_joins_gets_an_edition_whose_part_has_gone(told: Newsroom, clock: Clock) -> None:
    """A paper that was silent for a year: its latest edition is old, and may be promised to newcomers all the same."""
    large(told)
    clock.move(days=500)
    tidy.tidy(told)
    assert left(told) in ([], list(range(17, 21)))
    people = {"id": 900, "address": "neuf@lecteurs.example", "key": "neuf@lecteurs.example", "status": "active"}
    with write(told.engine) as connection:
        connection.execute(insert(schema.subscribers).values(**people, since=NOW, created_at=NOW))
        assert deliveries.add_newcomer(connection, 5, 900, clock())
        assert not deliveries.add_newcomer(connection, 5, 900, clock())
    assert 5 in left(told)


@ON_SQLITE
def test_a_file_stops_growing_when_as_much_goes_as_comes(
    engine: Engine, make_room: Callable[..., Newsroom], clock: Clock
) -> None:
    room = make_room(NEWSLETTER_DATABASE=f"sqlite:///{engine.url.database}", NEWSLETTER_RETENTION_LEDGER="60")
    people(engine, 500)
    sizes = []
    for number in range(1, 13):
        clock.move(days=30)
        an_edition(engine, number, day=clock().date(), started_at=clock(), status="sent")
        with write(engine) as connection:
            connection.execute(update(schema.deliveries).values(state=State.ACCEPTED))
        tidy.tidy(room)
        sizes.append(Path(str(engine.url.database)).stat().st_size)
    assert held(engine, 12) == 500
    assert held(engine, 9) == 0
    assert sizes[-1] <= sizes[4] * 1.1


def test_nothing_stays_of_a_newcomer_who_was_forgotten_meanwhile(told: Newsroom, clock: Clock) -> None:
    """The latest daily ended long ago, and an extra edition since: a newcomer gets the daily all the same."""
    clock.move(days=9)
    extra = {"id": 21, "day": (clock() - timedelta(days=2)).date(), "slot": "extra", "status": "sent"}
    at = clock() - timedelta(days=2)
    with write(told.engine) as connection:
        values = extra | {"picked_at": at, "started_at": at, "ended_at": at}
        connection.execute(insert(schema.editions).values(values))
        [latest] = editions.sent(connection, "daily", limit=1)
        assert latest.id == 20
        person = {"id": 900, "address": "neuf@lecteurs.example", "key": "neuf@lecteurs.example", "status": "active"}
        connection.execute(insert(schema.subscribers).values(**person, since=clock(), created_at=clock()))
        assert deliveries.add_newcomer(connection, latest.id, 900, clock())
        mine = schema.deliveries.c.subscriber_id == 900
        connection.execute(update(schema.deliveries).where(mine).values(state=State.CLAIMED, run_id=77))
        subscribers.forget(connection, 900, "hash", SubscriberStatus.FORGOTTEN, clock())
        number = connection.execute(select(schema.deliveries.c.id).where(mine)).scalar_one()
        reply = "5.1.1 <neuf@lecteurs.example>: no such mailbox"
        record(connection, 20, 77, [Entry(number, State.REJECTED, clock(), 550, reply, None, True)])
    clock.move(hours=1)
    tidy.tidy(told)
    with read(told.engine) as connection:
        assert connection.execute(select(schema.deliveries.c.reply).where(mine)).scalar_one() is None


# --- What else grows by the day ----------------------------------------------------------------------


def test_what_served_editions_long_over_goes(told: Newsroom, clock: Clock) -> None:
    days = [f"{name} {day}" for name in notes.OF_A_DAY for day in ("2026-01-01", "2026-11-23-extra")]
    with write(told.engine) as connection:
        old, young = (runs.begin(connection, 1, "here", clock()) for _ in range(2))
        connection.execute(insert(schema.slices).values(edition_id=1, number=0, first=1, last=9))
        for name in [*days, "tidied by hand", "told somebody"]:
            notes.put(connection, name, "x")
    clock.move(days=59)
    tidy.tidy(told)
    with write(told.engine) as connection:
        assert connection.scalars(select(schema.runs.c.id)).all() == [old, young]
        assert [name for name in days if not notes.get(connection, name)] == [one for one in days if "-01-01" in one]
        assert notes.get(connection, "tidied by hand")
        assert notes.get(connection, "told somebody")
    clock.move(days=30)
    tidy.tidy(told)
    with write(told.engine) as connection:
        assert connection.scalars(select(schema.runs.c.id)).all() == [young]  # when somebody last sent is asked for
        assert cut.get(connection, 1, 0) is None
        assert not [name for name in days if notes.get(connection, name)]


def test_a_pause_counts_until_its_edition_has_ended(told: Newsroom, clock: Clock) -> None:
    """Stopped, gone on with after a day, and stopped again for two months."""
    with write(told.engine) as connection:
        values = {"status": "sending", "ended_at": None, "paused_at": clock()}
        connection.execute(update(schema.editions).where(schema.editions.c.id == 20).values(**values))
        edition = editions.by_id(connection, 20)
        clock.move(days=1)
        pauses.add(connection, edition, clock())
    clock.move(days=61)
    tidy.tidy(told)
    with read(told.engine) as connection:
        assert pauses.length(connection, edition) == timedelta(days=1)


def test_the_first_state_is_looked_up_edition_by_edition(told: Newsroom, clock: Clock) -> None:
    with write(told.engine) as connection:
        assert doubts.latest(connection) is None
        assert editions.with_newcomers(connection, clock()) == []
        here = schema.deliveries.c.edition_id == 7, schema.deliveries.c.subscriber_id == 1
        connection.execute(update(schema.deliveries).where(*here).values(state=State.UNCERTAIN, late=True))
        assert doubts.latest(connection) == 7
        assert [one.id for one in editions.with_newcomers(connection, clock())] == [7]
        assert editions.with_newcomers(connection, clock(), repeats=False) == []
    assert partitions.cell(7) == (1, WIDTH)
