"""Which statements take the database's time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.listing import Listing, render_page


class Route(TypedDict):
    """An endpoint, a command or `background`."""

    route: str
    calls: int
    total: float


class Sample(TypedDict):
    """One slow call; of a text among its parameters only the length is kept."""

    at: str
    ms: float
    route: str
    parameters: list[Any]
    plan: list[str]


class StatementItem(TypedDict):
    """One shape of statement over all workers since `since`. Times are milliseconds."""

    shape: str
    statement: str
    calls: int
    total: float
    mean: float
    p50: float
    p95: float
    p99: float
    max: float
    rows: int
    errors: int
    slow: int
    repeated: int
    routes: list[Route]
    samples: list[Sample]
    since: datetime
    updated_at: datetime


class Statements(Listing):
    sortable = ("total", "calls", "mean", "p50", "p95", "p99", "max", "rows", "errors", "slow", "repeated")
    default_sort = "-total"

    route: str | None = Field(None, max_length=200, description="Only of this route, for instance `GET /api/bookings`.")


def queries(call: Call) -> Answer:
    """The statements that were run, those that took the most time first."""
    return render_page(call, call.services.statements.queries(call.query.list_query()), lambda item: item)
