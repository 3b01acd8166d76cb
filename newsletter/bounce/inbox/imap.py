"""A folder on an IMAP server. Mails are known by their UIDs and looked at without being marked; what is done is moved
into a folder of the mailbox, by MOVE (RFC 6851) where the server has it, else by a copy and a mark of deletion. Nobody
else's deleted mails are ever expunged: where the server cannot expunge single ones (UIDPLUS, RFC 4315), the mark has to
do, and marked mails are not read again.
"""

from __future__ import annotations

import logging
import re
import ssl
from bisect import bisect
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self

from newsletter.bounce.inbox import LARGEST, Arrived, Patience, names, one_line, too_large
from newsletter.bounce.inbox.talk import Talk
from newsletter.errors import ConfigError, Unavailable
from newsletter.settings import Inbox

log = logging.getLogger(__name__)

AT_ONCE = 50  # mails that are asked for their size, or moved, by one command
NOT_NOW = (b"[UNAVAILABLE]", b"[INUSE]", b"[LIMIT]", b"[SERVERBUG]", b"[CONTACTADMIN]")  # RFC 5530: no mistake of ours
UID, SIZE = re.compile(rb"\bUID (\d{1,10})"), re.compile(rb"\bRFC822\.SIZE (\d{1,15})")
SHORT = re.compile(rb'BODY\[\] (?:"((?:[^"\\]|\\.)*)"|NIL)')


