"""How requests grow with the data: median and p99 of lists, searches, figures, free times and bookings, by size."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote

from reviva import clock
from reviva.database.connection import open_database
from tests import databases
from tests.api.wsgi import Client
from tests.people import COMMAND, services_over

MOST: Final = 1.5
"""What a call may grow by; more is marked."""
SECONDS: Final = 6.0
"""For so long a call is repeated at most."""
MODEL: Final = "apple-iphone-13"

BOOKING_SORTS: Final = ("created_at", "starts_at", "updated_at", "status", "reference", "total")
LISTS: Final = {
    "catalog": ("", "?category=phone", "?brand=apple&sort=-year", "?year_from=2020&sort=name", "?page=1", "?page=20"),
    "catalog found": ("?q=galaxy+s21", "?q=iphnoe+13", "?q=moto", "?q=samsun+galxy"),
    "bookings": (
        "", "?limit=200", "?after={after}", "?page=1", "?page=100", "?status=confirmed,pending",
        "?status=confirmed,pending&sort=starts_at", "?status=completed", "?status=completed&page=1",
        "?status=completed&sort=-starts_at", "?assigned_to={user}", "?assigned_to={user}&sort=-starts_at",
        "?assigned_to={user}&status=confirmed,in_repair", "?shop=main", "?shop=main&sort=-starts_at",
        "?shop=main&status=confirmed", "?created_from={week}",
        "?created_from={month}&created_to={week}&sort=created_at",
        "?starts_from={today}&sort=starts_at", "?starts_from={month}&starts_to={week}", "?starts_from={today}&page=1",
        *(f"?sort={sign}{name}" for name in BOOKING_SORTS for sign in ("", "-")),
    ),
    "bookings found": (
        "?q=smith", "?q=smith&page=1", "?q=amelia+smith", "?q=iphone", "?q=smith&status=confirmed",
        "?q=smith&sort=starts_at", "?q={reference}", "?q={email}", "?q=nobodyhasthis",
    ),
    "customers": (
        "", "?after={after}", "?page=1", "?page=100", "?sort=name", "?sort=-name", "?sort=email", "?sort=-updated_at",
        "?sort=id", "?email={email}", "?phone=%2B447700900123", "?consent=true", "?created_from={week}",
    ),
    "customers found": ("?q=smith", "?q=amelia+smith", "?q={email}"),
    "notifications": (
        "", "?after={after}", "?page=1", "?status=dead", "?status=sent", "?status=queued,sending", "?channel=sms",
        "?channel=email&status=sent", "?template=booking_ready", "?reference={reference}", "?sort=due_at",
        "?sort=-due_at", "?sort=sent_at", "?sort=-sent_at", "?sort=-created_at",
    ),
    "audit": (
        "", "?after={after}", "?page=1", "?entity=booking", "?entity=booking&entity_id={reference}", "?actor=1",
        "?actor={reference}", "?actor_kind=public", "?action=booking.create", "?action=demo.make",
        "?from={week}", "?from={month}&to={week}", "?to={year}",
    ),
    "users": ("", "?page=1", "?role=technician&sort=name", "?active=true", "?sort=-last_login_at", "?email={email}"),
    "sessions": ("", "?page=1", "?user={user}", "?live=true", "?sort=expires_at"),
    "shops": ("", "?page=1", "?sort=-created_at"),
    "pricing/rules": ("", "?sort=name"),
    "pricing/factors": ("",),
    "dashboard": ("", "?days=1", "?days=365", "?shop=main", "?days=365&shop=main"),
    "availability": (
        f"?model={MODEL}&repairs=screen", f"?model={MODEL}&repairs=screen,battery&days=30",
        f"?model={MODEL}&repairs=screen&shop={{shop}}",
    ),
}  # fmt: skip
"""The queries of each call. Their names end with what tells them apart, their path is the first word."""
PATHS: Final = {"catalog": "catalog/models", "catalog found": "catalog/models"}

Times = dict[str, list[float]]
"""The seconds that each request of a call took."""


def run(sizes: Sequence[int], requests: int, backends: Sequence[str] = databases.BACKENDS) -> None:
    """Prints a table for each kind of database: milliseconds, and the growth from the smallest to the largest."""
    logging.disable(logging.ERROR)  # making the data is no request, and looks like a bad one
    for backend in backends:
        taken: list[Times] = []
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder, databases.new_url(backend, Path(folder), seeded=True) as url:
                fill(url, size)
                taken.append(measured(url, requests))
        show(backend, sizes, taken)


def fill(url: str, size: int) -> None:
    """Makes so many bookings, and an audit row of each, which made-up bookings lack."""
    database = open_database(url)
    database.connect()
    with closing(database):
        began = perf_counter()
        services = services_over(database)
        services.demo.make(COMMAND, size, 365, 1)
        print(f"{size:,} bookings made, {size / (perf_counter() - began):,.0f} a second", flush=True)
        with database.atomic():
            database.execute_sql(
                "INSERT INTO audit (at, actor_kind, actor, action, entity, entity_id, request_id, address, mac)"
                " SELECT created_at, 'public', reference, 'booking.create', 'booking', reference, '', '', reference"
                " FROM booking ORDER BY created_at, id"
            )
        database.execute_sql("ANALYZE audit")
        services.figures.settle_latest(366)  # as the server has done by itself before long


def measured(url: str, requests: int) -> Times:
    """What each call takes on a database that was filled."""
    client = Client(services_over(open_database(url), rate_limit="off"))
    values, times = known(client), Times()
    for name, path in paths(values):
        times[name] = repeated(lambda _, path=path: client.get(path, "admin"), requests)
    return times | changes(client, values, requests)


def paths(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The name and the path of every call that reads."""
    yield "categories", "/api/catalog/categories"
    yield "brands", "/api/catalog/brands"
    yield "repairs", "/api/catalog/repairs"
    yield "model", f"/api/catalog/models/{MODEL}"
    yield "booking", f"/api/bookings/{values['reference']}"
    yield "customer", f"/api/customers/{values['customer']}"
    for name, queries in LISTS.items():
        path = f"/api/{PATHS.get(name, name.partition(' ')[0])}"
        for query in queries:
            yield f"{name} {query}".strip(), path + query.format(**values, after=values.get(f"after {path}", ""))


