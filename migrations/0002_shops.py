"""Shops: hours, closures, benches."""

from __future__ import annotations

from peewee import BooleanField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, check, frozen
from reviva.database.fields import DayField, JSONField, UTCField


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)

    class Shop(Base):
        slug = TextField(unique=True)
        name = TextField()
        timezone = TextField()
        currency = TextField()
        country = TextField()
        address = TextField()
        email = TextField()
        phone = TextField()
        grid_minutes = IntegerField()
        buffer_minutes = IntegerField()
        lead_minutes = IntegerField()
        horizon_days = IntegerField()
        cancel_notice_minutes = IntegerField()
        confirm_by_hand = BooleanField()
        allowed_origins = JSONField()
        active = BooleanField()
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            constraints = [
                check("shop_grid", "grid_minutes IN (15, 30, 45, 60, 90, 120, 180, 240)"),
                check("shop_buffer", "buffer_minutes BETWEEN 0 AND 480"),
                check("shop_lead", "lead_minutes BETWEEN 0 AND 525600"),
                check("shop_horizon", "horizon_days BETWEEN 1 AND 730"),
                check("shop_notice", "cancel_notice_minutes BETWEEN 0 AND 525600"),
            ]

    class Hours(Base):
        shop = ForeignKeyField(Shop, on_delete="CASCADE", index=False)
        weekday = IntegerField()
        opens = IntegerField()
        closes = IntegerField()

        class Meta:
            table_name = "shop_hours"
            constraints = [
                check("shop_hours_weekday", "weekday BETWEEN 0 AND 6"),
                check("shop_hours_order", "0 <= opens AND opens < closes AND closes <= 1440"),
            ]
            indexes = [Index("shop_hours_span", "shop_hours", "shop_id, weekday, opens", unique=True)]

    class Closure(Base):
        shop = ForeignKeyField(Shop, on_delete="CASCADE", index=False)
        starts_on = DayField()
        ends_on = DayField()
        shuts_at = IntegerField()
        reason = TextField()

        class Meta:
            table_name = "shop_closure"
            constraints = [
                check("shop_closure_order", "ends_on >= starts_on"),
                check("shop_closure_shuts", "shuts_at BETWEEN 0 AND 1440"),
            ]

    class Bench(Base):
        shop = ForeignKeyField(Shop, on_delete="CASCADE", index=False)
        name = TextField()
        active = BooleanField()

        class Meta:
            indexes = [Index("bench_name", "bench", "shop_id, name", unique=True)]

    return [Shop, Hours, Closure, Bench]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)


def down(migrator: SchemaMigrator, db: Database) -> None:
    db.drop_tables(tables(db), safe=False)
