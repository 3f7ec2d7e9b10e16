"""Bookings, and the benches' time that they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from peewee import JOIN

from reviva.database import statement
from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement, locking
from reviva.models import (
    Booking,
    BookingHistory,
    BookingItem,
    Brand,
    Category,
    Customer,
    DeviceModel,
    RepairType,
    Shop,
    User,
)
from reviva.models.booking import OVER, Status
from reviva.paging import ListQuery, Page
from reviva.repositories.base import Filter, Repository
from reviva.repositories.sorting import Key
from reviva.repositories.telephone import searched

B = Booking


_SHOWN = (
    B.id, B.reference, B.status, B.urgency, B.starts_at, B.ends_at, B.held_until, B.held_since, B.currency, B.total,
    B.contact, B.notes, B.locale, B.token_serial, B.created_at, B.updated_at, B.version, B.customer, B.assigned_to,
    B.bench, B.search_text, B.shop, B.model, B.completed_at,
    Shop.address.alias("shop_address"), Shop.cancel_notice_minutes.alias("shop_notice"),
    Shop.confirm_by_hand.alias("shop_by_hand"),
    Shop.slug.alias("shop_slug"), Shop.name.alias("shop_name"), Shop.timezone.alias("shop_timezone"),
    DeviceModel.slug.alias("model_slug"), DeviceModel.name.alias("model_name"), DeviceModel.year.alias("model_year"),
    Brand.slug.alias("brand_slug"), Brand.name.alias("brand_name"),
    Category.slug.alias("category_slug"), Category.name.alias("category_name"),
    Customer.name.alias("customer_name"), Customer.email.alias("customer_email"),
    Customer.phone.alias("customer_phone"), User.name.alias("assigned_name"),
)  # fmt: skip


class BookingRepository(Repository[Booking]):
    """Lists show a booking with its shop, customer, model and who has it; items come from `items_of`."""

    model = Booking
    sorts = {
        "created_at": B.created_at, "starts_at": B.starts_at, "updated_at": B.updated_at,
        "status": B.status, "reference": B.reference, "total": B.total,
    }  # fmt: skip
    shows = Statement(lambda: _with_names(B.select(*_SHOWN)).where(Among(B.id, "ids")))
    searched = True
    default_sort = (("created_at", True),)

    filters = {
        "status": lambda statuses: B.status.in_(statuses),
        "assigned_to": lambda users: reduce(or_, [_had_by(user) for user in users]),
        "customer": lambda customer: B.customer == customer,
        # By ids: an index has an id's bookings in order, and a planner knows how many they are.
        "shop": lambda ids: B.shop == ids[0] if len(ids) == 1 else B.shop.in_(ids),
        "created_from": lambda at: B.created_at >= at,
        "created_to": lambda at: B.created_at < at,
        "starts_from": lambda at: B.starts_at >= at,
        "starts_to": lambda at: B.starts_at < at,
    }

    def keys(self, wanted: ListQuery) -> list[Key]:
        """The sort of a list; bookings of one status by when they were made, which an index knows, and of a span of
        starts in its order."""
        if not wanted.sort and wanted.filters.keys() & {"starts_from", "starts_to"}:
            wanted = replace(wanted, sort=(("starts_at", False),))
        if len(wanted.sort) == 1 and wanted.sort[0][0] == "status":
            wanted = replace(wanted, sort=(*wanted.sort, ("created_at", wanted.sort[0][1])))
        return super().keys(wanted)

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of bookings, found by a telephone number however it is written too."""
        return searched(self.database, wanted, super().listed)

    def branches(self, filters: Mapping[str, Any]) -> list[Any]:
        """Each status, where there are several, or else each user who has them, or each shop."""
        statuses, users, shops = (filters.get(name) or () for name in ("status", "assigned_to", "shop"))
        if len(statuses) > 1:
            return [B.status == status for status in statuses]
        if len(users) > 1:
            return [_had_by(user) for user in users]
        return [B.shop == shop for shop in shops] if len(shops) > 1 else []

    def add(self, **values: Any) -> int | None:
        """Inserts a booking and returns its id; None where its reference is taken."""
        row = adding(tuple(values)).first(self.database, **values)
        return None if row is None else int(row["id"])

    def by_reference(self, reference: str) -> Row | None:
        """A booking with its shop, customer and model, or None."""
        return _BY_REFERENCE.first(self.database, reference=reference)

    def appointments(self, references: Iterable[str]) -> dict[str, Row]:
        """Status and start of those of some bookings that are there, by reference."""
        rows = _APPOINTMENTS.all(self.database, references=list(references))
        return {row["reference"]: row for row in rows}

    def open_of(self, customer: int) -> list[str]:
        """The references of a customer's bookings that have not ended, oldest first."""
        open = (B.customer == customer) & B.status.not_in(OVER)
        return [row["reference"] for row in self.run(B.select(B.reference).where(open).order_by(B.id))]

    def locked(self, reference: str) -> Row | None:
        """The same, and nobody else changes it before the transaction ends."""
        if _LOCK[backend(self.database)].first(self.database, reference=reference) is None:
            return None
        return self.by_reference(reference)  # only now: what was read before the lock may be old

    def abandoned(self, untouched_since: datetime, most: int) -> list[str]:
        """The references of drafts that nobody went on with, oldest first."""
        old = (B.created_at < untouched_since) & (B.updated_at < untouched_since)
        query = B.select(B.reference).where(B.status == Status.DRAFT, old).order_by(B.created_at, B.id)
        return [row["reference"] for row in self.run(query.limit(most))]

    def lapsed(self, now: datetime, most: int) -> list[str]:
        """The references of drafts whose hold has lapsed."""
        query = B.select(B.reference).where(B.held_until <= now).order_by(B.held_until).limit(most)
        return [row["reference"] for row in self.run(query)]

    def unhold(self, booking: int) -> None:
        """Notes that a draft's hold is over; not a change of the draft, so the version stays."""
        B.update(held_until=None).where(B.id == booking).bind(self.database).execute()

    def items_of(self, bookings: Iterable[int]) -> dict[int, list[Row]]:
        """The items of some bookings, in order, by booking."""
        return _by_booking(_ITEMS.all(self.database, bookings=list(bookings)))

    def items(self, booking: int) -> list[Row]:
        """The items of one booking, in order."""
        return self.items_of([booking]).get(booking, [])

    def history_of(self, booking: int) -> list[Row]:
        """What happened to a booking, oldest first."""
        return _HISTORY.all(self.database, booking=booking)

    def move(self, booking: int, bench: int) -> None:
        """Notes which bench a booking has."""
        _MOVE.run(self.database, booking=booking, bench=bench)

    def add_items(self, booking: int, lines: Sequence[Any]) -> None:
        """Adds a booking's items from its priced lines, numbered in their order."""
        rows = [
            {
                "booking_id": booking, "position": n, "repair_id": line.repair, "name": line.name,
                "minutes": line.minutes, "base": line.base, "adjustments": line.adjustments, "price": line.price,
            }
            for n, line in enumerate(lines)
        ]  # fmt: skip
        statement.insert(self.database, BookingItem, rows)

    def replace_items(self, booking: int, lines: Sequence[Any]) -> None:
        """Puts other items in the place of a booking's."""
        BookingItem.delete().where(BookingItem.booking == booking).bind(self.database).execute()
        self.add_items(booking, lines)

    def add_history(
        self, booking: int, version: int, before: str | None, after: str, at: datetime, note: str = "",
        user: int | None = None,
    ) -> None:  # fmt: skip
        """Remembers the step of a booking that made this version of it: each version was made by one step."""
        step = {
            "booking_id": booking, "version": version, "from_status": before, "to_status": after, "at": at,
            "note": note, "user_id": user,
        }  # fmt: skip
        statement.insert(self.database, BookingHistory, [step])


