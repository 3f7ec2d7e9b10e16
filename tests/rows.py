"""Rows in every table, with values that are awkward to write down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from peewee import BooleanField, Database, Field, FloatField, ForeignKeyField, Model, TextField

from reviva.database import statement
from reviva.database.fields import DayField, JSONField, UTCField, WordField
from reviva.models import TABLES

AWKWARD = (
    "", "plain", "tab\tnew\nline\r", "\\N", "\\", "\\.", "back\\slash\\t", "\b\f\v\x01\x7f", "'quote' \"double\"",
    "%s ?", "Zoë 修理 🔧", "\u2028\u00a0", " spaces ", "NULL", "=1+1", "x" * 3000,
)  # fmt: skip
FLOATS = (0.0, 5.0, 0.1, 1 / 3, 1e15, 123456789012345.0, 1e-5, 0.0001, 1.5e300, 2.5e-300, 1e22, 12345.678)
LATER = ("expires_at", "ends_at", "valid_to", "leased_until", "ends_on")
FIXED: dict[str, Any] = {
    "shop.grid_minutes": 30, "shop.horizon_days": 30, "shop_hours.closes": 1440, "repair_price.minutes": None,
    "pricing_rule.kind": "percent", "pricing_rule.factor_id": None, "notification_preference.booking_id": None,
}  # fmt: skip
REQUIRED = (
    "booking.starts_at", "booking.ends_at", "booking.customer_id", "booking.total", "notification.leased_until",
    "notification_preference.customer_id", "webhook_delivery.leased_until",
)  # fmt: skip
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def fill(database: Database, rows: int = 40) -> None:
    """Puts `rows` rows into every table of a migrated, empty database; ids are 3, 6, 9, …"""
    with database.atomic():
        for model in TABLES:
            # In one statement, since a row may refer to a later one of its table.
            statement.insert(database, model, [row(model, number, rows) for number in range(1, rows + 1)])


def row(model: type[Model], number: int, rows: int) -> dict[str, Any]:
    return {field.column_name: _value(field, number, rows) for field in model._meta.sorted_fields}


def _value(field: Field, number: int, rows: int) -> Any:
    place = f"{field.model._meta.table_name}.{field.column_name}"
    if place in FIXED:
        return FIXED[place]
    if isinstance(field, ForeignKeyField):
        if field.rel_model is field.model:
            return 3 * (number + 1) if number < rows else None  # a row that comes later
        return 3 * number
    if field.null and place not in REQUIRED and number % 3 == 0:
        return None
    awkward = AWKWARD[number % len(AWKWARD)]
    later = timedelta(days=2) if field.column_name in LATER else timedelta(0)
    if isinstance(field, UTCField):
        return BEGIN + timedelta(minutes=number, microseconds=number % 2) + later
    if isinstance(field, DayField):
        return date(2026, 1, 1) + timedelta(days=number) + later
    if isinstance(field, WordField):
        return field.words[number % len(field.words)]
    if isinstance(field, JSONField):
        return {"value": awkward, "list": [number, None, 1.5]}
    if field.column_name == "search_text":
        return f"plain {number}"  # words between single spaces, as the application makes them
    if isinstance(field, TextField):
        return f"{number} {awkward}"
    if isinstance(field, BooleanField):
        return number % 2 == 0
    if isinstance(field, FloatField):
        return FLOATS[number % len(FLOATS)]
    if field.column_name in ("id", "audit_id"):
        return 3 * number
    return {"year": 2000, "minutes": 30, "weekday": number % 7}.get(field.column_name, number)
