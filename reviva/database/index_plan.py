"""What is asked of a place in which indexes are tried without making them, and the planner's word there."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from reviva.database.index_candidates import Candidate
from reviva.database.index_uses import read

SAMPLE = 10_000
"""Rows of a table that are copied: enough for the planner to tell an index from a scan."""
FEW_ROWS = 1000
"""In a table of fewer rows no index is missed."""
GROWN = 300_000
"""A table of more that rows are added to is judged as if it had so many: what a few thousand rows forgive, a shop that
has grown does not."""
FEW_VALUES = 50
RAREST = 0.01
"""Of a column with `FEW_VALUES` at most the rarest is asked for that so great a part of the rows has: what is open, not
what is done long since. Asked for whatever parameter, a planner takes a status for one of a dozen that are alike."""
PAGE = 21
"""Rows that a list asks for where its LIMIT is a parameter."""
LISTED = 3
"""Values of a list whose length is not told: a shop's benches, a few statuses."""

_COMPARED = re.compile(r'"(?P<alias>\w+)"\."(?P<column>\w+)" (?P<how>= |IN \(|< |<= )(?P<mark>%s|\?)')

_AFTER = re.compile(r"(\([^()]*\) [<>]=? )\(…\)")
"""The row that a page is after."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner would do. On PostgreSQL `cost` is its own; on SQLite the rows it would read and sort."""

    cost: float
    indexes: frozenset[str]


def judged(rows: Mapping[str, int], growing: Container[str]) -> dict[str, int]:
    """The rows that each table is judged at."""
    return {
        table: max(count, GROWN) if count >= FEW_ROWS and table in growing else count for table, count in rows.items()
    }


class Trial(Protocol):
    """A place in which candidates can be there for a while."""

    basis: str
    """What the planner's word rests on."""
    least: float
    """A saving of less is none, in the units of its plans' costs …"""
    entering: float
    """… and as much must be saved for each row that was written meanwhile: about what it costs to find one by an index.
    One that was removed is in no hurry."""
    making: float
    """As much must be saved at least for each row that there is, or it is not worth making an index."""

    def plan(self, sql: str) -> Plan | None:
        """The plan of a statement with whatever parameters; None where it has none."""

    def alike(self, candidate: Candidate) -> float:
        """About how many of the rows that it is about have the same values in all of its columns."""

    def add(self, candidate: Candidate, name: str) -> None:
        """Let there be this index."""

    def drop(self, name: str) -> None:
        """Take it away again."""

    def size(self, candidate: Candidate, name: str) -> int:
        """About how many bytes it would take in the real table."""


def folded(sql: str) -> str:
    """Without what peewee writes for an empty list: the planner skips it, but SQLite's plan does not say so."""
    never = "(0 = 1)"
    while True:
        sql = sql.replace(f" OR {never}", "").replace(f"{never} OR ", "")
        at = max(sql.find(f" AND {never}"), sql.find(f"{never} AND "))
        start, end = _around(sql, at)
        if at < 0 or start < 0:
            return sql
        sql = sql[:start] + never + sql[end:]


def _around(sql: str, at: int) -> tuple[int, int]:
    """Where the brackets around a place begin and end; -1 where a long statement was cut before they do."""
    opened: list[int] = []
    mine = -1
    for n, letter in enumerate(sql):
        if n == at:
            mine = opened[-1] if opened else -1
        if letter == "(":
            opened.append(n)
        elif letter == ")" and opened and opened.pop() == mine and n > at:
            return mine, n + 1
    return -1, -1


def runnable(shape: str, mark: str, values: Mapping[tuple[str, str, str], str] = MappingProxyType({})) -> str:
    """A shape as a statement again: lists get `LISTED` values, limits a usual one. `mark` stands for a parameter.

    `values` has SQL literals by table, column and `=` or `<`; they stand where such a column is compared so with a
    parameter. `<` is for what is cleared away.
    """
    if values:
        shape = _with_values(shape, values)
    listed = f"IN ({', '.join([mark] * LISTED)})"
    text = shape.replace("IN (…)", listed).replace("= ANY(%s)", listed)
    text = _AFTER.sub(lambda row: f"{row[1]}({', '.join([mark] * (row[1].count(', ') + 1))})", text).replace(", …", "")
    text = re.sub(r"\bLIMIT (?:\?|%s)", f"LIMIT {PAGE}", text)
    return re.sub(r"\bOFFSET (?:\?|%s)", "OFFSET 0", text)


def _with_values(shape: str, values: Mapping[tuple[str, str, str], str]) -> str:
    reading = read(shape)

    def told(match: re.Match[str]) -> str:
        table = reading.aliases.get(match["alias"], match["alias"])
        how = "<" if match["how"].startswith("<") else "="
        value = values.get((table, match["column"], how))
        use = reading.uses.get(table)
        if value is None or (how == "<" and not shape.startswith("DELETE")):
            return match[0]
        if use and any(fixed.startswith(f"{match['column']} =") for fixed in use.fixed):
            return match[0]  # another value would contradict the one that is told
        return match[0][: -len(match["mark"])] + value

    return _COMPARED.sub(told, shape)
