"""Pages of a sorted list: by cursor (keyset) or by number, the same for every list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

from peewee import Database

from reviva.database.statement import Row, compile_query
from reviva.paging import ListQuery, Page
from reviva.repositories.found import Found, Walk
from reviva.repositories.listing import composed
from reviva.repositories.sorting import Key, read_cursor, write_cursor
from reviva.repositories.totals import COUNTED, COUNTED_SEARCHING, count, total_of

MOST = 200
"""The largest page: kept here, so that no caller can forget it."""


def fetch(
    database: Database,
    build: Callable[[], Any],
    keys: Sequence[Key],
    wanted: ListQuery,
    values: Mapping[str, Any] | None = None,
    shape: Hashable = None,
    counted: Callable[[], Any] | None = None,
    branches: Sequence[Any] = (),
    searched: Found | None = None,
) -> Page[Row]:
    """One page of the select that `build` makes, with `values` for its parameters.

    A `shape` that tells this select from all others lets its statements be compiled once and kept, but for those of a
    search. `counted` makes a select of as many rows, for the total, where there is a better one. `branches` are
    conditions of which each row meets one: an index that begins with what they tell apart gives each branch in order,
    not all. What is `searched` for is all collected and sorted, but where a page is likely filled in a quicker way.
    """
    limit = max(1, min(wanted.limit, MOST))
    numbered = wanted.page is not None
    start = read_cursor(wanted.after, keys) if wanted.after is not None and not numbered else None
    skipped = ((wanted.page or 1) - 1) * limit

    def read(
        part: bool | None, place: Sequence[Any] | None, most: int = limit + 1, offset: int = skipped,
        way: Walk | Found | None = searched,
    ) -> list[Row]:  # fmt: skip
        nulls = None if place is None else tuple(value is None for value in place)
        statement = composed(None if way else shape, build, keys, nulls, numbered, part, branches, way)
        after = {f"after_{n}": value for n, value in enumerate(place or ())}
        return statement.all(database, **(values or {}), **after, limit=most, offset=offset, most=most + offset)

    def having() -> int:
        select = (counted or build)().where(keys[0].node.is_null(False))
        return count(database, compile_query(select, database), values or {})

    nullable, rows = keys[0].nullable, list[Row]()
    if searched and not (nullable and start is not None and start[0] is None):
        for shortcut in searched.shortcuts:
            rows = shortcut.rows(partial(read, False if nullable else None, start), limit, skipped)
            if len(rows) > limit:
                break
    if len(rows) <= limit:
        rows = in_parts(read, start, limit + 1, skipped, having) if nullable else read(None, start)
    more = len(rows) > limit
    del rows[limit:]
    names = [f"sort_{n}" for n in range(len(keys))]
    following = write_cursor(keys, [rows[-1][name] for name in names]) if more else None
    for row in rows:
        for name in names:
            del row[name]
    most = COUNTED_SEARCHING if counted else COUNTED
    total = total_of(database, counted or build, values or {}, most) if numbered else None
    return Page(rows, following, total)


def in_parts(
    read: Callable[..., list[Row]], place: Sequence[Any] | None, most: int, skipped: int, having: Callable[[], int],
) -> list[Row]:  # fmt: skip
    """The rows that have what they are sorted by first, then those that lack it. `having` counts the former."""
    behind = place is not None and place[0] is None
    rows = [] if behind else read(False, place)
    if len(rows) == most:
        return rows
    passed = having() if skipped and not rows else skipped + len(rows)
    return rows + read(True, place if behind else None, most - len(rows), max(0, skipped - passed))
