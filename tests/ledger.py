"""Holds a whole database against what every booking must have left in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from peewee import Database

from reviva.database.connection import open_database
from reviva.models import (
    TABLES,
    Audit,
    AuditHead,
    AuditSeal,
    Bench,
    Booking,
    BookingHistory,
    BookingItem,
    BookingSlot,
    Customer,
    DayFigure,
    DayTotal,
    Event,
    Notification,
    Shop,
    StatementCount,
)

STEP = timedelta(minutes=15)


def counts(database: Database) -> dict[str, int]:
    """How many rows each table has, but for those that are written in the background."""
    kept = [model for model in TABLES if model not in (AuditSeal, AuditHead, StatementCount, DayFigure, DayTotal)]
    with database.bind_ctx(kept):
        return {model._meta.table_name: model.select().count() for model in kept}


def counts_at(url: str) -> dict[str, int]:
    """The same of the database at `url`."""
    with closing(opened(url)) as database:
        return counts(database)


def check_at(url: str) -> dict[str, int]:
    """`check` of the database at `url`."""
    with closing(opened(url)) as database:
        return check(database)


def slots_at(url: str, start: str) -> int:
    """How many benches are taken in the step that starts then."""
    with closing(opened(url)) as database:
        at = BookingSlot.starts_at == datetime.fromisoformat(start)
        return int(BookingSlot.select().where(at).bind(database).count())


def opened(url: str) -> Database:
    """A connected database that is no server's."""
    database = open_database(url)
    database.connect()
    return database


def add_benches(url: str, more: int) -> None:
    """Gives the first shop more benches than it has."""
    with closing(opened(url)) as database, database.bind_ctx([Bench, Shop]):
        Bench.insert_many({"shop": 1, "name": f"More {n}"} for n in range(more)).execute()


def check(database: Database) -> dict[str, int]:
    """Asserts that every booking just made is whole and that nothing is there of one that isn't; returns `counts`.

    For bookings that nothing happened to since they were made.
    """
    with database.bind_ctx(list(TABLES)):
        query = Booking.select(Booking, Customer.phone, Shop.buffer_minutes).join(Customer).switch(Booking).join(Shop)
        bookings = list(query.dicts())
        items = by(BookingItem.select().order_by(BookingItem.position).dicts(), "booking")
        slots = by(BookingSlot.select().order_by(BookingSlot.starts_at).dicts(), "booking")
        history = by(BookingHistory.select().dicts(), "booking")
        sent = by(Notification.select().dicts(), "booking")
        events = by(Event.select().where(Event.type == "booking.status").dicts(), "topic")
        audit = by(Audit.select().where(Audit.entity == "booking").dicts(), "entity_id")
    for booking in bookings:
        id, reference = booking["id"], booking["reference"]
        check_price(booking, items[id])
        check_time(booking, items[id], slots[id])
        assert [(row["from_status"], row["to_status"]) for row in history[id]] == [(None, "confirmed")], reference
        assert [row["data"] for row in events[f"booking:{reference}"]] == [{"from": None, "to": "confirmed"}], reference
        assert [row["action"] for row in audit[reference]] == ["booking.create"], reference
        # By the channel that was asked for: what has no transport goes to the log, and says so.
        asked = Counter((row["dedupe_key"].split(":")[1], row["template"]) for row in sent[id])
        assert asked == messages(booking), reference
    ids, names = {booking["id"] for booking in bookings}, {booking["reference"] for booking in bookings}
    assert set(items) == set(slots) == set(history) == set(sent) == ids, "a part has no booking, or a booking no parts"
    assert set(events) == {f"booking:{name}" for name in names}
    assert set(audit) == names
    return counts(database)


def by(rows: Iterable[dict[str, Any]], key: str) -> dict[Any, list[dict[str, Any]]]:
    """Rows by one of their columns."""
    grouped: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped


def check_price(booking: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Every total is what its trace adds up to."""
    assert [item["position"] for item in items] == list(range(len(items))), booking
    for item in items:
        effects = sum(step["effect"] for step in item["adjustments"])
        assert item["base"] + effects == item["price"] >= 0, (booking["reference"], item)
    assert sum(item["price"] for item in items) == booking["total"], booking


def check_time(booking: dict[str, Any], items: list[dict[str, Any]], slots: list[dict[str, Any]]) -> None:
    """A booking has its bench for as long as its repairs take, without a gap, and not longer."""
    minutes = sum(item["minutes"] for item in items)
    steps = -(-(minutes + booking["buffer_minutes"]) // 15)
    expected = [booking["starts_at"] + n * STEP for n in range(steps)]
    assert [slot["starts_at"] for slot in slots] == expected, booking
    assert {slot["bench"] for slot in slots} == {booking["bench"]}, booking
    assert booking["ends_at"] == booking["starts_at"] + timedelta(minutes=minutes), booking


def messages(booking: dict[str, Any]) -> Counter[tuple[str, str]]:
    """What a customer must hear of a confirmed booking, by channel and template."""
    ahead = booking["starts_at"] - booking["created_at"]
    expected = Counter([("email", "booking_confirmed")])
    expected["email", "booking_reminder"] += ahead > timedelta(hours=24)
    expected["sms", "booking_reminder"] += bool(booking["phone"]) and ahead > timedelta(hours=2)
    return +expected
