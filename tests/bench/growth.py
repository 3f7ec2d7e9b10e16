"""How requests grow with the data: median and p99 of lists, searches, figures, free times and bookings, by size."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from reviva import clock
from reviva.config import Settings
from reviva.database.connection import open_database, open_pool
from reviva.database.statistics import analyze
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
        "?assigned_to=none", "?assigned_to={user},none&sort=starts_at",
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

Request = Callable[[int], tuple[int, Any]]
"""Asks for the n-th time; the answer's status and JSON."""


class Taken(NamedTuple):
    """What a call took with so many bookings."""

    seconds: list[float]
    """Of each request."""
    rows: int | None
    """In the last answer, where it is a list: more of them take longer, however many there are in all."""


Times = dict[str, list[Taken]]
"""For each call, by size."""


def run(sizes: Sequence[int], requests: int, backends: Sequence[str] = databases.BACKENDS) -> None:
    """Prints a table for each kind of database: milliseconds, and the growth from the smallest to the largest."""
    logging.disable(logging.ERROR)  # making the data is no request, and looks like a bad one
    for backend in backends:
        with ExitStack() as kept:
            places = []
            for size in sizes:
                folder = Path(kept.enter_context(tempfile.TemporaryDirectory()))
                url = kept.enter_context(databases.new_url(backend, folder, seeded=True))
                fill(url, size)
                places.append(Place(url))
            show(backend, sizes, measured(places, requests))


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
        analyze(database, "audit")
        services.figures.settle_latest(366)  # as the server has done by itself before long …
        services.figures.keep_begun()  # … and does each minute


class Place:
    """One filled database behind the application, and what can be asked of it."""

    def __init__(self, url: str) -> None:
        # Kept connections, as those of a server: to begin with a new one costs more than most requests do.
        self.client = Client(services_over(open_pool(Settings(database_url=url)), rate_limit="off"))
        self.values = known(self.client)
        self.wanted = {"model": MODEL, "repairs": ["screen"], "shop": self.values["shop"]}
        self.made: list[str] = []
        first = (clock.now() + timedelta(days=20)).date()
        query = f"model={MODEL}&repairs=screen&shop={self.values['shop']}&from={first}&days=30"
        # Two hours apart, for each job takes its bench for longer than until the next start that is free now.
        self.starts = [
            slot["starts_at"]
            for slot in self.client.get(f"/api/availability?{query}")[1]["slots"]
            if slot["starts_at"][11:16] in TURNS
            for _ in range(slot["free"])
        ]

    def reads(self) -> dict[str, Request]:
        """Every call that changes nothing, by name."""
        return {name: self.reading(path) for name, path in paths(self.values)}

    def reading(self, path: str) -> Request:
        return lambda _: self.client.get(path, "admin")

    def quote(self, _: int) -> tuple[int, Any]:
        return self.client.send("POST", "/api/quotes", self.wanted)

    def book(self, n: int) -> tuple[int, Any]:
        customer = {"name": "Ann Ash", "email": f"ann{n % 40}@example.com"}
        order = {**self.wanted, "starts_at": self.starts[n], "customer": customer}
        status, booking = self.client.send("POST", "/api/bookings", order)
        self.made.append(booking.get("reference", ""))
        return status, booking

    def read(self, n: int) -> tuple[int, Any]:
        return self.client.get(f"/api/bookings/{self.made[n]}", "admin")

    def step(self, status: str) -> Request:
        return lambda n: self.client.send(
            "POST", f"/api/bookings/{self.made[n]}/status", {"status": status}, "admin"
        )  # fmt: skip


def measured(places: Sequence[Place], requests: int) -> Times:
    """What each call takes in each place."""
    reads = [place.reads() for place in places]
    times = {name: side_by_side([each[name] for each in reads], requests) for name in reads[0]}
    times["quote"] = side_by_side([place.quote for place in places], requests)
    free = min(len(place.starts) for place in places)
    times["book"] = side_by_side([place.book for place in places], min(requests, free - WARM))
    count = len(places[0].made) - WARM
    print(f"{count} bookings made one by one", flush=True)
    times["read it"] = side_by_side([place.read for place in places], count)
    for status, name in (("checked_in", "check it in"), ("diagnosing", "diagnose it")):
        times[name] = side_by_side([place.step(status) for place in places], count)
    return times


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


TURNS: Final = ("09:00", "11:00", "13:00", "15:00")
WARM: Final = 3
"""Requests that are not counted."""


def side_by_side(requests: Sequence[Request], most: int) -> list[Taken]:
    """What requests take, the first ones left out. They take turns, for a machine's speed drifts."""
    times: list[list[float]] = [[] for _ in requests]
    rows: list[int | None] = [None for _ in requests]
    while len(times[0]) < most + WARM and sum(map(sum, times)) < SECONDS * len(requests):
        for n, (taken, request) in enumerate(zip(times, requests, strict=True)):
            began = perf_counter()
            status, answer = request(len(taken))
            taken.append(perf_counter() - began)
            assert status in (200, 201), (status, answer)
            rows[n] = len(answer["items"]) if "items" in answer else None
    return [Taken(taken[WARM:] or taken, some) for taken, some in zip(times, rows, strict=True)]


def show(backend: str, sizes: Sequence[int], times: Times) -> None:
    """Prints the table."""
    counts = ", ".join(f"{size:,}" for size in sizes)
    print(f"\n{backend}: median and p99 in ms with {counts} bookings; growth; rows of the answers where they differ")
    for name, taken in times.items():
        pairs = [(median(each), sorted(each)[ceil(len(each) * 0.99) - 1]) for each, _ in taken]
        rows = [each.rows for each in taken]
        shown = "   ".join(f"{middle * 1000:8.2f} {slow * 1000:8.2f}" for middle, slow in pairs)
        growth = pairs[-1][0] / pairs[0][0]
        mark, differ = "!" if growth > MOST else " ", rows if len(set(rows)) > 1 else ""
        print(f"  {name:66}{shown}   {growth:6.2f} {mark} {differ}".rstrip())
    means = (sum(median(taken[n].seconds) for taken in times.values()) / len(times) * 1000 for n in range(len(sizes)))
    print(f"  {'mean of the medians':66}" + "            ".join(f"{mean:8.2f}" for mean in means))
