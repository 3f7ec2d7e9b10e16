"""Customers: one person, one row, whatever they type."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from peewee import Database

from reviva import clock
from reviva.database.connection import open_database
from reviva.database.ddl import backend
from reviva.errors import Conflict, NotFound, VersionConflict
from reviva.models.audit import ActorKind
from reviva.models.notification import Channel
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.repositories.preference import Choice
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.letter import OFF
from tests.people import COMMAND, make_booking, services_over
from tests.waiting import until
from tests.workshop import CONTACT, STAFF, booked, furnish, holder


@pytest.fixture
def services(database: Database) -> Services:
    return services_over(database)


def make(services: Services, email: str, name: str = "", phone: str | None = None) -> int:
    with services.database.atomic():
        return services.customers.customers.find_or_make(email, name, phone, "en")


@pytest.mark.parametrize(
    "other",
    ["ADA@Example.com", "ada@example.com", "\uff41da@example.com", "ada\u200b@example.com", "ADA@EXAMPLE\uff0eCOM"],
)
def test_an_address_is_one_person_however_it_is_written(services: Services, other: str) -> None:
    assert make(services, "ada@example.com") == make(services, other)


def test_an_address_that_only_looks_alike_is_another_person(services: Services) -> None:
    assert make(services, "mike@example.com") != make(services, "m\u0131ke@example.com")


def test_booking_again_fills_what_was_missing_and_rewrites_nothing(services: Services) -> None:
    id = make(services, "ada@example.com", "Ada Lovelace")
    make(services, "ada@example.com", "Somebody Else", "+442079460018")
    found = services.customers.get(id)
    assert (found["name"], found["phone"]) == ("Ada Lovelace", "+442079460018")


def test_a_list_is_filtered_sorted_and_searched(services: Services) -> None:
    for email, name in (("a@x.example", "Zoë Müller"), ("b@x.example", "Bob Ray"), ("c@x.example", "Zora Ray")):
        make(services, email, name)

    def names(**more: object) -> list[str]:
        page = services.customers.list(ListQuery(sort=(("name", False),), filters=more))
        return [row["name"] for row in page.items]

    assert names() == ["Bob Ray", "Zora Ray", "Zoë Müller"]
    assert names(q="zo") == ["Zora Ray", "Zoë Müller"]
    assert names(q="MULLER zoe") == ["Zoë Müller"]
    assert names(q="%_'\"") == []
    assert names(email="B@X.EXAMPLE") == ["Bob Ray"]
    first = services.customers.list(ListQuery(limit=2, sort=(("name", True),)))
    rest = services.customers.list(ListQuery(limit=2, sort=(("name", True),), after=first.next))
    assert [row["name"] for row in (*first.items, *rest.items)] == ["Zoë Müller", "Zora Ray", "Bob Ray"]


def test_an_address_finds_whose_it_is_and_its_parts_find_all_who_have_them(services: Services) -> None:
    for name, email in (("Ann", "info@acme.example"), ("Ben", "info@bolt.example"), ("Cy", "cy.info@acme.example")):
        services.customers.customers.find_or_make(email, name, None, "en")

    def names(q: str) -> list[str]:
        return [
            row["name"] for row in services.customers.list(ListQuery(filters={"q": q}, sort=(("name", False),))).items
        ]

    assert names("info@acme.example") == names("INFO@acme.exam") == names("ann info@acme.example") == ["Ann"]
    assert names("acme") == ["Ann", "Cy"]
    assert names("info@") == ["Ann", "Ben", "Cy"]
    assert names("info@acme.example ben") == []


@pytest.mark.parametrize(
    "query",
    ["ann", "anna", "zoe", "ann featherstone", "f", "featherst", "zoe featherstones", "ann zoe", "example", "nobody"],
)  # fmt: skip
def test_words_that_most_have_are_found_as_those_of_few_are(services: Services, query: str) -> None:
    """SQLite looks at each row for the first kind, and asks its index for the second."""
    names = [
        ("Ann", "Anna", "Zoe")[(n % 11 == 0) + (n % 40 == 0)] + (" Featherstone" if n % 2 else " Hill")
        for n in range(80)
    ]
    for n, name in enumerate(names):
        make(services, f"{n}@example.com", name)
    words = query.replace(".", " ").split()
    texts = {n: f"{name.lower()} {n} example com".split() for n, name in enumerate(names)}
    having = {n for n, text in texts.items() if all(any(each.startswith(word) for each in text) for word in words)}
    sort = (("name", False),)
    found, after = list[Any](), None
    while page := services.customers.list(ListQuery(limit=30, after=after, sort=sort, filters={"q": query})):
        found += page.items
        if (after := page.next) is None:
            break
    assert {int(each["email"].partition("@")[0]) for each in found} == having
    assert [each["name"] for each in found] == sorted(each["name"] for each in found)
    numbered = services.customers.list(ListQuery(limit=5, page=2, sort=sort, filters={"q": query}))
    among = services.customers.list(ListQuery(page=1, filters={"q": query, "consent": False}))
    assert numbered.total == among.total == len(having)
    assert [each["id"] for each in numbered.items] == [each["id"] for each in found[5:10]]


def test_a_change_is_audited_without_the_notes_and_asks_for_the_version(services: Services) -> None:
    id = make(services, "a@example.com", "Ada")
    services.customers.change(COMMAND, id, 1, name="Ada L", notes="afraid of dogs", marketing_consent=True)
    found = services.customers.get(id)
    assert (found["name"], found["notes"], found["version"]) == ("Ada L", "afraid of dogs", 2)
    assert found["consent_at"] is not None
    row = services.audit.list(ListQuery(filters={"entity": "customer"})).items[0]
    assert row["before"] == {"name": "Ada", "notes": "", "marketing_consent": False}
    assert row["after"] == {"name": "Ada L", "notes": "***", "marketing_consent": True}
    with pytest.raises(VersionConflict):
        services.customers.change(COMMAND, id, 1, name="late")
    with pytest.raises(NotFound):
        services.customers.change(COMMAND, 999, name="nobody")


def test_an_address_that_another_has_is_a_conflict(services: Services) -> None:
    make(services, "a@example.com")
    with pytest.raises(Conflict):
        services.customers.change(COMMAND, make(services, "b@example.com"), email="A@example.com")


def test_two_that_are_one_person_are_merged_and_both_addresses_lead_to_them(services: Services) -> None:
    kept, other = make(services, "a@example.com"), make(services, "b@example.com", "Ada", "+447400123456")
    merged = services.customers.merge(COMMAND, kept, other)
    assert (merged["name"], merged["phone"]) == ("Ada", "+447400123456")
    assert make(services, "B@example.com") == kept
    assert [row["id"] for row in services.customers.list(ListQuery()).items] == [kept]
    for pair in ((kept, other), (kept, kept)):
        with pytest.raises(Conflict):
            services.customers.merge(COMMAND, *pair)


def test_what_is_corrected_is_so_in_open_bookings_and_in_what_waits_to_be_sent(database: Database) -> None:
    """But not where somebody else gave a name and number of their own, nor what is over."""
    furnish(database, benches=3)
    services, day = services_over(database), (clock.now() + timedelta(days=4)).replace(hour=10, minute=0)
    start = day.replace(second=0, microsecond=0)
    over, own, others = (
        booked(services, starts_at=start, customer={**CONTACT, **more})
        for more in ({}, {}, {"name": "Bob", "phone": "+447400654321"})
    )
    services.booking_changes.cancel(STAFF, over["reference"])
    id = services.customers.list(ListQuery()).items[0]["id"]
    services.customers.change(STAFF, id, name="Ada L", phone="07400 999999", email="ada.l@example.com")
    shown = [services.bookings.read(each["reference"], STAFF)["customer"] for each in (over, own, others)]
    assert [(each["name"], each["phone"]) for each in shown] == [
        ("Ada", "+447400123456"), ("Ada L", "+447400999999"), ("Bob", "+447400654321"),
    ]  # fmt: skip
    assert {each["email"] for each in shown} == {"ada.l@example.com"}
    found = services.bookings.list(STAFF, ListQuery(filters={"q": "ada.l@example.com"})).items
    assert {each["reference"] for each in found} == {own["reference"], others["reference"]}
    waiting = database.execute_sql("SELECT DISTINCT recipient FROM notification WHERE status = 'queued' ORDER BY 1")
    recipients = {row[0] for row in waiting.fetchall()} - {"ada@example.com"}
    assert recipients == {"ada.l@example.com", "+447400999999", "+447400654321"}
    kept = services.bookings.read(own["reference"], STAFF)
    services.customers.change(STAFF, id, phone=None)
    assert services.bookings.read(own["reference"], STAFF)["customer"]["phone"] is None
    services.customers.change(STAFF, id, notes="likes tea")
    assert services.bookings.read(own["reference"], STAFF)["version"] == kept["version"] + 1
    sms = database.execute_sql(
        "SELECT COUNT(*) FROM notification WHERE status = 'queued' AND recipient = '+447400999999'"
    )
    assert sms.fetchone()[0] == 0


def test_a_number_that_the_shop_learns_is_not_told_to_who_booked_without_one(database: Database) -> None:
    furnish(database)
    services = services_over(database)
    start = (clock.now() + timedelta(days=4)).replace(hour=10, minute=0, second=0, microsecond=0)
    view = booked(services, starts_at=start, customer={"name": "X", "email": "ada@example.com"})
    id = services.customers.list(ListQuery()).items[0]["id"]
    services.customers.change(STAFF, id, phone="07400 999999")
    seen = [services.bookings.read(view["reference"], actor)["customer"]["phone"] for actor in (STAFF, holder(view))]
    assert seen == ["+447400999999", None]


def test_the_notes_are_read_for_one_customer_and_not_for_a_list(services: Services) -> None:
    id = make(services, "a@example.com", "Ada")
    services.customers.change(COMMAND, id, notes="afraid of dogs")
    assert services.customers.get(id)["notes"] == "afraid of dogs"
    assert "notes" not in services.customers.list(ListQuery()).items[0]


def meanwhile(
    services: Services, url: str, first: Callable[[], object], second: Callable[[Services], object]
) -> Future[object]:
    """Does one thing, and lets another begin over a connection of its own before that is committed."""
    others = services_over(open_database(url), retention_months=1)
    waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"

    def begun() -> object:
        with others.database.connection_context():
            return second(others)

    with ThreadPoolExecutor(1) as pool, services.database.atomic():
        first()
        done = pool.submit(begun)
        if backend(services.database) == "postgresql":
            until(lambda: services.database.execute_sql(waits).fetchone()[0])
    return done


def test_of_two_who_correct_a_customer_at_once_neither_undoes_the_others_words(
    services: Services, database_url: str
) -> None:
    id = make(services, "a@example.com", "Ada")
    meanwhile(
        services, database_url,
        lambda: services.customers.change(COMMAND, id, name="Augusta"),
        lambda others: others.customers.change(COMMAND, id, email="b@example.com"),
    ).result()  # fmt: skip
    for word in ("augusta", "b@example.com"):
        assert [row["id"] for row in services.customers.list(ListQuery(filters={"q": word})).items] == [id]


@pytest.mark.parametrize("verb", ["change", "merge"])
def test_who_is_merged_meanwhile_is_not_changed_nor_merged_the_other_way_round(
    services: Services, database_url: str, verb: str
) -> None:
    kept, other = make(services, "a@example.com", "Ada"), make(services, "b@example.com", "Bob")

    def late(others: Services) -> None:
        if verb == "merge":
            others.customers.merge(COMMAND, other, kept)
        else:
            others.customers.change(COMMAND, other, name="Bobby")

    done = meanwhile(services, database_url, lambda: services.customers.merge(COMMAND, kept, other), late)
    with pytest.raises(Conflict):
        done.result()
    assert (services.customers.get(kept)["merged_into_id"], services.customers.get(other)["name"]) == (None, "Bob")


def test_what_is_booked_while_two_become_one_is_the_ones_who_is_left(services: Services, database_url: str) -> None:
    kept, other = make(services, "a@example.com"), make(services, "b@example.com")
    meanwhile(
        services, database_url,
        lambda: make_booking(services, "RV-AAAA1111", make(services, "b@example.com", "Bob")),
        lambda others: others.customers.merge(COMMAND, kept, other),
    ).result()  # fmt: skip
    assert services.customers.get(kept)["bookings"] == 1


def test_who_comes_back_while_the_silent_are_forgotten_is_kept_with_their_appointment(
    services: Services, database_url: str, travel: Callable[..., None]
) -> None:
    id = make(services, "a@example.com", "Ada")
    travel(days=60)
    meanwhile(
        services, database_url,
        lambda: make_booking(services, "RV-AAAA1111", make(services, "a@example.com", "Ada", "+447400123456")),
        lambda others: others.privacy.forget_the_silent(),
    ).result()  # fmt: skip
    assert services.customers.get(id)["name"] == "Ada"
    assert services.bookings.read("RV-AAAA1111", STAFF)["status"] == "confirmed"


def test_a_customer_who_logs_in_sees_their_bookings_after_they_were_merged_into_another(services: Services) -> None:
    kept = make(services, "a@example.com")
    user = services.users.add(COMMAND, "b@example.com", Role.CUSTOMER, "Bob", "tall blue giraffe 7")
    session, _ = services.login.login("b@example.com", "tall blue giraffe 7", Actor(ActorKind.PUBLIC))
    other = services.sessions.resolve(session.token).customer_id
    assert other is not None
    make_booking(services, "RV-AAAA1111", other)
    services.customers.merge(COMMAND, kept, other)
    actor = services.sessions.resolve(session.token)
    assert (actor.user_id, actor.customer_id) == (user["id"], kept)
    assert [row["reference"] for row in services.bookings.list(actor, ListQuery()).items] == ["RV-AAAA1111"]
    assert services.bookings.read("RV-AAAA1111", actor)["status"] == "confirmed"


def test_what_waits_to_be_said_to_who_is_merged_is_not_said_where_either_switched_it_off(services: Services) -> None:
    kept, other = make(services, "a@example.com"), make(services, "b@example.com")
    booking = make_booking(services, "RV-AAAA1111", other)
    services.login.notifications.queue(
        "k", "booking_ready", "b@example.com", booking=booking, customer=other, payload={"reference": "RV-AAAA1111"}
    )
    off = Choice(Channel.EMAIL, "booking_ready", False)
    services.preferences.set_for_customer(COMMAND, other, [off])
    services.customers.merge(COMMAND, kept, other)
    (message,) = services.deliveries.claim([Channel.EMAIL], 1)
    assert services.letters.unwanted([message]) == {message["id"]: OFF}
