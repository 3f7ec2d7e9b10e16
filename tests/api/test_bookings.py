"""A booking's life over HTTP, as the widget and the staff's pages call it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from icalendar import Calendar
from pydantic import TypeAdapter

from reviva import clock
from reviva.api import shapes
from reviva.models import Shop
from tests.api.people import MINE, Town, build_town
from tests.api.shopfront import faults
from tests.workshop import CONTACT, MODEL, furnish


@pytest.fixture
def town(database_url: str) -> Town:
    town = build_town(database_url)
    with town.services.database.connection_context():
        furnish(town.services.database, benches=2)
        town.services.database.execute_sql("UPDATE shop SET active = (slug = 'shop')")
    return town


def soon(days: int = 3, hour: int = 10) -> str:
    day = (clock.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return day.strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "repairs": ["screen"], "starts_at": soon(), "customer": CONTACT, **more}


def book(town: Town, **more: Any) -> dict[str, Any]:
    reply = town.web.post("/api/bookings", whole(**more))
    assert reply.status == 201, reply.json
    return dict(reply.json)


def path(view: dict[str, Any], verb: str = "") -> str:
    return f"/api/bookings/{view['reference']}{verb}"


def test_one_step_books_and_the_answer_is_what_is_read_back(town: Town) -> None:
    view = book(town, notes="cracked")
    token = view.pop("token")
    reply = town.web.get(path(view), token)
    assert reply.json == view
    assert (view["status"], view["version"], reply.header("ETag")) == ("confirmed", 1, '"1"')
    TypeAdapter(shapes.Booking).validate_python(view, strict=False)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("de", "de"), ("en-us", "en-US"), ("DE", "de"), ("es-419", "es-419"), ("zh_hant_tw", "zh-Hant-TW")],
)
def test_whatever_language_a_browser_speaks_is_taken(town: Town, sent: str, kept: str) -> None:
    assert book(town, locale=sent)["locale"] == kept


def test_without_draft_every_missing_field_is_named_at_once(town: Town) -> None:
    for more in ({}, {"draft": False}):
        reply = town.web.post("/api/bookings", {"model": MODEL, "customer": {"email": "no"}, **more})
        assert reply.status == 422
        assert {fault["field"] for fault in reply.json["errors"]} == {
            "repairs", "starts_at", "customer.name", "customer.email",
        }  # fmt: skip


def test_null_says_nothing_wherever_something_may_be_left_out(town: Town) -> None:
    nothing = dict.fromkeys(["urgency", "notes", "quote", "shop", "locale"])
    quote = {"model": MODEL, "repairs": ["screen"], "urgency": None, "shop": None, "starts_at": None}
    assert town.web.post("/api/quotes", quote).status == 200
    for day, draft in enumerate(({}, {"draft": None}, {"draft": False}, {"draft": True}), start=3):
        reply = town.web.post("/api/bookings", whole(**nothing, **draft, starts_at=soon(day)))
        assert reply.status == 201, reply.json
        assert (reply.json["urgency"], reply.json["notes"], reply.json["locale"]) == ("standard", "", "en")


def test_a_draft_needs_a_model_alone_and_is_strict_all_the_same(town: Town) -> None:
    reply = town.web.post("/api/bookings", {"draft": True, "repairs": [], "customer": {"age": 7}})
    assert {fault["field"] for fault in reply.json["errors"]} == {"model", "repairs", "customer.age"}
    made = town.web.post("/api/bookings", {"model": MODEL, "draft": True})
    assert (made.status, made.json["status"]) == (201, "draft")
    TypeAdapter(shapes.NewBooking).validate_python(made.json)


def test_what_does_not_fit_and_what_can_not_be_are_named_at_once_for_a_drafts_next_steps(town: Town) -> None:
    made = town.web.post("/api/bookings", {"model": MODEL, "draft": True}).json
    steps = {
        "model": "no-such", "repairs": ["no-such"], "starts_at": "2020-01-01T10:00:00Z", "urgency": "soon",
        "customer": {"email": "x"}, "colour": "red",
    }  # fmt: skip
    wrong = {
        "model": "unknown-model", "repairs.0": "unknown-repair", "starts_at": "too-soon", "urgency": "enum",
        "customer.email": "email", "colour": "extra_forbidden",
    }  # fmt: skip
    assert faults(town.web.call("PATCH", path(made), steps, token=made["token"])) == wrong
    by_what_is_known = {"repairs": ["no-such"], "version": 0, "starts_at": soon(hour=3)}
    assert faults(town.web.call("PATCH", path(made), by_what_is_known, token=made["token"])) == {
        "repairs.0": "unknown-repair", "version": "greater_than_equal", "starts_at": "outside-hours",
    }  # fmt: skip
    assert town.web.get(path(made), made["token"]).json["version"] == 1
    assert town.web.call("PATCH", path(made), steps, token="x" * 43).status == 401
    assert town.ask("theirs", "PATCH", path(made), steps).status == 404


def test_only_the_shape_is_told_of_a_change_to_what_is_booked(town: Town) -> None:
    made = book(town)
    change = {"model": "no-such", "urgency": "soon"}
    for reply in (
        town.web.call("PATCH", path(made), change, token=made["token"]),
        town.ask("technician", "PATCH", path(made), change),
    ):
        assert faults(reply) == {"urgency": "enum"}


def test_a_draft_is_patched_and_confirmed_with_its_token(town: Town) -> None:
    made = town.web.post("/api/bookings", {"model": MODEL, "draft": True}, headers={"Idempotency-Key": "k"}).json
    again = town.web.post("/api/bookings", {"model": MODEL, "draft": True}, headers={"Idempotency-Key": "k"})
    assert (again.json["token"], again.header("Idempotency-Replayed")) == (made["token"], "true")
    token = made["token"]
    missing = town.web.post(path(made, "/confirm"), token=token)
    assert (missing.status, len(missing.json["errors"])) == (422, 4)
    sent = {"repairs": ["battery"], "starts_at": soon(), "customer": CONTACT, "version": 1}
    assert town.web.call("PATCH", path(made), sent, token=token).json["missing"] == []
    late = town.web.call("PATCH", path(made), {"notes": "x"}, token=token, headers={"If-Match": '"1"'})
    assert (late.status, late.json["type"]) == (409, "/problems/version-conflict")
    done = town.web.post(path(made, "/confirm"), {"version": 2}, token)
    assert (done.status, done.json["status"]) == (200, "confirmed")
    closed = town.web.call("PATCH", path(made), {"notes": "x"}, token=token)
    assert (closed.status, closed.json["allowed"]) == (409, ["cancelled"])


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"2"', 200), ('W/"2"', 200), ('"1", "2"', 200), ('"7" ,"2","1"', 200), ('"a,b", "2"', 200), ("*", 200),
        ('"1"', 409), ('"1", "3"', 409), ('"abc"', 409), ('""', 409), ('"02"', 409), ('"99999999999999999999"', 409),
        ("2", 400), ("", 400), ("abc", 400), ('"2', 400), ('"2" "3"', 400), ('"2",', 400), ('*, "2"', 400),
        (", ".join(f'"{n}"' for n in range(2, 13)), 400),
    ],
)  # fmt: skip
def test_a_change_is_for_any_of_the_versions_that_if_match_names(town: Town, header: str, status: int) -> None:
    view = book(town)
    town.web.post(path(view, "/reschedule"), {"starts_at": soon(4)}, view["token"])
    reply = town.web.post(path(view, "/cancel"), token=view["token"], headers={"If-Match": header})
    assert reply.status == status
    known = town.web.get(path(view), view["token"]).json
    assert known["version"] == (3 if status == 200 else 2)
    assert reply.json.get("type") == {409: "/problems/version-conflict", 400: "/problems/malformed-request"}.get(status)


def test_if_match_and_the_body_must_agree_on_the_version(town: Town) -> None:
    view = book(town)
    for header, version, status in (('"1"', 2, 409), ('"2"', 1, 409), ('"2", "1"', 1, 200)):
        sent = {"starts_at": soon(4), "version": version}
        reply = town.web.post(path(view, "/reschedule"), sent, view["token"], headers={"If-Match": header})
        assert reply.status == status


def test_a_customer_moves_and_cancels_and_the_calendar_follows(town: Town) -> None:
    view = book(town)
    token = view["token"]
    moved = town.web.post(path(view, "/reschedule"), {"starts_at": soon(4, 15)}, token).json
    assert (moved["starts_at"], moved["version"]) == (soon(4, 15), 2)
    first = ics(town, view, token)
    cancelled = town.web.post(path(view, "/cancel"), {"reason": "no time"}, token).json
    assert (cancelled["status"], cancelled["next_statuses"]) == ("cancelled", [])
    assert cancelled["history"][-1]["note"] == "no time"
    last = ics(town, view, token)
    assert first["uid"] == last["uid"] == f"{view['reference']}@reviva"
    assert (first["status"], last["status"]) == ("CONFIRMED", "CANCELLED")
    assert first.start == datetime.fromisoformat(soon(4, 15))
    assert first.end - first.start == timedelta(hours=1)
    assert last["sequence"] > first["sequence"]
    assert str(last["location"]) == "The Shop, 1 High Street"


def ics(town: Town, view: dict[str, Any], token: str) -> Any:
    reply = town.web.get(f"{path(view)}/calendar.ics?token={token}")
    assert reply.header("Content-Type") == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(reply.body)
    assert calendar["version"] == "2.0"
    (entry,) = calendar.events
    assert entry["dtstamp"].dt.tzinfo is UTC or entry["dtstamp"].dt.utcoffset() == timedelta(0)
    return entry


def test_a_draft_without_a_time_has_no_calendar(town: Town) -> None:
    made = town.web.post("/api/bookings", {"model": MODEL, "draft": True}).json
    assert town.web.get(path(made, "/calendar.ics"), made["token"]).status == 409


def test_text_can_not_break_out_of_the_calendar(town: Town) -> None:
    with town.services.database.connection_context():
        Shop.update(address="A; B, C\nX:1").bind(town.services.database).execute()
    view = book(town)
    entry = ics(town, view, view["token"])
    assert str(entry["location"]) == "The Shop, A; B, C\nX:1"
    assert "x" not in {name.lower() for name in entry}


def test_nobody_else_learns_of_a_booking_or_changes_it(town: Town) -> None:
    view = book(town, customer={**CONTACT, "email": "mine@example.com"})
    assert town.ask("mine", "GET", path(view)).status == 200
    other = book(town)
    for verb, body in (("/cancel", {}), ("/confirm", {}), ("/approve", {}), ("/reschedule", {"starts_at": soon(5)})):
        for reply in (
            town.ask("theirs", "POST", path(view, verb), body),
            town.web.post(path(view, verb), body, other["token"]),
        ):
            assert reply.status == 404
    for verb, body in (("/status", {"status": "checked_in"}), ("/assign", {"user": 1})):
        for reply in (
            town.ask("mine", "POST", path(view, verb), body),
            town.web.post(path(view, verb), body, view["token"]),
        ):
            assert reply.status == 403
    assert town.web.get(path(view), view["token"]).json["version"] == 1


def test_whoever_books_under_anothers_address_does_not_learn_who_that_is(town: Town) -> None:
    book(town, customer={"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+447400123456"})
    stranger = book(town, customer={"name": "X", "email": "ada@example.com"})
    seen = town.web.get(path(stranger), stranger["token"]).json["customer"]
    assert seen == {"name": "X", "email": "ada@example.com", "phone": None}


def test_staff_see_and_find_whom_each_booking_is_for_whoever_else_has_the_address(town: Town) -> None:
    ada = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+447400123456"}
    first, second = book(town, customer=ada), book(town, customer={**ada, "name": "Bob", "phone": "+447400654321"})
    third = book(town, starts_at=soon(4), customer={"name": "Cy", "email": "ada@example.com"})
    seen = [town.ask("technician", "GET", path(each)).json["customer"] for each in (first, second, third)]
    assert [(each["name"], each["phone"][-6:]) for each in seen] == [
        ("Ada Lovelace", "123456"), ("Bob", "654321"), ("Cy", "123456"),  # where none was given, what is known
    ]  # fmt: skip
    listed = town.ask("technician", "GET", "/api/bookings?q=bob").json["items"]
    assert [(each["reference"], each["customer"]) for each in listed] == [(second["reference"], seen[1])]
    (known,) = town.ask("technician", "GET", "/api/customers?q=ada%40example.com").json["items"]
    asked = f"/api/bookings?customer={known['id']}&sort=created_at"
    references = [each["reference"] for each in (first, second, third)]
    assert [each["reference"] for each in town.ask("technician", "GET", asked).json["items"]] == references
    assert [each["reference"] for each in town.ask("mine", "GET", asked).json["items"]] == [MINE]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("07400 123456", True), ("+44 7400 123456", True), ("0044-7400-123456", True), ("(07400) 123 456", True),
        ("+447400123456", True), ("447400123456", True), ("07400 123457", False), ("4474001", True),
        ("4474001234", True), ("0740012345", True),
        ("0000 0000 0000 0000 0000", False),
    ],
)  # fmt: skip
def test_who_gave_a_telephone_number_is_found_by_it_however_it_is_written(
    town: Town, written: str, found: bool
) -> None:
    view = book(town, customer={"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+447400123456"})
    asked = urlencode({"q": written})
    bookings, customers = (town.ask("technician", "GET", f"/api/{each}?{asked}") for each in ("bookings", "customers"))
    assert [each["reference"] for each in bookings.json["items"]] == [view["reference"]] * found
    assert [each["email"] for each in customers.json["items"]] == ["ada@example.com"] * found


def test_staff_correct_whom_a_booking_is_for_and_nobody_else_does(town: Town) -> None:
    view = book(town)
    sent = {"customer": {"name": "Bob", "phone": "07400 654321"}}
    assert town.web.call("PATCH", path(view), sent, token=view["token"]).status == 409
    changed = town.ask("technician", "PATCH", path(view), sent).json
    assert changed["customer"] == {"name": "Bob", "email": "ada@example.com", "phone": "+447400654321"}
    assert changed["history"][-1]["note"] == "Contact changed"
    assert town.ask("technician", "GET", "/api/bookings?q=bob").json["items"][0]["reference"] == view["reference"]
    same = town.ask("technician", "PATCH", path(view), sent).json
    assert same["version"] == changed["version"]
    for wrong in ({"email": "b@example.com"}, {"phone": "12"}):
        refused = town.ask("technician", "PATCH", path(view), {"customer": wrong})
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, f"customer.{next(iter(wrong))}")


def test_an_address_of_the_internet_begins_so_many_bookings_and_staff_any_number(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviva.services.booking.ORDERS", ((timedelta(hours=1), 2), (timedelta(days=1), 3)))
    town = build_town(database_url, rate_limit="on")
    with town.services.database.connection_context():
        furnish(town.services.database, benches=2)
    sent = {"model": MODEL, "shop": "shop", "draft": True}

    def ask(address: str, body: dict[str, Any] = sent, who: str = "nobody", **headers: str) -> Any:
        return town.web.call("POST", "/api/bookings", body, token=town.token(who), address=address, headers=headers)

    with clock.frozen(datetime(2026, 3, 2, 9, 50, tzinfo=UTC)):
        assert ask("2606:4700::1", {**sent, "repairs": ["nothing"]}).status == 422
        assert [ask(f"2606:4700::{n}", **{"Idempotency-Key": f"{n}"}).status for n in (1, 2)] == [201, 201]
        refused = ask("2606:4700::3")
        assert (refused.status, refused.header("Retry-After")) == (429, "600")
        assert ask("2606:4700::1", **{"Idempotency-Key": "1"}).status == 201
        for free in ("8.8.8.8", "127.0.0.1", "127.0.0.1", "192.168.1.7", "192.168.1.7", "192.168.1.7"):
            assert ask(free).status == 201
        assert ask("2606:4700::1", who="technician").status == 201
    with clock.frozen(datetime(2026, 3, 2, 10, 1, tzinfo=UTC)):
        wish = whole(shop="shop", starts_at="2026-03-03T10:00:00Z")
        assert ask("2606:4700::9", wish).status == 201
        assert ask("2606:4700::9", wish).header("Retry-After") == str((24 - 10) * 3600 - 60)


def test_the_list_is_filtered_sorted_and_searched(town: Town) -> None:
    first, second = book(town, notes="1"), book(town, repairs=["battery"], starts_at=soon(5))
    town.ask("technician", "POST", path(second, "/assign"), {"user": town.users["technician"]})
    town.ask("technician", "POST", path(first, "/status"), {"status": "checked_in"})

    def found(query: str) -> list[str]:
        reply = town.ask("technician", "GET", f"/api/bookings?shop=shop&{query}")
        assert reply.status == 200, reply.json
        TypeAdapter(shapes.Listed[shapes.BookingSummary]).validate_python(reply.json)
        return [item["reference"] for item in reply.json["items"]]

    both = [second["reference"], first["reference"]]
    assert found("") == found("sort=-starts_at") == found("status=checked_in,confirmed") == both
    assert found("sort=starts_at,-created_at") == both[::-1]
    assert (
        found("status=checked_in") == found(f"starts_to={soon(4)}") == found(f"q={first['reference'][3:]}") == both[1:]
    )
    assert found(f"assigned_to={town.users['technician']}") == found(f"starts_from={soon(4)}") == both[:1]
    assert found("q=ada+fone") == found(f"q=ada+{first['reference'].lower()[:3]}") == both
    assert found(f"q={first['reference'].lower()}") == both[1:]
    assert found("q=nobody") == found(f"created_to={soon(-1)}") == []
    for wrong in ("status=lost", "sort=name", "starts_from=monday", "colour=red", "after=x"):
        assert town.ask("technician", "GET", f"/api/bookings?{wrong}").status == 422


def test_the_list_of_several_who_have_them_and_of_nobody_is_in_its_order(town: Town) -> None:
    made = [book(town, starts_at=soon(3 + n)) for n in range(4)]
    for view, who in zip(made, ("technician", "manager", "technician"), strict=False):
        town.ask("technician", "POST", path(view, "/assign"), {"user": town.users[who]})
    one, other = town.users["technician"], town.users["manager"]
    for asked, expected in (
        (f"{one}", (2, 0)), (f"{one},{other}", (2, 1, 0)), ("none", (3,)), (f"none,{other}", (3, 1)), (f"{2**62}", ()),
        (f"{other},none,{one}", (3, 2, 1, 0)), (f"{one},{other}&limit=2", (2, 1)),
        (f"{one},{other}&page=2&limit=2", (0,)),
        (f"{one},{other}&sort=starts_at", (0, 1, 2)), (f"{one},none&status=confirmed,ready", (3, 2, 0)),
        (f"{one},none&q=ada&sort=starts_at", (0, 2, 3)),
    ):  # fmt: skip
        reply = town.ask("technician", "GET", f"/api/bookings?shop=shop&assigned_to={asked}")
        assert [item["reference"] for item in reply.json["items"]] == [made[n]["reference"] for n in expected], asked
    for wrong in ("0", "x", f"{one},x", "nobody", f"{one},{one}", "none,none"):
        assert town.ask("technician", "GET", f"/api/bookings?assigned_to={wrong}").status == 422, wrong


def test_customers_see_their_own_and_not_who_works_on_them(town: Town) -> None:
    view = book(town, customer={**CONTACT, "email": "mine@example.com"})
    book(town)
    mine = town.ask("mine", "GET", "/api/bookings?shop=shop").json["items"]
    assert [item["reference"] for item in mine] == [view["reference"]]
    assert "assigned_to" not in mine[0]
    assert town.ask("theirs", "GET", "/api/bookings?shop=shop").json["items"] == []
    assert town.web.get("/api/bookings", view["token"]).status == 403


def test_bulk_tells_what_became_of_each(town: Town) -> None:
    one, two = book(town), book(town)
    town.web.post(path(two, "/cancel"), token=two["token"])
    sent = {"references": [one["reference"], two["reference"], "RV-00000000"], "status": "checked_in"}
    reply = town.ask("technician", "POST", "/api/bookings/bulk/status", sent)
    assert reply.status == 200
    TypeAdapter(shapes.Items[shapes.StepReport]).validate_python(reply.json)
    done, refused, unknown = reply.json["items"]
    assert done == {"reference": one["reference"], "status": "checked_in", "version": 2}
    assert (refused["error"]["code"], refused["error"]["allowed"]) == ("step-forbidden", [])
    assert unknown["error"]["code"] == "not-found"


def test_staff_set_a_price_by_hand_and_the_customer_answers(town: Town) -> None:
    view = book(town)
    for status in ("checked_in", "diagnosing"):
        assert town.ask("technician", "POST", path(view, "/status"), {"status": status}).status == 200
    items = [{"repair": "screen", "price": 12000}, {"repair": "battery"}]
    assert town.web.call("PATCH", path(view), {"items": items}, token=view["token"]).status == 409
    changed = town.ask("technician", "PATCH", path(view), {"items": items, "notes": "board is wet"}).json
    assert changed["total"]["amount"] == 12000 + 4900
    for item in changed["items"]:
        effects = sum(step["effect"]["amount"] for step in item["adjustments"])
        assert item["base"]["amount"] + effects == item["price"]["amount"]
    TypeAdapter(shapes.Booking).validate_python(changed)
    assert town.web.post(path(view, "/approve"), token=view["token"]).status == 409
    town.ask("technician", "POST", path(view, "/status"), {"status": "awaiting_approval"})
    agreed = town.web.post(path(view, "/approve"), token=view["token"])
    assert (agreed.status, agreed.json["status"]) == (200, "in_repair")
