"""The shops' figures of any span of time, counted from the bookings and messages themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from peewee import SQL, Cast, Database, NodeList, fn

from reviva.database.ddl import Backend, backend
from reviva.database.statement import Among, Param, Row, Statement
from reviva.models import Booking, BookingHistory, DeviceModel, Notification
from reviva.models.booking import OVER, Status
from reviva.models.notification import NotificationStatus
from reviva.models.summary import Measure
from reviva.repositories.figure import figure, summed

B, H, N = Booking, BookingHistory, Notification
M = Measure
OPEN = tuple(status for status in Status if status not in OVER)


class FigureCounts:
    """What happened, by figures as they are kept; and what stands and waits now."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def counted(
        self, shops: Sequence[int], first: datetime, last: datetime, offset: timedelta
    ) -> dict[date, list[Row]]:
        """What happened in some shops from one instant until before another, by the days of a clock that is `offset`
        ahead of UTC."""
        bound = {"shops": list(shops), "first": first, "last": last, "offset": f"{offset.total_seconds():.0f} seconds"}
        found: defaultdict[str, list[Row]] = defaultdict(list)

        def rows(statements: dict[Backend, Statement]) -> Iterator[tuple[Row, int, Callable[..., None]]]:
            for row in statements[backend(self.database)].all(self.database, **bound):
                day, shop = found[str(row["day"])], row["shop_id"]
                yield row, row["n"], lambda *told, day=day, shop=shop: day.append(figure(shop, *told))

        for row, n, add in rows(_STEPS):
            add(M.STATUS, row["to_status"], n)
        for row, n, add in rows(_DONE):
            add(M.REVENUE, row["currency"], n, row["amount"])
            if row["assigned_to_id"] is not None:
                add(M.TECHNICIAN, str(row["assigned_to_id"]), n, row["minutes"])
                add(M.WORK, "", n, row["minutes"])
            if row["ready"]:
                add(M.TURNAROUND, "", row["ready"], row["seconds"])
        for row, n, add in rows(_MADE):
            add(M.MODEL, row["slug"], n)
            add(M.MADE, "", n)
        for _, n, add in rows(_SENT):
            add(M.MESSAGE, "sent", n)
        return {date.fromisoformat(day): summed(figures) for day, figures in found.items()}

    def busy(self, first: datetime, last: datetime, steps: int) -> bool:
        """Whether bookings made so many steps from one instant until before another."""
        return len(_SOME_STEPS.all(self.database, first=first, last=last, most=steps)) == steps

    def standing(self, shop: int | None) -> dict[str, int]:
        """How many bookings of one shop, or of all, stand in each status that is not an end."""
        rows = _STANDING if shop is None else _STANDING_OF
        return {row["status"]: row["n"] for row in rows.all(self.database, shop=shop)}

    def waiting(self) -> dict[str, int]:
        """How many messages are queued, being sent, and given up."""
        return {row["status"]: row["n"] for row in _WAITING.all(self.database)}


def _seconds(node: Any, kind: Backend) -> Any:
    """Whole seconds since 1970, the same on both databases."""
    if kind == "sqlite":
        return fn.STRFTIME("%s", node).cast("INTEGER")
    return fn.FLOOR(fn.EXTRACT(NodeList((SQL("EPOCH FROM"), node)))).cast("BIGINT")


def _span(field: Any) -> Any:
    return (field >= Param("first", field)) & (field < Param("last", field))


def _day(field: Any, kind: Backend) -> Any:
    """The day of an instant, on a clock that is `offset` ahead of UTC."""
    offset = Param("offset")
    if kind == "sqlite":
        return fn.DATE(field, offset).alias("day")
    return NodeList((field, SQL("AT TIME ZONE 'UTC' +"), Cast(offset, "INTERVAL"))).cast("DATE").alias("day")


def _each(build: Callable[[Backend], Any]) -> dict[Backend, Statement]:
    """Not kept: one plan for an hour and for a year would read all bookings for either."""
    return {
        "sqlite": Statement(lambda: build("sqlite"), kept=False),
        "postgresql": Statement(lambda: build("postgresql"), kept=False),
    }


