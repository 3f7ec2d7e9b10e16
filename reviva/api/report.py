"""What the shop's owner asks for at the end of a day, a month or a year."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Call
from reviva.api.dashboard import TopModel
from reviva.api.fields import Day, Query, Slug
from reviva.api.shapes import Named
from reviva.errors import Forbidden
from reviva.money import Money
from reviva.repositories.report import By
from reviva.services.access import Permission
from reviva.services.report import sheet


class Technician(TypedDict):
    id: int
    name: str


class Numbers(TypedDict, total=False):
    """Of models there are `bookings` only, of technicians `completed` and `minutes`. `revenue` is that of completed
    bookings, an amount for each currency. Rates and hours are null where there is nothing to divide by."""

    bookings: int
    completed: int
    cancelled: int
    no_shows: int
    no_show_rate: float | None
    revenue: list[Money]
    turnaround_hours: float | None
    minutes: int


class Line(Numbers, total=False):
    """One of these says what it is about."""

    day: date
    month: str
    shop: Named
    model: TopModel
    technician: Technician


# `from` is a word of Python's own.
Report = TypedDict("Report", {"from": date, "to": date, "items": list[Line], "total": Numbers})


class ReportQuery(Query):
    by: Literal["day", "month", "shop", "model", "technician"] = Field("day", description="What a line is about.")
    first: Day | None = Field(None, alias="from", description="The first day; 29 days before the last if not said.")
    to: Day | None = Field(None, description="The last day, itself included; today if not said.")
    shop: Slug | None = Field(None, description="Of this shop alone.")


def read(call: Call) -> dict[str, object]:
    """What a span of days brought, by day, month, shop, model or technician. What technicians did is for managers."""
    query: ReportQuery = call.query
    by: By = query.by
    if by == "technician" and not Permission.USERS_READ.admits(call.actor):
        raise Forbidden
    report: dict[str, object] = call.services.reports.report(by, query.first, query.to, query.shop)
    return report


def download(call: Call) -> bytes:
    """The same as a CSV file, without the total; amounts are in minor units, in a column for each currency."""
    call.headers["Content-Disposition"] = 'attachment; filename="report.csv"'
    items: list[dict[str, object]] = read(call)["items"]  # type: ignore[assignment]  # of its own report
    return sheet(items).encode()
