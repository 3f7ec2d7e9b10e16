"""What was sold: bookings with what their prices were made of, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from peewee import Database, Expression, Tuple

from reviva.database.statement import Among, Param, Row, Statement
from reviva.models import Booking, BookingItem, Brand, Category, DeviceModel, RepairType
from reviva.models.booking import Status

BATCH: Final = 500
UNSOLD: Final = (Status.DRAFT, Status.CANCELLED, Status.NO_SHOW)


class SoldRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def since(self, first: datetime, shops: Sequence[int], currency: str) -> Iterator[list[Row]]:
        """Batches of bookings made from then on, oldest first, each with its device's facts and `items`.

        Each batch is a statement of its own that goes on after the last row of the one before: a cursor kept open would
        need a transaction, and the driver would hold every row in memory.
        """
        place: dict[str, Any] = {"at": first, "id": 0}
        while True:
            batch = _BOOKINGS.all(self.database, **place, shops=list(shops), currency=currency, limit=BATCH)
            items: dict[int, list[Row]] = {booking["id"]: [] for booking in batch}
            for item in _ITEMS.all(self.database, bookings=list(items)):
                items[item["booking_id"]].append(item)
            yield [{**booking, "items": items[booking["id"]]} for booking in batch if items[booking["id"]]]
            if len(batch) < BATCH:
                return
            place = {"at": batch[-1]["created_at"], "id": batch[-1]["id"]}


def _bookings() -> Any:
    B = Booking
    place = Tuple(Param("at", B.created_at), Param("id"))
    query = B.select(
        B.id, B.shop, B.created_at, B.starts_at, B.urgency, DeviceModel.slug, DeviceModel.year, DeviceModel.tier,
        Brand.slug.alias("brand_slug"), Category.slug.alias("category_slug"),
    )  # fmt: skip
    query = query.join(DeviceModel).join(Brand).switch(DeviceModel).join(Category)
    query = query.where(
        Expression(Tuple(B.created_at, B.id), ">", place),
        Among(B.shop, "shops"), B.currency == Param("currency"), B.status.not_in(UNSOLD),
    )  # fmt: skip
    return query.order_by(B.created_at, B.id).limit(Param("limit"))


def _items() -> Any:
    query = BookingItem.select(
        BookingItem.booking, BookingItem.repair, RepairType.slug.alias("repair_slug"),
        BookingItem.name.alias("repair_name"), BookingItem.minutes, BookingItem.base.alias("amount"), BookingItem.price,
    )  # fmt: skip
    query = query.join(RepairType).where(Among(BookingItem.booking, "bookings"))
    return query.order_by(BookingItem.booking, BookingItem.position)


_BOOKINGS, _ITEMS = Statement(_bookings), Statement(_items)
