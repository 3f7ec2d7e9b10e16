"""Services over a test's database, with a key of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.models import Booking, Brand, Category, DeviceModel, Shop
from reviva.models.audit import ActorKind
from reviva.repositories.base import Repository
from reviva.services import Services
from reviva.services.actor import Actor

KEY = "a key that only these tests know, long enough"
COMMAND = Actor(ActorKind.COMMAND, "test")


def services_over(database: Database, **settings: Any) -> Services:
    """Everything that the API calls, over one database."""
    return Services(Settings(secret_key=KEY, **settings), database)


def make_booking(services: Services, reference: str, customer: int | None, **more: Any) -> int:
    """A confirmed booking of one repair, with a shop and a device made for it where there are none."""
    now, database = clock.now(), services.database
    ids: list[int] = []
    for model, values in (
        (Shop, {"slug": "main", "name": "Main", "timezone": "Europe/London", "currency": "GBP"}),
        (Category, {"slug": "phones", "name": "Phones"}),
        (Brand, {"slug": "acme", "name": "Acme"}),
    ):
        repository = type("Any", (Repository,), {"model": model})(database)
        known = repository.find(model.slug == values["slug"])
        stamps = {"created_at": now, "updated_at": now} if model is Shop else {}
        ids.append((known or repository.create(**values, **stamps)).id)
    models = type("Any", (Repository,), {"model": DeviceModel})(database)
    device = {"category": ids[1], "brand": ids[2], "slug": "acme-one", "name": "One", "year": 2024, "tier": "mid"}
    model = models.find(DeviceModel.slug == "acme-one") or models.create(**device, created_at=now, updated_at=now)
    values = {
        "status": "confirmed", "starts_at": now + timedelta(days=1), "ends_at": now + timedelta(days=1, hours=1),
        "currency": "GBP", "total": 9900, "created_at": now, "updated_at": now, **more,
    }  # fmt: skip
    bookings = type("Any", (Repository,), {"model": Booking})(database)
    return int(bookings.create(reference=reference, shop=ids[0], customer=customer, model=model.id, **values).id)
