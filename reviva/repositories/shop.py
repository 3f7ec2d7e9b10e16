"""Shops, their hours, closures and benches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from reviva.database.ddl import backend
from reviva.database.fields import read_instant
from reviva.database.statement import Among, Param, Row, Statement, locking
from reviva.models import Bench, Booking, BookingSlot, Closure, Hours, Shop
from reviva.models.shop import STEP_MINUTES
from reviva.repositories.base import Repository


class ShopRepository(Repository[Shop]):
    model = Shop
    sorts = {"slug": Shop.slug, "name": Shop.name, "created_at": Shop.created_at}
    filters = {"active": lambda value: Shop.active == value}
    default_sort = (("slug", False),)

    def named(self, slug: str | None) -> Shop | None:
        """The active shop of this name; without a name, the first."""
        row = _FIRST.first(self.database) if slug is None else _NAMED.first(self.database, slug=slug)
        if row is None:
            return None
        shop = Shop(__no_default__=True)
        shop.__data__.update(row)  # what the constructor does too, but through each field's descriptor
        return shop

    def everyone(self) -> list[Row]:
        """Every shop's `id, slug, name, timezone, currency, began`, the oldest first; it began with its first booking,
        and None has none yet."""
        rows = _EVERYONE.all(self.database)
        return [{**row, "began": row["began"] and read_instant(row["began"])} for row in rows]

    def ids(self, slugs: Collection[str]) -> dict[str, int]:
        """Those of some shops that are there, by slug."""
        rows = self.run(Shop.select(Shop.slug, Shop.id).where(Shop.slug.in_(list(slugs))))
        return {row["slug"]: row["id"] for row in rows}

    def others(self, slug: str) -> bool:
        """Whether there is an active shop besides this one."""
        return bool(self.run(Shop.select(Shop.id).where(Shop.active, Shop.slug != slug).limit(1)))

    def origins(self) -> set[str]:
        """The origins that the active shops have listed."""
        return {origin for row in _ORIGINS.all(self.database) for origin in row["allowed_origins"]}


class HoursRepository(Repository[Hours]):
    model = Hours

    def of(self, shops: Sequence[int]) -> Mapping[int, list[Row]]:
        """The weeks of some shops, in order, by shop."""
        return _by_shop(_HOURS.all(self.database, shops=shops))

    def delete_of(self, shop: int) -> None:
        """Removes a shop's week."""
        Hours.delete().where(Hours.shop == shop).bind(self.database).execute()


class ClosureRepository(Repository[Closure]):
    model = Closure

    def of(self, shops: Sequence[int]) -> Mapping[int, list[Row]]:
        """The closures of some shops, in order, by shop."""
        return _by_shop(_CLOSURES.all(self.database, shops=shops))

    def delete_of(self, shop: int) -> None:
        """Removes a shop's closures."""
        Closure.delete().where(Closure.shop == shop).bind(self.database).execute()


class BenchRepository(Repository[Bench]):
    model = Bench

    def of(self, shops: Sequence[int]) -> Mapping[int, list[Row]]:
        """The benches of some shops, the oldest first, by shop."""
        return _by_shop(_BENCHES_OF.all(self.database, shops=shops))

    def lock(self, shop: int) -> None:
        """Waits for those who are taking time on a shop's benches, and lets nobody begin to before the transaction
        ends."""
        _LOCK[backend(self.database)].all(self.database, shop=shop)

    def in_use(self, shop: int) -> list[int]:
        """The ids of a shop's active benches, ascending."""
        return [row["id"] for row in _BENCHES.all(self.database, shop=shop)]

    def taken(self, benches: Sequence[int], now: datetime) -> set[int]:
        """Those of some benches that have a job going on or to come; lapsed holds don't count."""
        values = {"benches": list(benches), "from": now - timedelta(minutes=STEP_MINUTES), "now": now}
        return {row["bench_id"] for row in _TAKEN.all(self.database, **values)}

    def set_active(self, benches: Sequence[int], active: bool) -> None:
        """Puts benches into use, or out of it."""
        if benches:
            self.update_many(Bench.id.in_(benches), active=active)


def _by_shop(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["shop_id"]].append(row)
    return found


def _of(model: Any, *order: Any) -> Statement:
    return Statement(lambda: model.select().where(Among(model.shop, "shops")).order_by(*order))


_HOURS = _of(Hours, Hours.weekday, Hours.opens)
_CLOSURES = _of(Closure, Closure.starts_on, Closure.id)
_BENCHES_OF = _of(Bench, Bench.id)
_BENCHES = Statement(lambda: Bench.select(Bench.id).where(Bench.shop == Param("shop"), Bench.active).order_by(Bench.id))
_LOCK = locking(lambda: Bench.select(Bench.id).where(Bench.shop == Param("shop")).order_by(Bench.id))
_TAKEN = Statement(
    lambda: (
        BookingSlot.select(BookingSlot.bench)
        .where(
            Among(BookingSlot.bench, "benches"),
            BookingSlot.starts_at > Param("from", BookingSlot.starts_at),
            BookingSlot.held_until.is_null() | (BookingSlot.held_until > Param("now", BookingSlot.held_until)),
        )
        .distinct()
    )
)
_ORIGINS = Statement(lambda: Shop.select(Shop.allowed_origins).where(Shop.active))
_FIRST = Statement(lambda: Shop.select().where(Shop.active).order_by(Shop.id).limit(1))
_EVERYONE = Statement(
    lambda: Shop.select(
        Shop.id,
        Shop.slug,
        Shop.name,
        Shop.timezone,
        Shop.currency,
        Booking.select(fn.MIN(Booking.created_at)).where(Booking.shop == Shop.id).alias("began"),
    ).order_by(Shop.id)
)
_NAMED = Statement(lambda: Shop.select().where(Shop.active, Shop.slug == Param("slug")))
