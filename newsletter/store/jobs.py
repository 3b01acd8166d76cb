"""What stands in the queue: procrastinate's tables, looked at. Its own functions change them (`newsletter.queue`), but
for the end of a job: those go by its number alone, and so a worker that wakes up would end its successor's.

They stand in the same schema as ours. One of the same name elsewhere on the search path is another newsletter's.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, text

# Not to_regclass: it answers from a cache that is not renewed while we wait for a lock within our transaction.
ONE_OF_OURS = """SELECT EXISTS (
    SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = current_schema() AND relname = 'procrastinate_jobs'
)"""

# For procrastinate's connector, whose placeholders are psycopg's. A job is whose number it bears while it is in work;
# nobody's once that worker's row is gone.
FINISH = """DELETE FROM procrastinate_jobs
    WHERE id = %(job)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM CAST(%(worker)s AS bigint)"""
# By the database's clock, which also says when it is due: that of the machine may be another.
PUT_BACK = """UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1,
    scheduled_at = clock_timestamp() + make_interval(secs => CAST(%(seconds)s AS double precision))
    WHERE id = %(job)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM CAST(%(worker)s AS bigint)"""


def are_kept(connection: Connection) -> bool:
    """Whether the queue's tables have been made here."""
    return bool(connection.execute(text(ONE_OF_OURS)).scalar())


def run_script(connection: Connection, script: str) -> None:
    """Several statements in one; their % is no placeholder."""
    connection.execution_options(no_parameters=True).exec_driver_sql(script)


def place(connection: Connection) -> str:
    """The schema that is ours."""
    return str(connection.execute(text("SELECT current_schema()")).scalar_one())


def waiting(connection: Connection, queue: str, *, begun: bool = True) -> set[tuple[int, int]]:
    """The edition and the number of each slice for which there is a job: to be done, and being done, unless only those
    that have not `begun` are asked for. A job of another kind says nothing."""
    states = ["todo", "doing"] if begun else ["todo"]
    query = text(
        "SELECT args -> 'edition' AS edition, args -> 'slice' AS slice FROM procrastinate_jobs"
        " WHERE queue_name = :queue AND CAST(status AS text) = ANY(:states) AND jsonb_typeof(args) = 'object'"
    )
    rows = connection.execute(query, {"queue": queue, "states": states})
    return {(row.edition, row.slice) for row in rows if type(row.edition) is int and type(row.slice) is int}


def counts(connection: Connection, queue: str) -> dict[str, int]:
    """How many jobs there are to be done (`todo`), and being done (`doing`)."""
    query = text(
        "SELECT CAST(status AS text) AS state, count(*) AS n FROM procrastinate_jobs"
        " WHERE queue_name = :queue GROUP BY status"
    )
    found = {row.state: row.n for row in connection.execute(query, {"queue": queue})}
    return {state: found.get(state, 0) for state in ("todo", "doing")}


def alive(connection: Connection, within: timedelta) -> int:
    """How many workers have given a sign of life since, by the database's clock."""
    query = text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > clock_timestamp() - :within")
    return int(connection.execute(query, {"within": within}).scalar_one())
