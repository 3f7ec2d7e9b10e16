"""Spans of lists: told in instants, or in days of the shop's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from reviva.models.audit import ActorKind
from reviva.services.actor import Actor
from tests.api.staffed import MANAGER, booked, faults, staffed
from tests.api.wsgi import Client

AUCKLANDS_MONDAY = "2026-03-01T20:00:00Z"
LONDONS = "2026-03-02T09:00:00Z"


@pytest.fixture
def client(database_url: str, freeze: Callable[[datetime], None]) -> Iterator[Client]:
    """A shop in London, and another in Auckland, where it is Monday twelve hours earlier."""
    freeze(datetime.fromisoformat("2026-02-27T00:00:00Z"))
    with staffed(database_url) as client:
        hours = [{"weekday": day, "opens": "09:00", "closes": "17:00"} for day in range(5)]
        far = {"slug": "far", "name": "Far", "timezone": "Pacific/Auckland", "currency": "GBP", "hours": hours,
               "benches": 1}  # fmt: skip
        assert client.send("POST", "/api/shops", far, MANAGER)[0] == 201
        booked(client, 0, starts_at=LONDONS)
        booked(client, 0, starts_at=AUCKLANDS_MONDAY, shop="far")
        yield client


def starts(client: Client, query: str) -> list[str]:
    status, answer = client.get(f"/api/bookings?sort=starts_at&{query}", MANAGER)
    assert status == 200, answer
    return [item["starts_at"] for item in answer["items"]]


def test_a_day_is_the_shops_own_and_the_last_one_is_included(client: Client) -> None:
    monday = "starts_from=2026-03-02&starts_to=2026-03-02"
    assert starts(client, monday) == [LONDONS]
    assert starts(client, f"{monday}&shop=far") == [AUCKLANDS_MONDAY]
    assert starts(client, f"{monday}&shop=main") == [LONDONS]
    assert starts(client, "starts_to=2026-03-01") == [AUCKLANDS_MONDAY]
    assert starts(client, "created_from=2026-02-27&created_to=2026-02-27") == [AUCKLANDS_MONDAY, LONDONS]
    assert starts(client, "created_from=2026-02-28") == starts(client, "created_to=2026-02-26") == []


def test_a_shop_that_takes_no_bookings_any_more_still_has_its_days(client: Client) -> None:
    assert client.send("PATCH", "/api/shops/far", {"active": False}, MANAGER)[0] == 200
    assert starts(client, "starts_from=2026-03-02&shop=far") == [AUCKLANDS_MONDAY]


def test_an_instant_ends_a_span_before_itself_whatever_its_offset_and_however_that_is_sent(client: Client) -> None:
    for sent in (LONDONS, quote("2026-03-02T10:00:00+01:00"), "2026-03-02T10:00:00+01:00"):
        assert starts(client, f"starts_to={sent}") == [AUCKLANDS_MONDAY]
        assert starts(client, f"starts_from={sent}") == [LONDONS]


def test_days_of_23_hours_are_whole(client: Client, freeze: Callable[[datetime], None]) -> None:
    ours = Actor(ActorKind.COMMAND, "test")
    for at in ("28T23:59:59", "29T00:00:00", "29T22:59:59", "29T23:00:00"):
        freeze(datetime.fromisoformat(f"2026-03-{at}Z"))
        with client.services.database.connection_context(), client.services.database.atomic():
            client.services.audit.record(ours, "test.done", "test", at)

    def about(path: str) -> Any:
        status, answer = client.get(path, "admin")
        assert status == 200, answer
        return answer["items"]

    rows = about("/api/audit?entity=test&from=2026-03-29&to=2026-03-29&sort=at")
    assert [row["entity_id"] for row in rows] == ["29T00:00:00", "29T22:59:59"]
    assert len(about("/api/customers?created_from=2026-02-27&created_to=2026-02-27")) == 1
    assert not about("/api/customers?created_to=2026-02-26")


@pytest.mark.parametrize(
    "wrong", ["monday", "2026-02-30", "0001-01-01", "9999-12-31", "2026-03-01T10:00", "1772445600"]
)
def test_what_is_no_time_is_told_one_that_would_be_taken(client: Client, wrong: str) -> None:
    answer = client.get(f"/api/bookings?created_from={wrong}&starts_to={wrong}", MANAGER)
    assert faults(answer) == {"created_from": "instant", "starts_to": "instant"}
    for example in ("2026-03-01T09:30:00Z", "2026-03-01"):
        assert example in answer[1]["errors"][0]["message"]
        starts(client, f"created_from={example}")


def test_a_shop_that_there_is_not_is_named(client: Client) -> None:
    for query in ("shop=nope", "shop=main,nope", "shop=nope&starts_from=2026-03-02"):
        assert faults(client.get(f"/api/bookings?{query}", MANAGER)) == {"shop": "unknown-shop"}


@pytest.mark.parametrize(
    "span", ["to=0001-01-01", "from=0001-12-31&to=0002-01-01", "from=9999-12-31", "from=9998-12-01&to=9999-12-31"]
)
def test_a_report_of_days_that_no_calendar_goes_beyond_is_refused(client: Client, span: str) -> None:
    assert set(faults(client.get(f"/api/reports?{span}", MANAGER)).values()) == {"date"}


@pytest.mark.parametrize("span", ["to=0002-01-01", "from=9998-12-31&to=9998-12-31"])
def test_a_report_of_the_days_before_them_is_empty(client: Client, span: str) -> None:
    status, answer = client.get(f"/api/reports?{span}", MANAGER)
    assert (status, answer["total"]["bookings"]) == (200, 0)
