"""CPU of a request, Reviva's over the bare driver's, for each of the four requests that a customer waits for."""

from __future__ import annotations

import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Any

import orjson

from reviva import clock, config
from reviva.database import migration
from reviva.database.connection import open_database
from reviva.database.postgres import Postgres
from reviva.database.statistics import analyze
from reviva.models.audit import ActorKind
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.booking import Wish
from reviva.services.seeding import SeedingService
from tests.postgres import execute, free_port, new_database

SEARCHES = ("iphone 13", "galaxy s21", "redmi note", "thinkpad t480", "ipad pro", "surface pro", "xps 13", "moto g")
OWN = dict.fromkeys(("next", "valid_until", "quote"))
"""What no two servers answer alike: cursors, times and signatures."""

Request = tuple[str, str, bytes | None]


def run(models: int, bookings: int, requests: int, rounds: int) -> None:
    """Prints a line for each kind of request."""
    with new_database() as url, tempfile.TemporaryDirectory() as folder:
        prepare(url, models, bookings)
        statements = Path(folder, "statements.json")
        statements.write_bytes(orjson.dumps(recorded(url)))
        module = [sys.executable, "-m"]
        with (
            # One of its own for each, for Reviva sends every message that it finds, and should send no other's.
            new_database(template=url.rpartition("/")[2]) as other,
            serving([*module, "reviva", "serve"], url) as ours,
            serving([*module, "tests.bench.bare", "{port}", other, str(statements)], other) as bare,
        ):
            print(f"{models} models, {bookings:,} bookings, {rounds} rounds of {requests} requests, CPU of one worker")
            print(f"{'request':10} {'reviva':>10} {'bare':>10} {'ratio':>7}   (milliseconds of CPU; medians)")
            for name, make in workloads(url).items():
                if name != "booking":  # whose times and references are its own
                    check_same(make, ours, bare)
                compare(name, make, ours, bare, requests, rounds)


def prepare(url: str, models: int, bookings: int) -> None:
    """A database of the size asked for, whose shop takes bookings two years ahead."""
    database = open_database(url)
    database.connect()
    migration.up(database)
    SeedingService(database).seed()
    # One for each search: where none has all its words Reviva looks for slips of the finger, which the other does not.
    found = "SELECT min(id) FROM device_model, unnest(%s) AS words WHERE search_text LIKE words GROUP BY words"
    kept = f"SELECT id FROM device_model ORDER BY id IN ({found}) DESC, id %% 7, id LIMIT %s"
    words = [f"%{search.replace(' ', '%')}%" for search in SEARCHES]
    database.execute_sql(f"DELETE FROM device_model WHERE id NOT IN ({kept})", (words, models))
    database.execute_sql("UPDATE shop SET horizon_days = 730, lead_minutes = 0")
    database.execute_sql(PAST, (bookings,))
    analyze(database)
    database.close()


PAST = """
WITH customers AS (
  INSERT INTO customer (email, email_key, name, locale, marketing_consent, notes, search_text, created_at, updated_at,
                        version)
  SELECT 'c' || n || '@example.org', 'c' || n || '@example.org', 'Customer ' || n, 'en', false, '', 'customer ' || n,
         now(), now(), 1
  FROM generate_series(1, 20000) n RETURNING id
), known AS (SELECT array_agg(id) AS ids FROM customers), models AS (SELECT array_agg(id) AS ids FROM device_model),
made AS (
  INSERT INTO booking (reference, shop_id, customer_id, model_id, status, urgency, starts_at, ends_at, currency, total,
                       contact, notes, locale, token_serial, search_text, created_at, updated_at, version)
  SELECT 'RV-P' || lpad(n::text, 7, '0'), 1, known.ids[1 + n %% 20000],
         models.ids[1 + n %% array_length(models.ids, 1)],
         'completed', 'standard', now() - n * interval '5 minutes',
         now() - n * interval '5 minutes' + interval '1 hour',
         'GBP', 5000, '{}', '', 'en', 1, 'rv p' || n, now() - n * interval '5 minutes', now(), 1
  FROM generate_series(1, %s) n, known, models RETURNING id, starts_at
), items AS (
  INSERT INTO booking_item (booking_id, position, repair_id, name, minutes, base, adjustments, price)
  SELECT id, 0, 1, 'Screen replacement', 60, 5000, '[]', 5000 FROM made
), steps AS (
  INSERT INTO booking_history (booking_id, version, from_status, to_status, at, note)
  SELECT id, 1, NULL, 'completed', starts_at, '' FROM made
)
INSERT INTO booking_slot (bench_id, starts_at, booking_id)
SELECT 1 + id %% 3, date_trunc('hour', starts_at), max(id) FROM made GROUP BY 1, 2
"""


def recorded(url: str) -> dict[str, list[str]]:
    """The text of the statements that each request makes, in their order."""
    seen: dict[str, list[str]] = {}
    database = Recording(url, autoconnect=False)
    database.connect()
    services = Services(config.load(database_url=url, secret_key="x" * 40), database)
    slug = str(execute(url, "SELECT slug FROM device_model WHERE slug LIKE 'apple-iphone-1%%' LIMIT 1")[0][0])
    anybody = Actor(ActorKind.PUBLIC, address="127.0.0.1")
    soon = clock.now().date() + timedelta(days=3)  # far enough for a reminder
    slots = iter(services.shops.availability(services.shops.open(None), 200, soon, 30))

    def book() -> Any:
        wish = Wish(slug, ["screen", "battery"], next(slots)["starts_at"], "bench@example.org", "Bench")
        return services.bookings.book(anybody, wish)

    asked: dict[str, Callable[[], Any]] = {
        "search1": lambda: services.catalog.search("iphone", ListQuery()),
        "search2": lambda: services.catalog.search("iphone 1", ListQuery()),
        "detail": lambda: (services.shops.find(None), services.catalog.model(slug, "GBP")),
        "quote": lambda: services.bookings.quote(slug, ["screen", "battery"], "standard", None, None),
        "book": book,
    }
    for name, ask in asked.items():
        ask()  # what is read once and kept is not the request's
        database.texts.clear()
        ask()
        seen[name] = list(database.texts)
    database.close()
    return seen


