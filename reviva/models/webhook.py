"""Other people's servers that want to hear what happens, and each try to tell them."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models.base import Base
from reviva.models.event import Event
from reviva.models.notification import NotificationStatus
from reviva.models.user import User


class WebhookEndpoint(Base):
    url = TextField()
    events = JSONField(default=list)
    """Event types it wants; empty means all."""
    secret_serial = IntegerField(default=1)
    """The signing secret is an HMAC of id and serial under the server's key, stored nowhere."""
    active = BooleanField(default=True)
    disabled_reason = TextField(null=True)
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
        indexes = [
            Index(
                "webhook_delivery_once", "webhook_delivery", "endpoint_id, event_id",
                serves="never telling an endpoint of one event twice; an endpoint's deliveries", unique=True,
            ),
            Index(
                "webhook_delivery_due", "webhook_delivery", "due_at, id", serves="what is to be delivered next",
                where="status = 'queued'",
            ),
            Index("webhook_delivery_event", "webhook_delivery", "event_id", serves="removing an event's deliveries"),
        ]  # fmt: skip
