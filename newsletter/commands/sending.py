"""send, status, trace."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    complain,
    counted,
    date_option,
    dry_run_option,
    exit_code,
    iso,
    json_option,
    log_if_asked_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)
from newsletter.commands.watching import STATES, states_of

if TYPE_CHECKING:
    from newsletter.logs import Kind
    from newsletter.model import Bounce
    from newsletter.newsroom import Newsroom
    from newsletter.progress import Progress
    from newsletter.report import Report
    from newsletter.sending import Watch


class Span(click.ParamType[timedelta]):
    """A length of time, as 50m, 90s, 1h30m; a bare number is seconds."""

    name = "time"
    pattern = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = self.pattern.fullmatch(str(value).strip().lower())
        if not match or not any(match.groups()):
            self.fail(f"{value!r} is not a length of time; write it as 50m, 90s or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)


@click.command()
@date_option
@click.option("--now", "regardless", is_flag=True, help="Send even when it is late, or no day of the schedule.")
@click.option("--edition", "name", metavar="NAME", help="One edition as it stands, of any slot: 2026-11-23-extra.")
@click.option("--force", is_flag=True, help="Send although `newsletter doctor` finds that mail would be lost.")
@click.option("--max-time", type=Span(), help="Leave earlier, with exit code 75; the next run goes on. As 50m.")
@log_if_asked_option
@dry_run_option
@json_option
@with_newsroom
def send(
    room: Newsroom,
    day: date | None,
    regardless: bool,
    name: str | None,
    force: bool,
    max_time: timedelta | None,
    log: Kind | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send the day's edition: what cron runs, and what an editor types.

    Finishes what an earlier run left, collects, picks, renders, delivers, and stays until every delivery has ended.
    Safe to repeat: nobody gets an edition twice.

    \b
    Example:
      30 6-11 * * *  cd /srv/lettre && newsletter send --max-time 50m > /dev/null
    """
    from newsletter import daily, logs
    from newsletter.deliver import Stop
    from newsletter.speaker import speaking

    if log:
        logs.begin(log, [room.config.newsletter.list_id])
    if name and (day or dry_run):
        raise click.UsageError("--edition goes without --date and --dry-run")
    day = _not_in_future(room, day)
    stop = Stop(room.clock, room.clock() + max_time if max_time is not None else None)
    whose = speaking(room.config.newsletter.list_id)
    with whose, _signals_to(stop), _watching(room, stop, silent=as_json or dry_run, bar=not log) as watch:
        watch = replace(watch, force=force)
        found = (
            daily.send_named(room, name, watch=watch)
            if name
            else daily.send(room, day, regardless=regardless, dry_run=dry_run, watch=watch)
        )
    for remark in found.remarks:
        complain(remark)
    for one in found.earlier:
        complain(f"edition {one.edition}, begun by an earlier run: {one.said}")
        for remark in one.remarks:
            complain(remark)
    if as_json:
        print_json(found.figures())
        if found.problem:
            complain(found.said, grave=True)
    else:
        _print_report(room, found)
    sys.exit(_exit_code(found))


def _not_in_future(room: Newsroom, day: date | None) -> date:
    today = room.today()
    if day and day > today:
        raise click.BadParameter(f"{day} has not come yet; today is {today}", param_hint="--date")
    return day or today


def _exit_code(found: Report) -> int:
    if found.problem:
        return exit_code(found.problem)
    ended = [*found.earlier, *([] if found.already else [found])]
    badly = any(one.problem or (one.status == "sent" and (one.rejected or one.uncertain)) for one in ended)
    return 3 if badly else 0


@contextmanager
def _signals_to(stop: Any) -> Iterator[None]:
    """SIGTERM and Ctrl-C begin nothing more and let what has begun end; a second Ctrl-C is taken literally."""

    def ask(number: int, _frame: object) -> None:
        if stop.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.ask()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watching(room: Newsroom, stop: Any, *, silent: bool, bar: bool) -> Iterator[Watch]:
    """The finishing time, before the first message; then a bar on a terminal, and nothing in cron or beside a log."""
    from newsletter.sending import Watch

    if silent:
        yield Watch(stop)
    elif not bar or not sys.stderr.isatty():
        yield Watch(stop, begun=lambda found: _foretell(room, found))
    else:
        with _bar(room) as (begun, ended):
            yield Watch(stop, begun=begun, ended=ended)


def _foretell(room: Newsroom, found: Report) -> None:
    if found.forecast:
        say(f"edition {found.edition}: {found.forecast.said(room.config.newsletter.zone)}")
        sys.stdout.flush()  # before the first message, also where somebody reads along in a file


