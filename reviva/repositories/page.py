"""Pages of a sorted list: by cursor (keyset) or by number, the same for every list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

from peewee import SQL, Database, Expression, Field, Select, Tuple

from reviva import clock
from reviva.database.fields import UTCField
from reviva.database.statement import Called, Compiled, Param, Row, Statement, compile_query
from reviva.errors import Invalid
from reviva.paging import ListQuery, Page, pack, spelt, unpack
from reviva.repositories.words import Found, Walk

MOST = 200
"""The largest page: kept here, so that no caller can forget it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a list is sorted by."""

    name: str
    node: Any
    """A field or expression."""
    descending: bool = False
    nullable: bool = False
    """NULLs come last, whichever the direction."""

    @property
    def field(self) -> Field[Any] | None:
        """The column it is, where it is one."""
        return self.node if isinstance(self.node, Field) else None

    def order(self) -> Any:
        """Its place in ORDER BY."""
        nulls = "last" if self.nullable else None
        return self.node.desc(nulls=nulls) if self.descending else self.node.asc(nulls=nulls)

    def beyond(self, value: Any) -> Any:
        """Rows that come after `value` by this key alone."""
        past = self.node < value if self.descending else self.node > value
        return (past | self.node.is_null()) if self.nullable else past

    def read(self, value: Any) -> Any:
        """A cursor's JSON value as the database compares it. Raises ValueError where it can't be one."""
        if value is None and self.nullable:
            return None
        if isinstance(self.node, UTCField):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError(value)
            return moment
        if isinstance(value, bool) or not isinstance(value, int | str | float):
            raise ValueError(value)
        if isinstance(self.node, Field):
            return self.node.db_value(self.node.adapt(value))
        return value


def keys_for(sort: Sequence[tuple[str, bool]], sorts: Mapping[str, Any], unique: Field) -> list[Key]:
    """The keys of a sort, ended by a unique one so that the order is whole. Raises `Invalid` for an unknown name."""
    keys = []
    for name, descending in sort:
        if name not in sorts:
            raise Invalid.field("sort", f"can't be sorted by {name!r}; there are {', '.join(sorts)}", "unknown-sort")
        node = sorts[name]
        keys.append(Key(name, node, descending, nullable=bool(getattr(node, "null", False))))
    last = keys[-1].descending if keys else False
    return [*keys, Key("", unique, last)]


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

    A `shape` that tells this select from all others lets its statements be compiled once and kept. `counted` makes a
    select of as many rows, for the total, where there is a better one. `branches` are conditions of which each row
    meets one: an index that begins with what they tell apart gives each branch in order, not all. Of what is
    `searched` for, the list is walked for a while where that is promising, or else all is collected and sorted.
    """
    limit = max(1, min(wanted.limit, MOST))
    numbered = wanted.page is not None
    start = read_cursor(wanted.after, keys) if wanted.after is not None and not numbered else None
    skipped = ((wanted.page or 1) - 1) * limit

    def read(
        part: bool | None, place: Sequence[Any] | None, most: int = limit + 1, offset: int = skipped,
        walk: Walk | None = None,
    ) -> list[Row]:  # fmt: skip
        nulls = None if place is None else tuple(value is None for value in place)
        statement = composed(shape, build, keys, nulls, numbered, part, branches, walk or searched)
        after = {f"after_{n}": value for n, value in enumerate(place or ())}
        return statement.all(database, **(values or {}), **after, limit=most, offset=offset, most=most + offset)

    def having() -> int:
        select = (counted or build)().where(keys[0].node.is_null(False))
        return count(database, compile_query(select, database), values or {})

    nullable, rows = keys[0].nullable, list[Row]()
    if searched and searched.walk and not (nullable and start is not None and start[0] is None):
        rows = read(False if nullable else None, start, walk=searched.walk)
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


_listings: dict[Hashable, Statement] = {}


def composed(
    shape: Hashable, build: Callable[[], Any], keys: Sequence[Key], nulls: Sequence[bool] | None, numbered: bool,
    part: bool | None, branches: Sequence[Any], found: Walk | Found | None,
) -> Statement:  # fmt: skip
    """What `compose` makes, kept where there is a shape to keep it by."""
    if shape is None:
        return compose(build, keys, nulls, numbered, part, branches, kept=False, found=found)
    form = (shape, nulls, numbered, part, tuple((key.name, key.descending) for key in keys))
    if form not in _listings:
        _listings[form] = compose(build, keys, nulls, numbered, part, branches, kept=True)
    return _listings[form]


