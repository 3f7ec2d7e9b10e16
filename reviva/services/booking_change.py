"""What happens to a booking once it is made: by its customer within the shop's notice, by staff at any time."""

from __future__ import annotations

from datetime import UTC, datetime

from reviva import clock
from reviva.database.statement import Row
from reviva.models.booking import Status
from reviva.services.actor import Actor
from reviva.services.booking import BookingService, View
from reviva.services.booking_bench import job_steps
from reviva.services.booking_contact import addresses
from reviva.services.booking_draft import BookingDrafts
from reviva.services.booking_status import BEFORE, forbidden, override
from reviva.services.notification import NotificationService
from reviva.services.shop import job_end


class BookingChanges:
    """Every verb gives the booking back as it then is. `version` is the one that the change is for, None for any.

    Raises `NotFound`, `VersionConflict`, and `StepForbidden` that names the allowed steps.
    """

    def __init__(self, service: BookingService, drafts: BookingDrafts, notifications: NotificationService) -> None:
        self.service, self.drafts, self.notifications = service, drafts, notifications
        self.steps, self.bookings = service.steps, service.bookings

    def confirm(self, actor: Actor, reference: str, version: int | None = None) -> View:
        """Books a draft; by staff, accepts a pending booking."""

        def work(row: Row) -> None:
            if row["status"] == Status.DRAFT:
                self.drafts.confirm(actor, row)
            elif actor.staff:
                self.steps.go(actor, row, Status.CONFIRMED)
            else:
                raise forbidden(row, Status.CONFIRMED, actor.staff)

        return self.service.change(actor, reference, version, work)

    def cancel(self, actor: Actor, reference: str, reason: str = "", version: int | None = None) -> View:
        """Calls a booking off. Raises `TooLate` where its customer can't any more."""

        def work(row: Row) -> None:
            if not actor.staff and row["status"] not in (Status.DRAFT, *BEFORE):
                raise forbidden(row, Status.CANCELLED, actor.staff)
            facts = override(actor, row) | ({"reason": reason} if reason else {})
            self.steps.go(actor, row, Status.CANCELLED, reason, facts)

        return self.service.change(actor, reference, version, work)

    def reschedule(self, actor: Actor, reference: str, starts_at: datetime, version: int | None = None) -> View:
        """Moves an appointment; the price stays. Raises `Invalid`, `SlotTaken` and `TooLate`."""

        def work(row: Row) -> None:
            if row["status"] not in BEFORE:
                raise forbidden(row, "rescheduled", actor.staff)
            if starts_at == row["starts_at"]:
                return
            facts, was = override(actor, row), row["starts_at"]
            place = self.service.shops.open(row["shop_slug"])
            minutes = sum(item["minutes"] for item in self.bookings.items(row["id"])) or place.shop.grid_minutes
            steps = job_steps(place, starts_at, minutes, by_staff=actor.staff)
            bench = self.service.benches.move(row["id"], place.benches, steps)
            moved = {"starts_at": clock.rfc3339(starts_at)}
            self.steps.alter(
                actor, row, "booking.rescheduled", f"From {clock.rfc3339(was)} to {moved['starts_at']}",
                {"starts_at": clock.rfc3339(was)}, moved | facts,
                starts_at=starts_at.astimezone(UTC), ends_at=job_end(steps, minutes), bench_id=bench,
            )  # fmt: skip
            self.notifications.forget_reminders(row["id"])
            self.notifications.booking_changed(row, *addresses(row), moved=True)

        return self.service.change(actor, reference, version, work)

    def approve(self, actor: Actor, reference: str, note: str = "", version: int | None = None) -> View:
        """The customer agrees to a changed quote: the repair goes on."""
        return self.answer(actor, reference, True, note or "Quote approved", version)

    def decline(self, actor: Actor, reference: str, note: str = "", version: int | None = None) -> View:
        """The customer does not: the booking ends."""
        return self.answer(actor, reference, False, note or "Quote declined", version)

    def answer(self, actor: Actor, reference: str, approved: bool, note: str, version: int | None) -> View:
        def work(row: Row) -> None:
            after = Status.IN_REPAIR if approved else Status.CANCELLED
            if row["status"] != Status.AWAITING_APPROVAL:
                raise forbidden(row, "approved" if approved else "declined", actor.staff)
            facts = {"total": row["total"], "approved": approved}
            self.steps.go(actor, row, after, note, facts)

        return self.service.change(actor, reference, version, work)
