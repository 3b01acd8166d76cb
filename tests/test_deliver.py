"""The ledger's loop: what each answer of a relay makes of a delivery, and of the run."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from newsletter.config import DeliveryTable
from newsletter.deliver import Ending, Ledger, Run, Stop, deliver, journal, pace, recover, settle
from newsletter.deliver.judge import End, Judge, is_throttling
from newsletter.deliver.ledger import RETURNS_WITHIN
from newsletter.errors import DatabaseError
from newsletter.links import Signer
from newsletter.mail import Supply
from newsletter.mail.message import WireTemplate, freeze
from newsletter.model import (
    DAILY,
    Delivery,
    DeliveryState,
    EditionStatus,
    Entry,
    Message,
    Outcome,
    Phase,
    Rendered,
    Slot,
    SubscriberStatus,
    Variant,
    Verdict,
)
from newsletter.settings import Rate
from newsletter.store import deliveries, departures, doubts, editions, schema, subscribers
from newsletter.store.database import read, write
from newsletter.store.subscribers import NewSubscriber
from newsletter.tables import NewsletterTable
from tests.conftest import MORNING, Clock, TickingClock
from tests.fakes import ANSWERS, FakeMailer

State = DeliveryState
SIGNER = Signer("lettre.journal.example", {0: b"k" * 32}, 0)
PAPER = NewsletterTable.model_validate(
    {
        "title": "Le Quotidien du Golfe",
        "site_url": "https://journal.example",
        "public_url": "https://lettre.journal.example",
        "from": "Le Quotidien du Golfe <lettre@journal.example>",
    }
)
BODY = f"Bonjour {Slot.ADDRESS.marker} {Slot.UNSUBSCRIBE.marker}"
WIRE = freeze(
    Rendered("Sujet", "Aperçu", f"<p>{BODY}</p>", BODY), PAPER, edition="2026-11-23", return_path="plain", key=0
)


class Post:
    """An edition to some people, and runs over it."""

    def __init__(self, engine: Engine, *names: str, rules: str = "") -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="journals-"))
        self.clock: Clock = TickingClock()
        with write(engine) as connection:
            people = [NewSubscriber(f"{name}@lecteurs.example", f"{name}@lecteurs.example") for name in names]
            subscribers.add(connection, people, now=MORNING)
            self.id = editions.keep_draft(connection, date(2026, 11, 23), DAILY, MORNING, []).id
            editions.move(connection, self.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=MORNING)
            deliveries.plan(connection, self.id, MORNING)

    def run(
        self,
        mailer: FakeMailer,
        *,
        stop: Stop | None = None,
        wire: WireTemplate = WIRE,
        patient: bool = True,
        still_ours: Callable[[], None] = lambda: None,
        **rules: object,
    ) -> Ending:
        table = DeliveryTable.model_validate({"connections": 1} | rules)
        run = Run(
            ledger=Ledger(self.engine, self.id, self.clock, self.folder, repeats=table.on_uncertain == "resend"),
            mailer=mailer,
            wires={Variant.FULL: wire},
            signer=SIGNER,
            rules=table,
            until=MORNING + timedelta(hours=table.retry_for_hours),
            clock=self.clock,
            stop=stop or Stop(self.clock),
            patient=patient,
            still_ours=still_ours,
            chance=lambda: 0.0,
            glance=0.001,
        )
        recover(run)
        return deliver(run)

    def states(self) -> dict[str, str]:
        with read(self.engine) as connection:
            everybody = subscribers.listed(connection)
            stories = {one.address: deliveries.of_subscriber(connection, one.id) for one in everybody}
        return {address.split("@")[0]: story[0][0].state.value for address, story in stories.items() if story}

    def delivery(self, name: str) -> object:
        with read(self.engine) as connection:
            one = subscribers.find(connection, f"{name}@lecteurs.example")
            assert one is not None
            return deliveries.of_subscriber(connection, one.id)[0][0]

    def counts(self) -> dict[str, int]:
        with read(self.engine) as connection:
            return {state.value: n for state, n in deliveries.counts(connection, self.id).items() if n}


def test_everybody_gets_it_once(engine: Engine) -> None:
    post = Post(engine, *[f"r{i}" for i in range(30)])
    mailer = FakeMailer()
    assert post.run(mailer, connections=4).end is End.DONE
    assert post.counts() == {"accepted": 30}
    assert {len(mails) for mails in mailer.received.values()} == {1}
    assert post.run(mailer).end is End.DONE
    assert len(mailer.offered) == 30


def test_the_relay_s_own_words_are_kept(engine: Engine) -> None:
    post = Post(engine, "ama")
    post.run(FakeMailer())
    one = post.delivery("ama")
    assert (one.state, one.code, one.reply, one.attempts) == ("accepted", 250, "250 2.0.0 Ok: queued as A1", 1)  # type: ignore[attr-defined]


def test_one_bad_address_never_stops_the_run(engine: Engine) -> None:  # R14, S06
    post = Post(engine, "ama", "kodjo", "efua")
    mailer = FakeMailer({"kodjo": ["never"]})
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "rejected", "efua": "accepted"}
    post.run(mailer)
    assert mailer.offered.count("kodjo@lecteurs.example") == 1


def test_a_row_that_cannot_be_written_fails_alone(engine: Engine) -> None:  # R14
    post = Post(engine, "ama", "kodjo")
    with write(engine) as connection:
        connection.exec_driver_sql("UPDATE deliveries SET address = 'pas une adresse' WHERE subscriber_id = 1")
    assert post.run(FakeMailer()).end is End.DONE
    assert post.states() == {"ama": "rejected", "kodjo": "accepted"}
    assert "pas une adresse" in post.delivery("ama").reply  # type: ignore[attr-defined]
    assert post.delivery("ama").attempts == 0  # type: ignore[attr-defined]


def test_not_now_is_tried_again_with_the_same_bytes(engine: Engine) -> None:  # S05, M04
    seen: list[bytes] = []
    post = Post(engine, "ama")
    mailer = FakeMailer({"ama": ["later", "later", "ok"]}, meanwhile=lambda message: seen.append(message.content))
    assert post.run(mailer).end is End.DONE
    assert post.delivery("ama").attempts == 3  # type: ignore[attr-defined]
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_retries_run_out(engine: Engine) -> None:  # S05
    post = Post(engine, "ama")
    post.clock = TickingClock()

    def an_hour_later(_message: Message) -> None:
        post.clock.move(hours=1)

    mailer = FakeMailer(default="later", meanwhile=an_hour_later)
    assert post.run(mailer, retry_for_hours=3).end is End.DONE
    assert post.states() == {"ama": "rejected"}
    assert post.delivery("ama").reply.startswith("expired: not accepted within 3 hours; the last reply was: 450")  # type: ignore[attr-defined]


def test_a_lost_line_before_the_dot_costs_no_attempt(engine: Engine) -> None:  # S10
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer({"ama": ["lost", "lost", "ok"]})
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "accepted"}
    assert post.delivery("ama").attempts == 1  # type: ignore[attr-defined]


def test_a_line_that_keeps_dying_ends_the_run(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer(default="lost")
    assert post.run(mailer) == Ending(End.LOST, "connection closed")
    assert len(mailer.offered) == 5
    assert post.counts() == {"pending": 2}


def test_one_that_loses_its_line_while_others_pass_is_put_off(engine: Engine) -> None:  # S09
    post = Post(engine, "ama", *[f"r{i}" for i in range(4)])
    mailer = FakeMailer({"ama": ["lost"] * 3 + ["ok"]})
    assert post.run(mailer).end is End.DONE
    assert post.delivery("ama").attempts in (1, 2)  # type: ignore[attr-defined]
    assert post.counts() == {"accepted": 5}


def test_a_relay_that_refuses_us_is_not_the_readers_fault(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    assert post.run(FakeMailer(default="refused")) == Ending(End.REFUSED, "535 5.7.8 wrong password")
    assert post.counts() == {"pending": 2}


def test_the_same_refusal_for_everybody_stops_the_run(engine: Engine) -> None:  # S07
    post = Post(engine, *[f"r{i}" for i in range(60)])
    assert post.run(FakeMailer(default="policy")).end is End.REFUSED
    assert post.counts() == {"pending": 60}  # no reader's fault: when the relay is in order again, all of them get it
    assert post.delivery("r0").reply == ANSWERS["policy"].reply  # type: ignore[attr-defined]
    assert post.run(FakeMailer()).end is End.DONE
    assert post.counts() == {"accepted": 60}


def test_a_relay_that_puts_us_off_is_left_alone_longer_and_longer(engine: Engine) -> None:  # S08
    post = Post(engine, *[f"r{i}" for i in range(6)])
    times: list[datetime] = []
    mailer = FakeMailer({f"r{i}": ["busy"] for i in range(5)}, meanwhile=lambda _message: times.append(post.clock.now))
    assert post.run(mailer).end is End.DONE
    assert post.counts() == {"accepted": 6}
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    assert all(gap >= pause for gap, pause in zip(gaps, (5, 10, 20, 40, 80), strict=False))
    assert max(gaps[5:]) < 20  # and when it takes one, the others follow
    assert post.delivery("r0").attempts == 1  # type: ignore[attr-defined]


def test_a_relay_that_puts_us_off_is_asked_by_one_line_at_a_time(engine: Engine) -> None:  # S08
    post = Post(engine, *[f"r{i}" for i in range(8)])
    count = itertools.count()

    class Counting(FakeMailer):
        def answer(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
            return ANSWERS["busy"] if next(count) < 8 else super().answer(message, at_dot)

    mailer = Counting()
    assert post.run(mailer, connections=4).end is End.DONE
    assert mailer.together[:8] == [4, 4, 4, 4, 1, 1, 1, 1]
    assert post.counts() == {"accepted": 8}


def test_a_relay_that_throttles_is_left_alone_and_asked_again_slowly(engine: Engine) -> None:  # S08
    post = Post(engine, *[f"r{i}" for i in range(60)])
    times: list[datetime] = []
    script = {f"r{i}": ["slower"] for i in range(4, 9)}
    mailer = FakeMailer(script, meanwhile=lambda message: times.append(post.clock.now))
    assert post.run(mailer, connections=4).end is End.DONE
    assert post.counts() == {"accepted": 60}
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    assert max(gaps[4:12]) >= 5  # once it had said so three times in a row
    width = mailer.together[9:]
    assert width[:10] == [1] * 10
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(width))  # one line more at a time
    assert max(width) >= 3
    assert post.delivery("r5").attempts == 2  # type: ignore[attr-defined]


def test_greylisting_slows_nobody_down(engine: Engine) -> None:
    post = Post(engine, *[f"r{i}" for i in range(20)])
    mailer = FakeMailer({f"r{i}": ["grey"] for i in range(20)})
    assert post.run(mailer, connections=4).end is End.DONE
    assert post.counts() == {"accepted": 20}
    assert mailer.together[:20] == [4] * 20


@pytest.mark.parametrize(
    ("code", "reply", "throttling"),
    [
        (451, "4.7.0 Too many login attempts", True),
        (421, "421-4.7.28 unusual rate of mail", True),
        (454, "454 try later", True),
        (450, "4.7.1 Greylisting in action", False),
        (451, "4.7.1 Grey-listed", False),
        (452, "4.2.2 mailbox full", False),
        (451, "4.3.0 something", False),
    ],
)
def test_what_throttling_is(code: int, reply: str, throttling: bool) -> None:  # S08
    assert is_throttling(Outcome(Verdict.DEFERRED, Phase.RCPT, code, reply)) is throttling


def test_a_relay_that_puts_us_off_for_ever_ends_with_the_time(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    assert post.run(FakeMailer(default="busy"), retry_for_hours=0.5).end is End.DONE
    assert post.counts() == {"rejected": 2}
    assert post.delivery("ama").reply.startswith("expired")  # type: ignore[attr-defined]


def test_lines_that_die_together_are_one_loss(engine: Engine) -> None:
    post = Post(engine, *[f"r{i}" for i in range(12)])
    count = itertools.count()

    class Cut(FakeMailer):
        def answer(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
            return ANSWERS["lost"] if next(count) < 8 else super().answer(message, at_dot)

    assert post.run(Cut(), connections=4).end is End.LOST  # four at once, and four more one after the other
    assert next(count) == 8


def test_a_run_without_patience_leaves_what_is_put_off(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer({"ama": ["later", "ok"]})
    assert post.run(mailer, patient=False).end is End.WAITING
    assert post.states() == {"ama": "deferred", "kodjo": "accepted"}
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "accepted"}


def test_many_unknown_mailboxes_do_not_stop_the_run(engine: Engine) -> None:  # S07
    post = Post(engine, *[f"r{i}" for i in range(30)])
    assert post.run(FakeMailer(default="never")).end is End.DONE
    assert post.counts() == {"rejected": 30}


def test_a_doubt_is_repeated_once_at_the_end_and_flagged(engine: Engine) -> None:  # S10
    post = Post(engine, "ama", "kodjo", "efua")
    mailer = FakeMailer({"ama": ["doubt", "ok"], "kodjo": ["doubt", "doubt", "ok"]})
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "uncertain", "efua": "accepted"}
    assert [address.split("@")[0] for address in mailer.offered] == ["ama", "kodjo", "efua", "ama", "kodjo"]
    assert post.delivery("ama").repeated  # type: ignore[attr-defined]
    assert len(set(mailer.received["ama@lecteurs.example"])) == 1  # the same bytes, the same Message-ID
    post.run(mailer)
    assert post.states()["kodjo"] == "uncertain"


def test_hold_never_repeats_a_doubt(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer({"ama": ["doubt", "ok"]})
    assert post.run(mailer, on_uncertain="hold").end is End.DONE
    assert post.run(mailer, on_uncertain="hold").end is End.DONE
    assert post.states() == {"ama": "uncertain", "kodjo": "accepted"}


def dead_run(post: Post) -> None:
    """What a killed run leaves: ama at her dot, kodjo claimed, efua untouched."""
    ledger = Ledger(post.engine, post.id, lambda: MORNING, post.folder)
    first, _second = ledger.claim(2)
    ledger.sending([first.id])
    ledger.close(done=False)


def test_after_a_crash_nobody_is_forgotten_and_doubts_go_first(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo", "efua")
    dead_run(post)
    mailer = FakeMailer()
    assert post.run(mailer).end is End.DONE
    assert post.counts() == {"accepted": 3}
    assert mailer.offered[0] == "ama@lecteurs.example"
    assert post.delivery("ama").repeated  # type: ignore[attr-defined]
    assert not post.delivery("kodjo").repeated  # type: ignore[attr-defined]
    # The Date of the first attempt stays: the same bytes.
    assert b"Date: Mon, 23 Nov 2026 06:30:00 +0000" in mailer.received["ama@lecteurs.example"][0]


def test_after_a_crash_hold_leaves_the_doubt(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo", "efua")
    dead_run(post)
    mailer = FakeMailer()
    assert post.run(mailer, on_uncertain="hold").end is End.DONE
    assert post.states() == {"ama": "uncertain", "kodjo": "accepted", "efua": "accepted"}


def test_an_outbox_leaves_no_doubt(engine: Engine) -> None:
    post = Post(engine, "ama")
    ledger = Ledger(engine, post.id, post.clock, post.folder)
    ledger.sending([one.id for one in ledger.claim(1)])
    ledger.close(done=False)
    assert post.run(FakeMailer(repeats_safely=True), on_uncertain="hold").end is End.DONE
    assert post.states() == {"ama": "accepted"}


def test_doubts_are_not_repeated_when_the_time_is_over(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    dead_run(post)
    post.clock.move(hours=13)
    mailer = FakeMailer()
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "uncertain", "kodjo": "accepted"}  # he was never tried, and she may have hers
    assert mailer.offered == ["kodjo@lecteurs.example"]


def test_an_edition_of_days_ago_is_not_taken_up_again(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    dead_run(post)
    post.clock.move(days=4)
    mailer = FakeMailer()
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "uncertain", "kodjo": "rejected"}
    assert mailer.offered == []


def test_an_edition_that_reached_nobody_in_time_reaches_nobody(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    post.clock.move(hours=13)
    mailer = FakeMailer()
    assert post.run(mailer).end is End.DONE
    assert post.counts() == {"rejected": 2}
    assert mailer.offered == []


@pytest.mark.parametrize("answer", ["later", "never", "policy"])
def test_what_is_in_doubt_never_becomes_a_certain_no(engine: Engine, answer: str) -> None:  # S10
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer({"ama": ["doubt", answer, "ok"]})
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "uncertain", "kodjo": "accepted"}
    assert mailer.offered.count("ama@lecteurs.example") == 2


def test_a_repeat_that_was_lost_before_its_dot_is_a_doubt_still(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    mailer = FakeMailer({"ama": ["doubt", "lost", "ok"]})
    assert post.run(mailer).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "accepted"}
    assert mailer.offered.count("ama@lecteurs.example") == 3


def test_who_leaves_before_a_repeat_stays_in_doubt(engine: Engine) -> None:
    post = Post(engine, "ama")

    def ama_leaves(_message: Message) -> None:
        with write(engine) as connection:
            one = subscribers.find(connection, "ama@lecteurs.example")
            assert one is not None
            subscribers.set_status(connection, one.id, SubscriberStatus.UNSUBSCRIBED, MORNING)

    assert post.run(FakeMailer({"ama": ["doubt", "ok"]}, meanwhile=ama_leaves)).end is End.DONE
    assert post.states() == {"ama": "uncertain"}


def test_a_stop_before_a_repeat_leaves_the_doubt(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")
    dead_run(post)
    stop = Stop(post.clock)
    stop.ask()
    assert post.run(FakeMailer(), stop=stop).end is End.STOPPED
    assert post.counts() == {"uncertain": 1, "pending": 1}
    ledger = Ledger(engine, post.id, post.clock, post.folder)
    ledger.claim(10, doubtful=True)
    ledger.close(done=False)  # killed with the doubt in its hands
    assert post.run(FakeMailer()).end is End.DONE
    assert post.counts() == {"accepted": 2}


def test_many_dead_addresses_do_not_keep_the_others_from_theirs(engine: Engine) -> None:  # R14, S07
    post = Post(engine, *[f"r{i}" for i in range(70)])
    mailer = FakeMailer({f"r{i}": ["unknown"] for i in range(10, 60)})
    assert post.run(mailer).end is End.DONE
    assert post.counts() == {"accepted": 20, "rejected": 50}


def test_a_relay_that_has_had_enough_of_us_is_no_reader_s_fault(engine: Engine) -> None:  # S07
    post = Post(engine, *[f"r{i}" for i in range(70)])
    mailer = FakeMailer({f"r{i}": ["policy"] for i in range(10, 60)})
    assert post.run(mailer).end is End.REFUSED
    assert post.counts() == {"accepted": 10, "pending": 60}


def test_nothing_more_begins_without_the_lock(engine: Engine) -> None:
    post = Post(engine, *[f"r{i}" for i in range(6)])
    seen: list[str] = []

    def lost() -> None:
        if len(seen) == 2:
            raise DatabaseError("the server closed the connection")

    mailer = FakeMailer(meanwhile=lambda message: seen.append(message.recipient))
    with pytest.raises(DatabaseError, match="closed"):
        post.run(mailer, still_ours=lost)
    assert len(mailer.offered) == 2


def test_who_leaves_meanwhile_is_skipped(engine: Engine) -> None:  # W04
    post = Post(engine, "ama", "kodjo")

    def kodjo_leaves(_message: Message) -> None:
        with write(engine) as connection:
            one = subscribers.find(connection, "kodjo@lecteurs.example")
            assert one is not None
            subscribers.set_status(connection, one.id, SubscriberStatus.UNSUBSCRIBED, MORNING)
        if engine.dialect.name == "postgresql":
            time.sleep(2 * departures.STALE)

    assert post.run(FakeMailer(meanwhile=kodjo_leaves)).end is End.DONE
    assert post.states() == {"ama": "accepted", "kodjo": "skipped"}


def test_a_stop_finishes_what_has_begun_and_no_more(engine: Engine) -> None:  # R15
    post = Post(engine, *[f"r{i}" for i in range(10)])
    stop = Stop(post.clock)
    seen: list[str] = []

    def third_asks(message: Message) -> None:
        seen.append(message.recipient)
        if len(seen) == 3:
            stop.ask()

    assert post.run(FakeMailer(meanwhile=third_asks), stop=stop).end is End.STOPPED
    assert post.counts() == {"accepted": 3, "pending": 7}
    assert post.run(FakeMailer()).end is End.DONE
    assert post.counts() == {"accepted": 10}


def test_a_stop_is_noticed_while_each_line_waits_for_its_relay(engine: Engine) -> None:  # R15
    """Nothing but `left` is asked then; without it the relay's ten minutes for an answer would be waited out."""
    post = Post(engine, "ama", "kodjo")
    stop = Stop(post.clock)
    told: list[float | None] = []

    class Silent(FakeMailer):
        def lines(self, count: int) -> Silent:  # type: ignore[override]
            return self

        def run(self, supply: Supply) -> None:
            offer = supply.take()
            assert offer is not None
            told.append(supply.left())
            stop.ask()
            told.append(supply.left())
            supply.ended(offer, ANSWERS["doubt"])
            assert supply.rest() is None

    assert post.run(Silent(), stop=stop).end is End.STOPPED  # type: ignore[arg-type]
    assert told[0] is None
    assert told[1] is not None
    assert 0 < told[1] <= 20  # supply.GRACE


