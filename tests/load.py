"""A shop with some history, and the statements that a day of work makes: what index advice is tested on."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import SQL, Database

from reviva import clock
from reviva.database import bulk
from reviva.database.ddl import backend
from reviva.database.statistics import analyze
from reviva.models import (
    Audit,
    Bench,
    Booking,
    BookingHistory,
    BookingItem,
    BookingSlot,
    Customer,
    DeviceModel,
    Event,
    IdempotencyKey,
    LiveSession,
    Notification,
    OneTimeToken,
    RepairType,
    Session,
    Shop,
    Throttle,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from reviva.models.booking import Status
from reviva.models.summary import Measure
from reviva.paging import ListQuery
from reviva.repositories.audit import AuditRepository
from reviva.repositories.base import filled
from reviva.repositories.booking import BookingRepository
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.figure import FigureRepository, figure
from reviva.repositories.notification import NotificationRepository
from reviva.repositories.slot import SlotRepository
from reviva.repositories.webhook import DeliveryRepository
from reviva.services.catalog import CatalogService
from tests.people import services_over

FIRST = datetime(2025, 1, 1, 9, tzinfo=UTC)
USERS = 250
"""Who work in the shops; customers' own accounts follow."""
SHOPS = 3
BRANCHES = 60
"""Further shops of the chain, of which there are figures only, for so many …"""
DAYS = 14
"""… days."""
ENDPOINTS = 25
POPULAR = 300
"""Models that are brought in."""
UNTOLD = 20
"""Events of which no webhook was told yet."""


