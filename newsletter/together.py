"""Several newsletters in one process. None may keep the others: one whose database does not answer is waited for,
beside them.

What would make two of them one is refused: the same database under whatever name, the same folder, the same mailbox for
what comes back, and, where pages are served, the same address on the web.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from newsletter.config import Config
from newsletter.errors import ConfigError, NewsletterError
from newsletter.newsroom import Newsroom
from newsletter.store.place import Identity, identity
from newsletter.values import host_name

log = logging.getLogger(__name__)

TROUBLE = 30.0  # seconds until a database that did not answer is asked again
OWN = "give each its own, or a PostgreSQL schema of its own"
LOOK = 0.5  # seconds between two looks whether to stop


class Together:
    """The newsletters of one process, in the order in which they were named. For any thread."""

    def __init__(self, rooms: Sequence[Newsroom]) -> None:
        self.rooms = tuple(rooms)
        self._known: dict[Identity, Newsroom] = {}
        self._ready: set[Newsroom] = set()
        self._turn = threading.Lock()  # migrations too are run by one thread at a time

    def __iter__(self) -> Iterator[Newsroom]:
        return iter(self.rooms)

    def __len__(self) -> int:
        return len(self.rooms)

    @property
    def names(self) -> list[str]:
        """What they are called in the log."""
        return [room.config.newsletter.list_id for room in self]

    def open(self) -> None:
        """Open each one's database. One that does not answer is told of, and left to `wait_for`. Raises ConfigError
        where two are the same; and where there is one newsletter alone, whatever keeps it."""
        problems: list[str] = []
        for room in self:
            try:
                self.enter(room)
            except ConfigError as error:
                problems += error.problems
            except NewsletterError as error:
                if len(self) == 1:
                    raise
                log.warning("%s: %s; the others go on", room.config.path, error)
        if problems:
            raise ConfigError(*problems)

    def enter(self, room: Newsroom) -> None:
        """Open its database, unless another of ours has the same. Raises ConfigError then, naming both files, and
        DatabaseError where it does not answer."""
        with self._turn:
            found = identity(room.engine)
            other = self._known.setdefault(found, room)
            if other is not room:
                raise ConfigError(
                    f"{other.config.path} and {room.config.path}: newsletter.database: both lead to the same "
                    f"database: {OWN}"
                )
            room.signer, room.forgotten_secret  # noqa: B018  made now, not by the first reader
            self._ready.add(room)

    def is_ready(self, room: Newsroom) -> bool:
        """Whether its database is open, and its own."""
        return room in self._ready

    def wait_for(self, room: Newsroom, stopped: Callable[[], bool], *, trouble: float = TROUBLE) -> bool:
        """Until its database answers; False where we were stopped before, or it can never be."""
        over = threading.Event()
        while not self.is_ready(room) and not stopped():
            try:
                self.enter(room)
            except ConfigError as error:  # known too late to end all the others for it
                log.error("%s; the second is left alone until this is started anew", error)
                return False
            except NewsletterError as error:
                log.warning("%s", error)
                left = trouble
                while left > 0 and not stopped():
                    over.wait(min(left, LOOK))
                    left -= LOOK
        return self.is_ready(room)


def check(configs: Sequence[Config], *, served: bool) -> None:
    """What can be seen before a database is opened. Raises ConfigError with a line for each two that collide."""
    said = {
        _files: "the same newsletter.toml, named twice",
        _databases: f"newsletter.database: both lead to the same database: {OWN}",
        _folders: "both lie in {same}: move one, or give each a newsletter.instance",
        _lists: "newsletter.list_id: both are {same}: give each its own",
        _inboxes: "bounces.inbox: both read {same}, and would take what came back for the other: give each its own",
        _pings: "monitor.ping_url: both are {same}: one that does its work would hide that the other does not",
        _hosts: "newsletter.public_url, desk.url: both are found at {same}: give each a host of its own",
    }
    problems: dict[tuple[Config, Config], str] = {}  # for each two, the first that is found
    for of, problem in said.items():
        if served or of is not _hosts:
            for one, other, same in _collisions(configs, of):
                problems.setdefault((one, other), f"{one.path} and {other.path}: {problem.format(same=same)}")
    if problems:
        raise ConfigError(*problems.values())


def _collisions(configs: Sequence[Config], of: Callable[[Config], set[str]]) -> Iterator[tuple[Config, Config, str]]:
    first: dict[str, Config] = {}
    for config in configs:
        for same in sorted(of(config)):
            if first.setdefault(same, config) is not config:
                yield first[same], config, same


def _files(config: Config) -> set[str]:
    return {str(config.path.resolve())}


def _databases(config: Config) -> set[str]:
    """As far as their names tell; what they are is asked when they are opened."""
    return {config.database_url}


def _folders(config: Config) -> set[str]:
    """By a file there a database is known for no copy (see `instance`): it holds the stamp of one."""
    return set() if config.newsletter.instance else {str(config.folder.resolve())}


def _lists(config: Config) -> set[str]:
    return {config.newsletter.list_id}


def _inboxes(config: Config) -> set[str]:
    """By what it leads to, in whatever words. A host and INBOX (RFC 9051, 5.1) are the same in any letters."""
    inbox = config.bounces.inbox
    if inbox is None:
        return set()
    if inbox.kind != "imap":
        return {str(config.resolve(inbox.path).resolve())}
    folder = "INBOX" if inbox.folder.upper() == "INBOX" else inbox.folder
    return {f"{folder} of {inbox.user} at {host_name(inbox.host)}"}


def _pings(config: Config) -> set[str]:
    return {config.monitor.ping_url} - {""}


def _hosts(config: Config) -> set[str]:
    """Those of its pages and of its desk: a browser sends a cookie of one to whatever is on the same host."""
    return {host_name(urlsplit(url).netloc) for url in (config.newsletter.public_url, config.desk_url)}
