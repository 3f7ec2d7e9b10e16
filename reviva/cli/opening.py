"""What commands that work on a database share."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import click
import peewee
import psycopg2
from peewee import Database

from reviva import config, signing
from reviva.config import Settings
from reviva.database import migration
from reviva.database.connection import connected
from reviva.database.failures import explained
from reviva.errors import RevivaError, TransferError
from reviva.services import Services
from reviva.services.health_checks import RIGHT_KEY, WRONG_KEY


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


def over(settings: Settings, database: Database) -> Services:
    """The services of a command that writes. It warns of a key that is not the database's, as one is made in another
    folder than the server's: what is done under it looks forged."""
    services = Services(settings, database)
    if not services.audit_seal.fits():
        click.echo(f"Warning: {signing.key_of(settings)}: {WRONG_KEY}: {RIGHT_KEY}", err=True)
    return services


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
