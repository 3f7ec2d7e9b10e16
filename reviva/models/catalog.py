"""The devices that the shop knows, what can be repaired on them, and for how much."""

from __future__ import annotations

from enum import StrEnum

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import AmountField, JSONField, UTCField, WordField
from reviva.models.base import Base


class Tier(StrEnum):
    """The class of price in which a model was sold."""

    BUDGET = "budget"
    MID = "mid"
    UPPER = "upper"
    FLAGSHIP = "flagship"


class Category(Base):
    slug = TextField(unique=True)
    name = TextField()
    position = IntegerField(default=0)


class Brand(Base):
    slug = TextField(unique=True)
    name = TextField()
    aliases = JSONField(default=list)


class DeviceModel(Base):
    category_id: int
    brand_id: int
    category = ForeignKeyField(Category, on_delete="RESTRICT", lazy_load=False, index=False)
    brand = ForeignKeyField(Brand, on_delete="RESTRICT", lazy_load=False, index=False)
    slug = TextField(unique=True)
    name = TextField()
    year = IntegerField()
    tier = WordField(Tier)
    model_numbers = JSONField(default=list)
    aliases = JSONField(default=list)
    specs = JSONField(default=dict)
    active = BooleanField(default=True)
    title_text = TextField(default="")
    """Brand, name and aliases as search words, between spaces: what ranks a match."""
    title_weight = IntegerField(default=0)
    """How much the name says, words in brackets counting less: the plain model comes before its variants."""
    search_text = TextField(default="")
    """The title's words and those of the model numbers and the category: what is searched."""
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        table_name = "device_model"
        constraints = [check("device_model_year", "year BETWEEN 1970 AND 2100")]
        indexes = [
            Index(
                "device_model_brand", "device_model", "brand_id, category_id", where="active",
                serves="a brand's models in a category; both counts, from the index alone",
            ),
            Index("device_model_year", "device_model", "year, name, slug", serves="the newest models first"),
            Index("device_model_name", "device_model", "name, slug", serves="the catalog by name"),
        ]  # fmt: skip


class RepairType(Base):
    category_id: int
    category = ForeignKeyField(Category, on_delete="RESTRICT", lazy_load=False, index=False)
    slug = TextField()
    name = TextField()
    description = TextField(default="")
    minutes = IntegerField()
    position = IntegerField(default=0)
    active = BooleanField(default=True)

    class Meta:
        table_name = "repair_type"
        constraints = [check("repair_type_minutes", "minutes BETWEEN 1 AND 10080")]
        indexes = [
            Index("repair_type_slug", "repair_type", "category_id, slug", serves="a category's repairs", unique=True)
        ]


class RepairPrice(Base):
    """What a repair costs on a model before any rule, in one currency."""

    model = ForeignKeyField(DeviceModel, on_delete="CASCADE", lazy_load=False, index=False)
    repair = ForeignKeyField(RepairType, on_delete="RESTRICT", lazy_load=False, index=False)
    currency = TextField()
    amount = AmountField()
    minutes = IntegerField(null=True)
    """Where it takes other than the usual time."""

    class Meta:
        table_name = "repair_price"
        constraints = [check("repair_price_minutes", "minutes IS NULL OR minutes BETWEEN 1 AND 10080")]
        indexes = [
            Index(
                "repair_price_model", "repair_price", "model_id, currency, repair_id",
                serves="the price list of a model", unique=True,
            ),
        ]  # fmt: skip
