"""What was asked of a database, as far as its statements were counted, and what is known of the tables they read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta

from peewee import Database

from reviva import clock
from reviva.database import index_catalog
from reviva.database.index_catalog import LiveIndex
from reviva.database.index_plan import Plan
from reviva.database.index_uses import read
from reviva.database.statement import Row
from reviva.repositories.statement import StatementRepository

MOST_STATEMENTS = 500
"""Those that took the most time; so many are planned."""
SELDOM = 0.0001
"""What a statement costs counts only if it makes up this part of all that was asked."""
CHANGED = 0.1
"""A table of which this part was written meanwhile is one that grows, even where no INSERT is counted: those that wait
for their COMMIT are not."""

_WRITES = re.compile(r'(?:(?P<adds>INSERT (?:OR IGNORE )?INTO)|UPDATE) "?(?P<table>\w+)')


@dataclass(slots=True)
class Asked:
    """One statement of the workload, its plan as things are, and the tables it reads."""

    sql: str
    calls: int
    tables: frozenset[str]
    before: Plan | None = None
    after: Plan | None = None
    weight: float = 0.0
    """How much what it costs counts."""


@dataclass(slots=True)
class Findings:
    """What is known of a database while it is looked at."""

    rows: dict[str, int]
    live: list[LiveIndex]
    references: list[tuple[str, str, str]]
    asked: list[Asked]
    written: dict[str, int] = field(default_factory=dict)
    """Rows written by table …"""
    growing: set[str] = field(default_factory=set)
    """… and the tables that there will be more in: a catalog that is hardly ever changed stays as it is."""
    watched: timedelta = timedelta(0)


def look(database: Database) -> Findings:
    """What is to be known before anything is tried: nothing is planned yet."""
    stored = StatementRepository(database).all()
    calls: dict[str, Row] = {}
    for row in stored:
        known = calls.setdefault(row["statement"], {"calls": 0, "seconds": 0.0, "rows": 0})
        for name in known:
            known[name] += row[name]
    found = Findings(
        index_catalog.tables(database), index_catalog.indexes(database),
        index_catalog.referrers(database), [],
    )  # fmt: skip
    if stored:
        found.watched = clock.now() - min(row["since"] for row in stored)
    _changes(calls, found)
    for sql, counts in sorted(calls.items(), key=lambda each: -each[1]["seconds"])[:MOST_STATEMENTS]:
        if reads := _read_by(sql):
            found.asked.append(Asked(reads, counts["calls"], frozenset(read(reads).uses)))
        if sql.startswith("DELETE FROM"):
            found.asked += _references(sql, counts["rows"], found)
    seldom = SELDOM * sum(counts["calls"] for counts in calls.values())
    for asked in found.asked:
        asked.weight = asked.weight or (asked.calls if asked.calls >= seldom else 0.0)
    return found


def _changes(calls: dict[str, Row], found: Findings) -> None:
    """Tells what is written, from all statements that were counted."""
    added = set()
    for sql, counts in calls.items():
        if match := _WRITES.match(sql):
            table = match["table"]
            found.written[table] = found.written.get(table, 0) + max(counts["rows"], 0)
            if match["adds"]:
                added.add(table)
    changed = {table for table, rows in found.written.items() if rows >= CHANGED * found.rows.get(table, 0)}
    found.growing = added | changed


def _read_by(sql: str) -> str:
    """What a statement reads by: of an INSERT its SELECT. Empty for none."""
    if not sql.startswith("INSERT"):
        return sql
    return "SELECT " + sql.partition(") SELECT ")[2] if ") SELECT " in sql else ""


def _references(sql: str, rows: int, found: Findings) -> list[Asked]:
    """What a DELETE makes the database look for by itself, in each table that refers to the one it empties.

    It counts however seldom it is: the row's locks are held meanwhile.
    """
    emptied = next(iter(read(sql).uses), "")
    mark = "%s" if "%s" in sql else "?"
    sought = f'SELECT 1 FROM "{{}}" AS "t1" WHERE ("t1"."{{}}" = {mark})'
    return [
        Asked(sought.format(table, column), rows, frozenset({table}), weight=math.inf)
        for table, column, other in found.references
        if other == emptied and rows
    ]
