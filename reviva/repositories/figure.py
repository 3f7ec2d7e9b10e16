"""The shop's figures: of any span of time, counted, and of whole days, kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from peewee import SQL, Database, NodeList, fn

from reviva.database import statement
from reviva.database.ddl import Backend, backend
from reviva.database.fields import read_instant
from reviva.database.statement import Among, Param, Row, Statement
from reviva.models import Booking, BookingHistory, DayFigure, DeviceModel, Notification
from reviva.models.booking import Status
from reviva.models.notification import NotificationStatus

B, H, N, F = Booking, BookingHistory, Notification, DayFigure
BATCH = 500
MARK = "day"
"""The measure of a row that says: this shop's figures of this day are kept."""


class FigureRepository:
    """A figure is a row of `shop_id, measure, key, count, amount`; the measures are those of `counted`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def counted(self, shops: Sequence[int], first: datetime, last: datetime) -> list[Row]:
        """What happened in some shops from one instant until before another, counted from the bookings themselves.

        `status` by status: how many bookings came to it. `revenue` by currency: bookings completed, and their totals.
        `technician` by user's id: bookings completed, and their minutes. `turnaround`: bookings completed that were
        checked in and got ready, and the seconds between. `model` by slug: bookings made. `message` by status: messages
        sent.
        """
        bound = {"shops": list(shops), "first": first, "last": last}
        figures = [
            figure(row["shop_id"], "status", row["to_status"], row["n"]) for row in _STEPS.all(self.database, **bound)
        ]
        for row in _DONE[backend(self.database)].all(self.database, **bound):
            shop, n = row["shop_id"], row["n"]
            figures.append(figure(shop, "revenue", row["currency"], n, row["amount"]))
            if row["assigned_to_id"] is not None:
                figures.append(figure(shop, "technician", str(row["assigned_to_id"]), n, row["minutes"]))
            if row["ready"]:
                figures.append(figure(shop, "turnaround", "", row["ready"], row["seconds"]))
        figures += [figure(row["shop_id"], "model", row["slug"], row["n"]) for row in _MADE.all(self.database, **bound)]
        figures += [figure(row["shop_id"], "message", "sent", row["n"]) for row in _SENT.all(self.database, **bound)]
        return summed(figures)

    def keep(self, day: date, shops: Iterable[int], figures: Iterable[Row]) -> None:
        """Keeps a day's figures of some shops, in place of what was kept of it."""
        shops = list(shops)
        F.delete().where(F.shop.in_(shops), F.day == day).bind(self.database).execute()
        rows = [{"day": day, **row} for row in [*figures, *(figure(shop, MARK, "", 1) for shop in shops)]]
        for start in range(0, len(rows), BATCH):
            statement.insert(self.database, DayFigure, rows[start : start + BATCH])

    def forget(self, first: date) -> None:
        """Drops what is kept of the days from this one on: something was added to the past."""
        F.delete().where(F.day >= first).bind(self.database).execute()

    def kept_days(self, shops: Sequence[int], first: date, last: date) -> set[tuple[int, date]]:
        """The (shop, day) pairs whose figures are kept."""
        rows = _KEPT.all(self.database, shops=list(shops), first=first.isoformat(), last=last.isoformat())
        return {(row["shop_id"], row["day"]) for row in rows}

    def kept(self, shops: Sequence[int] | None, first: date, last: date) -> list[Row]:
        """Kept figures of all, or of some, shops together: `day, measure, key, count, amount`; models of all days."""
        bound = {"first": first.isoformat(), "last": last.isoformat(), "shops": list(shops or ())}
        days, models = (_DAYS, _MODELS) if shops is None else (_DAYS_OF, _MODELS_OF)
        return [*days.all(self.database, **bound), *models.all(self.database, **bound)]

    def began(self) -> datetime | None:
        """When the first thing happened to a booking."""
        row = _FIRST.first(self.database)
        return read_instant(row["at"]) if row and row["at"] is not None else None

    def standing(self, shops: Sequence[int] | None) -> dict[str, int]:
        """How many bookings of all, or of some, shops stand in each status that is not an end."""
        rows = _STANDING if shops is None else _STANDING_OF
        return {row["status"]: row["n"] for row in rows.all(self.database, shops=list(shops or ()))}

    def waiting(self) -> dict[str, int]:
        """How many messages are queued, being sent, and given up."""
        return {row["status"]: row["n"] for row in _WAITING.all(self.database)}


def figure(shop: int, measure: str, key: str, count: int, amount: int | None = 0) -> Row:
    return {"shop_id": shop, "measure": measure, "key": key, "count": count, "amount": amount or 0}


