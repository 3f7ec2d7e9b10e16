"""Notifications, what people want to hear, events, live sessions, webhooks."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, check, existing, frozen
from reviva.database.fields import JSONField, UTCField, WordField


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)
    Booking = existing(db, "booking")
    Customer = existing(db, "customer")
    User = existing(db, "user_account")

    class Notification(Base):
        dedupe_key = TextField(unique=True)
        channel = WordField(("email", "sms", "log"))
        template = TextField()
        recipient = TextField()
        locale = TextField()
        payload = JSONField()
        booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, index=False)
        customer = ForeignKeyField(Customer, on_delete="SET NULL", null=True, index=False)
        user = ForeignKeyField(User, on_delete="CASCADE", null=True, index=False)
        status = WordField(("queued", "sending", "sent", "dead", "cancelled"))
        attempts = IntegerField()
        due_at = UTCField()
        leased_until = UTCField(null=True)
        last_error = TextField(null=True)
        created_at = UTCField()
        sent_at = UTCField(null=True)

        class Meta:
            constraints = [
                check("notification_attempts", "attempts >= 0"),
                check("notification_lease", "status <> 'sending' OR leased_until IS NOT NULL"),
            ]
            indexes = [
                Index("notification_due", "notification", "due_at, id", where="status = 'queued'"),
                Index("notification_leased", "notification", "leased_until", where="status = 'sending'"),
                Index("notification_status", "notification", "status, id"),
                Index("notification_template", "notification", "template, id"),
                Index("notification_channel", "notification", "channel, id"),
                Index("notification_when", "notification", "due_at, id"),
                Index("notification_booking", "notification", "booking_id, id"),
                Index("notification_customer", "notification", "customer_id"),
                Index("notification_user", "notification", "user_id", where="user_id IS NOT NULL"),
            ]

    class NotificationPreference(Base):
        customer = ForeignKeyField(Customer, on_delete="CASCADE", null=True, index=False)
        booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, index=False)
        channel = WordField(("email", "sms", "log"))
        template = TextField()
        enabled = BooleanField()

        class Meta:
            table_name = "notification_preference"
            constraints = [check("notification_preference_whose", "(customer_id IS NULL) <> (booking_id IS NULL)")]
            indexes = [
                Index(
                    f"notification_preference_{name}", "notification_preference", f"{whose}, channel, template",
                    unique=True,
                )
                for name, whose in (("choice", "customer_id"), ("booking", "booking_id"))
            ]  # fmt: skip

    class Event(Base):
        type = TextField()
        topic = TextField()
        at = UTCField()
        data = JSONField()
        fanned_out_at = UTCField(null=True)

        class Meta:
            indexes = [
                Index("event_topic", "event", "topic, id"),
                Index("event_at", "event", "at"),
                Index("event_untold", "event", "id", where="fanned_out_at IS NULL"),
            ]

    class LiveSession(Base):
        user = ForeignKeyField(User, on_delete="CASCADE", null=True, index=False)
        booking = ForeignKeyField(Booking, on_delete="CASCADE", null=True, index=False)
        address = TextField()
        device = TextField()
        opened_at = UTCField()
        seen_at = UTCField()
        closed_at = UTCField(null=True)
        close_code = IntegerField(null=True)
        close_reason = TextField(null=True)

        class Meta:
            table_name = "live_session"
            indexes = [
                Index("live_session_user", "live_session", "user_id, id", where="user_id IS NOT NULL"),
                Index("live_session_booking", "live_session", "booking_id, id", where="booking_id IS NOT NULL"),
                Index("live_session_closed", "live_session", "closed_at"),
            ]

    class WebhookEndpoint(Base):
        url = TextField()
        events = JSONField()
        secret_serial = IntegerField()
        renewed_at = UTCField(null=True)
        active = BooleanField()
        disabled_reason = TextField(null=True)
        after_event = BigIntegerField()
        failing_since = UTCField(null=True)
        paused_until = UTCField(null=True)
        created_by = ForeignKeyField(User, on_delete="SET NULL", null=True, index=False)
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            table_name = "webhook_endpoint"

    class WebhookDelivery(Base):
        endpoint = ForeignKeyField(WebhookEndpoint, on_delete="CASCADE", index=False)
        event = ForeignKeyField(Event, on_delete="CASCADE", index=False)
        status = WordField(("queued", "sending", "sent", "dead", "cancelled"))
        attempts = IntegerField()
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
                Index("webhook_delivery_once", "webhook_delivery", "endpoint_id, event_id", unique=True),
                Index("webhook_delivery_due", "webhook_delivery", "endpoint_id, due_at, id", where="status = 'queued'"),
                Index(
                    "webhook_delivery_leased",
                    "webhook_delivery",
                    "endpoint_id, leased_until",
                    where="status = 'sending'",
                ),
                Index("webhook_delivery_event", "webhook_delivery", "event_id"),
                Index("webhook_delivery_created", "webhook_delivery", "created_at"),
            ]

    return [Notification, NotificationPreference, Event, LiveSession, WebhookEndpoint, WebhookDelivery]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)


def down(migrator: SchemaMigrator, db: Database) -> None:
    db.drop_tables(tables(db), safe=False)
