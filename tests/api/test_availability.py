"""What is offered is what can be booked: in hours, on the grid, in the shop's zone, on days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from reviva import clock
from tests.api.people import build_town
from tests.api.shopfront import NOW, Shopfront, faults, order
from tests.workshop import CONTACT, MODEL, furnish

DAY_AND_NIGHT = [(day, 0, 1440) for day in range(7)]


@pytest.fixture
def front(new_url: Callable[..., str], freeze: Callable[..., None]) -> Shopfront:
    freeze(NOW)
    return Shopfront(new_url(seeded=True))


def test_each_offered_time_can_be_booked_as_often_as_it_is_free_and_not_once_more(front: Shopfront) -> None:
    front.order(order(starts_at="2027-03-02T12:00:00Z", repairs=["water-damage"]))
    offered = front.slots(first="2027-03-02", days=1)
    assert {slot["free"] for slot in offered} == {2, 3}
    for slot in offered:
        left = next(
            (s["free"] for s in front.slots(first="2027-03-02", days=1) if s["starts_at"] == slot["starts_at"]), 0
        )
        for _ in range(left):
            booked = front.order(order(starts_at=slot["starts_at"]))
            assert booked.status == 201
            assert booked.json["ends_at"] == slot["ends_at"]
        refused = front.order(order(starts_at=slot["starts_at"]))
        assert (refused.status, refused.json["type"]) == (409, "/problems/slot-taken")
    assert front.slots(first="2027-03-02", days=1) == []


def test_staff_are_offered_what_they_can_book_for_somebody_at_the_counter(
    new_url: Callable[..., str], freeze: Callable[..., None]
) -> None:
    freeze(datetime(2026, 3, 2, 10, 5, tzinfo=UTC))
    town = build_town(new_url())
    with town.services.database.connection_context():
        furnish(town.services.database)
        town.services.database.execute_sql("UPDATE shop SET lead_minutes = 90")
    asked = f"/api/availability?model={MODEL}&repairs=screen&days=1&shop=shop"
    first = {who: town.ask(who, "GET", asked).json["slots"][0]["starts_at"][11:16] for who in ("nobody", "technician")}
    assert first == {"nobody": "12:00", "technician": "10:30"}
    sent = {
        "model": MODEL,
        "repairs": ["screen"],
        "shop": "shop",
        "starts_at": "2026-03-02T10:30:00Z",
        "customer": CONTACT,
    }
    assert [town.ask(who, "POST", "/api/bookings", sent).status for who in ("nobody", "technician")] == [422, 201]


def test_a_week_is_the_shops_hours_on_its_grid(front: Shopfront) -> None:
    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in front.slots(first="2027-03-02", days=7)]
    by_day = {start.date(): [s for s in starts if s.date() == start.date()] for start in starts}
    assert [len(day) for day in by_day.values()] == [16, 16, 16, 16, 11, 16], "9 to 17:30, Saturday 10 to 16, no Sunday"
    assert all(later - start == timedelta(minutes=30) for day in by_day.values() for start, later in pairwise(day))


def test_hours_are_wall_time_on_both_sides_of_the_change(front: Shopfront) -> None:
    before, after = front.slots(first="2027-03-26", days=1), front.slots(first="2027-03-29", days=1)
    assert (before[0]["starts_at"], after[0]["starts_at"]) == ("2027-03-26T09:00:00Z", "2027-03-29T08:00:00Z")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", "2027-03-28", 23),
        ("Europe/London", "2027-10-31", 25),
        ("America/New_York", "2027-03-14", 23),
        ("America/New_York", "2027-11-07", 25),
        ("Australia/Lord_Howe", "2027-04-04", 24.5),
        ("Australia/Lord_Howe", "2027-10-03", 23.5),
        ("America/Santiago", "2027-09-05", 23),
        ("Asia/Kathmandu", "2027-03-28", 24),
    ],
)
def test_a_shop_that_never_closes_offers_every_half_hour_of_a_long_or_short_day(
    front: Shopfront, zone: str, day: str, hours: float
) -> None:
    front.furnish(DAY_AND_NIGHT, timezone=zone, horizon_days=365)
    local = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    starts = [slot["starts_at"] for slot in front.slots(repairs="diagnosis", first=day, days=1)]
    assert len(starts) == len(set(starts)) == hours * 2
    assert datetime.fromisoformat(starts[0]) == local.astimezone(UTC)
    for start in starts[:8]:
        assert front.order(order(starts_at=start, repairs=["diagnosis"])).status == 201


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Europe/London", "2027-03-28T01:30:00+01:00"),
        ("America/New_York", "2027-03-14T02:00:00-05:00"),
        ("America/New_York", "2027-03-14T02:30:00-04:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15:00+10:30"),
    ],
)
def test_a_wall_time_that_the_clock_skips_is_refused(front: Shopfront, zone: str, skipped: str) -> None:
    front.furnish(DAY_AND_NIGHT, timezone=zone, horizon_days=365)
    written = front.counts()
    assert faults(front.order(order(starts_at=skipped, repairs=["diagnosis"]))) == {"starts_at": "skipped-hour"}
    assert front.counts() == written


@pytest.mark.parametrize(
    ("zone", "written", "instant"),
    [
        ("America/New_York", "2027-03-14T02:30:00+05:30", "2027-03-13T21:00:00Z"),
        ("America/New_York", "2027-03-14T02:30:00-06:00", "2027-03-14T08:30:00Z"),
        ("America/New_York", "2027-03-14T02:30:00Z", "2027-03-14T02:30:00Z"),
        ("America/New_York", "2027-03-14T01:30:00-05:00", "2027-03-14T06:30:00Z"),
        ("America/New_York", "2027-03-14T03:00:00-04:00", "2027-03-14T07:00:00Z"),
        ("Europe/London", "2027-03-28T01:30:00+00:30", "2027-03-28T01:00:00Z"),
        ("Europe/London", "2027-03-28T01:30:00Z", "2027-03-28T01:30:00Z"),
    ],
)
def test_an_offset_that_is_not_the_shops_names_an_instant_whatever_the_shops_clock_skips(
    front: Shopfront, zone: str, written: str, instant: str
) -> None:
    front.furnish(DAY_AND_NIGHT, timezone=zone, horizon_days=365)
    booked = front.order(order(starts_at=written, repairs=["diagnosis"]))
    assert (booked.status, booked.json.get("starts_at")) == (201, instant)


def test_a_wall_time_that_the_clock_shows_twice_is_two_times(front: Shopfront) -> None:
    front.furnish(DAY_AND_NIGHT, horizon_days=365)
    summer, winter = (
        front.order(order(starts_at=f"2027-10-31T01:30:00+0{offset}:00", repairs=["diagnosis"])).json
        for offset in (1, 0)
    )
    assert (summer["starts_at"], winter["starts_at"]) == ("2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z")


def test_any_offset_names_an_instant(front: Shopfront) -> None:
    booked = front.order(order(starts_at="2027-03-02T15:45:00+05:45")).json
    assert booked["starts_at"] == "2027-03-02T10:00:00Z"
    assert front.get(f"/api/bookings/{booked['reference']}", booked["token"]).json["starts_at"] == booked["starts_at"]


def test_lead_and_horizon_bound_what_is_offered_and_what_is_taken(front: Shopfront) -> None:
    front.furnish(DAY_AND_NIGHT, lead_minutes=120, horizon_days=3)
    starts = [slot["starts_at"] for slot in front.slots(days=30)]
    assert (starts[0], starts[-1]) == ("2027-03-01T11:00:00Z", "2027-03-04T09:00:00Z")
    assert all(front.order(order(starts_at=start)).status == 201 for start in (starts[0], starts[-1]))
    assert faults(front.order(order(starts_at="2027-03-01T10:30:00Z"))) == {"starts_at": "too-soon"}
    assert faults(front.order(order(starts_at="2027-03-04T09:30:00Z"))) == {"starts_at": "too-far"}


def test_the_buffer_keeps_the_bench_and_is_not_told_as_the_jobs_end(front: Shopfront) -> None:
    front.furnish(buffer_minutes=30)
    booked = [front.order(order()).json for _ in range(3)]
    assert {booking["ends_at"] for booking in booked} == {"2027-03-02T11:00:00Z"}
    assert front.order(order(starts_at="2027-03-02T11:00:00Z")).status == 409
    assert front.order(order(starts_at="2027-03-02T11:30:00Z")).status == 201


def test_a_job_longer_than_a_day_goes_on_when_the_shop_opens_again(front: Shopfront) -> None:
    front.furnish([(day, 540, 660) for day in range(5)])
    booked = front.order(order(repairs=["screen", "water-damage"], starts_at="2027-03-05T10:00:00Z")).json
    assert booked["ends_at"] == "2027-03-08T11:00:00Z", "one hour on Friday, two on Monday"


def test_nothing_before_now_is_offered(front: Shopfront, travel: Callable[..., None]) -> None:
    travel(hours=5)
    starts = [slot["starts_at"] for slot in front.slots(first="2027-02-25", days=7)]
    assert min(starts) == clock.rfc3339(NOW + timedelta(hours=6))
