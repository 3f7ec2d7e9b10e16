"""Pricing rules and market factors."""

from __future__ import annotations

from peewee import BooleanField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import check, frozen
from reviva.database.fields import JSONField, UTCField, WordField


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)

    class MarketFactor(Base):
        key = TextField(unique=True)
        name = TextField()
        value = IntegerField()
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            table_name = "market_factor"
            constraints = [check("market_factor_value", "value BETWEEN 0 AND 1000000")]

    class PricingRule(Base):
        name = TextField()
        kind = WordField(("percent", "fixed", "multiplier", "factor", "minimum", "maximum"))
        value = IntegerField()
        priority = IntegerField()
        factor = ForeignKeyField(MarketFactor, on_delete="RESTRICT", null=True, index=False)
        conditions = JSONField()
        stops = BooleanField()
        active = BooleanField()
        valid_from = UTCField(null=True)
        valid_to = UTCField(null=True)
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            table_name = "pricing_rule"
            constraints = [
                check("pricing_rule_window", "valid_from IS NULL OR valid_to IS NULL OR valid_to > valid_from"),
                check("pricing_rule_factor", "(kind = 'factor') = (factor_id IS NOT NULL)"),
                check("pricing_rule_value", "value BETWEEN -100000000 AND 100000000"),
            ]

    return [MarketFactor, PricingRule]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)


def down(migrator: SchemaMigrator, db: Database) -> None:
    db.drop_tables(tables(db), safe=False)
