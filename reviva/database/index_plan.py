"""What is asked of a place in which indexes are tried without making them, and the planner's word there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from reviva.database.index_candidates import Candidate

SAMPLE = 10_000
"""Rows of a table that are copied: enough for the planner to tell an index from a scan."""
PAGE = 21
"""Rows that a list asks for where its LIMIT is a parameter."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner would do. On PostgreSQL `cost` is its own; on SQLite the rows it would read and sort."""

    cost: float
    indexes: frozenset[str]


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


def runnable(shape: str) -> str:
    """A shape as a statement again: shortened lists get two values, limits a usual one."""
    mark = "%s" if "%s" in shape else "?"
    text = shape.replace("(…)", f"({mark}, {mark})").replace(", …", "")
    text = re.sub(r"\bLIMIT (?:\?|%s)", f"LIMIT {PAGE}", text)
    return re.sub(r"\bOFFSET (?:\?|%s)", "OFFSET 0", text)