def test_the_time_given_is_kept(engine: Engine) -> None:
    post = Post(engine, *[f"r{i}" for i in range(10)])
    stop = Stop(post.clock, post.clock() + timedelta(seconds=30))
    assert post.run(FakeMailer(meanwhile=lambda message: post.clock.move(seconds=10)), stop=stop).end is End.STOPPED
    assert 1 <= post.counts()["accepted"] <= 3


def test_the_rate_holds_across_restarts(engine: Engine) -> None:
    post = Post(engine, "a", "b", "c", "d")
    times: list[datetime] = []
    stop = Stop(post.clock)

    def note(_message: Message) -> None:
        times.append(post.clock.now)
        if len(times) == 2:
            stop.ask()

    post.run(FakeMailer(meanwhile=note), rate="2/minute", stop=stop)
    post.run(FakeMailer(meanwhile=note), rate="2/minute")
    assert len(times) == 4
    assert all(later - earlier >= timedelta(seconds=25) for earlier, later in itertools.pairwise(times))


def test_what_a_worker_raises_comes_out_and_the_next_run_goes_on(engine: Engine) -> None:
    post = Post(engine, "ama", "kodjo")

    def fail(_message: Message) -> None:
        raise DatabaseError("database or disk is full")

    with pytest.raises(DatabaseError, match="disk is full"):
        post.run(FakeMailer(meanwhile=fail), connections=3)
    assert post.run(FakeMailer()).end is End.DONE
    assert post.counts() == {"accepted": 2}


