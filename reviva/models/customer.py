"""The people whose devices are repaired."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import UTCField
from reviva.models.base import Base
from reviva.models.user import User


class Customer(Base):
    email = TextField(null=True)
    email_key = TextField(null=True, unique=True)
    """The address as it is compared; NULL once the person is anonymised."""
    name = TextField(default="")
    phone = TextField(null=True)
    """E.164."""
    locale = TextField(default="en")
    marketing_consent = BooleanField(default=False)
    consent_at = UTCField(null=True)
    notes = TextField(default="")
    """The shop's own."""
    user = ForeignKeyField(User, on_delete="SET NULL", null=True, unique=True, lazy_load=False)
    merged_into = ForeignKeyField("self", on_delete="SET NULL", null=True, lazy_load=False, index=False)
    search_text = TextField(default="")
    anonymized_at = UTCField(null=True)
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        indexes = [
            Index("customer_phone", "customer", "phone", serves="a customer by telephone", where="phone IS NOT NULL"),
            Index("customer_created", "customer", "created_at, id", serves="the newest customers first"),
            Index(
                "customer_consent", "customer", "created_at, id", serves="the customers who may be written to",
                where="marketing_consent",
            ),
            Index("customer_name", "customer", "name, id", serves="the customer list by name"),
            Index("customer_updated", "customer", "updated_at, id", serves="the list by who was touched last"),
            Index(
                "customer_merged", "customer", "merged_into_id", serves="what was merged into a customer",
                where="merged_into_id IS NOT NULL",
            ),
        ]  # fmt: skip
