"""The statement that reads some rows of a list: in its order, from a place on, with the values it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

from peewee import SQL, Select

from reviva.database.statement import Called, Param, Statement
from reviva.repositories.found import Found, Walk
from reviva.repositories.sorting import Key, after

_listings: dict[Hashable, Statement] = {}


def composed(
    shape: Hashable, build: Callable[[], Any], keys: Sequence[Key], nulls: Sequence[bool] | None, numbered: bool,
    part: bool | None, branches: Sequence[Any], found: Walk | Found | None,
) -> Statement:  # fmt: skip
    """The statement of a listing, kept where there is a shape to keep it by."""
    if shape is None:
        return Statement(Listing(build, keys, nulls, numbered, part, branches, found).rows, kept=False)
    form = (shape, nulls, numbered, part, tuple((key.name, key.descending) for key in keys))
    if form not in _listings:
        _listings[form] = Statement(Listing(build, keys, nulls, numbered, part, branches, found).rows)
    return _listings[form]


@dataclass(frozen=True)
class Listing:
    """A list's rows: in its order, from its place on, and with the values it is sorted by as columns `sort_n`.

    What is sorted by something that may be missing is read in two parts, so that an index gives each in its order in
    either direction: the rows that have it, then (`part`) those that don't. What is searched for is `found` on a walk
    through the list, or collected and then sorted.
    """

    build: Callable[[], Any]
    keys: Sequence[Key]
    nulls: Sequence[bool] | None
    """Which values of the place it begins behind are missing; None where it begins at the beginning."""
    numbered: bool
    part: bool | None
    branches: Sequence[Any]
    found: Walk | Found | None

    def rows(self) -> Any:
        """The select."""
        if isinstance(self.found, Walk):
            query = self._walked(self.found)
        elif self.found is not None:
            query = self._collected(self.found)
        elif self.branches:
            query = self._merged()
        else:
            query = self._ordered(self.build()).select_extend(*self._sorted_by)
        query = query.limit(Param("limit"))
        return query.offset(Param("offset")) if self.numbered else query

    def _walked(self, walk: Walk) -> Any:
        # What has a LIMIT is not merged into what asks it, and comes in its order.
        passed = self._ordered(self.build()).select_extend(*walk.needed, *self._sorted_by).limit(walk.most)
        return self._outer(passed).where(walk.condition)

    def _collected(self, found: Found) -> Any:
        # What has an OFFSET is not merged into what asks it: no planner walks through a list to sort it.
        every = self._narrowed(self.build()).where(found.condition).select_extend(*self._sorted_by).offset(0)
        return self._sorted_again(every)

    def _merged(self) -> Any:
        each: list[Any] = [Select([self._branch(branch)], [SQL("*")]) for branch in self.branches]
        return self._sorted_again(reduce(lambda one, other: one.union_all(other), each))

    def _branch(self, branch: Any) -> Any:
        return self._ordered(self.build().where(branch)).select_extend(*self._sorted_by).limit(Param("most"))

    @cached_property
    def _sorted_by(self) -> list[Any]:
        return [key.node.alias(f"sort_{n}") for n, key in enumerate(self.keys)]

    @cached_property
    def _used(self) -> list[tuple[int, Key]]:
        """The keys that tell rows of this part apart, each with its number: all that lack the first are alike in it."""
        if self.part:
            return list(enumerate(self.keys))[1:]
        first = replace(self.keys[0], nullable=self.keys[0].nullable and self.part is None)
        return list(enumerate([first, *self.keys[1:]]))

    def _narrowed(self, query: Any) -> Any:
        """The rows of this part, behind the place."""
        if self.part is not None:
            query = query.where(self.keys[0].node.is_null(self.part))
        if self.nulls is None:
            return query
        place = [None if self.nulls[n] else Param(f"after_{n}", key.field) for n, key in self._used]
        return query.where(after([key for _, key in self._used], place))

    def _ordered(self, query: Any) -> Any:
        return self._narrowed(query).order_by(*[key.order() for _, key in self._used])

    def _sorted_again(self, select: Any) -> Any:
        named = (replace(key, node=SQL(_listed(f"sort_{n}"))) for n, key in self._used)
        return self._outer(select).order_by(*[key.order() for key in named])

    def _outer(self, select: Any) -> Any:
        columns = [("id", None), *((f"sort_{n}", key.field) for n, key in enumerate(self.keys))]
        return Select([select.alias("listed")], [Called(_listed(name), field).alias(name) for name, field in columns])


def _listed(column: str) -> str:
    return f'"listed"."{column}"'
