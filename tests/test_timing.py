"""When an edition goes: the draft and its hour, who must approve it, sending now, stopping on the way, going on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from cli import cli
from newsletter import (
    config,
    daily,
    draft,
    edit,
    editors,
    hour,
    instance,
    pauses,
    progress,
    report,
    runner,
    shaping,
    subscribe,
)
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import BadData, NotSent, Paused, Unfinished
from newsletter.links import Purpose
from newsletter.model import Edition, EditionStatus, Letter, LetterKind, Message, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import audit, editions, letters
from newsletter.store.database import read, sending_lock, write
from tests.conftest import TOML, Clock, TickingClock
from tests.fakes import FakeLines, FakeMailer

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 23)
Status = EditionStatus
AMA = Who("Ama")
Add = Callable[..., Path]


def at(hours: int, minutes: int, seconds: int = 0) -> datetime:
    return datetime(2026, 11, 23, hours, minutes, seconds, tzinfo=UTC)


@pytest.fixture
def open_room(folder: Path, clock: Clock) -> Iterator[Callable[..., Newsroom]]:
    """Newsrooms on that folder: `open_room(schedule='draft_at = "05:30"', desk='approval = "required"')`."""
    made: list[Newsroom] = []

    def make(schedule: str = "", desk: str = "", delivery: str = "", toml: str = TOML) -> Newsroom:
        text = f"{toml}\n[schedule]\n{schedule}\n[desk]\n{desk}\n[delivery]\n{delivery}\n"
        (folder / "newsletter.toml").write_text(text, encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
        made.append(room)
        return room

    yield make
    for room in made:
        if "engine" in vars(room):
            room.engine.dispose()


@pytest.fixture
def stories(add_article: Add) -> None:
    add_article("Le port rouvre", section="Économie", hours=2)
    add_article("Le lycée ferme", section="Société", hours=3)


def readers(room: Newsroom, count: int = 3) -> None:
    subscribe.add(room, [f"r{i}@lecteurs.example" for i in range(count)], "test")


def send(room: Newsroom, *, stop: Stop | None = None, **options: bool) -> Report:
    return daily.send(room, room.today(), watch=Watch(stop or Stop(room.clock)), **options)


def due(room: Newsroom) -> None:
    """A runner's look at everything."""
    runner.keep_hours(room)
    runner.do_what_is_due(room, Stop(room.clock))


def todays(room: Newsroom) -> Edition:
    return edit.look(room, None, room.today().isoformat())[0]


def waiting(room: Newsroom, kind: LetterKind) -> list[Letter]:
    with write(room.engine) as connection:
        found = letters.claim(connection, [kind], room.clock(), 100)
        letters.give_back(connection, [one.id for one in found], room.clock())
    return found


def acts(room: Newsroom) -> list[tuple[str, str]]:
    with read(room.engine) as connection:
        return [(entry.who.name, entry.act) for entry in audit.latest(connection, 50)]


# --- Approval ---------------------------------------------------------------------------------------


def test_without_a_word_an_edition_goes_at_its_hour(open_room: Callable[..., Newsroom], stories: None) -> None:
    room = open_room('by = "runner"')
    readers(room)
    due(room)
    assert todays(room).status is Status.SENT


@pytest.mark.parametrize("regardless", [False, True])
def test_where_somebody_must_approve_it_waits(
    open_room: Callable[..., Newsroom], stories: None, regardless: bool, clock: Clock
) -> None:
    room = open_room(desk='approval = "required"')
    readers(room)
    found = send(room, regardless=regardless)
    assert isinstance(found.problem, NotSent)
    assert (found.status, found.accepted) == ("draft", 0)
    assert "newsletter edition approve" in found.said
    assert len(edit.look(room, DAY)[1]) == 2  # the draft is made, and kept
    send(room, regardless=regardless)
    assert "waits for somebody" in _outbox(room)  # the editors are told, and once
    assert _outbox(room).count("waits for somebody") == 1
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    clock.move(hours=1)
    assert send(room).accepted == 3


def test_a_rehearsal_says_that_it_waits(open_room: Callable[..., Newsroom], stories: None) -> None:
    room = open_room(desk='approval = "required"')
    readers(room)
    assert "waits for somebody" in send(room, dry_run=True).said


