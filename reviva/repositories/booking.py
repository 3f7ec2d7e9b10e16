"""Bookings, and the benches' time that they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from peewee import JOIN, Database

from reviva import clock
from reviva.database import statement
from reviva.database.statement import Among, Param, Row, Statement
from reviva.models import (
    Booking,
    BookingHistory,
    BookingItem,
    BookingSlot,
    Brand,
    Category,
    Customer,
    DeviceModel,
    RepairType,
    Shop,
    User,
)
from reviva.repositories.base import Repository
from reviva.repositories.words import matching

B, S = Booking, BookingSlot


class SlotRepository:
    """Occupied time, a row for each bench and step."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def busy(self, benches: Sequence[int], first: datetime, last: datetime, now: datetime) -> dict[datetime, set[int]]:
        """The benches that are taken in each step of a span, both ends included; lapsed holds don't count."""
        taken: dict[datetime, set[int]] = {}
        for row in _BUSY.all(self.database, benches=list(benches), first=first, last=last, now=now):
            taken.setdefault(row["starts_at"], set()).add(row["bench_id"])
        return taken

    def take(self, bench: int, steps: Sequence[datetime], booking: int, held_until: datetime | None) -> bool:
        """Takes a bench's steps for a booking: all of them or none. Whether it could.

        The primary key decides, and waits for whoever is taking the same steps at the same moment. Steps are taken in
        their order, and benches are tried in theirs, so that no two bookings can wait for each other.
        """
        _LAPSED.run(self.database, bench=bench, first=steps[0], last=steps[-1], now=clock.now())
        values: dict[str, Any] = {"bench": bench, "booking": booking, "held": held_until}
        values.update((f"step_{n}", step) for n, step in enumerate(steps))
        taken = len(taking(len(steps)).all(self.database, **values))
        if 0 < taken < len(steps):
            self.release(booking)
        return taken == len(steps)

    def release(self, booking: int) -> None:
        """Gives back all the time of a booking."""
        _RELEASE.run(self.database, booking=booking)

    def keep(self, booking: int) -> None:
        """Turns a hold into a booking's own time."""
        S.update(held_until=None).where(S.booking == booking).bind(self.database).execute()


class BookingRepository(Repository[Booking]):
    model = Booking
    sorts = {
        "created_at": B.created_at, "starts_at": B.starts_at, "updated_at": B.updated_at,
        "status": B.status, "reference": B.reference, "total": B.total,
    }  # fmt: skip
    default_sort = (("created_at", True),)

    filters = {
        "status": lambda statuses: B.status.in_(statuses),
        "assigned_to": lambda user: B.assigned_to == user,
        "customer": lambda customer: B.customer == customer,
        "shop": lambda slugs: Shop.slug.in_(slugs),
        "created_from": lambda at: B.created_at >= at,
        "created_to": lambda at: B.created_at < at,
        "starts_from": lambda at: B.starts_at >= at,
        "starts_to": lambda at: B.starts_at < at,
    }

    def conditions(self, filters: Mapping[str, Any]) -> list[Any]:
        """Those of the other filters, and of `q`: words of reference, customer and device."""
        others = {name: value for name, value in filters.items() if name != "q"}
        asked = [matching(self.database, Booking, filters["q"])] if filters.get("q") is not None else []
        return [*super().conditions(others), *asked]

    def add(self, **values: Any) -> int | None:
        """Inserts a booking and returns its id; None where its reference is taken."""
        row = adding(tuple(values)).first(self.database, **values)
        return None if row is None else int(row["id"])

    def listed(self) -> Any:
        """The select of a list: bookings with shop, customer, model and who has it; items come from `items_of`."""
        return _with_names(B.select(*_SHOWN))

    def by_reference(self, reference: str) -> Row | None:
        """A booking with its shop, customer and model, or None."""
        return _BY_REFERENCE.first(self.database, reference=reference)

    def items_of(self, bookings: Iterable[int]) -> dict[int, list[Row]]:
        """The items of some bookings, in order, by booking."""
        return _by_booking(_ITEMS.all(self.database, bookings=list(bookings)))

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

    def add_history(
        self, booking: int, before: str | None, after: str, at: datetime, note: str = "", user: int | None = None
    ) -> None:
        """Remembers a step of a booking."""
        statement.insert_one(
            self.database, BookingHistory,
            booking_id=booking, from_status=before, to_status=after, at=at, note=note, user_id=user,
        )  # fmt: skip


def adding(columns: tuple[str, ...]) -> Statement:
    """INSERT of a booking unless its reference is taken."""
    if columns not in _ADDING:
        fields = [B._meta.combined[column] for column in columns]
        _ADDING[columns] = Statement(
            lambda: (
                B.insert({field: Param(field.column_name, field) for field in fields})
                .on_conflict_ignore()
                .returning(B.id)
            )
        )
    return _ADDING[columns]


def taking(steps: int) -> Statement:
    """INSERT of so many steps, those that are taken left out; returns the ones it took."""
    if steps not in _TAKING:
        rows = [
            {
                S.bench: Param("bench"), S.starts_at: Param(f"step_{n}", S.starts_at), S.booking: Param("booking"),
                S.held_until: Param("held", S.held_until),
            }
            for n in range(steps)
        ]  # fmt: skip
        _TAKING[steps] = Statement(lambda: S.insert_many(rows).on_conflict_ignore().returning(S.starts_at))
    return _TAKING[steps]


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
_TAKING: dict[int, Statement] = {}

_SHOWN = (
    B.id, B.reference, B.status, B.urgency, B.starts_at, B.ends_at, B.held_until, B.currency, B.total, B.contact,
    B.notes, B.locale, B.token_serial, B.created_at, B.updated_at, B.version, B.customer, B.assigned_to, B.bench,
    Shop.slug.alias("shop_slug"), Shop.name.alias("shop_name"), Shop.timezone.alias("shop_timezone"),
    DeviceModel.slug.alias("model_slug"), DeviceModel.name.alias("model_name"), DeviceModel.year.alias("model_year"),
    Brand.slug.alias("brand_slug"), Brand.name.alias("brand_name"),
    Category.slug.alias("category_slug"), Category.name.alias("category_name"),
    Customer.name.alias("customer_name"), Customer.email.alias("customer_email"),
    Customer.phone.alias("customer_phone"), User.name.alias("assigned_name"),
)  # fmt: skip

_BY_REFERENCE = Statement(lambda: _with_names(B.select(*_SHOWN)).where(B.reference == Param("reference")))
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
        .order_by(BookingHistory.id)
    )
)
_LIVE = S.held_until.is_null() | (S.held_until > Param("now", S.held_until))
_SPAN = (S.starts_at >= Param("first", S.starts_at)) & (S.starts_at <= Param("last", S.starts_at))
_BUSY = Statement(lambda: S.select(S.starts_at, S.bench).where(Among(S.bench, "benches"), _SPAN, _LIVE))
_LAPSED = Statement(
    lambda: S.delete().where(S.bench == Param("bench"), _SPAN, S.held_until <= Param("now", S.held_until))
)
_RELEASE = Statement(lambda: S.delete().where(S.booking == Param("booking")))
