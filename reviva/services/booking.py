"""Booking a repair: from what a customer wants to a bench that is theirs, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Invalid, SlotTaken
from reviva.models.booking import Status
from reviva.repositories.booking import BookingRepository, SlotRepository
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.event import EventRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.catalog import CatalogService
from reviva.services.idempotency import IdempotencyService, Replay
from reviva.services.notification import NotificationService
from reviva.services.pricing import Line, PricingService, chosen
from reviva.services.shop import OpenShop, ShopService, bookable, free_benches, start_to_end
from reviva.signing import Signer
from reviva.words import joined

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that reads like a digit."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for. `wall` is `starts_at` as it was written, with its own offset."""

    model: str
    repairs: Sequence[str]
    starts_at: datetime
    email: str
    name: str
    phone: str | None = None
    urgency: str = "standard"
    notes: str = ""
    quote: str | None = None
    shop: str | None = None
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking, and the token that opens it."""

    reference: str
    token: str
    replayed: bool = False


class BookingService:
    def __init__(
        self, database: Database, signer: Signer, audit: AuditService, catalog: CatalogService, shops: ShopService,
        pricing: PricingService, notifications: NotificationService,
    ) -> None:  # fmt: skip
        self.database, self.signer, self.audit = database, signer, audit
        self.catalog, self.shops, self.pricing, self.notifications = catalog, shops, pricing, notifications
        self.bookings, self.slots = BookingRepository(database), SlotRepository(database)
        self.customers, self.events = CustomerRepository(database), EventRepository(database)
        self.answers = IdempotencyService(database)

    def quote(
        self, model: str, repairs: Sequence[str], urgency: str, shop: str | None, starts_at: datetime | None
    ) -> tuple[list[Line], str, datetime, str]:
        """The lines of an order, its signed price lock, until when that holds, and the currency."""
        place = self.shops.find(shop)
        device, offers = self.wanted(model, repairs, place.currency)
        lines = self.pricing.price(device, offers, place, urgency, starts_at)
        lock, until = self.pricing.lock(lines, model, place.slug, urgency)
        return lines, lock, until, place.currency

    def wanted(self, model: str, repairs: Sequence[str], currency: str) -> tuple[Row, list[Row]]:
        """A model and the offers for some repairs on it. Raises `Invalid` for an unknown one."""
        device, offers = self.catalog.wanted(model, currency)
        return device, chosen(offers, repairs)

    def book(self, actor: Actor, wish: Wish, replay: Replay | None = None) -> Booked:
        """Books a repair. Raises `Invalid`, `SlotTaken`, `KeyReused` or `RequestInProgress`.

        With `replay`, a request that was answered before gets that answer again.
        """
        with self.database.atomic():
            if replay is not None and (answer := self.answers.first(replay)) is not None:
                return Booked(answer, self.token(answer["reference"], 1), replayed=True)
            place = self.shops.open(wish.shop)
            device, offers = self.wanted(wish.model, wish.repairs, place.shop.currency)
            lines = self.lines(wish, place, device, offers)
            minutes = sum(line.minutes for line in lines)
            steps = self.steps(place, wish.starts_at, minutes)
            benches = self.free(place, steps)
            phone = e164(wish.phone, place.shop.country, "customer.phone") if wish.phone else None
            customer = self.customers.find_or_make(wish.email, wish.name, phone, wish.locale)
            row = self.row(wish, place, device, lines, benches[0], ends_of(steps, minutes)) | {"customer_id": customer}
            self.add(row)
            self.take(row, benches, steps)
            self.bookings.add_items(row["id"], [item(line) for line in lines])
            shown = self.shown(row, wish, phone, place, device, lines)
            self.changed(actor, shown, None, contact={"email": wish.email, "phone": phone})
            view = booking_view.view(shown, [shown_item(line) for line in lines], [first_step(row)])
            if replay is not None:
                self.answers.keep(replay, view, row["id"])
        return Booked(view, self.token(row["reference"], 1))

    def lines(self, wish: Wish, place: OpenShop, device: Row, offers: Sequence[Row]) -> list[Line]:
        """The prices: as they were quoted where a quote is shown, else as they are now."""
        if wish.quote is not None:
            return self.pricing.honour(wish.quote, wish.model, offers, place.shop.slug, wish.urgency)
        return self.pricing.price(device, offers, place.shop, wish.urgency, wish.starts_at)

    def steps(self, place: OpenShop, starts_at: datetime, minutes: int) -> list[datetime]:
        """The steps of a job on its bench. Raises `Invalid` where the shop can't take it then."""
        earliest, latest = bookable(place.shop, clock.now())
        if starts_at < earliest:
            raise Invalid.field("starts_at", "this is too soon, or in the past", "too-soon")
        if starts_at > latest:
            raise Invalid.field("starts_at", f"bookings open {place.shop.horizon_days} days ahead", "too-far")
        if not place.calendar.accepts(starts_at, minutes):
            raise Invalid.field("starts_at", "the shop is closed then, or closes before it is done", "outside-hours")
        if not place.calendar.on_grid(starts_at):
            raise Invalid.field("starts_at", f"jobs start every {place.shop.grid_minutes} minutes", "off-grid")
        return place.calendar.occupied(starts_at, minutes, place.shop.buffer_minutes)

    def take(self, place: OpenShop, steps: list[datetime], booking: int, held_until: datetime | None = None) -> int:
        """The bench that a booking got for its steps. Raises `SlotTaken`."""
        busy = self.slots.busy(place.benches, steps[0], steps[-1], clock.now())
        taken = set().union(*busy.values()) if busy else set()
        for bench in place.benches:
            if bench not in taken and self.slots.take(bench, steps, booking, held_until):
                return bench
        raise SlotTaken()
