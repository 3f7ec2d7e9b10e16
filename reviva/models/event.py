"""Things that happened, in the order they are told; and the sockets that listen."""

from __future__ import annotations

from peewee import ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import JSONField, UTCField
from reviva.models.base import Base
from reviva.models.booking import Booking
from reviva.models.user import User


class Event(Base):
    type = TextField()
    """For instance `booking.status`."""
    topic = TextField()
    """For instance `booking:RV-7K3M9QZ1`: what a listener asks for."""
    at = UTCField()
    data = JSONField(default=dict)
    fanned_out_at = UTCField(null=True)
    """When its webhook deliveries were made. Not a place in the order of ids, which may be committed out of order."""

    class Meta:
        indexes = [
            Index("event_topic", "event", "topic, id", serves="a topic's events after a given one"),
            Index("event_at", "event", "at", serves="forgetting old events"),
            Index(
                "event_untold", "event", "id", serves="events whose webhook deliveries are to be made",
                where="fanned_out_at IS NULL",
            ),
        ]  # fmt: skip


class LiveSession(Base):
    """One websocket, and why it ended."""

    user = ForeignKeyField(User, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    address = TextField(default="")
    device = TextField(default="")
    opened_at = UTCField()
    seen_at = UTCField()
    closed_at = UTCField(null=True)
    close_code = IntegerField(null=True)
    close_reason = TextField(null=True)

    class Meta:
        table_name = "live_session"
        indexes = [
            Index(
                "live_session_user", "live_session", "user_id, id", serves="a user's sockets, newest first",
                where="user_id IS NOT NULL",
            ),
            Index(
                "live_session_booking", "live_session", "booking_id, id", serves="a booking's sockets, newest first",
                where="booking_id IS NOT NULL",
            ),
            Index(
                "live_session_closed", "live_session", "closed_at",
                serves="forgetting those that ended; the open ones, among which are those whose process died",
            ),
        ]  # fmt: skip