def test_what_is_about_to_be_sent_is_written_down_before(engine: Engine) -> None:
    post = Post(engine, "ama")
    seen: list[list[str]] = []

    def journals() -> list[str]:
        return [line for path in post.folder.iterdir() for line in path.read_text().splitlines()[1:]]

    class Looking(FakeMailer):
        def answer(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
            seen.append(journals())
            at_dot()
            seen.append(journals())
            return ANSWERS["ok"]

    assert post.run(Looking()).end is End.DONE
    assert seen == [[], ["> 1"]]
    assert journals() == []  # when all is in the database, the file goes


def test_no_thread_is_left_behind(engine: Engine) -> None:
    post = Post(engine, "ama")
    post.run(FakeMailer(), connections=8)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("line-")]


# --- What a dead run left in its journal -----------------------------------------------------------


def entry(one: Delivery, state: DeliveryState, **more: object) -> Entry:
    return Entry(one.id, state, MORNING, **more)  # type: ignore[arg-type]


def test_what_is_told_of_an_earlier_attempt_does_not_count_for_a_later_one(engine: Engine) -> None:  # R01 R02
    """Put off, folded, claimed again by the same run, which is then killed: at its dot, accepted, or not begun."""
    post = Post(engine, "ama", "kodjo", "efua")
    ledger = Ledger(engine, post.id, lambda: MORNING, post.folder)
    ones = ledger.claim(3)
    ledger.sending([one.id for one in ones])
    for one in ones:
        ledger.record(entry(one, State.DEFERRED, reply="450 later", next_attempt=MORNING))
    ama, kodjo, _efua = ledger.claim(3)
    ledger.sending([ama.id, kodjo.id])
    ledger.record(entry(kodjo, State.ACCEPTED, code=250, reply="ok"))
    ledger.sending([])
    ledger.close(done=False)
    again = Ledger(engine, post.id, lambda: MORNING, post.folder)
    assert len(again.recover(repeats_safely=False)) == 1
    again.close(done=True)
    assert post.states() == {"ama": "uncertain", "kodjo": "accepted", "efua": "pending"}