def about(booking: Any) -> Filter:
    """A filter of rows that belong to a booking, by its reference."""
    return lambda reference: booking.in_(B.select(B.id).where(B.reference == reference))


def _had_by(user: int | None) -> Any:
    """Bookings that a user has; with None, that nobody has."""
    return B.assigned_to.is_null() if user is None else B.assigned_to == user


def adding(columns: tuple[str, ...]) -> Statement:
    """INSERT of a booking unless its reference is taken.

    Of nothing else: SQLite's OR IGNORE would pass over a column's CHECK too, and another reference be tried for ever.
    """
    if columns not in _ADDING:
        fields = [B._meta.combined[column] for column in columns]
        _ADDING[columns] = Statement(
            lambda: (
                B.insert({field: Param(field.column_name, field) for field in fields})
                .on_conflict(action="NOTHING", conflict_target=[B.reference])
                .returning(B.id)
            )
        )
    return _ADDING[columns]


def _with_names(query: Any) -> Any:
    query = query.join(Shop).switch(B).join(DeviceModel).join(Brand).switch(DeviceModel).join(Category)
    query = query.switch(B).join(Customer, JOIN.LEFT_OUTER)
    return query.switch(B).join(User, JOIN.LEFT_OUTER, on=B.assigned_to == User.id)


def _by_booking(rows: Iterable[Row]) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.pop("booking_id"), []).append(row)
    return grouped


_MOVE = Statement(lambda: B.update({B.bench: Param("bench")}).where(B.id == Param("booking")))
_ADDING: dict[tuple[str, ...], Statement] = {}

_BY_REFERENCE = Statement(lambda: _with_names(B.select(*_SHOWN)).where(B.reference == Param("reference")))
_APPOINTMENTS = Statement(lambda: B.select(B.reference, B.status, B.starts_at).where(Among(B.reference, "references")))
_ITEMS = Statement(
    lambda: (
        BookingItem.select(
            BookingItem.booking,
            BookingItem.name,
            BookingItem.minutes,
            BookingItem.base,
            BookingItem.adjustments,
            BookingItem.price,
            RepairType.slug,
        )
        .join(RepairType)
        .where(Among(BookingItem.booking, "bookings"))
        .order_by(BookingItem.booking, BookingItem.position)
    )
)
_HISTORY = Statement(
    lambda: (
        BookingHistory.select(
            BookingHistory.from_status, BookingHistory.to_status, BookingHistory.at, BookingHistory.note
        )
        .where(BookingHistory.booking == Param("booking"))
        .order_by(BookingHistory.version)
    )
)
_LOCK = locking(lambda: B.select(B.id).where(B.reference == Param("reference")))
