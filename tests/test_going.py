"""What editors decide while a run is at work, or while nobody is: it goes as they left it, when they said, or not."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from newsletter import config, corrections, daily, draft, edit, editors, gather, hour, instance, runner, shaping
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import NotSent, Paused, Unfinished
from newsletter.links import Purpose
from newsletter.model import Edition, EditionStatus, LetterKind, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.render.look import Look
from newsletter.report import Report
from newsletter.shaping import AboutToGo, AskAnEditor
from newsletter.store.database import write
from newsletter.web.desk.standing import standing
from newsletter.words import Words
from tests.conftest import Clock
from tests.desk import Desk, editor, text_of
from tests.fakes import FakeMailer
from tests.test_timing import AMA, DAY, _extra, _Hasty, _outbox, at, due, open_room, readers, send, todays, waiting

ON_BOTH = True

Status = EditionStatus
Add = Callable[..., Path]
Open = Callable[..., Newsroom]
NAME = "2026-11-23"
EFUA = Who("Efua")

__all__ = ["open_room"]


@pytest.fixture
def stories(add_article: Add) -> None:
    add_article("Le port rouvre", section="Économie", hours=2)
    add_article("Le lycée ferme", section="Société", hours=3)


@pytest.fixture
def ready(open_room: Open, stories: None, clock: Clock) -> Newsroom:
    """A draft, three readers, in the afternoon: no schedule would send it any more."""
    room = open_room()
    readers(room)
    clock.now = at(15, 0)
    daily.make_edition(room, DAY)
    return room


def named(room: Newsroom, name: str = NAME) -> Edition:
    return edit.named(room, None, name)


def called(room: Newsroom, edition: Edition) -> Report:
    """What a runner does with an edition that it has listed."""
    return daily.send_named(room, edition.name, watch=Watch(Stop(room.clock)), patient=False, go_at=edition.go_at)


def told(room: Newsroom) -> list[str]:
    """The subjects of what the editors were written."""
    return [one.details["subject"] for one in waiting(room, LetterKind.NOTICE)]


class Busy(Newsroom):
    """A newsroom on the same database, in which something happens while it is at work: each once."""

    def __init__(
        self,
        room: Newsroom,
        *,
        while_asking: Callable[[], object] | None = None,
        while_rendering: list[Callable[[], object]] | None = None,
    ) -> None:
        super().__init__(room.config, clock=room.clock, sleep=room.sleep)
        self.__dict__["engine"] = room.engine
        if "mailer" in vars(room):
            self.__dict__["mailer"] = room.mailer
        self._while_asking = while_asking
        self.__dict__["look"] = Restless(self.config.folder, self.words, while_rendering or [])

    @property
    def fetcher(self) -> Any:
        act, self._while_asking = self._while_asking, None
        if act:
            act()
        return super().fetcher


class Restless(Look):
    def __init__(self, folder: Path, words: Words, acts: list[Callable[[], object]]) -> None:
        super().__init__(folder, words)
        self.acts = acts

    def html(self, template: str, **values: object) -> str:
        if template == "email/edition.mjml" and self.acts:
            self.acts.pop(0)()
        return super().html(template, **values)


# --- What is taken back does not go -----------------------------------------------------------------


@pytest.mark.parametrize("slot", ["daily", "extra"])
def test_what_was_taken_back_before_the_runner_began_does_not_go(ready: Newsroom, clock: Clock, slot: str) -> None:
    edition = todays(ready) if slot == "daily" else _extra(ready)
    ready.__dict__["mailer"] = mailer = FakeMailer()
    listed = edit.send_now(ready, edition.id, AMA)
    clock.move(seconds=60)
    edit.take_back(ready, edition.id, AMA)
    found = called(ready, listed)
    assert isinstance(found.problem, Paused)
    assert named(ready, edition.name).status is Status.DRAFT
    assert mailer.offered == []
    assert told(ready) == []


def test_what_was_approved_for_its_hour_waits_for_it_when_its_call_is_taken_back(
    open_room: Open, stories: None, clock: Clock
) -> None:
    room = open_room(desk='approval = "required"')
    readers(room)
    clock.now = at(5, 0)
    daily.make_edition(room, DAY)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    listed = edit.send_now(room, todays(room).id, AMA)
    clock.move(seconds=60)
    edit.take_back(room, listed.id, AMA)
    assert isinstance(called(room, listed).problem, Paused)
    assert todays(room).status is Status.APPROVED
    clock.now = at(6, 30)
    assert send(room).accepted == 3


def test_another_moment_is_another_call(ready: Newsroom, clock: Clock) -> None:
    listed = edit.send_now(ready, todays(ready).id, AMA)
    clock.move(seconds=60)
    edit.take_back(ready, listed.id, AMA)
    edit.send_now(ready, listed.id, AMA)
    assert isinstance(called(ready, listed).problem, Paused)  # its undo time has just begun anew
    clock.move(seconds=60)
    due(ready)
    assert todays(ready).status is Status.SENT


def test_taken_back_while_it_is_rendered_it_stays_and_nobody_is_written_to(ready: Newsroom, clock: Clock) -> None:
    edit.send_now(ready, todays(ready).id, AMA)
    clock.move(seconds=60)
    busy = Busy(ready, while_rendering=[lambda: edit.take_back(ready, todays(ready).id, AMA)])
    runner.send_called(busy, Stop(clock))
    assert todays(ready).status is Status.DRAFT
    assert told(ready) == []
    assert _outbox(ready) == ""


def test_taking_back_and_sending_at_once_never_both(
    open_room: Open, engine: Engine, stories: None, clock: Clock
) -> None:
    room = open_room()
    room.__dict__["engine"] = engine
    readers(room, 2)
    daily.make_edition(room, DAY)
    for i in range(8):
        room.__dict__["mailer"] = mailer = FakeMailer()
        extra = corrections.make_extra(room, DAY, AMA)
        shaping.write_words(room, AMA, extra.id, {"subject": f"s{i}", "note": f"n{i}"})
        listed = edit.send_now(room, extra.id, AMA)
        clock.move(seconds=60)
        back: list[bool] = []

        def take_back(number: int = i, extra: Edition = extra, back: list[bool] = back) -> None:
            threading.Event().wait(0.004 * number)
            try:
                back.append(edit.take_back(room, extra.id, AMA).status is Status.DRAFT)
            except NotSent:
                back.append(False)

        threads = [threading.Thread(target=take_back), threading.Thread(target=called, args=(room, listed))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert back == [named(room, extra.name).status is Status.DRAFT]
        assert bool(mailer.received) != back[0]


# --- What changes while a run is at work ------------------------------------------------------------


def test_sent_now_while_cron_asks_the_sites_it_keeps_its_undo_time(
    open_room: Open, stories: None, clock: Clock
) -> None:
    room = open_room()
    readers(room)
    daily.make_edition(room, DAY)
    looks: list[float] = []
    room.sleep = lambda seconds: looks.append(seconds) or clock.move(seconds=seconds)  # type: ignore[func-returns-value]
    busy = Busy(room, while_asking=lambda: edit.send_now(room, todays(room).id, AMA))
    assert send(busy).accepted == 3
    assert sum(looks) == 60
    assert todays(room).started_at == at(6, 31)


def test_sent_now_while_cron_renders_it_keeps_its_undo_time(open_room: Open, stories: None, clock: Clock) -> None:
    room = open_room()
    readers(room)
    daily.make_edition(room, DAY)
    room.sleep = lambda seconds: clock.move(seconds=seconds)
    busy = Busy(room, while_rendering=[lambda: edit.send_now(room, todays(room).id, AMA)])
    assert send(busy).accepted == 3
    assert todays(room).started_at == at(6, 31)
    assert told(room) == []


def test_shaped_while_cron_renders_it_goes_as_shaped(open_room: Open, stories: None) -> None:
    room = open_room()
    readers(room)
    daily.make_edition(room, DAY)
    last = [one for one in edit.look(room, DAY)[1] if one.picked][-1].candidate
    busy = Busy(room, while_rendering=[lambda: shaping.lead(room, AMA, todays(room).id, last.id)] * 4)
    assert send(busy).accepted == 3
    assert edit.look(room, DAY)[1][0].candidate.id == last.id
    assert todays(room).subject == last.article.title


def test_held_while_cron_renders_it_stays(open_room: Open, stories: None) -> None:
    room = open_room()
    readers(room)
    daily.make_edition(room, DAY)
    busy = Busy(room, while_rendering=[lambda: edit.decide(room, DAY, Status.HELD, who=AMA)])
    assert send(busy).status == "held"
    assert told(room) == []


def test_who_changes_it_again_and_again_is_not_waited_for(open_room: Open, stories: None) -> None:
    room = open_room()
    readers(room)
    daily.make_edition(room, DAY)
    numbers = itertools.count()

    def write_on() -> None:
        shaping.write_words(room, AMA, todays(room).id, {"note": str(next(numbers))})

    found = send(Busy(room, while_rendering=[write_on] * 50))
    assert isinstance(found.problem, Unfinished)
    assert todays(room).status is Status.DRAFT


def test_a_run_that_is_asked_to_stop_begins_nothing_that_was_called(ready: Newsroom, clock: Clock) -> None:
    clock.now = at(6, 30)
    extra = edit.send_now(ready, _extra(ready).id, AMA)
    clock.move(seconds=61)
    stop = Stop(clock)
    stop.ask()
    assert send(ready, stop=stop).earlier == ()
    assert named(ready, extra.name).audience == 0
    assert edit.take_back(ready, extra.id, AMA).status is Status.DRAFT
    found = daily.send_named(ready, extra.name, watch=Watch(stop))
    assert isinstance(found.problem, Unfinished)
    assert named(ready, extra.name).status is Status.DRAFT


# --- Who may still change it ------------------------------------------------------------------------


def test_while_it_is_about_to_go_nobody_shapes_it(ready: Newsroom, clock: Clock) -> None:
    edition = edit.send_now(ready, todays(ready).id, AMA)
    chief = Who("Efua", editor(ready, Role.EDITOR, "Efua").id)
    for who in (AMA, chief):
        with pytest.raises(AboutToGo):
            shaping.write_words(ready, who, edition.id, {"note": "Bonjour"})
        with pytest.raises(AboutToGo):
            shaping.undo(ready, who, edition.id)
    with pytest.raises(AboutToGo):
        daily.make_edition(ready, DAY, subject="Autre chose")
    with pytest.raises(AboutToGo):
        edit.decide(ready, DAY, Status.APPROVED, who=EFUA, subject="Autre chose")
    edit.take_back(ready, edition.id, AMA)
    assert shaping.write_words(ready, chief, edition.id, {"note": "Bonjour"}).changed


def test_what_is_approved_only_who_may_approve_shapes(ready: Newsroom, clock: Clock) -> None:
    edit.decide(ready, DAY, Status.APPROVED, who=AMA)
    edition = todays(ready)
    writer = Who("Kodjo", editor(ready, Role.WRITER, "Kodjo").id)
    chief = Who("Efua", editor(ready, Role.EDITOR, "Efua").id)
    with pytest.raises(AskAnEditor):
        shaping.write_words(ready, writer, edition.id, {"note": "Personne ne l’a vu"})
    assert shaping.write_words(ready, chief, edition.id, {"note": "Vu"}).changed
    with pytest.raises(AskAnEditor):
        shaping.undo(ready, writer, edition.id)
    assert shaping.write_words(ready, AMA, edition.id, {"note": "Vu aussi"}).changed
    editors.set_role(ready, "efua@journal.example", Role.WRITER, who=ready.here)
    with pytest.raises(AskAnEditor):
        shaping.write_words(ready, chief, edition.id, {"note": "Plus rien"})
    edit.decide(ready, DAY, Status.HELD, who=AMA)
    assert shaping.write_words(ready, writer, edition.id, {"note": "Encore"}).changed


def test_a_writers_page_says_so_in_their_language(ready: Newsroom) -> None:
    edit.decide(ready, DAY, Status.APPROVED, who=AMA)
    desk = Desk(ready, Role.WRITER, "Kodjo")
    page = desk.text(f"/edition/{NAME}")
    assert "demandez à un responsable d’édition de la retenir" in text_of(page)
    assert 'value="drop/' not in page
    answer = desk.post(f"/edition/{NAME}/words", version="0", subject="FAUX", preheader="", note="")
    assert "demandez à un responsable" in text_of(answer.text)
    assert todays(ready).subject is None
    edit.send_now(ready, todays(ready).id, AMA)
    assert "sur le point de partir" in text_of(Desk(ready).text(f"/edition/{NAME}"))
    answer = desk.post(f"/edition/{NAME}/order", version="0", do="drop/1")
    assert (answer.status_code, "sur le point de partir" in text_of(answer.text)) == (409, True)


# --- Approved past its hour -------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["desk", "link", "command"])
def test_approved_past_its_hour_it_goes_though_cron_is_gone(
    open_room: Open, stories: None, clock: Clock, by: str
) -> None:
    room = open_room('draft_at = "05:30"\ndecide_by = "06:10"', 'approval = "required"')
    readers(room)
    chief = editor(room, Role.EDITOR, "Efua")
    for moment in (at(5, 31), at(6, 11)):
        clock.now = moment
        due(room)
    [letter] = [one for one in waiting(room, LetterKind.DRAFT) if one.address == chief.address]
    clock.now = at(6, 30)
    assert send(room).status == "held"
    clock.now = at(6, 40)
    if by == "desk":
        page = Desk(room).act(f"/edition/{NAME}/approve", version=edit.sight(*edit.look(room, DAY)))
        assert "Elle part à 6 h 41" in text_of(page)
        assert "newsletter send --edition 2026-11-23" in text_of(page)
    elif by == "link":
        token = room.signer.token(Purpose.DRAFT, int(letter.details["ticket"]), letter.created_at)
        found = draft.opened(room, token)
        assert found is not None
        draft.decide(room, found, Status.APPROVED)
    else:
        edit.decide(room, DAY, Status.APPROVED)
    assert todays(room).go_at == at(6, 41)
    clock.move(seconds=59)
    due(room)
    assert todays(room).status is Status.APPROVED
    clock.move(seconds=1)
    due(room)
    assert todays(room).status is Status.SENT


def test_an_approval_past_its_hour_can_be_taken_back(open_room: Open, stories: None, clock: Clock) -> None:
    room = open_room(desk='approval = "required"')
    readers(room)
    daily.make_edition(room, DAY)
    clock.move(minutes=1)
    edition = edit.decide(room, DAY, Status.APPROVED, who=AMA)
    back = edit.take_back(room, edition.id, EFUA)
    assert (back.status, back.go_at, back.shaped) == (Status.DRAFT, None, False)
    assert not any(one.kept for one in edit.look(room, DAY)[1])


def test_the_letter_of_the_hour_says_who_would_send_it(open_room: Open, stories: None, clock: Clock) -> None:
    room = open_room('decide_by = "06:10"', 'approval = "required"')
    clock.now = at(6, 0)
    daily.make_edition(room, DAY)
    clock.now = at(6, 11)
    hour.decide_when_due(room, DAY)
    [letter] = waiting(room, LetterKind.NOTICE)
    assert "le prochain `newsletter send` l’enverra" in " ".join(letter.details["text"].split())


def test_before_its_hour_and_too_late_an_approval_names_no_moment(open_room: Open, stories: None, clock: Clock) -> None:
    room = open_room(desk='approval = "required"')
    daily.make_edition(room, DAY)
    for moment in (at(6, 0), at(12, 31)):
        clock.now = moment
        assert edit.decide(room, DAY, Status.APPROVED, who=AMA).go_at is None
        edit.decide(room, DAY, Status.HELD, who=AMA)


@pytest.mark.parametrize("why", ["cancelled", "nothing_new"])
def test_a_runner_that_was_done_with_the_day_takes_up_what_is_approved_after_all(
    open_room: Open, add_article: Add, clock: Clock, why: str
) -> None:
    room = open_room('by = "runner"')
    readers(room)
    if why == "cancelled":
        add_article("Le port rouvre", section="Économie", hours=2)
        daily.make_edition(room, DAY)
        edit.decide(room, DAY, Status.CANCELLED, who=AMA)
    due(room)
    clock.move(minutes=5)
    if why == "nothing_new":
        add_article("Un incendie", section="Économie", hours=0)
        clock.move(minutes=1)
        daily.make_edition(room, DAY)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    clock.move(minutes=1)
    due(room)
    assert todays(room).status is Status.SENT


def test_approved_before_an_hour_near_midnight_it_goes_after_it(
    open_room: Open, add_article: Add, clock: Clock
) -> None:
    room = open_room('by = "runner"\nsend_at = "23:50"', 'approval = "required"')
    readers(room)
    clock.now = at(22, 0)
    add_article("Le port rouvre", section="Économie", hours=2)
    daily.make_edition(room, DAY)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    clock.now = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)  # the runner was away for a while
    due(room)
    assert named(room).status is Status.SENT


def test_approved_after_midnight_it_goes_too(open_room: Open, add_article: Add, clock: Clock) -> None:
    room = open_room('by = "runner"\nsend_at = "23:50"', 'approval = "required"')
    readers(room)
    clock.now = at(23, 50)
    add_article("Le port rouvre", section="Économie", hours=2)
    due(room)
    clock.now = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    clock.move(minutes=1)
    due(room)
    assert named(room).status is Status.SENT


def test_a_newsroom_set_up_today_has_missed_nothing(open_room: Open, add_article: Add, clock: Clock) -> None:
    room = open_room('by = "runner"\nsend_at = "23:50"')
    readers(room)
    add_article("Le port rouvre", hours=2)
    clock.now = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    due(room)
    assert edit.find(room, NAME) is None


def test_one_more_approval_does_not_keep_it_from_going(ready: Newsroom, clock: Clock) -> None:
    go_at = edit.send_now(ready, todays(ready).id, AMA).go_at
    clock.move(seconds=20)
    assert edit.decide(ready, DAY, Status.APPROVED, who=EFUA).go_at == go_at
    assert edit.take_back(ready, todays(ready).id, EFUA).status is Status.DRAFT


# --- The hour, and an extra edition that took all ---------------------------------------------------


@pytest.mark.parametrize("approval", ["auto", "required"])
def test_where_an_extra_took_all_the_day_has_its_edition_all_the_same(
    open_room: Open, stories: None, add_article: Add, clock: Clock, approval: str
) -> None:
    room = open_room('decide_by = "06:10"\ndraft_at = "05:30"', f'approval = "{approval}"')
    readers(room)
    clock.now = at(5, 31)
    due(room)
    extra = corrections.make_extra(room, DAY, AMA)
    for one in edit.look(room, DAY)[1]:
        shaping.add(room, AMA, extra.id, one.candidate.id)
    edit.send_now(room, extra.id, AMA)
    clock.move(minutes=1)
    due(room)
    assert named(room, extra.name).status is Status.SENT
    add_article("Un incendie", section="Économie", hours=0)
    clock.now = at(6, 11)
    due(room)
    assert todays(room).status is Status.DRAFT
    clock.now = at(6, 30)
    found = send(room)
    assert (found.status, found.articles) == (("sent", 1) if approval == "auto" else ("draft", 1))


# --- One waits, another goes ------------------------------------------------------------------------


def test_an_extra_sent_by_hand_makes_way_for_the_day(ready: Newsroom, clock: Clock) -> None:
    clock.now = at(6, 20)
    extra = _extra(ready)
    for one in edit.look(ready, None, extra.name)[1]:
        shaping.drop(ready, AMA, todays(ready).id, one.candidate.id)
    mailer = FakeMailer({"r1": ["later"] * 9})
    mailer.lines = lambda count: _Hasty(mailer, count, lambda seconds: clock.move(minutes=3))  # type: ignore[method-assign]
    ready.__dict__["mailer"] = mailer
    found = daily.send_named(ready, extra.name, watch=Watch(Stop(clock)))
    assert (found.status, found.problem, clock()) == ("sending", None, at(6, 29))
    clock.now = at(6, 30)
    ready.__dict__["mailer"] = mailer = FakeMailer()
    mailer.lines = lambda count: _Hasty(mailer, count, lambda seconds: clock.move(minutes=3))  # type: ignore[method-assign]
    found = send(ready)
    assert (found.status, [(one.edition, one.status) for one in found.earlier]) == ("sent", [(extra.name, "sent")])


def test_where_no_day_follows_whoever_lives_ends_it(ready: Newsroom, clock: Clock) -> None:
    extra = _extra(ready)
    ready.__dict__["mailer"] = mailer = FakeMailer({"r1": ["later"] * 2})
    other = corrections.make_extra(ready, DAY, AMA)
    shaping.write_words(ready, AMA, other.id, {"subject": "Alerte", "note": "Une crue."})

    def pass_by(seconds: float) -> None:
        if named(ready, other.name).status is Status.DRAFT:
            edit.send_now(ready, other.id, AMA)
        clock.move(minutes=1)

    mailer.lines = lambda count: _Hasty(mailer, count, pass_by)  # type: ignore[method-assign]
    found = daily.send_named(ready, extra.name, watch=Watch(Stop(clock)))
    assert (found.status, found.problem) == ("sending", None)  # it made way for what an editor sends
    for _ in range(3):
        runner.send_called(ready, Stop(clock))
        clock.move(minutes=1)
    assert [named(ready, one.name).status for one in (extra, other)] == [Status.SENT, Status.SENT]


def test_a_resumed_edition_does_not_wait_for_the_days_last_mailbox(ready: Newsroom, clock: Clock) -> None:
    clock.now = at(6, 20)
    extra = _extra(ready)
    for one in edit.look(ready, None, extra.name)[1]:
        shaping.drop(ready, AMA, todays(ready).id, one.candidate.id)
    ready.__dict__["mailer"] = FakeMailer({"r0": ["later"], "r1": ["later"]})
    daily.send_named(ready, extra.name, watch=Watch(Stop(clock)), patient=False)
    edit.stop_sending(ready, extra.id, AMA)
    resumed: list[datetime] = []

    def pass_by(seconds: float) -> None:
        clock.move(minutes=10)
        if not resumed:
            edit.resume_sending(ready, extra.id, AMA)
            resumed.append(clock())

    mailer = FakeMailer({"r2": ["later"] * 4})
    mailer.lines = lambda count: _Hasty(mailer, count, pass_by)  # type: ignore[method-assign]
    ready.__dict__["mailer"] = mailer
    clock.now = at(6, 30)
    found = send(ready)
    assert (found.status, [(one.edition, one.status) for one in found.earlier]) == ("sent", [(extra.name, "sent")])
    ended, days = named(ready, extra.name).ended_at, todays(ready).ended_at
    assert ended is not None
    assert days is not None
    assert resumed[0] <= ended < days


# --- A call that nobody took up; a copy of the database ---------------------------------------------


def test_a_call_that_nobody_took_up_is_told_of_once_and_over(ready: Newsroom, clock: Clock) -> None:
    extra = edit.send_now(ready, _extra(ready).id, AMA)
    clock.move(minutes=10)
    said = standing(ready.words, ready.config, extra, clock(), empty=False)
    assert "attend d’être envoyée" in said
    clock.move(hours=24)
    said = standing(ready.words, ready.config, extra, clock(), empty=False)
    assert "ne partira plus" in said
    for _ in range(3):
        runner.send_called(ready, Stop(clock))
        clock.move(minutes=10)
    dropped = named(ready, extra.name)
    assert (dropped.status, dropped.go_at) == (Status.APPROVED, None)
    assert "vingt-quatre heures" in (dropped.remark or "")
    assert len(told(ready)) == 1
    assert "vingt-quatre heures" in text_of(Desk(ready).text(f"/edition/{extra.name}"))


def test_by_its_date_it_is_too_late_as_well(ready: Newsroom, clock: Clock) -> None:
    edit.send_now(ready, todays(ready).id, AMA)
    clock.move(days=3)
    assert "too late" in daily.send(ready, DAY, dry_run=True, watch=Watch(Stop(clock))).said
    assert daily.send(ready, DAY, watch=Watch(Stop(clock))).status == "late"
    assert named(ready).go_at is None
    assert named(ready).status is Status.APPROVED


@pytest.mark.parametrize("go_on", [False, True])
def test_an_adopted_copy_sends_nothing_that_the_original_may_have_sent(
    ready: Newsroom, clock: Clock, folder: Path, tmp_path_factory: pytest.TempPathFactory, go_on: bool
) -> None:
    instance.renew(ready)
    edit.send_now(ready, todays(ready).id, AMA)
    copy = tmp_path_factory.mktemp("copy") / "newsroom"
    ready.engine.dispose()
    shutil.copytree(folder, copy)
    other = Newsroom(config.load(copy / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    try:
        clock.move(minutes=2)
        due(other)
        assert named(other).status is Status.APPROVED  # not before it was adopted
        assert [one.name for one in instance.adopt(other, go_on=go_on, dry_run=True)] == [NAME]
        assert [one.name for one in instance.adopt(other, go_on=go_on)] == [NAME]
        clock.move(minutes=2)
        due(other)
        found = named(other)
        assert found.status is (Status.SENT if go_on else Status.HELD)
        assert go_on or "adopted" in (found.remark or "")
    finally:
        other.engine.dispose()


# --- Made once, kept once ---------------------------------------------------------------------------


def test_the_same_text_with_another_subject_or_article_is_another_correction(ready: Newsroom) -> None:
    daily.send_named(ready, NAME, watch=Watch(Stop(ready.clock)))
    id, [first, *_] = named(ready).id, edit.look(ready, DAY)[1]
    make = corrections.make_correction
    one = make(ready, id, "Erreur", AMA)
    assert make(ready, id, "Erreur ", AMA) == one
    subject = make(ready, id, "Erreur", AMA, subject="Le bon sujet")
    article = make(ready, id, "Erreur", AMA, article=first.candidate.id)
    assert len({one.name, subject.name, article.name}) == 3
    assert make(ready, id, "Erreur", AMA, subject="Le bon sujet") == subject
    assert make(ready, id, "Erreur", AMA, article=first.candidate.id) == article


def test_two_who_bring_the_same_articles_at_once_keep_them_once(open_room: Open, engine: Engine, stories: None) -> None:
    room = open_room()
    room.__dict__["engine"] = engine
    wrong: list[Exception] = []

    def make() -> None:
        try:
            daily.make_edition(room, DAY)
        except Exception as error:
            wrong.append(error)

    harvests = gather.ask_all(room)
    with write(engine) as connection:  # one who has written, and not ended yet
        gather.keep(connection, harvests, room.clock())
        threads = [threading.Thread(target=make) for _ in range(2)]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.3)
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(edit.look(room, DAY)[1]) == 2
