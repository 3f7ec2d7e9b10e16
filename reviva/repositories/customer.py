"""The people whose devices are repaired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from peewee import EXCLUDED, SQL, Case, Expression, Query, fn

from reviva import clock
from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement, locking
from reviva.errors import Conflict, known
from reviva.identity import email_key
from reviva.models.booking import Booking, Status
from reviva.models.customer import Customer
from reviva.models.notification import Notification
from reviva.paging import ListQuery, Page
from reviva.repositories.base import Repository
from reviva.repositories.telephone import searched
from reviva.words import searchable

C = Customer


def _upsert() -> Query:
    fields = (C.email, C.email_key, C.name, C.phone, C.locale, C.search_text, C.created_at, C.updated_at)
    nameless, fuller = C.name == "", (C.name == "") | (C.phone.is_null() & EXCLUDED.phone.is_null(False))
    return (
        C.insert({field: Param(field.column_name, field) for field in fields})
        .on_conflict(
            conflict_target=[C.email_key],
            update={
                # Only what is missing: whoever books under somebody's address must not rewrite that person.
                C.name: Case(None, [(nameless, EXCLUDED.name)], C.name),
                C.phone: fn.COALESCE(C.phone, EXCLUDED.phone),
                C.search_text: Case(None, [(fuller, EXCLUDED.search_text)], C.search_text),
            },
        )
        .returning(fn.COALESCE(C.merged_into, C.id).alias("id"))
    )


_UPSERT = Statement(_upsert)
_KEPT = (C.merged_into.is_null(), C.anonymized_at.is_null())


_SHOWN = (
    C.id, C.email, C.name, C.phone, C.locale, C.marketing_consent, C.consent_at, C.anonymized_at, C.merged_into,
    C.created_at, C.updated_at, C.version,
)  # fmt: skip
_BOOKINGS = Booking.select(fn.COUNT(SQL("*"))).where(Booking.customer == C.id).alias("bookings")
_ONE = Statement(lambda: C.select(*_SHOWN, C.notes, _BOOKINGS).where(C.id == Param("id")))
_LOCK = locking(lambda: C.select(C.id).where(Among(C.id, "ids")).order_by(C.id))


class CustomerRepository(Repository[Customer]):
    """Lists show customers and how many bookings each has, without the merged and the erased ones."""

    model = Customer
    sorts = {"id": C.id, "name": C.name, "email": C.email_key, "created_at": C.created_at, "updated_at": C.updated_at}
    shows = Statement(lambda: C.select(*_SHOWN, _BOOKINGS).where(Among(C.id, "ids")))
    searched = True
    default_sort = (("created_at", True),)

    filters = {
        "email": lambda email: C.email_key == email_key(email),
        "phone": lambda phone: C.phone == phone,
        "consent": lambda given: C.marketing_consent if given else ~C.marketing_consent,
        "created_from": lambda at: C.created_at >= at,
        "created_to": lambda at: C.created_at < at,
    }

    def conditions(self, filters: Mapping[str, Any]) -> list[Expression]:
        """Those of the filters, of customers who are still there."""
        return [*_KEPT, *super().conditions(filters)]

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of customers, found by a telephone number however it is written too."""
        return searched(self.database, wanted, super().listed)

    def one(self, id: int) -> Row | None:
        """One customer as the list shows them, with the shop's notes; None where there is none."""
        return _ONE.first(self.database, id=id)

    def lock(self, *ids: int) -> None:
        """Lets nobody else change some customers, nor book for them, before the transaction ends."""
        _LOCK[backend(self.database)].all(self.database, ids=list(ids))

    def present(self, id: int) -> Row:
        """One customer, as `one` has them, whom nobody else changes before the transaction ends.

        Raises `NotFound`, and `Conflict` for one who is no more.
        """
        self.lock(id)
        row = known(self.one(id), f"There is no customer {id}.")
        if row["anonymized_at"] or row["merged_into_id"]:
            raise Conflict("This customer was erased or merged into another.")
        return row

    def find_or_make(self, email: str, name: str, phone: str | None, locale: str) -> int:
        """The id of the customer with this address (or of whom they were merged into), made if there is none."""
        now = clock.now()
        row = _UPSERT.first(
            self.database, email=email, email_key=email_key(email), name=name, phone=phone, locale=locale,
            search_text=searchable(part for part in (name, email, phone) if part), created_at=now, updated_at=now,
        )  # fmt: skip
        assert row is not None
        return int(row["id"])

    def by_email(self, email: str) -> Customer | None:
        """Whom this address belongs to, or whom they were merged into."""
        found = self.find(C.email_key == email_key(email))
        return self.get(found.merged_into) if found is not None and found.merged_into else found

    def merge(self, kept: int, other: int) -> None:
        """Makes everything of `other` `kept`'s, and remembers by which address they were known."""
        for model in (Booking, Notification):
            model.update(customer=kept).where(model.customer == other).bind(self.database).execute()
        C.update(merged_into=kept).where((C.id == other) | (C.merged_into == other)).bind(self.database).execute()

    def silent_since(self, moment: datetime, busy: Iterable[Status], limit: int, *only: int) -> list[int]:
        """The ids of customers not yet erased, or of those among some, who were made, and all of whose bookings took
        place and changed, before `moment`; without those who have one that is `busy`."""
        recent = (Booking.updated_at >= moment) | (Booking.starts_at >= moment) | Booking.status.in_(list(busy))
        later = Booking.select(Booking.id).where(Booking.customer == C.id, recent)
        query = C.select(C.id).where(*_KEPT, C.created_at < moment, ~fn.EXISTS(later))
        query = query.where(C.id.in_(only)) if only else query
        return [row["id"] for row in self.run(query.order_by(C.id).limit(limit))]
