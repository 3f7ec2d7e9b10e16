"""Managers change the catalog and its prices: what customers find and are quoted follows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from reviva.services.seeding import SeedingService
from tests.api.staffed import MANAGER, MONDAY, audited, booked, faults, quoted, staffed
from tests.api.wsgi import Client

CATALOG = "/api/catalog"
PRICES = f"{CATALOG}/models/apple-one/prices"
PHONE = {"brand": "nokia", "category": "phone", "name": "3310 Plus", "year": 2017, "tier": "budget"}
PARIS = {"slug": "paris", "name": "Paris", "timezone": "Europe/Paris", "currency": "EUR"}


@pytest.fixture
def client(database_url: str, freeze: Callable[[datetime], None]) -> Iterator[Client]:
    freeze(MONDAY)
    with staffed(database_url) as client:
        yield client


def send(client: Client, method: str, path: str, body: dict[str, Any], expected: int = 200) -> Any:
    status, answer = client.send(method, CATALOG + path, body, MANAGER)
    assert status == expected, answer
    return answer


def found(client: Client, words: str) -> list[str]:
    return [model["slug"] for model in client.get(f"{CATALOG}/models?q={words}")[1]["items"]]


@pytest.mark.parametrize("role", [None, "customer", "technician"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/categories"), ("PATCH", "/categories/phone"), ("POST", "/brands"), ("PATCH", "/brands/apple"),
        ("POST", "/models"), ("PATCH", "/models/apple-one"), ("POST", "/repairs"), ("PATCH", "/repairs/phone/screen"),
        ("GET", "/models/apple-one/prices"), ("PUT", "/models/apple-one/prices"),
    ],
)  # fmt: skip
def test_only_managers_change_the_catalog(client: Client, role: str | None, method: str, path: str) -> None:
    assert client.send(method, CATALOG + path, {}, role)[0] == (403 if role else 401)


def test_a_new_model_is_found_and_once_priced_quoted(client: Client) -> None:
    assert found(client, "3310") == []
    made = send(client, "POST", "/models", PHONE | {"aliases": ["Brick"], "model_numbers": ["TA-1030"]}, 201)
    assert (made["slug"], made["version"], made["active"]) == ("nokia-3310-plus", 1, True)
    assert made["brand"] == {"slug": "nokia", "name": "Nokia"}
    assert [found(client, words) for words in ("nokia%203310", "brick", "ta1030", "nokai%203310")] == [
        [made["slug"]]
    ] * 4
    detail = client.get(f"{CATALOG}/models/{made['slug']}")[1]
    assert (detail["model_numbers"], detail["repairs"]) == (["TA-1030"], [])
    send(client, "PUT", f"/models/{made['slug']}/prices", {"items": [{"repair": "battery", "amount": 1_500}]})
    assert quoted(client, made["slug"], "battery") == 1_500
    assert audited(client, "device_model")[0]["after"]["slug"] == made["slug"]
    send(client, "POST", "/models", PHONE, 409)


def test_a_changed_model_is_found_by_its_new_words_only(client: Client) -> None:
    changed = send(
        client,
        "PATCH",
        "/models/apple-one",
        {"name": "Pomme", "specs": {"storage": [64, 128], "inches": 6.1}, "version": 1},
    )
    assert (changed["name"], changed["slug"], changed["version"]) == ("Pomme", "apple-one", 2)
    assert (found(client, "pomme"), found(client, "apple")) == (["apple-one"], ["apple-one"])
    assert found(client, "one") == ["nokia-one"]
    (row,) = audited(client, "device_model")
    assert (row["before"], row["after"]) == (
        {"name": "One", "specs": {}}, {"name": "Pomme", "specs": {"storage": [64, 128], "inches": 6.1}},
    )  # fmt: skip
    assert client.send("PATCH", f"{CATALOG}/models/apple-one", {"year": 2000}, MANAGER, if_match='"1"')[0] == 409
    assert client.get(f"{CATALOG}/models/apple-one")[1]["year"] == 2022


def test_a_model_that_is_not_active_is_not_offered_but_its_bookings_stay(client: Client) -> None:
    booking = booked(client, 2)
    send(client, "PATCH", "/models/apple-one", {"active": False})
    assert found(client, "one") == ["nokia-one"]
    assert client.get(f"{CATALOG}/models/apple-one")[0] == 404
    assert faults(client.send("POST", "/api/quotes", {"model": "apple-one", "repairs": ["screen"]})) == {
        "model": "unknown-model"
    }
    assert [brand["slug"] for brand in client.get(f"{CATALOG}/brands")[1]["items"]] == ["nokia"]
    assert client.get(f"/api/bookings/{booking['reference']}", MANAGER)[1]["model"]["slug"] == "apple-one"
    assert client.get(PRICES, MANAGER)[1]["model"]["active"] is False
    send(client, "PATCH", "/models/apple-one", {"active": True})
    assert quoted(client) == 10_000


def test_a_renamed_brand_renames_what_its_models_are_found_by(client: Client) -> None:
    brand = send(client, "PATCH", "/brands/apple", {"name": "Pear", "aliases": ["Pyrus"]})
    assert brand == {"slug": "apple", "name": "Pear", "aliases": ["Pyrus"]}
    assert [found(client, word) for word in ("pear", "pyrus", "apple")] == [["apple-one"], ["apple-one"], []]
    assert client.get(f"{CATALOG}/models?q=pear")[1]["items"][0]["brand"]["name"] == "Pear"
    assert audited(client, "brand")[0]["before"] == {"name": "Apple", "aliases": []}
    assert client.get(PRICES, MANAGER)[1]["model"]["version"] == 1


def test_words_are_those_that_seeding_makes(client: Client) -> None:
    """A brand's rename there and back leaves every shipped model as it came."""
    service = SeedingService(client.services.database)
    with client.services.database.connection_context():
        service.seed()
        before = service.models.texts()
    send(client, "PATCH", "/brands/nokia", {"name": "Else"})
    send(client, "PATCH", "/brands/nokia", {"name": "Nokia"})
    with client.services.database.connection_context():
        assert sorted(service.models.texts()) == sorted(before)


