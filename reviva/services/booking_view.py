"""A booking as the outside sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reviva.database.statement import Row
from reviva.models.booking import Status
from reviva.money import Money
from reviva.services.booking_status import NEXT
from reviva.services.pricing import Line


def view(row: Row, items: Sequence[Row], history: Sequence[Row]) -> dict[str, Any]:
    """A booking whole, from its row with names, its items and its history."""
    return {
        **summary(row, items),
        "ends_at": row["ends_at"],
        "locale": row["locale"],
        "notes": row["notes"],
        "history": [
            {"from": step["from_status"], "to": step["to_status"], "at": step["at"], "note": step["note"]}
            for step in history
        ],
        "next_statuses": list(NEXT[Status(row["status"])]),
    }


def summary(row: Row, items: Sequence[Row]) -> dict[str, Any]:
    """A booking as lists show it."""
    currency = row["currency"]
    return {
        "reference": row["reference"],
        "status": row["status"],
        "urgency": row["urgency"],
        "model": {
            "slug": row["model_slug"],
            "name": row["model_name"],
            "year": row["model_year"],
            "brand": {"slug": row["brand_slug"], "name": row["brand_name"]},
            "category": {"slug": row["category_slug"], "name": row["category_name"]},
        },
        "items": [shown(item, currency) for item in items],
        "total": None if row["total"] is None else money(row["total"], currency),
        "starts_at": row["starts_at"],
        "shop": {"slug": row["shop_slug"], "name": row["shop_name"], "timezone": row["shop_timezone"]},
        "customer": {
            "name": row["customer_name"],
            "email": row["customer_email"],
            "phone": row["customer_phone"],
        },
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "version": row["version"],
    }


def shown(item: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A priced repair: of a booking, or of a quote."""
    return {
        "repair": {"slug": item["slug"], "name": item["name"]},
        "minutes": item["minutes"],
        "base": money(item["base"], currency),
        "adjustments": [{**step, "effect": money(step["effect"], currency)} for step in item["adjustments"]],
        "price": money(item["price"], currency),
    }


def line_item(line: Line) -> Row:
    """A line as a booking's item is read back."""
    return {
        "slug": line.slug, "name": line.name, "minutes": line.minutes, "base": line.base,
        "adjustments": line.adjustments, "price": line.price,
    }  # fmt: skip


def money(amount: int, currency: str) -> Money:
    return {"amount": amount, "currency": currency}
