"""The rows of live sockets and of events: what they say, and how long they stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from peewee import Database

from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.live import KEPT, LOST_AFTER, Close, End
from tests.people import COMMAND, make_booking, services_over

Travel = Callable[..., None]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REFERENCE = "RV-AAAA2222"
TOKEN = Actor(ActorKind.BOOKING, REFERENCE, address="192.0.2.7")


@pytest.fixture
def services(database: Database, freeze: Callable[[datetime], None]) -> Services:
    freeze(NOON)
    found = services_over(database)
    make_booking(found, REFERENCE, None, status="draft")
    return found


def rows(services: Services) -> list[dict[str, Any]]:
    return list(reversed(services.live.list(ListQuery()).items))


def test_a_row_says_who_listens_from_where_with_what_and_since_when(services: Services) -> None:
    user = services.users.add(COMMAND, "ann@example.com", Role.ADMIN, "", "tall blue giraffe 7")["id"]
    services.live.open(TOKEN, "a browser")
    services.live.open(Actor(ActorKind.USER, str(user), user, Role.ADMIN, address="2001:db8::1"), "x" * 300)
    names = ("email", "reference", "address", "device", "opened_at", "seen_at", "closed_at")
    assert [tuple(row[name] for name in names) for row in rows(services)] == [
        (None, REFERENCE, "192.0.2.7", "a browser", NOON, NOON, None),
        ("ann@example.com", None, "2001:db8::1", "x" * 200, NOON, NOON, None),
    ]


def test_a_socket_is_taken_for_lost_two_minutes_after_it_was_seen_and_how_it_ended_first_counts(
    services: Services, travel: Travel
) -> None:
    lost, seen, closed = (services.live.open(TOKEN, name) for name in ("lost", "seen", "closed"))
    services.live.closed([End(closed, NOON, Close(1000, "closed by the client"))])
    travel(seconds=1)
    services.live.seen([seen, closed])
    travel(seconds=LOST_AFTER.total_seconds() - 1)
    assert (LOST_AFTER, services.live.bury()) == (timedelta(minutes=2), 0)
    travel(seconds=1)
    assert services.live.bury() == 1
    services.live.closed([End(each, NOON + timedelta(hours=1), Close(1001, "late")) for each in (lost, closed)])
    names = ("seen_at", "closed_at", "close_code", "close_reason")
    assert [tuple(row[name] for name in names) for row in rows(services)] == [
        (NOON, NOON, 1006, "the process that served it ended"),
        (NOON + timedelta(seconds=1), None, None, None),
        (NOON, NOON, 1000, "closed by the client"),
    ]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_where_none_is_lost_nobody_asks_for_the_only_writers_lock(services: Services, database_url: str) -> None:
    services.live.open(TOKEN, "a browser")
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert services.live.bury() == 0


def test_what_is_younger_than_thirty_days_is_kept(services: Services, travel: Travel) -> None:
    def forget() -> tuple[int, int]:
        with services.database.atomic():
            services.live.forget()
        return len(services.live.after(0, 9)), len(rows(services))

    with services.database.atomic():
        for _ in range(2):  # the newest event is kept for ever
            services.live.events.add("test", f"booking:{REFERENCE}")
    services.live.closed([End(services.live.open(TOKEN, "a browser"), NOON, Close(1000, "closed by the client"))])
    services.live.open(TOKEN, "a browser that stays")
    travel(seconds=KEPT.total_seconds())
    assert forget() == (2, 2)
    travel(seconds=1)
    assert forget() == (1, 1)
