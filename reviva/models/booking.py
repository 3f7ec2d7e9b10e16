"""Bookings, what is to be repaired, the benches' time that they take, and what happened to them."""

from __future__ import annotations

from enum import StrEnum

from peewee import CompositeKey, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import AmountField, JSONField, UTCField, WordField
from reviva.models.base import Base
from reviva.models.catalog import DeviceModel, RepairType
from reviva.models.customer import Customer
from reviva.models.shop import Bench, Shop
from reviva.models.user import User


class Status(StrEnum):
    """Where a booking is. Which step may follow which is in `reviva.services.booking_status`."""

    DRAFT = "draft"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    DIAGNOSING = "diagnosing"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_PARTS = "awaiting_parts"
    IN_REPAIR = "in_repair"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


OVER = frozenset({Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW})
"""A booking that comes to one of these has ended, and gives back what is left of its bench's time."""


class Urgency(StrEnum):
    STANDARD = "standard"
    EXPRESS = "express"
    SAME_DAY = "same_day"


class Booking(Base):
    reference = TextField(unique=True)
    shop = ForeignKeyField(Shop, on_delete="RESTRICT", lazy_load=False, index=False)
    customer = ForeignKeyField(Customer, on_delete="RESTRICT", null=True, lazy_load=False, index=False)
    model = ForeignKeyField(DeviceModel, on_delete="RESTRICT", lazy_load=False, index=False)
    bench = ForeignKeyField(Bench, on_delete="RESTRICT", null=True, lazy_load=False, index=False)
    assigned_to = ForeignKeyField(User, on_delete="SET NULL", null=True, lazy_load=False, index=False)
    status = WordField(Status)
    urgency = WordField(Urgency, default=Urgency.STANDARD)
    starts_at = UTCField(null=True)
    ends_at = UTCField(null=True)
    held_until = UTCField(null=True)
    """Until when a draft keeps its slot."""
    held_since = UTCField(null=True)
    """When a draft began to hold slots: how long it may goes by this."""
    currency = TextField()
    total = AmountField(null=True)
    contact = JSONField(default=dict)
    """`name`, `email` and `phone` as they were given with this booking: the customer may be known by others. A draft
    knows its customer, and the `quote` they hold, by this alone."""
    notes = TextField(default="")
    locale = TextField(default="en")
    token_serial = IntegerField(default=1)
    """Counts the booking's tokens; each is an HMAC of reference and serial, stored nowhere."""
    search_text = TextField(default="")
    created_at = UTCField()
    updated_at = UTCField()
    completed_at = UTCField(null=True)
    version = IntegerField(default=1)

    class Meta:
        constraints = [
            check("booking_time_order", "ends_at > starts_at"),
            check("booking_time_whole", "(starts_at IS NULL) = (ends_at IS NULL)"),
            check("booking_has_customer", "status IN ('draft', 'cancelled') OR customer_id IS NOT NULL"),
            check("booking_has_price", "status IN ('draft', 'cancelled') OR total IS NOT NULL"),
            check("booking_has_time", "status IN ('draft', 'cancelled') OR starts_at IS NOT NULL"),
        ]  # fmt: skip
        indexes = [
            Index("booking_created", "booking", "created_at, id", serves="the newest bookings, or a span of days"),
            Index("booking_status", "booking", "status, created_at, id", serves="bookings by status, newest first"),
            Index(
                "booking_status_assigned", "booking", "status, assigned_to_id, created_at, id",
                serves="what a technician has in a status, however much else they have had",
            ),
            Index("booking_work", "booking", "status, starts_at, id", serves="what is to be done next, by status"),
            Index("booking_starts", "booking", "starts_at, id", serves="the day's work in order"),
            Index("booking_updated", "booking", "updated_at, id", serves="the list by what was touched last"),
            Index("booking_total", "booking", "total, id", serves="the list by what it costs"),
            Index("booking_shop", "booking", "shop_id, starts_at, id", serves="a shop's day"),
            Index("booking_shop_created", "booking", "shop_id, created_at, id", serves="a shop's newest bookings"),
            Index(
                "booking_shop_status", "booking", "shop_id, status, created_at, id",
                serves="how many of a shop's bookings are in each status, and which",
            ),
            Index("booking_customer", "booking", "customer_id, created_at, id", serves="a customer's bookings"),
            Index(
                "booking_assigned", "booking", "assigned_to_id, starts_at, id",
                serves="a technician's work, and what nobody has",
            ),
            Index(
                "booking_assigned_created", "booking", "assigned_to_id, created_at, id",
                serves="a technician's newest bookings, and those that nobody has",
            ),
            Index(
                "booking_held", "booking", "held_until", serves="drafts whose hold has lapsed",
                where="held_until IS NOT NULL",
            ),
        ]  # fmt: skip


