"""Moves a whole shop from one database to another, of the same kind or the other, and compares every row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from peewee import Database

from reviva.database import migration
from reviva.database.connection import connected
from reviva.database.sqlite import SQLite
from reviva.database.statistics import analyze
from reviva.database.transfer import End, Progress, Table, Tally, tables
from reviva.database.transfer_postgresql import PostgresEnd
from reviva.database.transfer_sqlite import SQLiteEnd
from reviva.errors import TransferError


def end(database: Database) -> End:
    """A connected database, in a transaction, as an end to copy from or to."""
    return SQLiteEnd(database) if isinstance(database, SQLite) else PostgresEnd(database)


@contextmanager
def snapshot(database: Database) -> Iterator[End]:
    """What a database holds at this moment, whoever writes meanwhile. It stops nobody."""
    deferred = "BEGIN" if isinstance(database, SQLite) else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    database.execute_sql(deferred)
    try:
        yield end(database)
    finally:
        database.execute_sql("ROLLBACK")


def total(source: End, names: list[Table]) -> int:
    """How many rows some tables have in all."""
    return sum(source.count(table) for table in names)


def copy(source_url: str, target_url: str, begin: Progress, progress: Progress) -> dict[str, Tally]:
    """Copies every table in one transaction, reads it back and compares; returns each table's count and checksum.

    `begin` is told how many rows there will be, `progress` each table as its rows come. An empty target is migrated
    first. Raises `TransferError`, and the target is then as empty as it was; `SchemaError` where a schema isn't ours.
    """
    with connected(source_url) as source, connected(target_url, make=True) as target:
        migration.ensure_current(source)
        migration.up(target)
        _refuse_unless_empty(target)
        with snapshot(source) as rows:
            begin("", total(rows, tables()))
            moved = _fill(target, rows, progress)
        analyze(target)
        return moved


def _refuse_unless_empty(target: Database) -> None:
    with target.atomic():
        filled = [table.name for table in tables() if end(target).count(table)]
    if filled:
        raise TransferError(f"The target is not empty: there are rows in {', '.join(filled)}.")


def _fill(target: Database, rows: End, progress: Progress) -> dict[str, Tally]:
    if isinstance(target, SQLite):
        target.pragma("foreign_keys", 0)  # a row may name a later one of its own table; all are checked at the end
    with target.atomic():
        written, moved = end(target), {}
        for table in tables():
            tally = moved[table.name] = Tally()
            written.load(table, tally.through(rows.lines(table), partial(progress, table.name)))
        written.finish()
        if isinstance(target, SQLite) and target.execute_sql("PRAGMA foreign_key_check").fetchone():
            raise TransferError("The source has rows that refer to nothing: `reviva doctor` tells which.")
        for table in tables():
            if Tally().of(written.lines(table)) != moved[table.name]:
                raise TransferError(f"{table.name} differs after it was copied: nothing was kept.")
    return moved