class Recording(Postgres):
    """A database that remembers what it was asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.texts: list[str] = []
        super().__init__(*args, **kwargs)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Runs a statement, and notes it."""
        self.texts.append(sql)
        return super().execute_sql(sql, params)

    def write_late(self, sql: str, params: Any) -> None:
        """The same for a statement that goes with the COMMIT."""
        self.texts.append(sql)
        super().write_late(sql, params)


def workloads(url: str) -> dict[str, Callable[[], Iterator[Request]]]:
    """A stream of each kind of request, the same each time that it is begun."""
    slugs = [slug for (slug,) in execute(url, "SELECT slug FROM device_model WHERE category_id = 1")]
    monday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=14)
    monday -= timedelta(days=monday.weekday())

    def search() -> Iterator[Request]:
        luck = random.Random(1)
        while True:
            yield "GET", "/api/catalog/models?q=" + luck.choice(SEARCHES).replace(" ", "+"), None

    def detail() -> Iterator[Request]:
        luck = random.Random(1)
        while True:
            yield "GET", f"/api/catalog/models/{luck.choice(slugs)}", None

    def quote() -> Iterator[Request]:
        luck = random.Random(1)
        while True:
            yield "POST", "/api/quotes", orjson.dumps({"model": luck.choice(slugs), "repairs": ["screen", "battery"]})

    def book() -> Iterator[Request]:
        luck = random.Random(1)
        for week, day, hour, _ in product(range(100), range(5), (10, 12, 14), range(3)):
            at = monday + timedelta(days=7 * week + day, hours=hour)
            body = {
                "model": luck.choice(slugs), "repairs": ["screen", "battery"], "starts_at": at.isoformat(),
                "customer": {"name": "Ann Ash", "email": f"ann{luck.randrange(10**6)}@example.org"},
            }  # fmt: skip
            yield "POST", "/api/bookings", orjson.dumps(body)

    return {"search": search, "detail": detail, "quote": quote, "booking": book}


class Server:
    """A server process with one worker, and a connection to it that is kept."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.http = http.client.HTTPConnection("127.0.0.1", port)
        self.headers: dict[str, str] = {}
        self.clock = (~int(workers(process)[0]) << 3) | 2
        """The number of the clock of the worker's CPU, as clock_getcpuclockid(3) makes it."""

    def cpu(self) -> float:
        """Seconds of CPU that the worker has used."""
        return time.clock_gettime(self.clock)

    def answer(self, request: Request) -> Any:
        """The JSON of a request's answer."""
        return orjson.loads(self.ask(request))

    def ask(self, request: Request) -> bytes:
        """The answer to a request; anything but success ends the run."""
        method, path, body = request
        self.http.request(method, path, body, self.headers | ({"Content-Type": "application/json"} if body else {}))
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} {body!r}: {answer.status} {text[:300]!r}")
        return text


def check_same(make: Callable[[], Iterator[Request]], ours: Server, bare: Server) -> None:
    """Ends the run where the two answer differently, but for what is each one's own."""
    for request in islice(make(), 50):
        answers = [server.answer(request) for server in (ours, bare)]
        if {**answers[0], **OWN} != {**answers[1], **OWN}:
            raise SystemExit(f"{request}: {answers}")


def compare(
    name: str, make: Callable[[], Iterator[Request]], ours: Server, bare: Server, requests: int, rounds: int
) -> None:
    """Rounds in turn, so that a machine whose speed drifts is the same for both."""
    sides = [(ours, make()), (bare, make())]
    figures: list[list[float]] = [[], []]
    for turn in range(rounds + 1):
        for n, (server, stream) in enumerate(sides):
            server.http.close()  # opened anew by the next request: perhaps idle for longer than a server waits
            before = server.cpu()
            for _ in range(requests):
                server.ask(next(stream))
            if turn:  # the first round warms up
                figures[n].append((server.cpu() - before) / requests * 1000)
    ratios = [a / b for a, b in zip(*figures, strict=True)]
    print(
        f"{name:10} {statistics.median(figures[0]):10.3f} {statistics.median(figures[1]):10.3f} "
        f"{statistics.median(ratios):7.2f}   ({min(ratios):.2f} to {max(ratios):.2f})"
    )


@contextmanager
def serving(command: list[str], url: str) -> Iterator[Server]:
    """A server under way, on a port of its own."""
    port = free_port()
    command = [part.format(port=port) if part == "{port}" else part for part in command]
    if "serve" in command:
        command += ["--port", str(port), "--workers", "1"]
    environment = {
        **os.environ, "REVIVA_DATABASE_URL": url, "REVIVA_RATE_LIMIT": "off", "REVIVA_SECRET_KEY": "x" * 40,
    }  # fmt: skip
    with tempfile.TemporaryFile() as log:  # each request is a line of it
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            if not takes_connections(port, process):
                log.seek(0)
                raise SystemExit(f"the server did not start: {log.read().decode()}")
            yield Server(process, port)
        finally:
            process.terminate()
            process.wait(40)


def workers(process: subprocess.Popen[bytes]) -> list[str]:
    """The ids of a server's workers."""
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def takes_connections(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the server does, and says whether it came to that."""
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            probe.connect()
            if workers(process):  # which the port is there before
                return True
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
        finally:
            probe.close()
    return False
