"""The shop that Reviva comes with, as its public API shows it, at a time that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from reviva.config import Settings
from reviva.database.connection import open_pool
from reviva.models import TABLES, Hours, Shop
from reviva.services import Services
from tests import ledger
from tests.web import Reply, Web

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
"""A Monday; London's clock goes forward on the 28th."""

TUESDAY = "2027-03-02T10:00:00Z"


class Shopfront(Web):
    """A client of the seeded shop on a database of its own."""

    def __init__(self, url: str) -> None:
        settings = Settings(database_url=url, secret_key="k" * 32, rate_limit="off")
        super().__init__(Services(settings, open_pool(settings)))

    def order(self, body: Any, **headers: str) -> Reply:
        """Books, or tries to."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post("/api/bookings", body, headers=named)

    def slots(self, model: str = "apple-iphone-13", repairs: str = "screen", first: str = "", days: int = 7) -> Any:
        """The free times from a day on."""
        reply = self.get(f"/api/availability?model={model}&repairs={repairs}&from={first}&days={days}")
        assert reply.status == 200, reply.json
        return reply.json["slots"]

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.services.database.connection_context():
            return ledger.counts(self.services.database)

    @contextmanager
    def tables(self) -> Iterator[None]:
        """The models can be used on this database inside."""
        database = self.services.database
        with database.connection_context(), database.bind_ctx(list(TABLES)):
            yield

    def furnish(self, hours: list[tuple[int, int, int]] | None = None, **changes: Any) -> None:
        """Changes the shop, and its hours where they are given: (weekday, opens, closes) in minutes."""
        with self.tables():
            if hours is not None:
                Hours.delete().execute()
                Hours.insert_many({"shop": 1, "weekday": d, "opens": o, "closes": c} for d, o, c in hours).execute()
            Shop.update(**changes, version=Shop.version + 1).execute()


def order(**changes: Any) -> dict[str, Any]:
    """A good order, with some fields changed; `...` takes one away."""
    body = {
        "model": "apple-iphone-13", "repairs": ["screen"], "starts_at": TUESDAY,
        "customer": {"name": "Ada", "email": "ada@example.com"}, **changes,
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not ...}


def faults(reply: Reply) -> dict[str, str]:
    """The code of each fault of a 422 by its field."""
    assert reply.status == 422, (reply.status, reply.body)
    assert reply.header("Content-Type") == "application/problem+json"
    assert all(fault["message"] for fault in reply.json["errors"])
    return {fault["field"]: fault["code"] for fault in reply.json["errors"]}


def after(**time: float) -> str:
    """An instant so long after the frozen now."""
    return (NOW + timedelta(**time)).isoformat()
