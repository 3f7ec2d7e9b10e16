"""What becomes of a booking: by whoever holds its token, by the customer it belongs to, and by staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from reviva.api.booking import DraftFields, render_booking
from reviva.api.call import Answer, Call
from reviva.api.fields import Appointment, Body, Id, Line, MoneyAmount, Reference, Slug
from reviva.api.version import Version, sent
from reviva.models.booking import Status
from reviva.services import booking_calendar
from reviva.services.booking import View

Note = Annotated[str, Line(1000, least=0, several=True)]
AnyStatus = Annotated[Status, Field(strict=False)]


class Change(Body):
    """A change that needs no more said than which version it is for."""

    version: Version | None = None


class RescheduleBody(Change):
    starts_at: Appointment


class CancelBody(Change):
    reason: Note = ""


class AnswerBody(Change):
    note: Note = ""


class StatusBody(Change):
    status: AnyStatus
    note: Note = ""


class AssignBody(Change):
    user: Id | None = Field(description="The number of somebody who works here; null for nobody.")


class BulkBody(Body):
    references: Annotated[list[Reference], Field(min_length=1, max_length=100)]
    status: AnyStatus
    note: Note = ""


class ItemBody(Body):
    repair: Slug
    price: MoneyAmount | None = Field(None, description="Set by hand, in minor units of the booking's currency.")


class PatchBody(DraftFields):
    model: Slug | None = None
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=20)] | None = Field(
        None, description="For staff, once it is booked: what is to be repaired, and prices set by hand."
    )
    version: Version | None = None


def amend(call: Call) -> Answer:
    """The next steps of a draft; for staff, other repairs, notes, and the customer's name and number, of any booking.

    Only what is sent changes. The prices are then those of today; of a quote that still fits, those of the quote.
    """
    version, fields = sent(call)
    return render_booking(call.services.booking_work.amend(call.actor, call.params["reference"], fields, version))


def confirm(call: Call) -> Answer:
    """Books a draft: confirmed, or pending where the shop confirms by hand. Staff accept a pending booking so."""
    return _done(call, call.services.booking_changes.confirm)


def reschedule(call: Call) -> Answer:
    """Moves the appointment; the price stays. By customers within the shop's notice."""
    return _done(call, call.services.booking_changes.reschedule)


def cancel(call: Call) -> Answer:
    """Calls the booking off. By customers before the device is brought, and within the shop's notice."""
    return _done(call, call.services.booking_changes.cancel)


def approve(call: Call) -> Answer:
    """Agrees to a changed quote: the repair goes on."""
    return _done(call, call.services.booking_changes.approve)


def decline(call: Call) -> Answer:
    """Does not agree to a changed quote: the booking ends."""
    return _done(call, call.services.booking_changes.decline)


def set_status(call: Call) -> Answer:
    """Brings the booking to another status."""
    return _done(call, call.services.booking_work.set_status)


def assign(call: Call) -> Answer:
    """Gives the booking to somebody who works here."""
    return _done(call, call.services.booking_work.assign)


def set_statuses(call: Call) -> dict[str, Any]:
    """Brings several bookings to another status, each for itself: what became of each, or the error it met."""
    body: BulkBody = call.body
    return {"items": call.services.booking_work.bulk(call.actor, body.references, body.status, body.note)}


def calendar(call: Call) -> bytes:
    """The appointment for a calendar (RFC 5545), under a UID that stays the same whatever becomes of it."""
    services = call.services
    view = services.bookings.read(call.params["reference"], call.actor)
    return booking_calendar.event(view, services.settings.public_url)


def _done(call: Call, verb: Callable[..., View]) -> Answer:
    """Calls a verb with what was sent, by its name, and renders the booking as it then is."""
    version, fields = sent(call)
    return render_booking(verb(call.actor, call.params["reference"], **fields, version=version))
