"""Editions, mailbox providers and the list over time: the figures on both databases, and when a provider is warned of."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import comb
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, event, func, insert, select, update

from newsletter import daily, metrics, results, returns, subscribe, tidy, trends
from newsletter.deliver import Stop
from newsletter.model import Act, DeliveryState, Failure, Origin, Reason, Returned, ReturnKind, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.sending import Watch
from newsletter.store import consents, editions, subscribers
from newsletter.store import totals as kept_totals
from newsletter.store import trends as rows
from newsletter.store.database import read, write
from newsletter.store.schema import bounces, deliveries
from newsletter.store.schema import editions as edition_rows
from newsletter.store.schema import subscribers as subscribers_rows
from newsletter.store.schema import totals as kept
from newsletter.store.totals import FOLDED, PUT_OFF, Counted
from newsletter.store.trends import Change
from newsletter.trends import OTHERS, Provider, Sum, Trends, Why, growth, page, plots, said, tables, totals, warn
from newsletter.web.metrics import lines
from tests.conftest import MORNING, Clock
from tests.fakes import FakeMailer
from tests.trending import Story, Usual, bounce, troubled

MakeRoom = Callable[..., Newsroom]
State = DeliveryState
PAGE = Origin("page")


@pytest.fixture
def both(empty_engine: Engine, make_room: MakeRoom) -> Newsroom:
    """A newsroom on each of the two databases."""
    url = empty_engine.url.set(drivername=empty_engine.url.drivername.split("+")[0])
    return make_room(NEWSLETTER_DATABASE=url.render_as_string(hide_password=False))


@pytest.fixture
def told(both: Newsroom) -> Newsroom:
    """Five editions to thirty readers."""
    Story(MORNING, days=5, readers=30, joins=1).write(both.engine)
    return both


def ids(room: Newsroom) -> list[int]:
    with read(room.engine) as connection:
        return [one.id for one in rows.begun(connection, 99)]


def deliveries_of(room: Newsroom, edition_id: int) -> list[int]:
    with read(room.engine) as connection:
        query = select(deliveries.c.id).where(deliveries.c.edition_id == edition_id).order_by(deliveries.c.id)
        return list(connection.scalars(query))


def without_returned(room: Newsroom) -> None:
    with write(room.engine) as connection:
        connection.execute(delete(bounces))


def queries(room: Newsroom, call: Callable[[], object]) -> list[str]:
    said: list[str] = []

    def listen(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(room.engine, "before_cursor_execute", listen)
    call()
    event.remove(room.engine, "before_cursor_execute", listen)
    return said


# --- Totals -----------------------------------------------------------------------------------------


def test_totals_are_what_the_ledger_has(told: Newsroom) -> None:
    found = trends.of_last(told)
    assert len(found.editions) == 5
    for line in found.editions:
        of = results.of_edition(told, line.edition)
        names = ("accepted", "refused", "uncertain", "skipped")
        assert [getattr(line.sum, name) for name in names] == [getattr(of.all, name) for name in names]
        assert line.sum.total == of.all.total
        assert (line.left, line.known) == (of.left, True)
        assert of.back is not None
        back = of.back.hard, of.back.soft, of.back.complaints
        assert (line.sum.hard, line.sum.soft, line.sum.complaints) == back
    assert found.sum == trends.figures.total(one.sum for one in [*found.providers, found.others])


def test_what_was_counted_once_is_not_counted_again(told: Newsroom) -> None:
    first = trends.of_last(told)
    counting = [one for one in queries(told, lambda: trends.of_last(told)) if "attempts" in one]
    assert not counting
    assert trends.of_last(told) == first


@pytest.mark.parametrize("what", ["resolved", "newcomer", "retried"])
def test_a_ledger_that_changes_afterwards_is_counted_again(told: Newsroom, what: str) -> None:
    trends.of_last(told)
    edition = ids(told)[-1]
    some = deliveries_of(told, edition)[:2]
    before = trends.of_last(told).editions[-1].sum
    with write(told.engine) as connection:
        if what == "newcomer":
            [number] = subscribers.add(connection, [subscribe.person("neuf@gmail.com")], now=MORNING)
            row = {"edition_id": edition, "subscriber_id": number, "address": "neuf@gmail.com", "late": True}
            connection.execute(insert(deliveries).values(row | {"state": State.ACCEPTED, "at": MORNING, "attempts": 1}))
        else:
            state = State.UNCERTAIN if what == "resolved" else State.REJECTED
            here = deliveries.c.id.in_(some), deliveries.c.state == State.ACCEPTED
            connection.execute(update(deliveries).where(*here).values(state=state))
    after = trends.of_last(told).editions[-1].sum
    assert after != before
    assert after.accepted == results.of_edition(told, trends.of_last(told).editions[-1].edition).all.accepted


def test_an_edition_on_its_way_is_counted_each_time_and_not_kept(told: Newsroom) -> None:
    last = ids(told)[-1]
    with write(told.engine) as connection:
        editions.change(connection, last, status="sending", ended_at=None)
    trends.of_last(told)
    with read(told.engine) as connection:
        counted = set(connection.scalars(select(kept.c.edition_id)))
    assert counted == set(ids(told)) - {last}


def test_totals_outlive_the_ledger(told: Newsroom, clock: Clock) -> None:
    before = trends.of_last(told)
    with write(told.engine) as connection:
        connection.execute(delete(kept))
    clock.move(days=397, hours=1)  # the first two editions are over their time
    assert tidy.tidy(told, dry_run=True).deliveries
    with read(told.engine) as connection:
        assert not connection.execute(select(kept)).first()
    tidy.tidy(told)
    assert [len(deliveries_of(told, one)) > 0 for one in ids(told)] == [False, False, True, True, True]
    after = trends.of_last(told)
    for was, now in zip(before.editions, after.editions, strict=True):
        assert (now.sum.accepted, now.sum.put_off) == (was.sum.accepted, was.sum.put_off)
    assert [one.left is None for one in after.editions] == [True, True, False, False, False]
    assert [one.known for one in after.editions] == [False, False, True, True, True]
    tidy.tidy(told)
    assert trends.of_last(told) == after


def test_the_results_outlive_the_ledger(told: Newsroom, clock: Clock) -> None:
    with read(told.engine) as connection:
        edition = editions.by_id(connection, ids(told)[0])
    before = results.of_edition(told, edition)
    assert (before.purged, before.since) == (False, None)
    clock.move(days=397, hours=1)
    tidy.tidy(told)
    after = results.of_edition(told, edition)
    assert (after.all, after.providers, after.other_count) == (before.all, before.providers, before.other_count)
    assert (after.purged, after.since) == (True, date(2027, 12, 24))
    assert (after.left, after.newcomers, after.left_addresses) == (None, None, [])
    assert before.back is not None
    assert (after.back, after.reads) == (None, True)  # over its time as well
    listed, _ = results.listed(told)
    assert listed[-1].edition.id == edition.id
    assert listed[-1].all == before.all
    report = trends.of_edition(told, edition)
    assert {one.name: one.sum.accepted for one in report.providers} == {
        one.name: one.accepted for one in after.providers
    }


def test_the_results_of_a_long_list_outlive_the_ledger_too() -> None:
    counts = [Counted(f"d{n:02}.example", State.ACCEPTED, 100 - n, 1) for n in range(60)]
    kept = totals.by_provider([*counts, Counted("", State.SKIPPED, 7, 0)])
    found = results._of_totals(kept)
    assert (len(found["providers"]), found["other_count"]) == (results.TOP, 60 - results.TOP)
    assert found["providers"][0] == results.Tally("d00.example", accepted=100)
    assert found["all"].total == sum(one.times for one in counts) + 7
    assert found["all"].put_off == 0  # put off at least once is not waiting for another try


def test_a_doubt_that_was_repeated_is_not_put_off(both: Newsroom, add_article: Callable[..., Path]) -> None:
    subscribe.add(both, [f"{name}@gmail.com" for name in ("ama", "afi", "yao", "eko")], "test")
    add_article("Le port rouvre")
    mailer = FakeMailer({"ama": ["doubt", "ok"], "afi": ["doubt", "doubt"]})
    both.__dict__["mailer"] = mailer
    found = daily.send(both, both.today(), watch=Watch(Stop(both.clock)))
    assert (found.accepted, found.uncertain) == (3, 1)
    assert len(mailer.received["ama@gmail.com"]) == 2  # once more, by `on_uncertain = "resend"`
    with write(both.engine) as connection:
        yao = update(deliveries).where(deliveries.c.address == "yao@gmail.com")
        connection.execute(yao.values(attempts=2))  # put off once
        counted = kept_totals.count(connection, ids(both)[0])
    assert {one.state: (one.times, one.put_off) for one in counted} == {State.ACCEPTED: (3, 1), State.UNCERTAIN: (1, 0)}


def test_a_ledger_that_is_gone_without_totals(told: Newsroom) -> None:
    with write(told.engine) as connection:
        connection.execute(delete(deliveries))
    with read(told.engine) as connection:
        edition = editions.by_id(connection, ids(told)[0])
    found = results.of_edition(told, edition)
    assert (found.all.total, found.left, found.purged) == (0, None, False)


def test_half_a_purge_loses_nothing(told: Newsroom) -> None:
    before = trends.of_last(told).editions[0].sum
    first = ids(told)[0]
    with write(told.engine) as connection:
        connection.execute(delete(deliveries).where(deliveries.c.id.in_(deliveries_of(told, first)[:5])))
    totals.keep_before(told, MORNING)
    with write(told.engine) as connection:  # and somebody who counted after it
        rows_left = totals.by_provider([Counted("gmail.com", State.ACCEPTED, 3, 0)])
        kept_totals.keep(connection, first, rows_left)
    assert trends.of_last(told).editions[0].sum == before


def test_small_providers_go_together() -> None:
    counts = [Counted(f"d{n}.example", State.ACCEPTED, 100 - n, 1) for n in range(60)]
    counts += [Counted("", State.SKIPPED, 7, 0), Counted("gmail.com", State.ACCEPTED, 2, 0)]
    counts += [Counted("googlemail.com", State.REJECTED, 900, 900)]
    found = totals.by_provider(counts)
    assert len(found) == totals.NAMED + 1
    assert found["Gmail"] == {"accepted": 2, "rejected": 900, PUT_OFF: 900}
    assert found[OTHERS][State.SKIPPED] == 7
    assert found[OTHERS][FOLDED] == 61 - totals.NAMED
    assert sum(kept_totals.by_state(found).values()) == sum(one.times for one in counts)


def test_every_provider_is_counted_though_not_every_one_has_a_name(both: Newsroom) -> None:
    Story(MORNING, days=2, readers=70, joins=0).write(both.engine)
    _, last = ids(both)
    with write(both.engine) as connection:
        for number, one in enumerate(deliveries_of(both, last)):
            here = deliveries.c.id == one
            connection.execute(update(deliveries).where(here).values(address=f"x@d{number:02}.example"))
    count = len(deliveries_of(both, last))
    with read(both.engine) as connection:
        edition = editions.by_id(connection, last)
    assert count > totals.NAMED + 5
    seen = trends.of_edition(both, edition)
    assert seen.other_count == count - len(seen.providers) == results.of_edition(both, edition).other_count
    of_two = trends.of_last(both)
    assert count - totals.NAMED < count - len(of_two.providers) <= of_two.other_count <= count


# --- What came back ---------------------------------------------------------------------------------


def test_each_delivery_counts_once_by_its_hardest_bounce(told: Newsroom) -> None:
    without_returned(told)
    edition = ids(told)[-1]
    one, two, three, four, *_ = deliveries_of(told, edition)
    with write(told.engine) as connection:
        reader = {
            row.id: row.subscriber_id for row in connection.execute(select(deliveries.c.id, deliveries.c.subscriber_id))
        }
        connection.execute(update(deliveries).values(state=State.ACCEPTED, address="x@gmail.com"))

        def came(number: int, delivery: int, **values: object) -> None:
            of = {"edition_id": edition, "delivery_id": delivery, "subscriber_id": reader[delivery], "at": MORNING}
            bounce(connection, number, **(of | values))

        came(1, one, permanent=False, reason="mailbox_full")
        came(2, one, permanent=True, reason="inactive")
        came(3, one, permanent=None, reason="other")
        came(4, two, permanent=False, reason="delayed")  # nothing has failed yet
        came(5, two, proof="address")
        came(6, two, proof="nothing", kind="feedback", permanent=None, reason=None)
        came(7, three, kind="feedback", permanent=None, reason=None)
        came(8, three, permanent=None, reason=None)
        came(9, four, kind="vacation", permanent=None, reason=None)
        came(10, four, via="smtp", reason="blocked")
        connection.execute(insert(bounces).values(digest="letter", at=MORNING, kind="bounce", via="imap",
            proof="return_path", letter_id=3, permanent=True, suppress=True, code="", text="", address=""))  # fmt: skip
    found = trends.of_last(told)
    of = found.editions[-1].sum
    assert (of.hard, of.soft, of.complaints) == (1, 1, 1)
    assert found.unattributed == 2
    whys = {(one.reason, one.refused, one.hard, one.soft) for one in found.reasons if one.reason}
    assert whys == {(Reason.INACTIVE, 0, 1, 0), (Reason.OTHER, 0, 0, 1), (Reason.BLOCKED, 1, 0, 0)}
    back = results.of_edition(told, found.editions[-1].edition).back
    assert back == results.CameBack(1, 1, 1, ((Reason.INACTIVE, 1), (Reason.OTHER, 1)))
    with read(told.engine) as connection:
        assert rows.sums(connection) == {"hard": 3, "soft": 3, "complaint": 2}


def test_a_row_that_knows_the_reader_alone_counts_at_their_provider(told: Newsroom) -> None:
    without_returned(told)
    edition = ids(told)[-1]
    one, two, three, *_ = deliveries_of(told, edition)
    with write(told.engine) as connection:
        here = deliveries.c.id.in_([one, two, three])
        readers = select(deliveries.c.subscriber_id).where(here).order_by(deliveries.c.id)
        first, second, third = connection.scalars(readers)
        for number, domain in ((first, "gmail.com"), (second, "orange.fr"), (third, "yahoo.fr")):
            row = subscribers_rows.c.id == number
            connection.execute(update(subscribers_rows).where(row).values(address=f"x@{domain}", key=f"x@{domain}"))
        of = {"edition_id": edition, "kind": "feedback", "permanent": None, "reason": None, "at": MORNING}
        bounce(connection, 1, **of, proof="link", subscriber_id=first)
        bounce(connection, 2, **of, proof="provider", subscriber_id=second)
        bounce(connection, 3, **of, proof="link", subscriber_id=third)
        bounce(connection, 4, **of, subscriber_id=third, delivery_id=three)  # the same, told twice
        connection.execute(update(deliveries).where(here).values(address="x@then.example"))
    with read(told.engine) as connection:
        found = {one.domain: one.times for one in rows.returned(connection, [edition])}
    assert found == {"gmail.com": 1, "orange.fr": 1, "then.example": 1}  # as the ledger has it, where that is known
    assert trends.of_last(told).sum.complaints == 3
    assert trends.of_last(told).unattributed == 0


def test_what_was_refused_and_is_not_taken_in_is_judged_by_its_words(told: Newsroom) -> None:
    without_returned(told)
    edition = ids(told)[-1]
    one, two, three, four, five, *_ = deliveries_of(told, edition)
    with write(told.engine) as connection:
        connection.execute(update(deliveries).values(state=State.ACCEPTED, address="x@gmail.com"))

        def refused(number: int, **values: object) -> None:
            here = deliveries.c.id == number
            connection.execute(update(deliveries).where(here).values(state=State.REJECTED, **values))

        refused(one, code=550, reply="550 5.1.1 <ama@gmail.com>: no such user")
        refused(two, code=550, reply="550 5.1.1 <kodjo@gmail.com>: no such user")
        refused(three, code=552, reply="552 5.2.2 mailbox full")
        refused(four, code=552, reply="552 5.2.2 mailbox full")
        refused(five, code=None, reply="", attempts=0)  # never offered
        bounce(connection, 1, edition_id=edition, delivery_id=four, via="smtp", reason="blocked", at=MORNING)
    found = {(one.provider, one.reason, one.refused) for one in trends.of_last(told).reasons}
    assert found == {
        ("Gmail", Reason.UNKNOWN_USER, 2),
        ("Gmail", Reason.MAILBOX_FULL, 1),
        ("Gmail", Reason.BLOCKED, 1),
        ("Gmail", None, 1),
    }


def test_whose_ledger_is_gone_counts_where_they_are_now(told: Newsroom) -> None:
    without_returned(told)
    edition = ids(told)[0]
    with write(told.engine) as connection:
        [number] = subscribers.add(connection, [subscribe.person("ama@gmail.com")], now=MORNING)
        bounce(connection, 1, edition_id=edition, delivery_id=99999, subscriber_id=number, at=MORNING)
    with read(told.engine) as connection:
        [back] = rows.returned(connection, ids(told))
    assert back == rows.Back(edition, "gmail.com", ReturnKind.BOUNCE, False, True, Reason.UNKNOWN_USER, 1)


def test_nothing_reads_what_comes_back(told: Newsroom) -> None:
    without_returned(told)
    with write(told.engine) as connection:
        bounce(connection, 1, via="smtp", at=MORNING)  # what the relay said when we sent did not come back
    found = trends.of_last(told)
    assert not found.read
    assert not any(one.known for one in found.editions)
    assert tables.rows(found, "editions")[0]["hard"] is None
    assert "relay" in said.verdict(told.words_in("en"), found)


def test_bounces_are_read_where_a_place_for_them_is_configured(folder: object, make_room: MakeRoom) -> None:
    for room, wanted in (
        (make_room(), False),
        (make_room(NEWSLETTER_BOUNCES_INBOX="maildir:retours"), True),
        (make_room(NEWSLETTER_BREVO_SECRET="s" * 40), True),
    ):
        with read(room.engine) as connection:
            assert results.reads(room, connection) is wanted


def test_what_came_back_for_a_monitor(told: Newsroom) -> None:
    without_returned(told)
    with write(told.engine) as connection:
        bounce(connection, 1, at=MORNING)
        bounce(connection, 2, at=MORNING, permanent=False)
        bounce(connection, 3, at=MORNING, kind="feedback", permanent=None)
    assert metrics.figures(told)["returned"] == {"hard": 1, "soft": 1, "complaint": 1}
    assert 'newsletter_returned{kind="complaint"} 1' in list(lines(told))


# --- Who left, and how the list grew -----------------------------------------------------------------


def test_who_left_is_counted_for_all_editions_in_one_pass(told: Newsroom) -> None:
    found = trends.of_last(told)
    assert sum(results.of_edition(told, one.edition).left for one in found.editions) == found.left > 0
    passes = [one for one in queries(told, lambda: trends.of_last(told)) if "FROM subscribers JOIN deliveries" in one]
    assert len(passes) == 1


def test_one_edition_counts_who_left_before_the_next(told: Newsroom) -> None:
    for line in trends.of_last(told).editions:
        alone = trends.of_edition(told, line.edition)
        assert [(one.edition, one.sum, one.left) for one in alone.editions] == [(line.edition, line.sum, line.left)]


def test_the_list_is_what_the_subscribers_say(told: Newsroom) -> None:
    found = trends.of_last(told)
    assert found.growth[-1].active == found.active
    with read(told.engine) as connection:
        assert found.active == subscribers.counts(connection)[SubscriberStatus.ACTIVE]
    for before, day in zip(found.growth, found.growth[1:], strict=False):
        assert day.active == before.active + day.joined - day.gone
    start = found.growth[0]
    assert start.active - start.joined + start.gone == 30  # who was imported the day before


def test_who_is_off_the_list_does_not_leave_twice(both: Newsroom) -> None:
    def acts(number: int, *told: str) -> None:
        with write(both.engine) as connection:
            name = f"r{number}@lecteurs.example"
            [one] = subscribers.add(connection, [subscribe.person(name)], now=MORNING)
            for act in told:
                row = {"subscriber_id": one, "at": MORNING, "act": act, "how": "link"}
                connection.execute(insert(consents.consents).values(row))

    for number, story in enumerate(
        [
            ("signed_up", "confirmed", "unsubscribed", "forgotten"),  # joined, left
            ("signed_up", "forgotten"),  # never was on it
            ("added", "unreachable", "revived", "complained", "unsubscribed"),  # twice in, twice out
            ("imported", "unsubscribed", "signed_up", "unsubscribed"),  # joined, left
            ("unsubscribed",),  # joined before acts were kept
            ("added", "paused", "variant", "forgotten"),
        ]
    ):
        acts(number, *story)
    with read(both.engine) as connection:
        found = rows.changes(connection, MORNING)
        assert rows.changes(connection, MORNING + timedelta(seconds=1)) == []
    assert {one.act: one.times for one in found} == {
        "confirmed": 1, "added": 2, "revived": 1, "imported": 1,
        "unsubscribed": 3, "unreachable": 1, "complained": 1, "forgotten": 1,
    }  # fmt: skip
    assert {one.at for one in found} == {MORNING}


def test_real_readers_come_and_go(both: Newsroom, clock: Clock) -> None:
    with write(both.engine) as connection:
        one = editions.keep_draft(connection, clock().date(), "daily", clock(), [])
        editions.change(connection, one.id, status="sent", started_at=clock())
    subscribe.add(both, [f"{name}@lecteurs.example" for name in ("ama", "kodjo", "efua")], "test")
    clock.move(days=1)
    subscribe.remove(both, "ama@lecteurs.example")
    subscribe.forget(both, subscribe.find(both, "kodjo@lecteurs.example"), PAGE)
    clock.move(days=1)
    subscribe.forget(both, subscribe.find(both, "ama@lecteurs.example"), PAGE)
    found = [(one.joined, one.left, one.active) for one in trends.of_last(both).growth]
    assert found == [(3, 0, 3), (0, 2, 1), (0, 0, 1)]


@pytest.mark.parametrize("zone", ["Africa/Lome", "Asia/Kathmandu", "America/Guadeloupe", "Pacific/Auckland"])
def test_days_are_the_newsrooms(zone: str) -> None:
    local = ZoneInfo(zone)
    midnight = datetime(2026, 11, 23, tzinfo=local)
    changes = [Change((midnight + timedelta(minutes=m)).astimezone(UTC), Act.ADDED, 1) for m in (-15, 0, 15)]
    days = growth.by_day(changes, date(2026, 11, 22), date(2026, 11, 23), 10, local)
    assert [(one.day.day, one.joined, one.active) for one in days] == [(22, 1, 8), (23, 2, 10)]


def test_weeks_add_up() -> None:
    days = growth.by_day(
        [Change(MORNING, "complained", 2)], date(2026, 11, 10), date(2026, 11, 24), 50, ZoneInfo("UTC")
    )
    weeks = growth.by_week(days)
    assert [one.day.isoformat() for one in weeks] == ["2026-11-09", "2026-11-16", "2026-11-23"]
    assert [(one.complained, one.active) for one in weeks] == [(0, 52), (0, 52), (2, 50)]


# --- Warnings ---------------------------------------------------------------------------------------

QUIET = Sum(accepted=996, refused=4, put_off=10)


def warned(*sums: Sum) -> set[tuple[str, bool]]:
    return {(one.what, one.grave) for one in warn.about("Gmail", sums)}


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (QUIET, set()),
        (Sum(accepted=970, refused=30), {("failed", False)}),
        (Sum(accepted=1000, hard=20, soft=10), {("failed", False)}),  # a relay that takes all, and sends it back
        (Sum(accepted=700, refused=300), {("failed", True)}),
        (Sum(refused=1000), {("failed", True)}),
        (Sum(accepted=991, refused=9), set()),  # less than one percent
        (Sum(accepted=11, refused=4), set()),  # less than five
        (Sum(accepted=900, put_off=150), {("put_off", False)}),
        (Sum(accepted=600, deferred=400, put_off=400), {("put_off", False)}),  # and they still wait
        (Sum(waiting=900, skipped=100), set()),
        (Sum(), set()),
    ],
)
def test_a_jump(last: Sum, found: set[tuple[str, bool]]) -> None:
    assert warned(*[QUIET] * 20, last) == found


def test_a_jump_needs_something_usual() -> None:
    bad = Sum(accepted=900, refused=100)
    assert warned(bad) == warned(QUIET, bad) == warned(QUIET, QUIET, bad) == set()
    assert warned(QUIET, QUIET, QUIET, bad) == {("failed", False)}
    assert warned(*[bad] * 20) == set()  # it was always so


@pytest.mark.parametrize("editions", [1, 2, 3, 5, 40])
def test_one_in_five_turned_away_is_too_much_whatever_is_usual(editions: int) -> None:
    """A domain that is blocked from the first day on, or for a long time, knows nothing else."""
    [one] = warn.about(
        "Gmail", [Sum(accepted=198, refused=1814, hard=50)] * editions, [Why("Gmail", Reason.BLOCKED, 9)]
    )
    assert (one.what, one.grave, one.usual, one.reason) == ("failed", True, None, Reason.BLOCKED)
    assert (one.editions, one.times) == (min(editions, 3), 1864 * min(editions, 3))
    assert warned(*[Sum(accepted=1000, hard=150, soft=60)] * editions) == {("failed", True)}
    assert warned(*[Sum(accepted=810, refused=190)] * editions) == set()


def test_too_much_is_no_chance_of_a_few_and_ends_when_it_is_over() -> None:
    assert warned(Sum(accepted=16, refused=4)) == set()
    assert warned(Sum(accepted=20, refused=5)) == set()
    assert warned(Sum(refused=5)) == {("failed", True)}
    bad = Sum(accepted=100, refused=900)
    assert warned(bad, bad, Sum(accepted=999, refused=1)) == set()
    [one] = warn.about("Gmail", [Sum(accepted=999, refused=1), bad])
    assert (one.editions, one.times, one.of) == (1, 900, 1000)


def test_too_much_goes_before_a_jump_that_is_no_problem_yet() -> None:
    usual, now = Sum(accepted=930, refused=70), Sum(accepted=805, refused=195)
    [one] = warn.about("Gmail", [usual] * 10 + [now])
    assert (one.grave, one.usual) == (False, 0.07)
    [one] = warn.about("Gmail", [*[Sum(accepted=890, refused=110)] * 10, Sum(accepted=780, refused=220)])
    assert (one.grave, one.usual) == (True, None)


def test_where_all_turn_us_away_small_ones_are_not_told_one_by_one(room: Newsroom) -> None:
    sums = {1: {f"d{n:02}.example": Sum(accepted=1, refused=40 - n) for n in range(30)}}
    told, others = trends._providers(sums, [1], [1], [], everywhere=True)
    assert (len(told), len(others)) == (trends.TOP, 30 - trends.TOP)
    assert all(one.warned for one in told)
    found = Trends(MORNING, [], told, told[0], 18, [], growth=[], active=0, read=True, unattributed=0)
    shown = page.values(room.words, found)
    assert (len(shown["warnings"]), shown["more_warnings"]) == (page.WARNINGS, trends.TOP - page.WARNINGS)
    sums[1]["d29.example"] = Sum(accepted=100, complaints=20)
    told, _ = trends._providers(sums, [1], [1], [], everywhere=True)
    assert "d29.example" in [one.name for one in told]


def test_a_provider_s_word_counts_at_the_last_edition(told: Newsroom) -> None:
    without_returned(told)
    last = ids(told)[-1]
    with write(told.engine) as connection:
        connection.execute(update(deliveries).values(first_attempt=MORNING))
        here = deliveries.c.edition_id == last
        address = connection.scalars(select(deliveries.c.address).where(here).order_by(deliveries.c.id)).first()
    complaint = Returned(ReturnKind.FEEDBACK, (Failure(str(address), suppress=True),))
    returns.take(told, complaint, digest="one", via="brevo", vouched=True)
    assert [one.sum.complaints for one in trends.of_last(told).editions] == [0, 0, 0, 0, 1]
    returns.take(told, complaint, digest="two", via="brevo")  # anybody may have written that
    assert trends.of_last(told).sum.complaints == 1


def test_all_is_not_well_where_many_domains_turn_a_few_away(both: Newsroom) -> None:
    Story(MORNING, days=1, readers=40, joins=0).write(both.engine)
    [edition] = ids(both)
    without_returned(both)
    with write(both.engine) as connection:
        for number, one in enumerate(deliveries_of(both, edition)):
            values = {"address": f"x@d{number}.example", "state": State.REJECTED, "code": 550}
            values["reply"] = "550 5.7.1 blocked using a list"
            connection.execute(update(deliveries).where(deliveries.c.id == one).values(**values))
    found = trends.of_last(both)
    assert [one for one in found.providers if one.warned] == []
    [one] = found.warned
    assert (one.provider, one.what, one.grave, one.share, one.reason) == ("", "failed", True, 1.0, Reason.BLOCKED)
    words = both.words_in("fr")
    assert said.verdict(words, found) == "Beaucoup de courriels ne passent pas."
    assert said.warning(words, one).startswith("Sur l’ensemble, 100\u00a0% des courriels ont été rejetés")
    assert tables.figures(found)["warnings"][0]["provider"] is None  # type: ignore[index]


def test_a_paper_that_is_blocked_from_the_first_day_is_told(both: Newsroom) -> None:
    blocked = Story(MORNING, days=2, readers=300)
    blocked.usual = Usual(refused=0.9)
    blocked.write(both.engine)
    found = trends.of_last(both)
    assert {one.provider for one in found.warned if one.grave} >= {"", "Gmail", "Yahoo", "Orange"}
    assert "well" not in said.verdict(both.words_in("en"), found)
    told = said.warning(both.words_in("en"), found.warned[1])
    assert re.match(r"\w+ turned (8|9)\d% of the mails away in the last 2 editions", told)
    assert "before" not in told


def test_a_jump_is_told_from_its_beginning() -> None:
    bad = Sum(accepted=90, refused=10)
    usual = [Sum(accepted=99, refused=1)] * 20
    [one] = warn.about("Yahoo", [*usual, bad, bad, bad], [Why("Yahoo", Reason.BLOCKED, 28), Why("Yahoo", None, 2)])
    assert (one.editions, one.times, one.of, one.usual, one.reason) == (3, 30, 300, 0.01, Reason.BLOCKED)
    [one] = warn.about("Yahoo", [*usual, Sum(accepted=80, refused=20)])
    assert (one.editions, one.times, one.reason) == (1, 20, None)


@pytest.mark.parametrize(
    ("accepted", "complaints", "found"),
    [
        (1000, 0, set()),
        (100, 4, set()),  # a few are an accident
        (2500, 5, {("complaints", False)}),
        (5000, 5, set()),  # just over the line: may be chance
        (50_000, 50, {("complaints", False)}),
        (50_000, 49, set()),
        (1000, 8, {("complaints", True)}),
        (50_000, 150, {("complaints", True)}),
        (3, 5, {("complaints", True)}),  # more than was accepted: each counts, whatever it was about
    ],
)
def test_complaints(accepted: int, complaints: int, found: set[tuple[str, bool]]) -> None:
    assert warned(Sum(accepted=accepted, complaints=complaints)) == found


def test_complaints_of_a_week_add_up() -> None:
    one = Sum(accepted=500, complaints=1)
    assert warned(*[one] * 3) == set()
    assert warned(*[one] * 7) == {("complaints", False)}
    assert warned(*[one] * 7, *[Sum(accepted=500)] * 7) == set()  # and are over


@pytest.mark.parametrize("readers", [20, 300, 5000])
def test_quiet_lists_do_not_cry_wolf(readers: int) -> None:
    """Three hundred mornings at three providers, each failing at its own rate, which swings from day to day."""
    chance = random.Random(readers)
    alarms = 0
    for rate in (0.002, 0.01, 0.04):
        days: list[Sum] = []
        for _ in range(300):
            today = rate * chance.uniform(0.6, 1.4)
            refused = drawn(chance, readers, today)
            put_off, complaints = drawn(chance, readers, today), drawn(chance, readers, 0.0002)
            days.append(Sum(accepted=readers - refused, refused=refused, put_off=put_off, complaints=complaints))
            alarms += len(warn.about("Gmail", days[-30:]))
    assert alarms == 0


def drawn(chance: random.Random, n: int, share: float) -> int:
    mean = n * share
    if mean > 9:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    return sum(chance.random() < share for _ in range(n))


def test_chance_is_reckoned_as_it_is() -> None:
    def exactly(times: int, of: int, each: float) -> float:
        return sum(comb(of, k) * each**k * (1 - each) ** (of - k) for k in range(times, of + 1))

    def exactly_dealt(times: int, of: int, all_times: int, all_of: int) -> float:
        ways = [comb(all_times, k) * comb(all_of - all_times, of - k) for k in range(times, min(of, all_times) + 1)]
        return sum(ways) / comb(all_of, of)

    for times, of, each in [(0, 9, 0.1), (1, 9, 0.1), (5, 30, 0.05), (30, 30, 0.5), (3, 400, 0.001)]:
        assert warn.at_least(times, of, each) == pytest.approx(exactly(times, of, each), rel=1e-9)
    for case in [(0, 5, 3, 20), (3, 5, 3, 20), (2, 10, 12, 30), (20, 50, 30, 400), (9, 9, 30, 32)]:
        assert warn.dealt(*case) == pytest.approx(exactly_dealt(*case), rel=1e-9)
    assert warn.dealt(5000, 1_000_000, 6000, 30_000_000) < 1e-300
    assert warn.at_least(100, 10**7, 0.001) == pytest.approx(1.0)


def test_two_providers_in_trouble_among_quiet_ones(both: Newsroom) -> None:
    troubled(MORNING, days=30, readers=1500).write(both.engine)
    found = trends.of_last(both)
    assert [(one.provider, one.what, one.grave, one.reason) for one in found.warned] == [
        ("Orange", "complaints", True, None),
        ("Yahoo", "failed", False, Reason.BLOCKED),
    ]
    before = trends.of_edition(both, found.editions[10].edition)
    assert before.warned == []


def test_warned_of_is_who_is_small_too(both: Newsroom) -> None:
    sums = {n: {f"d{i}.example": Sum(accepted=100) for i in range(20)} for n in range(6)}
    for of in sums.values():
        of["petit.example"] = Sum(accepted=20)
    sums[5]["petit.example"] = Sum(refused=20)
    told, others = trends._providers(sums, list(sums), list(sums), [])
    assert [one.name for one in told if one.warned] == ["petit.example"]
    assert len(told) == trends.TOP + 1
    assert len(others) == 20 - trends.TOP


# --- Plots and words --------------------------------------------------------------------------------


def test_bars_stand_on_one_another() -> None:
    plot = plots.bars([[1, 3], [0, 0], [2, 0]])
    assert (plot.top, plot.cut) == (5.0, False)
    assert [(one.y, one.height, one.kind) for one in plot.pieces] == [(80, 20, 0), (20, 60, 1), (60, 40, 0)]
    assert plots.bars([]).pieces == []
    assert plots.bars([[0.0]], 0.02).top == 0.02


def test_one_bar_far_above_all_others_is_cut() -> None:
    plot = plots.bars([[10_000], [4], [6], [5]])
    assert (plot.top, plot.cut) == (10, True)
    assert max(one.height for one in plot.pieces) == 100
    assert plots.bars([[10_000], [0]]).cut is False
    assert plots.bars([[8], [1]], 10).cut is False


def test_all_are_drawn_to_one_measure(room: Newsroom) -> None:
    def of(name: str, *sums: Sum) -> Provider:
        return Provider(name, sums)

    tiny, large = of("tiny.example", Sum(accepted=1, refused=1)), of("Gmail", Sum(accepted=93, refused=7))
    others = of(OTHERS, Sum())
    found = Trends(MORNING, [], [large, tiny], others, 0, [], growth=[], active=0, read=True, unattributed=0)
    shown = page.values(room.words, found)
    assert shown["measure"] == 0.1
    assert [(one["plot"].top, one["plot"].cut) for one in shown["providers"]] == [(0.1, False), (0.1, True)]
    assert max(bar.height for one in shown["providers"] for bar in one["plot"].pieces) == 100


@pytest.mark.parametrize("values", [[5], [5, 5], [0], [0, 1], [1840, 1850, 1849], [0, 1_000_000]])
def test_a_curve_stays_in_its_plot(values: list[int]) -> None:
    plot = plots.curve(values)
    assert plot.low <= min(values) <= max(values) <= plot.high
    assert plot.low < plot.high
    points = [tuple(map(float, one.split(","))) for one in plot.points.split()]
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in points)
    assert (points[0][0], points[-1][0]) == (0, 100)


@pytest.mark.parametrize(
    ("share", "french", "english"),
    [
        (0, "0\u00a0%", "0%"),
        (0.00001, "<\u00a00,01\u00a0%", "<\u00a00.01%"),
        (0.00123, "0,12\u00a0%", "0.12%"),
        (0.0234, "2,3\u00a0%", "2.3%"),
        (0.5, "50\u00a0%", "50%"),
        (0.99996, "99,9\u00a0%", "99.9%"),
        (1, "100\u00a0%", "100%"),
    ],
)
def test_shares(room: Newsroom, share: float, french: str, english: str) -> None:
    assert (said.percent(room.words_in("fr"), share), said.percent(room.words_in("en"), share)) == (french, english)


def test_every_reason_has_its_words(room: Newsroom) -> None:
    for language in ("fr", "en"):
        told = [said.reason(room.words_in(language), one) for one in [*Reason, None]]
        assert len(set(told)) == len(told)


def test_the_tables_have_their_columns(told: Newsroom) -> None:
    found = trends.of_last(told)
    for table, columns in tables.COLUMNS.items():
        made = tables.rows(found, table)
        assert made
        assert all(tuple(row) == columns for row in made), table


def test_nothing_was_sent_yet(both: Newsroom) -> None:
    found = trends.of_last(both)
    assert (found.editions, found.providers, found.growth, found.warned, found.sum) == ([], [], [], [], Sum())
    with write(both.engine) as connection:
        draft = editions.keep_draft(connection, MORNING.date(), "daily", MORNING, [])
    assert trends.of_edition(both, draft).editions == []
    with read(both.engine) as connection:
        assert connection.execute(select(func.count()).select_from(edition_rows)).scalar() == 1
