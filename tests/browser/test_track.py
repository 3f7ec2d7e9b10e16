"""The page behind the link in every mail: where the repair is, and what its customer may do about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from reviva import clock
from reviva.database.connection import open_database
from reviva.models import Booking, BookingSlot
from tests.browser.street import Street
from tests.browser.visitor import choose_time

Visit = Callable[..., Page]


def track(street: Street, made: dict[str, Any]) -> str:
    return f"{street.server.url}/track/{made['reference']}?token={made['token']}"


def read(street: Street, made: dict[str, Any]) -> Any:
    return street.server.get(f"/api/bookings/{made['reference']}", made["token"])


def set_status(street: Street, made: dict[str, Any], *statuses: str) -> None:
    for status in statuses:
        street.staff("POST", f"/api/bookings/{made['reference']}/status", {"status": status})


def test_the_link_in_the_mail_opens_the_booking_and_leaves_no_token_in_the_address(
    either: Street, visit: Visit
) -> None:
    email = f"mail-{urlsplit(either.database_url).scheme}@example.com"
    made = either.book(email, notes="Two lines\nof notes")
    link = either.link(email, "track")
    assert link == track(either, made)
    page = visit("about:blank")
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.headers.get("referer", "")))
    page.goto(link)
    expect(page.get_by_text("Confirmed").first).to_be_visible()
    expect(page.get_by_text(made["reference"])).to_be_visible()
    assert page.url == f"{either.server.url}/track/{made['reference']}"
    page.reload()
    expect(page.get_by_text("Apple iPhone 13")).to_be_visible()
    assert not any("token" in each for each in seen)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_appointment_moves_and_is_cancelled_with_a_reason(street: Street, visit: Visit) -> None:
    made = street.book("mover@example.com")
    page = visit(track(street, made), viewport={"width": 320, "height": 700})
    page.get_by_role("button", name="Choose another time").click()
    expect(page.get_by_role("heading", name="Choose another time")).to_be_focused()
    time = choose_time(page, on="Move to this time")
    expect(page.get_by_text("Your appointment was moved.")).to_be_visible()
    assert read(street, made)["starts_at"] == time
    expect(page.get_by_text("Moved from")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Add to calendar").click()
    assert "SEQUENCE:1" in saved.value.path().read_text()
    page.get_by_role("button", name="Cancel the booking").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Cancel the booking").click()
    page.get_by_label("Reason").fill("It works again")
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("Your booking was cancelled.")).to_be_visible()
    expect(page.get_by_text("It works again")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    assert read(street, made)["status"] == "cancelled"


def test_a_time_that_was_taken_meanwhile_leaves_the_appointment(street: Street, visit: Visit) -> None:
    made = street.book("slow-mover@example.com")
    page = visit(track(street, made))
    page.get_by_role("button", name="Choose another time").click()
    page.locator(".days input:enabled").last.check()
    time = page.locator(".hours input").first
    time.check()
    street.fill(time.input_value())
    page.get_by_role("button", name="Move to this time").click()
    expect(page.get_by_text("That time was taken a moment ago")).to_be_visible()
    assert read(street, made)["starts_at"] == made["starts_at"]


def test_a_draft_that_lacks_nothing_is_confirmed(street: Street, visit: Visit) -> None:
    made = street.book("drafter@example.com", draft=True)
    page = visit(track(street, made))
    expect(page.get_by_text("Not booked yet").first).to_be_visible()
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_text("Your booking is confirmed.")).to_be_visible()
    assert read(street, made)["status"] == "confirmed"


@pytest.mark.parametrize("spent", [False, True])
def test_a_draft_whose_time_is_gone_gets_another(street: Street, visit: Visit, spent: bool) -> None:
    """Also where it has held times for as long as a draft may, so that the other one is not held any more."""
    made = street.book("late-drafter@example.com", draft=True)
    page = visit(track(street, made))
    expect(page.get_by_role("button", name="Confirm the booking")).to_be_visible()
    page.route(f"**/api/bookings/{made['reference']}", lambda looking: looking.abort())  # so that it finds out last
    lapse(street, made, spent)
    street.fill(made["starts_at"])
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_text("That time was taken a moment ago")).to_be_visible()
    page.unroute_all()
    page.reload()
    expect(page.get_by_role("button", name="Cancel the booking")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm the booking")).to_have_count(0)
    page.get_by_role("button", name="Choose another time").click()
    time = choose_time(page, on="Move to this time")
    expect(page.get_by_text("Your appointment was moved.")).to_be_visible()
    page.get_by_role("button", name="Confirm the booking").click()
    expect(page.get_by_text("Your booking is confirmed.")).to_be_visible()
    assert (read(street, made)["status"], read(street, made)["starts_at"]) == ("confirmed", time)


def lapse(street: Street, made: dict[str, Any], spent: bool) -> None:
    """As if a draft's fifteen minutes were over, and perhaps its hour too."""
    past = clock.now() - timedelta(minutes=1)
    with closing(open_database(street.database_url)) as database, database.connection_context(), database.atomic():
        drafts = Booking.select(Booking.id).where(Booking.reference == made["reference"])
        for held in (
            BookingSlot.update(held_until=past).where(BookingSlot.booking.in_(drafts)),
            Booking.update(held_until=past, held_since=past - timedelta(hours=spent)).where(Booking.id.in_(drafts)),
        ):
            held.bind(database).execute()


