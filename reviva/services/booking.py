"""Booking a repair: from what a customer wants to a bench that is theirs, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Faults
from reviva.identity import e164
from reviva.models.audit import ActorKind
from reviva.models.booking import Status
from reviva.models.shop import STEP_MINUTES
from reviva.paging import ListQuery, Page
from reviva.repositories.booking import BookingRepository
from reviva.repositories.customer import CustomerRepository
from reviva.services import booking_view
from reviva.services.access import reach
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.booking_bench import Benches, check_ahead, job_steps
from reviva.services.booking_step import BookingSteps
from reviva.services.booking_token import make_token
from reviva.services.calendar import check_exists
from reviva.services.catalog import CatalogService
from reviva.services.idempotency import IdempotencyService, Replay
from reviva.services.notification import NotificationService
from reviva.services.pricing import Line, PricingService
from reviva.services.shop import OpenShop, ShopService, job_end
from reviva.services.throttle import ORDERS, Throttle
from reviva.signing import Signer
from reviva.words import searchable

View = dict[str, Any]
"""A booking as the outside sees it."""

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that reads like a digit."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for."""

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
    """A booking as the outside sees it, and the token that opens it."""

    view: View
    token: str
    replayed: bool = False


class BookingService:
    def __init__(
        self, database: Database, signer: Signer, audit: AuditService, catalog: CatalogService, shops: ShopService,
        pricing: PricingService, notifications: NotificationService, throttle: Throttle | None,
    ) -> None:  # fmt: skip
        """Without `throttle`, whoever likes may book as much as they like."""
        self.database, self.signer = database, signer
        self.catalog, self.shops, self.pricing = catalog, shops, pricing
        self.bookings, self.customers = BookingRepository(database), CustomerRepository(database)
        self.benches, self.steps = Benches(database), BookingSteps(database, audit, notifications)
        self.answers, self.throttle = IdempotencyService(database), throttle

    def quote(
        self, model: str, repairs: Sequence[str], urgency: str, shop: str | None, starts_at: datetime | None
    ) -> tuple[list[Line], str, datetime, str]:
        """The lines of an order, its signed price lock, until when that holds, and the currency."""
        place, device, offers = self.ordered(model, repairs, shop, starts_at)
        lines = self.pricing.price(device, offers, place.shop, urgency, starts_at)
        lock, until = self.pricing.lock(lines, model, place.shop.slug, urgency, starts_at)
        return lines, lock, until, place.shop.currency

    def times(
        self, actor: Actor, model: str, repairs: Sequence[str], shop: str | None, first: date | None, days: int
    ) -> tuple[str, list[dict[str, Any]]]:
        """The shop's zone, and the times from a day on at which it has a bench free for some repairs: for staff, who
        have somebody at the counter, those within the lead time too."""
        place, _, offers = self.ordered(model, repairs, shop)
        minutes = sum(offer["minutes"] for offer in offers)
        return place.shop.timezone, self.shops.availability(place, minutes, first, days, by_staff=actor.staff)

    def ordered(
        self, model: str, repairs: Sequence[str], shop: str | None, starts_at: datetime | None = None
    ) -> tuple[OpenShop, Row, Sequence[Row]]:
        """The shop, the model and the offers that are asked about. Raises `Invalid` with everything that is wrong."""
        faults = Faults()
        named = faults.of(lambda: self.shops.open(shop))
        place = named or self.shops.open(None)  # so that what else is wrong is told too
        wanted = faults.of(lambda: self.catalog.wanted(model, repairs, place.shop.currency))
        if named and starts_at is not None:
            faults.of(lambda: check_exists(starts_at, place.shop.timezone))
        faults.check()
        assert wanted is not None
        return place, *wanted

    def book(self, actor: Actor, wish: Wish, replay: Replay | None = None) -> Booked:
        """Books a repair. Raises `Invalid`, `SlotTaken`, `KeyReused`, `RequestInProgress` or `TooManyRequests`.

        With `replay`, a request that was answered before gets that answer again.
        """

        def work() -> Booked:
            if (known := self.replayed(replay)) is not None:
                return known
            self.admit(actor)
            place, device, lines, steps, phone = self.understood(wish, by_staff=actor.staff)
            minutes = sum(line.minutes for line in lines)
            benches = self.benches.free(place, steps)
            customer = self.customers.find_or_make(wish.email, wish.name, phone, wish.locale)
            row = self.row(wish, place, device, lines, customer, phone, benches[0], job_end(steps, minutes))
            self.insert(row, [wish.name, wish.email, phone or "", device["brand_name"], device["name"]])
            bench = self.benches.take(row["id"], benches, steps)
            if bench != row["bench_id"]:
                self.bookings.move(row["id"], bench)
            self.bookings.add_items(row["id"], lines)
            self.steps.record(actor, row, None, wish.email, phone)
            items = [booking_view.line_item(line) for line in lines]
            view = booking_view.view(named(row, wish, phone, place, device), items, [first_step(row)])
            return self.booked(row, view, replay)

        return self.steps.unit(work)

    def understood(self, wish: Wish, by_staff: bool) -> tuple[OpenShop, Row, list[Line], list[datetime], str | None]:
        """The shop, the model, the prices, the bench's steps and the telephone number of a wish.

        Raises `Invalid` with everything that is wrong with it.
        """
        faults, phone = Faults(), wish.phone
        named = faults.of(lambda: self.shops.open(wish.shop))
        place = named or self.shops.open(None)  # so that what else is wrong is told too
        wanted = faults.of(lambda: self.catalog.wanted(wish.model, wish.repairs, place.shop.currency))
        lines = steps = None
        if named and wanted:
            lines = faults.of(lambda: self.lines(wish, place, *wanted))
        elif wish.quote is not None:
            faults.of(lambda: self.pricing.opened(wish.quote or ""))
        minutes = sum(line.minutes for line in lines) if lines else STEP_MINUTES
        if named:
            steps = faults.of(lambda: job_steps(place, wish.starts_at, minutes, by_staff=by_staff))
        else:
            faults.of(lambda: check_ahead(wish.starts_at))
        if phone is not None:
            phone = faults.of(lambda: e164(wish.phone or "", place.shop.country, "customer.phone"))
        faults.check()
        assert wanted is not None
        assert lines is not None
        assert steps is not None
        return place, wanted[0], lines, steps, phone

    def lines(self, wish: Wish, place: OpenShop, device: Row, offers: Sequence[Row]) -> list[Line]:
        """The prices: as they were quoted where a quote is shown, else as they are now."""
        if wish.quote is not None:
            return self.pricing.honour(wish.quote, device, offers, place.shop, wish.urgency, wish.starts_at)
        return self.pricing.price(device, offers, place.shop, wish.urgency, wish.starts_at)

    def row(
        self, wish: Wish, place: OpenShop, device: Row, lines: Sequence[Line], customer: int, phone: str | None,
        bench: int, ends_at: datetime,
    ) -> Row:  # fmt: skip
        """The new booking's columns."""
        now = clock.now()
        return {
            "shop_id": place.shop.id, "customer_id": customer, "model_id": device["id"], "bench_id": bench,
            "status": Status.PENDING if place.shop.confirm_by_hand else Status.CONFIRMED, "urgency": wish.urgency,
            "starts_at": wish.starts_at.astimezone(UTC), "ends_at": ends_at, "currency": place.shop.currency,
            "total": sum(line.price for line in lines), "notes": wish.notes, "locale": wish.locale,
            "contact": {"name": wish.name, "email": wish.email, **({"phone": phone} if phone else {})},
            "created_at": now, "updated_at": now,
        }  # fmt: skip

    def insert(self, row: Row, found_by: Sequence[str]) -> None:
        """Inserts a booking under a new reference, and puts that and its id into the row."""
        while "id" not in row:
            reference = new_reference()
            id = self.bookings.add(**row, reference=reference, search_text=searchable([reference[3:], *found_by]))
            if id is not None:
                row |= {"id": id, "reference": reference, "version": 1}

    def replace_items(self, booking: int, lines: Sequence[Line]) -> list[Row] | None:
        """Puts priced lines in the place of a booking's items, and gives those back; None where they are the same."""
        items = self.bookings.items(booking)
        if items == list(map(booking_view.line_item, lines)):
            return None
        self.bookings.replace_items(booking, lines)
        return items

    def read(self, reference: str, actor: Actor) -> View:
        """A booking whole. Raises `NotFound`, also where it is none of the actor's business."""
        return self.whole(self.seen(reference, actor), actor.staff)

    def seen(self, reference: str, actor: Actor) -> Row:
        """A booking's row with names. Raises `NotFound`, also where it is none of the actor's business."""
        return reach(actor, reference, self.bookings.by_reference(reference))

    def whole(self, row: Row, staff: bool) -> View:
        """A booking from its row with names."""
        items = self.bookings.items(row["id"])
        return booking_view.view(row, items, self.bookings.history_of(row["id"]), staff)

    def list(self, actor: Actor, wanted: ListQuery) -> Page[View]:
        """A page of bookings: every one for staff, their own for customers."""
        if not actor.staff:
            wanted = replace(wanted, filters={**wanted.filters, "customer": actor.customer_id or 0})
        if slugs := wanted.filters.get("shop"):
            wanted = replace(wanted, filters={**wanted.filters, "shop": self.shops.ids(slugs)})
        page = self.bookings.listed(wanted)
        items = self.bookings.items_of([row["id"] for row in page.items]) if page.items else {}
        shown = [booking_view.summary(row, items.get(row["id"], []), actor.staff) for row in page.items]
        return Page(shown, page.next, page.total)

    def change(self, actor: Actor, reference: str, version: int | None, work: Callable[[Row], None]) -> View:
        """Does some work on a booking while nobody else does, and gives it back as it then is.

        Raises `NotFound`, also where it is none of the actor's business, and `VersionConflict` for an older version.
        """

        def unit() -> View:
            work(self.steps.locked(actor, reference, version))
            return self.read(reference, actor)

        return self.steps.unit(unit)

    def admit(self, actor: Actor) -> None:
        """Counts an order by somebody who did not log in. Raises `TooManyRequests` after very many from one address."""
        if self.throttle and actor.kind is ActorKind.PUBLIC:
            self.throttle.spend("order", actor.address, ORDERS)

    def replayed(self, replay: Replay | None) -> Booked | None:
        """What was answered to the same request before."""
        if replay is None or (answer := self.answers.first(replay)) is None:
            return None
        return Booked(answer, make_token(self.signer, answer["reference"], 1), replayed=True)

    def booked(self, row: Row, view: View, replay: Replay | None) -> Booked:
        """What is answered to a new booking, kept in case the same request comes again."""
        if replay is not None:
            self.answers.keep(replay, view, row["id"])
        return Booked(view, make_token(self.signer, row["reference"], 1))


def new_reference() -> str:
    """`RV-` and 40 random bits as 8 characters of Crockford's base 32."""
    number = secrets.randbits(40)
    return "RV-" + "".join(ALPHABET[number >> shift & 31] for shift in range(0, 40, 5))


def named(row: Row, wish: Wish, phone: str | None, place: OpenShop, device: Row) -> Row:
    """A new booking's row with the names that reading it back would find."""
    return row | {
        "shop_slug": place.shop.slug, "shop_name": place.shop.name, "shop_timezone": place.shop.timezone,
        "shop_address": place.shop.address, "shop_notice": place.shop.cancel_notice_minutes,
        "shop_by_hand": place.shop.confirm_by_hand,
        "model_slug": device["slug"], "model_name": device["name"], "model_year": device["year"],
        "brand_slug": device["brand_slug"], "brand_name": device["brand_name"],
        "category_slug": device["category_slug"], "category_name": device["category_name"],
        "customer_name": wish.name, "customer_email": wish.email, "customer_phone": phone,
    }  # fmt: skip


def first_step(row: Row) -> Row:
    """The history of a booking just made."""
    return {"from_status": None, "to_status": row["status"], "at": row["created_at"], "note": ""}
