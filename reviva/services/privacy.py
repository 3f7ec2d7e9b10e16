"""What the law gives a person: to see everything held about them, and to have it erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from peewee import Database

from reviva import clock
from reviva.errors import NotFound
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.privacy import PersonRepository
from reviva.services.actor import SYSTEM, Actor
from reviva.services.audit import AuditService

MONTH = timedelta(days=30.44)
BATCH = 50
"""People that one round of the retention erases."""


class PrivacyService:
    def __init__(self, database: Database, audit: AuditService, retention_months: int = 0) -> None:
        self.database, self.audit, self.retention_months = database, audit, retention_months
        self.customers, self.persons = CustomerRepository(database), PersonRepository(database)

    def find(self, email: str) -> int:
        """The customer with this address. Raises `NotFound`."""
        found = self.customers.by_email(email)
        if found is None:
            raise NotFound(f"Nothing is held about {email}.")
        return int(found.id)

    def export(self, actor: Actor, id: int) -> dict[str, Any]:
        """Every row about a customer by table, times aware, money in minor units. Raises `NotFound`."""
        with self.database.atomic():
            self.customers.get(id)
            self.audit.record(actor, "customer.export", "customer", id)
            return self.persons.held(self.persons.ids(id))

    def anonymize(self, actor: Actor, *ids: int) -> None:
        """Erases customers, and whoever was merged into them, in every table; the bookings stay, as nobody's.

        Done twice it changes nothing. Raises `NotFound`.
        """
        self.persons.overwrite_what_is_freed()
        for id in ids:
            self._anonymize(actor, id)
        self.persons.scrub()

    def _anonymize(self, actor: Actor, id: int) -> None:
        with self.database.atomic():
            customer = self.customers.get(id)
            if customer.anonymized_at:
                return
            if customer.merged_into:
                id = customer.merged_into
            self.persons.erase(self.persons.ids(id), clock.now())
            self.audit.record(actor, "customer.anonymize", "customer", id)

    def forget_the_silent(self) -> int:
        """Erases those who have had nothing to do with the shop for as long as the settings say; returns how many."""
        if not self.retention_months:
            return 0
        silent = self.customers.silent_since(clock.now() - self.retention_months * MONTH, BATCH)
        if silent:
            self.anonymize(SYSTEM, *[row["id"] for row in silent])
        return len(silent)
