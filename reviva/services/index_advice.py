"""Which indexes are missing, never used, or there twice: from the statements that ran, confirmed by the planner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from peewee import Database

from reviva.database import index_catalog
from reviva.database.ddl import backend
from reviva.database.index_catalog import LiveIndex
from reviva.database.index_plan import FEW_ROWS
from reviva.database.index_trial import trial
from reviva.database.monitor import unmeasured
from reviva.database.statement import Row
from reviva.services.index_item import item
from reviva.services.index_missing import Missing
from reviva.services.index_workload import Findings, look

SOME_ROWS = 2500
"""In a table of fewer rows an index may rightly go unused, and none is in the way."""
WATCHED = timedelta(days=7)
"""So long statements must have been counted before an index is called unused."""


class IndexAdvice:
    def __init__(self, database: Database) -> None:
        self.database = database

    def recommendations(self) -> list[Row]:
        """Items of `kind` missing, unused or duplicate; see `item` for the rest. Needs a connection, no transaction."""
        with unmeasured():
            found = look(self.database)
            large = {table for table, rows in found.rows.items() if rows >= FEW_ROWS}
            wanted = {table for asked in found.asked if asked.tables & large for table in asked.tables}
            missing: list[Row] = []
            if wanted:
                with trial(self.database, found.rows, wanted, found.growing) as place:
                    for asked in found.asked:
                        asked.before = asked.after = place.plan(asked.sql) if asked.tables <= wanted else None
                    missing = Missing(place, found, large).items(self._concurrently)
            return [*missing, *self._unused(found), *self._duplicates(found)]

    @property
    def _concurrently(self) -> bool:
        return backend(self.database) == "postgresql"

    def _unused(self, found: Findings) -> Iterable[Row]:
        """Never those that keep a constraint, or that a foreign key's ON DELETE looks into."""
        if found.watched < WATCHED:
            return
        used = {name for asked in found.asked if asked.before for name in asked.before.indexes}
        unclear = {table for asked in found.asked if asked.before is None for table in asked.tables}
        scans = index_catalog.scans(self.database)
        keys = {(table, column) for table, column, _ in found.references}
        for index in found.live:
            leads = (index.table, index.columns[0])
            if index.unique or scans.get(index.name) or leads in keys or index.name in used or index.table in unclear:
                continue
            if found.rows.get(index.table, 0) >= SOME_ROWS:
                days = f"in {found.watched.days} days"
                yield item(
                    "unused", index.table, index.columns, self._drop(index), found,
                    reason=f"no statement {days} used {index.name}, and each row written must be entered into it",
                )  # fmt: skip

    def _duplicates(self, found: Findings) -> Iterable[Row]:
        for index in found.live:
            for other in found.live:
                if _covers(other, index):
                    yield item(
                        "duplicate", index.table, index.columns, self._drop(index), found,
                        reason=f"{other.name} ({', '.join(other.columns)}) does all that {index.name} does",
                    )  # fmt: skip
                    break

    def _drop(self, index: LiveIndex) -> str:
        return f"DROP INDEX {'CONCURRENTLY ' * self._concurrently}{index.name}"


def _covers(other: LiveIndex, index: LiveIndex) -> bool:
    """Whether `index` could go because of `other`. Of two equal ones the later name goes."""
    if other is index or other.table != index.table or (other.where, other.method) != (index.where, index.method):
        return False
    if index.unique or other.columns[: len(index.columns)] != index.columns:
        return False
    return len(other.columns) > len(index.columns) or other.unique or other.name < index.name