def test_a_runner_sends_what_is_approved_after_the_hour_but_not_too_late(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('by = "runner"', 'approval = "required"')
    readers(room)
    due(room)
    assert todays(room).status is Status.DRAFT
    clock.move(minutes=1)
    assert edit.decide(room, DAY, Status.APPROVED, who=AMA).go_at == clock() + timedelta(minutes=1)
    clock.move(minutes=1)
    due(room)  # not at the runner's next try ten minutes later
    assert todays(room).status is Status.SENT


def test_what_is_approved_too_late_stays_and_can_be_sent_now(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('by = "runner"', 'approval = "required"')
    readers(room)
    due(room)
    clock.move(hours=7)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    due(room)
    assert todays(room).status is Status.APPROVED
    edit.send_now(room, todays(room).id, AMA)
    clock.move(seconds=61)
    due(room)
    assert todays(room).status is Status.SENT


# --- The hour to decide by --------------------------------------------------------------------------


def test_the_schedule_approves_what_nobody_decided_on_as_it_stands(
    open_room: Callable[..., Newsroom], stories: None, add_article: Add, clock: Clock
) -> None:
    room = open_room('by = "runner"\ndecide_by = "06:15"')
    readers(room)
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(6, 14, 59)
    due(room)
    assert todays(room).status is Status.DRAFT
    clock.now = at(6, 15)
    due(room)
    assert todays(room).status is Status.APPROVED
    assert acts(room)[0] == ("the schedule", "approved")
    clock.now = at(6, 30)
    add_article("Une de plus", hours=0.1)
    due(room)
    picked = [one.article.title for one in edit.look(room, DAY)[1] if one.picked]
    assert (todays(room).status, sorted(picked)) == (Status.SENT, ["Le lycée ferme", "Le port rouvre"])


def test_cron_finds_the_hour_gone_by(open_room: Callable[..., Newsroom], stories: None, clock: Clock) -> None:
    room = open_room('decide_by = "06:15"')
    readers(room)
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(6, 30)
    assert send(room).accepted == 3
    assert ("the schedule", "approved") in acts(room)


def test_where_somebody_must_approve_it_is_held_at_that_hour_and_they_are_told(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('by = "runner"\ndecide_by = "06:15"', 'approval = "required"')
    readers(room)
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(6, 15)
    due(room)
    held = todays(room)
    assert held.status is Status.HELD
    assert held.remark is not None
    assert "6\u00a0h\u00a015" in held.remark
    due(room)
    told = waiting(room, LetterKind.NOTICE)
    assert [one.address for one in told] == ["redaction@journal.example"]
    assert "est suspendue" in told[0].details["subject"]
    clock.now = at(6, 30)
    assert send(room).status == "held"
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    assert todays(room).remark is None
    due(room)
    assert todays(room).status is Status.SENT


def test_a_draft_without_articles_is_not_decided_on(open_room: Callable[..., Newsroom], clock: Clock) -> None:
    room = open_room('decide_by = "06:15"', 'approval = "required"')
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(6, 20)
    runner.keep_hours(room)
    assert todays(room).status is Status.DRAFT


def test_a_draft_made_after_the_hour_waits_and_is_not_held(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('decide_by = "06:15"', 'approval = "required"')
    readers(room)
    clock.now = at(6, 30)
    assert send(room).status == "draft"
    runner.keep_hours(room)
    assert todays(room).status is Status.DRAFT


def test_an_editor_who_is_a_moment_faster_wins(open_room: Callable[..., Newsroom], stories: None, clock: Clock) -> None:
    room = open_room('decide_by = "06:15"', 'approval = "required"')
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    clock.now = at(6, 15)
    assert hour.decide_when_due(room, DAY) is None
    assert todays(room).status is Status.APPROVED


@pytest.mark.parametrize(
    ("zone", "day", "moment"),
    [
        ("Africa/Lome", DAY, datetime(2026, 11, 23, 0, 20, tzinfo=UTC)),  # right after midnight
        ("Europe/Paris", date(2026, 3, 29), datetime(2026, 3, 29, 0, 20, tzinfo=UTC)),  # 1:20; 2:00 to 3:00 is skipped
        ("Europe/Paris", date(2026, 10, 25), datetime(2026, 10, 24, 23, 20, tzinfo=UTC)),  # 1:20; 2:00 comes twice
    ],
)
def test_the_hours_hold_around_midnight_and_where_clocks_change(
    open_room: Callable[..., Newsroom], clock: Clock, add_article: Add, zone: str, day: date, moment: datetime
) -> None:
    clock.now = moment - timedelta(days=1)
    hours = 'send_at = "03:50"\ndraft_at = "01:30"\ndecide_by = "02:30"\nby = "runner"'
    if zone == "Africa/Lome":
        hours = 'send_at = "00:50"\ndraft_at = "00:30"\ndecide_by = "00:40"\nby = "runner"'
    room = open_room(hours, toml=TOML.replace("Africa/Lome", zone))
    readers(room)
    editors.add(room, "ama@journal.example", Role.OWNER, who=room.here)
    clock.now = moment
    add_article("Le port rouvre", hours=1)
    seen = []
    for _ in range(16 * 12):
        due(room)
        with read(room.engine) as connection:
            known = editions.named(connection, day.isoformat())
        seen.append(known.status if known else None)
        clock.move(minutes=5)
    order = list(dict.fromkeys(seen))
    assert order == [None, Status.DRAFT, Status.APPROVED, Status.SENT]
    with read(room.engine) as connection:
        [entry] = [one for one in audit.latest(connection, 50) if one.act == "approved"]
        edition = editions.named(connection, day.isoformat())
    assert entry.at == room.config.decided_by(day)
    assert edition is not None
    assert edition.started_at == room.config.due(day).astimezone(UTC)


def test_a_day_that_is_over_is_not_decided_on_any_more(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('decide_by = "06:15"', 'approval = "required"')
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(12, 31)
    runner.keep_hours(room)
    assert todays(room).status is Status.DRAFT
    clock.move(days=1)
    assert hour.decide_when_due(room, DAY) is None


# --- The draft letter -------------------------------------------------------------------------------


@pytest.fixture
def desk(open_room: Callable[..., Newsroom], stories: None, clock: Clock) -> Newsroom:
    """A newsroom whose draft is mailed at half past five, with one of each role."""
    room = open_room('by = "runner"\ndraft_at = "05:30"\ndecide_by = "06:15"')
    readers(room)
    for name, role in (("ama", Role.OWNER), ("efua", Role.EDITOR), ("kodjo", Role.WRITER)):
        editors.add(room, f"{name}@journal.example", role, who=room.here)
    clock.now = at(5, 30)
    return room


def link(room: Newsroom, name: str) -> str:
    """The token of the newest draft letter to somebody."""
    [*_, one] = [one for one in waiting(room, LetterKind.DRAFT) if one.address == f"{name}@journal.example"]
    return room.signer.token(Purpose.DRAFT, int(one.details["ticket"]), one.created_at)


def test_the_draft_is_mailed_at_its_hour_once(desk: Newsroom, clock: Clock) -> None:
    clock.now = at(5, 29)
    due(desk)
    assert waiting(desk, LetterKind.DRAFT) == []
    clock.now = at(5, 30)
    due(desk)
    due(desk)
    clock.move(minutes=20)
    due(desk)
    told = waiting(desk, LetterKind.DRAFT)
    assert sorted(one.address.partition("@")[0] for one in told) == ["ama", "efua", "kodjo"]
    facts = json.loads(told[0].details["facts"])
    assert (facts["readers"], sorted(facts["stories"])) == (
        3,
        [["Le lycée ferme", "Société"], ["Le port rouvre", "Économie"]],
    )
    assert todays(desk).status is Status.DRAFT


def test_two_runners_do_each_thing_once(desk: Newsroom, clock: Clock, folder: Path) -> None:
    def other() -> Newsroom:
        return Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)

    for moment in (at(5, 30), at(6, 15), at(6, 30)):
        clock.now = moment
        rooms = [other(), other()]
        threads = [threading.Thread(target=due, args=(one,)) for one in rooms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in rooms:
            one.engine.dispose()
    with read(desk.engine) as connection:
        assert letters.count(connection, [LetterKind.DRAFT], datetime(2026, 1, 1, tzinfo=UTC)) == 3
    assert [act for who, act in acts(desk) if who == "the schedule"] == ["approved"]
    assert todays(desk).status is Status.SENT


@pytest.mark.parametrize("name", ["ama", "kodjo"])
def test_the_letter_says_what_there_is_to_know(desk: Newsroom, name: str) -> None:
    from newsletter import letters as wording

    due(desk)
    [one] = [one for one in waiting(desk, LetterKind.DRAFT) if one.address.startswith(name)]
    text = _text(wording.message(desk, one).content)
    assert "Le port rouvre (Économie)" in text
    assert "Objet\u00a0: Le lycée ferme" in text
    assert "3\u00a0lecteurs" in text
    assert "6\u00a0h\u00a015" in text
    assert "/desk/draft/" in text
    assert ("do=approve" in text) == (name == "ama")
    assert "lecteurs.example" not in text


def test_who_joins_the_desk_a_moment_later_is_written_to_as_well(
    open_room: Callable[..., Newsroom], stories: None, clock: Clock
) -> None:
    room = open_room('draft_at = "05:30"')
    clock.now = at(5, 30)
    due(room)
    assert todays(room).status is Status.DRAFT  # the draft is made all the same
    editors.add(room, "ama@journal.example", Role.OWNER, who=room.here)
    clock.move(minutes=10)
    due(room)
    assert len(waiting(room, LetterKind.DRAFT)) == 1


def test_nothing_picked_is_said(open_room: Callable[..., Newsroom], clock: Clock) -> None:
    from newsletter import letters as wording

    room = open_room('draft_at = "05:30"')
    editors.add(room, "ama@journal.example", Role.OWNER, who=room.here)
    clock.now = at(5, 30)
    due(room)
    [one] = waiting(room, LetterKind.DRAFT)
    text = _text(wording.message(room, one).content)
    assert "Rien n’a été choisi" in text
    assert "do=approve" not in text


@pytest.mark.parametrize("why", ["sunday", "decided", "over"])
def test_no_letter_where_there_is_nothing_to_decide(desk: Newsroom, clock: Clock, why: str, folder: Path) -> None:
    if why == "decided":
        edit.decide(desk, DAY, Status.CANCELLED, who=AMA)
    elif why == "over":
        clock.now = at(6, 30)
    else:
        clock.now = datetime(2026, 11, 29, 5, 30, tzinfo=UTC)
        toml = (folder / "newsletter.toml").read_text(encoding="utf-8")
        (folder / "newsletter.toml").write_text(
            toml.replace("draft_at", 'days = "mon-sat"\ndraft_at'), encoding="utf-8"
        )
        desk.config = config.load(folder / "newsletter.toml", {})
    runner.keep_hours(desk)
    assert waiting(desk, LetterKind.DRAFT) == []


def test_a_database_that_was_not_adopted_does_nothing(desk: Newsroom, clock: Clock, folder: Path) -> None:
    clock.now = at(6, 30)
    send(desk)
    (folder / instance.STATE_FILE).unlink()
    clock.now = at(5, 30) + timedelta(days=1)
    with pytest.raises(NotSent, match="adopt"):
        runner.keep_hours(desk)
    assert waiting(desk, LetterKind.DRAFT) == []
    runner.keep_hours(desk)  # it is said every ten minutes, not each second
    with read(desk.engine) as connection:
        assert editions.named(connection, "2026-11-24") is None


def test_a_link_does_what_its_owner_may(desk: Newsroom) -> None:
    due(desk)
    tokens = {name: link(desk, name) for name in ("ama", "efua", "kodjo")}
    writer = draft.opened(desk, tokens["kodjo"])
    assert writer is not None
    assert not writer.may_decide
    with pytest.raises(NotSent):
        draft.decide(desk, writer, Status.APPROVED)
    editor = draft.opened(desk, tokens["efua"])
    assert editor is not None
    assert draft.decide(desk, editor, Status.HELD).status is Status.HELD
    assert acts(desk)[0] == ("efua", "held")
    editors.set_role(desk, "efua@journal.example", Role.WRITER, who=desk.here)
    now = draft.opened(desk, tokens["efua"])
    assert now is not None
    assert not now.may_decide  # the role is that of this moment
    editors.remove(desk, "efua@journal.example", who=desk.here)
    assert draft.opened(desk, tokens["efua"]) is None


def test_a_link_logs_in_once_and_decides_while_it_is_good(desk: Newsroom, clock: Clock) -> None:
    due(desk)
    token = link(desk, "ama")
    found = draft.opened(desk, token)
    assert found is not None
    cookie = draft.come_in(desk, found, None, "Firefox")
    assert cookie is not None
    assert editors.session(desk, cookie) is not None
    again = draft.opened(desk, token)
    assert again is not None
    assert draft.come_in(desk, again, None, "Firefox") is None
    assert draft.come_in(desk, found, None, "Firefox") is None
    assert draft.decide(desk, again, Status.APPROVED).status is Status.APPROVED
    clock.move(hours=24)
    assert draft.opened(desk, token) is None


def test_a_link_lets_nobody_in_once_the_edition_is_out(desk: Newsroom, clock: Clock) -> None:
    due(desk)
    token = link(desk, "ama")
    clock.now = at(6, 30)
    send(desk)
    found = draft.opened(desk, token)
    assert found is not None
    assert not found.open
    assert draft.come_in(desk, found, None, "") is None


def test_a_decision_on_what_is_not_there_any_more_is_refused(desk: Newsroom, add_article: Add, clock: Clock) -> None:
    due(desk)
    edition, choices = edit.look(desk, None, "2026-11-23")
    seen = edit.sight(edition, choices)
    clock.move(minutes=1)
    daily.make_edition(desk, DAY)  # picked anew, and the same
    assert edit.decide(desk, DAY, Status.APPROVED, who=AMA, seen=seen).status is Status.APPROVED
    edit.decide(desk, DAY, Status.HELD, who=AMA)
    edition, choices = edit.look(desk, None, "2026-11-23")
    seen = edit.sight(edition, choices)
    edit.decide(desk, DAY, Status.HELD, who=AMA)  # their own act is no news to them
    edit.decide(desk, DAY, Status.APPROVED, who=AMA, seen=seen)
    edit.decide(desk, DAY, Status.HELD, who=Who("Kodjo"))
    with pytest.raises(edit.Changed) as caught:
        edit.decide(desk, DAY, Status.APPROVED, who=AMA, seen=seen)
    assert [entry.who.name for entry in caught.value.meanwhile] == ["Kodjo"]


def test_a_new_picking_is_a_change_too(desk: Newsroom, add_article: Add, clock: Clock) -> None:
    due(desk)
    edition, choices = edit.look(desk, None, "2026-11-23")
    clock.move(minutes=1)
    add_article("Une de plus", hours=0.1)
    daily.make_edition(desk, DAY)
    with pytest.raises(edit.Changed, match="a new picking"):
        edit.decide(desk, DAY, Status.APPROVED, who=AMA, seen=edit.sight(edition, choices))


# --- Send now ---------------------------------------------------------------------------------------


@pytest.fixture
def ready(open_room: Callable[..., Newsroom], stories: None, clock: Clock) -> Newsroom:
    """A draft, three readers, in the afternoon: no schedule would send it any more."""
    room = open_room()
    readers(room)
    clock.now = at(15, 0)
    daily.make_edition(room, DAY)
    return room


def test_what_is_sent_now_goes_in_a_minute_by_a_runner(ready: Newsroom, clock: Clock) -> None:
    edition = edit.send_now(ready, todays(ready).id, AMA)
    assert (edition.status, edition.go_at) == (Status.APPROVED, at(15, 1))
    assert edit.send_now(ready, edition.id, AMA).go_at == at(15, 1)  # pressed twice
    clock.move(seconds=59)
    due(ready)
    assert todays(ready).status is Status.APPROVED
    clock.move(seconds=1)
    due(ready)
    assert todays(ready).status is Status.SENT
    with pytest.raises(NotSent):
        edit.take_back(ready, edition.id, AMA)


@pytest.mark.parametrize("was", [Status.DRAFT, Status.APPROVED, Status.HELD])
def test_within_a_minute_it_can_be_taken_back(ready: Newsroom, clock: Clock, was: EditionStatus) -> None:
    if was is not Status.DRAFT:
        edit.decide(ready, DAY, was, who=AMA)
    before, choices = edit.look(ready, None, "2026-11-23")
    edit.send_now(ready, before.id, AMA)
    clock.move(seconds=59)
    back = edit.take_back(ready, before.id, AMA)
    assert (back.status, back.go_at, back.shaped) == (was, None, before.shaped)
    assert edit.look(ready, None, "2026-11-23")[1] == choices
    clock.move(seconds=10)
    due(ready)
    assert todays(ready).status is was
    assert [act for _, act in acts(ready)][:2] == ["take_back", "send_now"]
    with pytest.raises(NotSent, match="nothing to take back"):
        edit.take_back(ready, before.id, AMA)


def test_where_nobody_lived_to_send_it_a_day_later_it_is_no_news(ready: Newsroom, clock: Clock) -> None:
    edit.send_now(ready, todays(ready).id, AMA)
    clock.move(hours=25)
    runner.send_called(ready, Stop(ready.clock))
    assert edit.look(ready, None, "2026-11-23")[0].status is Status.APPROVED
    assert edit.send_now(ready, edit.look(ready, None, "2026-11-23")[0].id, AMA).go_at == clock() + timedelta(
        seconds=60
    )


def test_an_edition_of_another_slot_goes_by_the_same_way(ready: Newsroom, clock: Clock) -> None:
    extra = _extra(ready)
    edit.send_now(ready, extra.id, AMA)
    clock.move(seconds=60)
    due(ready)
    assert edit.look(ready, None, extra.name)[0].status is Status.SENT
    assert todays(ready).status is Status.DRAFT


def test_cron_takes_up_what_was_sent_by_hand_beside_the_days(ready: Newsroom, clock: Clock) -> None:
    extra = _extra(ready)
    edit.send_now(ready, extra.id, AMA)
    clock.move(minutes=5)
    found = send(ready)  # of the day itself it is too late
    assert [one.edition for one in found.earlier] == [extra.name]
    assert edit.look(ready, None, extra.name)[0].status is Status.SENT


def test_an_edition_that_only_waits_makes_way_for_what_an_editor_sends(ready: Newsroom, clock: Clock) -> None:
    """A mailbox of the day's edition says "not now" for hours: a correction must not wait for it."""
    clock.now = at(6, 30)
    extra = _extra(ready)
    for one in edit.look(ready, None, extra.name)[1]:
        shaping.drop(ready, AMA, todays(ready).id, one.candidate.id)

    def pass_by(seconds: float) -> None:
        clock.move(minutes=1)

    order: list[str] = []

    def meanwhile(message: Message) -> None:
        order.append(message.name)
        if len(order) == 3:
            edit.send_now(ready, extra.id, AMA)

    mailer = FakeMailer({"r1": ["later"] * 4, "r2": ["ok", "later"]}, meanwhile=meanwhile)
    mailer.lines = lambda count: _Hasty(mailer, count, pass_by)  # type: ignore[method-assign]
    ready.__dict__["mailer"] = mailer
    found = send(ready)
    assert (found.status, [one.edition for one in found.earlier]) == ("sent", [extra.name])
    assert edit.look(ready, None, extra.name)[0].status is Status.SENT
    began, ended = edit.look(ready, None, extra.name)[0].started_at, todays(ready).ended_at
    assert began is not None
    assert ended is not None
    assert began < ended
    assert len(mailer.received) == 3
    assert {len(copies) for copies in mailer.received.values()} == {2}


def test_a_runner_does_not_wait_for_an_extras_last_mailbox(ready: Newsroom, clock: Clock) -> None:
    extra = _extra(ready)
    ready.__dict__["mailer"] = FakeMailer({"r1": ["later"]})
    edit.send_now(ready, extra.id, AMA)
    clock.move(seconds=60)
    runner.send_called(ready, Stop(clock))
    assert edit.look(ready, None, extra.name)[0].status is Status.SENDING
    clock.move(minutes=1)
    runner.send_called(ready, Stop(clock))
    assert edit.look(ready, None, extra.name)[0].status is Status.SENT


def test_a_named_edition_is_sent_as_it_stands(ready: Newsroom) -> None:
    found = daily.send_named(ready, "2026-11-23", watch=Watch(Stop(ready.clock)))
    assert (found.status, found.accepted) == ("sent", 3)
    assert daily.send_named(ready, "2026-11-23", watch=Watch(Stop(ready.clock))).already
    with pytest.raises(BadData):
        daily.send_named(ready, "2026-11-24", watch=Watch(Stop(ready.clock)))


def test_a_named_draft_waits_too_where_somebody_must_approve_it(
    open_room: Callable[..., Newsroom], stories: None
) -> None:
    room = open_room(desk='approval = "required"')
    readers(room)
    daily.make_edition(room, DAY)
    found = daily.send_named(room, "2026-11-23", watch=Watch(Stop(room.clock)))
    assert isinstance(found.problem, NotSent)
    edit.decide(room, DAY, Status.HELD, who=AMA)
    assert daily.send_named(room, "2026-11-23", watch=Watch(Stop(room.clock))).status == "held"


def test_cron_waits_for_an_edition_that_is_about_to_go(
    open_room: Callable[..., Newsroom], stories: None, folder: Path
) -> None:
    clock = TickingClock(at(6, 29))
    room = open_room()
    room.clock = clock
    readers(room)
    daily.make_edition(room, DAY)
    go_at = edit.send_now(room, todays(room).id, AMA).go_at
    assert go_at is not None
    assert send(room).status == "sent"
    started = todays(room).started_at
    assert started is not None
    assert go_at <= started < go_at + timedelta(seconds=30)


def test_cron_that_waits_heeds_a_taking_back(ready: Newsroom, clock: Clock) -> None:
    edition = edit.send_now(ready, todays(ready).id, AMA)
    clock.move(seconds=10)
    ready.sleep = lambda seconds: edit.take_back(ready, edition.id, AMA) and None  # type: ignore[func-returns-value]
    found = send(ready)
    assert isinstance(found.problem, Paused)
    assert todays(ready).status is Status.DRAFT
    assert _outbox(ready) == ""  # nobody is written to about what an editor did


def test_cron_that_waits_heeds_a_stop_and_waits_a_minute_at_most(ready: Newsroom, clock: Clock) -> None:
    edit.send_now(ready, todays(ready).id, AMA)
    stop = Stop(ready.clock)
    looks: list[float] = []
    ready.sleep = looks.append
    assert isinstance(send(ready, stop=stop).problem, Unfinished)  # the clock stands: it does not wait for ever
    assert len(looks) == 61
    stop.ask()
    looks.clear()
    send(ready, stop=stop)
    assert looks == []
    assert todays(ready).status is Status.APPROVED


# --- Stop, and go on --------------------------------------------------------------------------------


@contextmanager
def under_way(room: Newsroom, count: int, pause: float = 0.01) -> Iterator[tuple[FakeMailer, list[Report]]]:
    """A real run in a thread, at a hundred messages a second."""
    readers(room, count)
    mailer, found = FakeMailer(meanwhile=lambda message: time.sleep(pause)), list[Report]()
    room.__dict__["mailer"] = mailer
    thread = threading.Thread(target=lambda: found.append(send(room)))
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while len(mailer.offered) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        yield mailer, found
    finally:
        thread.join(60)


@pytest.fixture
def running(open_room: Callable[..., Newsroom], stories: None) -> Newsroom:
    return open_room(delivery="connections = 1\nclaim_size = 20")


def test_a_run_stops_within_about_a_second_and_another_goes_on(running: Newsroom, clock: Clock) -> None:
    with under_way(running, 1500) as (mailer, found):
        began = time.monotonic()
        edit.stop_sending(running, todays(running).id, AMA)
    assert time.monotonic() - began < 5  # half a second, on a quiet machine; the whole would take 15
    [stopped] = found
    assert isinstance(stopped.problem, Paused)
    assert "stopped by Ama" in stopped.said
    assert stopped.status == "sending"
    taken = len(mailer.offered)
    assert taken < 1500
    assert stopped.accepted == taken
    assert stopped.pending == 1500 - taken

    again = send(running)
    assert isinstance(again.problem, Paused)
    runner.do_what_is_due(running, Stop(clock))
    assert len(mailer.offered) == taken  # neither cron nor a runner goes on
    assert _outbox(running) == ""

    clock.move(hours=15)  # more than retry_for_hours: the pause does not count
    edit.resume_sending(running, todays(running).id, AMA)
    mailer._meanwhile = lambda message: None
    runner.do_what_is_due(running, Stop(clock))
    ended = edit.look(running, None, "2026-11-23")[0]
    assert ended.status is Status.SENT
    assert len(mailer.received) == 1500
    assert max(len(copies) for copies in mailer.received.values()) == 1
    assert [act for _, act in acts(running)][:2] == ["resume", "stop"]


def test_the_runs_own_stop_is_not_asked(running: Newsroom) -> None:
    stop = Stop(running.clock)
    readers(running, 200)
    running.__dict__["mailer"] = FakeMailer(
        meanwhile=lambda message: time.sleep(0.01) or _stop_once(running)  # type: ignore[func-returns-value]
    )
    found = send(running, stop=stop)
    assert isinstance(found.problem, Paused)
    assert not stop.asked


def test_a_stop_that_comes_with_the_last_message_leaves_nothing_behind(running: Newsroom) -> None:
    readers(running, 1)
    running.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: _stop_once(running))
    assert send(running).status == "sent"
    ended = todays(running)
    assert (ended.status, ended.paused_at, edit.stopped(running, ended)) == (Status.SENT, None, None)


def test_a_later_edition_is_not_kept_waiting(running: Newsroom, clock: Clock, add_article: Add) -> None:
    running.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: time.sleep(0.01) or _stop_once(running))  # type: ignore[func-returns-value]
    readers(running, 200)
    send(running)
    left = progress.look(running).remaining
    assert left > 0
    assert progress.look(running).paused
    clock.move(days=1)
    add_article("Le lendemain")
    running.__dict__["mailer"] = FakeMailer()
    found = send(running)
    assert (found.edition, found.status, found.accepted) == ("2026-11-24", "sent", 200)
    assert found.earlier == ()
    assert edit.look(running, None, "2026-11-23")[0].status is Status.SENDING


def test_a_run_killed_before_it_was_stopped_goes_on_when_told_to(running: Newsroom, clock: Clock) -> None:
    """The process died with messages in its hands; then an editor stops the edition, and later goes on."""

    class Killed(BaseException):
        pass

    def die(message: object) -> None:
        if len(mailer.offered) == 10:
            raise Killed

    readers(running, 30)
    mailer = FakeMailer(meanwhile=die)
    running.__dict__["mailer"] = mailer
    with pytest.raises(Killed):
        send(running)
    edit.stop_sending(running, todays(running).id, AMA)
    running.__dict__["mailer"] = after = FakeMailer()
    assert isinstance(send(running).problem, Paused)
    assert after.offered == []
    edit.resume_sending(running, todays(running).id, AMA)
    runner.do_what_is_due(running, Stop(clock))
    assert todays(running).status is Status.SENT
    assert {*mailer.received, *after.received} == {f"r{i}@lecteurs.example" for i in range(30)}


def test_who_goes_on_waits_for_the_run_that_is_still_leaving(running: Newsroom, clock: Clock) -> None:
    running.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: time.sleep(0.01) or _stop_once(running))  # type: ignore[func-returns-value]
    readers(running, 200)
    send(running)
    edit.resume_sending(running, todays(running).id, AMA)
    running.__dict__["mailer"] = FakeMailer()
    with sending_lock(running.engine):
        runner.send_called(running, Stop(clock))
    assert todays(running).status is Status.SENDING
    runner.send_called(running, Stop(clock))  # and not a minute later
    assert todays(running).status is Status.SENT


def test_all_of_it_on_both_databases(
    open_room: Callable[..., Newsroom], engine: Engine, stories: None, clock: Clock
) -> None:
    room = open_room(delivery="connections = 1\nclaim_size = 20")
    room.__dict__["engine"] = engine
    readers(room, 100)
    editors.add(room, "ama@journal.example", Role.OWNER, who=room.here)
    assert draft.mail(room, DAY).told == ("ama@journal.example",)
    assert draft.mail(room, DAY).told == ()
    found = draft.opened(room, link(room, "ama"))
    assert found is not None
    seen = edit.sight(found.edition, found.choices)
    edit.send_now(room, found.edition.id, AMA, seen=seen)
    assert edit.take_back(room, found.edition.id, AMA).status is Status.DRAFT
    edit.send_now(room, found.edition.id, AMA)
    clock.move(seconds=60)
    room.__dict__["mailer"] = FakeMailer(meanwhile=lambda message: time.sleep(0.02) or _stop_once(room))  # type: ignore[func-returns-value]
    runner.send_called(room, Stop(clock))
    assert progress.look(room, "2026-11-23").paused
    assert progress.look(room, "2026-11-23").remaining > 0
    clock.move(seconds=5)
    edit.resume_sending(room, found.edition.id, AMA)
    room.__dict__["mailer"] = FakeMailer()
    runner.send_called(room, Stop(clock))
    assert todays(room).status is Status.SENT


def test_processes_hear_of_it_and_one_that_is_killed_costs_nobody_the_mail(
    open_room: Callable[..., Newsroom], add_article: Add, clock: Clock, folder: Path
) -> None:
    """Two real runs: one that is stopped by an editor in another process, one that is killed while it sends."""
    clock.now = datetime.now(UTC)
    room = open_room(delivery='rate = "20/second"')
    readers(room, 120)
    add_article("Le port rouvre", hours=1)
    name = room.today().isoformat()
    command = [sys.executable, str(ROOT / "cli.py"), "--config", str(folder / "newsletter.toml"), "send", "--now"]

    def run_until(count: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while report.of_named(room, name).accepted < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return process

    process = run_until(5)
    edit.stop_sending(room, edit.look(room, None, name)[0].id, AMA)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, b"stopped by Ama" in said) == (75, True)
    taken = report.of_named(room, name).accepted
    assert taken < 120
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 75
    assert report.of_named(room, name).accepted == taken

    edit.resume_sending(room, edit.look(room, None, name)[0].id, AMA)
    process = run_until(taken + 5)
    process.kill()
    process.communicate(timeout=30)
    edit.stop_sending(room, edit.look(room, None, name)[0].id, AMA)
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 75

    edit.resume_sending(room, edit.look(room, None, name)[0].id, AMA)
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    to = [file for file in (folder / "outbox" / "new").iterdir() if b"List-Id" in file.read_bytes()]
    assert len(to) == 120


def test_only_what_is_on_its_way_can_be_stopped(ready: Newsroom) -> None:
    with pytest.raises(NotSent, match="not being sent"):
        edit.stop_sending(ready, todays(ready).id, AMA)
    with pytest.raises(NotSent, match="not being sent"):
        edit.resume_sending(ready, todays(ready).id, AMA)


def test_pauses_add_up(engine: Engine) -> None:
    begun = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    with write(engine) as connection:
        edition = editions.keep_draft(connection, DAY, "daily", begun, [])
        for minutes in (10, 20):
            editions.change(connection, edition.id, paused_at=begun)
            assert editions.is_paused(connection, edition.id)
            pauses.add(connection, editions.by_id(connection, edition.id), begun + timedelta(minutes=minutes))
            editions.change(connection, edition.id, paused_at=None)
        assert pauses.length(connection, edition) == timedelta(minutes=30)
        assert not editions.is_paused(connection, edition.id)


def test_whose_moment_has_come(engine: Engine) -> None:
    now = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    cases = {
        "a": {"status": Status.APPROVED, "go_at": now},
        "b": {"status": Status.SENDING, "go_at": now - timedelta(hours=1)},
        "c": {"status": Status.SENDING, "go_at": now, "paused_at": now},
        "d": {"status": Status.APPROVED, "go_at": now + timedelta(seconds=1)},
        "e": {"status": Status.DRAFT, "go_at": now},
        "f": {"status": Status.APPROVED, "go_at": now - timedelta(days=2)},
        "g": {"status": Status.APPROVED},
    }
    with write(engine) as connection:
        for slot, values in cases.items():
            edition = editions.keep_draft(connection, DAY, slot, now, [])
            editions.change(connection, edition.id, **values)
        found = editions.called(connection, now - timedelta(days=1), now)
    assert [one.slot for one in found] == ["b", "a"]


# --- By hand ----------------------------------------------------------------------------------------


def test_the_command_line_can_do_it_too(
    open_room: Callable[..., Newsroom], add_article: Add, clock: Clock, folder: Path
) -> None:
    clock.now = datetime.now(UTC)  # a command has no other clock
    room = open_room()
    readers(room, 2)
    add_article("Le port rouvre", hours=1)
    editors.add(room, "ama@journal.example", Role.OWNER, who=room.here)

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *words], obj={})
        assert done.exit_code == code, done.output
        return done.output

    assert "would be mailed to 1 editor" in run("edition", "draft", "--dry-run")
    assert "mailed to 1 editor" in run("edition", "draft")
    assert "already" in run("edition", "draft")
    assert "mailed to 1 editor" in run("edition", "draft", "--again")
    assert _outbox(room).count("/desk/draft/") > 1
    run("edition", "stop", code=4)
    name = room.today().isoformat()
    with write(room.engine) as connection:
        edition = editions.named(connection, name)
        assert edition is not None
        editions.move(connection, edition.id, [Status.DRAFT], Status.SENDING, started_at=clock(), audience=0)
    assert "stopped" in run("edition", "stop", "--edition", name)
    assert "stopped by" in run("status")
    assert "stopped by" in run("send", code=75)
    assert "stopped by" in run("status", "--strict", code=75)
    assert "goes on" in run("edition", "resume")
    run("edition", "resume", "--edition", name, "--date", name, code=2)


