"""Indexes tried on SQLite: in memory, on a copy of the database."""

from __future__ import annotations

import re
import sqlite3

from reviva.database.index_copy_sqlite import Copy
from reviva.database.index_cost_sqlite import Reckoning
from reviva.database.index_plan import GROWN, Plan, folded, runnable

_BY_NAME = re.compile(r" INDEXED BY \w+")
"""An index that a statement insists on may be the one that is missing."""


class SQLiteTrial(Copy):
    """A copy that plans statements."""

    basis = f"a copy in memory with a sample of each table, and statistics as of {GROWN:,} rows where it grows"
    least = 200.0
    entering = 10.0
    making = 0.4

    def plan(self, sql: str) -> Plan | None:
        """None for what is not a statement any more."""
        text = runnable(folded(_BY_NAME.sub("", sql)), "?")
        try:
            steps = self.explained(text)
        except sqlite3.Error:
            return None
        return Reckoning(self, text, steps).plan()
