"""One way to open either database from a URL."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from peewee import Database, PostgresqlDatabase, SqliteDatabase

from reviva.database.monitored import Monitored, MonitoredSQLite
from reviva.errors import SettingError

PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "synchronous": "full",  # an acknowledged booking survives a power cut
    "cache_size": -32_000,
    "temp_store": "memory",
}
OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""


class SQLite(MonitoredSQLite, SqliteDatabase):
    """SQLite in WAL mode. Every transaction is IMMEDIATE, and one lock keeps the process's writers in line."""

    field_types = {**SqliteDatabase.field_types, "UTC": "TEXT", "DATE": "TEXT", "FLOAT": "REAL"}

    def __init__(self, path: str, **kwargs: Any) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise SettingError(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
        super().__init__(
            path, pragmas=PRAGMAS, timeout=2, lock_type="IMMEDIATE", returning_clause=True, autoconnect=False, **kwargs
        )
        self.path = path
        self.writer = threading.RLock()

    def begin(self, lock_type: str | None = None) -> None:
        self.writer.acquire()
        try:
            super().begin(lock_type)
        except BaseException:
            self.writer.release()
            raise

    def commit(self) -> None:
        super().commit()
        self.writer.release()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.writer.release()


class Postgres(Monitored, PostgresqlDatabase):
    """PostgreSQL without a pool: for commands that need one connection."""

    field_types = {**PostgresqlDatabase.field_types, "UTC": "TIMESTAMPTZ", "TEXT": 'TEXT COLLATE "C"'}
    """Text is ordered by code point, as on SQLite, whatever the server's locale is."""


def open_database(url: str) -> Database:
    """A database, not yet connected, for `sqlite:///path` (four slashes: an absolute one) or a `postgresql://` URL.

    Raises `SettingError` for a URL of another kind or a folder that does not exist.
    """
    if url.startswith("sqlite:///"):
        path = unquote(url.removeprefix("sqlite:///"))
        if path != ":memory:" and not Path(path).absolute().parent.is_dir():
            raise SettingError(f"REVIVA_DATABASE_URL: the folder of {path} does not exist")
        return SQLite(path)
    if url.startswith(("postgresql://", "postgres://")):
        return Postgres("postgresql://" + url.split("://", 1)[1], autoconnect=False)
    raise SettingError("REVIVA_DATABASE_URL: must start with sqlite:/// or postgresql://")
