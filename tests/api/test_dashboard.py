"""The dashboard over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from reviva.database.connection import open_database
from tests.api.wsgi import Client
from tests.people import COMMAND, services_over


def test_it_is_for_staff_and_has_what_was_promised(new_url: Callable[..., str]) -> None:
    database = open_database(new_url(seeded=True))
    database.connect()
    with closing(database):
        services = services_over(database)
        services.demo.make(COMMAND, 100, 20, 1)
        database.close()
        client = Client(services)
        assert client.get("/api/dashboard")[0] == 401
        assert client.get("/api/dashboard", "customer")[0] == 403
        assert client.get("/api/dashboard?days=0", "technician")[0] == 422
        assert client.get("/api/dashboard?shop=nowhere", "technician")[0] == 422
        status, shown = client.get("/api/dashboard?days=7&shop=main", "technician")
    assert status == 200
    assert set(shown) == {"counts", "revenue", "top_models", "turnaround_hours", "no_show_rate", "notifications"}
    assert len(shown["revenue"]) == 7
    assert sum(row["amount"] for row in shown["revenue"]) > 0
    assert set(shown["top_models"][0]) == {"model", "bookings"}
    assert shown["turnaround_hours"] == pytest.approx(3, abs=20)