class _Hasty(FakeLines):
    """Lines whose waiting passes in no time, on a clock of ours."""

    def __init__(self, mailer: FakeMailer, count: int, pass_by: Callable[[float], None]) -> None:
        super().__init__(mailer, count)
        self._hasty, self._pass_by = mailer, pass_by

    def run(self, supply: Any) -> None:
        while True:
            while (offer := supply.take()) is not None:
                outcome = self._hasty.answer(offer.message, lambda offer=offer: supply.note([offer]))
                supply.ended(offer, outcome)
                supply.note([])
            pause = supply.rest()
            if pause is None:
                return
            self._pass_by(pause)


# --- Small helpers ----------------------------------------------------------------------------------


def _extra(room: Newsroom) -> Edition:
    """An extra edition with the day's second article."""
    with write(room.engine) as connection:
        daily_edition = editions.named(connection, "2026-11-23")
        assert daily_edition is not None
        choices = editions.choices_of(connection, daily_edition.id)
        return editions.keep_draft(connection, DAY, "extra", room.clock(), choices[1:])


def _stop_once(room: Newsroom) -> None:
    with read(room.engine) as connection:
        found = editions.sending(connection)  # none while it is a letter that goes
    if found and found[0].paused_at is None:
        edit.stop_sending(room, found[0].id, AMA)


def _outbox(room: Newsroom) -> str:
    """What was mailed to editors, as text."""
    folder = room.config.resolve("outbox") / "new"
    files = sorted(folder.iterdir()) if folder.exists() else []
    return "\n".join(_text(file.read_bytes()) for file in files if b"List-Id" not in file.read_bytes())


def _text(content: bytes) -> str:
    from email import message_from_bytes, policy

    parsed = message_from_bytes(content, policy=policy.default)
    body = parsed.get_body(("plain",))
    return f"Objet\u00a0: {parsed['Subject']}\n" + (body.get_content() if body else "")
