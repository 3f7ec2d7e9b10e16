"""Messages that are due, being sent, sent or given up; and what their readers want to hear."""

from __future__ import annotations

from enum import StrEnum

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models.base import Base
from reviva.models.booking import Booking
from reviva.models.customer import Customer
from reviva.models.user import User


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    LOG = "log"


class NotificationStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Notification(Base):
    dedupe_key = TextField(unique=True)
    """The same thing is never queued twice under one key."""
    channel = WordField(Channel)
    template = TextField()
    recipient = TextField()
    locale = TextField(default="en")
    payload = JSONField(default=dict)
    """What the template needs; never a token, which is made when the message is sent."""
    booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    customer = ForeignKeyField(Customer, on_delete="SET NULL", null=True, lazy_load=False, index=False)
    user = ForeignKeyField(User, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    status = WordField(NotificationStatus, default=NotificationStatus.QUEUED)
    attempts = IntegerField(default=0)
    due_at = UTCField()
    """Not before this; moved on after each failure."""
    leased_until = UTCField(null=True)
    """Who is sending it has until then; later, somebody else may."""
    last_error = TextField(null=True)
    created_at = UTCField()
    sent_at = UTCField(null=True)

    class Meta:
        constraints = [
            check("notification_attempts", "attempts >= 0"),
            check("notification_lease", "status <> 'sending' OR leased_until IS NOT NULL"),
        ]
        indexes = [
            Index(
                "notification_due", "notification", "due_at, id", serves="what is to be sent next",
                where="status = 'queued'",
            ),
            Index(
                "notification_leased", "notification", "leased_until", serves="leases that have lapsed",
                where="status = 'sending'",
            ),
            Index("notification_status", "notification", "status, id", serves="the staff's list by status"),
            Index("notification_template", "notification", "template, id", serves="the staff's list by what was said"),
            Index("notification_channel", "notification", "channel, id", serves="the staff's list by channel"),
            Index("notification_when", "notification", "due_at, id", serves="the staff's list by when they are due"),
            Index(
                "notification_sent", "notification", "sent_at", serves="the figures of a day",
                where="sent_at IS NOT NULL",
            ),
            Index("notification_booking", "notification", "booking_id, id", serves="a booking's messages in order"),
            Index("notification_customer", "notification", "customer_id", serves="a person's messages"),
            Index(
                "notification_user", "notification", "user_id", serves="a user's messages", where="user_id IS NOT NULL"
            ),
        ]  # fmt: skip


class NotificationPreference(Base):
    """Of all that a customer hears, or of what is said about one booking."""

    customer = ForeignKeyField(Customer, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    channel = WordField(Channel)
    template = TextField()
    enabled = BooleanField()

    class Meta:
        table_name = "notification_preference"
        constraints = [check("notification_preference_whose", "(customer_id IS NULL) <> (booking_id IS NULL)")]
        indexes = [
            Index(
                "notification_preference_choice", "notification_preference", "customer_id, channel, template",
                serves="whether a customer wants a message", unique=True,
            ),
            Index(
                "notification_preference_booking", "notification_preference", "booking_id, channel, template",
                serves="whether a message about a booking is wanted", unique=True,
            ),
        ]  # fmt: skip