class ImapBox:
    """A visit to a folder. What is done is moved when there are some of it, and when the visit ends."""

    def __init__(
        self,
        where: Inbox,
        password: str,
        folder: str,
        delete: bool,
        behind: str,
        context: ssl.SSLContext | None,
        patience: Patience,
        clock: Callable[[], float],
    ) -> None:
        self._where = where
        self._password = password
        self._folder = folder
        self._delete = delete
        self._patience = patience
        self._connect: Callable[[], Talk] = partial(Talk, where, context, patience, clock)
        self.reached = behind
        self._validity = ""
        self._target = ""  # the folder for what is done, as the wire has it
        self._moved: list[str] = []  # what is done, and yet to be moved
        self._deleted: list[str] = []
        self._left: set[str] = set()

    def __enter__(self) -> Self:
        self._talk = self._connect()
        try:
            self._log_in()
            self._select()
        except BaseException:
            self._talk.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, Unavailable):
                self._flush()
                with self._talk.step("does not say goodbye", 5):
                    self._talk.logout()
        except Unavailable as failed:
            if (self._moved or self._deleted) and error is None:
                raise
            log.info("%s", failed)
        finally:
            self._talk.shutdown()

    def unread(self, limit: int | None = None) -> Iterator[Arrived]:
        taken = 0
        uids = self._search()
        for first in range(0, len(uids), AT_ONCE):
            some = uids[first : first + AT_ONCE]
            sizes = self._sizes(some)
            for uid in filter(sizes.__contains__, some):
                if self._talk.late or (limit is not None and taken >= limit):
                    return  # the rest comes next time
                self.reached = f"{self._validity}-{uid}"  # before it is fetched: it may be what the visit fails at
                arrived = self._fetch(uid, sizes[uid])
                if arrived is not None:
                    yield arrived
                    taken += arrived.name not in self._left

    def done(self, arrived: Arrived, *, keep: bool = False) -> None:
        validity, _, uid = arrived.name.partition("-")
        if validity != self._validity:
            raise ValueError("a mail of another visit: its number means nothing here")
        pending = self._deleted if self._delete and not keep else self._moved
        pending.append(uid)
        if len(pending) >= AT_ONCE:
            self._flush()

    def leave(self, arrived: Arrived) -> None:
        self._left.add(arrived.name)

    # --- Getting in -------------------------------------------------------------------------------

    def _log_in(self) -> None:
        talk, where = self._talk, self._where
        if where.security == "starttls":
            with talk.step("cannot be reached", self._patience.connect + self._patience.step):
                talk.begin_tls()
        if talk.state == "AUTH":
            return  # PREAUTH: the server knows us
        with talk.step("the log-in fails"):
            kind, data = self._authenticated(talk)
        if kind != "OK":
            said = one_line(data[-1]).rstrip(".")
            if any(code in data[-1] for code in NOT_NOW):
                raise Unavailable(f"bounces.inbox: {where}: the log-in is refused for now: {said}")
            raise ConfigError(
                f"bounces.inbox: {where}: the log-in as {where.user} failed: {said}: check the user, and"
                " NEWSLETTER_BOUNCES_PASSWORD or bounces.password_file"
            )
        with talk.step("does not say what it can"):
            kind, data = talk.capability()
            talk.capabilities = tuple(data[-1].decode("ascii", "replace").upper().split()) if data[-1] else ()

    def _authenticated(self, talk: Talk) -> tuple[str, list[Any]]:
        """By AUTHENTICATE PLAIN, which takes any sign (RFC 4616), else by LOGIN."""
        user, password = self._where.user, self._password
        if "AUTH=PLAIN" in talk.capabilities:
            try:
                talk.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
                return "OK", []
            except talk.abort:
                raise
            except talk.error as error:
                return "NO", [str(error).encode()]
        if "LOGINDISABLED" in talk.capabilities:
            raise ConfigError(
                f"bounces.inbox: {self._where}: the server takes no password this way; imaps:// or imap+starttls://"
            )
        # Bytes: imaplib would write text in ASCII, and passwords have accents.
        words: list[Any] = [names.quoted(user).encode(), names.quoted(password).encode()]
        kind, data = talk.xatom("LOGIN", *words)
        if kind == "OK":
            talk.state = "AUTH"
        return kind, data

    def _select(self) -> None:
        talk, where = self._talk, self._where
        with talk.step("the folder cannot be opened"):
            try:
                kind, data = talk.select(names.folder(where.folder))
            except talk.readonly:
                raise ConfigError(f"bounces.inbox: {where}: the folder may only be read, and not moved from") from None
            validity = talk.response("UIDVALIDITY")[1][-1]
        if kind != "OK":
            said = one_line(data[-1])
            if data[-1] and any(code in data[-1] for code in NOT_NOW):
                raise Unavailable(f"bounces.inbox: {where}: the folder cannot be opened for now: {said}")
            raise ConfigError(f"bounces.inbox: {where}: there is no folder {where.folder}: {said}")
        self._validity = one_line(validity or b"0")

    # --- Reading ----------------------------------------------------------------------------------

    def _search(self) -> list[str]:
        """All but what is marked as deleted, once around from where the last visit ended. UIDs rise as mails arrive,
        and mean nothing any more when the folder's UIDVALIDITY is another."""
        with self._talk.step("the mails cannot be listed"):
            kind, data = self._talk.uid("SEARCH", "UNDELETED")
            self._must(kind, data)
            uids = sorted({int(uid) for line in data if line for uid in line.split()})
        validity, _, last = self.reached.partition("-")
        behind = bisect(uids, int(last)) if validity == self._validity and last.isdecimal() else 0
        return [str(uid) for uid in uids[behind:] + uids[:behind]]

    def _sizes(self, uids: list[str]) -> dict[str, int]:
        asked = set(uids)
        with self._talk.step("the mails cannot be listed"):
            kind, data = self._talk.uid("FETCH", ",".join(uids), "(UID RFC822.SIZE)")
            self._must(kind, data)
        found = {}
        for line in data:
            uid, size = (UID.search(line), SIZE.search(line)) if isinstance(line, bytes) else (None, None)
            if uid and size and (number := str(int(uid[1]))) in asked:
                found[number] = int(size[1])
        return found

    def _fetch(self, uid: str, size: int) -> Arrived | None:
        """A mail; None where it is too large, which is told, or somebody else has taken it."""
        name = f"{self._validity}-{uid}"
        if size > LARGEST:
            too_large(name, size)
            return None
        with self._talk.step("a mail cannot be fetched", self._patience.mail):
            kind, data = self._talk.uid("FETCH", uid, "(UID BODY.PEEK[])")
            self._must(kind, data)
        raw = _body(data, uid)
        return Arrived(raw, name, len(raw)) if raw is not None else None

    # --- What is done -----------------------------------------------------------------------------

    def _flush(self) -> None:
        """Move what is done, or delete it. What goes wrong on the way leaves it where it is, or in both places."""
        if self._moved:
            self._prepare()
            with self._talk.step("mails cannot be moved"):
                self._move(",".join(self._moved))
            self._moved.clear()
        if self._deleted:
            with self._talk.step("mails cannot be deleted"):
                self._remove(",".join(self._deleted))
            self._deleted.clear()

    def _move(self, uids: str) -> None:
        talk = self._talk
        self._must(*talk.xatom("UID", "STORE", uids, "+FLAGS.SILENT", "(\\Seen)"))
        if "MOVE" in talk.capabilities:
            self._must(*talk.xatom("UID", "MOVE", uids, self._target))
        else:
            self._must(*talk.xatom("UID", "COPY", uids, self._target))
            self._remove(uids)

    def _remove(self, uids: str) -> None:
        talk = self._talk
        self._must(*talk.xatom("UID", "STORE", uids, "+FLAGS.SILENT", "(\\Deleted)"))
        if "UIDPLUS" in talk.capabilities:
            self._must(*talk.xatom("UID", "EXPUNGE", uids))

    def _prepare(self) -> None:
        """The folder for what is done: made where it is missing, and shown by mail programs."""
        if self._target:
            return
        for name in self._names():
            if name.casefold() == self._where.folder.casefold():
                raise ConfigError(f"bounces.folder: {self._folder}: is the very folder that is read: name another")
            said = self._made(names.folder(name))
            if not said:
                self._target = names.folder(name)
                return
        raise ConfigError(
            f"bounces.folder: the server does not make the folder {self._folder}: {said}: make it by a mail program,"
            " or name another"
        )

    def _names(self) -> list[str]:
        """What the folder may be called: on some servers all begin with "INBOX.", and some do not say so."""
        talk = self._talk
        with talk.step("the folders cannot be listed"):
            if "NAMESPACE" in talk.capabilities:
                found = names.personal(talk.namespace()[1][-1] or b"")
                return [(found[0] if found else "") + self._folder]
            listed = talk.list('""', "INBOX")[1][-1]
            between = names.delimiter(listed) if isinstance(listed, bytes) else ""
        return [self._folder, f"INBOX{between}{self._folder}"] if between else [self._folder]

    def _made(self, target: str) -> str:
        """Why the folder is not there; empty where it is."""
        talk = self._talk
        with talk.step("the folder cannot be made"):
            if any(talk.list('""', target)[1]):
                return ""
            kind, data = talk.create(target)
            if kind != "OK" and b"[ALREADYEXISTS]" not in data[-1]:
                return one_line(data[-1])
            talk.subscribe(target)  # where that is refused, the folder does its work all the same
            return ""

    def _must(self, kind: str, data: list[Any]) -> None:
        if kind != "OK":
            raise self._talk.abort(f"{kind} {one_line(data[-1] if data else '')}")


def _body(data: list[Any], uid: str) -> bytes | None:
    """The mail in an answer to FETCH. Between its parts a server may tell what happens to other mails."""
    for number, part in enumerate(data):
        if isinstance(part, tuple) and b"BODY[]" in part[0]:
            after = data[number + 1] if number + 1 < len(data) and isinstance(data[number + 1], bytes) else b""
            said = UID.search(part[0]) or UID.search(after)
            if said is None or str(int(said[1])) == uid:
                return bytes(part[1])
        elif isinstance(part, bytes) and (short := SHORT.search(part)) and short[1] is not None:
            return re.sub(rb"\\(.)", rb"\1", short[1])
    return None
