"""One edition for each local date: two years of days in six zones, the ways of real crons, and clocks that jump."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter import config, daily, runner, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import NotSent
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import editions
from newsletter.store.database import read
from tests.conftest import TOML, Clock
from tests.fakes import FakeMailer

DAYS = 730
LONG = "NEWSLETTER_TEST_LONG" in os.environ
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Place:
    """A zone, an hour at which its clock changes hurt, and the first of the two years."""

    zone: str
    at: time
    first: date = date(2025, 1, 1)
    changes: int = 4

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def dates(self) -> list[date]:
        """The local dates that there are: Apia had no 30 December 2011."""
        days = [self.first + timedelta(days=i) for i in range(DAYS)]
        noons = [datetime.combine(day, time(12), self.tz) for day in days]
        return [day for day, noon in zip(days, noons, strict=True) if exists(noon)]

    def around_changes(self) -> set[date]:
        """The dates of the clock changes, and those before and after."""
        days = [self.first + timedelta(days=i) for i in range(DAYS)]
        midnights = [datetime.combine(day, time(0), self.tz) for day in [*days, days[-1] + timedelta(days=1)]]
        offsets = [moment.utcoffset() for moment in midnights]
        changed = [day for i, day in enumerate(days) if offsets[i] != offsets[i + 1]]
        return {day + timedelta(days=i) for day in changed for i in (-1, 0, 1)} & set(self.dates())


PLACES = [
    Place("Africa/Lome", time(6, 30), changes=0),
    Place("Europe/Paris", time(2, 30)),  # skipped in March, there twice in October
    Place("America/New_York", time(1, 30)),  # there twice in November
    Place("Australia/Lord_Howe", time(2, 15)),  # skipped; the clock changes by half an hour
    Place("America/Santiago", time(0, 30)),  # skipped: the change is at midnight
    Place("Pacific/Apia", time(3, 30), first=date(2011, 1, 1), changes=5),  # and once a whole day was
]
EVERYWHERE = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.zone)


def exists(local: datetime) -> bool:
    """Whether the wall clock ever shows that."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


# --- How crons call us ------------------------------------------------------------------------------


def debian(place: Place) -> Iterator[datetime]:
    """Debian's cron (cron(8)): in the skipped hour late, right after the change; in the repeated hour once."""
    for day in place.dates():
        local = datetime.combine(day, place.at, place.tz)
        moment = local.astimezone(UTC)
        if not exists(local):
            wanted = local.replace(tzinfo=None)
            while (moment - MINUTE).astimezone(place.tz).replace(tzinfo=None) > wanted:
                moment -= MINUTE
        yield moment


def simple(place: Place) -> Iterator[datetime]:
    """A cron that compares the wall clock each minute: in the skipped hour never, in the repeated hour twice."""
    for day in place.dates():
        local = datetime.combine(day, place.at, place.tz)
        if exists(local):
            yield from sorted({local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)})


def with_net(place: Place) -> Iterator[datetime]:
    """The same with the safety net of docs/cron.md: a line that calls in each of the next four hours."""
    hours = [place.at.replace(hour=place.at.hour + i) for i in range(5)]
    yield from sorted({moment for hour in hours for moment in simple(Place(place.zone, hour, place.first))})


def on_time(place: Place, room: Newsroom, calls: Iterable[datetime]) -> set[date]:
    """The dates for which some call comes on the day and not too late: what `daily.send` decides by."""
    days = [(moment, moment.astimezone(place.tz).date()) for moment in calls]
    return {day for moment, day in days if moment <= room.config.too_late(day)}


# --- A newsroom of that place -----------------------------------------------------------------------


@dataclass
class Paper:
    """A newsroom with one reader, and an article for each call that may send one."""

    room: Newsroom
    clock: Clock
    mailer: FakeMailer
    folder: Path

    def publish(self, name: str) -> None:
        published = (self.clock() - timedelta(minutes=20)).isoformat()
        front = f'title: "Le {name}"\ndate: {published}\nurl: https://journal.example/{name}/'
        (self.folder / "articles" / "une.md").write_text(f"---\n{front}\n---\n\nTexte.\n", encoding="utf-8")

    def send(self) -> Report:
        return daily.send(self.room, self.room.today(), watch=Watch(Stop(self.clock)))

    @property
    def mails(self) -> list[bytes]:
        return self.mailer.received["ama@lecteurs.example"]

    def sent(self) -> Counter[date]:
        with read(self.room.engine) as connection:
            return Counter(edition.day for edition in editions.sent(connection))


MakePaper = Callable[..., Paper]


