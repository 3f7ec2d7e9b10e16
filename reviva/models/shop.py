"""A shop: where it is, when it is open, and how many devices it can repair at once."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import DayField, JSONField, UTCField
from reviva.models.base import Base

STEP_MINUTES = 15
"""Occupied time is kept in steps of this length whatever a shop's grid is, so that a changed grid can't let two jobs
overlap. Every UTC offset in use is a multiple of it."""


class Shop(Base):
    slug = TextField(unique=True)
    name = TextField()
    timezone = TextField()
    """IANA name."""
    currency = TextField()
    """ISO 4217."""
    country = TextField(default="GB")
    """ISO 3166-1 alpha-2: the region of telephone numbers without a prefix."""
    address = TextField(default="")
    email = TextField(default="")
    phone = TextField(default="")
    grid_minutes = IntegerField(default=30)
    buffer_minutes = IntegerField(default=0)
    lead_minutes = IntegerField(default=60)
    horizon_days = IntegerField(default=60)
    cancel_notice_minutes = IntegerField(default=120)
    confirm_by_hand = BooleanField(default=False)
    allowed_origins = JSONField(default=list)
    active = BooleanField(default=True)
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        constraints = [
            check("shop_grid", "grid_minutes IN (15, 30, 45, 60, 90, 120, 180, 240)"),
            check("shop_buffer", "buffer_minutes BETWEEN 0 AND 480"),
            check("shop_lead", "lead_minutes BETWEEN 0 AND 525600"),
            check("shop_horizon", "horizon_days BETWEEN 1 AND 730"),
            check("shop_notice", "cancel_notice_minutes BETWEEN 0 AND 525600"),
        ]


class Hours(Base):
    """One span of opening, in local wall time; a weekday may have several."""

    shop = ForeignKeyField(Shop, on_delete="CASCADE", lazy_load=False, index=False)
    weekday = IntegerField()
    """0 is Monday."""
    opens = IntegerField()
    """Minutes after local midnight."""
    closes = IntegerField()

    class Meta:
        table_name = "shop_hours"
        constraints = [
            check("shop_hours_weekday", "weekday BETWEEN 0 AND 6"),
            check("shop_hours_order", "0 <= opens AND opens < closes AND closes <= 1440"),
        ]
        indexes = [
            Index("shop_hours_span", "shop_hours", "shop_id, weekday, opens", serves="a shop's week", unique=True)
        ]


class Closure(Base):
    """Days on which a shop is shut whatever its hours say, or shuts early; both ends included."""

    shop = ForeignKeyField(Shop, on_delete="CASCADE", lazy_load=False, index=False)
    starts_on = DayField()
    ends_on = DayField()
    shuts_at = IntegerField(default=0)
    """Minutes after local midnight; 0 where it does not open at all."""
    reason = TextField(default="")

    class Meta:
        table_name = "shop_closure"
        constraints = [
            check("shop_closure_order", "ends_on >= starts_on"),
            check("shop_closure_shuts", "shuts_at BETWEEN 0 AND 1440"),
        ]


class Bench(Base):
    """One repair place: the unit of capacity."""

    shop = ForeignKeyField(Shop, on_delete="CASCADE", lazy_load=False, index=False)
    name = TextField()
    active = BooleanField(default=True)

    class Meta:
        indexes = [Index("bench_name", "bench", "shop_id, name", serves="a shop's benches", unique=True)]