class BookingItem(Base):
    """One repair of a booking, with its frozen price: base plus every adjustment's effect is the price."""

    id = None  # type: ignore[assignment]  # peewee's way to drop an inherited key
    booking = ForeignKeyField(Booking, on_delete="CASCADE", lazy_load=False, index=False)
    position = IntegerField()
    repair = ForeignKeyField(RepairType, on_delete="RESTRICT", lazy_load=False, index=False)
    name = TextField()
    """As the repair was called when it was booked."""
    minutes = IntegerField()
    base = AmountField()
    adjustments = JSONField(default=list)
    price = AmountField()

    class Meta:
        table_name = "booking_item"
        primary_key = CompositeKey("booking", "position")
        constraints = [check("booking_item_minutes", "minutes BETWEEN 1 AND 10080")]


class BookingSlot(Base):
    """One step of one bench's time. The primary key is what keeps a bench from being booked twice."""

    id = None  # type: ignore[assignment]
    bench = ForeignKeyField(Bench, on_delete="RESTRICT", lazy_load=False, index=False)
    starts_at = UTCField()
    booking = ForeignKeyField(Booking, on_delete="CASCADE", lazy_load=False, index=False)
    held_until = UTCField(null=True)
    """A draft's hold, which anyone may clear away once it has lapsed."""

    class Meta:
        table_name = "booking_slot"
        primary_key = CompositeKey("bench", "starts_at")
        indexes = [
            Index("booking_slot_booking", "booking_slot", "booking_id", serves="giving a booking's time back"),
        ]


class BookingHistory(Base):
    """One step of a booking: who made which version of it, when."""

    id = None  # type: ignore[assignment]
    booking = ForeignKeyField(Booking, on_delete="CASCADE", lazy_load=False, index=False)
    version = IntegerField()
    """The booking's, as the step left it: each step raises it, so the steps are in its order."""
    from_status = WordField(Status, null=True)
    to_status = WordField(Status)
    at = UTCField()
    note = TextField(default="")
    user = ForeignKeyField(User, on_delete="SET NULL", null=True, lazy_load=False, index=False)

    class Meta:
        table_name = "booking_history"
        primary_key = CompositeKey("booking", "version")
        indexes = [
            Index("booking_history_at", "booking_history", "at", serves="what happened on a day: its figures"),
        ]


class IdempotencyKey(Base):
    """The first answer to a request, for 24 hours."""

    key_hash = TextField(unique=True)
    fingerprint = TextField()
    """SHA-256 of the canonical body."""
    answer = JSONField()
    """The answer without its token, which is made again."""
    booking = ForeignKeyField(Booking, on_delete="CASCADE", lazy_load=False, index=False)
    created_at = UTCField()

    class Meta:
        table_name = "idempotency_key"
        indexes = [
            Index("idempotency_key_created", "idempotency_key", "created_at", serves="forgetting keys after 24 hours"),
            Index(
                "idempotency_key_booking", "idempotency_key", "booking_id", serves="removing a booking's keys with it"
            ),
        ]
