"""What a visitor does on the way to a booking, each step as a person finds it: by its words."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def choose_device(page: Page, words: str = "iphone 13", name: str = "Apple iPhone 13 Phone") -> None:
    page.get_by_label("Find your device").fill(words)
    page.get_by_role("button", name=name).first.click()


def choose_repairs(page: Page, *names: str) -> None:
    for name in names or ("Screen replacement",):
        page.get_by_label(name).check()
    expect(page.get_by_text("Total", exact=True)).to_be_visible()
    page.get_by_role("button", name="Continue").click()


def choose_time(page: Page, on: str = "Continue") -> str:
    """Takes the last time of the last free day that is shown; returns it as the API writes it."""
    page.locator(".days input:enabled").last.check()
    time = page.locator(".hours input").last
    time.check()
    value = time.input_value()
    page.get_by_role("button", name=on).click()
    return value


def fill_in(page: Page, email: str, name: str = "Ada Ash") -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(email)


def go_to_details(page: Page, email: str) -> str:
    """Everything but the last press; returns the time that was chosen."""
    choose_device(page)
    choose_repairs(page)
    time = choose_time(page)
    fill_in(page, email)
    return time


def book(page: Page) -> None:
    page.get_by_role("button", name="Book now").click()


def expect_booked(page: Page) -> None:
    expect(page.get_by_text("Your repair is booked.")).to_be_visible()