def test_a_new_category_with_its_repair_and_its_model(client: Client) -> None:
    send(client, "POST", "/categories", {"slug": "drone", "name": "Drones", "position": 3}, 201)
    made = send(client, "POST", "/repairs", {"category": "drone", "slug": "rotor", "name": "Rotor", "minutes": 30}, 201)
    assert made == {
        "category": "drone", "slug": "rotor", "name": "Rotor", "minutes": 30, "description": "", "position": 0,
        "active": True,
    }  # fmt: skip
    send(client, "POST", "/brands", {"slug": "dji", "name": "DJI"}, 201)
    send(client, "POST", "/models", PHONE | {"brand": "dji", "category": "drone", "name": "Mini"}, 201)
    send(client, "PUT", "/models/dji-mini/prices", {"items": [{"repair": "rotor", "amount": 900}]})
    assert quoted(client, "dji-mini", "rotor") == 900
    send(client, "PATCH", "/categories/drone", {"name": "Flying things"})
    categories = client.get(f"{CATALOG}/categories")[1]["items"]
    assert {"slug": "drone", "name": "Flying things", "models": 1} in categories
    for path, body in (("/categories", {"slug": "drone", "name": "X"}), ("/brands", {"slug": "dji", "name": "X"})):
        send(client, "POST", path, body, 409)
    send(client, "POST", "/repairs", {"category": "drone", "slug": "rotor", "name": "R", "minutes": 1}, 409)
    assert [row["action"] for row in audited(client, "category")] == ["category.create", "category.change"]


def test_a_repair_out_of_use_is_not_offered(client: Client) -> None:
    changed = send(client, "PATCH", "/repairs/phone/screen", {"minutes": 90})
    assert (changed["minutes"], changed["category"]) == (90, "phone")
    assert booked(client, 2)["items"][0]["minutes"] == 90
    send(client, "PATCH", "/repairs/phone/screen", {"active": False})
    assert [repair["slug"] for repair in client.get(f"{CATALOG}/repairs")[1]["items"]] == ["battery"]
    order = {"model": "apple-one", "repairs": ["screen"]}
    assert faults(client.send("POST", "/api/quotes", order)) == {"repairs.0": "unknown-repair"}
    assert [row["after"] for row in audited(client, "repair_type")] == [{"minutes": 90}, {"active": False}]
    assert client.send("PATCH", f"{CATALOG}/repairs/phone/none", {}, MANAGER)[0] == 404


def test_prices_are_set_as_a_whole_list_in_one_currency(client: Client) -> None:
    listed = client.get(PRICES, MANAGER)[1]
    assert [(item["repair"]["slug"], item["price"]["amount"]) for item in listed["items"]] == [
        ("screen", 10_000), ("battery", 4_000),
    ]  # fmt: skip
    item = {"repair": "screen", "price": {"amount": 9_000, "currency": "GBP"}, "minutes": 45}
    answer = send(client, "PUT", "/models/apple-one/prices", {"items": [item], "version": 1})
    assert answer["items"] == [
        {"repair": {"slug": "screen", "name": "Screen"}, "active": True, "price": item["price"], "minutes": 45}
    ]
    assert (answer["model"]["version"], quoted(client)) == (2, 9_000)
    order = {"model": "apple-one", "repairs": ["battery"]}
    assert faults(client.send("POST", "/api/quotes", order)) == {"repairs.0": "unknown-repair"}
    assert client.send("PUT", PRICES, {"items": [], "version": 1}, MANAGER)[0] == 409
    (row,) = audited(client, "device_model")
    assert row["before"]["prices"] == {
        "screen": {"amount": 10_000, "minutes": None}, "battery": {"amount": 4_000, "minutes": None},
    }  # fmt: skip
    assert row["after"]["prices"] == {"screen": {"amount": 9_000, "minutes": 45}, "battery": None}


