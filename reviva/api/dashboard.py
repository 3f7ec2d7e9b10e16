"""What the shop's front page shows to its staff."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Call
from reviva.api.fields import Between, Query, Slug
from reviva.api.shapes import Named


class Earned(TypedDict):
    date: date
    amount: int
    currency: str


class TopModel(Named):
    brand: Named


class Popular(TypedDict):
    model: TopModel
    bookings: int


class Messages(TypedDict):
    queued: int
    sending: int
    dead: int
    sent: int


class Dashboard(TypedDict):
    counts: dict[str, int]
    revenue: list[Earned]
    top_models: list[Popular]
    turnaround_hours: float | None
    no_show_rate: float | None
    notifications: Messages


class DashboardQuery(Query):
    days: Annotated[int, Between(1, 366)] = Field(30, description="So many days up to today, by the shop's clock.")
    shop: Slug | None = Field(None, description="Of this shop alone.")


def read(call: Call) -> dict[str, Any]:
    """How many bookings stand where (those that ended: in these days), and what these days brought.

    Revenue is that of completed bookings, in minor units. `turnaround_hours` is from check-in to ready, on average.
    `no_show_rate` is of those who were to come and did or didn't. Null where there is nothing to count.
    """
    query: DashboardQuery = call.query
    shown: dict[str, Any] = call.services.figures.dashboard(query.days, query.shop)
    return shown
