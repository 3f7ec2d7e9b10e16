"""What the timing of statements costs: CPU of a request with it and without it, through the real server."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from reviva.database.connection import open_database
from reviva.database.statistics import analyze
from reviva.models.user import Role
from tests import databases
from tests.bench.ratio import Request, Server, serving
from tests.people import COMMAND, services_over

MODEL = "apple-iphone-13"
LOGIN = {"email": "bench@example.com", "password": "tall blue giraffe 7"}


def run(requests: int, rounds: int) -> None:
    """Prints a table for each kind of database."""
    for backend in databases.BACKENDS:
        with ExitStack() as stack:
            servers = []
            # A database for each, so that neither finds the other's rows in its way.
            for module in ("reviva", "tests.bench.untimed"):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                url = stack.enter_context(databases.new_url(backend, folder, seeded=True))
                prepare(url)
                servers.append(stack.enter_context(serving([sys.executable, "-m", module, "serve"], url)))
            print(f"{backend}: CPU of one worker, {rounds} pairs of rounds of {requests} requests (lower quartiles)")
            print(f"{'request':10} {'timed':>10} {'untimed':>10} {'costs':>8}   (milliseconds)")
            for name in ("search", "detail", "quote", "book", "staff list"):
                compare(name, servers, requests, rounds)


def prepare(url: str) -> None:
    """A shop with a past and somebody who may read its lists, and room for two years of bookings."""
    database = open_database(url)
    with database.connection_context():
        services = services_over(database)
        services.demo.make(COMMAND, 2_000, 100, 1)
        services.users.add(COMMAND, LOGIN["email"], Role.MANAGER, "", LOGIN["password"])
        while services.figures.settle(100):
            pass
        database.execute_sql("UPDATE shop SET horizon_days = 730, lead_minutes = 0")
        analyze(database)


def compare(name: str, servers: list[Server], requests: int, rounds: int) -> None:
    """Rounds in pairs, each side first in turn, so that a machine whose speed drifts is the same for both."""
    streams = [stream(name, server) for server in servers]
    spent: list[list[float]] = [[], []]
    for turn in range(rounds + 1):
        for side in (0, 1) if turn % 2 else (1, 0):
            used = cpu(servers[side], streams[side], requests)
            if turn:  # the first round warms up
                spent[side].append(used)
    # Whatever else the machine does only adds to what a round takes: the quiet quarter of them tells the most.
    timed, untimed = (statistics.quantiles(each, n=4)[0] for each in spent)
    costs = timed / untimed - 1
    print(f"{name:10} {timed:10.4f} {untimed:10.4f} {costs:8.1%}", flush=True)


def cpu(server: Server, asked: Iterator[Request], requests: int) -> float:
    """Milliseconds of the worker's CPU for each of some requests."""
    before = server.cpu()
    for _ in range(requests):
        server.ask(next(asked))
    return (server.cpu() - before) / requests * 1000


def stream(name: str, server: Server) -> Iterator[Request]:
    """Requests of a kind, the same for both servers."""
    luck = random.Random(1)
    words = ("iphone 13", "galaxy s21", "redmi note", "thinkpad t480", "pixel 6", "macbook air")
    if name == "search":
        while True:
            yield "GET", "/api/catalog/models?q=" + luck.choice(words).replace(" ", "+"), None
    if name == "detail":
        while True:
            yield "GET", f"/api/catalog/models/{MODEL}", None
    if name == "quote":
        while True:
            yield "POST", "/api/quotes", orjson.dumps({"model": MODEL, "repairs": ["screen", "battery"]})
    if name == "staff list":
        yield from listed(server)
    yield from booked(luck)


def listed(server: Server) -> Iterator[Request]:
    """The list that staff have open all day."""
    token = server.answer(("POST", "/api/auth/login", orjson.dumps(LOGIN)))["token"]
    server.headers["Authorization"] = f"Bearer {token}"
    while True:
        yield "GET", "/api/bookings?status=confirmed,in_repair&sort=starts_at&limit=20", None


def booked(luck: random.Random) -> Iterator[Request]:
    """Bookings of times that nobody has taken, as far as two years ahead."""
    monday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=42)
    monday -= timedelta(days=monday.weekday())
    for week in range(90):
        for day in range(5):
            for hour in (9, 10, 11, 12, 13, 14, 15):
                for n in range(3):
                    at = monday + timedelta(days=7 * week + day, hours=hour)
                    body: dict[str, Any] = {
                        "model": MODEL, "repairs": ["screen"], "starts_at": at.isoformat(),
                        "customer": {"name": "Ann Ash", "email": f"ann{luck.randrange(10**6)}{n}@example.org"},
                    }  # fmt: skip
                    yield "POST", "/api/bookings", orjson.dumps(body)
