"""The other hosted pages: who may frame them, and setting a password."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.street import Street

Visit = Callable[..., Page]


def expect_refused(page: Page) -> None:
    """The browser shows an error of its own in the frame."""
    page.frames[1].wait_for_url(re.compile("^chrome-error:"), wait_until="commit")


def test_only_allowed_sites_may_frame_the_booking_page(street: Street, visit: Visit) -> None:
    framing = street.site.frame(f"{street.server.url}/book?model=apple-iphone-13&utm_source=x")
    page = visit(street.site.origin + framing)
    expect(page.frame_locator("iframe").get_by_label("Screen replacement")).to_be_visible()
    refused = visit(street.site.stranger + framing)
    expect_refused(refused)


def test_nobody_may_frame_what_a_token_opens(street: Street, visit: Visit) -> None:
    for path in ("/track/RV-7K3M9Q2X", "/reset", "/unsubscribe"):
        page = visit(street.site.origin + street.site.frame(street.server.url + path))
        expect_refused(page)


def test_a_shop_that_lists_a_site_lets_it_book(street: Street, visit: Visit) -> None:
    street.staff("PATCH", "/api/shops/main", {"allowed_origins": [street.site.stranger]})
    try:
        page = visit(street.site.stranger + street.site.embed(street.server.url, 'model="apple-iphone-13"'))
        expect(page.get_by_label("Screen replacement")).to_be_visible()
        framed = visit(street.site.stranger + street.site.frame(f"{street.server.url}/book"))
        expect(framed.frame_locator("iframe").get_by_label("Find your device")).to_be_visible()
    finally:
        street.staff("PATCH", "/api/shops/main", {"allowed_origins": []})


def test_a_password_is_set_by_the_link_of_a_mail_once(street: Street, visit: Visit) -> None:
    email = "nell@example.com"
    street.staff("POST", "/api/users", {"email": email, "name": "Nell New", "role": "technician"})
    link = street.link(email, "reset")
    page = visit(link, viewport={"width": 320, "height": 600})
    expect(page.get_by_label("New password")).to_be_visible()
    assert page.url == f"{street.server.url}/reset"
    send = page.get_by_role("button", name="Set the password")
    for bad, why in (("", "This is needed."), ("password1", "tried first"), ("nell new 1", "made of your name")):
        page.get_by_label("New password").fill(bad)
        send.click()
        expect(page.get_by_text(why)).to_be_visible()
        expect(page.get_by_label("New password")).to_be_focused()
    page.get_by_label("New password").fill("long purple otter 11")
    page.get_by_label("Show it").check()
    expect(page.get_by_label("New password")).to_have_attribute("type", "text")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    send.click()
    expect(page.get_by_text("Your password is set.")).to_be_visible()
    login = {"email": email, "password": "long purple otter 11"}
    assert street.server.post("/api/auth/login", login).status_code == 200

    again = visit(link)
    again.get_by_label("New password").fill("long purple otter 12")
    again.get_by_role("button", name="Set the password").click()
    expect(again.get_by_text("was used already, or is too old")).to_be_visible()
    street.mailbox.mails.clear()
    again.get_by_label("E-mail").fill(email)
    again.get_by_role("button", name="Send me a link").click()
    expect(again.get_by_text("a mail is on its way")).to_be_visible()
    assert street.link(email, "reset") != link


def test_a_kind_of_mail_is_ended_by_the_link_in_one_and_not_by_opening_it(street: Street, visit: Visit) -> None:
    made = street.book("enough@example.com")
    for status in ("checked_in", "in_repair", "ready", "completed"):
        street.staff("POST", f"/api/bookings/{made['reference']}/status", {"status": status})
    link = street.link("enough@example.com", "unsubscribe")
    customer = street.staff("GET", "/api/customers?q=enough@example.com")["items"][0]["id"]

    def off() -> list[str]:
        items = street.staff("GET", f"/api/customers/{customer}/preferences")["items"]
        return [item["template"] for item in items if not item["enabled"]]

    page = visit(link, locale="de-DE", viewport={"width": 320, "height": 600})
    stop = page.get_by_role("button", name="Keine mehr senden")
    expect(stop).to_be_visible()
    assert page.url == f"{street.server.url}/unsubscribe"
    assert off() == []
    stop.click()
    expect(page.get_by_text("Wir senden Ihnen keine dieser E-Mails mehr.")).to_be_visible()
    assert off() == ["booking_completed"]
    page.goto(f"{street.server.url}/unsubscribe?token=x")
    page.get_by_role("button", name="Keine mehr senden").click()
    expect(page.get_by_text("Dieser Link ist nicht vollständig.")).to_be_visible()
