"""Quotes, free times and bookings: what the widget calls."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, RootModel, WrapValidator
from pydantic_core import PydanticCustomError

from reviva.api.call import Answer, Call
from reviva.api.endpoint import Doubts
from reviva.api.fields import (
    Appointment,
    Between,
    Body,
    Commas,
    Date,
    Email,
    Line,
    Locale,
    Moment,
    Name,
    Notes,
    Phone,
    Query,
    QueryId,
    QueryIdOrNone,
    Slug,
)
from reviva.api.listing import BEFORE, Listing, in_zone, render_page
from reviva.errors import MalformedRequest
from reviva.models.audit import ActorKind
from reviva.models.booking import Status, Urgency
from reviva.services.actor import Actor
from reviva.services.booking import View, Wish
from reviva.services.booking_view import line_item, money, shown
from reviva.services.idempotency import Replay

NOWHERE: Final = "?"
"""A shop that there never is."""
Repairs = Annotated[list[Slug], Field(min_length=1, max_length=20)]
SignedQuote = Annotated[str, Field(max_length=8000)]
AnyUrgency = Annotated[Urgency, Field(strict=False)]


def _boolean(value: Any) -> Any:
    if value is not None and not isinstance(value, bool):
        raise PydanticCustomError("bool_type", "must be true or false")
    return value


class QuoteBody(Body):
    model: Slug
    repairs: Repairs
    urgency: AnyUrgency | None = Field(None, description="`standard` if not said.")
    shop: Slug | None = None
    starts_at: Appointment | None = None


class ContactBody(Body):
    name: Name
    email: Email
    phone: Phone | None = None


class PartOfContact(Body):
    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None


class BookingBody(QuoteBody):
    starts_at: Appointment
    customer: ContactBody
    notes: Notes | None = None
    quote: SignedQuote | None = None
    locale: Locale | None = Field(None, description="`en` if not said.")
    draft: Annotated[Literal[False] | None, BeforeValidator(_boolean)] = None


class DraftFields(Body):
    """What a draft may know, or learn later."""

    repairs: Repairs | None = None
    urgency: AnyUrgency | None = None
    shop: Slug | None = None
    starts_at: Appointment | None = Field(
        None, description="Its slot is held for 15 minutes, again with each later step while it is free, an hour a day."
    )
    customer: PartOfContact | None = None
    notes: Notes | None = None
    quote: SignedQuote | None = None
    locale: Locale | None = None


class DraftBody(DraftFields):
    model: Slug
    draft: Literal[True]


class Parts(DraftFields):
    """What can be looked at of an order that is not whole."""

    model: Slug | None = None


class PartOfQuestion(Query):
    """The same of a question for prices or times."""

    model: Slug | None = None
    repairs: Annotated[tuple[Slug, ...], Commas(20)] | None = None
    shop: Slug | None = None
    starts_at: Appointment | None = None


def _by_draft(value: Any, handler: Any) -> Any:
    """By what it says it is, so that what is wrong is said of that alone."""
    draft = isinstance(value, dict) and value.get("draft") is True
    return (DraftBody if draft else BookingBody).model_validate(value)


class NewBookingBody(RootModel[Annotated[BookingBody | DraftBody, WrapValidator(_by_draft)]]):
    """A whole booking, or the beginning of one."""


class AvailabilityQuery(Query):
    model: Slug
    repairs: Annotated[tuple[Slug, ...], Commas(20)]
    first: Date | None = Field(None, alias="from", description="The first day, in the shop's zone; today if not said.")
    days: Annotated[int, Between(1, 92)] = 7
    shop: Slug | None = None


class BookingFilter(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("created_at", "starts_at", "updated_at", "status", "reference", "total")

    q: Annotated[str, Line(200)] | None = Field(
        None, description="Words of reference, customer and device, or a telephone number however it is written."
    )
    status: Annotated[tuple[Status, ...], Commas()] | None = None
    assigned_to: Annotated[tuple[QueryIdOrNone, ...], Commas()] | None = Field(
        None, description="Numbers of users; `none` for what nobody has yet."
    )
    customer: QueryId | None = Field(None, description="The number of one, for staff.")
    shop: Annotated[tuple[Slug, ...], Commas()] | None = None
    created_from: Moment | None = None
    created_to: Moment | None = Field(None, description=BEFORE)
    starts_from: Moment | None = None
    starts_to: Moment | None = Field(None, description=BEFORE)


def make_quote(call: Call) -> dict[str, Any]:
    """What some repairs cost: each price explained, and kept for a day for whoever shows the quote."""
    body: QuoteBody = call.body
    lines, quote, until, currency = call.services.bookings.quote(
        body.model, body.repairs, body.urgency or Urgency.STANDARD, body.shop, body.starts_at
    )
    return {
        "lines": [shown(line_item(line), currency) for line in lines],
        "total": money(sum(line.price for line in lines), currency),
        "valid_until": until,
        "quote": quote,
    }


def list_slots(call: Call) -> dict[str, Any]:
    """The times at which a bench is free for some repairs; for staff without the shop's lead time."""
    query: AvailabilityQuery = call.query
    wanted = (query.model, query.repairs, query.shop, query.first, query.days)
    zone, slots = call.services.bookings.times(public(call), *wanted)
    return {"timezone": zone, "slots": slots}


