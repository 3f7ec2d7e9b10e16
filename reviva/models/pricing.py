"""Rules that move a price, and the market's numbers that they read."""

from __future__ import annotations

from enum import StrEnum

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import check
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models.base import Base


class RuleKind(StrEnum):
    """How a rule moves the price of a line."""

    PERCENT = "percent"
    """`value` basis points of the price so far are added (or, negative, taken off)."""
    FIXED = "fixed"
    """`value` minor units are added or taken off."""
    MULTIPLIER = "multiplier"
    """The price so far is multiplied by `value` basis points."""
    FACTOR = "factor"
    """The price so far is multiplied by the market factor, of which `value` basis points count."""
    MINIMUM = "minimum"
    """The price is at least `value` minor units."""
    MAXIMUM = "maximum"
    """The price is at most `value` minor units."""


class MarketFactor(Base):
    key = TextField(unique=True)
    name = TextField(default="")
    value = IntegerField()
    """Basis points: 10,000 is the normal market."""
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        table_name = "market_factor"
        constraints = [check("market_factor_value", "value BETWEEN 0 AND 1000000")]


class PricingRule(Base):
    name = TextField()
    kind = WordField(RuleKind)
    value = IntegerField()
    priority = IntegerField(default=100)
    """Rules apply in ascending order of this, then of id."""
    factor = ForeignKeyField(MarketFactor, on_delete="RESTRICT", null=True, lazy_load=False, index=False)
    conditions = JSONField(default=dict)
    """Which lines it is for; see `reviva.services.pricing.Conditions`."""
    stops = BooleanField(default=False)
    """No later rule applies to a line after this one."""
    active = BooleanField(default=True)
    valid_from = UTCField(null=True)
    valid_to = UTCField(null=True)
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        table_name = "pricing_rule"
        constraints = [
            check("pricing_rule_window", "valid_from IS NULL OR valid_to IS NULL OR valid_to > valid_from"),
            check("pricing_rule_factor", "(kind = 'factor') = (factor_id IS NOT NULL)"),
            check("pricing_rule_value", "value BETWEEN -100000000 AND 100000000"),
        ]
