"""A consistent copy of a running shop in one file, tried out before it is called good."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from peewee import Database, SchemaManager

from reviva import clock
from reviva.database import migration, restore_postgresql, restore_sqlite, schema
from reviva.database.archive import Manifest, Reader, Writer
from reviva.database.archive_check import unlike
from reviva.database.connection import connected
from reviva.database.copy import snapshot, total
from reviva.database.scratch import offline
from reviva.database.sqlite import SQLite
from reviva.database.transfer import Progress, Table, Tally, history, tables
from reviva.database.transfer_postgresql import PostgresEnd
from reviva.database.unfinished import unfinished
from reviva.errors import TransferError

_PAGES = 2000


def backup(url: str, path: Path, begin: Progress, progress: Progress) -> Manifest:
    """Saves the database of a URL to `path`, while others write to it; returns what was saved.

    The file has its name only once it was restored into a scratch place and every row was compared. Raises
    `TransferError`, also where the file exists.
    """
    if path.exists():
        raise TransferError(f"{path} exists already: nothing was written.")
    if not path.absolute().parent.is_dir():
        raise TransferError(f"The folder of {path} does not exist.")
    with connected(url) as database, unfinished(path) as part:
        migration.ensure_current(database)
        save = _sqlite if isinstance(database, SQLite) else _postgresql
        with Writer(part) as writer:
            described = save(database, writer, part, begin, progress)
            names = [step.name for step in migration.status(database)]
            writer.finish({"made_at": clock.rfc3339(clock.now()), "migrations": names, **described})
        manifest = _try_out(database, part)
        os.replace(part, path)
        _sync_folder(path)
    return manifest


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _described(table: Table, tally: Tally) -> Mapping[str, Any]:
    return {"columns": table.columns, "rows": tally.rows, "checksum": tally.checksum}


def _sqlite(database: Database, writer: Writer, part: Path, begin: Progress, progress: Progress) -> Mapping[str, Any]:
    copied = Path(f"{part}.db")
    try:
        _copy_online(database, copied)
        with closing(sqlite3.connect(copied)) as plain:
            # One file that stands alone, without the free pages, in which removed rows could still be read.
            plain.execute("PRAGMA journal_mode = delete")
            plain.execute("VACUUM")
        with connected(f"sqlite:///{copied}") as still, snapshot(still) as rows:
            begin("", total(rows, _saved()))
            described = {
                table.name: _described(table, _tallied(rows.lines(table), table, progress)) for table in _saved()
            }
        with closing(sqlite3.connect(copied)) as plain:
            plain.execute("PRAGMA journal_mode = delete")
        with writer.member(restore_sqlite.MEMBER) as member, copied.open("rb") as file:
            while piece := file.read(1 << 20):
                member.write(piece)
    finally:
        restore_sqlite.remove(copied)
    return {"backend": "sqlite", "server": sqlite3.sqlite_version, "tables": described}


def _copy_online(database: Database, target: Path) -> None:
    target.touch(0o600)  # there is personal data in it
    with snapshot(database) as rows, closing(sqlite3.connect(target)) as copied:
        rows.count(history())  # a first read: from now on this connection sees the database as it is at this moment
        connection: Any = database.connection()
        connection.backup(copied, pages=_PAGES)


def _tallied(lines: Iterator[bytes], table: Table, progress: Progress) -> Tally:
    tally = Tally()
    for _ in tally.through(lines, partial(progress, table.name)):
        pass
    return tally


def _postgresql(
    database: Database, writer: Writer, part: Path, begin: Progress, progress: Progress
) -> Mapping[str, Any]:
    """Plain SQL in three parts, that `unzip -p FILE '*.sql' | psql -1 DATABASE` loads as well."""
    made, described = _statements(), {}
    with snapshot(database) as rows:
        assert isinstance(rows, PostgresEnd)
        begin("", total(rows, _saved()))
        with writer.member("1-tables.sql") as member:
            member.write(_sql(["SET client_encoding = 'UTF8'", *(text for text in made if _makes_table(text))]))
        for table in _saved():
            tally = Tally()
            with writer.member(f"2-{table.name}.sql") as member:
                member.write(f'COPY "{table.name}" ({table.listed}) FROM stdin;\n'.encode())
                for line in tally.through(rows.lines(table), partial(progress, table.name)):
                    member.write(line)
                member.write(b"\\.\n")
            described[table.name] = _described(table, tally)
        with writer.member("3-indexes.sql") as member:
            member.write(_sql([text for text in made if not _makes_table(text)] + rows.sequences()))
        version = database.execute_sql("SHOW server_version").fetchone()[0]
    return {"backend": "postgresql", "server": version, "tables": described}


def _saved() -> list[Table]:
    return [*tables(), history()]


def _statements() -> list[str]:
    made = offline("postgresql")
    schema.create(made)
    SchemaManager(migration.Applied, made).create_table(safe=False)
    texts: list[str] = made.texts
    return texts


def _makes_table(text: str) -> bool:
    return text.startswith("CREATE TABLE")


def _sql(statements: list[str]) -> bytes:
    return "".join(f"{text};\n" for text in statements).encode()


def _try_out(database: Database, part: Path) -> Manifest:
    """Restores the archive where nobody sees it, and compares."""
    with closing(Reader(part)) as archive:
        if isinstance(database, SQLite):
            with restore_sqlite.extracted(archive, Path(f"{part}.db")) as scratch:
                different = unlike(scratch, archive.manifest)
        else:
            different = restore_postgresql.load(database, archive, f"reviva_trial_{uuid.uuid4().hex}", keep=False)
        if different:
            raise TransferError(f"The backup could not be restored, and was not kept: {', '.join(different)} differs.")
        return archive.manifest
