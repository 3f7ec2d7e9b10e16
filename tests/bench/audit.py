"""What the audit costs 16 parallel writers: `python -m tests.bench.audit [rows] [bookings] [sqlite] [postgresql]`.

Each writer writes a booking's rows and nothing else (`rows`), or books through the real service (`bookings`), with the
audit as it is (and the seal running) and with its `record` left out: in short turns, each as often the first of its
pair, so that a machine that slows down slows both.
"""

from __future__ import annotations

import logging
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database import statement
from reviva.database.connection import open_database
from reviva.models import Booking, BookingHistory
from reviva.models.audit import ActorKind
from reviva.repositories.base import columns
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.booking import Wish
from tests import databases
from tests.people import COMMAND, make_booking, services_over
from tests.workshop import MODEL, furnish

WRITERS, SECONDS, ROUNDS = 16, 5.0, 8
Turn = Callable[[int], object]
"""Writes for the n-th time."""


def rows(services: Services, writer: int) -> Turn:
    """Writes a booking's worth of rows."""
    booking = columns(services.booking_tokens.bookings.get(1))
    del booking["id"]
    return lambda n: write(services, booking, writer, n)


def write(services: Services, booking: dict[str, Any], writer: int, n: int) -> None:
    """A transaction of six rows: booking, history, event, two notifications, audit; its customer is mostly there."""
    reference = f"RV-{writer:03}{n:05}-{time.monotonic_ns()}"
    with services.database.atomic():
        customer = services.customers.customers.find_or_make(f"c{writer}.{n % 50}@example.com", "Ada", None, "en")
        row = {**booking, "reference": reference, "customer_id": customer}
        id = statement.insert_one(services.database, Booking, **row)
        history = {"booking_id": id, "version": 1, "to_status": "confirmed", "at": booking["created_at"], "note": ""}
        statement.insert(services.database, BookingHistory, [history])
        services.login.events.add("booking.status", f"booking:{reference}", {"to": "confirmed"})
        for message in ("confirmed", "reminder"):
            services.login.notifications.queue(f"{message}:{reference}", message, "a@example.com", booking=id)
        services.audit.record(COMMAND, "booking.create", "booking", reference, after={"status": "confirmed"})


def bookings(services: Services, writer: int) -> Turn:
    """Books as the booking widget does; each half hour has a bench for every writer."""
    public = Actor(ActorKind.PUBLIC, request_id="0123456789abcdef", address="198.51.100.7")
    opens = clock.now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=2)

    def book(n: int) -> None:
        day, half_hour = divmod(n, 24)
        starts_at = opens + timedelta(days=day, minutes=30 * half_hour)
        email = f"c{writer}.{n % 50}@example.com"
        services.bookings.book(public, Wish(MODEL, ["battery"], starts_at, email, "Ada", "+447400123456"))

    return book


KINDS: dict[str, Callable[[Services, int], Turn]] = {"rows": rows, "bookings": bookings}


@cache
def one_database(url: str) -> Database:
    """What the threads of one process share, as a server's requests do: its lock keeps the writers in line."""
    return open_database(url)


def database_for(url: str) -> Database:
    """SQLite's one for all threads; a process's own of PostgreSQL."""
    return one_database(url) if url.startswith("sqlite") else open_database(url)


def work(kind: str, url: str, writer: int, audited: bool, first: int, until: float, done: Any) -> None:
    """One writer's share: its turns from the `first` on, until the time is over."""
    database = database_for(url)
    with database.connection_context():
        services = services_over(database)
        if not audited:
            services.audit.record = lambda *args, **kwargs: None  # type: ignore[method-assign]
        turn = KINDS[kind](services, writer)
        for n in count(first):
            if time.monotonic() >= until:
                done.put(n)
                return
            turn(n)


def seal(url: str, until: float) -> None:
    """The housekeeping's part."""
    database = database_for(url)
    with database.connection_context():
        services = services_over(database)
        while time.monotonic() < until:
            services.audit_seal.seal()
            time.sleep(1)


class Series:
    """One database, and how often its writers have written so far."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url, self.first = kind, url, 0
        database = open_database(url)
        with database.connection_context():
            if kind == "rows":
                make_booking(services_over(database), "RV-F1RST000", None, status="draft")
            else:
                furnish(database, benches=WRITERS, horizon_days=730)

    def throughput(self, audited: bool) -> float:
        """Transactions a second of all writers: processes, or threads of the one process that SQLite is for."""
        runner: Any = threading.Thread if self.url.startswith("sqlite") else multiprocessing.Process
        done: Any = multiprocessing.Queue()
        until = time.monotonic() + SECONDS
        jobs = [
            runner(target=work, args=(self.kind, self.url, n, audited, self.first, until, done)) for n in range(WRITERS)
        ]
        jobs += [runner(target=seal, args=(self.url, until))] if audited else []
        for job in jobs:
            job.start()
        reached = [done.get() for _ in range(WRITERS)]
        for job in jobs:
            job.join()
        total, self.first = sum(reached) - WRITERS * self.first, max(reached)
        return total / SECONDS

    def pair(self, audited_first: bool) -> tuple[float, float]:
        """The throughput without the audit and with it, one right after the other."""
        measured = {audited: self.throughput(audited) for audited in (audited_first, not audited_first)}
        return measured[False], measured[True]


def main() -> None:
    """Prints both medians and the median of what was lost in each pair, for each kind and database."""
    logging.disable(logging.WARNING)
    for kind in [each for each in KINDS if each in sys.argv] or KINDS:
        for backend in [each for each in databases.BACKENDS if each in sys.argv] or databases.BACKENDS:
            with tempfile.TemporaryDirectory() as folder, databases.new_url(backend, Path(folder)) as url:
                series = Series(kind, url)
                series.throughput(True)
                pairs = [series.pair(n % 2 == 0) for n in range(ROUNDS)]
            without, audited = (statistics.median(each) for each in zip(*pairs, strict=True))
            lost = statistics.median(100 * (1 - with_audit / alone) for alone, with_audit in pairs)
            print(f"{backend}, {kind}: {without:.0f}/s without, {audited:.0f}/s with the audit: {lost:.1f} % lost")


if __name__ == "__main__":
    main()
