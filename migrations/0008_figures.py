"""Statement counts and the shops' figures by day."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, Database, FloatField, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, existing, frozen
from reviva.database.fields import AmountField, DayField, JSONField, UTCField, WordField

MEASURES = (
    "status", "revenue", "turnaround", "model", "made", "technician", "work", "message", "kept", "counting",
)  # fmt: skip


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)
    Shop = existing(db, "shop")

    class StatementCount(Base):
        shape = TextField()
        route = TextField()
        statement = TextField()
        calls = BigIntegerField()
        errors = BigIntegerField()
        rows = BigIntegerField()
        repeated = BigIntegerField()
        slow = BigIntegerField()
        seconds = FloatField()
        slowest = FloatField()
        histogram = JSONField()
        sample = JSONField(null=True)
        since = UTCField()
        updated_at = UTCField()

        class Meta:
            table_name = "statement_count"
            indexes = [Index("statement_count_shape", "statement_count", "shape, route", unique=True)]

    class DayFigure(Base):
        id = None
        shop = ForeignKeyField(Shop, on_delete="RESTRICT", index=False)
        day = DayField()
        measure = WordField(MEASURES)
        key = TextField()
        count = IntegerField()
        amount = AmountField(negative=True)

        class Meta:
            table_name = "day_figure"
            primary_key = CompositeKey("shop", "measure", "day", "key")
            indexes = [Index("day_figure_measure", "day_figure", "measure, day")]

    class DayTotal(Base):
        id = None
        measure = WordField(MEASURES)
        day = DayField()
        key = TextField()
        count = IntegerField()
        amount = AmountField(negative=True)

        class Meta:
            table_name = "day_total"
            primary_key = CompositeKey("measure", "day", "key")

    return [StatementCount, DayFigure, DayTotal]


INDEXES = (
    Index("booking_history_at", "booking_history", "at"),
    Index("notification_sent", "notification", "sent_at", where="sent_at IS NOT NULL"),
)


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)
    for index in INDEXES:
        db.execute_sql(index.sql)


def down(migrator: SchemaMigrator, db: Database) -> None:
    for index in INDEXES:
        db.execute_sql(f"DROP INDEX IF EXISTS {index.name}")
    db.drop_tables(tables(db), safe=False)
