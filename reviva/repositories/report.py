"""Sums of the kept figures of days, over any span: by day, month, shop, model or technician."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, Literal

from peewee import Database, fn

from reviva.database.ddl import Backend, backend
from reviva.database.statement import Param, Row, Statement
from reviva.models import DayFigure, DayTotal
from reviva.models.booking import Status
from reviva.models.summary import Measure
from reviva.repositories.figure import sums, within

By = Literal["day", "month", "shop", "model", "technician"]
ABOUT = {"model": (Measure.MODEL,), "technician": (Measure.TECHNICIAN,)}
"""What a report reads that is about a measure's keys …"""
WHOLE = (Measure.STATUS, Measure.REVENUE, Measure.TURNAROUND, Measure.MADE, Measure.WORK)
"""… and what any other does."""
STEPS = (Status.CHECKED_IN, Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW)
"""The statuses that a report tells of: most figures of a day are of the others."""


class ReportRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def kept(self, by: By, shop: int | None, first: date, last: date) -> list[Row]:
        """Rows of `place, measure, key, count, amount`, of one shop or of all: `place` is the day, the month as
        YYYY-MM, the shop's id, or for models and technicians the key itself."""
        bound = {"shop": shop, "first": first.isoformat(), "last": last.isoformat()}
        return _sums(by, shop is None, backend(self.database)).all(self.database, **bound)


@cache
def _sums(by: By, everyone: bool, kind: Backend) -> Statement:
    return Statement(lambda: _sum(by, everyone, kind))


def _sum(by: By, everyone: bool, kind: Backend) -> Any:
    """All shops' figures are summed already, but for what is one shop's alone."""
    table: Any = DayFigure if by in ("shop", "technician") or not everyone else DayTotal
    month = fn.SUBSTR(table.day, 1, 7) if kind == "sqlite" else fn.TO_CHAR(table.day, "YYYY-MM")
    place = {"day": table.day, "month": month, "shop": DayFigure.shop}.get(by, table.key)
    query = table.select(place.alias("place"), table.measure, table.key, *sums(table))
    query = query.where(within(table, ABOUT.get(by, WHOLE))).group_by(place, table.measure, table.key)
    if by not in ABOUT:
        query = query.where((table.measure != Measure.STATUS) | table.key.in_(STEPS))
    return query if everyone else query.where(table.shop == Param("shop"))