def known(client: Client) -> dict[str, str]:
    """What the paths are filled with: things that are there."""
    now = clock.now()
    instants = {"today": 0, "week": 7, "month": 30, "year": 360}
    values = {name: quote((now - timedelta(days=days)).isoformat()) for name, days in instants.items()}
    for path in ("/api/bookings", "/api/customers", "/api/notifications", "/api/audit"):
        status, page = client.get(f"{path}?limit=50", "admin")
        assert status == 200, path
        values[f"after {path}"] = page["next"] or ""
    bookings = client.get("/api/bookings?status=in_repair,ready,confirmed&sort=starts_at&limit=50", "admin")[1]["items"]
    booking = next(each for each in bookings if each["assigned_to"])
    last_shop = client.get("/api/shops?sort=-created_at&limit=1", "admin")[1]["items"][0]
    customer = client.get(f"/api/customers?email={booking['customer']['email']}", "admin")[1]["items"][0]
    return values | {
        "reference": booking["reference"], "user": str(booking["assigned_to"]["id"]), "shop": last_shop["slug"],
        "email": booking["customer"]["email"], "customer": str(customer["id"]),
    }  # fmt: skip


def changes(client: Client, values: dict[str, str], requests: int) -> Times:
    """What a quote, a booking, and what staff and customers do with it take."""
    wanted = {"model": MODEL, "repairs": ["screen"], "shop": values["shop"]}
    first = (clock.now() + timedelta(days=20)).date()
    query = f"model={MODEL}&repairs=screen&shop={values['shop']}&from={first}&days=30"
    status, free = client.get(f"/api/availability?{query}")
    assert status == 200
    # Two hours apart, for each job takes its bench for longer than until the next start that is free now.
    starts = [
        slot["starts_at"] for slot in free["slots"] if slot["starts_at"][11:16] in TURNS for _ in range(slot["free"])
    ]
    made: list[str] = []

    def book(n: int) -> tuple[int, Any]:
        customer = {"name": "Ann Ash", "email": f"ann{n % 40}@example.com"}
        status, booking = client.send("POST", "/api/bookings", {**wanted, "starts_at": starts[n], "customer": customer})
        made.append(booking.get("reference", ""))
        return status, booking

    def step(status: str) -> Callable[[int], tuple[int, Any]]:
        return lambda n: client.send("POST", f"/api/bookings/{made[n]}/status", {"status": status}, "admin")

    times = {
        "quote": repeated(lambda _: client.send("POST", "/api/quotes", wanted), requests),
        "book": repeated(book, min(requests, len(starts) - WARM)),
    }
    count = len(made) - WARM
    times["read it"] = repeated(lambda n: client.get(f"/api/bookings/{made[n]}", "admin"), count)
    times["check it in"] = repeated(step("checked_in"), count)
    times["diagnose it"] = repeated(step("diagnosing"), count)
    print(f"{len(made)} bookings made one by one", flush=True)
    return times


TURNS: Final = ("09:00", "11:00", "13:00", "15:00")
WARM: Final = 3
"""Requests that are not counted."""


def repeated(request: Callable[[int], tuple[int, Any]], most: int) -> list[float]:
    """The seconds of each request, the first ones left out."""
    times: list[float] = []
    while len(times) < most + WARM and sum(times) < SECONDS:
        began = perf_counter()
        status, answer = request(len(times))
        times.append(perf_counter() - began)
        assert status in (200, 201), (status, answer)
    return times[WARM:] or times


def show(backend: str, sizes: Sequence[int], taken: Sequence[Times]) -> None:
    """Prints the table."""
    print(f"\n{backend}: median and p99 in ms with {', '.join(f'{size:,}' for size in sizes)} bookings; growth")
    for name in taken[0]:
        pairs = [(median(each[name]), sorted(each[name])[ceil(len(each[name]) * 0.99) - 1]) for each in taken]
        shown = "   ".join(f"{middle * 1000:8.2f} {slow * 1000:8.2f}" for middle, slow in pairs)
        growth = pairs[-1][0] / pairs[0][0]
        print(f"  {name:66}{shown}   {growth:6.2f}{' !' if growth > MOST else ''}")