def test_a_doubt_that_was_claimed_and_not_begun_may_still_be_repeated(engine: Engine) -> None:  # R01
    post = Post(engine, "ama")
    ledger = Ledger(engine, post.id, lambda: MORNING, post.folder)
    [one] = ledger.claim(1)
    ledger.sending([one.id])
    ledger.record(entry(one, State.UNCERTAIN))
    assert len(ledger.claim(1, doubtful=True)) == 1
    ledger.close(done=False)
    mailer = FakeMailer()
    assert post.run(mailer).end is End.DONE
    assert (len(mailer.offered), post.states()) == (1, {"ama": "accepted"})


def test_what_was_heard_last_is_kept_when_a_run_breaks_off(engine: Engine) -> None:
    post = Post(engine, "ama")
    ledger = Ledger(engine, post.id, lambda: MORNING, post.folder)
    [one] = ledger.claim(1)
    ledger.sending([one.id])
    ledger.record(entry(one, State.ACCEPTED, code=250, reply="ok"))
    ledger.close(done=False)
    assert post.run(FakeMailer(), on_uncertain="hold").end is End.DONE
    assert post.states() == {"ama": "accepted"}


def test_what_was_not_sent_after_all_is_in_no_doubt(engine: Engine) -> None:
    post = Post(engine, "ama")
    ledger = Ledger(engine, post.id, lambda: MORNING, post.folder)
    [one] = ledger.claim(1)
    ledger.sending([one.id])
    ledger.give_back([one.id])  # its line died before the dot
    ledger.claim(1)
    ledger.close(done=False)
    assert post.run(FakeMailer(), on_uncertain="hold").end is End.DONE
    assert post.states() == {"ama": "accepted"}


