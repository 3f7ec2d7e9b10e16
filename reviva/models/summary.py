"""The shops' figures by day, so that no report reads every booking, and what they are of all shops together."""

from __future__ import annotations

from enum import StrEnum

from peewee import CompositeKey, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import AmountField, DayField, WordField
from reviva.models.base import Base
from reviva.models.shop import Shop


class Measure(StrEnum):
    """What is counted, and what its keys tell apart."""

    STATUS = "status"
    """By status: how many bookings came to it."""
    REVENUE = "revenue"
    """By currency: bookings completed, and their totals."""
    TURNAROUND = "turnaround"
    """Bookings completed that were checked in and got ready, and the seconds between."""
    MODEL = "model"
    """By slug: bookings made …"""
    MADE = "made"
    """… and of all models together."""
    TECHNICIAN = "technician"
    """By user's id: bookings completed, and their minutes …"""
    WORK = "work"
    """… and of all technicians together."""
    MESSAGE = "message"
    """By status: messages sent."""
    KEPT = "kept"
    """That this day's figures are kept: 1 of a shop; of all together, of how many. 0 of one that is kept until an
    instant, with the seconds since 1970."""
    COUNTING = "counting"
    """That they are being counted, of a shop, and by whom: an amount that only they know."""


class DayFigure(Base):
    """One number of one shop on one local day, for instance how many bookings became `ready`."""

    id = None  # type: ignore[assignment]
    shop = ForeignKeyField(Shop, on_delete="RESTRICT", lazy_load=False, index=False)
    """Never removed with its shop, for the totals would still have it."""
    day = DayField()
    measure = WordField(Measure)
    key = TextField(default="")
    """Which one: the status, the currency, the model's slug, the user's id …"""
    count = IntegerField(default=0)
    amount = AmountField(negative=True, default=0)

    class Meta:
        table_name = "day_figure"
        primary_key = CompositeKey("shop", "measure", "day", "key")
        indexes = [
            Index(
                "day_figure_measure", "day_figure", "measure, day",
                serves="a day's totals, a report by shop and one by technician",
            ),
        ]  # fmt: skip


class DayTotal(Base):
    """The sum of a day's figures over the shops that it is kept of; kept with them, in the same transaction.

    Of all measures but technicians.
    """

    id = None  # type: ignore[assignment]
    measure = WordField(Measure)
    day = DayField()
    key = TextField(default="")
    count = IntegerField(default=0)
    amount = AmountField(negative=True, default=0)

    class Meta:
        table_name = "day_total"
        primary_key = CompositeKey("measure", "day", "key")
