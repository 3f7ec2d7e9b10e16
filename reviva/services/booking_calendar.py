"""A booking as an entry of a calendar: RFC 5545."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from icalendar import Calendar, Event

from reviva.errors import Conflict
from reviva.models.booking import Status

SHOWN: Final = {
    Status.DRAFT: "TENTATIVE", Status.PENDING: "TENTATIVE", Status.CANCELLED: "CANCELLED", Status.NO_SHOW: "CANCELLED",
}  # fmt: skip
"""What a calendar calls a booking's status; any other is CONFIRMED."""


def event(booking: dict[str, Any], public_url: str | None) -> bytes:
    """The calendar file of a booking as the outside sees it. Raises `Conflict` while it has no time."""
    if booking["starts_at"] is None:
        raise Conflict("This draft has no time yet.")
    entry = Event()
    entry.add("uid", f"{booking['reference']}@reviva")  # the same for ever: by it a calendar knows what to replace
    entry.add("sequence", booking["version"] - 1)
    entry.add("dtstamp", whole(booking["updated_at"]))
    entry.add("last-modified", whole(booking["updated_at"]))
    entry.add("created", whole(booking["created_at"]))
    entry.add("dtstart", booking["starts_at"])
    entry.add("dtend", booking["ends_at"])
    entry.add(
        "summary", f"{booking['model']['name']}: {', '.join(item['repair']['name'] for item in booking['items'])}"
    )
    entry.add("description", f"{booking['shop']['name']}, {booking['reference']}")
    entry.add("location", ", ".join(part for part in (booking["shop"]["name"], booking["shop"]["address"]) if part))
    entry.add("status", SHOWN.get(booking["status"], "CONFIRMED"))
    if public_url:
        entry.add("url", f"{public_url.rstrip('/')}/track/{booking['reference']}")
    calendar = Calendar()
    calendar.add("prodid", "-//Reviva//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def whole(at: datetime) -> datetime:
    """Calendars know no fractions of a second."""
    return at.replace(microsecond=0)
