"""The JSON of answers, for the OpenAPI document; tests hold the answers against it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, NotRequired, TypeVar

from typing_extensions import TypedDict

from reviva.models.booking import Status, Urgency
from reviva.models.catalog import Tier
from reviva.models.pricing import RuleKind
from reviva.money import Money
from reviva.services.pricing import Conditions

T = TypeVar("T")


class Items(TypedDict, Generic[T]):
    """A list that is given whole."""

    items: list[T]


class Listed(TypedDict, Generic[T]):
    """A page of a list."""

    items: list[T]
    next: str | None
    total: NotRequired[int]


class Named(TypedDict):
    slug: str
    name: str


class Counted(Named):
    models: int


class Repair(Named):
    minutes: int
    description: str
    category: str


class Offer(Named):
    minutes: int
    price: Money


class ModelSummary(Named):
    brand: Named
    category: Named
    year: int


class ModelDetail(ModelSummary):
    model_numbers: list[str]
    specs: dict[str, Any]
    repairs: list[Offer]


class Adjustment(TypedDict):
    rule: int | None
    """None for a price set by hand."""
    name: str
    kind: RuleKind
    value: int
    effect: Money


class QuoteLine(TypedDict):
    repair: Named
    minutes: int
    base: Money
    adjustments: list[Adjustment]
    price: Money


class Quote(TypedDict):
    lines: list[QuoteLine]
    total: Money
    valid_until: datetime
    quote: str


class Slot(TypedDict):
    starts_at: datetime
    ends_at: datetime
    free: int


class Availability(TypedDict):
    timezone: str
    slots: list[Slot]


class Contact(TypedDict):
    name: str | None
    email: str | None
    phone: str | None


class ShopName(Named):
    timezone: str
    address: str


class Assigned(TypedDict):
    id: int
    name: str


Step = TypedDict("Step", {"from": Status | None, "to": Status, "at": datetime, "note": str})


class BookingSummary(TypedDict):
    reference: str
    status: Status
    urgency: Urgency
    model: ModelSummary
    items: list[QuoteLine]
    total: Money | None
    starts_at: datetime | None
    shop: ShopName
    customer: Contact
    created_at: datetime
    updated_at: datetime
    version: int
    assigned_to: NotRequired[Assigned | None]
    """For staff."""


class Booking(BookingSummary):
    ends_at: datetime | None
    locale: str
    notes: str
    history: list[Step]
    next_statuses: list[Status]
    missing: NotRequired[list[str]]
    """Of a draft: the fields to come; `starts_at` too where the hold on it has lapsed."""
    held_until: NotRequired[datetime | None]


class NewBooking(Booking):
    token: str


class Rule(TypedDict):
    id: int
    name: str
    kind: RuleKind
    value: int
    priority: int
    factor: str | None
    conditions: Conditions
    stops: bool
    active: bool
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Factor(TypedDict):
    key: str
    name: str
    value: int
    created_at: datetime
    updated_at: datetime
    version: int


class CategoryDetail(Named):
    position: int


class BrandDetail(Named):
    aliases: list[str]


class RepairDetail(Repair):
    position: int
    active: bool


class ModelRecord(ModelSummary):
    tier: Tier
    model_numbers: list[str]
    aliases: list[str]
    specs: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime
    version: int


class PriceItem(TypedDict):
    repair: Named
    active: bool
    price: Money
    minutes: int | None


class PriceList(TypedDict):
    model: ModelRecord
    items: list[PriceItem]


class OpenHours(TypedDict):
    weekday: int
    opens: str
    closes: str


Closed = TypedDict("Closed", {"from": str, "to": str, "reason": str, "shuts_at": NotRequired[str]})


class BenchPlace(TypedDict):
    name: str
    active: bool


class Shop(ShopName):
    currency: str
    country: str
    address: str
    email: str
    phone: str
    hours: list[OpenHours]
    closures: list[Closed]
    benches: list[BenchPlace]
    grid_minutes: int
    buffer_minutes: int
    lead_minutes: int
    horizon_days: int
    cancel_notice_minutes: int
    confirm_by_hand: bool
    allowed_origins: list[str]
    active: bool
    created_at: datetime
    updated_at: datetime
    version: int


class SimulatedDay(TypedDict):
    date: str
    bookings: int
    before: Money
    after: Money


class Simulation(TypedDict):
    currency: str
    since: datetime
    bookings: int
    changed: int
    charged: Money
    before: Money
    after: Money
    difference: Money
    days: list[SimulatedDay]


class StepError(TypedDict):
    code: str
    detail: str
    allowed: NotRequired[list[Status]]


class StepReport(TypedDict):
    """What became of one booking of several: its new status, or the error it met."""

    reference: str
    status: NotRequired[Status]
    version: NotRequired[int]
    error: NotRequired[StepError]
