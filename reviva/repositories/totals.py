"""How many rows a list has in all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from peewee import Database

from reviva import clock
from reviva.database.statement import Compiled, compile_query

COUNTED = 10_000
"""Up to here a total is of this moment. Beyond, where nobody pages to the end, one may be a minute old: counting a
million rows takes longer than everything else that a list does."""
COUNTED_SEARCHING = 1_000
"""The same where rows are counted by something dearer than an index."""
FRESH_SECONDS = 60.0
MOST_TOTALS = 200
_totals: WeakKeyDictionary[Database, dict[Hashable, tuple[float, int]]] = WeakKeyDictionary()


def total_of(database: Database, build: Callable[[], Any], bound: Mapping[str, Any], most: int) -> int:
    """How many rows there are; where they are more than `most`, or were a minute ago, maybe as of then."""
    compiled, known = compile_query(build(), database), _totals.setdefault(database, {})
    key, now = (compiled.sql, repr(compiled.bind(bound))), clock.monotonic()
    if key in known and now - known[key][0] <= FRESH_SECONDS:
        return known[key][1]
    total = count(database, compiled, bound, f" LIMIT {most + 1}")
    if total > most:
        total = count(database, compiled, bound)
        if len(known) >= MOST_TOTALS:
            known.clear()
        known[key] = now, total
    return total


def count(database: Database, compiled: Compiled, bound: Mapping[str, Any], end: str = "") -> int:
    """How many rows a select has, with `end` behind it."""
    query = f"SELECT COUNT(*) FROM ({compiled.sql}{end}) AS listed"
    return int(database.execute_sql(query, compiled.bind(bound)).fetchone()[0])
