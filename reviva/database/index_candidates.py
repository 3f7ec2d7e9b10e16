"""Indexes that might help a statement; whether they do is the planner's to say."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from reviva.database.index_uses import Use

WIDEST = 4


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """An index that is not there. A column may have ` DESC` behind it."""

    table: str
    columns: tuple[str, ...]
    where: str = ""

    def names(self) -> list[str]:
        """The columns, whatever their direction."""
        return [column.split(" ")[0] for column in self.columns]

    def name(self, taken: Container[str] = ()) -> str:
        """The table and the columns, as our own indexes are called; short enough for PostgreSQL, and not taken."""
        name = re.sub(r"\W+", "_", f"{self.table}_{'_'.join(self.columns)}".lower())[:58]
        return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 1000))) if each not in taken)

    def ddl(self, name: str, *, concurrently: bool = False) -> str:
        """The statement that makes it."""
        condition = f" WHERE {self.where}" if self.where else ""
        how = "CONCURRENTLY " if concurrently else ""
        return f"CREATE INDEX {how}{name} ON {self.table} ({', '.join(self.columns)}){condition}"


def natural(use: Use) -> Candidate | None:
    """What a person would make: everything that is equal, then the order, or else the first range."""
    tail = _directed(use.order) or tuple(use.ranges[:1])
    columns = (*use.equal, *(column for column in tail if column not in use.equal))
    made = Candidate(use.table, columns[:WIDEST], _wheres(use)[-1])
    return made if _makes_sense(made) else None


def candidates(use: Use) -> Iterator[Candidate]:
    """For one table of a statement, all that might do: what is equal first, then what is sorted by or a range."""
    order = _directed(use.order)
    bases = [tuple(use.equal), *((column,) for column in (*use.equal, *use.joined)), ()]
    bases += [(*use.equal, column) for column in use.joined if use.equal]
    bases += [(condition.split(" ")[0], *use.equal) for condition in use.fixed if " = " in condition]
    pairs = list(combinations(use.joined, 2))  # both may be told, by conditions on the tables that they are joined to
    tails = [order, *((column,) for column in use.ranges), ()]
    wheres = dict.fromkeys(("", *_wheres(use)))
    for base in dict.fromkeys((*bases, *pairs)):
        for tail in dict.fromkeys(tails) if base in bases else [()]:  # of several rows joined, none has the order
            columns = tuple(dict.fromkeys((*base, *(c for c in tail if c.split(" ")[0] not in base))))[:WIDEST]
            for where in wheres:
                made = Candidate(use.table, columns, where)
                if _makes_sense(made):
                    yield made


def _wheres(use: Use) -> list[str]:
    """What a partial index may be about. Of several conditions on one column, each is of another subquery."""
    by_column: dict[str, list[str]] = {}
    for condition in use.fixed:
        by_column.setdefault(condition.split(" ")[0], []).append(condition)
    return [" AND ".join(some) for some in product(*by_column.values())]


def _makes_sense(candidate: Candidate) -> bool:
    names = candidate.names()
    if "id" in names[:-1]:
        return False  # what stands behind it tells nothing apart
    return bool(names) and (names != ["id"] or "IS NULL" in candidate.where)


def _directed(order: list[tuple[str, bool]]) -> tuple[str, ...]:
    """An index is read both ways, so only a mixture of directions must be told."""
    directions = dict(reversed(order))  # of a column that is named twice, the first counts
    columns = list(dict.fromkeys(column for column, _ in order))
    return tuple(f"{each} DESC" if directions[each] != order[0][1] else each for each in columns)
