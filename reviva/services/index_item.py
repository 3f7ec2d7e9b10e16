"""What a recommendation of an index says, of whichever kind."""

from __future__ import annotations

from collections.abc import Sequence

from reviva.database.statement import Row
from reviva.services.index_workload import Findings


def item(
    kind: str, table: str, columns: Sequence[str], ddl: str, found: Findings, *, reason: str,
    statement: str | None = None, cost_before: float | None = None, cost_after: float | None = None,
    size_bytes: int | None = None,
) -> Row:  # fmt: skip
    """A recommendation. `ddl` is to be run; costs are the planner's, for `statement`; `rows_written` is what had to be
    entered into the table's indexes since counting began, and so what this one costs or saves."""
    return {
        "kind": kind, "table": table, "columns": list(columns), "ddl": ddl, "statement": statement,
        "cost_before": cost_before, "cost_after": cost_after, "reason": reason, "size_bytes": size_bytes,
        "rows_written": found.written.get(table, 0),
    }  # fmt: skip
