"""Which times are offered, and how many benches each has: from the day's first to its last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread

import pytest
from peewee import Database

from reviva.database.ddl import backend
from reviva.services import Services
from tests.people import COMMAND, services_over
from tests.waiting import until
from tests.workshop import NOW, at, at_once, booked, draft, furnish, scalar

DAY = (NOW + timedelta(days=1)).date()
WAITING = {
    "sqlite": "SELECT 1",  # whoever writes waits for the one writer
    "postgresql": "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))",
}
"""Whether somebody waits for what this connection has not committed yet."""


@pytest.fixture
def services(database: Database, freeze: Callable[[datetime], None]) -> Services:
    freeze(NOW)
    furnish(database, benches=2)
    return services_over(database)


def free(services: Services, minutes: int = 60) -> dict[float, int]:
    """The free benches at each hour of the day that is offered."""
    offered = services.shops.availability(services.shops.open(None), minutes, DAY, 1)
    assert {slot["ends_at"] - slot["starts_at"] for slot in offered} <= {timedelta(minutes=minutes)}
    return {(slot["starts_at"] - at(0)) / timedelta(hours=1): slot["free"] for slot in offered}


def test_a_time_has_as_many_benches_as_nobody_has_in_any_part_of_it(services: Services) -> None:
    whole = {8 + n / 2: 2 for n in range(23)}
    assert free(services) == whole
    for hour in (8, 9, 19):  # on one bench: who comes at half past eight would have both beside them
        booked(services, starts_at=at(hour))
    assert free(services) == whole | dict.fromkeys((8, 8.5, 9, 9.5, 18.5, 19), 1)
    booked(services, starts_at=at(18.5), repairs=["battery"])
    assert free(services) == whole | dict.fromkeys((8, 8.5, 9, 9.5, 18, 19), 1) | {18.5: 1}
    for hour in (8, 19):
        booked(services, starts_at=at(hour))
    assert [*free(services)] == [9 + n / 2 for n in range(19)]


def test_a_buffer_counts_as_long_as_the_bench_is_kept_for_it(services: Services) -> None:
    services.database.execute_sql("UPDATE shop SET buffer_minutes = 30, version = version + 1")
    booked(services, starts_at=at(12), repairs=["battery"])
    assert [hour for hour, n in free(services, 30).items() if n == 1] == [11.5, 12, 12.5]
    assert max(free(services, 30)) == 19.5, "its buffer may be after hours"


@pytest.mark.parametrize("first", ["booking", "closing"])
def test_a_bench_is_not_put_out_of_use_and_booked_at_one_moment(
    services: Services, database_url: str, first: str
) -> None:
    works = {
        "booking": draft,
        "closing": lambda services: services.shop_changes.change(
            COMMAND, "shop", None, benches=[{"name": "Bench 1", "active": True}]
        ),
    }
    services.shops.open(None)
    begin, (follow,) = works.pop(first), works.values()
    outcomes: list[str] = []
    other = Thread(target=lambda: outcomes.extend(at_once(database_url, [follow])))
    with services.database.atomic():
        begin(services)
        other.start()
        until(lambda: scalar(services.database, WAITING[backend(services.database)]))
    other.join()
    assert outcomes == ["Conflict" if first == "booking" else "done"]
    sql = "SELECT name, active FROM bench JOIN booking_slot ON bench.id = bench_id"
    assert {(name, bool(active)) for name, active in services.database.execute_sql(sql).fetchall()} == {
        ("Bench 0" if first == "booking" else "Bench 1", True)
    }
