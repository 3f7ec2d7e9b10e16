"""Sums of the kept figures of days, over any span: by day, month, shop, model or technician."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, Literal

from peewee import Database, fn

from reviva.database.ddl import Backend, backend
from reviva.database.statement import Among, Param, Row, Statement
from reviva.models import DayFigure

F = DayFigure
By = Literal["day", "month", "shop", "model", "technician"]
SPLIT = ("status", "revenue", "turnaround")
"""Measures whose keys a report tells apart; of the others it wants the sum …"""
SUMMED = ("model", "technician")
"""… unless it is about just these keys."""


class ReportRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def kept(self, by: By, shops: Sequence[int], first: date, last: date) -> list[Row]:
        """Rows of `place, measure, key, count, amount`: `place` is the day, the month as YYYY-MM, the shop's id, or for
        models and technicians the key itself. `key` is empty where keys are summed."""
        bound = {"shops": list(shops), "first": first.isoformat(), "last": last.isoformat()}
        return [row for each in _sums(by, backend(self.database)) for row in each.all(self.database, **bound)]


@cache
def _sums(by: By, kind: Backend) -> tuple[Statement, ...]:
    month = fn.SUBSTR(F.day, 1, 7) if kind == "sqlite" else fn.TO_CHAR(F.day, "YYYY-MM")
    place = {"day": F.day, "month": month, "shop": F.shop, "model": F.key, "technician": F.key}[by]
    if by in SUMMED:
        return (Statement(lambda: _sum(place, (by,), keys=False)),)
    return Statement(lambda: _sum(place, SPLIT, keys=True)), Statement(lambda: _sum(place, SUMMED, keys=False))


def _sum(place: Any, measures: Sequence[str], keys: bool) -> Any:
    told = (place, F.measure, F.key) if keys else (place, F.measure)
    sums = (fn.SUM(F.count).cast("BIGINT").alias("count"), fn.SUM(F.amount).cast("BIGINT").alias("amount"))
    span = (F.day >= Param("first")) & (F.day <= Param("last"))
    query = F.select(place.alias("place"), *told[1:], *sums).where(F.measure.in_(measures), span)
    return query.where(Among(F.shop, "shops")).group_by(*told)
