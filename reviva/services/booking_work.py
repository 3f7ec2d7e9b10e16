"""What staff do with bookings: bring them on, hand them out, and change what is to be repaired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, Fault, Invalid, RevivaError, Unavailable
from reviva.identity import e164
from reviva.models.booking import OVER, Status
from reviva.models.pricing import RuleKind
from reviva.models.user import Role
from reviva.repositories.user import UserRepository
from reviva.services.actor import Actor
from reviva.services.booking import BookingService, View
from reviva.services.booking_draft import BookingDrafts, Sent
from reviva.services.booking_status import BEFORE, forbidden, override
from reviva.services.booking_view import line_item
from reviva.services.calendar import STEP
from reviva.services.figure import FigureService
from reviva.services.pricing import Line
from reviva.services.shop import OpenShop, job_end

AT_ANY_TIME: Final = frozenset({"repairs", "items", "notes", "customer"})
"""What staff can change of a booking; the rest only of a draft."""


class BookingWork:
    """Every verb but `bulk` gives the booking back as it then is, and raises what `BookingService.change` does."""

    def __init__(self, service: BookingService, drafts: BookingDrafts, figures: FigureService) -> None:
        self.service, self.drafts, self.figures = service, drafts, figures
        self.steps, self.bookings = service.steps, service.bookings
        self.users = UserRepository(service.database)

    def set_status(
        self, actor: Actor, reference: str, status: Status, note: str = "", version: int | None = None
    ) -> View:
        """Brings a booking on. Raises `StepForbidden`; for a draft, what confirming it does."""

        def work(row: Row) -> None:
            if row["status"] == Status.DRAFT and status in BEFORE:
                self.drafts.confirm(actor, row, status, note)
            else:
                facts = override(actor, row) if status is Status.CANCELLED else None
                self.steps.go(actor, row, status, note, facts)

        return self.service.change(actor, reference, version, work)

    def bulk(self, actor: Actor, references: Iterable[str], status: Status, note: str = "") -> list[dict[str, Any]]:
        """Brings several bookings on, each for itself: `reference` and its new `status`, or the `error` it met."""
        report: list[dict[str, Any]] = []
        for reference in dict.fromkeys(references):
            try:
                view = self.set_status(actor, reference, status, note)
                report.append({"reference": reference, "status": view["status"], "version": view["version"]})
            except Unavailable:
                raise
            except RevivaError as error:
                told = {"code": error.code, "detail": error.detail, **error.members}
                report.append({"reference": reference, "error": told})
        return report

    def assign(self, actor: Actor, reference: str, user: int | None, version: int | None = None) -> View:
        """Gives a booking to somebody who works here, or to nobody. Raises `Invalid`."""

        def work(row: Row) -> None:
            known = None if user is None else self.users.one(user)
            if user is not None and (known is None or not known["active"] or known["role"] == Role.CUSTOMER):
                raise Invalid.field("user", "nobody who works here has this number", "unknown-user")
            if user == row["assigned_to_id"]:
                return
            self.steps.alter(
                actor, row, "booking.assigned", "Assigned" if known else "Assigned to nobody",
                {"assigned_to": row["assigned_to_id"]}, {"assigned_to": user}, assigned_to_id=user,
            )  # fmt: skip
            if row["completed_at"]:
                self.figures.forget_day(row["shop_id"], row["shop_timezone"], row["completed_at"])

        return self.service.change(actor, reference, version, work)

    def amend(self, actor: Actor, reference: str, sent: Sent, version: int | None = None) -> View:
        """Goes on with a draft; for staff, changes repairs, notes, and the name and number to go by, of any."""

        def work(row: Row) -> None:
            if row["status"] == Status.DRAFT and "items" not in sent:
                self.drafts.change(actor, row, sent)
            elif row["status"] == Status.DRAFT:
                raise Invalid.field("items", "a draft has repairs, whose prices are those of the rules", "not-yet")
            elif actor.staff:
                self._change(actor, row, sent)
            else:
                raise forbidden(row, "changed any more but by the shop", actor.staff)

        return self.service.change(actor, reference, version, work)

    def _change(self, actor: Actor, row: Row, sent: Sent) -> None:
        late = sorted(sent.keys() - AT_ANY_TIME)
        if late:
            raise Invalid(Fault(name, "only a draft's can be changed", "not-a-draft") for name in late)
        columns: dict[str, Any] = {} if sent.get("notes") in (None, row["notes"]) else {"notes": sent["notes"]}
        wanted = self.wanted(sent)
        if sent.get("customer"):
            self.steps.contact(actor, row, self.contact(row, sent["customer"]), "Contact changed")
        had: list[Row] = []
        has: list[Row] = []
        if wanted is not None:
            if row["status"] in OVER:
                raise Conflict(f"What was repaired can't be changed of a booking that is {row['status']}.")
            repriced, had, has = self.reprice(row, wanted)
            columns |= repriced
        if not columns:
            return
        told = columns.keys() & {"notes", "total"}
        was, became = (
            {name: each[name] for name in told} | ({"items": items} if items else {})
            for each, items in ((row, had), (columns, has))
        )
        note = "Repairs changed" if "total" in columns else "Notes changed"
        self.steps.alter(actor, row, "booking.changed", note, was, became, **columns)

    def contact(self, row: Row, sent: Sent) -> Sent:
        """Another name or number to go by for a booking, as it is kept. Raises `Invalid`."""
        if "email" in sent:
            raise Invalid.field("customer.email", "an address is its customer's: change it there", "not-a-draft")
        country = self.service.shops.find(row["shop_slug"], closed=True).country
        return {**sent, **({"phone": e164(sent["phone"], country, "customer.phone")} if sent.get("phone") else {})}

    def wanted(self, sent: Sent) -> dict[str, int | None] | None:
        """The repairs that were sent, each with the price it is set to by hand, if it is; None for none sent."""
        if sent.get("items") is not None and sent.get("repairs") is not None:
            raise Invalid.field("items", "either repairs or items, not both", "conflict")
        plain = [{"repair": slug} for slug in sent.get("repairs") or ()]
        items = sent.get("items") or plain
        wanted = {item["repair"]: item.get("price") for item in items}
        if len(wanted) < len(items):
            raise Invalid.field("repairs" if plain else "items", "one repair is there twice", "repeated")
        return wanted or None

    def reprice(self, row: Row, wanted: dict[str, int | None]) -> tuple[dict[str, Any], list[Row], list[Row]]:
        """Puts other repairs in the place of a booking's, at today's prices or those set by hand; the columns that
        change, and the repairs in short as they were and as they are.

        That is nothing where they are the same at the same prices.
        """
        place = self.service.shops.open(row["shop_slug"], closed=True)
        device, offers = self.service.catalog.wanted(row["model_slug"], list(wanted), row["currency"])
        lines = self.service.pricing.price(device, offers, place.shop, row["urgency"], row["starts_at"])
        for line in lines:
            set_price(line, wanted[line.slug])
        before = self.service.replace_items(row["id"], lines)
        if before is None:
            return {}, [], []
        columns = {**self.retime(row, place, before, lines), "total": sum(line.price for line in lines)}
        return columns, in_short(before), in_short(map(line_item, lines))

    def retime(self, row: Row, place: OpenShop, items: Sequence[Row], lines: Sequence[Line]) -> dict[str, Any]:
        """Makes a booking's time fit its repairs. Raises `SlotTaken`.

        Once the device is here, a job that gets longer goes on at another bench where somebody else has its own next,
        and keeps what it has where none is free: the work is done all the same.
        """
        minutes = sum(line.minutes for line in lines)
        before = sum(item["minutes"] for item in items)
        begun = row["status"] not in BEFORE
        if minutes == before or (begun and minutes < before):
            return {}
        steps = place.calendar.occupied(row["starts_at"], minutes, place.shop.buffer_minutes)
        ends_at = job_end(steps, minutes)
        if not begun:
            return {"ends_at": ends_at, "bench_id": self.service.benches.move(row["id"], place.benches, steps)}
        ahead = [step for step in steps if step > clock.now() - STEP]
        found = self.service.benches.extend(row["id"], [row["bench_id"], *place.benches], ahead)
        return {"ends_at": ends_at} if found else {}


def in_short(items: Iterable[Row]) -> list[Row]:
    """A booking's items as the audit tells of them."""
    return [{"repair": item["slug"], "price": item["price"]} for item in items]


def set_price(line: Line, price: int | None) -> None:
    """Sets a line's price by hand, as one more adjustment that explains it."""
    change = 0 if price is None else price - line.price
    if change:
        line.price += change
        by_hand = {"rule": None, "name": "Set by the shop", "kind": RuleKind.FIXED, "value": change, "effect": change}
        line.adjustments.append(by_hand)
