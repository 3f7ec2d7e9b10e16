"""Managers change the rules and the market's numbers, and quotes follow at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from reviva.money import MOST, WHOLE
from tests.api.staffed import MANAGER, MONDAY, audited, faults, quoted, staffed
from tests.api.wsgi import Client

RULES, FACTORS = "/api/pricing/rules", "/api/pricing/factors"
TENTH = {"name": "A tenth more", "kind": "percent", "value": 1_000}


@pytest.fixture
def client(database_url: str, freeze: Callable[[datetime], None]) -> Iterator[Client]:
    freeze(MONDAY)
    with staffed(database_url) as client:
        yield client


def add(client: Client, **rule: Any) -> dict[str, Any]:
    status, made = client.send("POST", RULES, TENTH | rule, MANAGER)
    assert status == 201, made
    return dict(made)


@pytest.mark.parametrize("role", ["customer", "technician"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", RULES), ("POST", RULES), ("GET", f"{RULES}/1"), ("PATCH", f"{RULES}/1"), ("DELETE", f"{RULES}/1"),
        ("GET", FACTORS), ("GET", f"{FACTORS}/x"), ("PUT", f"{FACTORS}/x"), ("POST", "/api/pricing/simulate"),
    ],
)  # fmt: skip
def test_only_managers_see_and_change_prices(client: Client, role: str, method: str, path: str) -> None:
    assert client.send(method, path, TENTH, role)[0] == 403
    assert client.send(method, path, TENTH)[0] == 401


def test_a_new_rule_moves_the_next_quote_and_is_in_the_audit(client: Client) -> None:
    assert quoted(client) == 10_000
    made = add(client, conditions={"brand": ["apple"]})
    assert (quoted(client), quoted(client, "nokia-one")) == (11_000, 10_000)
    assert (made["version"], made["priority"], made["conditions"]) == (1, 100, {"brand": ["apple"]})
    assert client.get(f"{RULES}/{made['id']}", MANAGER) == (200, made)
    (row,) = audited(client, "pricing_rule")
    assert (row["action"], row["entity_id"], row["before"]) == ("pricing_rule.create", str(made["id"]), None)
    assert row["after"]["value"] == 1_000


def test_a_price_that_rules_drive_up_stays_one_that_can_be_booked(client: Client) -> None:
    for _ in range(7):
        add(client, kind="multiplier", value=100 * WHOLE)
    assert quoted(client) == MOST
    order = {
        "model": "apple-one", "repairs": ["screen", "battery"], "starts_at": "2026-03-03T10:00:00Z",
        "customer": {"name": "Ann", "email": "ann@example.com"},
    }  # fmt: skip
    status, booked = client.send("POST", "/api/bookings", order)
    assert (status, booked["total"]["amount"]) == (201, 2 * MOST)


def test_a_change_takes_only_what_was_sent_and_says_what_was_before(client: Client) -> None:
    id = add(client, conditions={"brand": ["apple"]})["id"]
    status, changed = client.send("PATCH", f"{RULES}/{id}", {"value": 2_000, "version": 1}, MANAGER)
    assert (status, changed["value"], changed["version"]) == (200, 2_000, 2)
    assert changed["conditions"] == {"brand": ["apple"]}
    assert quoted(client) == 12_000
    row = audited(client, "pricing_rule")[-1]
    assert (row["before"], row["after"]) == ({"value": 1_000}, {"value": 2_000})


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_of_an_older_version_is_refused(client: Client, method: str) -> None:
    path = f"{RULES}/{add(client)['id']}"
    client.send("PATCH", path, {"value": 2_000}, MANAGER)
    assert client.send(method, path, {"value": 3_000}, MANAGER, if_match='"1"')[0] == 409
    assert quoted(client) == 12_000
    assert len(audited(client, "pricing_rule")) == 2
    assert client.send(method, path, {"value": 3_000}, MANAGER, if_match='"2"')[0] in (200, 204)


def test_a_removed_rule_is_gone_and_its_audit_row_holds_it_whole(client: Client) -> None:
    path = f"{RULES}/{add(client)['id']}"
    assert client.request("DELETE", path, MANAGER) == (204, "")
    assert client.get(path, MANAGER)[0] == client.request("DELETE", path, MANAGER)[0] == 404
    assert quoted(client) == 10_000
    assert audited(client, "pricing_rule")[-1]["before"]["name"] == "A tenth more"


def test_a_rule_with_a_null_ends_its_window(client: Client) -> None:
    id = add(client, valid_to="2026-03-01T00:00:00Z")["id"]
    assert quoted(client) == 10_000
    assert client.send("PATCH", f"{RULES}/{id}", {"valid_to": None}, MANAGER)[1]["valid_to"] is None
    assert quoted(client) == 11_000


def test_every_fault_of_a_rule_is_named_at_once(client: Client) -> None:
    wrong = TENTH | {
        "value": 200_000, "factor": "none", "valid_from": "2026-03-02T00:00:00Z", "valid_to": "2026-03-01T00:00:00Z",
        "conditions": {
            "brand": ["apple", "no"], "model": ["no"], "repair": ["screen", "no"], "shop": ["no"], "category": ["no"],
            "year_from": 2020, "year_to": 2019, "hour_from": 12, "hour_to": 12,
        },
    }  # fmt: skip
    assert faults(client.send("POST", RULES, wrong, MANAGER)) == {
        "value": "out-of-range", "factor": "unknown-factor", "valid_to": "wrong-order",
        "conditions.brand.1": "unknown-brand", "conditions.model.0": "unknown-model",
        "conditions.repair.1": "unknown-repair", "conditions.shop.0": "unknown-shop",
        "conditions.category.0": "unknown-category", "conditions.year_to": "wrong-order",
        "conditions.hour_to": "wrong-order",
    }  # fmt: skip
    odd = TENTH | {"kind": "odd", "value": "1", "name": "", "conditions": {"tier": ["odd"], "colour": ["red"]}}
    assert set(faults(client.send("POST", RULES, odd, MANAGER))) == {
        "kind", "value", "name", "conditions.tier.0", "conditions.colour",
    }  # fmt: skip
    assert client.get(RULES, MANAGER)[1]["items"] == audited(client, "pricing_rule") == []


def test_a_change_must_fit_what_stays(client: Client) -> None:
    id = add(client)["id"]
    sent = client.send("PATCH", f"{RULES}/{id}", {"kind": "minimum", "value": -1}, MANAGER)
    assert faults(sent) == {"value": "out-of-range"}
    assert faults(client.send("PATCH", f"{RULES}/{id}", {"kind": "factor"}, MANAGER)) == {"factor": "factor-mismatch"}
    assert set(faults(client.send("PATCH", f"{RULES}/{id}", {"name": None}, MANAGER))) == {"name"}


def test_rules_are_listed_in_the_order_in_which_they_apply(client: Client) -> None:
    for name, priority in (("last", 300), ("first", 1), ("off", 2)):
        add(client, name=name, priority=priority, active=name != "off")
    page = client.get(f"{RULES}?limit=2", MANAGER)[1]
    assert [rule["name"] for rule in page["items"]] == ["first", "off"]
    rest = client.get(f"{RULES}?limit=2&after={page['next']}", MANAGER)[1]
    assert ([rule["name"] for rule in rest["items"]], rest["next"]) == (["last"], None)
    active = client.get(f"{RULES}?active=true&kind=percent,fixed&sort=-name&page=1", MANAGER)[1]
    assert ([rule["name"] for rule in active["items"]], active["total"]) == (["last", "first"], 2)
    assert client.get(f"{RULES}?sort=odd", MANAGER)[0] == 422


def test_a_factor_is_made_set_and_read_by_its_rules(client: Client) -> None:
    assert client.get(f"{FACTORS}/glass", MANAGER)[0] == 404
    assert client.send("PUT", f"{FACTORS}/glass", {"value": 10_000, "version": 1}, MANAGER)[0] == 404
    status, made = client.send("PUT", f"{FACTORS}/glass", {"value": 10_000, "name": "Glass"}, MANAGER)
    assert (status, made["key"], made["version"]) == (200, "glass", 1)
    add(client, kind="factor", value=5_000, factor="glass")
    assert quoted(client) == 10_000
    status, changed = client.send("PUT", f"{FACTORS}/glass", {"value": 12_000, "version": 1}, MANAGER)
    assert (status, changed["value"], changed["name"], changed["version"]) == (200, 12_000, "Glass", 2)
    assert quoted(client) == 11_000  # half of the market's 20 % counts
    assert client.send("PUT", f"{FACTORS}/glass", {"value": 1, "version": 1}, MANAGER)[0] == 409
    assert client.get(FACTORS, MANAGER)[1]["items"] == [changed]
    assert client.send("PUT", f"{FACTORS}/glass", {"value": 12_000}, MANAGER)[0] == 200  # which changes nothing
    assert [row["before"] for row in audited(client, "market_factor")] == [None, {"value": 10_000}]