def make_booking(call: Call) -> Answer:
    """Books a repair in one step, or begins a draft. The token in the answer opens the booking, and is told only here.

    With `"draft": true` everything but the model may follow later; `missing` names what is to come.
    """
    body: BookingBody | DraftBody = call.body.root
    if isinstance(body, DraftBody):
        sent = body.model_dump(exclude_unset=True, exclude={"draft"})
        booked = call.services.drafts.start(public(call), sent, replay_of(call))
    else:
        booked = call.services.bookings.book(public(call), wish(body), replay_of(call))
    answer = render_booking({**booked.view, "token": booked.token})
    answer.headers["Location"] = f"/api/bookings/{booked.view['reference']}"
    if booked.replayed:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def check_order(call: Call, parts: Parts, wrong: frozenset[str]) -> None:
    """What can be told of an order that is not whole, or of the next steps of a draft."""
    sent = parts.model_dump(exclude_unset=True)
    if "shop" in wrong:
        sent["shop"] = NOWHERE
    call.services.drafts.check(public(call), sent, call.params.get("reference"))


def check_question(call: Call, parts: PartOfQuestion, wrong: frozenset[str]) -> None:
    """What can be told of a question for prices or times that is not whole."""
    shop = NOWHERE if "shop" in wrong else parts.shop
    call.services.bookings.ordered(parts.model or "", parts.repairs or (), shop, parts.starts_at)


ORDER: Final = Doubts(Parts, check_order)
QUESTION: Final = Doubts(PartOfQuestion, check_question)


def wish(body: BookingBody) -> Wish:
    """What a whole booking asks for."""
    return Wish(
        model=body.model, repairs=body.repairs, starts_at=body.starts_at, urgency=body.urgency or Urgency.STANDARD,
        email=body.customer.email, name=body.customer.name, phone=body.customer.phone, notes=body.notes or "",
        quote=body.quote, locale=body.locale or "en", shop=body.shop,
    )  # fmt: skip


def read_booking(call: Call) -> Answer:
    """A booking, for whoever holds its token, for the customer it belongs to, and for staff."""
    return render_booking(call.services.bookings.read(call.params["reference"], call.actor))


def list_bookings(call: Call) -> Answer:
    """Bookings, newest first, of a span of starts in its order: all of them for staff, for customers their own."""
    page = call.services.bookings.list(call.actor, in_zone(call))
    return render_page(call, page, lambda booking: booking)


def render_booking(view: View) -> Answer:
    """A booking under its version, which a change may name in `If-Match`.

    `If-None-Match` counts for nothing here: who asks and what time it is change what is shown, and no version.
    """
    return Answer(view, headers={"ETag": f'"{view["version"]}"'})


def replay_of(call: Call) -> Replay | None:
    """The request's Idempotency-Key with what it asks for. Raises `MalformedRequest` for a key that is none."""
    key = call.header("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isprintable() or "," in key:  # which is how two headers come here
        raise MalformedRequest("Idempotency-Key must be there once: 1 to 255 printable characters, without a comma.")
    return Replay.of(key, call.body.model_dump(mode="json"))


def public(call: Call) -> Actor:
    """Whoever calls a public endpoint: staff who are logged in are known, others only by their address."""
    actor: Actor | None = call.actor
    return actor or Actor(ActorKind.PUBLIC, request_id=call.request_id, address=call.address)
