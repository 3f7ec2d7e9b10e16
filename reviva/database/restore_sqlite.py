"""A restore on SQLite: a file beside the live one, which then takes its name."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from peewee import Database

from reviva import clock
from reviva.database import migration
from reviva.database.archive import Reader
from reviva.database.archive_check import refuse, unlike
from reviva.database.connection import connected
from reviva.database.unfinished import unfinished
from reviva.errors import TransferError

MEMBER = "reviva.db"
"""What the database is called in an archive."""


def put(live: Path, archive: Reader) -> str | None:
    """Puts the archive's database in the place of the live file; returns what that is called now, if there was one.

    Raises `TransferError`.
    """
    with unfinished(live) as aside, extracted(archive, aside) as database:
        refuse(unlike(database, archive.manifest))
        migration.up(database)
        database.execute_sql("PRAGMA journal_mode = delete")  # one file, with nothing beside it
        database.close()
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        return _swap(live, aside)


@contextmanager
def extracted(archive: Reader, path: Path) -> Iterator[Database]:
    """The archive's database at `path`, connected; the file is gone afterwards unless it was moved away."""
    try:
        archive.extract(MEMBER, path)
        with connected(f"sqlite:///{path}") as database:
            yield database
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Removes a SQLite file and what may stand beside it."""
    for rest in ("", "-wal", "-shm", "-migrating"):
        Path(f"{path}{rest}").unlink(missing_ok=True)


def _swap(live: Path, aside: Path) -> str | None:
    if not live.exists():
        os.replace(aside, live)
        return None
    shutil.copymode(live, aside)
    with suppress(PermissionError):
        os.chown(aside, live.stat().st_uid, live.stat().st_gid)  # restored by root, it must still be the server's
    kept = f"{live}.before_{clock.now():%Y%m%d_%H%M%S}"
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
