"""A booking that is made step by step: what is known so far, priced and with its slot held, until it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, Fault, Faults, Invalid, SlotTaken
from reviva.identity import e164
from reviva.models.booking import Status, Urgency
from reviva.services.actor import SYSTEM, Actor
from reviva.services.booking import Booked, BookingService
from reviva.services.booking_bench import check_ahead, job_steps
from reviva.services.booking_step import topic
from reviva.services.booking_view import has_lapsed, missing
from reviva.services.idempotency import Replay
from reviva.services.pricing import LOCK_FOR, Line
from reviva.services.shop import OpenShop, job_end
from reviva.words import searchable

HOLD_FOR: Final = timedelta(minutes=15)
HOLD_AT_MOST: Final = timedelta(hours=1)
"""How long a draft may hold times in a day, counted from when it took the first: else whoever goes on changing it keeps
a bench from everybody for ever. A time that it holds no more can still be confirmed while it is free."""
HOLD_AGAIN_AFTER: Final = timedelta(days=1)
FORGOTTEN_AFTER: Final = timedelta(days=7)
"""How long a draft waits for somebody to go on with it: it may hold a person's address, and there is no order."""
MOST: Final = 200
"""Drafts that are tidied up at a time."""

Sent = Mapping[str, Any]
"""The fields of a draft that were sent: model, repairs, urgency, starts_at, shop, customer, quote, notes, locale."""

BLANK: Final[Row] = {
    "shop_slug": None, "model_slug": "", "urgency": Urgency.STANDARD, "starts_at": None, "notes": "", "locale": "en",
    "contact": {}, "held_until": None, "held_since": None,
}  # fmt: skip

PLAIN: Final = ("urgency", "notes", "locale")
TIMED: Final = frozenset({"starts_at", "repairs", "model", "shop"})
"""What a draft's slot depends on: when one of them is sent, the slot is taken anew, for another 15 minutes at most.

One whose hold has lapsed is taken anew whatever is sent, but only if it is free: who did not ask for it again is not
refused, but told by `missing`.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a draft comes to with the fields that were sent."""

    place: OpenShop
    lines: list[Line]
    columns: Row
    found_by: list[str]
    steps: Sequence[datetime] | None
    """Those to be taken, [] for none; None where it keeps what it has."""


