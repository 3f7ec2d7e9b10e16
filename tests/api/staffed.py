"""A shop with a small catalog, open on weekdays, as its manager has set it up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from reviva import clock
from reviva.config import Settings
from reviva.database.connection import end, open_pool
from reviva.paging import ListQuery
from reviva.repositories.catalog import (
    BrandRepository,
    CategoryRepository,
    DeviceModelRepository,
    PriceRepository,
    RepairTypeRepository,
)
from reviva.repositories.shop import BenchRepository, HoursRepository, ShopRepository
from reviva.services import Services
from tests.api.wsgi import Client

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
MANAGER = "manager"
BASE = {"screen": 10_000, "battery": 4_000}


@contextmanager
def staffed(url: str) -> Iterator[Client]:
    """A client of a shop on this database: two phones, two repairs, two benches, Monday to Friday from 9 to 17."""
    settings = Settings(database_url=url, secret_key="x" * 32, rate_limit="off")
    database = open_pool(settings)
    services = Services(settings, database)
    with database.connection_context(), database.atomic():
        _furnish(services)
    yield Client(services)
    end(database)


def _furnish(services: Services) -> None:
    database, now = services.database, {"created_at": clock.now(), "updated_at": clock.now()}
    shop = ShopRepository(database).create(slug="main", name="Main", timezone="Europe/London", currency="GBP", **now)
    HoursRepository(database).create_many(
        {"shop": shop.id, "weekday": day, "opens": 540, "closes": 1020} for day in range(5)
    )
    BenchRepository(database).create_many({"shop": shop.id, "name": f"Bench {n}"} for n in (1, 2))
    phone = CategoryRepository(database).create(slug="phone", name="Phones")
    repairs = {
        slug: RepairTypeRepository(database).create(category=phone.id, slug=slug, name=slug.title(), minutes=60)
        for slug in BASE
    }
    for slug, name in (("apple", "Apple"), ("nokia", "Nokia")):
        brand = BrandRepository(database).create(slug=slug, name=name)
        model = DeviceModelRepository(database).create(
            category=phone.id, brand=brand.id, slug=f"{slug}-one", name="One", year=2022, tier="mid",
            title_text=f" {slug} one ", title_weight=8, search_text=f"{slug} one phone", **now,
        )  # fmt: skip
        PriceRepository(database).create_many(
            {"model": model.id, "repair": repairs[repair].id, "currency": "GBP", "amount": amount}
            for repair, amount in BASE.items()
        )


def quoted(client: Client, model: str = "apple-one", *repairs: str, **more: Any) -> int:
    """The total of a quote, in minor units."""
    status, quote = client.send("POST", "/api/quotes", {"model": model, "repairs": repairs or ["screen"], **more})
    assert status == 200, quote
    return int(quote["total"]["amount"])


def booked(client: Client, hours: float, *repairs: str, model: str = "apple-one", **more: Any) -> dict[str, Any]:
    """A booking so many hours after `MONDAY`."""
    wish = {
        "model": model, "repairs": repairs or ["screen"], "customer": {"name": "Ada", "email": "ada@example.com"},
        "starts_at": clock.rfc3339(MONDAY + timedelta(hours=hours)), **more,
    }  # fmt: skip
    status, booking = client.send("POST", "/api/bookings", wish)
    assert status == 201, booking
    return dict(booking)


def slots(client: Client, model: str = "apple-one", days: int = 1, **more: str) -> list[str]:
    """The free starts from `MONDAY` on, each with how many benches are free."""
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    status, answer = client.get(f"/api/availability?model={model}&repairs=screen&from=2026-03-02&days={days}{extra}")
    assert status == 200, answer
    return [f"{slot['starts_at'][5:16]} {slot['free']}" for slot in answer["slots"]]


def audited(client: Client, entity: str) -> list[dict[str, Any]]:
    """The audit's rows about a kind of thing, oldest first."""
    with client.services.database.connection_context():
        page = client.services.audit.list(ListQuery(limit=100, filters={"entity": entity}))
    return list(reversed(page.items))


def faults(answer: tuple[int, Any]) -> dict[str, str]:
    """The code of each fault of a 422, by its field."""
    status, body = answer
    assert status == 422, body
    return {fault["field"]: fault["code"] for fault in body["errors"]}
