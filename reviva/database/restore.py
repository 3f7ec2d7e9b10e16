"""Puts a backup in the place of the live data, which is kept: everything is verified before anything is touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import peewee
from peewee import Database

from reviva import clock
from reviva.database import migration
from reviva.database.archive import Manifest, Reader
from reviva.database.connection import connected, sqlite_path
from reviva.database.copy import end, snapshot
from reviva.database.failures import is_rolled_back, sqlstate
from reviva.database.migration_lock import advisory_lock, only_migrator
from reviva.database.scratch import ScratchPostgres
from reviva.database.sqlite import SQLite
from reviva.database.transfer import End, Tally, history, tables
from reviva.database.transfer_postgresql import Pulled
from reviva.database.unfinished import unfinished
from reviva.errors import TransferError
from reviva.models import appendonly
from reviva.retry import delays

SQLITE_MEMBER = "reviva.db"
_KEY = 7_382_842
"""Of PostgreSQL's advisory lock: whoever restores holds it."""
_ASIDE = "reviva_restoring_"
"""How the names of schemas begin that are to become the live one."""
_PATIENCE = 60.0
"""Seconds to wait for the locks that the swap needs."""


class Restored(NamedTuple):
    """What was restored, and where the data are that were live before: a file, a PostgreSQL schema, or nowhere."""

    manifest: Manifest
    kept: str | None


def restore(url: str, path: Path) -> Restored:
    """Replaces the database of a URL by a backup, brought up to this version's schema.

    Raises `TransferError` for a file that is damaged, of a newer version or of the other kind of database, and while a
    server uses the SQLite file; the live data are then untouched.
    """
    with closing(Reader(path)) as archive:
        backend = "sqlite" if url.startswith("sqlite:///") else "postgresql"
        if archive.manifest.backend != backend:
            raise TransferError(
                f"{path} is of {archive.manifest.backend}, and this database is {backend}: restore it into a database "
                "of its own kind, and move that with `reviva copy`."
            )
        kept = _sqlite(Path(sqlite_path(url)).resolve(), archive) if backend == "sqlite" else _postgresql(url, archive)
        return Restored(archive.manifest, kept)


def unlike(database: Database, manifest: Manifest) -> list[str]:
    """The tables of a connected database that are not what the manifest says."""
    if isinstance(database, SQLite) and database.execute_sql("PRAGMA integrity_check").fetchone()[0] != "ok":
        return ["the file"]
    with snapshot(database) as rows:
        return _unlike(rows, manifest)


def _unlike(rows: End, manifest: Manifest) -> list[str]:
    return [
        table.name for table in manifest.named()
        if not manifest.tables[table.name].agrees(Tally().of(rows.lines(table)))
    ]  # fmt: skip


def _refuse(different: list[str]) -> None:
    if different:
        raise TransferError(f"The backup is not what its manifest says: {', '.join(different)} differs.")


def _stamp() -> str:
    return f"{clock.now():%Y%m%d_%H%M%S}"


# --- SQLite: a file beside the live one, which then takes its name


@contextmanager
def sqlite_aside(archive: Reader, path: Path) -> Iterator[Database]:
    """The archive's database at `path`, connected; the file is gone afterwards unless it was moved away."""
    try:
        archive.extract(SQLITE_MEMBER, path)
        with connected(f"sqlite:///{path}") as database:
            yield database
    finally:
        remove_sqlite(path)


def remove_sqlite(path: Path) -> None:
    """Removes a SQLite file and what may stand beside it."""
    for rest in ("", "-wal", "-shm", "-migrating"):
        Path(f"{path}{rest}").unlink(missing_ok=True)


def _sqlite(live: Path, archive: Reader) -> str | None:
    with unfinished(live) as aside, sqlite_aside(archive, aside) as database:
        _refuse(unlike(database, archive.manifest))
        migration.up(database)
        database.execute_sql("PRAGMA journal_mode = delete")  # one file, with nothing beside it
        database.close()
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        return _swap_files(live, aside)


def _swap_files(live: Path, aside: Path) -> str | None:
    if not live.exists():
        os.replace(aside, live)
        return None
    shutil.copymode(live, aside)
    with suppress(PermissionError):
        os.chown(aside, live.stat().st_uid, live.stat().st_gid)  # restored by root, it must still be the server's
    kept = f"{live}.before_{_stamp()}"
    with closing(sqlite3.connect(live, timeout=2, isolation_level=None)) as old:
        _lock_out(old, live)
        # A log that belongs to the old file would be played into the new one.
        for rest in ("-wal", "-shm"):
            if Path(f"{live}{rest}").exists():
                os.replace(f"{live}{rest}", f"{kept}{rest}")
        os.link(live, kept)
        os.replace(aside, live)
    return kept


def _lock_out(old: sqlite3.Connection, live: Path) -> None:
    """Keeps everybody out of the live file, until `old` is closed. A broken file needs no lock: nobody can use it."""
    try:
        old.execute("PRAGMA journal_mode = delete").fetchone()  # refused while anybody else has it open
        old.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as problem:
        raise TransferError(f"{live} is in use: stop the server, then restore again ({problem}).") from problem
    except sqlite3.DatabaseError:
        return


# --- PostgreSQL: a schema beside the live one, whose tables then change places


def load_aside(like: Database, archive: Reader, name: str, *, keep: bool) -> list[str]:
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
            _load(made, archive)
            different = _unlike(rows, archive.manifest)
        except BaseException:
            made.rollback()
            raise
        if keep and not different:
            made.commit()
        else:
            made.rollback()
    return different


def _load(database: Any, archive: Reader) -> None:
    with database.connection().cursor() as cursor:
        for name in archive.manifest.members:
            with archive.open(name) as member:
                if name.startswith("2-"):
                    command = member.readline().decode().rstrip(";\n")
                    cursor.copy_expert(command, Pulled(line for line in member if line != b"\\.\n"))
                else:
                    cursor.execute(member.read().decode())


def _postgresql(url: str, archive: Reader) -> str | None:
    aside = f"{_ASIDE}{uuid.uuid4().hex[:12]}"
    with connected(url) as database, advisory_lock(database, _KEY) as take:
        if not take():
            raise TransferError("Another restore of this database is at work: wait for it, or end it.")
        _remove_left(database)
        _refuse(load_aside(database, archive, aside, keep=True))
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


def _remove_left(database: Database) -> None:
    """Removes what a killed restore has left: a copy of the whole shop. Nobody else is at work on one now."""
    find = f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{_ASIDE}')"
    for (left,) in database.execute_sql(find).fetchall():
        database.execute_sql(f'DROP SCHEMA "{left}" CASCADE')


def _swap_schemas(database: Database, aside: str) -> str | None:
    kept, pauses, until = f"reviva_before_{_stamp()}", delays(0.1, 2.0), clock.monotonic() + _PATIENCE
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
