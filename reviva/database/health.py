"""What can be asked of a database server about itself; each question is short and reads no table of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import NamedTuple

import peewee
from peewee import Database

from reviva.database.ddl import backend
from reviva.database.fields import read_instant
from reviva.errors import DatabaseUnavailable

TRIED = 262_144
"""Bytes: a few bookings' worth of log."""


class Server(NamedTuple):
    """A database that answered."""

    version: str
    latency_ms: float


def ask(database: Database) -> Server:
    """Its version, and how long the answer took. Raises peewee's errors when it is away."""
    began = perf_counter()
    if backend(database) == "sqlite":
        # With a count, so that the file is read and not only the library asked.
        version, _ = database.execute_sql("SELECT sqlite_version(), COUNT(*) FROM sqlite_master").fetchone()
    else:
        (version,) = database.execute_sql("SHOW server_version").fetchone()
    return Server(str(version).split(" ")[0], round((perf_counter() - began) * 1000, 3))


def refusal_to_write(database: Database) -> str | None:
    """Why nothing can be written; None when it can."""
    if backend(database) == "postgresql":
        standby, read_only = database.execute_sql(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
        ).fetchone()
        if standby:
            return "the server is a standby"
        return "transactions are read-only" if read_only == "on" else None
    try:
        database.begin()
        database.rollback()
    except (peewee.OperationalError, DatabaseUnavailable) as problem:
        return str(problem)
    return None


def refusal_to_grow(folder: Path) -> OSError | None:
    """Why there is no room in a folder for what a write adds to SQLite's log; None where there is.

    Tried, for a quota or a reserve shows in no number; and beside the file, whose log may have room in itself for now.
    """
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(TRIED))
            file.flush()
    except OSError as problem:
        return problem
    return None


def clock_of(database: Database) -> datetime:
    """The time on the database's clock."""
    if backend(database) == "sqlite":
        (text,) = database.execute_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").fetchone()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    (moment,) = database.execute_sql("SELECT clock_timestamp()").fetchone()
    return read_instant(moment)


def replicas(database: Database) -> dict[str, float | None]:
    """Seconds that each replica of a PostgreSQL is behind, by name; None where that can't be seen."""
    if backend(database) == "sqlite":
        return {}
    rows = database.execute_sql(
        "SELECT COALESCE(NULLIF(application_name, ''), pid::text), EXTRACT(EPOCH FROM replay_lag)::float8"
        " FROM pg_stat_replication"
    ).fetchall()
    found: dict[str, float | None] = dict(rows)
    (own,) = database.execute_sql(
        # One that has replayed all it received is not behind, however long nothing was written.
        "SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL"
        " WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
        " ELSE EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())::float8 END"
    ).fetchone()
    return found if own is None else {**found, "this server": own}


def damage(database: Database, *, whole: bool) -> list[str]:
    """What SQLite finds wrong in its file; `whole` compares every index and reference too, which takes longer."""
    if backend(database) == "postgresql":
        return []
    try:
        check = "PRAGMA integrity_check(5)" if whole else "PRAGMA quick_check(5)"
        found = [row[0] for row in database.execute_sql(check).fetchall() if row[0] != "ok"]
        if whole:
            broken = database.execute_sql("PRAGMA foreign_key_check").fetchmany(5)
            found += [f"row {row[1]} of {row[0]} refers to nothing in {row[2]}" for row in broken]
    except peewee.DatabaseError as problem:  # a header so damaged that nothing can be checked
        return [str(problem)]
    return found


def size(database: Database) -> int:
    """Bytes that the database takes."""
    if backend(database) == "sqlite":
        sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        sql = "SELECT pg_database_size(current_database())"
    return int(database.execute_sql(sql).fetchone()[0])


def connections(database: Database) -> tuple[int, int] | None:
    """How many connections a PostgreSQL allows us and how many it has, of everybody; None for SQLite."""
    if backend(database) == "sqlite":
        return None
    allowed, there = database.execute_sql(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
        " (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    ).fetchone()
    return int(allowed), int(there)
