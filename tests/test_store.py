"""The store, on both databases: the same code, the same answers."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, make_url, select, text

from newsletter.errors import AlreadyRunning, DatabaseError
from newsletter.model import (
    DAILY,
    Article,
    Choice,
    DeliveryState,
    EditionStatus,
    Entry,
    Harvest,
    Picture,
    SubscriberStatus,
    Validators,
)
from newsletter.store import (
    articles,
    consents,
    database,
    deliveries,
    editions,
    lease,
    migrations,
    notes,
    partitions,
    postgresql,
    runs,
    sources,
    subscribers,
    upgrading,
)
from newsletter.store.database import Held, backup, read, sending_lock, write
from newsletter.store.departures import FRESH, STALE, Departures
from newsletter.store.recording import record
from newsletter.store.schema import metadata
from newsletter.store.subscribers import NewSubscriber

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = date(2026, 11, 23)
State = DeliveryState


def article(number: int, **values: object) -> Article:
    url = f"https://journal.example/{number}"
    made = Article(url, url + "/", f"Titre {number}", published=NOW - timedelta(hours=number))
    return replace(made, **values)  # type: ignore[arg-type]


def keep(
    engine: Engine, *given: Article, source: str = "feed a", now: datetime = NOW, first: bool = False
) -> articles.Kept:
    with write(engine) as connection:
        return articles.keep(connection, given, source, now, first=first)


def found(engine: Engine, **values: object) -> list[Article]:
    with read(engine) as connection:
        since = NOW - timedelta(days=1)
        return [one.article for one in articles.candidates(connection, since=since, seen_since=NOW, day=NOW.date())]


def people(engine: Engine, *names: str) -> None:
    with write(engine) as connection:
        addresses = [f"{name}@lecteurs.example" for name in names]
        subscribers.add(connection, [NewSubscriber(one, one) for one in addresses], now=NOW)


def an_edition(engine: Engine, day: date = DAY) -> int:
    """A planned edition that carries article 1."""
    keep(engine, article(1))
    with write(engine) as connection:
        candidates = articles.candidates(connection, since=NOW - timedelta(days=1), seen_since=NOW, day=NOW.date())
        choices = [Choice(one, picked=True, reason="choisi", place=i) for i, one in enumerate(candidates, 1)]
        edition = editions.keep_draft(connection, day, DAILY, NOW, choices)
        editions.move(connection, edition.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=NOW)
        deliveries.plan(connection, edition.id, NOW)
        return edition.id


# --- The schema -----------------------------------------------------------------------------------


def test_a_migrated_database_is_a_fresh_one(engine: Engine) -> None:
    with engine.connect() as connection:
        parts = {one.name for one in partitions.parts(connection)}  # of a table that is compared itself
        opts = {"compare_type": True, "include_name": lambda name, kind, parents: name not in parts}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
    inspector = inspect(engine)
    for table in metadata.tables.values():
        assert {index.name for index in table.indexes} <= {one["name"] for one in inspector.get_indexes(table.name)}


def test_the_head_we_check_at_start_is_the_newest_migration(engine: Engine) -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert scripts.get_current_head() == database.HEAD == database.revision(engine)


def test_what_the_first_schema_held_is_there_in_the_second(empty_engine: Engine) -> None:
    with write(empty_engine) as connection:
        migrations.run(connection, "0001")
        for statement in (
            "INSERT INTO subscribers (id, address, key, status, since, created_at, consent)"
            " VALUES (7, 'Ama@l.example', 'ama@l.example', 'active', :now, :now, 'papier')",
            "INSERT INTO editions (id, day, slot, status, picked_at, audience, wire)"
            " VALUES (3, '2026-11-23', 'daily', 'sent', :now, 1, 'frozen')",
            "INSERT INTO articles (id, identity, url, title, summary, authors, published, lead, words, source, archived,"
            " first_seen, last_seen) VALUES (5, 'a', 'u', 't', '', '[]', :now, :no, 0, 's', :no, :now, :now)",
            "INSERT INTO choices (edition_id, article_id, picked, reason, rank) VALUES (3, 5, :yes, '', 0)",
            "INSERT INTO deliveries (id, edition_id, subscriber_id, address, state, attempts, repeated, at)"
            " VALUES (9, 3, 7, 'Ama@l.example', 'accepted', 1, :no, :now)",
        ):
            known = {"now": NOW.replace(tzinfo=None), "yes": True, "no": False}
            named = text(statement)
            connection.execute(named, {name: known[name] for name in named.compile().params})
    assert database.upgrade(empty_engine) is True
    with read(empty_engine) as connection:
        [one] = subscribers.listed(connection)
        assert (one.id, one.variant, one.paused_until) == (7, "full", None)
        [act] = consents.of_subscriber(connection, 7)
        assert (act.act, act.origin.note) == ("added", "papier")
        assert editions.wires_of(connection, 3) == {"full": "frozen"}
        [choice] = editions.choices_of(connection, 3)
        assert choice.picked
        [(delivery, _edition, wire)] = deliveries.of_subscriber(connection, 7)
        assert (delivery.variant, delivery.late, wire) == ("full", False, "frozen")


@pytest.mark.parametrize(
    ("state", "code", "note"),
    [("accepted", 250, "at work before"), ("accepted", None, None), ("rejected", 550, None), (None, None, None)],
)
def test_whom_a_relay_knew_before_the_gate_is_noted_by_the_upgrade(
    empty_engine: Engine, state: str | None, code: int | None, note: str | None
) -> None:
    with write(empty_engine) as connection:
        migrations.run(connection, "0004")
        known = {"now": NOW.replace(tzinfo=None), "no": False, "state": state, "code": code}
        for statement in (
            "INSERT INTO subscribers (id, address, key, status, since, created_at, variant)"
            " VALUES (7, 'ama@l.example', 'ama@l.example', 'active', :now, :now, 'full')",
            "INSERT INTO editions (id, day, slot, status, picked_at, audience, version, shaped)"
            " VALUES (3, '2026-11-23', 'daily', 'sent', :now, 1, 0, :no)",
            "INSERT INTO deliveries (id, edition_id, subscriber_id, address, variant, late, state, attempts, repeated,"
            " code, at) VALUES (9, 3, 7, 'ama@l.example', 'full', :no, :state, 1, :no, :code, :now)",
        )[: 3 if state else 2]:
            named = text(statement)
            connection.execute(named, {name: known[name] for name in named.compile().params})
    assert database.upgrade(empty_engine) is True
    with read(empty_engine) as connection:
        assert notes.get(connection, "doctor") == note


def test_upgrading_twice_does_nothing(empty_engine: Engine) -> None:
    assert database.upgrade(empty_engine) is True
    assert database.upgrade(empty_engine) is False


def test_a_newer_database_is_refused(engine: Engine) -> None:
    """Unless it says that it serves programs of our age: tests/test_upgrading.py."""
    with write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        upgrading.contracts(connection, "9999")
    with pytest.raises(DatabaseError, match="upgrade the program"):
        database.upgrade(engine)


def test_a_naive_time_never_gets_in(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="naive"):
        keep(engine, article(1, published=datetime(2026, 11, 23)))  # noqa: DTZ001


def test_a_rehearsal_leaves_nothing(engine: Engine) -> None:
    with write(engine, rehearsal=True) as connection:
        notes.put(connection, "a", "b")
        assert notes.get(connection, "a") == "b"
    with read(engine) as connection:
        assert notes.get(connection, "a") is None


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/none/subscribers.db")
    with pytest.raises(DatabaseError, match="does its folder exist"):
        database.upgrade(engine)


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "subscribers.db").write_text("pas une base de données " * 100, encoding="utf-8")
    engine = database.open_engine(f"sqlite:///{tmp_path}/subscribers.db")
    with pytest.raises(DatabaseError, match="file is not a database: name another file"):
        database.upgrade(engine)


# --- Articles -------------------------------------------------------------------------------------


def test_an_article_comes_back_as_it_was(engine: Engine) -> None:
    given = article(
        1,
        summary="Chapô « à la une »",
        authors=("Ama K.", "Kodjo A."),
        section="Société",
        picture=Picture("https://journal.example/a.jpg", "Le port", 768, 432, 30_000),
        modified=NOW,
        lead=True,
        words=420,
        language="en",
    )
    assert keep(engine, given) == (1, 0)
    assert found(engine) == [given]
    assert keep(engine, given) == (0, 0)


def test_two_sources_know_one_article(engine: Engine) -> None:  # F08
    by_id = article(1, identity="https://journal.example/?p=1", aliases=("https://journal.example/1",))
    keep(engine, by_id, source="wordpress")
    assert keep(engine, article(1, title="Le même"), source="feed") == (0, 1)
    assert [one.title for one in found(engine)] == ["Le même"]
    # The other way round: first by its address, then by its id.
    keep(engine, article(2), source="feed")
    assert keep(
        engine, article(2, identity="https://journal.example/?p=2", aliases=("https://journal.example/2",))
    ) == (0, 0)


def test_a_source_that_knows_less_takes_nothing_away(engine: Engine) -> None:
    keep(engine, article(1, authors=("Ama K.", "Kodjo A."), section="Sport", words=300))
    keep(engine, article(1, title="Corrigé"), source="feed b")
    kept = found(engine)[0]
    assert (kept.title, kept.authors, kept.section, kept.words) == ("Corrigé", ("Ama K.", "Kodjo A."), "Sport", 300)


def test_first_publication_stays(engine: Engine) -> None:
    keep(engine, article(1))
    keep(engine, article(1, title="Mis à jour", published=NOW))
    assert found(engine)[0].published == NOW - timedelta(hours=1)


def test_an_article_without_a_date_counts_from_when_it_was_first_seen(engine: Engine) -> None:
    keep(engine, article(1, published=None), article(2), first=True)
    with read(engine) as connection:
        undated = next(
            one
            for one in articles.candidates(connection, since=NOW - timedelta(days=1), seen_since=NOW, day=NOW.date())
            if one.id == 1
        )
    assert undated.published == NOW
    assert not undated.archived


def test_the_first_reading_of_an_undated_source_is_its_archive(engine: Engine) -> None:
    keep(engine, article(1, published=None), article(2, published=None), first=True)
    keep(engine, article(1, published=None), article(3, published=None), now=NOW + timedelta(hours=1))
    with read(engine) as connection:
        candidates = articles.candidates(connection, since=NOW - timedelta(days=1), seen_since=NOW, day=NOW.date())
    assert {one.id: one.archived for one in candidates} == {1: True, 2: True, 3: False}


def test_an_article_is_updated_until_its_edition_is_frozen(engine: Engine) -> None:  # R12
    an_edition(engine)
    assert keep(engine, article(1, title="Trop tard")) == (0, 0)
    assert found(engine)[0].title == "Titre 1"


def test_what_went_out_is_known_as_used(engine: Engine) -> None:
    edition_id = an_edition(engine)
    with read(engine) as connection:
        values = {"since": NOW - timedelta(days=1), "seen_since": NOW, "day": NOW.date()}
        assert articles.candidates(connection, **values)[0].used_in == "2026-11-23"
        assert articles.candidates(connection, **values, edition_id=edition_id)[0].used_in is None


def test_keys_of_any_length_and_script_are_kept(engine: Engine) -> None:
    long = article(1, identity="https://journal.example/" + "é" * 3000, aliases=("🦜" * 2000,))
    assert keep(engine, long) == (1, 0)
    assert keep(engine, long) == (0, 0)


# --- Sources --------------------------------------------------------------------------------------


def test_how_a_source_fares_is_remembered(engine: Engine) -> None:
    good = Harvest("feed a", (article(1),), Validators('W/"x"', "Mon, 23 Nov 2026 06:00:00 GMT"))
    bad = Harvest("feed a", error="503")
    later = NOW + timedelta(hours=1)
    with write(engine) as connection:
        sources.keep(connection, good, NOW)
        sources.keep(connection, bad, later)
        sources.keep(connection, bad, later + timedelta(hours=1))
        record = sources.records(connection)["feed a"]
        assert record.validators == good.validators
        assert (record.articles, record.error, record.failing_since, record.collected_at) == (1, "503", later, NOW)
        sources.keep(connection, Harvest("feed a", unchanged=True), later)
        record = sources.records(connection)["feed a"]
        assert (record.articles, record.error, record.failing_since) == (1, None, None)
        assert (record.validators, record.first_collected_at) == (good.validators, NOW)


# --- Subscribers ----------------------------------------------------------------------------------


def test_the_lock_is_known_to_be_lost(engine: Engine) -> None:
    with sending_lock(engine) as still_ours:
        still_ours()
        if engine.dialect.name != "postgresql":
            return
        with write(engine) as connection:
            place = connection.execute(
                text("SELECT 'sending ' || current_schema() || ' ' || fence FROM leases")
            ).scalar()
            ours = "(l.classid::bigint << 32 | l.objid::bigint) = :key"  # others may be tested on the same server
            cut = f"SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND {ours}"
            assert connection.execute(text(cut), {"key": database.advisory_key(place)}).scalar()
        time.sleep(2 * lease.FRESH)
        with pytest.raises(DatabaseError):
            still_ours()
    with sending_lock(engine):  # letting go of it raised nothing, and the next one gets it
        pass


def test_an_address_is_on_the_list_once(engine: Engine) -> None:  # R13
    people(engine, "ama", "kodjo")
    with write(engine) as connection:
        again = [
            NewSubscriber("AMA@lecteurs.example", "ama@lecteurs.example"),
            NewSubscriber("e@f.example", "e@f.example"),
        ]
        assert len(subscribers.add(connection, again, now=NOW)) == 1
        assert subscribers.counts(connection)[SubscriberStatus.ACTIVE] == 3
        one = subscribers.find(connection, "ama@lecteurs.example")
        assert one is not None
        assert subscribers.set_status(connection, one.id, SubscriberStatus.UNSUBSCRIBED, NOW) is True
        assert subscribers.set_status(connection, one.id, SubscriberStatus.UNSUBSCRIBED, NOW) is False
        assert subscribers.add(connection, again, now=NOW) == []
        assert subscribers.readers(connection, NOW) == 2  # the others
        assert [one.address for one in subscribers.listed(connection, SubscriberStatus.UNSUBSCRIBED)] == [
            "ama@lecteurs.example"
        ]


# --- The ledger -----------------------------------------------------------------------------------


def test_the_audience_is_frozen_once_each(engine: Engine) -> None:  # R12
    people(engine, "ama", "kodjo", "efua")
    edition_id = an_edition(engine)
    people(engine, "late")
    with read(engine) as connection:
        assert deliveries.counts(connection, edition_id)[State.PENDING] == 3
    with pytest.raises(DatabaseError), write(engine) as connection:
        deliveries.plan(connection, edition_id, NOW)


def test_a_delivery_s_life(engine: Engine) -> None:
    people(engine, "ama", "kodjo", "efua")
    edition_id = an_edition(engine)
    later = NOW + timedelta(minutes=1)
    with write(engine) as connection:
        run = runs.begin(connection, edition_id, "here", NOW)
        first, second, third = deliveries.claim(connection, edition_id, run, NOW, 10)
        assert deliveries.claim(connection, edition_id, run, NOW, 10) == []
        put_off = Entry(second.id, State.DEFERRED, NOW, 450, "450 plus tard", later)
        record(connection, edition_id, run, [Entry(first.id, State.ACCEPTED, NOW, 250, "2.0.0 Ok: A1"), put_off])
        assert deliveries.next_attempt(connection, edition_id) == later
        assert deliveries.claim_deferred(connection, edition_id, run, NOW, 10) == []
        assert runs.left_claims(connection, edition_id) == [(run, "here", NOW)]
        assert [one.id for one in deliveries.claimed_by(connection, edition_id, run)] == [third.id]
        deliveries.give_back(connection, edition_id, run, [third.id], NOW)
        assert runs.left_claims(connection, edition_id) == []
        another = runs.begin(connection, edition_id, "here", later)
        [again] = deliveries.claim(connection, edition_id, another, later, 10)
        assert (again.id, again.attempts, again.first_attempt) == (third.id, 0, later)
        [again] = deliveries.claim_deferred(connection, edition_id, another, later, 10)
        assert (again.id, again.attempts, again.first_attempt) == (second.id, 1, NOW)


def test_what_another_run_has_claimed_is_not_recorded(engine: Engine) -> None:
    people(engine, "ama")
    edition_id = an_edition(engine)
    with write(engine) as connection:
        old, new = (runs.begin(connection, edition_id, "here", NOW) for _ in range(2))
        [one] = deliveries.claim(connection, edition_id, old, NOW, 10)
        deliveries.give_back(connection, edition_id, old, [one.id], NOW)
        deliveries.claim(connection, edition_id, new, NOW, 10)
        record(connection, edition_id, old, [Entry(one.id, State.REJECTED, NOW)])
        assert [one.state for one in deliveries.claimed_by(connection, edition_id, new)] == [State.CLAIMED]


def test_claims_go_on_behind_what_was_claimed(engine: Engine) -> None:
    people(engine, *"abcdef")
    edition_id = an_edition(engine)
    with write(engine) as connection:
        run = runs.begin(connection, edition_id, "here", NOW)
        first = deliveries.claim(connection, edition_id, run, NOW, 4)
        deliveries.give_back(connection, edition_id, run, [first[0].id], NOW)
        rest = deliveries.claim(connection, edition_id, run, NOW, 4, after=first[-1].id)
        assert [one.id for one in rest] == [5, 6]
        assert [one.id for one in deliveries.claim(connection, edition_id, run, NOW, 4)] == [first[0].id]


def test_who_has_left_is_found_among_what_a_run_has_claimed(engine: Engine) -> None:
    people(engine, "ama", "kodjo")
    edition_id = an_edition(engine)
    with write(engine) as connection:
        run = runs.begin(connection, edition_id, "here", NOW)
        first, second = deliveries.claim(connection, edition_id, run, NOW, 4)
        subscribers.set_status(connection, first.subscriber_id, SubscriberStatus.UNSUBSCRIBED, NOW)
        assert deliveries.departed(connection, edition_id, run, NOW) == {first.subscriber_id}
    held = Held(engine)
    departures = Departures(held, lambda: NOW)
    assert [departures.stays(one.subscriber_id, edition_id, run) for one in (first, second)] == [False, True]
    with write(engine) as connection:
        subscribers.pause(connection, second.subscriber_id, NOW + timedelta(days=1))
    time.sleep(2 * FRESH)
    if engine.dialect.name == "postgresql":
        time.sleep(2 * STALE)
    assert not departures.stays(second.subscriber_id, edition_id, run)
    later = Departures(held, lambda: NOW + timedelta(days=2))
    assert later.stays(second.subscriber_id, edition_id, run)
    held.close()


def test_a_doubt_is_repeated_once_and_after_a_crash_once_more(engine: Engine) -> None:
    people(engine, "ama")
    edition_id = an_edition(engine)
    with write(engine) as connection:
        run = runs.begin(connection, edition_id, "here", NOW)
        [one] = deliveries.claim(connection, edition_id, run, NOW, 10)
        record(connection, edition_id, run, [Entry(one.id, State.UNCERTAIN, NOW)])
        assert deliveries.doubtful(connection, edition_id) == 1
        [again] = deliveries.claim_doubtful(connection, edition_id, run, NOW, 10)
        assert again.repeated
        deliveries.doubt(connection, edition_id, run, [one.id], "", NOW)  # the run that repeated it was killed
        [again] = deliveries.claim_doubtful(connection, edition_id, run, NOW, 10)
        record(connection, edition_id, run, [Entry(one.id, State.UNCERTAIN, NOW)])  # the relay said nothing again
        assert deliveries.claim_doubtful(connection, edition_id, run, NOW, 10) == []
        assert deliveries.doubtful(connection, edition_id) == 0


def test_what_has_run_out_of_time_is_rejected_with_the_last_reply(engine: Engine) -> None:
    people(engine, "ama", "kodjo")
    edition_id = an_edition(engine)
    with write(engine) as connection:
        run = runs.begin(connection, edition_id, "here", NOW)
        first, second = deliveries.claim(connection, edition_id, run, NOW, 10)
        record(
            connection, edition_id, run, [Entry(first.id, State.DEFERRED, NOW, reply="450 plus tard", next_attempt=NOW)]
        )
        deliveries.give_back(connection, edition_id, run, [second.id], NOW)
        assert deliveries.expire(connection, edition_id, "expired", NOW, untried=False) == 1
        assert deliveries.expire(connection, edition_id, "expired", NOW, untried=True) == 1
        assert dict(deliveries.refusals(connection, edition_id)) == {
            "expired; the last reply was: 450 plus tard": 1,
            "expired": 1,
        }


def test_a_subscriber_s_story(engine: Engine) -> None:
    people(engine, "ama")
    an_edition(engine)
    an_edition(engine, date(2026, 11, 24))
    with read(engine) as connection:
        story = deliveries.of_subscriber(connection, 1)
    assert [(edition.name, one.state) for one, edition, _wire in story] == [
        ("2026-11-24", State.PENDING),
        ("2026-11-23", State.PENDING),
    ]


def test_an_edition_changes_status_only_from_where_it_is(engine: Engine) -> None:
    edition_id = an_edition(engine)
    with write(engine) as connection:
        assert not editions.move(connection, edition_id, [EditionStatus.DRAFT], EditionStatus.HELD)
        assert editions.last_picking(connection, DAILY, date(2026, 11, 24)) == NOW
        assert editions.move(connection, edition_id, [EditionStatus.SENDING], EditionStatus.SENT)
        assert editions.last_picking(connection, DAILY, date(2026, 11, 24)) is None  # it reached nobody
        assert editions.last_picking(connection, DAILY, DAY) is None


def test_one_edition_for_a_day_and_slot(engine: Engine) -> None:
    an_edition(engine)
    table = metadata.tables["editions"]
    row = {"day": DAY, "slot": DAILY, "status": "draft", "picked_at": NOW}
    with pytest.raises(DatabaseError), write(engine) as connection:
        connection.execute(insert(table).values(**row))
    with write(engine) as connection:
        connection.execute(insert(table).values(**(row | {"slot": "extra"})))
        assert len(connection.execute(select(table)).all()) == 2


# --- Locks and backups ----------------------------------------------------------------------------


def try_lock(url: str, answers: multiprocessing.Queue[str]) -> None:
    engine = database.open_engine(url)
    try:
        with sending_lock(engine):
            answers.put("held")
    except AlreadyRunning as error:
        answers.put(str(error))
    engine.dispose()


def test_one_run_sends_at_a_time(engine: Engine) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    url = engine.url.render_as_string(hide_password=False)
    said = []
    for held in (True, False):
        process = spawn.Process(target=try_lock, args=(url, answers))
        if held:
            with sending_lock(engine):
                process.start()
                said.append(answers.get(timeout=60))
        else:
            process.start()
            said.append(answers.get(timeout=60))
        process.join(60)
    assert said[0].startswith("another run is sending")
    assert said[1] == "held"


ON_POSTGRESQL = pytest.mark.parametrize("empty_engine", ["postgresql"], indirect=True)


@ON_POSTGRESQL
def test_who_sleeps_too_long_has_lost_the_lease(engine: Engine) -> None:  # R04
    """A process that is stopped does not renew its lease: another takes over, and the first begins nothing more. (On
    SQLite a flock alone decides, and nobody takes over.)"""
    other = database.open_engine(engine.url.render_as_string(hide_password=False))
    with sending_lock(engine) as still_ours:
        with pytest.raises(AlreadyRunning, match=r"process \d+ on "), sending_lock(other):
            pass
        assert (lease.holder(engine, "sending") or "").startswith("process ")
        with write(engine) as connection:
            connection.execute(text("UPDATE leases SET until = clock_timestamp() - interval '1 second'"))
        with sending_lock(other) as theirs:
            time.sleep(2 * lease.FRESH)
            theirs()
            with pytest.raises(DatabaseError, match="another run has taken over"):
                still_ours()
        with pytest.raises(DatabaseError, match="another run has taken over"):
            still_ours()
    assert lease.holder(engine, "sending") is None
    with sending_lock(other):
        pass
    other.dispose()


@ON_POSTGRESQL
def test_the_end_of_one_who_slept_gives_nothing_of_another_s_away(engine: Engine) -> None:  # R04
    url = engine.url.render_as_string(hide_password=False)
    second, third = database.open_engine(url), database.open_engine(url)
    with ExitStack() as both:
        with sending_lock(engine):
            with write(engine) as connection:
                connection.execute(text("UPDATE leases SET until = clock_timestamp() - interval '1 second'"))
            theirs = both.enter_context(sending_lock(second))
        # The first has ended, and the second lives.
        with pytest.raises(AlreadyRunning), sending_lock(third):
            pass
        time.sleep(2 * lease.FRESH)
        theirs()
    with sending_lock(third):
        pass
    second.dispose()
    third.dispose()


@ON_POSTGRESQL
def test_a_lease_is_renewed_while_its_holder_lives(engine: Engine) -> None:  # R04
    with lease.lease(engine, "sending", renewed_every=0.05) as still_ours:
        with write(engine) as connection:
            connection.execute(text("UPDATE leases SET until = clock_timestamp()"))
        time.sleep(0.5)
        assert lease.holder(engine, "sending") is not None
        still_ours()


def test_a_backup_is_whole_and_private(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/subscribers.db")
    database.upgrade(engine)
    people(engine, "ama")
    with write(engine) as connection:  # somebody is writing meanwhile
        notes.put(connection, "half", "done")
        backup(engine, tmp_path / "copy.db")
    copy = database.open_engine(f"sqlite:///{tmp_path}/copy.db")
    with read(copy) as connection:
        assert [one.address for one in subscribers.listed(connection)] == ["ama@lecteurs.example"]
        assert notes.get(connection, "half") is None
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DatabaseError, match="exists already"):
        backup(engine, tmp_path / "copy.db")
    copy.dispose()
    engine.dispose()


def test_a_session_s_idle_transaction_has_an_end(postgres_url: str) -> None:
    """Its locks would keep all the others waiting, on whatever machine."""
    url = make_url(postgres_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    engine = database.open_engine(url)
    with read(engine) as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "30s"
        assert connection.execute(text("SELECT current_setting('tcp_keepalives_idle') IS NOT NULL")).scalar()
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"database": "nulle_part"}, 'database "nulle_part" does not exist: createdb makes it'),
        ({"username": "personne"}, 'role "personne" does not exist: createuser makes the account'),
        (
            {"host": "127.0.0.1", "port": 9, "query": {}, "password": "hunter2"},
            "refused: does PostgreSQL run there, and listen on that address",
        ),
        (
            {"host": "127.0.0.1", "port": 9, "password": None, "query": {"password": "hunter2"}},
            "password=***: connection failed",
        ),
    ],
)
def test_a_database_that_cannot_be_reached_is_said_as_it_was_written_with_its_cure(
    postgres_url: str, change: dict[str, Any], said: str
) -> None:
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    query = dict(change.pop("query", url.query))
    engine = database.open_engine(url.set(query=query, **change).render_as_string(hide_password=False))
    with pytest.raises(DatabaseError) as raised, read(engine):
        pass
    assert str(raised.value).startswith("database postgresql://")
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)
    engine.dispose()


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ('FATAL:  password authentication failed for user "lettre"', "~/.pgpass"),
        ("FATAL:  authentification par mot de passe échouée pour l'utilisateur « lettre »", "NEWSLETTER_DATABASE"),
        ("fe_sendauth: no password supplied", "~/.pgpass"),
        ("failed to resolve host 'db.example': [Errno -2] Name or service not known", "spelt rightly"),
        ("FATAL:  la base de données « lettre » n'existe pas", "createdb"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "lettre", database "lettre"', "let this machine in"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("connection timeout expired", "firewall"),
    ],
)
def test_what_servers_say_has_a_cure(said: str, cure: str) -> None:
    assert cure in postgresql.cure(f"connection failed: {said}")


def test_what_is_wrong_within_a_database_is_not_put_down_to_its_connection() -> None:
    for said in ('relation "deliveries" does not exist', "canceling statement due to lock timeout"):
        assert postgresql.cure(said) == ""