def _by_shop(instant: Any, kind: Backend, *conditions: Any, **by: Any) -> Any:
    """How many rows there are of a span, of a table whose rows belong to bookings, by day, shop and more.

    The shop is looked up for each row: to join a day's with them, either planner would rather read all bookings.
    """
    table = instant.model
    shop = B.select(B.shop).where(B.id == table.booking).alias("shop_id")
    named = [node.alias(name) for name, node in by.items()]
    each = table.select(_day(instant, kind), shop, *named).where(_span(instant), *conditions).offset(0).alias("each")
    return _grouped(each, ("day", "shop_id", *by), _N)


def _grouped(each: Any, names: Sequence[str], *sums: Any) -> Any:
    """Sums over the rows of a subselect that are of some shops, by its columns of these names."""
    columns = [each.c[name] for name in names]
    named = [column.alias(column.name) for column in columns]
    return B.select(*named, *sums).from_(each).where(Among(each.c.shop_id, "shops")).group_by(*columns)


def _moves(step: Any) -> Any:
    """A step to another status. The others say what else was changed: notes, repairs, or who is to do it."""
    return step.from_status.is_null() | (step.from_status != step.to_status)


def _done(kind: Backend) -> Any:
    """Bookings completed, by what they are told apart by. A subselect first, for its columns are summed twice."""
    step = H.alias("step")

    def when(choose: Any, status: Status) -> Any:
        return step.select(choose(step.at)).where(step.booking == B.id, step.to_status == status, _moves(step))

    seconds = _seconds(when(fn.MAX, Status.READY), kind) - _seconds(when(fn.MIN, Status.CHECKED_IN), kind)
    each = H.select(
        _day(H.at, kind), B.shop, B.currency, B.assigned_to, B.total, seconds.alias("seconds"),
        (_seconds(B.ends_at, kind) - _seconds(B.starts_at, kind)).alias("seconds_booked"),
    ).join(B).where(_span(H.at), H.to_status == Status.COMPLETED, _moves(H))  # fmt: skip
    # Not dissolved: PostgreSQL would look up the steps for each sum, SQLite begin with the shops and all they have.
    each = each.offset(0).alias("each")
    c = each.c
    sums = (
        fn.COUNT(SQL("*")).alias("n"), fn.SUM(c.total).cast("BIGINT").alias("amount"),
        (fn.SUM(c.seconds_booked).cast("BIGINT") / 60).alias("minutes"), fn.COUNT(c.seconds).alias("ready"),
        fn.SUM(c.seconds).cast("BIGINT").alias("seconds"),
    )  # fmt: skip
    return _grouped(each, ("day", "shop_id", "currency", "assigned_to_id"), *sums)


_NEW = (H.from_status.is_null() | (H.from_status == Status.DRAFT)) & H.to_status.in_((Status.PENDING, Status.CONFIRMED))

_SOME_STEPS = Statement(lambda: H.select(H.at).where(_span(H.at)).limit(Param("most")))
_N = fn.COUNT(SQL("*")).alias("n")
_STEPS = _each(lambda kind: _by_shop(H.at, kind, _moves(H), to_status=H.to_status))
_DONE = _each(_done)
_SLUG = DeviceModel.select(DeviceModel.slug).join(B).where(B.id == H.booking)
_MADE = _each(lambda kind: _by_shop(H.at, kind, _NEW, slug=_SLUG))
_SENT = _each(lambda kind: _by_shop(N.sent_at, kind, N.sent_at.is_null(False)))


def _standing(*conditions: Any) -> Any:
    return B.select(B.status, fn.COUNT(SQL("*")).alias("n")).where(B.status.in_(OPEN), *conditions).group_by(B.status)


_STANDING, _STANDING_OF = Statement(_standing), Statement(lambda: _standing(B.shop == Param("shop")))
_WAITING = Statement(
    lambda: (
        N.select(N.status, fn.COUNT(SQL("*")).alias("n"))
        .where(N.status.in_((NotificationStatus.QUEUED, NotificationStatus.SENDING, NotificationStatus.DEAD)))
        .group_by(N.status)
    )
)
