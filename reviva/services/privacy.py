"""What the law gives a person: to see everything held about them, and to have it erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Conflict, NotFound
from reviva.identity import email_key
from reviva.models.booking import OVER, Status
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.privacy import Person, PersonRepository
from reviva.repositories.user import UserRepository
from reviva.services.actor import SYSTEM, Actor
from reviva.services.audit import AuditService
from reviva.services.booking_status import HERE
from reviva.services.booking_step import BookingSteps
from reviva.services.notification import NotificationService
from reviva.services.throttle import Throttle
from reviva.services.user import keep_an_admin

MONTH = timedelta(days=30.44)
BATCH = 50
"""People that one round of the retention erases."""


class PrivacyService:
    def __init__(
        self, database: Database, audit: AuditService, notifications: NotificationService, throttle: Throttle,
        retention_months: int = 0,
    ) -> None:  # fmt: skip
        self.database, self.audit, self.retention_months = database, audit, retention_months
        self.steps = BookingSteps(database, audit, notifications)
        self.throttle, self.users = throttle, UserRepository(database)
        self.customers, self.persons = CustomerRepository(database), PersonRepository(database)

    def export(self, actor: Actor, who: int | str) -> dict[str, Any]:
        """Every row about a person by table. Raises `NotFound`."""
        with self.database.atomic():
            person, about = self._trace(who)
            held = self.persons.held(person)
            self._record(actor, "export", person, about)
            return held

    def anonymize(self, actor: Actor, *whom: int | str) -> None:
        """Erases people, and whoever was merged into them, in every table; the bookings stay, as nobody's.

        Who is named by an address goes also from among the users; of who is named by a customer's id, the customer
        does. Done twice it changes nothing.

        Appointments to come are called off with them: nobody would know who comes, and a bench would wait in vain.
        While the shop has a device of theirs it refuses: it must know to whom it gives that back, and until then the
        law lets it (GDPR, article 17: what is still needed for what it was given for). Raises `NotFound`, and
        `Conflict` that names those bookings, or for the last admin.
        """
        for who in whom:
            self.steps.unit(partial(self._erase, actor, who))
        self._scrub()

    def _scrub(self) -> None:
        with self.database.atomic():
            self.persons.scrub()
        self.persons.empty_log()

    def _erase(self, actor: Actor, who: int | str) -> None:
        wait_for_turn(self.database, SETTINGS)
        self.customers.lock(*self._trace(who)[0].ids)
        person, about = self._trace(who)  # only now: who booked meanwhile, or was merged, goes with all of it
        for id in person.accounts:
            keep_an_admin(self.users.admins(), id)
        ahead = self._ahead(person)
        self.audit.forget(self.persons.audited(person))
        self.persons.erase(person, clock.now())
        self.throttle.forget(person.keys)
        for reference in ahead:  # only now, so that nobody is written to
            self.steps.go(actor, self._locked(reference), Status.CANCELLED)
        self._record(actor, "anonymize", person, about)

    def _ahead(self, person: Person) -> list[str]:
        """The references of their bookings for which nothing was brought yet; nobody else changes those meanwhile.

        Raises `Conflict` where the shop has a device of theirs.
        """
        rows = [self._locked(reference) for reference in person.open]
        if here := [row["reference"] for row in rows if row["status"] in HERE]:
            raise Conflict(
                f"The shop has a device of theirs: complete or cancel {', '.join(here)} first.", bookings=here
            )
        return [row["reference"] for row in rows if row["status"] not in OVER]

    def _locked(self, reference: str) -> Row:
        row = self.steps.bookings.locked(reference)
        assert row is not None
        return row

    def _trace(self, who: int | str) -> tuple[Person, int]:
        """A customer's id or an address: their traces, and the id to file it under (0: none). Raises `NotFound`."""
        if isinstance(who, str):
            found, key = self.customers.by_email(who), email_key(who)
        else:
            found, key = self.customers.get(who), None
        id = (found.merged_into or found.id) if found else None
        person = self.persons.trace(id, key)
        if not person.known:
            raise NotFound(f"Nothing is held about {who}.")
        return person, id or 0

    def _record(self, actor: Actor, verb: str, person: Person, about: int) -> None:
        """Writes down what was done, under the customer and under each account of somebody who works here."""
        if person.ids or person.bookings:
            self.audit.record(actor, f"customer.{verb}", "customer", about)
        for id in person.accounts:
            if id in person.staff:
                self.audit.record(actor, f"user.{verb}", "user", id)

    def forget_the_silent(self) -> int:
        """Erases those who have had nothing to do with the shop for as long as the settings say; returns how many."""
        if not self.retention_months:
            return 0
        since = clock.now() - self.retention_months * MONTH
        silent = self.customers.silent_since(since, HERE, BATCH)
        erased = sum(self.steps.unit(partial(self._erase_silent, id, since)) for id in silent)
        if erased:
            self._scrub()
        return erased

    def _erase_silent(self, id: int, since: datetime) -> bool:
        """Erases a customer unless they have come back meanwhile: their appointment would be called off with them."""
        wait_for_turn(self.database, SETTINGS)
        self.customers.lock(id)
        silent = bool(self.customers.silent_since(since, HERE, 1, id))
        if silent:
            self._erase(SYSTEM, id)
        return silent