@contextmanager
def _bar(room: Newsroom) -> Iterator[tuple[Callable[[Report], None], Callable[[object, object], None]]]:
    """A bar with rate and finishing time, on the newsroom's clock."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class FinishingTime(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.time_remaining is None or task.finished:
                return Text("")
            end = room.clock() + timedelta(seconds=task.time_remaining)
            return Text(f"ends at {end.astimezone(room.config.newsletter.zone):%H:%M}")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        FinishingTime(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: list[Any] = []

        def begun(found: Report) -> None:
            done = found.accepted + found.rejected + found.uncertain + found.skipped
            description = f"edition {found.edition}"
            if found.forecast:
                bar.console.print(Text(f"{description}: {found.forecast.said(room.config.newsletter.zone)}"))
            tasks.append(bar.add_task(description, total=found.audience, completed=done, rate=""))

        def ended(_delivery: object, _state: object) -> None:
            speed = bar.tasks[-1].speed
            bar.update(tasks[-1], advance=1, rate=f"{speed:.0f}/s" if speed else "")

        yield begun, ended


def _print_report(room: Newsroom, found: Report) -> None:
    if found.problem:
        complain(found.said, grave=True)
    elif found.said:
        say(found.said)
    _foretell(room, found)  # of a rehearsal
    if found.audience and found.status in ("sent", "sending"):
        say(f"edition {found.edition}: {counted(found.articles, 'article')}; {states_of(found)}")
    _say_doubts(found)


def _say_doubts(found: Report) -> None:
    if found.uncertain and found.status == "sent":
        say(f"{found.uncertain} may or may not have it: `newsletter resolve` lists them")


@click.command()
@click.option("--watch", is_flag=True, help="Look on while an edition is sent, refreshed every second.")
@click.option("--strict", is_flag=True, help="Leave with 75 where somebody has to do something, and say why.")
@json_option
@with_newsroom
def status(room: Newsroom, watch: bool, strict: bool, as_json: bool) -> None:
    """How things stand: the latest edition, the list, the sources.

    \b
    Example:
      newsletter status --watch
      newsletter status --strict > /dev/null
    """
    from newsletter import monitor
    from newsletter.errors import Unfinished

    if watch:
        from newsletter.commands.watching import look_on

        look_on(room, as_json=as_json)
    wrong = monitor.complaints(room) if strict else []
    if not watch:
        _print_status(room, as_json, wrong if strict else None)
    for line in wrong:
        complain(line)
    if wrong:
        sys.exit(exit_code(Unfinished()))


def _print_status(room: Newsroom, as_json: bool, wrong: list[str] | None) -> None:
    from newsletter import progress, report

    standing, seen = report.standing(room), progress.look(room)
    if as_json:
        more = {"late": standing.late, "letters": standing.letters, "runner": standing.runner, **seen.figures()}
        more |= {"beside": [one.figures() for one in standing.beside]}
        more |= {} if wrong is None else {"wrong": wrong}
        print_json(standing.latest.figures() | {"subscribers": standing.subscribers} | more)
        return
    latest = standing.latest
    say(
        f"edition {latest.edition or '-'}: {latest.status}, {counted(latest.articles, 'article')}" + _after(latest.said)
    )
    _print_sending(room, seen, latest)
    if latest.audience:
        print_table(("deliveries", ""), [(f"deliveries {state}", getattr(latest, state)) for state in STATES])
    for reply, times in standing.refusals:
        say(f"  {times} × {reply}")
    _say_doubts(latest)
    if standing.late:
        say("to newcomers: " + ", ".join(f"{n} {state}" for state, n in standing.late.items()))
    for one in standing.beside:
        reached = f", {one.accepted} of {one.audience} accepted" if one.audience else ""
        say(f"edition {one.edition}: {one.status}, {counted(one.articles, 'article')}{reached}{_after(one.said)}")
    if standing.letters:
        cure = "" if standing.runner else ", and no runner lives: `newsletter run` or `newsletter send` sends them"
        say(f"letters that wait: {standing.letters}, since {iso(standing.waiting_since)}{cure}")
    print_table(("subscribers", ""), [(f"subscribers {one}", n) for one, n in standing.subscribers.items()])
    print_table(
        ("source", "collected", "articles", "remark"),
        [(one.key, iso(one.collected_at), one.articles, one.error or one.note) for one in standing.sources],
    )


def _print_sending(room: Newsroom, seen: Progress, latest: Report) -> None:
    """Who is sending, how fast, and until when; nothing where nobody is and nothing is left. Workers in any case. With
    its own figures where it is another edition than the latest, whose follow."""
    from newsletter.commands.watching import of_workers, pace_of, who_sends

    of_workers(seen)
    if seen.holder or seen.running:
        say(who_sends(seen))
    if seen.running and seen.attended:
        own = f"{states_of(seen.report)}; " if seen.report.edition != latest.edition else ""
        say(f"edition {seen.report.edition}: {own}{pace_of(seen, room.config.newsletter.zone)}")


def _after(said: str) -> str:
    return f": {said}" if said else ""


@click.command()
@click.argument("address")
@json_option
@with_newsroom
def trace(room: Newsroom, address: str, as_json: bool) -> None:
    """Tell a subscriber's whole story: every edition, what the relay said and what came back, and when.

    \b
    Example:
      newsletter trace afi@lecteurs.example
    """
    from newsletter import report, subscribe

    story = report.trace(room, subscribe.find(room, address))
    rows = [
        {
            "edition": edition.name,
            "state": one.state.value,
            "attempts": one.attempts,
            "code": one.code,
            "reply": one.reply,
            "message_id": message_id,
            "at": iso(one.at),
        }
        for edition, one, message_id in story.deliveries
    ]
    person = story.subscriber
    back = [_returned(one) for one in story.returned]
    if as_json:
        figures = {"address": person.address, "status": person.status.value, "deliveries": rows, "returned": back}
        print_json(figures)
        return
    say(f"{person.address}: {person.status} since {iso(person.since)}")
    print_table(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])
    if back:
        say()
        print_table(tuple(back[0]), [tuple(row.values()) for row in back])


def _returned(one: Bounce) -> dict[str, object]:
    reason = one.reason.value if one.reason else None
    figures: dict[str, object] = {"at": iso(one.at), "kind": one.kind.value, "via": one.via, "proof": one.proof.value}
    return figures | {"reason": reason, "dead": one.suppress, "code": one.code, "said": one.text}
