"""What a full-text search found, and quicker ways to a page of it than to collect and sort it all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from math import ceil
from operator import and_
from typing import Any, Final, NamedTuple, Protocol

from peewee import SQL, Select

from reviva.database.statement import Row

PAGE: Final = 20
"""The rows of a usual page."""
PATIENCE: Final = 4
"""How much longer than it is thought to take a list is walked."""

Read = Callable[..., list[Row]]
"""Reads rows of a list: `most` of them from `offset` on, by a `way` that is a `Walk`, or `Found`, or None for all."""


class Shortcut(Protocol):
    """A quicker way."""

    def rows(self, read: Read, limit: int, skipped: int) -> list[Row]:
        """The rows of a page behind `skipped` others, and one more; with fewer, nothing is said of the page."""


class Found(NamedTuple):
    """The rows that match."""

    condition: Any
    every: Select | None = None
    """Their ids, where all of them are known without a look at the table."""
    shortcuts: Sequence[Shortcut] = ()
    """What to try first."""


class Walk(NamedTuple):
    """Where so many rows match that a list meets a page of them on its way: what to look at in each."""

    condition: Any
    """Of what is `listed`: its id and the columns that are `needed`."""
    most: int
    """Rows to pass. What many have may be in none of those, or the words never together: then it is asked who has."""
    needed: tuple[Any, ...] = ()

    def rows(self, read: Read, limit: int, skipped: int) -> list[Row]:
        """Those that are met."""
        return read(way=self)


class Near(NamedTuple):
    """Where those that match are known from one end of the table, and a list by when they were made begins there."""

    condition: Any
    """Of being one of them."""
    are_first: Callable[[datetime], bool]
    """Whether of those that were made up to some instant, in the list's order, no other can match."""

    def rows(self, read: Read, limit: int, skipped: int) -> list[Row]:
        """The known ones."""
        rows = read(way=Found(self.condition))
        return rows if len(rows) > limit and self.are_first(rows[-1]["sort_0"]) else []


class Days(NamedTuple):
    """Where many match on each day, and a list begins with what was made last: what to look for on a few days."""

    condition: Callable[[Iterable[date]], Any]
    """Of what matches and was made on some days."""
    each: float
    """About how many rows of a day match."""

    def rows(self, read: Read, limit: int, skipped: int) -> list[Row]:
        """Those of the newest days that are likely to have so many; of more where some, but fewer, pass a filter."""
        most = skipped + limit + 1
        for newest in read(most=1, offset=0, way=None):
            count = span(self.each, most)
            rows = read(way=self._until(newest["sort_0"], count))
            if limit / 8 < len(rows) <= limit:
                rows = read(way=self._until(newest["sort_0"], span(len(rows) / count, most)))
            return rows
        return []

    def _until(self, newest: datetime, count: int) -> Found:
        last = newest.astimezone(UTC).date()
        return Found(self.condition(last - timedelta(n) for n in range(count)))


def span(each: float, most: int) -> int:
    """On how many days twice as many as `most` match, where so many do on each; the last has only begun."""
    return ceil(2 * most / each) + 1


def walking(rows: float, matching: float) -> float:
    """How many rows are to be looked at on a walk that meets a page of them."""
    return PAGE * rows / max(matching, 1.0)


def looked_at(place: Any, words: list[str]) -> Any:
    """Whether a text has words that begin with each of some; `place` is the function that finds one in it."""
    spaced = SQL("' ' || search_text")
    return reduce(and_, (place(spaced, f" {word}") != 0 for word in words))
