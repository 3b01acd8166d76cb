"""How we connect to PostgreSQL: neither a network that is cut nor a process of ours that is stopped may keep the others
waiting."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
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
# What to do about what it says, by a sign in it. Servers of a French house say it in French.
CURES = {
    r"password authentication failed|authentification par mot de passe|no password supplied": "write the password into"
    " ~/.pgpass of the account that runs newsletter (mode 0600), or the whole URL into NEWSLETTER_DATABASE",
    r"failed to resolve host|could not translate host name": "is the host's name spelt rightly in newsletter.database,"
    " and does the DNS answer here?",
    r"Connection refused": "does PostgreSQL run there, and listen on that address and port (listen_addresses)?",
    r"timeout expired|Connection timed out|No route to host|Network is unreachable": "is the host up, and does no"
    " firewall stand between?",
    r"\.s\.PGSQL\.\d+\" failed: No such file": "does PostgreSQL run on this machine, with its socket in that folder?",
    r'database ".*" does not exist|base de données .* n.existe pas': "createdb makes it, and docs/postgresql.md tells"
    " how; or mend the name in newsletter.database",
    r'role ".*" does not exist|rôle .* n.existe pas': "createuser makes the account, and docs/postgresql.md tells how;"
    " or mend its name in newsletter.database",
    r"pg_hba\.conf": "let this machine in, by a line in the server's pg_hba.conf (docs/postgresql.md)",
    r"too many clients|trop de clients|connection slots": "raise the server's max_connections, or run fewer processes"
    " (docs/cluster.md)",
}


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


def shown(url: URL) -> str:
    """The database's URL as people write it in newsletter.toml, without its password, wherever that stands."""
    plain = url.set(drivername="postgresql").render_as_string()
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", plain)


def cure(said: str) -> str:
    """What a person can do about what the driver said; nothing where we do not know."""
    return next((cure for sign, cure in CURES.items() if re.search(sign, said)), "")


def connections(connection: Connection) -> tuple[int, int]:
    """How many connections the server has in use, of whomever, and how many it has for who is no superuser."""
    used = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    most = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    return connection.execute(text(used)).scalar_one(), connection.execute(text(most)).scalar_one()
