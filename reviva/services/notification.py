"""Which messages a change calls for, and when they are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.models.booking import Status
from reviva.models.notification import Channel
from reviva.repositories.notification import NotificationRepository

REMIND_BY_MAIL: Final = timedelta(hours=24)
REMIND_BY_SMS: Final = timedelta(hours=2)
REMINDER: Final = "booking_reminder"

TOLD: Final = {
    Status.PENDING, Status.CONFIRMED, Status.AWAITING_APPROVAL, Status.AWAITING_PARTS, Status.READY,
    Status.COMPLETED, Status.CANCELLED,
}  # fmt: skip
"""The steps of a booking of which its customer is told."""

CAUSED: Final = frozenset({f"booking_{step}" for step in ("pending", "confirmed", "cancelled", "rescheduled")})
"""What whoever books can cause again and again, perhaps under an address that is not theirs."""


class NotificationService:
    def __init__(self, database: Database) -> None:
        self.notifications = NotificationRepository(database)

    def booking_changed(self, booking: Row, email: str | None, phone: str | None, moved: bool = False) -> int:
        """Queues what is due when a booking comes to where it is now, or moves; returns how many messages that is."""
        rows = [self.row(booking, *message) for message in due(booking, email, phone, moved)]
        self.notifications.add_all(rows)
        return len(rows)

    def forget_reminders(self, booking: int) -> None:
        """Withdraws a booking's reminders, whose time or reason is gone."""
        self.notifications.withdraw(booking, REMINDER)

    def readdress(self, booking: int, before: str | None, after: str | None) -> None:
        """Sends what waits for one address about a booking to another, or to nobody."""
        self.notifications.readdress(booking, before or "", after)

    def row(self, booking: Row, channel: Channel, template: str, recipient: str, due_at: datetime) -> dict[str, Any]:
        """A message about a booking as the table keeps it."""
        return {
            "dedupe_key": f"{template}:{channel}:{booking['reference']}:{booking['version']}",
            "channel": channel, "template": template, "recipient": recipient, "locale": booking["locale"],
            "payload": {"reference": booking["reference"]}, "booking_id": booking["id"],
            "customer_id": booking["customer_id"], "due_at": due_at, "created_at": clock.now(),
        }  # fmt: skip


def due(
    booking: Row, email: str | None, phone: str | None, moved: bool = False
) -> Iterator[tuple[Channel, str, str, datetime]]:
    """Channel, template, recipient and time of each message that a booking's present status calls for."""
    now, status = clock.now(), Status(booking["status"])
    if email and (status in TOLD or moved):
        yield Channel.EMAIL, "booking_rescheduled" if moved else f"booking_{status}", email, now
    if status is Status.CONFIRMED:
        by_mail, by_sms = booking["starts_at"] - REMIND_BY_MAIL, booking["starts_at"] - REMIND_BY_SMS
        if email and by_mail > now:
            yield Channel.EMAIL, REMINDER, email, by_mail
        if phone and by_sms > now:
            yield Channel.SMS, REMINDER, phone, by_sms
    if status is Status.READY and phone:
        yield Channel.SMS, "booking_ready", phone, now