def test_a_shop_offers_only_what_is_priced_in_its_money(client: Client) -> None:
    assert client.send("POST", "/api/shops", PARIS, MANAGER)[0] == 201
    order = {"model": "apple-one", "repairs": ["screen"], "shop": "paris"}
    assert faults(client.send("POST", "/api/quotes", order)) == {"repairs.0": "unknown-repair"}
    send(
        client,
        "PUT",
        "/models/apple-one/prices",
        {"currency": "EUR", "items": [{"repair": "screen", "amount": 12_000}]},
    )
    assert (quoted(client, shop="paris"), quoted(client)) == (12_000, 10_000)
    offers = client.get(f"{CATALOG}/models/apple-one?shop=paris")[1]["repairs"]
    assert [offer["price"] for offer in offers] == [{"amount": 12_000, "currency": "EUR"}]
    assert faults(client.get(f"{CATALOG}/models/apple-one?shop=rome")) == {"shop": "unknown-shop"}
    order["repairs"] = ["screen", "battery"]
    assert faults(client.send("POST", "/api/quotes", order)) == {"repairs.1": "unknown-repair"}


def test_every_wrong_price_is_named(client: Client) -> None:
    def refused(**body: Any) -> dict[str, str]:
        return faults(client.send("PUT", PRICES, body, MANAGER))

    euro = {"amount": 1, "currency": "EUR"}
    wrong = [{"repair": "screen", "amount": 1}, {"repair": "none", "price": euro}, {"repair": "screen", "amount": 2}]
    assert refused(currency="GBP", items=wrong) == {
        "items.1.repair": "unknown-repair", "items.1.price.currency": "other-currency", "items.2.repair": "repeated",
    }  # fmt: skip
    both = [{"repair": "screen", "amount": 1, "price": euro}, {"repair": "screen"}, {"repair": "screen", "amount": -1}]
    assert set(refused(currency="DEM", items=both)) == {"currency", "items.0", "items.1", "items.2.amount"}
    assert quoted(client) == 10_000
    assert audited(client, "device_model") == []


def test_every_wrong_value_of_a_model_is_named(client: Client) -> None:
    wrong = PHONE | {
        "slug": "A b", "year": 1900, "tier": "odd", "name": " ", "specs": {"a": {}, "b": ["\u0007"]},
        "aliases": [1], "colour": "red",
    }  # fmt: skip
    assert set(faults(client.send("POST", f"{CATALOG}/models", wrong, MANAGER))) == {
        "slug", "year", "tier", "name", "specs.a", "specs.b", "aliases.0", "colour",
    }  # fmt: skip
    unknown = PHONE | {"brand": "none", "category": "none"}
    assert faults(client.send("POST", f"{CATALOG}/models", unknown, MANAGER)) == {
        "brand": "unknown-brand", "category": "unknown-category",
    }  # fmt: skip
    assert faults(client.send("POST", f"{CATALOG}/models", PHONE | {"name": "小米"}, MANAGER)) == {"slug": "missing"}
    nameless = PHONE | {"name": "!!!", "slug": "nokia-3310"}
    assert faults(client.send("POST", f"{CATALOG}/models", nameless, MANAGER)) == {"name": "no-words"}
    assert set(faults(client.send("PATCH", f"{CATALOG}/models/apple-one", {"name": None}, MANAGER))) == {"name"}
    assert client.send("PATCH", f"{CATALOG}/models/none", {"year": 2000}, MANAGER)[0] == 404
    assert audited(client, "device_model") == []


def test_a_model_with_prices_stays_in_its_category(client: Client) -> None:
    send(client, "POST", "/categories", {"slug": "drone", "name": "Drones"}, 201)
    send(client, "PATCH", "/models/apple-one", {"category": "drone"}, 409)
    send(client, "PUT", "/models/apple-one/prices", {"items": []})
    send(client, "PATCH", "/models/apple-one", {"category": "drone", "brand": "nokia"})
    assert found(client, "nokia%20drone") == ["apple-one"]
