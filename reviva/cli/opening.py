"""What commands that work on a database share."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import peewee
import psycopg2
from peewee import Database

from reviva import config
from reviva.database import migration
from reviva.database.connection import connected
from reviva.database.failures import explained
from reviva.errors import RevivaError, TransferError


def opened(url: str | None, *, make: bool = False) -> AbstractContextManager[Database]:
    """The database of `--database` or of the settings, connected, without a pool; with `make`, one that may be new.

    Raises `DatabaseUnavailable`.
    """
    return connected(config.load(database_url=url).database_url, make=make)


@contextmanager
def current(url: str | None) -> Iterator[Database]:
    """The same with this program's schema; what goes wrong with it is one line. Raises `SchemaError`."""
    with plainly(), opened(url) as database:
        migration.ensure_current(database)
        yield database


@contextmanager
def plainly() -> Iterator[None]:
    """What goes wrong with the database or a file is one line, and no traceback. Statements may be slow here."""
    monitor = logging.getLogger("reviva.database.monitor")
    level = monitor.level
    monitor.setLevel(logging.ERROR)
    try:
        yield
    except (RevivaError, BrokenPipeError):  # of the latter click knows what to do: whoever read has read enough
        raise
    except (peewee.PeeweeException, psycopg2.Error, sqlite3.Error, OSError) as problem:
        raise TransferError(explained(problem)) from problem
    finally:
        monitor.setLevel(level)
