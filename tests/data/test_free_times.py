"""Which times are offered, and how many benches each has: from the day's first to its last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from peewee import Database

from reviva.services import Services
from tests.people import services_over
from tests.workshop import NOW, at, booked, furnish

DAY = (NOW + timedelta(days=1)).date()


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
