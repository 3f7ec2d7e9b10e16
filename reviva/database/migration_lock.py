"""One migrator at a time, whatever process or machine it runs on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from peewee import Database

from reviva import clock
from reviva.database import file_lock
from reviva.database.sqlite import SQLite
from reviva.errors import SchemaError
from reviva.retry import delays

PATIENCE = 600.0
"""Seconds to wait for another migrator."""

_KEY = 7_382_841
"""Of PostgreSQL's advisory lock: any number that nothing else in the database uses."""


@contextmanager
def only_migrator(database: Database, patience: float = PATIENCE) -> Iterator[None]:
    """While this holds, no other process migrates this database. Raises `SchemaError` after `patience` seconds."""
    if isinstance(database, SQLite):
        with _file_lock(database, patience):
            yield
    else:
        with advisory_lock(database, _KEY) as take:
            _wait(take, patience)
            yield


@contextmanager
def _file_lock(database: SQLite, patience: float) -> Iterator[None]:
    if database.path == ":memory:":
        yield
        return
    # A file of its own: closing a second descriptor of the database would drop SQLite's locks on it. It stays, since
    # whoever removed it might take it from under a third process.
    with open(f"{database.path}-migrating", "w") as file:
        _wait(lambda: file_lock.take(file), patience)
        yield


@contextmanager
def advisory_lock(database: Database, key: int) -> Iterator[Callable[[], bool]]:
    """Tries to take a lock on PostgreSQL, which then lasts as long as the block.

    Held by a transaction on a connection of its own, so that PgBouncer keeps that connection for us alone.
    """
    with closing(connection_like(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

        def take() -> bool:
            # Tried, not waited for: who waits inside a statement holds a snapshot, and the other's CREATE INDEX
            # CONCURRENTLY would wait for that in turn.
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,))
            return bool(cursor.fetchone()[0])

        yield take


def connection_like(database: Database) -> Any:
    """Another psycopg2 connection to where this database is connected to."""
    connection = database.connection()
    return psycopg2.connect(**connection.get_dsn_parameters(), password=connection.info.password)


def _wait(taken: Callable[[], bool], patience: float) -> None:
    pauses, until = delays(0.05, 1.0), clock.monotonic() + patience
    while not taken():
        if clock.monotonic() > until:
            raise SchemaError("Another process is still migrating this database: wait for it, or end it.")
        time.sleep(next(pauses))
