"""Pages of a sorted list: by cursor (keyset) or by number, the same for every list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from peewee import Expression, Field, Tuple, fn

from reviva.database.fields import UTCField
from reviva.database.statement import Row
from reviva.errors import Invalid

MOST = 200
"""The largest page: kept here, so that no caller can forget it."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller wants of a list. `sort` holds (name, descending); `filters` the names and values to filter by."""

    limit: int = 20
    after: str | None = None
    page: int | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, the cursor of what follows, and for numbered pages how many rows there are in all."""

    items: list[Row]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a list is sorted by."""

    name: str
    node: Any
    """A field or expression."""
    descending: bool = False
    nullable: bool = False
    """NULLs come last, whichever the direction."""

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


def fetch(query: Any, keys: Sequence[Key], wanted: ListQuery, run: Any) -> Page:
    """One page of a query. `run` executes a select and returns its rows as dicts."""
    limit = max(1, min(wanted.limit, MOST))
    total = None
    rows_query = query.order_by(*[key.order() for key in keys]).limit(limit + 1)
    if wanted.page is not None:
        total = run(query.columns(fn.COUNT(1).alias("n")).order_by())[0]["n"]
        rows_query = rows_query.offset((wanted.page - 1) * limit)
    elif wanted.after is not None:
        rows_query = rows_query.where(after(keys, read_cursor(wanted.after, keys)))
    hidden = [key.node.alias(f"sort_{n}") for n, key in enumerate(keys)]
    rows = run(rows_query.select_extend(*hidden))
    more = len(rows) > limit
    del rows[limit:]
    positions = [[row.pop(f"sort_{n}") for n in range(len(keys))] for row in rows]
    return Page(rows, write_cursor(keys, positions[-1]) if more else None, total)


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
    sort = ",".join(("-" if key.descending else "") + key.name for key in keys)
    return base64.urlsafe_b64encode(orjson.dumps([sort, *values])).rstrip(b"=").decode()


def read_cursor(cursor: str, keys: Sequence[Key]) -> list[Any]:
    """The place a cursor names. Raises `Invalid` for one that is garbled or belongs to another sort."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        sort, *values = orjson.loads(base64.urlsafe_b64decode(padded))
        if sort != ",".join(("-" if key.descending else "") + key.name for key in keys):
            raise Invalid.field("after", "this cursor belongs to a list with another sort", "wrong-cursor")
        return [key.read(value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, binascii.Error, OverflowError) as problem:
        raise Invalid.field("after", "this is not a cursor of this list", "wrong-cursor") from problem
