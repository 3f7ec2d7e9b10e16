"""Which indexes are missing, unused or there twice."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from reviva.api.call import Call


class IndexItem(TypedDict):
    """`ddl` is to be run. The costs are the planner's for `statement`, and None where nothing is missing."""

    kind: Literal["missing", "unused", "duplicate"]
    table: str
    columns: list[str]
    ddl: str
    statement: str | None
    cost_before: float | None
    cost_after: float | None
    reason: str
    size_bytes: int | None
    rows_written: int


class IndexList(TypedDict):
    items: list[IndexItem]
    next: None


def indexes(call: Call) -> dict[str, Any]:
    """Index recommendations from the statements that were run, each confirmed by the planner. Takes seconds."""
    call.services.statements.flush()
    return {"items": call.services.index_advice.recommendations(), "next": None}
