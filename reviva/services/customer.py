"""The people whose devices are repaired: found or made when they book, corrected and merged by the shop."""

from __future__ import annotations

from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, known
from reviva.identity import e164, email_key
from reviva.paging import ListQuery, Page
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.preference import PreferenceRepository
from reviva.repositories.telephone import region
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.booking_step import BookingSteps
from reviva.services.notification import NotificationService
from reviva.words import searchable

CONTACT: Final = frozenset({"name", "email", "phone"})


class CustomerService:
    def __init__(self, database: Database, audit: AuditService, notifications: NotificationService) -> None:
        self.database, self.audit = database, audit
        self.steps = BookingSteps(database, audit, notifications)
        self.customers, self.preferences = CustomerRepository(database), PreferenceRepository(database)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of customers, each with the number of their bookings."""
        return self.customers.listed(wanted)

    def get(self, id: int) -> Row:
        """One customer, with the shop's notes. Raises `NotFound`."""
        return known(self.customers.one(id), f"There is no customer {id}.")

    def change(self, actor: Actor, id: int, version: int | None = None, **sent: Any) -> Row:
        """Changes the fields sent, of email, name, phone, locale, marketing_consent and notes.

        Name and number given with an open booking follow where they were the same: what was wrong is wrong there too.
        Raises `NotFound`, `VersionConflict`, `Conflict` where another customer has the address, and `Invalid`.
        """
        if sent.get("phone"):
            sent["phone"] = e164(sent["phone"], region(self.database))
        with self.database.atomic():
            before = self.customers.present(id)
            changed = {name: value for name, value in sent.items() if before[name] != value}
            self.customers.update(id, version, **self._columns(before, changed))
            if changed:
                was = {name: before[name] for name in changed}
                self.audit.record(actor, "customer.change", "customer", id, before=was, after=changed)
            for reference in self.steps.bookings.open_of(id) if CONTACT & changed.keys() else ():
                self._follow(actor, reference, before, changed)
            return self.get(id)

    def _follow(self, actor: Actor, reference: str, before: Row, changed: dict[str, Any]) -> None:
        """Lets an open booking, and the messages that wait to be sent about it, follow a customer's change."""
        row = self.steps.bookings.locked(reference)
        assert row is not None
        given = row["contact"] or {}
        # Not what was never given: whoever booked under this address may be a stranger, who must not learn it.
        same = [name for name in ("name", "phone") if name in changed and name in given and given[name] == before[name]]
        self.steps.contact(actor, row, {name: changed[name] for name in same})
        for name in {"email", "phone"} & changed.keys():
            self.steps.notifications.readdress(row["id"], before[name], changed[name])

    def merge(self, actor: Actor, id: int, other: int) -> Row:
        """Makes `other`'s bookings `id`'s, fills what `id` lacks, and lets `other`'s address lead to `id` from now on.

        Raises `NotFound` and `Conflict`.
        """
        with self.database.atomic():
            self.customers.lock(id, other)
            kept, gone = self.get(id), self.get(other)
            if id == other or any(row["anonymized_at"] or row["merged_into_id"] for row in (kept, gone)):
                raise Conflict("These two can't be merged: one of them was erased or merged before.")
            missing = {name: gone[name] for name in ("name", "phone") if not kept[name] and gone[name]}
            notes = "\n".join(note for note in (kept["notes"], gone["notes"]) if note)
            self.customers.update(id, notes=notes, **self._columns(kept, missing))
            self.customers.merge(id, other)
            self.preferences.merge(id, other)
            self.audit.record(actor, "customer.merge", "customer", id, before={"other": other}, after=missing)
            return self.get(id)

    def _columns(self, before: Row, changed: dict[str, Any]) -> dict[str, Any]:
        """The columns that follow from changed fields."""
        now, columns = clock.now(), dict(changed)
        if "email" in changed:
            columns["email_key"] = email_key(changed["email"])
        if "marketing_consent" in changed:
            columns["consent_at"] = now
        found_by = (changed.get(name, before[name]) for name in ("name", "email", "phone"))
        return {**columns, "search_text": searchable(text for text in found_by if text), "updated_at": now}
