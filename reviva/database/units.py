"""Units of work that are tried again when the database asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import peewee
import psycopg2

from reviva.database.failures import is_connection_lost, is_rolled_back
from reviva.database.pool import PooledPostgres
from reviva.errors import DatabaseUnavailable
from reviva.retry import delays

Result = TypeVar("Result")


def retrying(database: peewee.Database, work: Callable[[], Result], *, attempts: int = 4) -> Result:
    """Run `work`, an idempotent function that opens its own `database.atomic()`, and return what it returns.

    It is run again, up to `attempts` times in all, after a serialization failure, a deadlock, a busy SQLite, and a
    connection that was lost before COMMIT was sent. What may have been committed is never run again: then, and when the
    connection stays lost, `DatabaseUnavailable` is raised. Inside an open transaction `work` is run once, for only the
    outermost unit can be repeated.
    """
    nested = database.in_transaction()
    pauses = delays(0.02, 1.0)
    while True:
        committed = getattr(database, "commits", 0)
        try:
            return work()
        except (peewee.PeeweeException, psycopg2.Error) as problem:
            attempts -= 1
            lost = is_connection_lost(problem)
            if not lost and not is_rolled_back(problem):
                raise
            if getattr(database, "commits", 0) != committed:
                raise DatabaseUnavailable(
                    "The connection was lost while saving: whether it was saved is not known."
                ) from problem
            if nested or attempts < 1:
                if lost:
                    raise DatabaseUnavailable() from problem
                raise
            if lost and isinstance(database, PooledPostgres) and not database.is_closed():
                database.renew()
        # Outside the handler, so that the failed try's connection and locks are gone while this sleeps.
        time.sleep(next(pauses))
