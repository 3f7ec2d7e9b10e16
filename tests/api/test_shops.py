"""Managers set up shops: what customers are offered follows at once, and what is booked stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.api.staffed import MANAGER, MONDAY, audited, booked, faults, slots, staffed
from tests.api.wsgi import Client
from tests.web import Web

SHOPS, MAIN = "/api/shops", "/api/shops/main"
PARIS = {"slug": "paris", "name": "Paris", "timezone": "Europe/Paris", "currency": "EUR", "country": "FR"}


@pytest.fixture
def client(database_url: str, freeze: Callable[[datetime], None]) -> Iterator[Client]:
    freeze(MONDAY)
    with staffed(database_url) as client:
        yield client


def change(client: Client, **sent: Any) -> dict[str, Any]:
    status, shop = client.send("PATCH", MAIN, sent, MANAGER)
    assert status == 200, shop
    return dict(shop)


def benches(client: Client) -> dict[str, bool]:
    return {bench["name"]: bench["active"] for bench in client.get(MAIN, MANAGER)[1]["benches"]}


def test_staff_read_and_managers_change(client: Client) -> None:
    for role, reads, writes in ((None, 401, 401), ("customer", 403, 403), ("technician", 200, 403)):
        assert client.get(SHOPS, role)[0] == client.get(MAIN, role)[0] == reads
        assert client.send("PATCH", MAIN, {"name": "X"}, role)[0] == writes
        assert client.send("POST", SHOPS, PARIS, role)[0] == writes
    assert client.get(f"{SHOPS}/none", MANAGER)[0] == client.send("PATCH", f"{SHOPS}/none", {}, MANAGER)[0] == 404


def test_new_hours_are_offered_at_once_and_audited(client: Client) -> None:
    assert len(slots(client)) == 13  # from 10:00, an hour ahead, to 16:00
    hours = [{"weekday": 0, "opens": "14:00", "closes": "16:00"}, {"weekday": 0, "opens": "11:00", "closes": "12:00"}]
    shop = change(client, hours=hours)
    assert slots(client) == ["03-02T11:00 2", "03-02T14:00 2", "03-02T14:30 2", "03-02T15:00 2"]
    assert (shop["hours"], shop["version"]) == (hours[::-1], 2)
    (row,) = audited(client, "shop")
    assert (row["action"], row["entity_id"], row["after"]) == ("shop.change", "main", {"hours": hours[::-1]})
    assert row["before"]["hours"][0] == {"weekday": 0, "opens": "09:00", "closes": "17:00"}


def test_a_closure_takes_whole_days_and_leaves_what_is_booked(client: Client) -> None:
    booking = booked(client, 25)
    change(client, closures=[{"from": "2026-03-02", "to": "2026-03-03", "reason": "Stocktaking"}])
    assert [slot[:5] for slot in slots(client, days=3)] == ["03-04"] * 15
    assert client.get(f"/api/bookings/{booking['reference']}", "technician")[1]["status"] == "confirmed"
    change(client, closures=[])
    assert "03-03T10:00 1" in slots(client, days=2)


def test_a_day_can_end_early_and_what_is_booked_then_stays(client: Client) -> None:
    booking = booked(client, 30)  # the next day, at 15:00
    today = {"from": "2026-03-03", "to": "2026-03-03", "reason": "Funeral"}
    shop = change(
        client, closures=[{**today, "shuts_at": "14:00"}, {**today, "from": "2026-03-02", "to": "2026-03-02"}]
    )
    assert [each.get("shuts_at") for each in shop["closures"]] == [None, "14:00"]
    assert [slot[:11] for slot in slots(client, days=2)][-1] == "03-03T13:00"
    assert client.get(f"/api/bookings/{booking['reference']}", "technician")[1]["status"] == "confirmed"
    assert faults(client.send("PATCH", MAIN, {"closures": [{**today, "shuts_at": "2 pm"}]}, MANAGER)) == {
        "closures.0.shuts_at": "wall_time"
    }


def test_grid_lead_and_horizon_count_from_the_next_look(client: Client) -> None:
    change(client, grid_minutes=120, lead_minutes=0, horizon_days=1)
    assert [slot[6:11] for slot in slots(client)] == ["10:00", "12:00", "14:00", "16:00"]
    assert [slot[:11] for slot in slots(client, days=3)][4:] == []  # Tuesday at 10 is past the horizon
    change(client, buffer_minutes=60, confirm_by_hand=True)
    assert booked(client, 3)["status"] == "pending"
    assert [slot[6:] for slot in slots(client)] == ["10:00 2", "12:00 1", "14:00 2", "16:00 2"]


def test_a_number_of_benches_adds_and_takes_away(client: Client) -> None:
    change(client, benches=3)
    assert slots(client)[0] == "03-02T10:00 3"
    change(client, benches=1)
    assert benches(client) == {"Bench 1": True, "Bench 2": False, "Bench 3": False}
    assert slots(client)[0] == "03-02T10:00 1"
    change(client, benches=4)
    assert benches(client) == {f"Bench {n}": True for n in (1, 2, 3, 4)}


def test_a_bench_with_a_job_to_come_stays_and_an_idle_one_goes_in_its_place(
    client: Client, travel: Callable[..., None]
) -> None:
    booked(client, 2)
    booked(client, 2)
    change(client, benches=3)
    change(client, benches=2)
    assert benches(client) == {"Bench 1": True, "Bench 2": True, "Bench 3": False}
    status, problem = client.send("PATCH", MAIN, {"benches": 1, "name": "Small"}, MANAGER)
    assert (status, client.get(MAIN, MANAGER)[1]["name"]) == (409, "Main")
    status, problem = client.send("PATCH", MAIN, {"benches": [{"name": "Bench 1"}]}, MANAGER)
    assert (status, problem["benches"]) == (409, ["Bench 2"])
    travel(days=1)
    change(client, benches=1)
    assert benches(client) == {"Bench 1": True, "Bench 2": False, "Bench 3": False}


def test_benches_are_named_and_one_left_out_goes_out_of_use(client: Client) -> None:
    change(client, benches=[{"name": "Bench 2"}, {"name": "Left"}, {"name": "Spare", "active": False}])
    assert benches(client) == {"Bench 1": False, "Bench 2": True, "Left": True, "Spare": False}
    assert slots(client)[0] == "03-02T10:00 2"


def test_a_change_of_an_older_version_is_refused(client: Client) -> None:
    change(client, name="First", version=1)
    for named in ({"version": 1}, {}):
        headers = {} if named else {"if_match": '"1"'}
        sent = {"hours": [], "benches": 9, "name": "Late", **named}
        assert client.send("PATCH", MAIN, sent, MANAGER, **headers)[0] == 409
    shop = client.get(MAIN, MANAGER)[1]
    assert (shop["name"], shop["version"], len(shop["hours"]), len(shop["benches"])) == ("First", 2, 5, 2)
    assert len(audited(client, "shop")) == 1


def test_every_wrong_value_is_named(client: Client) -> None:
    wrong = {
        "slug": "a b", "name": "", "timezone": "Europe/Lodnon", "currency": "gbp", "country": "XX", "grid_minutes": 20,
        "email": "nobody", "allowed_origins": ["https://a.example/shop", "*"], "benches": -1, "horizon_days": 0,
        "hours": [{"weekday": 7, "opens": "9:00", "closes": "25:00"}], "closures": [{"from": "2026-02-30"}],
        "colour": "red", "confirm_by_hand": "yes",
    }  # fmt: skip
    assert set(faults(client.send("POST", SHOPS, wrong, MANAGER))) == {
        "slug", "name", "timezone", "currency", "country", "grid_minutes", "email", "allowed_origins.0",
        "allowed_origins.1", "benches", "horizon_days", "hours.0.weekday", "hours.0.opens", "hours.0.closes",
        "closures.0.from", "closures.0.to", "colour", "confirm_by_hand",
    }  # fmt: skip
    odd = {
        "hours": [
            {"weekday": 1, "opens": "09:00", "closes": "12:00"}, {"weekday": 1, "opens": "11:59", "closes": "24:00"},
            {"weekday": 2, "opens": "12:00", "closes": "12:00"},
        ],
        "closures": [{"from": "2026-03-02", "to": "2026-03-01"}],
        "benches": [{"name": "A"}, {"name": "A"}],
    }  # fmt: skip
    assert faults(client.send("PATCH", MAIN, odd, MANAGER)) == {
        "hours.1": "overlap", "hours.2.closes": "wrong-order", "closures.0.to": "wrong-order",
        "benches.1.name": "repeated",
    }  # fmt: skip
    assert set(faults(client.send("POST", SHOPS, {}, MANAGER))) == {"slug", "name", "timezone", "currency"}
    assert audited(client, "shop") == []


@pytest.mark.parametrize("currency", ["DEM", "XXX", "EURO"])
def test_money_that_nobody_pays_with_is_no_currency(client: Client, currency: str) -> None:
    assert set(faults(client.send("PATCH", MAIN, {"currency": currency}, MANAGER))) == {"currency"}


def test_a_second_shop_has_its_own_clock_and_offers_nothing_that_has_no_price_in_its_money(client: Client) -> None:
    hours = [{"weekday": 0, "opens": "09:00", "closes": "12:00"}]
    status, shop = client.send("POST", SHOPS, PARIS | {"hours": hours}, MANAGER)
    assert (status, shop["benches"], shop["version"]) == (201, [{"name": "Bench 1", "active": True}], 1)
    assert client.send("POST", SHOPS, PARIS, MANAGER)[0] == 409
    order = {"model": "apple-one", "repairs": ["screen"], "shop": "paris"}
    assert faults(client.send("POST", "/api/quotes", order)) == {"repairs.0": "unknown-repair"}
    assert [row["after"]["currency"] for row in audited(client, "shop")] == ["EUR"]
    listed = client.get(f"{SHOPS}?sort=-slug", "technician")[1]["items"]
    assert [(each["slug"], len(each["hours"])) for each in listed] == [("paris", 1), ("main", 5)]


def test_a_shop_closed_down_takes_no_bookings_but_the_last_one_stays(client: Client) -> None:
    assert client.send("PATCH", MAIN, {"active": False}, MANAGER)[0] == 409
    client.send("POST", SHOPS, PARIS, MANAGER)
    change(client, active=False)
    order = {"model": "apple-one", "repairs": ["screen"], "shop": "main"}
    assert faults(client.send("POST", "/api/quotes", order))["shop"] == "unknown-shop"
    active = client.get(f"{SHOPS}?active=true", MANAGER)[1]["items"]
    assert [shop["slug"] for shop in active] == ["paris"]


def test_a_listed_origin_may_call_from_a_browser(client: Client) -> None:
    def told(origin: str) -> str | None:
        answer = Web(client.services).get("/api/catalog/categories", headers={"Origin": origin})
        return answer.header("Access-Control-Allow-Origin")

    assert told("https://shop.example") is None
    shop = change(client, allowed_origins=["https://Shop.example:443/", "http://localhost:8000"])
    assert shop["allowed_origins"] == ["https://shop.example", "http://localhost:8000"]
    assert told("https://shop.example") == "https://shop.example"
    assert told("https://shop.example.evil.example") is None
    change(client, allowed_origins=[])
    assert told("https://shop.example") is None


def test_another_worker_learns_of_an_origin(client: Client) -> None:
    database = client.services.database
    with database.connection_context():
        database.execute_sql("UPDATE shop SET allowed_origins = '[\"https://shop.example\"]'")
    client.services.housekeeping.start()
    client.services.housekeeping.stop()
    assert client.services.origins.allows("https://shop.example")
