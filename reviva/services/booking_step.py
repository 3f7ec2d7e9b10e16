"""The one way in which a booking changes: locked, checked, written, and with all that the change causes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.database.units import retrying
from reviva.errors import VersionConflict
from reviva.models.booking import OVER, Status
from reviva.repositories.booking import BookingRepository
from reviva.repositories.event import EventRepository
from reviva.repositories.slot import SlotRepository
from reviva.services.access import reach
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.booking_contact import addresses, corrected
from reviva.services.booking_status import check_step
from reviva.services.calendar import STEP
from reviva.services.notification import NotificationService

Result = TypeVar("Result")


class BookingSteps:
    def __init__(self, database: Database, audit: AuditService, notifications: NotificationService) -> None:
        self.database, self.audit, self.notifications = database, audit, notifications
        self.bookings, self.slots = BookingRepository(database), SlotRepository(database)
        self.events = EventRepository(database)

    def unit(self, work: Callable[[], Result]) -> Result:
        """Does some work in a transaction, and again where two of them stood in each other's way."""

        def once() -> Result:
            with self.database.atomic():
                return work()

        return retrying(self.database, once)

    def locked(self, actor: Actor, reference: str, version: int | None) -> Row:
        """A booking that nobody else changes meanwhile.

        Raises `NotFound`, also where it is none of the actor's business, and `VersionConflict` for an older version.
        """
        row = reach(actor, reference, self.bookings.locked(reference))
        if version is not None and version != row["version"]:
            raise VersionConflict()
        return row

    def go(
        self, actor: Actor, row: Row, after: Status, note: str = "", facts: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> None:  # fmt: skip
        """Brings a locked booking to another status, with other columns that change. Raises `StepForbidden`."""
        before = row["status"]
        check_step(row, after, actor.staff)
        if before == Status.DRAFT:
            columns["held_until"] = None
        if after is Status.COMPLETED:
            columns["completed_at"] = clock.now()
        self._write(row, {**columns, "status": after})
        if after in OVER:
            self.slots.release(row["id"], since=clock.now() - STEP)
        self.notifications.forget_reminders(row["id"])
        # Nobody proved that a draft's address is theirs: it hears nothing before it is booked, nor that it wasn't.
        email, phone = (None, None) if (before, after) == (Status.DRAFT, Status.CANCELLED) else addresses(row)
        self.record(actor, row, before, email, phone, note=note, facts=facts)

    def alter(
        self, actor: Actor, row: Row, kind: str, note: str, was: Mapping[str, Any], became: Mapping[str, Any],
        **columns: Any,
    ) -> None:  # fmt: skip
        """Changes a locked booking that stays in its status. `kind` names the event and the audit's action.

        Without a note the history does not tell of it.
        """
        self._write(row, columns)
        if note:
            self._remember(actor, row, row["status"], note)
        self.events.add(kind, topic(row), {"status": row["status"], "version": row["version"]})
        self.audit.record(actor, kind, "booking", row["reference"], before=was, after=became)

    def contact(self, actor: Actor, row: Row, new: Mapping[str, str | None], note: str = "") -> None:
        """Says of a locked booking whom it is for by another name, address or number."""
        columns, was = corrected(row, new), {"contact": row["contact"] or {}}
        became = {"contact": columns["contact"]}
        if became != was:
            self.alter(actor, row, "booking.changed", note, was, became, **columns)
        elif columns["search_text"] != row["search_text"]:
            self._write(row, columns)

    def record(
        self, actor: Actor, row: Row, before: str | None, email: str | None, phone: str | None, *, note: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """What every change of status causes: history, event, messages and audit, in the same transaction."""
        after = str(row["status"])
        self._remember(actor, row, before, note)
        self.events.add("booking.status", topic(row), {"from": before, "to": after})
        self.notifications.booking_changed(row, email, phone)
        made = {"total": row["total"], "starts_at": row["starts_at"] and clock.rfc3339(row["starts_at"])}
        self.audit.record(
            actor, "booking.status" if before else "booking.create", "booking", row["reference"],
            before={"status": before} if before else None,
            after={"status": after, **({} if before else made), **(facts or {})},
        )  # fmt: skip

    def _remember(self, actor: Actor, row: Row, before: str | None, note: str) -> None:
        """Adds the step that made a booking what its row now says to its history."""
        self.bookings.add_history(
            row["id"], row["version"], before, row["status"], row["updated_at"], note, actor.user_id
        )

    def _write(self, row: Row, columns: dict[str, Any]) -> None:
        """Changes a locked booking's columns; its row then says the same as the table."""
        columns["updated_at"] = clock.now()
        self.bookings.update(row["id"], **columns)
        row |= {**columns, "version": row["version"] + 1}


def topic(row: Row) -> str:
    """What listens to a booking asks for."""
    return f"booking:{row['reference']}"