def changed_quote(street: Street, email: str) -> dict[str, Any]:
    """A booking whose price the workshop has raised to £150."""
    made = street.book(email)
    set_status(street, made, "checked_in", "diagnosing")
    dearer = {"items": [{"repair": "screen", "price": 15_000}]}
    street.staff("PATCH", f"/api/bookings/{made['reference']}", dearer)
    set_status(street, made, "awaiting_approval")
    return made


def test_a_changed_price_is_agreed_to(street: Street, visit: Visit) -> None:
    made = changed_quote(street, "agrees@example.com")
    page = visit(track(street, made))
    expect(page.get_by_role("row", name="Total")).to_contain_text("£150.00")
    page.get_by_role("button", name="Agree to £150.00").click()
    expect(page.get_by_text("the repair goes on")).to_be_visible()
    assert read(street, made)["status"] == "in_repair"


def test_a_changed_price_is_declined_after_a_question(street: Street, visit: Visit) -> None:
    made = changed_quote(street, "declines@example.com")
    page = visit(track(street, made))
    page.get_by_role("button", name="Do not agree").click()
    assert read(street, made)["status"] == "awaiting_approval"
    page.get_by_role("button", name="Yes, end the repair").click()
    expect(page.get_by_text("The repair has ended.")).to_be_visible()
    assert read(street, made)["status"] == "cancelled"


def test_what_the_shop_changes_meanwhile_is_shown_before_anything_is_done(street: Street, visit: Visit) -> None:
    made = street.book("meanwhile@example.com")
    page = visit(track(street, made), sockets=False)
    page.get_by_role("button", name="Cancel the booking").click()
    set_status(street, made, "checked_in")
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("The booking was changed in the meantime.")).to_be_visible()
    expect(page.get_by_text("Received").first).to_be_visible()
    assert read(street, made)["status"] == "checked_in"


def test_news_come_by_themselves_where_no_socket_gets_through(street: Street, visit: Visit) -> None:
    made = street.book("watcher@example.com")
    page = visit(track(street, made), clock=True, sockets=False)
    expect(page.get_by_text("Confirmed").first).to_be_visible()
    set_status(street, made, "checked_in")
    page.clock.fast_forward(31_000)
    expect(page.get_by_role("status").get_by_text("Updated: Received")).to_be_attached()
    expect(page.get_by_role("button", name="Cancel the booking")).to_have_count(0)


def test_news_come_at_once_over_a_socket(either: Street, visit: Visit) -> None:
    made = either.book("listener@example.com")
    page = visit("about:blank")
    with page.expect_websocket() as socket:
        page.goto(track(either, made))
    expect(page.get_by_text("Confirmed").first).to_be_visible()
    set_status(either, made, "checked_in")
    expect(page.get_by_role("status").get_by_text("Updated: Received")).to_be_attached()  # by now it is open
    with socket.value.expect_event("framereceived"):
        set_status(either, made, "diagnosing")
    expect(page.get_by_role("status").get_by_text("Updated: Being examined")).to_be_attached()


def test_without_a_good_link_a_new_one_is_mailed(street: Street, visit: Visit) -> None:
    made = street.book("finder@example.com")
    first = street.link("finder@example.com", "track")
    renewed = requests.post(
        f"{street.server.url}/api/bookings/{made['reference']}/token",
        headers={"Authorization": f"Bearer {made['token']}"}, timeout=10,
    )  # fmt: skip
    assert renewed.ok
    page = visit(first)
    expect(page.get_by_text("This link does not open the booking any more.")).to_be_visible()
    page.get_by_role("button", name="Send me the links").click()
    expect(page.get_by_text("This is needed.")).to_be_visible()
    page.get_by_label("E-mail").fill("finder@example.com")
    street.mailbox.mails.clear()
    page.get_by_role("button", name="Send me the links").click()
    expect(page.get_by_text("a mail is on its way")).to_be_visible()
    link = street.link("finder@example.com", "track")
    assert link.endswith(renewed.json()["token"])
    page.goto(link)
    expect(page.get_by_text("Confirmed").first).to_be_visible()


def test_who_asks_too_often_is_told_when_to_come_back(street: Street, visit: Visit) -> None:
    while street.server.post("/api/bookings/find", {"email": "nobody@example.com"}).status_code != 429:
        pass
    page = visit(f"{street.server.url}/track")
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_role("button", name="Send me the links").click()
    expect(page.get_by_text("Please try again in").or_(page.get_by_text("trying again in"))).to_be_visible()
