"""What the planner says it would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Database

from reviva.database.ddl import backend
from reviva.database.statement_shape import without_literals


def plan(database: Database, sql: str, parameters: Sequence[Any] | None = None) -> list[str]:
    """The plan as lines, without any value of the parameters. The statement itself is not run."""
    if backend(database) == "postgresql":
        return [without_literals(line) for (line,) in database.execute_sql(f"EXPLAIN {sql}", parameters).fetchall()]
    rows = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
    depth = {0: -1}
    lines = []
    for id, parent, _, detail in rows:
        depth[id] = depth.get(parent, -1) + 1
        lines.append("  " * depth[id] + without_literals(detail))
    return lines
