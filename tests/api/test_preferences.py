"""Which messages people want: asked when a message is sent, so that a choice counts for what is queued already."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from reviva import clock
from reviva.models.notification import Channel
from reviva.notifications.dispatcher import Dispatcher
from reviva.notifications.rendering import environment
from reviva.services.letter import Unwanted
from reviva.services.preference import OPTIONAL, UNAWAITED
from tests.api.people import MINE, THEIRS, Town, build_town

TEXT = {"channel": "sms", "template": "booking_ready", "enabled": False}
MAIL = {"channel": "email", "template": "booking_ready", "enabled": False}


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url)


def choose(town: Town, who: str, path: str, *items: dict[str, Any]) -> Any:
    return town.ask(who, "PUT", f"/api/{path}/preferences", {"items": list(items)})


def off(town: Town, who: str, path: str) -> list[tuple[str, str]]:
    items = town.ask(who, "GET", f"/api/{path}/preferences").json["items"]
    return [(item["channel"], item["template"]) for item in items if not item["enabled"]]


def sent(town: Town) -> dict[str, str]:
    """What becomes of a mail and a text that a device is ready, by customer and channel."""
    services, database = town.services, town.services.database
    notifications = services.login.notifications
    with database.connection_context(), database.atomic():
        for who, reference in (("mine", MINE), ("theirs", THEIRS)):
            booking = services.bookings.bookings.by_reference(reference)
            assert booking is not None
            for channel in (Channel.EMAIL, Channel.SMS):
                notifications.queue(
                    f"{who} by {channel}", "booking_ready", "someone", channel=channel, booking=booking["id"],
                    customer=town.customers[who], payload={"reference": reference},
                )  # fmt: skip
        notifications.queue("reset", "account_locked", "a@example.com", customer=town.customers["mine"])
    dispatcher = Dispatcher(services, {})
    for channel in Channel:
        for _ in iter(partial(dispatcher.step, channel), False):
            pass
    with database.connection_context():
        rows = [row for row in notifications.some() if row.template in ("booking_ready", "account_locked")]
    assert all(row.last_error for row in rows if row.status == "cancelled")
    return {row.dedupe_key: row.status for row in rows}


def test_all_is_wanted_until_somebody_says_otherwise(town: Town) -> None:
    answer = town.ask(MINE, "GET", f"/api/bookings/{MINE}/preferences")
    assert [(item["channel"], item["template"]) for item in answer.json["items"]] == [tuple(each) for each in OPTIONAL]
    assert off(town, MINE, f"bookings/{MINE}") == []
    assert set(sent(town).values()) == {"sent"}


def test_what_is_not_wanted_of_a_booking_is_not_sent(town: Town) -> None:
    assert choose(town, MINE, f"bookings/{MINE}", MAIL).status == 200
    assert off(town, "mine", f"bookings/{MINE}") == [("email", "booking_ready")]
    assert sent(town) == {
        "mine by email": "cancelled", "mine by sms": "sent", "theirs by email": "sent", "theirs by sms": "sent",
        "reset": "sent",
    }  # fmt: skip


def test_what_a_customer_does_not_want_is_sent_about_no_booking_and_a_booking_brings_it_not_back(town: Town) -> None:
    id = town.customers["mine"]
    assert choose(town, "technician", f"customers/{id}", MAIL, TEXT).status == 200
    assert choose(town, MINE, f"bookings/{MINE}", {**MAIL, "enabled": True}).status == 200
    assert off(town, MINE, f"bookings/{MINE}") == [], "a stranger may hold a booking under this address"
    assert sent(town) == {
        "mine by email": "cancelled", "mine by sms": "cancelled", "theirs by email": "sent", "theirs by sms": "sent",
        "reset": "sent",
    }  # fmt: skip


def test_what_is_left_out_is_wanted_again_and_the_audit_tells(town: Town) -> None:
    path = f"customers/{town.customers['mine']}"
    choose(town, "technician", path, MAIL, TEXT)
    choose(town, "technician", path, TEXT)
    choose(town, "technician", path, TEXT)
    assert off(town, "technician", path) == [("sms", "booking_ready")]
    rows = town.ask("manager", "GET", "/api/audit?entity=customer").json["items"][:2]
    assert [(row["action"], row["before"], row["after"]) for row in rows] == [
        ("customer.preferences", {"booking_ready by email": False}, {"booking_ready by email": True}),
        (
            "customer.preferences", {"booking_ready by email": True, "booking_ready by sms": True},
            {"booking_ready by email": False, "booking_ready by sms": False},
        ),
    ]  # fmt: skip


def test_what_must_be_sent_can_not_be_switched_off(town: Town) -> None:
    for wrong in (
        {**MAIL, "template": "password_reset"}, {**MAIL, "template": "booking_awaiting_approval"},
        {**MAIL, "template": "find_booking"}, {**MAIL, "channel": "log"}, {**MAIL, "channel": "pigeon"},
        {**MAIL, "enabled": None}, {**MAIL, "customer": 1},
    ):  # fmt: skip
        answer = choose(town, MINE, f"bookings/{MINE}", TEXT, wrong)
        assert answer.status == 422, wrong
        assert answer.json["errors"][0]["field"].startswith("items.1"), wrong
    assert choose(town, MINE, f"bookings/{MINE}", MAIL, MAIL).status == 422
    assert off(town, MINE, f"bookings/{MINE}") == []


def test_choices_go_with_their_person(town: Town) -> None:
    mine, theirs = town.customers["mine"], town.customers["theirs"]
    choose(town, "technician", f"customers/{mine}", {**MAIL, "enabled": True}, TEXT)
    choose(town, "technician", f"customers/{theirs}", MAIL)
    choose(town, THEIRS, f"bookings/{THEIRS}", TEXT)
    assert town.ask("manager", "POST", f"/api/customers/{mine}/merge", {"other": theirs}).status == 200
    assert off(town, "technician", f"customers/{mine}") == [("email", "booking_ready"), ("sms", "booking_ready")]
    assert choose(town, "technician", f"customers/{theirs}", MAIL).status == 409
    held = town.ask("manager", "GET", f"/api/customers/{mine}/export").json["preferences"]
    assert len(held) == 3
    assert town.ask("manager", "POST", f"/api/customers/{mine}/anonymize").status == 200
    with town.services.database.connection_context():
        assert town.services.preferences.preferences.count() == 0


def farewell_of(town: Town, template: str = "booking_completed") -> str:
    """The path of the link by which a mail about MINE can be ended; "" where it has none."""
    services = town.services
    with services.database.connection_context():
        booking = services.bookings.bookings.by_reference(MINE)
    assert booking is not None
    message = {
        "id": 1, "recipient": "a@example.com", "channel": "email", "template": template, "booking_id": booking["id"],
        "customer_id": town.customers["mine"], "payload": {"reference": MINE}, "attempts": 1, "created_at": clock.now(),
    }  # fmt: skip
    return str(services.letters.facts(message).get("unsubscribe", "")).removeprefix(services.letters.url)


def follow(town: Town, path: str) -> int:
    """What a mail program is answered that ends a kind of mail for its reader."""
    return town.web.post(
        path, b"List-Unsubscribe=One-Click", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ).status


def test_the_link_of_a_mail_that_nobody_waits_for_ends_its_kind(town: Town) -> None:
    customer = f"customers/{town.customers['mine']}"
    choose(town, "technician", customer, TEXT, {**MAIL, "template": "booking_completed", "enabled": True})
    path = farewell_of(town)
    for _ in range(2):
        assert follow(town, path) == 204
        assert off(town, "technician", customer) == [("email", "booking_completed"), ("sms", "booking_ready")]
    assert off(town, MINE, f"bookings/{MINE}") == []
    with pytest.raises(Unwanted, match="does not want it"):
        farewell_of(town)
    rows = town.ask("manager", "GET", "/api/audit?entity=customer").json["items"]
    assert [(row["actor_kind"], row["after"]) for row in rows[:2]] == [
        ("public", {"booking_completed by email": False}), ("user", {"booking_ready by sms": False}),
    ]  # fmt: skip


def test_a_link_ends_mails_for_who_its_reader_is_now_and_no_others(town: Town) -> None:
    mine, theirs = town.customers["mine"], town.customers["theirs"]
    path = farewell_of(town)
    for wrong in ("/unsubscribe", "/unsubscribe?token=x.y", path[:-1], path.replace("token=", "token=W"), path + "é"):
        assert follow(town, wrong) == 422
    assert town.web.get(path).status == 200, "only a page, which does nothing by being looked at"
    town.ask("manager", "POST", f"/api/customers/{theirs}/merge", {"other": mine})
    assert off(town, "technician", f"customers/{theirs}") == []
    assert follow(town, path) == 204
    assert off(town, "technician", f"customers/{theirs}") == [("email", "booking_completed")]
    town.ask("manager", "POST", f"/api/customers/{theirs}/anonymize")
    assert follow(town, path) == 204
    with town.services.database.connection_context():
        assert town.services.preferences.preferences.count() == 0


def test_what_somebody_waits_for_has_no_such_link(town: Town) -> None:
    assert farewell_of(town, "booking_ready") == ""
    assert farewell_of(town, "booking_awaiting_approval") == ""
    assert {("email", template) for template in UNAWAITED} <= set(OPTIONAL)


def test_whatever_can_be_switched_off_exists() -> None:
    have = set(environment().list_templates())
    assert {f"{template}.{channel}.txt" for channel, template in OPTIONAL} <= have
    assert len(set(OPTIONAL)) == len(OPTIONAL)