def test_what_an_editor_wants_sent_again_is_sent_whatever_comes_between(engine: Engine) -> None:
    post = Post(engine, "ama")
    post.run(FakeMailer({"ama": ["doubt"]}), on_uncertain="hold")
    with write(engine) as connection:
        doubts.send_again(connection, post.id, [1], MORNING)
        editions.move(connection, post.id, [EditionStatus.SENT], EditionStatus.SENDING)
    mailer = FakeMailer({"ama": ["lost", "ok"]})
    assert post.run(mailer, on_uncertain="hold").end is End.DONE
    assert (len(mailer.offered), post.states()) == (2, {"ama": "accepted"})


def test_a_journal_that_has_grown_is_begun_anew(tmp_path: Path) -> None:
    book = journal.Journal(tmp_path, 7, large=200)
    for start in (1, 11):
        for number in range(start, start + 10):
            book.sending(number)
        for number in range(start, start + 9):
            book.ended(Entry(number, State.ACCEPTED, MORNING, 250, "2.0.0 ok: queued as\nA1"))
        book.flush()
        book.folded()
    assert (tmp_path / "run-7.journal").read_text().splitlines()[1:] == ["> 10", "> 20"]
    book.ended(Entry(10, State.DEFERRED, MORNING, 450, "later", MORNING + timedelta(hours=1)))
    book.close(done=False)
    told = journal.read(tmp_path, 7, journal.here())
    assert told is not None
    assert told.sending == {20}
    assert told.ended == [Entry(10, State.DEFERRED, MORNING, 450, "later", MORNING + timedelta(hours=1))]


