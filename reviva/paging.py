"""What a list is asked for and what a page of it holds: the words that the API and the repositories share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Generic, TypeVar

from reviva.errors import Invalid

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """`limit` items after the cursor `after`, or the `page`-th page (1 first), sorted by (name, descending) pairs.

    `filters` holds only what was asked for. `page` and `after` are never both set.
    """

    limit: int = 20
    after: str | None = None
    page: int | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `next` is the cursor of the page after, `total` is counted for offset pages only."""

    items: Sequence[Item]
    next: str | None = None
    total: int | None = None


def page_of(items: Sequence[Mapping[str, Any]], wanted: ListQuery) -> Page[Any]:
    """A page of a list that is there whole, sorted if that is asked for. Its cursors are numbers of items.

    Raises `Invalid` for another cursor.
    """
    for name, descending in reversed(wanted.sort):
        items = sorted(items, key=itemgetter(name), reverse=descending)
    first = (wanted.page - 1) * wanted.limit if wanted.page else _place(wanted.after)
    last = first + wanted.limit
    return Page(items[first:last], str(last) if last < len(items) else None, len(items) if wanted.page else None)


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > 6:
        raise Invalid.field("after", "this is not a cursor of this list", "wrong-cursor")
    return int(cursor)
