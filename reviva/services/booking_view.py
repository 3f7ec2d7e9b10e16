"""A booking as the outside sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reviva import clock
from reviva.database.statement import Row
from reviva.models.booking import Status
from reviva.money import Money
from reviva.services import booking_contact
from reviva.services.booking_status import allowed
from reviva.services.pricing import Line


def view(row: Row, items: Sequence[Row], history: Sequence[Row], staff: bool = False) -> dict[str, Any]:
    """A booking whole, from its row with names, its items and its history."""
    whole = {
        **summary(row, items, staff),
        "ends_at": row["ends_at"],
        "locale": row["locale"],
        "notes": row["notes"],
        "history": [
            {"from": step["from_status"], "to": step["to_status"], "at": step["at"], "note": step["note"]}
            for step in history
        ],
        "next_statuses": allowed(row, staff),
    }
    if row["status"] == Status.DRAFT:
        lapsed = has_lapsed(row)
        known = {**row, "starts_at": None} if lapsed else row  # anybody may take that time: it must be chosen again
        whole |= {"missing": missing(known, items), "held_until": None if lapsed else row["held_until"]}
    return whole


def summary(row: Row, items: Sequence[Row], staff: bool = False) -> dict[str, Any]:
    """A booking as lists show it; to staff, with who has it."""
    currency = row["currency"]
    shown_booking = {
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
        "shop": {
            "slug": row["shop_slug"],
            "name": row["shop_name"],
            "timezone": row["shop_timezone"],
            "address": row["shop_address"],
        },
        "customer": booking_contact.shown(row, staff),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "version": row["version"],
    }
    if staff:
        known = row["assigned_to_id"] is not None
        shown_booking["assigned_to"] = {"id": row["assigned_to_id"], "name": row["assigned_name"]} if known else None
    return shown_booking


def has_lapsed(row: Row) -> bool:
    """Whether a draft has a time that is not held for it any more."""
    held = row["held_until"] is not None and row["held_until"] > clock.now()
    return row["starts_at"] is not None and not held


def missing(row: Row, items: Sequence[Row]) -> list[str]:
    """What a draft lacks before it can be confirmed, by the names of the fields."""
    known = row["contact"] or {}
    have = {
        "repairs": items, "starts_at": row["starts_at"],
        "customer.name": known.get("name"), "customer.email": known.get("email"),
    }  # fmt: skip
    return [name for name, value in have.items() if not value]


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
