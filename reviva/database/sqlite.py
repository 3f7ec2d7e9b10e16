"""SQLite as a server uses it: WAL, one writer at a time, bounded waits."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Any, Final

import peewee
from peewee import SqliteDatabase
from playhouse.pool import MaxConnectionsExceeded, PooledSqliteDatabase

from reviva import clock
from reviva.database.monitored import MonitoredSQLite
from reviva.database.pool_statistics import PoolNumbers
from reviva.errors import DatabaseUnavailable, PoolExhausted, SettingError
from reviva.retry import delays

PRAGMAS: Final = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "cache_size": -8_000,  # KiB for each connection; what is not in it the system still has in memory
    "synchronous": "full",  # an acknowledged booking survives a power cut
    "temp_store": "memory",
    "secure_delete": 1,  # who was erased must not be readable in the file's free space
}
OLDEST: Final = (3, 37, 0)
"""The first with STRICT tables."""

PATIENCE: Final = 5.0
"""Seconds that a writer waits for the others, of this process and of the rest."""
SPIN: Final = 0.05
"""Seconds for which SQLite itself waits for a lock: it stops every greenlet meanwhile, so the rest is slept."""


class SQLite(MonitoredSQLite, SqliteDatabase):
    """Every transaction is IMMEDIATE, and a lock keeps the process's writers in line: none fails in its middle."""

    field_types = {**SqliteDatabase.field_types, "UTC": "TEXT", "DATE": "TEXT", "FLOAT": "REAL"}

    def __init__(self, path: str, **kwargs: Any) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise SettingError(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
        super().__init__(
            path, pragmas=PRAGMAS, timeout=SPIN, lock_type="IMMEDIATE",
            returning_clause=True, autoconnect=False, check_same_thread=False, **kwargs,
        )  # fmt: skip
        self.path = path
        self._writer = threading.RLock()

    def _connect(self) -> Any:
        """Raises sqlite3.DatabaseError for a file whose very schema is damaged."""
        if self.path != ":memory:":
            with suppress(OSError):  # there already; or else SQLite says what is wrong
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # not for others to read
        peewee_own: Any = super()
        try:
            return peewee_own._connect()
        except UnicodeDecodeError as problem:  # Python's driver, reading SQLite's complaint
            raise sqlite3.DatabaseError("the file is damaged: its schema can't be read") from problem

    def begin(self, lock_type: str | None = None) -> None:
        """Waits for its turn to write. Raises `DatabaseUnavailable` when it does not come in time."""
        until = clock.monotonic() + PATIENCE
        if not self._writer.acquire(timeout=PATIENCE):
            raise DatabaseUnavailable("The database is busy.")
        try:
            for pause in delays(0.002, 0.1):
                try:
                    return super().begin(lock_type)
                except peewee.OperationalError as problem:
                    if "locked" not in str(problem):
                        raise
                    if clock.monotonic() > until:
                        raise DatabaseUnavailable("The database is locked by another program.") from problem
                time.sleep(pause)
        except BaseException:
            self._writer.release()
            raise

    def commit(self) -> None:
        """Where this fails, peewee rolls back, which lets the next writer in."""
        super().commit()
        self._writer.release()

    def rollback(self) -> None:
        """Where a full disk has made SQLite roll back by itself, there is nothing left to do."""
        try:
            own: Any = super()
            if own.connection().in_transaction:
                own.rollback()
        finally:
            self._writer.release()


class KeptSQLite(PooledSqliteDatabase, SQLite):  # type: ignore[misc]  # the two agree, the stubs of `init` do not
    """The same with its connections kept open: a new one would begin with a cold cache for each request."""

    def __init__(self, path: str, *, max_connections: int, timeout: float) -> None:
        """`timeout` is how many seconds a connection is waited for."""
        pool: Any = super()
        pool.__init__(path, max_connections=max_connections)
        # Not as arguments: peewee's pool takes SQLite's own timeout for its own, rounds it to whole seconds, and reads
        # 0 as "for ever", while SQLite gets its default of 5 s, in which the whole process stands still.
        self._wait_timeout, self._timeout = timeout, SPIN

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Raises `PoolExhausted` where none becomes free in time."""
        try:
            pool: Any = super()
            return bool(pool.connect(reuse_if_open))
        except MaxConnectionsExceeded as problem:
            raise PoolExhausted() from problem

    def stop(self) -> None:
        """Closes all. Whichever process does so last puts what is in the log beside the file into it."""
        self.close_all()  # type: ignore[no-untyped-call]  # peewee's own lack

    def statistics(self) -> PoolNumbers:
        """How many connections there are, and may be; nobody queues for one."""
        in_use, idle = len(self._in_use), len(self._connections)
        most = int(self._max_connections)
        return PoolNumbers(min=0, max=most, open=in_use + idle, in_use=in_use, idle=idle, waiting=0)
