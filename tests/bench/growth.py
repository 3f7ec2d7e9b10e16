"""How requests grow with the data: median and p99 of the lists, searches, the dashboard and free times, by size."""

from __future__ import annotations

import logging
import resource
import tempfile
from collections.abc import Sequence
from contextlib import closing
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter

from reviva.database.connection import open_database
from tests import databases
from tests.api.wsgi import Client
from tests.people import COMMAND, services_over

MONTH = "created_from=2020-01-01T00:00:00Z"
CALLS = {
    "catalog": "/api/catalog/models?limit=20",
    "search": "/api/catalog/models?q=galaxy+s21",
    "bookings": "/api/bookings?limit=50",
    "bookings by status": "/api/bookings?status=confirmed,pending&sort=starts_at",
    "bookings since": f"/api/bookings?{MONTH}&sort=created_at",
    "bookings found": "/api/bookings?q=amelia+smith",
    "customers": "/api/customers?limit=50",
    "notifications": "/api/notifications?status=dead",
    "dashboard": "/api/dashboard?days=30",
    "dashboard of a shop": "/api/dashboard?days=30&shop=main",
    "availability": "/api/availability?model={model}&repairs={repair}&days=7",
}


def run(sizes: Sequence[int], requests: int) -> None:
    """Prints a table for each kind of database: milliseconds, and the growth from the smallest to the largest."""
    logging.disable(logging.ERROR)  # making the data is no request, and looks like a bad one
    for backend in databases.BACKENDS:
        taken: dict[str, list[tuple[float, float]]] = {}
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder, databases.new_url(backend, Path(folder), seeded=True) as url:
                for name, times in measured(url, size, requests).items():
                    taken.setdefault(name, []).append((median(times), sorted(times)[ceil(len(times) * 0.99) - 1]))
        print(f"{backend}: median and p99 in ms with {', '.join(f'{size:,}' for size in sizes)} bookings; growth")
        for name, pairs in taken.items():
            shown = "   ".join(f"{middle * 1000:8.2f} {slow * 1000:8.2f}" for middle, slow in pairs)
            print(f"  {name:22}{shown}   {pairs[-1][0] / pairs[0][0]:6.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process: {peak:,} MB")


def measured(url: str, size: int, requests: int) -> dict[str, list[float]]:
    """The seconds that each call took, each so many times, on a database with so many bookings."""
    database = open_database(url)
    database.connect()
    with closing(database):
        services = services_over(database)
        began = perf_counter()
        services.demo.make(COMMAND, size, 365, 1)
        print(f"{size:,} bookings made, {size / (perf_counter() - began):,.0f} a second", flush=True)
        began = perf_counter()
        while services.figures.settle(100):
            pass
        print(f"their days counted in {perf_counter() - began:.1f} s", flush=True)
        model, *_ = services.catalog_changes.models.in_stock("GBP")
        offers = services.catalog_changes.models.detail(model["slug"], "GBP")
        database.close()
        client = Client(services)
        return {
            name: timed(client, path.format(model=model["slug"], repair=offers[0]["repair_slug"]), requests)
            for name, path in CALLS.items()
        }


def timed(client: Client, path: str, requests: int) -> list[float]:
    """The seconds of each request, the first ones left out. Nothing for a call that is not offered."""
    times = []
    for _ in range(requests + 3):
        began = perf_counter()
        status, _ = client.get(path, "admin")
        times.append(perf_counter() - began)
        assert status == 200, (path, status)
    return times[3:]
