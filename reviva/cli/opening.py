"""A database for the time of one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import peewee
from peewee import Database

from reviva import config
from reviva.database.connection import open_database
from reviva.errors import DatabaseUnavailable


@contextmanager
def opened(url: str | None) -> Iterator[Database]:
    """The database of `--database` or of the settings, connected, without a pool.

    Raises `DatabaseUnavailable` in one line where it can't be reached.
    """
    database = open_database(config.load(database_url=url).database_url)
    try:
        database.connect()
    except peewee.PeeweeException as problem:
        raise DatabaseUnavailable(f"The database can't be opened: {' '.join(str(problem).split())}") from problem
    try:
        yield database
    finally:
        database.close()
