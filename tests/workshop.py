"""A small shop to book in: one model, two repairs, some benches, open all day on every day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.connection import open_database
from reviva.models import Bench, Brand, Category, DeviceModel, Hours, RepairPrice, RepairType, Shop
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.repositories.base import Repository
from reviva.services import Services
from reviva.services.actor import Actor
from tests.people import services_over

MODEL = "fone-one"
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""A Monday morning."""
STAFF = Actor(ActorKind.USER, "1", role=Role.TECHNICIAN)
CONTACT = {"name": "Ada", "email": "ada@example.com", "phone": "+447400123456"}


def at(hour: float, day: int = 2) -> datetime:
    """A time of the day after `NOW`, or another day of that month plus one."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def add(database: Database, table: type[Any], /, **values: Any) -> int:
    """Inserts a row."""
    return int(type("Any", (Repository,), {"model": table})(database).create(**values).id)


def furnish(database: Database, benches: int = 1, **shop: Any) -> None:
    """Fills a migrated database: a screen takes 60 minutes and costs £99, a battery 30 and £49."""
    stamps = {"created_at": clock.now(), "updated_at": clock.now()}
    known = {"slug": "shop", "name": "The Shop", "timezone": "UTC", "currency": "GBP", "address": "1 High Street"}
    place = add(database, Shop, **known, **stamps, **shop)
    for day in range(7):
        add(database, Hours, shop=place, weekday=day, opens=8 * 60, closes=20 * 60)
    for number in range(benches):
        add(database, Bench, shop=place, name=f"Bench {number}")
    category, brand = (
        add(database, Category, slug="fones", name="Fones"),
        add(database, Brand, slug="fone", name="Fone"),
    )
    device = {"category": category, "brand": brand, "slug": MODEL, "name": "One", "year": 2024, "tier": "mid"}
    model = add(database, DeviceModel, **device, **stamps)
    for slug, minutes, amount in (("screen", 60, 9900), ("battery", 30, 4900)):
        repair = add(database, RepairType, category=category, slug=slug, name=slug.title(), minutes=minutes)
        add(database, RepairPrice, model=model, repair=repair, currency="GBP", amount=amount)


def holder(view: dict[str, Any]) -> Actor:
    """Whoever holds a booking's token."""
    return Actor(ActorKind.BOOKING, view["reference"])


def draft(services: Services, **sent: Any) -> dict[str, Any]:
    """A draft as it is answered; without anything said, one that lacks nothing."""
    whole = {"repairs": ["screen"], "starts_at": at(10), "customer": CONTACT}
    public = Actor(ActorKind.PUBLIC, address="192.0.2.1")
    return services.drafts.start(public, {"model": MODEL, **(sent or whole)}).view


def booked(services: Services, **sent: Any) -> dict[str, Any]:
    """A booking, confirmed by its customer."""
    begun = draft(services, **{"repairs": ["screen"], "starts_at": at(10), "customer": CONTACT, **sent})
    return services.booking_changes.confirm(holder(begun), begun["reference"])


def slots(database: Database) -> list[tuple[int, int]]:
    """How many steps each booking has, by its id."""
    rows = database.execute_sql("SELECT booking_id, COUNT(*) FROM booking_slot GROUP BY booking_id ORDER BY 1")
    return [(int(booking), int(number)) for booking, number in rows.fetchall()]


def scalar(database: Database, sql: str) -> Any:
    """The first value of a query."""
    return database.execute_sql(sql).fetchone()[0]


def at_once(url: str, works: Iterable[Callable[[Services], Any]]) -> list[str]:
    """Does all of it at the same moment, each over a connection of its own; `done` or the name of each's error."""
    works, outcomes = list(works), []
    start = Barrier(len(works))

    def run(work: Callable[[Services], Any]) -> None:
        with closing(open_database(url)) as own:
            own.connect()
            services = services_over(own)
            start.wait()
            try:
                work(services)
                outcomes.append("done")
            except Exception as problem:  # noqa: BLE001  # whatever it is, the test wants to see it
                outcomes.append(type(problem).__name__)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
