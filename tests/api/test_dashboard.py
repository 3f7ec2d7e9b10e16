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


def test_reports_are_for_staff_and_what_technicians_did_for_managers(new_url: Callable[..., str]) -> None:
    database = open_database(new_url(seeded=True))
    database.connect()
    with closing(database):
        services = services_over(database)
        services.demo.make(COMMAND, 100, 20, 1)
        database.close()
        client = Client(services)
        assert client.get("/api/reports", "customer")[0] == 403
        assert client.get("/api/reports?by=technician", "technician")[0] == 403
        assert client.get("/api/reports.csv?by=technician", "technician")[0] == 403
        assert client.get("/api/reports?by=technician", "manager")[0] == 200
        assert client.get("/api/reports?by=year", "manager")[0] == 422
        for span in ("from=2026-02-01&to=2026-01-01", "from=9999-12-30&to=9999-12-31", "to=0001-01-05"):
            assert client.get(f"/api/reports?{span}", "manager")[0] == 422
        status, report = client.get("/api/reports?by=month&shop=main", "technician")
        assert status == 200
        assert set(report) == {"from", "to", "items", "total"}
        assert report["total"]["revenue"][0]["amount"] > 0
        status, text = client.get("/api/reports.csv?by=model", "technician")
    assert status == 200
    assert text.splitlines()[0] == "model,model_name,bookings"