def test_a_torn_line_at_the_journal_s_end_is_none(tmp_path: Path) -> None:
    book = journal.Journal(tmp_path, 7)
    book.sending(1)
    book.close(done=False)
    with (tmp_path / "run-7.journal").open("a") as file:
        file.write("< 1 accep")
    told = journal.read(tmp_path, 7, journal.here())
    assert told is not None
    assert (told.sending, told.ended) == ({1}, [])
    assert journal.read(tmp_path, 8, journal.here()) is None
    assert journal.read(tmp_path, 7, None) is None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Be on a machine of that id; gives what `journal.here` says, in its parts."""

    def be(machine: str) -> list[str]:
        file = tmp_path / "machine-id"
        file.write_text(f"{machine}\n")
        monkeypatch.setattr(journal, "MACHINE_ID", file)
        return str(journal.here()).split("/")

    return be


@pytest.mark.parametrize("machine", ["", "uninitialized", "4f1c0ffee"])
def test_a_host_of_the_same_image_is_not_an_earlier_boot_of_ours(
    place: Callable[[str], list[str]], machine: str
) -> None:
    """Containers of one image have the machine-id that came with it, an empty one often."""
    found, boot, host = place(machine)
    assert found == machine.replace("uninitialized", "")
    assert not journal.is_lost(f"{found}/another boot/b-example")
    assert not journal.is_lost(f"{found}/another boot")  # by an older program: nobody knows
    assert not journal.is_lost(f"{found}/{boot}/{host}")
    assert journal.is_lost(f"{found}/another boot/{host}") == bool(found)


def test_in_the_same_boot_it_is_here_under_another_name_of_the_host(
    place: Callable[[str], list[str]], tmp_path: Path
) -> None:
    """A container that is started anew bears another; older programs wrote none."""
    machine, boot, host = place("4f1c0ffee")
    for number, written in enumerate([f"{machine}/{boot}", f"{machine}/{boot}/b-example", f"{machine}/{boot}/{host}"]):
        assert journal.is_here(written)
        assert not journal.is_lost(written)
        (tmp_path / f"run-{number}.journal").write_text(f"newsletter-journal 1 {number} {written}\n> 5\n")
        told = journal.read(tmp_path, number, written)
        assert told is not None
        assert told.sending == {5}
        with journal.dead(tmp_path, number) as told:
            assert told is not None
    for other in (None, "unknown", f"{machine}/another boot/{host}", f"b/{boot}/{host}"):
        assert not journal.is_here(other)
    assert len(str(journal.here())) <= 120


def test_in_another_boot_all_that_was_claimed_is_in_doubt(engine: Engine, place: Callable[[str], list[str]]) -> None:
    """R07: after a power cut the journal does not count, and the report says so."""
    machine, _, host = place("4f1c0ffee")
    post = Post(engine, "ama", "kodjo", "efua")
    dead_run(post)
    with write(engine) as connection:
        connection.execute(update(schema.runs).values(place=f"{machine}/another boot/{host}"))
    again = Ledger(engine, post.id, lambda: MORNING, post.folder)
    [said] = again.recover(repeats_safely=False)
    again.close(done=True)
    assert said.startswith("2 readers may or may not have the edition")
    assert "with its machine" in said
    assert post.states() == {"ama": "uncertain", "kodjo": "uncertain", "efua": "pending"}


def test_another_machine_s_claims_have_time_to_come_back(engine: Engine) -> None:
    """Its journal, which nobody else can read, knows what of them has left. SQLite is for one machine."""
    post = Post(engine, "ama", "kodjo", "efua")
    dead_run(post)
    with write(engine) as connection:
        connection.execute(update(schema.runs).values(place="another machine/its boot"))
    on_postgresql = engine.dialect.name == "postgresql"
    soon = Ledger(engine, post.id, lambda: MORNING + RETURNS_WITHIN / 2, post.folder)
    assert len(soon.recover(repeats_safely=False)) == (0 if on_postgresql else 1)
    assert soon.due() == (MORNING + RETURNS_WITHIN if on_postgresql else None)
    soon.close(done=True)
    later = Ledger(engine, post.id, lambda: MORNING + RETURNS_WITHIN, post.folder)
    assert len(later.recover(repeats_safely=False)) == (1 if on_postgresql else 0)
    later.close(done=True)
    assert post.states() == {"ama": "uncertain", "kodjo": "uncertain", "efua": "pending"}


def test_a_machine_settles_what_died_on_it_whoever_has_the_slice_now(engine: Engine) -> None:
    """What was answered is recorded, what was at its dot in doubt, the rest to be sent; a living run is left alone."""
    post = Post(engine, "ama", "kodjo", "efua", "yao")
    dead = Ledger(engine, post.id, lambda: MORNING, post.folder)
    first, second, _third = dead.claim(3)
    dead.sending([first.id, second.id])
    dead.record(entry(first, State.ACCEPTED))
    dead.close(done=False)
    living = Ledger(engine, post.id, lambda: MORNING, post.folder)
    [claimed] = living.claim(1)
    living.sending([claimed.id])
    [said] = settle(engine, post.folder, lambda: MORNING, repeats_safely=False, repeats=True)
    assert said.startswith("1 reader may or may not have the edition")
    assert post.states() == {"ama": "accepted", "kodjo": "uncertain", "efua": "pending", "yao": "claimed"}
    assert settle(engine, post.folder, lambda: MORNING, repeats_safely=False, repeats=True) == []
    living.close(done=False)


@pytest.mark.parametrize("former", ["/former-name", ""])
def test_a_machine_settles_under_another_name_too(engine: Engine, former: str) -> None:
    """A container that is started anew; a program that was upgraded, of which the older one wrote no name."""
    post = Post(engine, "ama", "kodjo")
    dead = Ledger(engine, post.id, lambda: MORNING, post.folder)
    first, _second = dead.claim(2)
    dead.sending([first.id])
    dead.record(entry(first, State.ACCEPTED))
    dead.close(done=False)
    here = str(journal.here())
    place = here.rpartition("/")[0] + former
    file = journal.path_of(post.folder, dead.run)
    file.write_text(file.read_text().replace(here, place))
    with write(engine) as connection:
        connection.execute(update(schema.runs).values(place=place))
    settle(engine, post.folder, lambda: MORNING, repeats_safely=False, repeats=True)
    assert post.states() == {"ama": "accepted", "kodjo": "pending"}


def test_what_one_claimed_who_had_lost_the_lock_is_sent_all_the_same(engine: Engine) -> None:  # R04
    post = Post(engine, *[f"r{i}" for i in range(6)])
    zombie = Ledger(engine, post.id, lambda: MORNING, post.folder)

    def wakes_up(_message: Message) -> None:
        if not zombie._run:
            zombie.claim(3)

    assert post.run(FakeMailer(meanwhile=wakes_up), claim_size=3).end is End.DONE
    zombie.close(done=False)
    assert post.counts() == {"accepted": 6}


def test_nothing_is_written_once_the_lock_is_lost(engine: Engine) -> None:  # R04
    """Its envelope was out already: the bytes do not follow."""
    post = Post(engine, "ama")
    asked: list[int] = []

    def lost_after_a_while() -> None:
        asked.append(1)
        if len(asked) > 2:
            raise DatabaseError("another run has taken over the sending")

    mailer = FakeMailer()
    with pytest.raises(DatabaseError, match="taken over"):
        post.run(mailer, still_ours=lost_after_a_while)
    assert mailer.received == {}


# --- Pace and judgement are pure -------------------------------------------------------------------


@given(st.integers(1, 1000), st.floats(0, 0.999))
def test_retries_wait_longer_and_longer_up_to_an_hour(attempt: int, chance: float) -> None:
    wait = pace.retry_after(attempt, chance)
    assert timedelta(seconds=30) <= wait < timedelta(hours=1.25)
    assert pace.retry_after(attempt + 1, 0) >= pace.retry_after(attempt, 0)


@given(st.lists(st.floats(0, 100), min_size=3, max_size=60), st.sampled_from(["30/minute", "200/hour", "14/second"]))
def test_no_window_holds_more_than_the_rate_allows(gaps: list[float], text: str) -> None:
    rate = Rate.parse(text)
    assert rate is not None
    now, following, turns = datetime(2026, 11, 23, tzinfo=UTC), None, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        turn = pace.turn(rate, following, now)
        following = pace.following(rate, turn)
        turns.append(turn)
        now = turn
    for first, last in zip(turns, turns[rate.count :], strict=False):
        assert last - first >= timedelta(seconds=rate.seconds) - timedelta(milliseconds=1)


def test_a_clock_set_back_does_not_hold_the_mail() -> None:
    rate = Rate.parse("2/minute")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert pace.turn(rate, now + timedelta(days=1), now) == now + timedelta(seconds=30)


def test_different_words_for_one_refusal_are_one_refusal() -> None:
    judge = Judge()
    ends = []
    for i in range(20):
        reply = f"554 5.7.1 <r{i}@lecteurs.example>: relay access denied (id {i}AB42F)"
        ends.append(judge.see(i, Outcome(ANSWERS["policy"].verdict, Phase.RCPT, 554, reply), 0))
    assert ends[-1] is End.REFUSED
    assert not any(ends[:-1])
