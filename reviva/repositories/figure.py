"""The shops' figures of days, as they are kept: of each shop, and of all together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from secrets import randbits
from typing import Any, NamedTuple, TypeVar

from peewee import EXCLUDED, SQL, Database, chunked, fn

from reviva.database import statement
from reviva.database.statement import Among, Param, Row, Statement
from reviva.database.turn import wait_for_turn
from reviva.models import DayFigure, DayTotal, Shop
from reviva.models.summary import Measure
from reviva.repositories.base import BATCH

F, T = DayFigure, DayTotal
M = Measure
TOTALLED = tuple(measure for measure in M if measure not in (M.TECHNICIAN, M.COUNTING))
"""Technicians work in one shop each: their sums over all shops would be as many rows again."""
TURN = "figures"
"""Keeping and dropping: a total that is summed while another process adds a shop's day would lack it."""
SHOWN = (M.STATUS, M.REVENUE, M.TURNAROUND, M.MESSAGE, M.MODEL)
"""What a dashboard shows, its models not by day."""
Found = TypeVar("Found")


class Kept(NamedTuple):
    """Which days' figures are kept: those of all shops, and the (shop, day) pairs of the others."""

    whole: set[date]
    single: set[tuple[int, date]]
    begun: dict[tuple[int, date], datetime]
    """Of days that are not over: until when they are kept."""

    def missing(self, shops: Sequence[int], day: date) -> list[int]:
        """Those of some shops that a day is not kept of to its end."""
        return [] if day in self.whole else [shop for shop in shops if (shop, day) not in self.single]

    def since(self, shops: Iterable[int], day: date) -> dict[datetime | None, list[int]]:
        """Some shops by the instant from which on a day is not kept of them; None where that is its beginning."""
        since: defaultdict[datetime | None, list[int]] = defaultdict(list)
        for shop in shops:
            since[self.begun.get((shop, day))].append(shop)
        return since


class FigureRepository:
    """A figure is a row of `shop_id, measure, key, count, amount`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, day: date, shops: Iterable[int]) -> int:
        """Marks a day of some shops as being counted, in a transaction that ends before it is, and returns the mark.
        What drops the day meanwhile drops it, and whoever begins later puts theirs in its place."""
        wait_for_turn(self.database, TURN)
        mark = randbits(40)
        marked = F.insert_many([{"day": day, **figure(shop, M.COUNTING, "", 0, mark)} for shop in shops])
        marked = marked.on_conflict(conflict_target=[F.shop, F.day, F.measure, F.key], preserve=[F.amount])
        marked.bind(self.database).execute()
        return mark

    def keep(self, day: date, mark: int, figures: Iterable[Row]) -> None:
        """Keeps a day's figures of the shops that still have this mark, and sums up the day of all shops."""
        wait_for_turn(self.database, TURN)
        marked = self._marked(day, mark)
        marks = [figure(shop, M.KEPT, "", 1) for shop in marked]
        self._replace(day, marked, [*(row for row in figures if row["shop_id"] in marked), *marks])

    def keep_more(
        self, day: date, mark: int, figures: Iterable[Row], since: datetime | None, until: datetime
    ) -> None:  # fmt: skip
        """Adds to what is kept of a day that is not over, of the shops that still have this mark: figures from where it
        ended, or with None from the day's beginning, until another whole second."""
        wait_for_turn(self.database, TURN)
        marked, seconds = self._marked(day, mark), int(until.timestamp() - (since.timestamp() if since else 0))
        marks = [figure(shop, M.KEPT, "", 0, seconds) for shop in marked]
        for some in chunked([*(row for row in figures if row["shop_id"] in marked), *marks], BATCH):
            adding = {F.count: F.count + EXCLUDED.count, F.amount: F.amount + EXCLUDED.amount}
            rows = F.insert_many([{"day": day, **row} for row in some])
            rows = rows.on_conflict(conflict_target=[F.shop, F.day, F.measure, F.key], update=adding)
            rows.bind(self.database).execute()
        self._sum_up(day)

    def _marked(self, day: date, mark: int) -> list[int]:
        return [row["shop_id"] for row in _MARKED.all(self.database, day=day.isoformat(), mark=mark)]

    def drop(self, day: date, shop: int) -> None:
        """Drops what is kept of a shop's day: it is counted otherwise now."""
        wait_for_turn(self.database, TURN)
        self._replace(day, [shop], [])

    def drop_shop(self, shop: int) -> None:
        """Drops what is kept of a shop's days, and sums up those of the others."""
        wait_for_turn(self.database, TURN)
        F.delete().where(F.shop == shop).bind(self.database).execute()
        T.delete().bind(self.database).execute()
        _summed_up(F.measure.in_(TOTALLED)).bind(self.database).execute()

    def _replace(self, day: date, shops: list[int], figures: Iterable[Row]) -> None:
        """To be done in one's turn: each statement after it began sees what the others have kept."""
        _DROP.run(self.database, shops=shops, day=day.isoformat())
        for some in chunked(figures, BATCH):
            statement.insert(self.database, DayFigure, [{"day": day, **row} for row in some])
        self._sum_up(day)

    def _sum_up(self, day: date) -> None:
        for each in (_DROP_TOTAL, _SUM_UP):
            each.run(self.database, day=day.isoformat())

    def forget(self, first: date) -> None:
        """Drops what is kept of the days from this one on: something was added to the past."""
        wait_for_turn(self.database, TURN)
        F.delete().where(F.day >= first).bind(self.database).execute()
        T.delete().where(T.day >= first).bind(self.database).execute()

    def kept_days(self, shop: int | None, first: date, last: date) -> Kept:
        """Which days' figures are kept, of one shop or of all."""
        bound = {"first": first.isoformat(), "last": last.isoformat()}
        rows = _KEPT.all(self.database, **bound) if shop is None else _KEPT_OF.all(self.database, shop=shop, **bound)
        single = {(row["shop_id"], row["day"]): row for row in rows if row["shop_id"] is not None}
        return Kept(
            {row["day"] for row in rows if row["shop_id"] is None},
            {place for place, row in single.items() if row["count"]},
            {p: datetime.fromtimestamp(row["amount"], UTC) for p, row in single.items() if not row["count"]},
        )

    def with_days(self, shop: int | None, first: date, last: date, read: Callable[[], Found]) -> tuple[Kept, Found]:
        """What is read of the kept figures, and of which days it is: read again where a day was just being kept."""
        kept = self.kept_days(shop, first, last)
        while True:
            found, after = read(), self.kept_days(shop, first, last)
            if after == kept:
                return kept, found
            kept = after

    def kept(self, shop: int | None, first: date, last: date) -> list[Row]:
        """Kept figures of one shop or of all: `day, measure, key, count, amount`; models of all days together."""
        bound = {"first": first.isoformat(), "last": last.isoformat(), "shop": shop}
        days, models = (_DAYS, _MODELS) if shop is None else (_DAYS_OF, _MODELS_OF)
        return [*days.all(self.database, **bound), *models.all(self.database, **bound)]


