"""Where indexes are tried without making them: the planner is asked, nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database

from reviva.database import index_trial_postgres
from reviva.database.ddl import backend
from reviva.database.index_plan import Trial
from reviva.database.index_trial_sqlite import SQLiteTrial


@contextmanager
def trial(database: Database, rows: dict[str, int], judged: dict[str, int], wanted: set[str]) -> Iterator[Trial]:
    """A trial for some tables of a connected database; how many `rows` each has, and at how many it is `judged`."""
    if backend(database) == "sqlite":
        yield SQLiteTrial(database, rows, judged, wanted)
    else:
        with index_trial_postgres.trial(database, rows, judged, wanted) as made:
            yield made
