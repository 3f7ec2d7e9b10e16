"""What a changed rule would have earned, held against a computation by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from reviva.models import Booking, BookingHistory
from reviva.repositories import sold
from tests.api.staffed import MANAGER, MONDAY, booked, faults, staffed
from tests.api.wsgi import Client

TENTH = {"name": "A tenth more", "kind": "percent", "value": 1_000}
Travel = Callable[..., None]


@pytest.fixture
def client(database_url: str, freeze: Callable[[datetime], None]) -> Iterator[Client]:
    freeze(MONDAY)
    with staffed(database_url) as client:
        yield client


def simulate(client: Client, **body: Any) -> dict[str, Any]:
    status, answer = client.send("POST", "/api/pricing/simulate", body, MANAGER)
    assert status == 200, answer
    sums = {name: answer[name]["amount"] for name in ("charged", "before", "after", "difference")}
    return {**answer, **sums}


def sell(client: Client, travel: Travel) -> int:
    """Three bookings on two days, at prices that a rule has moved since; returns that rule's id."""
    rule = int(client.send("POST", "/api/pricing/rules", TENTH, MANAGER)[1]["id"])
    booked(client, 2)  # 10,000
    booked(client, 3, "screen", "battery", urgency="express")  # 14,000
    travel(days=1)
    booked(client, 30, "battery", model="nokia-one")  # 4,000
    client.send("PATCH", f"/api/pricing/rules/{rule}", {"value": 2_000}, MANAGER)
    return rule


def test_a_changed_rule_against_a_computation_by_hand(client: Client, travel: Travel) -> None:
    rule = sell(client, travel)
    found = simulate(client, rule=rule, change={"value": 3_000, "conditions": {"brand": ["apple"]}}, days=7)
    assert (found["bookings"], found["changed"], found["currency"]) == (3, 3, "GBP")
    assert found["charged"] == 11_000 + 15_400 + 4_400
    assert found["before"] == 12_000 + (12_000 + 4_800) + 4_800
    assert found["after"] == 13_000 + (13_000 + 5_200) + 4_000
    assert found["difference"] == found["after"] - found["before"]
    assert found["days"] == [
        {"date": "2026-03-02", "bookings": 2, "before": gbp(28_800), "after": gbp(31_200)},
        {"date": "2026-03-03", "bookings": 1, "before": gbp(4_800), "after": gbp(4_000)},
    ]


def test_a_new_rule_comes_after_those_of_its_priority(client: Client, travel: Travel) -> None:
    sell(client, travel)
    change = {"kind": "fixed", "value": 500, "conditions": {"urgency": ["express"], "repairs_from": 2}}
    found = simulate(client, change=change)
    assert (found["changed"], found["difference"]) == (1, 1_000)  # two lines, and no fifth of it on top
    earlier = simulate(client, change=change | {"priority": 99})
    assert earlier["difference"] == 1_200


def test_without_a_rule_everything_costs_its_base(client: Client, travel: Travel) -> None:
    found = simulate(client, rule=sell(client, travel), change={"active": False})
    assert found["after"] == 10_000 + 14_000 + 4_000


def test_a_window_is_held_against_the_moment_of_each_booking(client: Client, travel: Travel) -> None:
    rule = sell(client, travel)
    found = simulate(client, rule=rule, change={"valid_to": "2026-03-03T00:00:00Z"})
    assert (found["changed"], found["difference"]) == (1, -800)


def test_only_what_was_sold_in_the_span_counts(client: Client, travel: Travel) -> None:
    sell(client, travel)
    booked(client, 31)
    database = client.services.database
    with database.connection_context():
        last = Booking.update(status="cancelled").where(Booking.starts_at > MONDAY.replace(day=3, hour=15))
        assert last.bind(database).execute() == 1
        assert BookingHistory.select().bind(database).count() == 4
    assert simulate(client, change=TENTH)["bookings"] == 3
    travel(hours=12)
    assert simulate(client, change=TENTH, days=1)["bookings"] == 1


def test_batches_miss_and_double_nothing(client: Client, travel: Travel, monkeypatch: pytest.MonkeyPatch) -> None:
    sell(client, travel)
    whole = simulate(client, change=TENTH)
    monkeypatch.setattr(sold, "BATCH", 1)
    assert simulate(client, change=TENTH) == whole


def test_nothing_is_kept_of_a_simulation(client: Client, travel: Travel) -> None:
    rule = sell(client, travel)
    simulate(client, rule=rule, change={"value": -5_000})
    assert client.get(f"/api/pricing/rules/{rule}", MANAGER)[1]["value"] == 2_000
    assert simulate(client, change=TENTH)["before"] == 33_600


def test_what_can_not_be_simulated_is_refused(client: Client) -> None:
    def refused(**body: Any) -> dict[str, str]:
        return faults(client.send("POST", "/api/pricing/simulate", body, MANAGER))

    assert refused(change={"name": "nothing"}) == {"change.kind": "missing", "change.value": "missing"}
    wrong = refused(change=TENTH | {"value": -20_000, "conditions": {"brand": ["no"]}})
    assert wrong == {"change.value": "out-of-range", "change.conditions.brand.0": "unknown-brand"}
    assert refused(change=TENTH, shop="no") == {"shop": "unknown-shop"}
    assert set(refused(days=0, change={"colour": 1})) == {"days", "change.colour"}
    assert client.send("POST", "/api/pricing/simulate", {"rule": 99, "change": {}}, MANAGER)[0] == 404


def gbp(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}