def fill(database: Database, bookings: int = 4000) -> None:
    """To the catalog and the first shop: more shops, customers, and bookings with all that belongs to them."""
    chance = random.Random(7)
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)  # what is long past would be tidied away
    with database.atomic():
        many(database, Shop, [_shop(n) for n in range(1, SHOPS)])
    shops = [shop.id for shop in Shop.select(Shop.id).bind(database).order_by(Shop.id).execute()]
    with database.atomic():
        many(database, Bench, [{"shop": shop, "name": f"Bench {n}"} for shop in shops[1:] for n in range(3)])
    benches = [bench.id for bench in Bench.select().bind(database).execute()]
    models = [model.id for model in DeviceModel.select(DeviceModel.id).bind(database).limit(POPULAR).execute()]
    repair = RepairType.select().bind(database).limit(1).execute()[0].id
    with database.atomic():
        services_over(database).audit.begin()
        many(database, User, [_user(n) for n in range(USERS + bookings)])
        many(database, Customer, [_customer(n) for n in range(bookings // 2)])
        many(database, Booking, [_booking(n, shops[_branch(n)], chance, models, bookings) for n in range(bookings)])
        many(database, BookingItem, [
            {"booking": n + 1, "position": 0, "repair": repair, "name": "Screen", "minutes": 60, "base": 1, "price": 1}
            for n in range(bookings)
        ])  # fmt: skip
        many(database, BookingSlot, [
            {
                "bench": benches[n % len(benches)], "booking": n // 2 + 1,
                "starts_at": today - timedelta(minutes=15 * (n // len(benches) + 1)),
            }
            for n in range(bookings * 2)
        ])  # fmt: skip
        many(database, BookingHistory, [
            {
                "booking": n % bookings + 1, "version": n // bookings + 1,
                "to_status": "confirmed" if n < bookings else list(Status)[n % len(Status)],
                "at": FIRST + timedelta(minutes=15 * n),
            }
            for n in range(bookings * 2)
        ])  # fmt: skip
        many(database, Notification, [_notification(n, bookings) for n in range(bookings)])
        many(database, Audit, [_audited(n) for n in range(bookings)])
        many(database, Session, [_session(n) for n in range(bookings)])
        many(database, OneTimeToken, [_link(n) for n in range(bookings)])
        many(database, Throttle, [_failure(n) for n in range(bookings)])
        many(database, IdempotencyKey, [
            {
                "key_hash": f"h{n}", "fingerprint": "f", "answer": {}, "booking": n + 1,
                "created_at": clock.now() - timedelta(seconds=n),
            }
            for n in range(bookings)
        ])  # fmt: skip
        many(database, Event, [
            {
                "type": "booking.status", "topic": f"booking:{n % 999}", "at": today - timedelta(minutes=15 * n),
                "data": {}, "fanned_out_at": today if n >= UNTOLD else None,
            }
            for n in range(bookings)
        ])  # fmt: skip
        many(database, WebhookEndpoint, [_endpoint(n) for n in range(ENDPOINTS)])
        many(database, WebhookDelivery, [_delivery(n) for n in range(UNTOLD, bookings)])
        many(database, LiveSession, [_socket(n, bookings) for n in range(bookings)])
        many(database, Shop, [_shop(n) for n in range(SHOPS, SHOPS + BRANCHES)])
        branches = [shop.id for shop in Shop.select(Shop.id).bind(database) if shop.id not in shops]
        for n in range(DAYS):
            day = (FIRST - timedelta(days=n + 1)).date()
            kept = FigureRepository(database)
            kept.keep(day, kept.begin(day, branches), [row for shop in branches for row in _figures(shop)])
    analyse(database)


def analyse(database: Database) -> None:
    """As autovacuum would soon do; before it, PostgreSQL's full-text indexes look too slow to be used."""
    if backend(database) == "postgresql":
        database.execute_sql("VACUUM")
    analyze(database)


def work(database: Database, rounds: int = 5) -> None:
    """What the staff, the widget, the dispatcher and the clean-up ask for."""
    bookings, notifications = BookingRepository(database), NotificationRepository(database)
    customers, audit, slots = CustomerRepository(database), AuditRepository(database), SlotRepository(database)
    day = FIRST + timedelta(days=20)
    for n in range(rounds):
        lists: list[dict[str, Any]] = [
            {}, {"filters": {"status": ["in_repair"]}},
            {"filters": {"status": ["confirmed"]}, "sort": (("starts_at", False),)},
            {"filters": {"assigned_to": [1]}, "sort": (("starts_at", False),)},
            {"filters": {"starts_from": day, "starts_to": day + timedelta(days=1)}, "sort": (("starts_at", False),)},
            {"filters": {"q": f"name{n}"}}, {"filters": {"customer": n + 1}},
            {"sort": (("updated_at", True),)}, {"sort": (("total", True),)},
        ]  # fmt: skip
        for wanted in lists:
            page = bookings.listed(ListQuery(**wanted))
            bookings.items_of([row["id"] for row in page.items])
        bookings.by_reference(f"RV-{n:08}")
        bookings.history_of(n + 1)
        slots.busy([1, 2], day, day + timedelta(days=7), day)
        with database.atomic():  # two hours
            slots.take(1, [day + timedelta(minutes=15 * (8 * n + step)) for step in range(8)], n + 1, None)
        happened = BookingHistory.at.between(day, day + timedelta(1))
        run(database, BookingHistory.select(BookingHistory.booking).where(happened))
        run(database, Notification.select(Notification.id).where(Notification.sent_at.between(day, day + timedelta(1))))
        customers.some(Customer.phone == f"+4470000{n:05}")
        customers.listed(ListQuery(sort=(("created_at", True),)))
        customers.listed(ListQuery(sort=(("name", False),)))
        customers.listed(ListQuery(sort=(("updated_at", True),)))
        customers.listed(ListQuery(filters={"q": f"name{n}"}))
        audit.listed(ListQuery(filters={"entity": "booking", "entity_id": f"RV-{n:08}"}))
        audit.listed(ListQuery(filters={"actor_kind": "user", "actor": str(n)}))
        audit.listed(ListQuery(sort=(("at", True),)))
        notifications.oldest_due()
        notifications.some(order=[Notification.due_at.desc(), Notification.id.desc()])
        notifications.some(Notification.booking == n + 1)
        notifications.some(Notification.status == "dead", order=[Notification.id.desc()])
        notifications.some(Notification.customer == n + 1)
        run(database, Event.select().where(Event.topic == f"booking:{n}", Event.id > 1).order_by(Event.id).limit(50))
        run(database, Event.select(Event.id).order_by(Event.at).limit(50))
        DeliveryRepository(database).untold(1)
        run(
            database,
            Booking.select(Booking.id).where(Booking.held_until < clock.now()).order_by(Booking.held_until).limit(9),
        )
        sending = SQL("status = 'sending'"), Notification.leased_until < clock.now()
        run(database, Notification.select(Notification.id).where(*sending).order_by(Notification.leased_until).limit(9))
        CatalogService(database).search(f"galaxy s2{n}", ListQuery())


def run(database: Database, query: Any) -> None:
    """Any query, to the last row."""
    list(query.bind(database).tuples().execute())


def many(database: Database, model: Any, rows: list[dict[str, Any]]) -> None:
    """Inserts rows that name the same fields."""
    bulk.add(database, model, [filled(model, row) for row in rows])


def _user(n: int) -> dict[str, Any]:
    return {
        "email": f"u{n}@example.com", "email_key": f"u{n}@example.com", "name": f"User{n}",
        "role": "technician" if n < USERS else "customer",
        "created_at": FIRST, "updated_at": FIRST,
    }  # fmt: skip


def _session(n: int) -> dict[str, Any]:
    at = clock.now() - timedelta(minutes=n)
    return {
        "user": n % USERS + 1, "token_hash": f"t{n}", "created_at": at, "used_at": at, "expires_at": at + timedelta(30),
    }  # fmt: skip


def _link(n: int) -> dict[str, Any]:
    at = clock.now() - timedelta(minutes=n)
    return {
        "purpose": "password_reset", "nonce": f"n{n}", "user": n % USERS + 1, "created_at": at,
        "expires_at": at + timedelta(1),
    }  # fmt: skip


def _failure(n: int) -> dict[str, Any]:
    return {"key": f"k{n}", "updated_at": clock.now() - timedelta(seconds=n)}


def _customer(n: int) -> dict[str, Any]:
    return {
        "email": f"p{n}@example.com", "email_key": f"p{n}@example.com", "name": f"Name{n}", "phone": f"+4470000{n:05}",
        "search_text": f"name{n}", "created_at": FIRST, "updated_at": FIRST,
        "merged_into": n - 38 if n % 40 == 39 else None, "user": USERS + n + 1 if n % 2 else None,
        "marketing_consent": n % 200 == 0,
    }  # fmt: skip


def _booking(n: int, shop: int, chance: random.Random, models: list[int], bookings: int) -> dict[str, Any]:
    starts, status = FIRST + timedelta(minutes=30 * n), chance.choice([*Status, *["completed"] * 60])
    forgotten = status != Status.DRAFT or n % 20 == 0  # few drafts are: each is told of to webhooks
    return {
        "reference": f"RV-{n:08}", "shop": shop, "customer": n % (bookings // 2) + 1, "model": chance.choice(models),
        "status": status,
        "starts_at": starts, "ends_at": starts + timedelta(hours=1), "assigned_to": n % USERS + 1 if n % 4 else None,
        "currency": "GBP", "total": 1, "created_at": starts - timedelta(days=3),
        "updated_at": starts if forgotten else clock.now(),
        "search_text": f"name{n % (bookings // 2)} rv{n}",
    }  # fmt: skip


def _notification(n: int, bookings: int) -> dict[str, Any]:
    status = {0: "queued", 1: "dead", 2: "sending"}.get(n % 60, "sent")
    return {
        "dedupe_key": str(n), "channel": "sms" if n % 80 == 6 else "email", "template": "rare" if n % 80 == 5 else "t",
        "recipient": "r",
        "booking": n % bookings + 1,
        "customer": n % (bookings // 2) + 1, "user": n % USERS + 1 if n % 9 == 0 else None,
        "status": status, "due_at": FIRST + timedelta(minutes=n),
        "leased_until": FIRST + timedelta(minutes=n) if status == "sending" else None, "created_at": FIRST,
        "sent_at": FIRST + timedelta(minutes=n) if status == "sent" else None,
    }  # fmt: skip


def _audited(n: int) -> dict[str, Any]:
    """Mostly bookings, and now and then somebody who logs in."""
    what = ("session.start", "session", str(n)) if n % 50 == 0 else ("booking.create", "booking", f"RV-{n:08}")
    return {
        "at": FIRST + timedelta(minutes=n), "actor_kind": "user", "actor": str(n % 50), "mac": "x",
        "personal": {"address": "192.0.2.1"}, **dict(zip(("action", "entity", "entity_id"), what, strict=True)),
    }  # fmt: skip


def _branch(n: int) -> int:
    """Whose the n-th booking is: most are the first shop's, and few the last one's."""
    return {0: 2, 1: 1, 2: 1, 3: 1, 4: 1}.get(n % 50, 0)


def _shop(n: int) -> dict[str, Any]:
    return {
        "slug": f"branch-{n}", "name": f"Branch {n}", "timezone": "Europe/London", "currency": "GBP",
        "created_at": FIRST, "updated_at": FIRST,
    }  # fmt: skip


def _figures(shop: int) -> list[dict[str, Any]]:
    """A day's."""
    return [
        figure(shop, Measure.REVENUE, "GBP", 9, 99_900), figure(shop, Measure.STATUS, "completed", 9),
        figure(shop, Measure.MADE, "", 9), figure(shop, Measure.TECHNICIAN, str(shop), 9, 540),
    ]  # fmt: skip


def _endpoint(n: int) -> dict[str, Any]:
    return {"url": f"https://example.com/{n}", "created_at": FIRST, "updated_at": FIRST}


def _delivery(n: int) -> dict[str, Any]:
    status = {0: "queued", 1: "sending"}.get(n // ENDPOINTS % 200, "sent")
    if status == "sending" and n % ENDPOINTS:
        status = "sent"  # one endpoint is being told something, and the others can be
    at = clock.now() - timedelta(minutes=n)
    return {
        "endpoint": n % ENDPOINTS + 1, "event": n + 1, "status": status, "due_at": at, "created_at": at,
        "leased_until": clock.now() + timedelta(1) if status == "sending" else None,
        "sent_at": at if status == "sent" else None,
    }  # fmt: skip


def _socket(n: int, bookings: int) -> dict[str, Any]:
    at = clock.now() - timedelta(minutes=n)
    return {
        "user": n % USERS + 1 if n % 2 else None, "booking": None if n % 2 else n % bookings + 1, "opened_at": at,
        "seen_at": at, "closed_at": at if n >= 20 else None,
    }  # fmt: skip
