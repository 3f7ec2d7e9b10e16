"""Bookings: items, occupied time, history, and answers kept for repeated requests."""

from __future__ import annotations

from peewee import CompositeKey, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, backend, check, existing, frozen
from reviva.database.fields import AmountField, JSONField, UTCField, WordField
from reviva.models import fulltext


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)
    Bench = existing(db, "bench")
    Customer = existing(db, "customer")
    DeviceModel = existing(db, "device_model")
    RepairType = existing(db, "repair_type")
    Shop = existing(db, "shop")
    User = existing(db, "user_account")

    class Booking(Base):
        reference = TextField(unique=True)
        shop = ForeignKeyField(Shop, on_delete="RESTRICT", index=False)
        customer = ForeignKeyField(Customer, on_delete="RESTRICT", null=True, index=False)
        model = ForeignKeyField(DeviceModel, on_delete="RESTRICT", index=False)
        bench = ForeignKeyField(Bench, on_delete="RESTRICT", null=True, index=False)
        assigned_to = ForeignKeyField(User, on_delete="SET NULL", null=True, index=False)
        status = WordField(
            (
                "draft",
                "pending",
                "confirmed",
                "checked_in",
                "diagnosing",
                "awaiting_approval",
                "awaiting_parts",
                "in_repair",
                "ready",
                "completed",
                "cancelled",
                "no_show",
            )
        )
        urgency = WordField(("standard", "express", "same_day"))
        starts_at = UTCField(null=True)
        ends_at = UTCField(null=True)
        held_until = UTCField(null=True)
        held_since = UTCField(null=True)
        currency = TextField()
        total = AmountField(null=True)
        contact = JSONField()
        notes = TextField()
        locale = TextField()
        token_serial = IntegerField()
        search_text = TextField()
        created_at = UTCField()
        updated_at = UTCField()
        completed_at = UTCField(null=True)
        version = IntegerField()

        class Meta:
            constraints = [
                check("booking_time_order", "ends_at > starts_at"),
                check("booking_time_whole", "(starts_at IS NULL) = (ends_at IS NULL)"),
                check("booking_has_customer", "status IN ('draft', 'cancelled') OR customer_id IS NOT NULL"),
                check("booking_has_price", "status IN ('draft', 'cancelled') OR total IS NOT NULL"),
                check("booking_has_time", "status IN ('draft', 'cancelled') OR starts_at IS NOT NULL"),
            ]
            indexes = [
                Index("booking_created", "booking", "created_at, id"),
                Index("booking_status", "booking", "status, created_at, id"),
                Index("booking_status_assigned", "booking", "status, assigned_to_id, created_at, id"),
                Index("booking_work", "booking", "status, starts_at, id"),
                Index("booking_starts", "booking", "starts_at, id"),
                Index("booking_updated", "booking", "updated_at, id"),
                Index("booking_total", "booking", "total, id"),
                Index("booking_shop", "booking", "shop_id, starts_at, id"),
                Index("booking_shop_created", "booking", "shop_id, created_at, id"),
                Index("booking_shop_status", "booking", "shop_id, status, created_at, id"),
                Index("booking_customer", "booking", "customer_id, created_at, id"),
                Index("booking_assigned", "booking", "assigned_to_id, starts_at, id"),
                Index("booking_assigned_created", "booking", "assigned_to_id, created_at, id"),
                Index("booking_held", "booking", "held_until", where="held_until IS NOT NULL"),
            ]

    class BookingItem(Base):
        id = None
        booking = ForeignKeyField(Booking, on_delete="CASCADE", index=False)
        position = IntegerField()
        repair = ForeignKeyField(RepairType, on_delete="RESTRICT", index=False)
        name = TextField()
        minutes = IntegerField()
        base = AmountField()
        adjustments = JSONField()
        price = AmountField()

        class Meta:
            table_name = "booking_item"
            primary_key = CompositeKey("booking", "position")
            constraints = [check("booking_item_minutes", "minutes BETWEEN 1 AND 10080")]

    class BookingSlot(Base):
        id = None
        bench = ForeignKeyField(Bench, on_delete="RESTRICT", index=False)
        starts_at = UTCField()
        booking = ForeignKeyField(Booking, on_delete="CASCADE", index=False)
        held_until = UTCField(null=True)

        class Meta:
            table_name = "booking_slot"
            primary_key = CompositeKey("bench", "starts_at")
            indexes = [
                Index("booking_slot_booking", "booking_slot", "booking_id"),
            ]

    class BookingHistory(Base):
        id = None
        booking = ForeignKeyField(Booking, on_delete="CASCADE", index=False)
        version = IntegerField()
        from_status = WordField(
            (
                "draft",
                "pending",
                "confirmed",
                "checked_in",
                "diagnosing",
                "awaiting_approval",
                "awaiting_parts",
                "in_repair",
                "ready",
                "completed",
                "cancelled",
                "no_show",
            ),
            null=True,
        )
        to_status = WordField(
            (
                "draft",
                "pending",
                "confirmed",
                "checked_in",
                "diagnosing",
                "awaiting_approval",
                "awaiting_parts",
                "in_repair",
                "ready",
                "completed",
                "cancelled",
                "no_show",
            )
        )
        at = UTCField()
        note = TextField()
        user = ForeignKeyField(User, on_delete="SET NULL", null=True, index=False)

        class Meta:
            table_name = "booking_history"
            primary_key = CompositeKey("booking", "version")

    class IdempotencyKey(Base):
        key_hash = TextField(unique=True)
        fingerprint = TextField()
        answer = JSONField()
        booking = ForeignKeyField(Booking, on_delete="CASCADE", index=False)
        created_at = UTCField()

        class Meta:
            table_name = "idempotency_key"
            indexes = [
                Index("idempotency_key_created", "idempotency_key", "created_at"),
                Index("idempotency_key_booking", "idempotency_key", "booking_id"),
            ]

    return [Booking, BookingItem, BookingSlot, BookingHistory, IdempotencyKey]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)
    for statement in fulltext.create("booking", backend(db)):
        db.execute_sql(statement)


def down(migrator: SchemaMigrator, db: Database) -> None:
    for statement in fulltext.drop("booking", backend(db)):
        db.execute_sql(statement)
    db.drop_tables(tables(db), safe=False)
