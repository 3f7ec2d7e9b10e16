"""Other people's servers that want to hear what happens, and each try to tell them."""

from __future__ import annotations

from enum import StrEnum

from peewee import BigIntegerField, BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models.base import Base
from reviva.models.event import Event
from reviva.models.notification import NotificationStatus
from reviva.models.user import User


class Told(StrEnum):
    """The types of event that webhooks are told of."""

    STATUS = "booking.status"
    RESCHEDULED = "booking.rescheduled"
    CHANGED = "booking.changed"
    ASSIGNED = "booking.assigned"


class WebhookEndpoint(Base):
    url = TextField()
    events = JSONField(default=list)
    """Event types it wants; empty means all."""
    secret_serial = IntegerField(default=1)
    """The signing secret is an HMAC of id, time of creation and serial under the server's key, stored nowhere."""
    renewed_at = UTCField(null=True)
    """When the serial was last raised; the secret before it signs too for a while."""
    active = BooleanField(default=True)
    disabled_reason = TextField(null=True)
    """Why it was disabled, where nobody who works here did it."""
    after_event = BigIntegerField(default=0)
    """The last event before it was made or made active again: it hears of later ones."""
    failing_since = UTCField(null=True)
    """The first of its failures since its last success."""
    paused_until = UTCField(null=True)
    created_by = ForeignKeyField(User, on_delete="SET NULL", null=True, lazy_load=False, index=False)
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        table_name = "webhook_endpoint"


class WebhookDelivery(Base):
    endpoint = ForeignKeyField(WebhookEndpoint, on_delete="CASCADE", lazy_load=False, index=False)
    event = ForeignKeyField(Event, on_delete="CASCADE", lazy_load=False, index=False)
    status = WordField(NotificationStatus, default=NotificationStatus.QUEUED)
    attempts = IntegerField(default=0)
    due_at = UTCField()
    leased_until = UTCField(null=True)
    response_status = IntegerField(null=True)
    last_error = TextField(null=True)
    created_at = UTCField()
    sent_at = UTCField(null=True)

    class Meta:
        table_name = "webhook_delivery"
        constraints = [
            check("webhook_delivery_attempts", "attempts >= 0"),
            check("webhook_delivery_lease", "status <> 'sending' OR leased_until IS NOT NULL"),
        ]
        indexes = [
            Index(
                "webhook_delivery_once", "webhook_delivery", "endpoint_id, event_id",
                serves="never telling an endpoint of one event twice; an endpoint's deliveries", unique=True,
            ),
            Index(
                "webhook_delivery_due", "webhook_delivery", "endpoint_id, due_at, id",
                serves="what an endpoint is to be told next", where="status = 'queued'",
            ),
            Index(
                "webhook_delivery_leased", "webhook_delivery", "endpoint_id, leased_until",
                serves="whether an endpoint is being told something; leases that have lapsed",
                where="status = 'sending'",
            ),
            Index("webhook_delivery_event", "webhook_delivery", "event_id", serves="removing an event's deliveries"),
            Index("webhook_delivery_created", "webhook_delivery", "created_at", serves="forgetting what is over"),
        ]  # fmt: skip
