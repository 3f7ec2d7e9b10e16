"""Puts a backup in the place of the live data, which is kept: everything is verified before anything is touched."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from reviva.database import restore_postgresql, restore_sqlite
from reviva.database.archive import Manifest, Reader
from reviva.database.connection import sqlite_path
from reviva.errors import TransferError


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
        if backend == "sqlite":
            kept = restore_sqlite.put(Path(sqlite_path(url)).resolve(), archive)
        else:
            kept = restore_postgresql.put(url, archive)
        return Restored(archive.manifest, kept)
