"""Webhooks as managers keep them: made, changed, tried out, and looked after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from reviva.api import metrics
from reviva.notifications.webhook_dispatcher import WebhookDispatcher
from tests.api.people import Town, build_town
from tests.receiver import Receiver, receiver, transport

URL = "https://hooks.example/in"


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url)


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def made(town: Town, **more: Any) -> dict[str, Any]:
    answer = town.ask("manager", "POST", "/api/webhooks", {"url": URL, **more})
    assert answer.status == 201, answer.json
    assert answer.header("Location") == f"/api/webhooks/{answer.json['id']}"
    return dict(answer.json)


def tell(town: Town) -> int:
    return sum(1 for _ in iter(WebhookDispatcher(town.services, transport()).step, False))


def ids(answer: Any) -> list[int]:
    assert answer.status == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


def test_one_is_made_changed_and_removed_and_the_audit_says_so(town: Town) -> None:
    new = made(town, events=["booking.status"])
    assert new.pop("secret").startswith("whsec_")
    assert (new["active"], new["events"], new["created_by_id"]) == (True, ["booking.status"], town.users["manager"])
    path = f"/api/webhooks/{new['id']}"
    assert town.ask("manager", "GET", path).json == new
    changed = town.ask("manager", "PATCH", path, {"events": [], "active": False, "version": new["version"]})
    assert (changed.json["events"], changed.json["active"]) == ([], False)
    assert town.ask("manager", "PATCH", path, {"active": True, "version": new["version"]}).status == 409
    assert town.ask("manager", "POST", f"{path}/test").status == 409, "it is not active"
    assert town.ask("manager", "DELETE", path).status == 204
    assert town.ask("manager", "GET", path).status == 404
    rows = town.ask("manager", "GET", "/api/audit?entity=webhook&sort=id").json["items"]
    assert [(row["action"], row["before"], row["after"]) for row in rows] == [
        ("webhook.create", None, {"url": URL, "events": ["booking.status"], "active": True}),
        ("webhook.change", {"events": ["booking.status"], "active": True}, {"events": [], "active": False}),
        ("webhook.delete", {"url": URL, "events": [], "active": False}, None),
    ]


WRONG: tuple[dict[str, Any], ...] = (
    {"url": "http://hooks.example/"}, {"url": "https://10.0.0.1/"}, {"url": ""}, {"url": None},
    {"events": ["booking.lost"]}, {"events": ["booking.status", "booking.status"]}, {"events": "booking.status"},
    {"active": "yes"}, {"secret": "whsec_mine"}, {"after_event": 0},
)  # fmt: skip


def test_what_can_not_be_is_named(town: Town) -> None:
    new = made(town)
    for wrong in WRONG:
        answer = town.ask("manager", "POST", "/api/webhooks", {"url": URL, **wrong})
        assert answer.status == 422, wrong
        assert {fault["field"].partition(".")[0] for fault in answer.json["errors"]} == set(wrong)
        assert town.ask("manager", "PATCH", f"/api/webhooks/{new['id']}", wrong).status == 422, wrong
    assert town.ask("manager", "GET", f"/api/webhooks/{new['id']}").json["version"] == 1


def test_they_are_listed_filtered_sorted_and_paged(town: Town) -> None:
    first, second, third = (made(town, url=f"{URL}/{n}", active=n != 2)["id"] for n in (3, 2, 1))
    assert ids(town.ask("manager", "GET", "/api/webhooks")) == [first, second, third]
    assert ids(town.ask("manager", "GET", "/api/webhooks?active=false")) == [second]
    assert ids(town.ask("manager", "GET", "/api/webhooks?sort=url&limit=2")) == [third, second]
    page = town.ask("manager", "GET", "/api/webhooks?limit=1&page=2").json
    assert (page["total"], page["items"][0]["id"]) == (3, second)
    assert "secret" not in page["items"][0]
    for wrong in ("active=perhaps", "sort=secret", "url=x"):
        assert town.ask("manager", "GET", f"/api/webhooks?{wrong}").status == 422, wrong


def test_it_is_tried_out_and_what_became_of_it_is_listed(town: Town, other: Receiver) -> None:
    path = f"/api/webhooks/{made(town, url=other.url)['id']}"
    tests = [town.ask("manager", "POST", f"{path}/test").json["id"] for _ in range(3)]
    other.status = 500
    assert tell(town) == 3
    assert ids(town.ask("manager", "GET", f"{path}/deliveries")) == tests[::-1]
    assert ids(town.ask("manager", "GET", f"{path}/deliveries?status=queued&type=webhook.test&sort=id")) == tests
    assert ids(town.ask("manager", "GET", f"{path}/deliveries?status=sent,dead")) == []
    page = town.ask("manager", "GET", f"{path}/deliveries?limit=2").json
    assert ids(town.ask("manager", "GET", f"{path}/deliveries?limit=2&after={page['next']}")) == tests[:1]
    item = page["items"][0]
    assert (item["type"], item["attempts"], item["response_status"]) == ("webhook.test", 1, 500)
    assert item["message"] in {taken.id for taken in other.taken}
    assert "500" in item["last_error"]
    for wrong in ("status=lost", "sort=type", "endpoint=1"):
        assert town.ask("manager", "GET", f"{path}/deliveries?{wrong}").status == 422, wrong
    assert town.ask("manager", "GET", "/api/webhooks/999/deliveries").status == 404


def test_what_is_over_is_delivered_once_more_under_the_same_id(town: Town, other: Receiver) -> None:
    id = made(town, url=other.url)["id"]
    delivery = town.ask("manager", "POST", f"/api/webhooks/{id}/test").json
    path = f"/api/webhooks/{id}/deliveries/{delivery['id']}/retry"
    assert town.ask("manager", "POST", path).status == 409, "it is queued"
    assert tell(town) == 1
    again = town.ask("manager", "POST", path)
    assert (again.status, again.json["status"], again.json["attempts"]) == (202, "queued", 0)
    assert tell(town) == 1
    assert {taken.id for taken in other.taken} == {delivery["message"]}
    assert len(other.taken) == 2
    audited = town.ask("manager", "GET", "/api/audit?entity=webhook&action=webhook.retry").json["items"]
    changed = [{"delivery": delivery["id"], "status": status} for status in ("sent", "queued")]
    assert [[row["before"], row["after"]] for row in audited] == [changed]
    elsewhere = made(town)["id"]
    assert town.ask("manager", "POST", path.replace(f"webhooks/{id}/", f"webhooks/{elsewhere}/")).status == 404


def test_nothing_more_is_sent_to_an_endpoint_that_is_disabled(town: Town, other: Receiver) -> None:
    path = f"/api/webhooks/{made(town, url=other.url)['id']}"
    delivery = town.ask("manager", "POST", f"{path}/test").json
    tell(town)
    assert town.ask("manager", "PATCH", path, {"active": False}).status == 200
    for asked in ("test", f"deliveries/{delivery['id']}/retry"):
        refused = town.ask("manager", "POST", f"{path}/{asked}")
        assert (refused.status, refused.json["detail"]) == (409, "This webhook is disabled.")
    tell(town)
    assert len(other.taken) == 1


def test_a_renewed_secret_is_told_once_and_verifies(town: Town, other: Receiver) -> None:
    new = made(town, url=other.url)
    path = f"/api/webhooks/{new['id']}"
    secret = town.ask("manager", "POST", f"{path}/secret").json["secret"]
    assert secret != new["secret"]
    town.ask("manager", "POST", f"{path}/test")
    tell(town)
    told = Webhook(secret).verify(other.taken[0].body, other.taken[0].headers)
    assert (told["type"], told["data"]) == ("webhook.test", {"webhook": new["id"]})
    audit = town.ask("manager", "GET", "/api/audit?entity=webhook")
    renewed = audit.json["items"][1]
    assert (renewed["action"], renewed["after"]) == ("webhook.renew_secret", {"secret": "***"})
    assert secret.removeprefix("whsec_") not in audit.body.decode()


def test_deliveries_are_measured(town: Town, other: Receiver) -> None:
    path = f"/api/webhooks/{made(town, url=other.url)['id']}"
    before = metrics.exposition().decode()
    for other.status in (200, 410):
        town.ask("manager", "POST", f"{path}/test")
        tell(town)
    after = metrics.exposition().decode()
    for outcome in ("sent", "dead"):
        assert count(after, outcome) == count(before, outcome) + 1
    assert town.ask("manager", "GET", path).json["disabled_reason"] == "The receiver answered 410: it wants no more."


def count(exposition: str, outcome: str) -> float:
    name = f'reviva_webhook_deliveries_total{{outcome="{outcome}"}} '
    return next((float(line.removeprefix(name)) for line in exposition.splitlines() if line.startswith(name)), 0.0)
