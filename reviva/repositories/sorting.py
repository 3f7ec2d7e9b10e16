"""What a list is sorted by, and a place in its order: the rows after it, and the cursor that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Expression, Field, Tuple

from reviva.database.fields import UTCField
from reviva.errors import Invalid
from reviva.paging import pack, spelt, unpack


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
