"""The shop's figures by day, so that no report reads every booking."""

from __future__ import annotations

from peewee import ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import AmountField, DayField
from reviva.models.base import Base
from reviva.models.shop import Shop


class DayFigure(Base):
    """One number of one shop on one local day, for instance how many bookings became `ready`."""

    shop = ForeignKeyField(Shop, on_delete="CASCADE", lazy_load=False, index=False)
    day = DayField()
    measure = TextField()
    """What is counted: `status`, `revenue`, `model`, `technician`, `turnaround` …"""
    key = TextField(default="")
    """Which one: the status, the currency, the model's slug, the user's id …"""
    count = IntegerField(default=0)
    amount = AmountField(negative=True, default=0)

    class Meta:
        table_name = "day_figure"
        indexes = [
            Index(
                "day_figure_one", "day_figure", "shop_id, day, measure, key", serves="adding to a figure", unique=True
            ),
            Index(
                "day_figure_measure",
                "day_figure",
                "measure, day, key, count, amount",
                serves="a report over all shops, from the index alone",
            ),
        ]