class BookingDrafts:
    def __init__(self, service: BookingService) -> None:
        self.service, self.steps, self.benches = service, service.steps, service.benches
        self.bookings, self.customers = service.bookings, service.customers

    def start(self, actor: Actor, sent: Sent, replay: Replay | None = None) -> Booked:
        """Begins a draft. Raises what `BookingService.book` does."""

        def work() -> Booked:
            if (known := self.service.replayed(replay)) is not None:
                return known
            self.service.admit(actor)
            plan, now = self.plan(actor, BLANK, (), sent), clock.now()
            row = plan.columns | {"status": Status.DRAFT, "created_at": now, "updated_at": now}
            self.service.insert(row, plan.found_by)
            self.bookings.add_items(row["id"], plan.lines)
            if plan.steps:
                self.bookings.move(row["id"], self.take(row, plan))
            self.steps.record(actor, row | {"customer_id": None}, None, None, None)
            stored = self.bookings.by_reference(row["reference"])
            assert stored is not None
            return self.service.booked(row, self.service.whole(stored, staff=False), replay)

        return self.steps.unit(work)

    def change(self, actor: Actor, row: Row, sent: Sent) -> None:
        """Goes on with a locked draft. Raises `Invalid` and `SlotTaken`.

        What changes nothing leaves it as it is, unless its prices are too old to confirm: then they are of today.
        """
        plan = self.plan(actor, row, self.bookings.items(row["id"]), sent)
        columns = plan.columns | {"search_text": searchable([row["reference"][3:], *plan.found_by])}
        if plan.steps:
            columns["bench_id"] = self.take(row | plan.columns, plan)
        elif plan.steps is not None:
            self.benches.slots.release(row["id"])
        elif has_lapsed(row):
            columns |= self.held_again(actor, row, plan)
        same = self.service.replace_items(row["id"], plan.lines) is None
        if same and all(row[name] == value for name, value in columns.items()) and not is_stale(row):
            return
        was = {name: row[name] for name in ("urgency", "total")}
        became = {name: columns[name] for name in was}
        self.steps.alter(actor, row, "booking.changed", "", was, became, **columns)

    def held_again(self, actor: Actor, row: Row, plan: Plan) -> Row:
        """Holds the time of a draft whose hold has lapsed once more, where it is still free; what changes."""
        try:
            timed = timing(actor, plan.place, plan.lines, row, row["starts_at"])
            if not (steps := timed.pop("steps")):
                return {}
            bench = self.benches.move(row["id"], plan.place.benches, steps, timed["held_until"])
        except (Invalid, SlotTaken):
            return {}
        return timed | {"bench_id": bench}

    def confirm(self, actor: Actor, row: Row, after: Status | None = None, note: str = "") -> None:
        """Makes a locked draft a booking: pending where the shop confirms by hand, unless `after` says which.

        Raises `Invalid` that names what is missing, `SlotTaken`, and `Conflict` for a draft whose prices are too old.
        """
        items = self.bookings.items(row["id"])
        if absent := missing(row, items):
            raise Invalid(Fault(name, "this is still missing", "missing") for name in absent)
        if is_stale(row):
            raise Conflict("The prices of this draft are too old: save it again to see today's.")
        place, contact = self.service.shops.open(row["shop_slug"]), row["contact"]
        minutes, start = sum(item["minutes"] for item in items), row["starts_at"]
        steps = [] if has_lapsed(row) else place.calendar.occupied(start, minutes, place.shop.buffer_minutes)
        steps = steps or job_steps(place, start, minutes, by_staff=actor.staff)
        bench = self.benches.move(row["id"], place.benches, steps)
        customer = self.customers.find_or_make(contact["email"], contact["name"], contact.get("phone"), row["locale"])
        row |= {"customer_email": contact["email"], "customer_name": contact["name"]}
        by_hand = Status.PENDING if place.shop.confirm_by_hand else Status.CONFIRMED
        self.steps.go(
            actor, row, after or by_hand, note, {"total": row["total"], "starts_at": clock.rfc3339(start)},
            bench_id=bench, customer_id=customer, ends_at=job_end(steps, minutes),
            contact={name: value for name, value in contact.items() if name != "quote"},
        )  # fmt: skip

    def tidy(self) -> None:
        """Ends holds that have lapsed, and forgets drafts that nobody goes on with."""
        now = clock.now()
        for reference in self.bookings.lapsed(now, MOST):
            self.steps.unit(partial(self._let_go, reference, now))
        for reference in self.bookings.abandoned(now - FORGOTTEN_AFTER, MOST):
            self.steps.unit(partial(self._forget, reference, now - FORGOTTEN_AFTER))

    def _let_go(self, reference: str, now: datetime) -> None:
        row = self.bookings.locked(reference)
        if row is not None and row["held_until"] is not None and row["held_until"] <= now:
            self.benches.slots.release(row["id"])
            self.bookings.unhold(row["id"])

    def _forget(self, reference: str, untouched_since: datetime) -> None:
        row = self.bookings.locked(reference)
        if row is not None and row["status"] == Status.DRAFT and row["updated_at"] < untouched_since:
            self.bookings.delete(row["id"])
            # Who was told that it began, a webhook's receiver, must not keep it for ever. A hold's end is told by
            # `held_until` beforehand, and by the free times.
            self.steps.events.add("booking.status", topic(row), {"from": row["status"], "to": Status.CANCELLED})
            self.steps.audit.forget(self.steps.audit.rows.about("booking", [reference]))
            self.steps.audit.record(SYSTEM, "booking.forget", "booking", reference, before={"status": row["status"]})

    def take(self, row: Row, plan: Plan) -> int:
        """Holds a draft's slot on some bench."""
        return self.benches.move(row["id"], plan.place.benches, plan.steps or (), row["held_until"])

    def check(self, actor: Actor, sent: Sent, reference: str | None = None) -> None:
        """Raises `Invalid` for what is wrong with some fields of a new draft, or of that under a reference."""
        row = self.service.seen(reference, actor) if reference else BLANK
        if row is BLANK or row["status"] == Status.DRAFT:
            self.plan(actor, row, () if row is BLANK else self.bookings.items(row["id"]), sent)

    def plan(self, actor: Actor, known: Row, items: Sequence[Row], sent: Sent) -> Plan:
        """What is known with what is sent, priced as of now. Raises `Invalid`."""
        faults, shops = Faults(), self.service.shops
        named = faults.of(lambda: shops.open(sent.get("shop") or known["shop_slug"]))
        place = named or shops.open(None)  # so that what else is wrong is told too
        model = sent.get("model") or known["model_slug"]
        repairs = [item["slug"] for item in items] if "repairs" not in sent else sent["repairs"] or []
        plain = {name: value if (value := sent.get(name)) is not None else known[name] for name in PLAIN}
        starts_at = sent.get("starts_at", known["starts_at"])
        contact = faults.of(lambda: self.contact(known["contact"] or {}, sent, place)) or {}
        wanted = faults.of(lambda: self.service.catalog.wanted(model, repairs, place.shop.currency))
        lines = timed = None
        if named and wanted:
            lines = faults.of(lambda: self.lines(contact, sent, *wanted, place, plain["urgency"], starts_at))
        elif quote := sent.get("quote"):
            faults.of(lambda: self.service.pricing.opened(quote))
        if named and TIMED & sent.keys() and ("starts_at" in sent or not has_lapsed(known)):
            timed = faults.of(lambda: timing(actor, place, lines or (), known, starts_at))
        elif sent.get("starts_at"):
            faults.of(lambda: check_ahead(starts_at))
        faults.check()
        assert wanted is not None
        assert lines is not None
        device = wanted[0]
        columns = {
            **plain, "shop_id": place.shop.id, "model_id": device["id"], "currency": place.shop.currency,
            "contact": contact, "total": sum(line.price for line in lines) if lines else None, **(timed or {}),
        }  # fmt: skip
        steps = columns.pop("steps", None)
        names = (contact.get("name"), contact.get("email"), contact.get("phone"), device["brand_name"], device["name"])
        return Plan(place, lines, columns, [name for name in names if name], steps)

    def contact(self, known: Mapping[str, Any], sent: Sent, place: OpenShop) -> dict[str, Any]:
        """What is known of the customer, and the quote they hold."""
        told = dict(sent.get("customer") or {})
        if told.get("phone"):
            told["phone"] = e164(told["phone"], place.shop.country, "customer.phone")
        quote = {"quote": sent["quote"]} if "quote" in sent else {}
        return {name: value for name, value in {**known, **told, **quote}.items() if value}

    def lines(
        self, contact: dict[str, Any], sent: Sent, device: Row, offers: Sequence[Row], place: OpenShop, urgency: str,
        starts_at: datetime | None,
    ) -> list[Line]:  # fmt: skip
        """The prices: of the quote while it fits, else as they are now. Raises `Invalid` where it is just sent."""
        pricing = self.service.pricing
        if quote := contact.get("quote"):
            try:
                return pricing.honour(quote, device, offers, place.shop, urgency, starts_at)
            except Invalid:
                if sent.get("quote"):
                    raise
                del contact["quote"]
        return pricing.price(device, offers, place.shop, urgency, starts_at)


def is_stale(row: Row) -> bool:
    """Whether a draft's prices are too old to be confirmed."""
    return bool(row["updated_at"] <= clock.now() - LOCK_FOR)


def timing(actor: Actor, place: OpenShop, lines: Sequence[Line], known: Row, starts_at: datetime | None) -> Row:
    """The columns of a draft's slot, and `steps`: one step of the grid while nobody knows what is to be done, none
    where the draft has held times for as long as it may."""
    if starts_at is None:
        return {"starts_at": None, "ends_at": None, "held_until": None, "bench_id": None, "steps": []}
    minutes = sum(line.minutes for line in lines) or place.shop.grid_minutes
    steps = job_steps(place, starts_at, minutes, by_staff=actor.staff)
    timed = {"starts_at": starts_at.astimezone(UTC), "ends_at": job_end(steps, minutes)}
    now, since = clock.now(), known["held_since"]
    if since is None or since <= now - HOLD_AGAIN_AFTER:
        since = now
    until = min(now + HOLD_FOR, since + HOLD_AT_MOST)
    if until <= now:
        return timed | {"held_until": None, "bench_id": None, "steps": []}
    return timed | {"held_until": until, "held_since": since, "steps": steps}
