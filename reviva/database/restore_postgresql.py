"""A restore on PostgreSQL: a schema beside the live one, whose tables then change places."""

from __future__ import annotations

import time
import uuid
from typing import Any

import peewee
from peewee import Database

from reviva import clock
from reviva.database import migration
from reviva.database.archive import Reader
from reviva.database.archive_check import differing, refuse
from reviva.database.connection import connected
from reviva.database.copy import end
from reviva.database.failures import is_rolled_back, sqlstate
from reviva.database.migration_lock import advisory_lock, only_migrator
from reviva.database.scratch import ScratchPostgres
from reviva.database.transfer import history, tables
from reviva.database.transfer_postgresql import Pulled
from reviva.errors import TransferError
from reviva.models import appendonly
from reviva.retry import delays

_KEY = 7_382_842
"""Of PostgreSQL's advisory lock: whoever restores holds it."""
_ASIDE = "reviva_restoring_"
"""How the names of schemas begin that are to become the live one."""
_PATIENCE = 60.0
"""Seconds to wait for the locks that the swap needs."""


def put(url: str, archive: Reader) -> str | None:
    """Puts the archive's tables in the place of the live ones; returns the schema that keeps those, if there were any.

    Raises `TransferError`.
    """
    aside = f"{_ASIDE}{uuid.uuid4().hex[:12]}"
    with connected(url) as database, advisory_lock(database, _KEY) as take:
        if not take():
            raise TransferError("Another restore of this database is at work: wait for it, or end it.")
        _remove_left(database)
        refuse(load(database, archive, aside, keep=True))
        try:
            loaded = ScratchPostgres(database)
            with loaded.connection_context():
                loaded.execute_sql(f"SET search_path TO {aside}")
                migration.up(loaded)
                loaded.execute_sql("ANALYZE")
            return _swap_schemas(database, aside)
        except BaseException:
            database.execute_sql(f"DROP SCHEMA IF EXISTS {aside} CASCADE")
            raise


def load(like: Database, archive: Reader, name: str, *, keep: bool) -> list[str]:
    """Loads the archive into a new schema of a connected database, in one transaction, and compares.

    Returns the tables that differ. The schema stays if it is to be kept and nothing differs.
    """
    made = ScratchPostgres(like)
    with made.connection_context():
        made.begin()
        try:
            made.execute_sql(f"CREATE SCHEMA {name}")
            made.execute_sql(f"SET LOCAL search_path TO {name}")
            rows = end(made)
            _fill(made, archive)
            different = differing(rows, archive.manifest)
        except BaseException:
            made.rollback()
            raise
        if keep and not different:
            made.commit()
        else:
            made.rollback()
    return different


def _fill(database: Any, archive: Reader) -> None:
    with database.connection().cursor() as cursor:
        for name in archive.manifest.members:
            with archive.open(name) as member:
                if name.startswith("2-"):
                    command = member.readline().decode().rstrip(";\n")
                    cursor.copy_expert(command, Pulled(line for line in member if line != b"\\.\n"))
                else:
                    cursor.execute(member.read().decode())


def _remove_left(database: Database) -> None:
    """Removes what a killed restore has left: a copy of the whole shop. Nobody else is at work on one now."""
    find = f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{_ASIDE}')"
    for (left,) in database.execute_sql(find).fetchall():
        database.execute_sql(f'DROP SCHEMA "{left}" CASCADE')


def _swap_schemas(database: Database, aside: str) -> str | None:
    kept = f"reviva_before_{clock.now():%Y%m%d_%H%M%S}"
    pauses, until = delays(0.1, 2.0), clock.monotonic() + _PATIENCE
    with only_migrator(database):
        while True:
            try:
                with database.atomic():
                    return _swap(database, aside, kept)
            except peewee.PeeweeException as problem:
                blocked = is_rolled_back(problem) or sqlstate(problem) == "55P03"  # lock_not_available
                if not blocked or clock.monotonic() > until:
                    raise
            time.sleep(next(pauses))


def _swap(database: Database, aside: str, kept: str) -> str | None:
    database.execute_sql("SET LOCAL lock_timeout = '3s'")
    home = database.execute_sql("SELECT current_schema()").fetchone()[0]
    ours = [table.name for table in (*tables(), history()) if table.name in database.get_tables(home)]
    if ours:
        database.execute_sql(f"CREATE SCHEMA {kept}")
        _move(database, home, kept, ours)
    _move(database, aside, home, database.get_tables(aside))
    database.execute_sql(f"DROP SCHEMA {aside}")
    return kept if ours else None


def _move(database: Database, source: str, target: str, names: list[str]) -> None:
    """Tables with their indexes, constraints, triggers and sequences, and the triggers' functions."""
    for name in names:
        database.execute_sql(f'ALTER TABLE "{source}"."{name}" SET SCHEMA "{target}"')
        if name in appendonly.GUARDED:
            database.execute_sql(f'ALTER FUNCTION "{source}"."{name}_append_only"() SET SCHEMA "{target}"')
