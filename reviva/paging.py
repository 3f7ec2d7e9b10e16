"""What a list is asked for and what a page of it holds: the words that the API and the repositories share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

import orjson

from reviva.errors import Invalid
from reviva.signing import decode, encode

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


NAMES: Final = ("category", "slug", "shape")
"""What tells the items of a list that is there whole from each other, as far as they have it."""


def page_of(items: Sequence[Mapping[str, Any]], wanted: ListQuery) -> Page[Any]:
    """A page of a list that is there whole, sorted if that is asked for.

    Its cursors name a page's last item: the next page begins behind it, whatever was added meanwhile, or where it was
    if it is gone. Raises `Invalid` for another cursor, or one of another sort.
    """
    for name, descending in reversed(wanted.sort):
        items = sorted(items, key=itemgetter(name), reverse=descending)
    first = (wanted.page - 1) * wanted.limit if wanted.page else _place(items, wanted)
    last = first + wanted.limit
    following = pack(spelt(wanted.sort), last - 1, *_named(items[last - 1])) if last < len(items) else None
    return Page(items[first:last], following, len(items) if wanted.page else None)


def _place(items: Sequence[Mapping[str, Any]], wanted: ListQuery) -> int:
    if wanted.after is None:
        return 0
    try:
        sort, place, *named = unpack(wanted.after)
    except ValueError:
        place = None
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < 10**6:
        raise Invalid.field("after", "this is not a cursor of this list", "wrong-cursor")
    if sort != spelt(wanted.sort):
        raise Invalid.field("after", "this cursor belongs to a list with another sort", "wrong-cursor")
    return next((n for n, item in enumerate(items, 1) if _named(item) == named), place)


def spelt(sort: Iterable[tuple[str, bool]]) -> str:
    """A sort as it is asked for: names with commas between, - before those that descend."""
    return ",".join(("-" if descending else "") + name for name, descending in sort)


def _named(item: Mapping[str, Any]) -> list[Any]:
    return [item[name] for name in NAMES if name in item]


def pack(*values: Any) -> str:
    """An opaque cursor that holds some values."""
    return encode(orjson.dumps(values))


def unpack(cursor: str) -> list[Any]:
    """The values that a cursor holds. Raises ValueError for one that is garbled."""
    values = orjson.loads(decode(cursor))
    if not isinstance(values, list):
        raise ValueError(cursor)
    return values
