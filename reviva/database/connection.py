"""One way to open either database from a URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import peewee
from peewee import Database

from reviva.config import Settings
from reviva.database.failures import explained
from reviva.database.pool import PooledPostgres
from reviva.database.postgres import Postgres
from reviva.database.sqlite import KeptSQLite, SQLite
from reviva.errors import DatabaseUnavailable, SettingError


def open_database(url: str) -> Database:
    """A database, not yet connected, for `sqlite:///path` (four slashes: an absolute one) or a `postgresql://` URL.

    Raises `SettingError` for a URL of another kind or a folder that does not exist.
    """
    if url.startswith("sqlite:///"):
        return SQLite(sqlite_path(url))
    return Postgres(postgres_url(url), autoconnect=False)


def open_pool(settings: Settings) -> Database:
    """The database of the settings for a process that serves: connections are kept and lent. Nothing is opened yet."""
    url, most, patience = settings.database_url, settings.pool_max, settings.pool_timeout
    if url.startswith("sqlite:///"):
        kept: type[Any] = KeptSQLite
        return cast(Database, kept(sqlite_path(url), max_connections=most, timeout=patience))
    return PooledPostgres(
        postgres_url(url), minimum=settings.pool_min, maximum=most, timeout=patience,
        health_interval=settings.health_interval,
    )  # fmt: skip


def begin(database: Database) -> None:
    """Lets a pool keep its connections, in the process that uses it; a database of another kind needs nothing."""
    if isinstance(database, PooledPostgres):
        database.start()


def hurry(database: Database) -> None:
    """Lets nobody wait any more for a database that is away: the process ends, and what it leaves is done later."""
    if isinstance(database, PooledPostgres):
        database.hurry()


def end(database: Database) -> None:
    """Closes the connections that are kept."""
    if isinstance(database, PooledPostgres | KeptSQLite):
        database.stop()


def sqlite_path(url: str) -> str:
    """The file of a SQLite URL. Raises `SettingError` where its folder does not exist."""
    path = unquote(url.removeprefix("sqlite:///"))
    if path != ":memory:" and not Path(path).absolute().parent.is_dir():
        raise SettingError(f"REVIVA_DATABASE_URL: the folder of {path} does not exist")
    return path


def postgres_url(url: str) -> str:
    """A PostgreSQL URL in the form that libpq takes. Raises `SettingError`."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingError("REVIVA_DATABASE_URL: must start with sqlite:/// or postgresql://")
    return "postgresql://" + url.split("://", 1)[1]


def refuse_missing(database: Database) -> None:
    """Raises `DatabaseUnavailable` where SQLite would make a file: whoever reads would find it empty."""
    if isinstance(database, SQLite) and database.path != ":memory:" and not Path(database.path).exists():
        raise DatabaseUnavailable(
            f"There is no file {database.path}: name the database that is there, or run `reviva migrate` to make one."
        )


@contextmanager
def connected(url: str, *, make: bool = False) -> Iterator[Database]:
    """The database of a URL for the time of a block, without a pool; with `make`, SQLite's file may be a new one.

    Raises `DatabaseUnavailable`.
    """
    database = open_database(url)
    if not make:
        refuse_missing(database)
    try:
        database.connect()
    except peewee.PeeweeException as problem:
        raise DatabaseUnavailable(f"The database can't be opened: {explained(problem)}") from problem
    with closing(database):
        yield database
