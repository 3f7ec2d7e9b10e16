"""Customers, for the shop."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Email, Id, Line, Locale, Moment, Notes, Phone
from reviva.api.listing import BEFORE, Listing, in_zone, render_page
from reviva.api.render import picked
from reviva.api.version import Version, sent
from reviva.database.statement import Row


class CustomerSummary(TypedDict):
    """`bookings` is how many they have."""

    id: int
    email: str | None
    name: str
    phone: str | None
    locale: str
    marketing_consent: bool
    consent_at: datetime | None
    bookings: int
    created_at: datetime
    updated_at: datetime
    version: int


class CustomerAnswer(CustomerSummary):
    notes: str
    anonymized_at: datetime | None
    merged_into: int | None


class Customers(Listing):
    sortable = ("id", "name", "email", "created_at", "updated_at")

    q: Annotated[str, Line(200)] | None = Field(
        None, description="Words of name or address, or a telephone number however it is written."
    )
    email: Email | None = None
    phone: Annotated[str, Line(40)] | None = Field(None, description="As E.164.")
    consent: bool | None = None
    created_from: Moment | None = None
    created_to: Moment | None = Field(None, description=BEFORE)


class CustomerChange(Body):
    email: Email | None = None
    name: Annotated[str, Line(200, least=0)] | None = None
    phone: Phone | None = None
    locale: Locale | None = None
    marketing_consent: bool | None = None
    notes: Notes | None = None
    version: Version | None = None


class Merge(Body):
    other: Id = Field(description="The customer who turns out to be the same person; their bookings move.")


summary = partial(picked, CustomerSummary)


def detail(row: Row) -> dict[str, Any]:
    """A customer alone."""
    return {
        **summary(row), "notes": row["notes"], "anonymized_at": row["anonymized_at"],
        "merged_into": row["merged_into_id"],
    }  # fmt: skip


def customers(call: Call) -> Answer:
    """The customers, without the erased ones."""
    return render_page(call, call.services.customers.list(in_zone(call)), summary)


def customer(call: Call) -> dict[str, Any]:
    """One customer."""
    return detail(call.services.customers.get(call.params["id"]))


def change(call: Call) -> dict[str, Any]:
    """Correct a customer, in their open bookings too. A null telephone number removes it."""
    version, fields = sent(call)
    fields = {name: value for name, value in fields.items() if value is not None or name == "phone"}
    return detail(call.services.customers.change(call.actor, call.params["id"], version, **fields))


def merge(call: Call) -> dict[str, Any]:
    """Make two customers one."""
    return detail(call.services.customers.merge(call.actor, call.params["id"], call.body.other))


def export(call: Call) -> dict[str, Any]:
    """Everything held about a customer."""
    held: dict[str, Any] = call.services.privacy.export(call.actor, call.params["id"])
    return held


def anonymize(call: Call) -> dict[str, Any]:
    """Erase a customer everywhere; the shop's figures stay. Appointments to come are called off; not while a device is
    here: `bookings` names them."""
    call.services.privacy.anonymize(call.actor, call.params["id"])
    return detail(call.services.customers.get(call.params["id"]))
