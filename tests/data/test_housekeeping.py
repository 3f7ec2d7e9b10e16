"""What a server does by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from reviva import clock
from reviva.database.connection import open_database
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.repositories.idempotency import IdempotencyRepository
from reviva.repositories.shop import BenchRepository
from reviva.repositories.slot import SlotRepository
from reviva.services import Services, housekeeping
from reviva.services.actor import Actor
from tests.people import COMMAND, make_booking, services_over
from tests.waiting import until

PASSWORD = "tall blue giraffe 7"


@pytest.fixture
def services(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(housekeeping, "EVERY", 0.01)
    return services_over(open_database(database_url))


def unsealed(services: Services) -> int:
    with services.database.connection_context():
        return services.audit_seal.verify().unsealed


def test_new_rows_are_sealed_in_the_background_and_at_the_end(services: Services) -> None:
    with services.database.connection_context():
        services.users.add(COMMAND, "a@example.com", Role.ADMIN, "", PASSWORD)
    assert unsealed(services) == 1
    services.housekeeping.start()
    until(lambda: unsealed(services) == 0)
    services.housekeeping.stop()
    with services.database.connection_context():
        services.users.add(COMMAND, "b@example.com", Role.ADMIN, "", PASSWORD)
    services.housekeeping.start()
    services.housekeeping.stop()
    assert unsealed(services) == 0


def test_what_is_over_is_forgotten(services: Services, travel: Callable[..., None]) -> None:
    who = Actor(ActorKind.PUBLIC, address="192.0.2.1")
    with services.database.connection_context():
        services.users.add(COMMAND, "a@example.com", Role.ADMIN, "", PASSWORD)
        services.login.login("a@example.com", PASSWORD, who)
        services.login.ask_reset("a@example.com")
        travel(days=20)
        services.housekeeping.forget()
        assert services.sessions.sessions.count() == services.links.links.count() == 1
        travel(days=20)
        services.housekeeping.forget()
        left = (services.sessions.sessions, services.links.links, services.login.throttle.counts)
        assert [repository.count() for repository in left] == [0, 0, 0]


def test_answers_are_kept_for_a_day(services: Services, travel: Callable[..., None]) -> None:
    with services.database.connection_context():
        booking = make_booking(services, "RV-AAAA1111", None, status="draft")
        keys = IdempotencyRepository(services.database)
        keys.keep("hash", "print", {}, booking)
        travel(hours=23)
        services.housekeeping.forget()
        assert keys.count() == 1
        travel(hours=2)
        services.housekeeping.forget()
        assert keys.count() == 0


def test_bench_time_is_forgotten_once_it_is_long_past(services: Services, travel: Callable[..., None]) -> None:
    now = clock.now()
    with services.database.connection_context():
        customer = services.customers.customers.find_or_make("ann@example.com", "", None, "en")
        booking = make_booking(services, "RV-00000001", customer)
        bench = BenchRepository(services.database).create(shop=1, name="Bench", active=True).id
        slots = SlotRepository(services.database)
        steps = [now + timedelta(days=day) for day in (1, 30)]
        assert slots.take(bench, steps, booking, None)
        travel(days=62)
        services.housekeeping.forget()
        assert slots.own(booking) == [(bench, steps[1])]
