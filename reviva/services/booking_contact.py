"""Whom a booking is for: who was named when it was booked, and the customer whom the shop knows by the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reviva.database.statement import Row
from reviva.words import searchable


def whom(row: Row) -> dict[str, str | None]:
    """Whom the shop calls about a booking.

    Several people may book under one address, each with a name and a number of their own: those count, and the
    customer's only where none was given. The address is the customer's, who may have corrected it since.
    """
    given = row["contact"] or {}
    return {
        "name": given.get("name") or row["customer_name"],
        "email": row["customer_email"] or given.get("email"),
        "phone": given.get("phone") or row["customer_phone"],
    }


def shown(row: Row, staff: bool) -> dict[str, str | None]:
    """The same for staff; for others only what was given with the booking, where anything was: whoever books under
    somebody's address must not learn their name or number."""
    if staff or not row["contact"]:
        return whom(row)
    return {name: row["contact"].get(name) for name in ("name", "email", "phone")}


def addresses(row: Row) -> tuple[str | None, str | None]:
    """Where whom a booking is for is written to: the e-mail address and the telephone number."""
    known = whom(row)
    return known["email"], known["phone"]


def corrected(row: Row, new: Mapping[str, str | None]) -> dict[str, Any]:
    """The columns of a booking with another name, address or number given; it is found by what it then says."""
    contact = {name: value for name, value in {**(row["contact"] or {}), **new}.items() if value}
    words = [row["reference"][3:], *whom({**row, "contact": contact}).values(), row["brand_name"], row["model_name"]]
    return {"contact": contact, "search_text": searchable(word for word in words if word)}
