"""What people want to hear: each chooses for themselves, and the audit log says what became of it."""

from __future__ import annotations

import pytest
from peewee import Database

from reviva import clock
from reviva.errors import Invalid, NotFound
from reviva.models.notification import Channel
from reviva.paging import ListQuery
from reviva.repositories.preference import Choice
from reviva.services import Services
from reviva.services.preference import OPTIONAL, farewell
from tests.people import make_booking, services_over
from tests.workshop import STAFF

REFERENCE = "RV-AAAA2222"
READY, REMINDER = (Choice(Channel.EMAIL, template, False) for template in ("booking_ready", "booking_reminder"))


@pytest.fixture
def services(database: Database) -> Services:
    return services_over(database)


def customer(services: Services, name: str) -> int:
    now, email = clock.now(), f"{name}@example.com"
    stamps = {"created_at": now, "updated_at": now}
    return int(services.customers.customers.create(email=email, email_key=email, name=name, **stamps).id)


def off(choices: list[Choice]) -> list[Choice]:
    assert [choice[:2] for choice in choices] == list(OPTIONAL), "all that can be switched off is shown"
    return [choice for choice in choices if not choice.enabled]


def test_each_chooses_for_themselves_and_for_one_booking(services: Services) -> None:
    ada, bob = customer(services, "ada"), customer(services, "bob")
    make_booking(services, REFERENCE, ada)
    asked = services.preferences
    assert off(asked.set_for_customer(STAFF, ada, [READY])) == [READY]
    assert off(asked.set_for_booking(STAFF, REFERENCE, [REMINDER])) == [REMINDER]
    assert [off(asked.of_customer(id)) for id in (ada, bob)] == [[READY], []]
    assert off(asked.of_booking(STAFF, REFERENCE)) == [REMINDER]
    assert off(asked.set_for_customer(STAFF, ada, [])) == []
    assert off(asked.of_booking(STAFF, REFERENCE)) == [REMINDER]
    entries = services.audit.list(ListQuery(limit=9)).items
    noted = [(row["action"], row["entity"], row["entity_id"], row["before"], row["after"]) for row in entries]
    ready, reminder = "booking_ready by email", "booking_reminder by email"
    assert noted == [
        ("customer.preferences", "customer", str(ada), {ready: False}, {ready: True}),
        ("booking.preferences", "booking", REFERENCE, {reminder: True}, {reminder: False}),
        ("customer.preferences", "customer", str(ada), {ready: True}, {ready: False}),
    ]


def test_nobody_chooses_for_somebody_who_is_not_there(services: Services) -> None:
    for ask in (services.preferences.of_customer, lambda id: services.preferences.set_for_customer(STAFF, id, [])):
        with pytest.raises(NotFound):
            ask(7)
    services.preferences.unsubscribe(STAFF, farewell(services.preferences.signer, 7, "booking_reminder"))
    with pytest.raises(Invalid) as refused:
        services.preferences.unsubscribe(STAFF, "another's")
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("token", "wrong-link")]


def test_what_can_not_be_switched_off_or_is_named_twice_is_refused(services: Services) -> None:
    ada, needed = customer(services, "ada"), Choice(Channel.EMAIL, "booking_awaiting_approval", False)
    make_booking(services, REFERENCE, ada)
    wrong = [READY, needed, REMINDER, READY._replace(enabled=True)]
    for choose in (
        lambda: services.preferences.set_for_customer(STAFF, ada, wrong),
        lambda: services.preferences.set_for_booking(STAFF, REFERENCE, wrong),
    ):
        with pytest.raises(Invalid) as refused:
            choose()
        faults = [(fault.field, fault.code) for fault in refused.value.faults]
        assert faults == [("items.1.template", "unknown-message"), ("items.3", "repeated")]
    assert off(services.preferences.of_customer(ada)) == []
