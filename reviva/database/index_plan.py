"""What is asked of a place in which indexes are tried without making them, and the planner's word there."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
"""A table of more is judged as if it had so many: what a few thousand rows forgive, a shop that has grown does not."""
PAGE = 21
"""Rows that a list asks for where its LIMIT is a parameter."""

_COMPARED = re.compile(r'"(?P<alias>\w+)"\."(?P<column>\w+)" (?P<how>= |IN \(|< |<= )(?P<mark>%s|\?)')


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner would do. On PostgreSQL `cost` is its own; on SQLite the rows it would read and sort."""

    cost: float
    indexes: frozenset[str]


def grown(rows: int) -> int:
    """The rows that a table is judged at."""
    return max(rows, GROWN) if rows >= FEW_ROWS else rows


class Trial(Protocol):
    """A place in which candidates can be there for a while."""

    basis: str
    """What the planner's word rests on."""
    least: float
    """A saving of less is none, in the units of its plans' costs."""

    def plan(self, sql: str) -> Plan | None:
        """The plan of a statement with whatever parameters; None where it has none."""

    def add(self, candidate: Candidate, name: str) -> None:
        """Let there be this index."""

    def drop(self, name: str) -> None:
        """Take it away again."""

    def size(self, candidate: Candidate, name: str) -> int:
        """About how many bytes it would take in the real table."""


def runnable(shape: str, mark: str, values: Mapping[tuple[str, str, str], str] = MappingProxyType({})) -> str:
    """A shape as a statement again: shortened lists get two values, limits a usual one. `mark` stands for a parameter.

    `values` has SQL literals by table, column and `=` or `<`; they stand where such a column is compared so with a
    parameter. `<` is for what is cleared away.
    """
    if values:
        shape = _with_values(shape, values)
    text = shape.replace("(…)", f"({mark}, {mark})").replace(", …", "")
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