def summed(figures: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row for each shop, measure and key."""
    whole: dict[tuple[int, str, str], Row] = {}
    for row in figures:
        known = whole.setdefault((row["shop_id"], row["measure"], row["key"]), {**row, "count": 0, "amount": 0})
        known["count"] += row["count"]
        known["amount"] += row["amount"]
    return list(whole.values())


def _seconds(node: Any, kind: Backend) -> Any:
    """Whole seconds since 1970, the same on both databases."""
    if kind == "sqlite":
        return fn.STRFTIME("%s", node).cast("INTEGER")
    return fn.FLOOR(fn.EXTRACT(NodeList((SQL("EPOCH FROM"), node)))).cast("BIGINT")


def _span(field: Any) -> Any:
    return (field >= Param("first", field)) & (field < Param("last", field))


def _done(kind: Backend) -> Any:
    """Bookings completed, by what they are told apart by. A subselect first, for its columns are summed twice."""
    step = H.alias("step")

    def when(choose: Any, status: Status) -> Any:
        return step.select(choose(step.at)).where(step.booking == B.id, step.to_status == status)

    seconds = _seconds(when(fn.MAX, Status.READY), kind) - _seconds(when(fn.MIN, Status.CHECKED_IN), kind)
    each = H.select(
        B.shop, B.currency, B.assigned_to, B.total, seconds.alias("seconds"),
        (_seconds(B.ends_at, kind) - _seconds(B.starts_at, kind)).alias("seconds_booked"),
    ).join(B).where(_span(H.at), Among(B.shop, "shops"), H.to_status == Status.COMPLETED)  # fmt: skip
    if kind == "postgresql":
        each = each.offset(0)  # else PostgreSQL dissolves the subselect, and looks up the steps for each sum
    each = each.alias("each")
    c = each.c
    names = (c.shop_id, c.currency, c.assigned_to_id)
    named = [name.alias(alias) for name, alias in zip(names, ("shop_id", "currency", "assigned_to_id"), strict=True)]
    sums = (
        fn.COUNT(SQL("*")).alias("n"), fn.SUM(c.total).cast("BIGINT").alias("amount"),
        (fn.SUM(c.seconds_booked).cast("BIGINT") / 60).alias("minutes"), fn.COUNT(c.seconds).alias("ready"),
        fn.SUM(c.seconds).cast("BIGINT").alias("seconds"),
    )  # fmt: skip
    return B.select(*named, *sums).from_(each).group_by(*names)


OPEN = tuple(status for status in Status if status not in (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW))
_NEW = (H.from_status.is_null() | (H.from_status == Status.DRAFT)) & H.to_status.in_((Status.PENDING, Status.CONFIRMED))

_STEPS = Statement(
    lambda: (
        H.select(B.shop, H.to_status, fn.COUNT(SQL("*")).alias("n"))
        .join(B)
        .where(_span(H.at), Among(B.shop, "shops"))
        .group_by(B.shop, H.to_status)
    )
)
_DONE: dict[Backend, Statement] = {
    "sqlite": Statement(lambda: _done("sqlite")),
    "postgresql": Statement(lambda: _done("postgresql")),
}
_MADE = Statement(
    lambda: (
        H.select(B.shop, DeviceModel.slug, fn.COUNT(SQL("*")).alias("n"))
        .join(B)
        .join(DeviceModel)
        .where(_span(H.at), Among(B.shop, "shops"), _NEW)
        .group_by(B.shop, DeviceModel.slug)
    )
)
_SENT = Statement(
    lambda: (
        N.select(B.shop, fn.COUNT(SQL("*")).alias("n"))
        .join(B)
        .where(_span(N.sent_at), N.sent_at.is_null(False), Among(B.shop, "shops"))
        .group_by(B.shop)
    )
)
_RANGE = (F.day >= Param("first")) & (F.day <= Param("last"))
_OF = Among(F.shop, "shops")
_KEPT = Statement(lambda: F.select(F.shop, F.day).where(F.measure == MARK, _RANGE, _OF))


def _days(*conditions: Any) -> Any:
    measures = ("status", "revenue", "turnaround", "message")
    return (
        F.select(F.day, F.measure, F.key, *_SUMS).where(F.measure.in_(measures), _RANGE, *conditions)
        .group_by(F.day, F.measure, F.key)
    )  # fmt: skip


def _models(*conditions: Any) -> Any:
    return (
        F.select(F.measure, F.key, *_SUMS).where(F.measure == "model", _RANGE, *conditions).group_by(F.measure, F.key)
    )


_SUMS = (
    fn.SUM(F.count).cast("BIGINT").alias("count"), fn.SUM(F.amount).cast("BIGINT").alias("amount"),
)  # fmt: skip
_DAYS, _DAYS_OF = Statement(_days), Statement(lambda: _days(_OF))
_MODELS, _MODELS_OF = Statement(_models), Statement(lambda: _models(_OF))
_FIRST = Statement(lambda: H.select(fn.MIN(H.at).alias("at")))


def _standing(*conditions: Any) -> Any:
    return B.select(B.status, fn.COUNT(SQL("*")).alias("n")).where(B.status.in_(OPEN), *conditions).group_by(B.status)


_STANDING, _STANDING_OF = Statement(_standing), Statement(lambda: _standing(Among(B.shop, "shops")))
_WAITING = Statement(
    lambda: (
        N.select(N.status, fn.COUNT(SQL("*")).alias("n"))
        .where(N.status.in_((NotificationStatus.QUEUED, NotificationStatus.SENDING, NotificationStatus.DEAD)))
        .group_by(N.status)
    )
)
