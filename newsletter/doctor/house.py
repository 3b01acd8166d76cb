"""The house itself: configuration, database, clock, disk, keys, and who does the day's work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from newsletter import instance, report
from newsletter.doctor import cluster
from newsletter.doctor.finding import Finding, failure, ok, unknown, warning
from newsletter.errors import ConfigError, DatabaseError, FetchError, NewsletterError
from newsletter.mail.dkim import Record, record
from newsletter.newsroom import Newsroom
from newsletter.store import notes, runs
from newsletter.store.database import HEAD, read

NEEDED, WISHED = 100_000_000, 1_000_000_000  # bytes free on the disk
SLOW, WRONG = 30, 300  # seconds by which the clock may differ
LATELY = timedelta(days=3)  # a run of cron that skips a week-end
SHORT = 2048  # bits of an RSA key


def look_at_configuration(room: Newsroom) -> Iterator[Finding]:
    path, warnings = room.config.path, room.config.warnings()
    yield ok("configuration", f"{path} is in order")
    for said in warnings:
        key, _, rest = said.partition(": ")
        yield warning("configuration", f"{key}: {rest}", "see docs/configuration.md")
    if not room.config.newsletter.editors:
        said = "newsletter.editors: nobody is told when an edition does not go out"
        yield warning("configuration", said, "name the addresses of those who want to know")


def look_at_database(room: Newsroom) -> Iterator[Finding]:
    try:
        with read(room.engine) as connection:
            notes.get(connection, instance.NOTE)
        instance.check(room)
    except DatabaseError as error:
        yield failure("database", str(error), "check newsletter.database, and that its server runs")
        return
    except NewsletterError as error:
        yield failure("database", str(error), "look first which copy is the one that sends: docs/backup.md")
        return
    kind = room.engine.dialect.name
    copy = "`newsletter database backup` copies it while it is at work" if kind == "sqlite" else "pg_dump copies it"
    yield ok("database", f"{kind}, its tables are of the newest kind ({HEAD})", f"{copy}: docs/backup.md")
    yield _seen(room)
    yield from cluster.look(room)


def _seen(room: Newsroom) -> Finding:
    """Who does the day's work: a runner, or cron."""
    if report.runner_lives(room):
        return ok("database runner", "a runner is at work")
    with read(room.engine) as connection:
        last = runs.latest(connection)
    if last and room.clock() - last < LATELY:
        return ok("database runner", f"no runner lives; `newsletter send` was last at work on {last:%Y-%m-%d}")
    said = "no runner lives, and no `newsletter send` was at work lately"
    return warning("database runner", said, "`newsletter schedule --cron` prints lines for a crontab: docs/cron.md")


def look_at_clock(room: Newsroom) -> Iterator[Finding]:
    """Against a web server's: a signature from the future is refused, a link's time is over too early."""
    zone = room.config.newsletter.zone
    yield ok("clock zone", f"it is {room.clock().astimezone(zone):%H:%M} in {zone.key}")
    site = room.config.newsletter.site_url
    try:
        reply = room.fetcher.ask("HEAD", site)
        theirs = parsedate_to_datetime(reply.headers.get("Date", ""))
    except FetchError as error:
        yield unknown("clock", "the time", str(error))
        return
    except ValueError:
        yield unknown("clock", "the time", f"{site} does not say its own")
        return
    theirs = theirs.replace(tzinfo=theirs.tzinfo or UTC)
    yield judge_clock(room.clock(), theirs, site)


def judge_clock(ours: datetime, theirs: datetime, whose: str) -> Finding:
    by = round((ours - theirs).total_seconds())
    if abs(by) <= SLOW:
        return ok("clock", f"agrees with that of {whose}")
    said = f"is {abs(by)} s {'ahead of' if by > 0 else 'behind'} that of {whose}"
    remedy = "let the system keep it: timedatectl set-ntp true"
    return (failure if abs(by) > WRONG else warning)("clock", said, remedy)


def look_at_disk(room: Newsroom) -> Iterator[Finding]:
    for there in _folders(room):
        if not os.access(there, os.W_OK | os.X_OK):
            yield failure("disk", f"{there} cannot be written", "give it to the account that `newsletter` runs under")
            continue
        free = shutil.disk_usage(there).free
        said = f"{free / 1e9:.1f} GB are free in {there}"
        if free < NEEDED:
            yield failure("disk", said, "make room: an edition's ledger would not fit")
        elif free < WISHED:
            yield warning("disk", said, "make room before it runs full")
        else:
            yield ok("disk", said)


def _folders(room: Newsroom) -> list[Path]:
    """Where we write: beside newsletter.toml, the database, the outbox; what is not there yet, above it."""
    config, found = room.config, [room.config.folder]
    if config.database_url.startswith("sqlite:///"):
        found.append(Path(config.database_url.removeprefix("sqlite:///")).parent)
    if config.delivery.via.kind == "maildir":
        found.append(config.resolve(config.delivery.via.path))
    return list(dict.fromkeys(next(up for up in (one, *one.parents) if up.exists()) for one in found))


def look_at_keys(room: Newsroom) -> Iterator[Finding]:
    """The files of the keys that sign; what the DNS says of them stands elsewhere."""
    try:
        keys = room.dkim_keys
    except ConfigError as error:
        for problem in error.problems:
            yield failure("keys", problem, "`newsletter dkim keygen` makes a key, and prints what belongs where")
        return
    for selector, key in keys:
        bits = getattr(key, "key_size", SHORT)
        shown: Record = record(room.config.signing_domain, selector, key)
        if bits < SHORT:
            said = f"{selector} has {bits} bits, and some services want {SHORT}"
            yield warning("keys", said, "`newsletter dkim keygen --selector …` makes a longer one")
        else:
            yield ok("keys", f"{selector} signs for {room.config.signing_domain} ({shown.value.split(';')[1].strip()})")