@pytest.fixture
def paper() -> Iterator[MakePaper]:
    """In memory where that can be had: two years are many commits."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        (folder / "articles").mkdir()
        made: list[Newsroom] = []

        def make(place: Place, by: str = "cron") -> Paper:
            schedule = f'[schedule]\nsend_at = "{place.at:%H:%M}"\nby = "{by}"\n[delivery]\nconnections = 1\n'
            text = TOML.replace("Africa/Lome", place.zone) + schedule
            (folder / "newsletter.toml").write_text(text, encoding="utf-8")
            clock = Clock(datetime.combine(place.first, time(0), place.tz).astimezone(UTC))
            room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
            mailer = room.__dict__["mailer"] = FakeMailer()
            subscribe.add(room, ["ama@lecteurs.example"], "test")
            made.append(room)
            return Paper(room, clock, mailer, folder)

        yield make
        for room in made:
            room.engine.dispose()


# --- Two years ------------------------------------------------------------------------------------


@EVERYWHERE
def test_the_zones_do_change_their_clocks(place: Place) -> None:
    offsets = [datetime.combine(day, time(12), place.tz).utcoffset() for day in place.dates()]
    assert sum(a != b for a, b in pairwise(offsets)) == place.changes


@EVERYWHERE
def test_every_date_is_called_for_on_time(place: Place, paper: MakePaper) -> None:  # R08
    room = paper(place).room
    dates = set(place.dates())
    assert on_time(place, room, debian(place)) == dates
    assert on_time(place, room, with_net(place)) == dates
    skipped = {day for day in dates if not exists(datetime.combine(day, place.at, place.tz))}
    assert on_time(place, room, simple(place)) == dates - skipped  # which is what the net is for
    for day in dates:  # and the runner, which asks whether it is due
        assert room.config.due(day).astimezone(UTC).astimezone(place.tz).date() == day


@pytest.mark.timeout(1800)  # 30 s a zone where nothing else runs, four times as long on a busy machine
@EVERYWHERE
def test_two_years_of_days_are_one_edition_each(place: Place, paper: MakePaper) -> None:  # R08
    """Whole sends, by both crons at once: the days around the changes and some others; `make test-long` takes all."""
    one = paper(place)
    days = set(place.dates()) if LONG else {*place.around_changes(), *place.dates()[::40]}
    for moment in sorted({*debian(place), *simple(place)}):
        one.clock.now = moment
        if one.room.today() in days:
            one.publish(str(one.room.today()))
            assert one.send().status == "sent"
    assert one.sent() == Counter(days)
    assert len(one.mails) == len(days)


@EVERYWHERE
def test_a_runner_sends_one_edition_a_day_across_the_changes(place: Place, paper: MakePaper) -> None:  # R08
    one = paper(place, by="runner")
    days = sorted(place.around_changes()) or place.dates()[:5]
    for day in days:
        one.clock.now = moment = datetime.combine(day, time(0), place.tz).astimezone(UTC)
        one.publish(str(day))
        while moment.astimezone(place.tz).date() <= day:
            one.clock.now = moment
            if moment.astimezone(place.tz).date() == day:
                runner.do_what_is_due(one.room, Stop(one.clock))
            moment += timedelta(minutes=45)
    assert one.sent() == Counter(days)
    assert len(one.mails) == len(days)


# --- Clocks that jump -------------------------------------------------------------------------------

WRONG = date(2025, 1, 8)
TO_1970 = datetime(1970, 1, 1, tzinfo=UTC) - datetime(2025, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "jump", [timedelta(days=-1), -HOUR, HOUR, timedelta(days=1), TO_1970], ids=["-1d", "-1h", "+1h", "+1d", "1970"]
)
@pytest.mark.parametrize("first", [True, False], ids=["before its send", "after it"])
def test_a_clock_that_jumps_doubles_no_date(paper: MakePaper, jump: timedelta, first: bool) -> None:  # R08
    """One morning the clock is wrong for an hour, and `send` is called meanwhile.

    What the day held goes out once. A clock that was a day ahead sends it under the next date, and both are done then.
    """
    one, days = paper(PLACES[0]), PLACES[0].dates()[:12]
    for day in days:
        right = datetime.combine(day, time(6, 30), UTC)
        moments = [right, right + HOUR]
        if day == WRONG:
            moments[0 if first else 1 : 0 if first else 1] = [right + jump, right + jump + HOUR / 2]
        one.clock.now = right
        one.publish(str(day))
        for one.clock.now in moments:
            one.send()
    ahead = first and jump == timedelta(days=1)
    assert one.sent() == Counter(set(days) - ({WRONG} if ahead else set()))
    assert len(one.mails) == len(days) - ahead


@pytest.mark.parametrize("late", [timedelta(0), HOUR * 5.9, HOUR * 6.1], ids=["on time", "late", "too late"])
@EVERYWHERE
def test_late_is_counted_by_the_hours_that_pass(place: Place, paper: MakePaper, late: timedelta) -> None:  # R09
    """Also across a clock change: six hours are six hours. Twice called, it sends once, or says twice that it is late."""
    one = paper(place)
    days = sorted(place.around_changes())[:3] or place.dates()[:1]
    for day in days:
        one.clock.now = one.room.config.due(day).astimezone(UTC) + late
        one.publish(str(day))
        for _ in range(2):
            found = one.send()
            assert found.status == ("late" if late > HOUR * 6 else "sent")
            assert isinstance(found.problem, NotSent) == (late > HOUR * 6)
    assert one.sent() == Counter([] if late > HOUR * 6 else days)
