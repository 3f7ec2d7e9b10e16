"""What a list is asked for and what a page of it holds: the words that the API and the repositories share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

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
