"""How we connect to PostgreSQL: neither a network that is cut nor a process of ours that is stopped may keep the others
waiting."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from newsletter.errors import DatabaseError

# What libpq does of itself, waiting two hours for a silent server, is not for who sends. Each may be said otherwise in
# the URL. Seconds, and milliseconds for the last.
CALM: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
# The same for the server, which lets go of the locks of a client that has vanished; and of one that was stopped within
# a transaction, as by SIGSTOP: no transaction of ours idles for long.
SETTINGS = {
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
    "idle_in_transaction_session_timeout": "30s",
    # What we look for by its number was written this morning, and is in memory: to PostgreSQL's mind, made for disks
    # that turn, reading some ten thousand rows is cheaper than looking for five hundred (2026-11: 0.17 s, not 9 ms).
    "random_page_cost": "1.1",
}
IN_USE = ("55P03", "40P01")  # lock_not_available; and deadlock_detected, where it is us whom PostgreSQL cut short


def open_engine(url: str, *, kept: int, most: int) -> Engine:
    """An engine for that URL, with so many connections kept open while idle, and at most so many at once.

    Raises what SQLAlchemy raises for a URL that it cannot read.
    """
    said = make_url(url).query
    args = {name: value for name, value in CALM.items() if name not in said}
    engine = create_engine(url, pool_pre_ping=True, connect_args=args, pool_size=kept, max_overflow=most - kept)
    event.listen(engine, "connect", _prepare)
    return engine


def in_use(error: DatabaseError) -> bool:
    """Whether it says that others had hold of something for too long: who asks again later may get it."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) in IN_USE


def _prepare(raw: Any, _record: object) -> None:
    raw.execute("SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in SETTINGS.items()))
    raw.commit()
