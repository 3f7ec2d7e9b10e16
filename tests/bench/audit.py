"""What the audit costs 16 parallel writers: `python -m tests.bench.audit`.

Each writer books again and again through the real service, with the audit as it is (and the seal running) and with its
`record` left out, in turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import logging
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from peewee import Database

from reviva.database import statement
from reviva.database.connection import open_database
from reviva.models import Booking, BookingHistory
from reviva.repositories.base import columns
from reviva.services import Services
from tests import databases
from tests.people import COMMAND, make_booking, services_over

WRITERS, SECONDS, ROUNDS = 16, 4.0, 5


def write(services: Services, booking: dict[str, Any], writer: int, n: int) -> None:
    """A booking's worth of rows: booking, history, customer, event, notification, audit."""
    reference = f"RV-{writer:03}{n:05}-{time.monotonic_ns()}"
    with services.database.atomic():
        customer = services.customers.find_or_make(f"c{writer}.{n % 50}@example.com", "Ada", None, "en", "GB")
        row = {**booking, "reference": reference, "customer_id": customer}
        id = statement.insert_one(services.database, Booking, **row)
        history = {"booking_id": id, "to_status": "confirmed", "at": booking["created_at"], "note": ""}
        statement.insert_one(services.database, BookingHistory, **history)
        services.login.events.add("booking.status", f"booking:{reference}", {"to": "confirmed"})
        for message in ("confirmed", "reminder"):
            services.login.notifications.queue(f"{message}:{reference}", message, "a@example.com", booking=id)
        services.audit.record(COMMAND, "booking.create", "booking", reference, after={"status": "confirmed"})


@cache
def one_database(url: str) -> Database:
    """What the threads of one process share, as a server's requests do: its lock keeps the writers in line."""
    return open_database(url)


def work(url: str, writer: int, audited: bool, until: float, done: Any) -> None:
    """One writer's share."""
    database = one_database(url) if url.startswith("sqlite") else open_database(url)
    with database.connection_context():
        services = services_over(database)
        if not audited:
            services.audit.record = lambda *args, **kwargs: None  # type: ignore[method-assign]
        booking = columns(services.booking_tokens.bookings.get(1))
        del booking["id"]
        n = 0
        while time.monotonic() < until:
            write(services, booking, writer, n)
            n += 1
        done.put(n)


def seal(url: str, until: float) -> None:
    """The housekeeping's part."""
    database = one_database(url) if url.startswith("sqlite") else open_database(url)
    with database.connection_context():
        services = services_over(database)
        while time.monotonic() < until:
            services.audit_seal.seal()
            time.sleep(1)


def throughput(url: str, audited: bool) -> float:
    """Transactions a second of all writers together: processes, or threads of the one process that SQLite is for."""
    kind: Any = threading.Thread if url.startswith("sqlite") else multiprocessing.Process
    done: Any = multiprocessing.Queue()
    until = time.monotonic() + SECONDS
    jobs = [kind(target=work, args=(url, n, audited, until, done)) for n in range(WRITERS)]
    jobs += [kind(target=seal, args=(url, until))] if audited else []
    for job in jobs:
        job.start()
    total = sum(done.get() for _ in range(WRITERS))
    for job in jobs:
        job.join()
    return total / SECONDS


def main() -> None:
    """Prints both medians and what was lost, for each database."""
    logging.disable(logging.WARNING)
    for backend in sys.argv[1:] or databases.BACKENDS:
        with tempfile.TemporaryDirectory() as folder, databases.new_url(backend, Path(folder)) as url:
            database = open_database(url)
            with database.connection_context():
                make_booking(services_over(database), "RV-F1RST000", None, status="draft")
            throughput(url, True)
            pairs = [(throughput(url, False), throughput(url, True)) for _ in range(ROUNDS)]
            without, with_audit = (statistics.median(each) for each in zip(*pairs, strict=True))
            lost = 100 * (1 - with_audit / without)
            print(f"{backend}: {without:.0f}/s without, {with_audit:.0f}/s with the audit: {lost:.1f} % lost")


if __name__ == "__main__":
    main()
