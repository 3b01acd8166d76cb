"""Config → Newsroom: the only place that builds things. What a command does not need is never made or imported."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter import __version__
from newsletter.config import Config
from newsletter.errors import ConfigError
from newsletter.links import Purpose, Signer
from newsletter.model import Who
from newsletter.words import Words

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from newsletter.collect import Rules
    from newsletter.fetch import Fetcher
    from newsletter.lookup import Lookup
    from newsletter.mail import Mailer
    from newsletter.mail.dkim import Key, Sealer
    from newsletter.model import Message
    from newsletter.queue import Queue
    from newsletter.render import Look


def utc_now() -> datetime:
    return datetime.now(UTC)


class Newsroom:
    """A newsroom at work: its configuration, and its equipment as far as it is used."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        kept: int | None = None,
    ) -> None:
        self.config = config
        self._kept = kept  # idle connections to the database; None leaves it to `store.database`
        self.clock = clock or utc_now
        self._was_given_a_clock = clock is not None
        self.sleep = sleep
        self.stirred = threading.Event()  # a letter was put into the post: whoever sends letters here need not wait

    def rehearse(self) -> None:
        """Nothing may be written: where there is no database yet, a passing one stands in for it."""
        url = self.config.database_url
        if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
            from newsletter.store import database

            folder = tempfile.mkdtemp(prefix="newsletter-rehearsal-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self.engine = database.open_engine(f"sqlite:///{folder}/subscribers.db")
            database.upgrade(self.engine)

    def today(self) -> date:
        """The newsroom's local date."""
        return self.clock().astimezone(self.config.newsletter.zone).date()

    @cached_property
    def here(self) -> Who:
        """Who is at the command line, for the audit log: the account that the program runs under."""
        try:
            return Who(pwd.getpwuid(os.getuid()).pw_name)
        except KeyError:  # in some containers
            return Who(f"user {os.getuid()}")

    @cached_property
    def engine(self) -> Engine:
        """The database, brought up to date."""
        from newsletter.store import database

        engine = database.open_engine(self.config.database_url, kept=self._kept or database.KEPT)
        try:
            database.upgrade(engine)
        except BaseException:
            engine.dispose()  # the next who asks opens another
            raise
        return engine

    @cached_property
    def queue(self) -> Queue | None:
        """What brings slices to workers; None on SQLite, and without the extra `cluster`: then `send` does it alone."""
        if not self.config.database_url.startswith("postgresql"):
            return None
        from newsletter import queue

        return queue.Queue(self.engine, self.clock) if queue.installed() else None

    def close(self) -> None:
        """Let go of the database, where it was opened."""
        if "engine" in vars(self):
            self.engine.dispose()

    @property
    def shared_clock(self) -> Callable[[Connection], datetime] | None:
        """The clock that all machines of this newsroom share: PostgreSQL's. None where it has one machine, or was given
        a clock of its own."""
        if self._was_given_a_clock or self.engine.dialect.name != "postgresql":
            return None
        from newsletter.store import turns

        return turns.now

    @property
    def journals(self) -> Path:
        """The folder of the runs' journals, one for each database: beside SQLite's, else by newsletter.toml."""
        url = self.config.database_url
        if url.startswith("sqlite:///"):
            file = Path(url.removeprefix("sqlite:///"))
            return file.with_name(f".{file.name}.runs")
        name = self.engine.url.set(password=None).render_as_string()
        return self.config.folder / f".newsletter-runs-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    @cached_property
    def words(self) -> Words:
        return self.words_in(self.config.newsletter.language)

    @cached_property
    def look(self) -> Look:
        return self.look_in(self.config.newsletter.language)

    def words_in(self, language: str) -> Words:
        """The words of a page or a letter: a reader's language may be another than the newsletter's."""
        if language not in self._words:
            self._words[language] = Words(language, self.config.newsletter.zone)
        return self._words[language]

    def look_in(self, language: str) -> Look:
        """The templates, filled in with the words of that language."""
        if language not in self._looks:
            from newsletter.render import Look

            self._looks[language] = Look(self.config.folder, self.words_in(language), self.config.newsletter.colour)
        return self._looks[language]

    @cached_property
    def _words(self) -> dict[str, Words]:
        return {}

    @cached_property
    def _looks(self) -> dict[str, Look]:
        return {}

    @cached_property
    def fetcher(self) -> Fetcher:
        from newsletter.fetch import Fetcher

        return Fetcher(self._user_agent, sleep=self.sleep)

    @cached_property
    def pinger(self) -> Fetcher:
        """Asks addresses that are known beforehand, the monitor's and Amazon's: shortly, and following no redirect."""
        from newsletter.fetch import Fetcher

        return Fetcher(
            self._user_agent, total=10.0, connect=3.0, read=5.0, max_bytes=1_000_000, max_redirects=0, sleep=self.sleep
        )

    @cached_property
    def lookup(self) -> Lookup:
        """The DNS, as this machine asks it."""
        from newsletter.lookup import Lookup

        return Lookup()

    @property
    def _user_agent(self) -> str:
        return f"newsletter/{__version__} (+{self.config.newsletter.public_url})"

    @property
    def collect_rules(self) -> Rules:
        """What a source's reader must know of the house, now."""
        from newsletter.collect import Rules

        paper = self.config.newsletter
        return Rules(
            zone=paper.zone,
            language=paper.language,
            site_url=paper.site_url,
            strip=self.config.pick.strip,
            folder=self.config.folder,
            now=self.clock(),
        )

    @cached_property
    def mailer(self) -> Mailer:
        """The way mail leaves by `delivery.via`."""
        via = self.config.delivery.via
        if via.kind == "maildir":
            from newsletter.mail.outbox import Outbox

            return Outbox(self.config.resolve(via.path), self.clock)
        from newsletter.mail.smtp import Relay

        table = self.config.delivery
        return Relay(
            via,
            self.config.password,
            hello=self._hello(),
            messages_per_connection=table.messages_per_connection,
        )

    def _hello(self) -> str:
        """The name we greet a relay with: the From address's domain says whom to ask about us."""
        return self.config.newsletter.sender_domain

    def seal(self, message: Message) -> Message:
        """Signed by [dkim]; where that names no key, as it is. For any thread. Raises ConfigError as `sealer` does."""
        return self.sealer.seal(message) if self.sealer else message

    @cached_property
    def sealer(self) -> Sealer | None:
        """Signs messages by [dkim]; None where that names no key. Raises ConfigError for a key that cannot be used."""
        keys = self.dkim_keys
        if not keys:
            return None
        from newsletter.mail.dkim import Sealer

        return Sealer(self.config.signing_domain, keys)

    @cached_property
    def dkim_keys(self) -> list[tuple[str, Key]]:
        """The selectors of [dkim], each with its key. Raises ConfigError for a file that cannot be used."""
        table = self.config.dkim
        if not table.key_file:
            return []
        from newsletter.mail import keyfiles

        path, problems = self.config.path, []
        keys: list[tuple[str, Key]] = []
        named: list[tuple[keyfiles.Kind, str, str, str | None]] = [
            ("rsa", "key_file", table.selector, table.key_file),
            ("ed25519", "ed25519_key_file", table.ed25519_selector, table.ed25519_key_file),
        ]
        for kind, setting, selector, file in named:
            try:
                keys += [(selector, keyfiles.read(self.config.resolve(file), kind))] if file else []
            except ConfigError as error:
                problems += [f"{path}: dkim.{setting}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError(*problems)
        return keys

    @cached_property
    def signer(self) -> Signer:
        """Signs links with the newest key; the first is made on first use, and lives in the database."""
        from newsletter.store import notes
        from newsletter.store.database import read, write

        with read(self.engine) as connection:
            keys = notes.keys(connection)
        if not keys:
            with write(self.engine) as connection:
                if not notes.keys(connection):
                    notes.make_key(connection, self.clock())
                keys = notes.keys(connection)
        return Signer(self.config.newsletter.list_id, keys, max(keys))

    @cached_property
    def forgotten_secret(self) -> bytes:
        """What the addresses of the forgotten are hashed by. Made on first use, in a transaction of its own: ask for it
        before you begin another (on PostgreSQL two that wait for it and for a reader's row could wait for each other).
        """
        from newsletter.store import notes
        from newsletter.store.database import read, write

        name = "forgotten_key"
        with read(self.engine) as connection:
            found = notes.secret(connection, name)
        if found is None:
            with write(self.engine) as connection:
                found = notes.make_secret(connection, name)
        return found

    def read_link(self, purpose: Purpose, token: str) -> tuple[int, datetime] | None:
        """Whose link it is, and when it was made (see `links`); None where it is none of ours. Writes nothing.

        The keys may have been rotated since this program began: for one that it does not know, it looks again.
        """
        if not self.signer.knows(token):
            vars(self).pop("signer", None)
        return self.signer.read_dated(purpose, token)
