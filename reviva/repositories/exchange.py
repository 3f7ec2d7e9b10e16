"""Whole tables, a thousand rows at a time, as files have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from peewee import JOIN, Database

from reviva.database.statement import Param, Row, Statement
from reviva.models import (
    Booking,
    Brand,
    Category,
    Customer,
    DeviceModel,
    MarketFactor,
    PricingRule,
    RepairPrice,
    RepairType,
    Shop,
)

BATCH: Final = 1_000
D, R = DeviceModel, PricingRule


class ExchangeRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def every(self, kind: str) -> Iterator[Row]:
        """Every row of a kind by id; none is in memory longer than a thousand others."""
        last = 0
        while rows := _ALL[kind].all(self.database, last=last, limit=BATCH):
            last = rows[-1]["cursor"]
            for row in rows:
                del row["cursor"]
                yield row

    def columns(self, kind: str) -> list[str]:
        """The names of a kind's columns."""
        return list(_ALL[kind].compiled(self.database).names[1:])


def _after(query: Any, id: Any) -> Any:
    return query.where(id > Param("last")).order_by(id).limit(Param("limit"))


def _models() -> Any:
    query = D.select(
        D.id.alias("cursor"), D.slug, Category.slug.alias("category"), Brand.slug.alias("brand"), D.name, D.year,
        D.tier, D.model_numbers, D.aliases, D.specs, D.active,
    )  # fmt: skip
    return _after(query.join(Category).switch(D).join(Brand), D.id)


def _prices() -> Any:
    query = RepairPrice.select(
        RepairPrice.id.alias("cursor"), D.slug.alias("model"), RepairType.slug.alias("repair"), RepairPrice.currency,
        RepairPrice.amount, RepairPrice.minutes,
    )  # fmt: skip
    return _after(query.join(D).switch(RepairPrice).join(RepairType), RepairPrice.id)


def _rules() -> Any:
    query = R.select(
        R.id.alias("cursor"), R.id, R.name, R.kind, R.value, R.priority, MarketFactor.key.alias("factor"), R.conditions,
        R.stops, R.active, R.valid_from, R.valid_to,
    )  # fmt: skip
    return _after(query.join(MarketFactor, JOIN.LEFT_OUTER), R.id)


def _bookings() -> Any:
    """With their `contact`: whom a booking is for is told by it and the customer's columns together."""
    b = Booking
    query = b.select(
        b.id.alias("cursor"), b.reference, Shop.slug.alias("shop"), b.status, b.urgency, D.slug.alias("model"),
        Customer.name.alias("customer_name"), Customer.email.alias("customer_email"),
        Customer.phone.alias("customer_phone"), b.starts_at, b.ends_at, b.currency, b.total, b.notes, b.created_at,
        b.completed_at, b.contact,
    )  # fmt: skip
    return _after(query.join(Shop).switch(b).join(D).switch(b).join(Customer, JOIN.LEFT_OUTER), b.id)


_ALL: Final = {
    "models": Statement(_models), "prices": Statement(_prices), "rules": Statement(_rules),
    "bookings": Statement(_bookings),
}  # fmt: skip