def figure(shop: int, measure: Measure, key: str, count: int, amount: int | None = 0) -> Row:
    return {"shop_id": shop, "measure": measure.value, "key": key, "count": count, "amount": amount or 0}


def summed(figures: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row for each shop, measure and key."""
    whole: dict[tuple[int, str, str], Row] = {}
    for row in figures:
        known = whole.setdefault((row["shop_id"], row["measure"], row["key"]), {**row, "count": 0, "amount": 0})
        known["count"] += row["count"]
        known["amount"] += row["amount"]
    return list(whole.values())


def within(table: Any, measures: Iterable[Measure]) -> Any:
    """The kept rows of a span of days that tell of these measures."""
    return table.measure.in_(list(measures)) & (table.day >= Param("first")) & (table.day <= Param("last"))


def on_day(table: Any, measures: Iterable[Measure]) -> Any:
    """A day's kept rows of these measures, which are named even where they are all: the indexes begin with them."""
    return table.measure.in_(list(measures)) & (table.day == Param("day"))


def _kept() -> Any:
    """Days that are kept of all shops there are; for the others, each shop."""
    everyone = T.count >= Shop.select(fn.COUNT(SQL("*")))
    marks = within(T, [M.KEPT])
    single = F.select(F.shop, F.day, F.count, F.amount)
    single = single.where(F.measure == M.KEPT, F.day.in_(T.select(T.day).where(marks, ~everyone)))
    whole = T.select(SQL("NULL").alias("shop_id"), T.day, T.count, T.amount).where(marks, everyone)
    return whole.union_all(single)


def _days(table: Any, *conditions: Any) -> Any:
    return table.select(table.day, table.measure, table.key, table.count, table.amount).where(
        within(table, SHOWN[:-1]), *conditions
    )


def _models(table: Any, *conditions: Any) -> Any:
    return (
        table.select(table.measure, table.key, *sums(table)).where(within(table, [M.MODEL]), *conditions)
        .group_by(table.measure, table.key)
    )  # fmt: skip


def sums(table: Any) -> tuple[Any, Any]:
    return fn.SUM(table.count).cast("BIGINT").alias("count"), fn.SUM(table.amount).cast("BIGINT").alias("amount")


_DROP = Statement(lambda: F.delete().where(Among(F.shop, "shops"), on_day(F, M)))
_DROP_TOTAL = Statement(lambda: T.delete().where(on_day(T, TOTALLED)))


def _summed_up(chosen: Any) -> Any:
    whole = F.select(F.measure, F.day, F.key, *sums(F)).where(chosen).group_by(F.measure, F.day, F.key)
    return T.insert_from(whole, [T.measure, T.day, T.key, T.count, T.amount])


_SUM_UP = Statement(lambda: _summed_up(on_day(F, TOTALLED)))
_OF = F.shop == Param("shop")
_KEPT = Statement(_kept)
_KEPT_OF = Statement(lambda: F.select(F.shop, F.day, F.count, F.amount).where(within(F, [M.KEPT]), _OF))
_MARKED = Statement(lambda: F.select(F.shop).where(on_day(F, [M.COUNTING]), F.amount == Param("mark")))
_DAYS, _DAYS_OF = Statement(lambda: _days(T)), Statement(lambda: _days(F, _OF))
_MODELS, _MODELS_OF = Statement(lambda: _models(T)), Statement(lambda: _models(F, _OF))