def compose(
    build: Callable[[], Any], keys: Sequence[Key], nulls: Sequence[bool] | None, numbered: bool, part: bool | None,
    branches: Sequence[Any], kept: bool, found: Walk | Found | None = None,
) -> Statement:  # fmt: skip
    """A list's rows: in its order, from its place on, and with the values it is sorted by as columns `sort_n`.

    What is sorted by something that may be missing is read in two parts, so that an index gives each in its order in
    either direction: the rows that have it, then (`part`) those that don't. What is searched for is `found` on a walk
    through the list, or collected and then sorted.
    """
    used = list(keys[1:]) if part else [replace(keys[0], nullable=keys[0].nullable and part is None), *keys[1:]]
    skipped = len(keys) - len(used)

    def narrowed(query: Any) -> Any:
        if part is not None:
            query = query.where(keys[0].node.is_null(part))
        if nulls is not None:
            place = [None if null else Param(f"after_{n}", keys[n].field) for n, null in enumerate(nulls)]
            query = query.where(after(used, place[skipped:]))
        return query

    def ordered(query: Any) -> Any:
        return narrowed(query).order_by(*[key.order() for key in used])

    def rows() -> Any:
        sorted_by = [key.node.alias(f"sort_{n}") for n, key in enumerate(keys)]
        if isinstance(found, Walk):
            # What has a LIMIT is not merged into what asks it, and comes in its order.
            passed = ordered(build()).select_extend(*found.needed, *sorted_by).limit(found.most)
            query = outer(passed).where(found.condition)
        elif found is not None:
            # What has an OFFSET is not merged into what asks it: no planner walks through a list to sort it.
            every = narrowed(build()).where(found.chosen).select_extend(*sorted_by).offset(0)
            query = sorted_again(every)
        elif branches:
            each: list[Any] = [
                Select([ordered(build().where(branch)).select_extend(*sorted_by).limit(Param("most"))], [SQL("*")])
                for branch in branches
            ]
            query = sorted_again(reduce(lambda one, other: one.union_all(other), each))
        else:
            query = ordered(build()).select_extend(*sorted_by)
        query = query.limit(Param("limit"))
        return query.offset(Param("offset")) if numbered else query

    def sorted_again(select: Any) -> Any:
        named = (replace(key, node=SQL(_listed(f"sort_{n}"))) for n, key in enumerate(used, skipped))
        return outer(select).order_by(*[key.order() for key in named])

    def outer(select: Any) -> Any:
        columns = [("id", None), *((f"sort_{n}", key.field) for n, key in enumerate(keys))]
        return Select([select.alias("listed")], [Called(_listed(name), field).alias(name) for name, field in columns])

    return Statement(rows, kept=kept)


def _listed(column: str) -> str:
    return f'"listed"."{column}"'


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


def after(keys: Sequence[Key], values: Sequence[Any]) -> Any:
    """The rows that come after a position in the order of `keys`."""
    directions = {key.descending for key in keys}
    if len(directions) == 1 and not any(key.nullable for key in keys):
        # A row comparison, unlike the same thing spelt out with OR, is one range of an index.
        left, right = Tuple(*[key.node for key in keys]), Tuple(*values)
        return Expression(left, "<" if directions.pop() else ">", right)
    first, value = keys[0], values[0]
    if len(keys) == 1:
        return first.beyond(value)
    following = after(keys[1:], values[1:])
    if value is None:
        return first.node.is_null() & following
    return first.beyond(value) | ((first.node == value) & following)


def write_cursor(keys: Sequence[Key], values: Sequence[Any]) -> str:
    """An opaque cursor: the sort it belongs to and the last row's place in it."""
    return pack(_sort(keys), *values)


def _sort(keys: Sequence[Key]) -> str:
    return spelt((key.name, key.descending) for key in keys)


def read_cursor(cursor: str, keys: Sequence[Key]) -> list[Any]:
    """The place a cursor names. Raises `Invalid` for one that is garbled or belongs to another sort."""
    try:
        sort, *values = unpack(cursor)
        if sort != _sort(keys):
            raise Invalid.field("after", "this cursor belongs to a list with another sort", "wrong-cursor")
        return [key.read(value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, OverflowError) as problem:
        raise Invalid.field("after", "this is not a cursor of this list", "wrong-cursor") from problem
