"""Quotes, free times and bookings: what the widget calls."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from reviva.api.call import Answer, Call
from reviva.api.fields import Appointment, Between, Body, Commas, Date, Email, Name, Notes, Phone, Query, Slug
from reviva.errors import MalformedRequest
from reviva.models.audit import ActorKind
from reviva.models.booking import Urgency
from reviva.services.actor import Actor
from reviva.services.booking import Wish
from reviva.services.booking_view import line_item, money, shown
from reviva.services.idempotency import Replay

Repairs = Annotated[list[Slug], Field(min_length=1, max_length=20)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
AnyUrgency = Annotated[Urgency, Field(strict=False)]


class QuoteBody(Body):
    model: Slug
    repairs: Repairs
    urgency: AnyUrgency = Urgency.STANDARD
    shop: Slug | None = None
    starts_at: Appointment | None = None


class ContactBody(Body):
    name: Name
    email: Email
    phone: Phone | None = None


class BookingBody(QuoteBody):
    starts_at: Appointment
    customer: ContactBody
    notes: Notes = ""
    quote: Annotated[str, Field(max_length=8000)] | None = None
    locale: Locale = "en"


class AvailabilityQuery(Query):
    model: Slug
    repairs: Annotated[tuple[Slug, ...], Commas(20)]
    first: Date | None = Field(None, alias="from", description="The first day, in the shop's zone; today if not said.")
    days: Annotated[int, Between(1, 92)] = 7
    shop: Slug | None = None


def make_quote(call: Call) -> dict[str, Any]:
    """What some repairs cost: each price explained, and kept for a day for whoever shows the quote."""
    body: QuoteBody = call.body
    lines, quote, until, currency = call.services.bookings.quote(
        body.model, body.repairs, body.urgency, body.shop, body.starts_at
    )
    return {
        "lines": [shown(line_item(line), currency) for line in lines],
        "total": money(sum(line.price for line in lines), currency),
        "valid_until": until,
        "quote": quote,
    }


def list_slots(call: Call) -> dict[str, Any]:
    """The times at which a bench is free for some repairs."""
    query: AvailabilityQuery = call.query
    services = call.services
    place = services.shops.open(query.shop)
    _, offers = services.catalog.wanted(query.model, query.repairs, place.shop.currency)
    minutes = sum(offer["minutes"] for offer in offers)
    slots = services.shops.availability(place, minutes, query.first, query.days)
    return {"timezone": place.shop.timezone, "slots": slots}


def make_booking(call: Call) -> Answer:
    """Books a repair in one step. The token in the answer opens the booking, and is told only here."""
    body: BookingBody = call.body
    wish = Wish(
        model=body.model, repairs=body.repairs, starts_at=body.starts_at, urgency=body.urgency, shop=body.shop,
        email=body.customer.email, name=body.customer.name, phone=body.customer.phone, notes=body.notes,
        quote=body.quote, locale=body.locale,
    )  # fmt: skip
    booked = call.services.bookings.book(public(call), wish, replay_of(call))
    headers = {"Location": f"/api/bookings/{booked.view['reference']}"}
    if booked.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Answer({**booked.view, "token": booked.token}, headers=headers)


def read_booking(call: Call) -> dict[str, Any]:
    """A booking, for whoever holds its token, for the customer it belongs to, and for staff."""
    view: dict[str, Any] = call.services.bookings.read(call.params["reference"], call.actor)
    return view


def replay_of(call: Call) -> Replay | None:
    """The request's Idempotency-Key with what it asks for. Raises `MalformedRequest` for a key that is none."""
    key = call.header("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise MalformedRequest("Idempotency-Key must be 1 to 255 printable characters.")
    return Replay.of(key, call.body.model_dump(mode="json"))


def public(call: Call) -> Actor:
    """Whoever calls a public endpoint: staff who are logged in are known, others only by their address."""
    actor: Actor | None = call.actor
    return actor or Actor(ActorKind.PUBLIC, request_id=call.request_id, address=call.address)
