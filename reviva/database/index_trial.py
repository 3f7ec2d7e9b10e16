"""Where indexes are tried without making them: the planner is asked, nobody else notices."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager

from peewee import Database

from reviva.database import index_trial_postgres
from reviva.database.ddl import backend
from reviva.database.index_plan import Trial
from reviva.database.index_trial_sqlite import SQLiteTrial


@contextmanager
def trial(database: Database, rows: dict[str, int], wanted: set[str], growing: Container[str] = ()) -> Iterator[Trial]:
    """A trial for some tables of a connected database; `rows` says how many rows each has, `growing` which get more."""
    if backend(database) == "sqlite":
        yield SQLiteTrial(database, rows, wanted, growing)
    else:
        with index_trial_postgres.trial(database, rows, wanted, growing) as made:
            yield made
