"""The device catalog, repair types and their prices."""

from __future__ import annotations

from peewee import BooleanField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, backend, check, frozen
from reviva.database.fields import AmountField, JSONField, UTCField, WordField
from reviva.models import fulltext


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)

    class Category(Base):
        slug = TextField(unique=True)
        name = TextField()
        position = IntegerField()

    class Brand(Base):
        slug = TextField(unique=True)
        name = TextField()
        aliases = JSONField()

    class DeviceModel(Base):
        category = ForeignKeyField(Category, on_delete="RESTRICT", index=False)
        brand = ForeignKeyField(Brand, on_delete="RESTRICT", index=False)
        slug = TextField(unique=True)
        name = TextField()
        year = IntegerField()
        tier = WordField(("budget", "mid", "upper", "flagship"))
        model_numbers = JSONField()
        aliases = JSONField()
        specs = JSONField()
        active = BooleanField()
        title_text = TextField()
        title_weight = IntegerField()
        search_text = TextField()
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            table_name = "device_model"
            constraints = [check("device_model_year", "year BETWEEN 1970 AND 2100")]
            indexes = [
                Index("device_model_brand", "device_model", "brand_id, category_id", where="active"),
                Index("device_model_year", "device_model", "year, name, slug"),
                Index("device_model_name", "device_model", "name, slug"),
            ]

    class RepairType(Base):
        category = ForeignKeyField(Category, on_delete="RESTRICT", index=False)
        slug = TextField()
        name = TextField()
        description = TextField()
        minutes = IntegerField()
        position = IntegerField()
        active = BooleanField()

        class Meta:
            table_name = "repair_type"
            constraints = [check("repair_type_minutes", "minutes BETWEEN 1 AND 10080")]
            indexes = [Index("repair_type_slug", "repair_type", "category_id, slug", unique=True)]

    class RepairPrice(Base):
        model = ForeignKeyField(DeviceModel, on_delete="CASCADE", index=False)
        repair = ForeignKeyField(RepairType, on_delete="RESTRICT", index=False)
        currency = TextField()
        amount = AmountField()
        minutes = IntegerField(null=True)

        class Meta:
            table_name = "repair_price"
            constraints = [check("repair_price_minutes", "minutes IS NULL OR minutes BETWEEN 1 AND 10080")]
            indexes = [
                Index("repair_price_model", "repair_price", "model_id, currency, repair_id", unique=True),
            ]

    return [Category, Brand, DeviceModel, RepairType, RepairPrice]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)
    for statement in fulltext.create("device_model", backend(db)):
        db.execute_sql(statement)


def down(migrator: SchemaMigrator, db: Database) -> None:
    for statement in fulltext.drop("device_model", backend(db)):
        db.execute_sql(statement)
    db.drop_tables(tables(db), safe=False)
