"""The staff console as the people at the counter use it: a real browser, a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests import databases
from tests.server import Server, running
from tests.volley import order, slots
from tests.waiting import until

HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("staff")
    with databases.new_url("sqlite", folder, seeded=True) as url, running(folder, database_url=url) as started:
        yield started


@pytest.fixture(scope="module")
def password(server: Server) -> str:
    found = re.search(r"with the password (\S+)", server.log)
    assert found
    return found[1]


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A browser that has never been here; no script of ours may fail in it."""
    context = browser.new_context(locale="en-GB", timezone_id="Asia/Tokyo")
    page, failures = context.new_page(), []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{server.url}/staff")
    yield page
    context.close()
    assert not failures


def enter(page: Page, password: str, email: str = "admin@example.com") -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("navigation")).to_be_visible()


def token(server: Server, email: str, password: str) -> str:
    return str(server.post("/api/auth/login", {"email": email, "password": password}).json()["token"])


def test_a_wrong_password_is_told_and_a_right_one_opens_the_day(page: Page, password: str) -> None:
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill("not the one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("status")).not_to_be_empty()
    enter(page, password)
    expect(page.get_by_role("heading", name="Appointments")).to_be_visible()
    assert page.evaluate("document.cookie.includes('reviva_session')") is False
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_walk_in_customer_is_booked_and_served_to_the_end(page: Page, server: Server, password: str) -> None:
    enter(page, password)
    page.get_by_role("link", name="New booking").click()
    page.get_by_label("Device").press_sequentially("iphnoe 13 pro")
    page.get_by_role("button", name="Apple iPhone 13 Pro (2021)").click()
    page.get_by_label(re.compile("^Screen replacement")).check()
    expect(page.get_by_text(re.compile("^Total £"))).to_be_visible()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("E-mail").fill("walk-in@example.com")
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_role("heading", name=re.compile("RV-"))).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    reference = page.get_by_role("heading", level=1).inner_text()
    for step in ("checked in", "in repair", "ready", "completed"):
        page.get_by_role("button", name=step, exact=True).click()
        expect(page.locator(".heading .badge")).to_have_text(step)
    expect(page.get_by_text("This booking has ended.")).to_be_visible()
    admin = token(server, "admin@example.com", password)
    booking = server.get(f"/api/bookings/{reference}", admin)
    assert (booking["status"], booking["customer"]["name"]) == ("completed", HOSTILE)
    assert [step["to"] for step in booking["history"]] == ["confirmed", "checked_in", "in_repair", "ready", "completed"]


def test_a_price_set_by_hand_and_a_moved_appointment_are_kept(page: Page, server: Server, password: str) -> None:
    made = server.post("/api/bookings", order(slots(server)[4]["starts_at"])).json()
    enter(page, password)
    page.goto(f"{server.url}/staff#/bookings/{made['reference']}")
    page.get_by_text("Change repairs or prices").click()
    page.get_by_label(re.compile("^Battery replacement")).check()
    row = page.locator(".pair").filter(has_text="Battery replacement")
    row.get_by_label("By hand").fill("12.34")
    page.locator("details").get_by_role("button", name="Save").click()
    expect(page.locator(".prices")).to_contain_text("Set by the shop")
    page.get_by_text("Move the appointment").click()
    page.get_by_label(re.compile("^Free times")).select_option(index=9)
    chosen = page.get_by_label(re.compile("^Free times")).input_value()
    page.get_by_role("button", name="Move").click()
    expect(page.get_by_text("The appointment was moved.")).to_be_visible()
    booking = server.get(f"/api/bookings/{made['reference']}", token(server, "admin@example.com", password))
    assert booking["starts_at"] == chosen
    assert {item["repair"]["slug"]: item["price"]["amount"] for item in booking["items"]}["battery"] == 1234


def test_what_is_opened_while_news_are_fetched_stays_open_and_the_news_come_later(
    page: Page, server: Server, password: str
) -> None:
    made = server.post("/api/bookings", order(slots(server)[8]["starts_at"], 2)).json()
    path, held = f"/api/bookings/{made['reference']}", list[Route]()
    enter(page, password)
    page.goto(f"{server.url}/staff#/bookings/{made['reference']}")
    expect(page.get_by_text("Move the appointment")).to_be_visible()
    page.wait_for_timeout(1000)  # what came before is shown
    page.route(f"**{path}", lambda route: held.append(route) if not held else route.continue_())
    admin = token(server, "admin@example.com", password)
    assert server.request("POST", f"{path}/status", admin, json={"status": "checked_in"}).ok
    until(lambda: held, 10, pause=lambda: page.wait_for_timeout(10))
    page.get_by_text("Change repairs or prices").click()
    with page.expect_response(f"**{path}"):
        held[0].continue_()
    page.wait_for_timeout(200)
    expect(page.get_by_label(re.compile("^Battery replacement"))).to_be_visible()
    page.get_by_text("Change repairs or prices").click()
    expect(page.get_by_role("button", name="Diagnosing")).to_be_visible()


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(page: Page, server: Server, password: str) -> None:
    made = server.post("/api/bookings", order(slots(server)[6]["starts_at"], 1)).json()
    enter(page, password)
    page.goto(f"{server.url}/staff#/bookings/{made['reference']}")
    notes = page.get_by_label("For this booking")
    notes.fill("mine")
    admin = token(server, "admin@example.com", password)
    changed = server.request("PATCH", f"/api/bookings/{made['reference']}", admin, json={"notes": "theirs"})
    assert changed.status_code == 200
    page.locator("form").filter(has=notes).get_by_role("button", name="Save").click()
    expect(page.locator("#said.bad")).to_be_visible()
    assert server.get(f"/api/bookings/{made['reference']}", admin)["notes"] == "theirs"
    expect(notes).to_have_value("mine")
    page.get_by_role("button", name="Show it as it is now").click()
    expect(notes).to_have_value("theirs")


def test_whom_to_call_is_corrected_and_a_fault_said_at_its_field(page: Page, server: Server, password: str) -> None:
    made = server.post("/api/bookings", order(slots(server)[7]["starts_at"], 3)).json()
    enter(page, password)
    page.goto(f"{server.url}/staff#/bookings/{made['reference']}")
    page.get_by_text("Correct name or number").click()
    form = page.locator("form").filter(has=page.get_by_label("Telephone"))
    form.get_by_label("Name").fill("Bob")
    form.get_by_label("Telephone").fill("12")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("must be a telephone number")).to_be_visible()
    form.get_by_label("Telephone").fill("07400 654321")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="+447400654321")).to_be_visible()
    expect(page.get_by_role("link", name="Bob")).to_be_visible()
    expect(page.get_by_text("Contact changed")).to_be_visible()


def test_who_shuts_early_sees_whose_appointment_is_in_the_way(page: Page, server: Server, password: str) -> None:
    start = slots(server)[-1]["starts_at"]
    made = server.post("/api/bookings", order(start, 4)).json()
    enter(page, password)
    page.goto(f"{server.url}/staff#/shops/{made['shop']['slug']}")
    expect(page.get_by_role("heading", name="Closed on")).to_be_visible()
    expect(page.get_by_role("link", name=made["reference"])).to_be_hidden()
    form = page.locator("form").filter(has_text="Closed on")
    form.get_by_role("button", name="Add").click()
    for end in ("From", "To"):
        form.get_by_label(end, exact=True).fill(start[:10])
    form.get_by_label("Shuts at").fill("10:30")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Booked while the shop is closed")).to_be_visible()
    expect(page.get_by_role("link", name=made["reference"])).to_be_visible()
    page.locator("form").filter(has_text="Closed on").get_by_role("button", name="Remove").click()
    page.locator("form").filter(has_text="Closed on").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Booked while the shop is closed")).to_be_hidden()


def test_everybody_sees_the_pages_that_are_for_them(page: Page, server: Server, password: str) -> None:
    admin = token(server, "admin@example.com", password)
    person = {"email": "tess@example.com", "role": "technician", "name": "Tess", "password": "quite a long pass phrase"}
    assert server.request("POST", "/api/users", admin, json=person).status_code == 201
    enter(page, person["password"], person["email"])
    names = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert names == ["Today", "Bookings", "New booking", "Customers", "Messages", "Figures", "System"]
    page.goto(f"{server.url}/staff#/prices")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_every_page_of_the_menu_opens_and_settings_are_saved(page: Page, server: Server, password: str) -> None:
    enter(page, password)
    for name in page.get_by_role("navigation").get_by_role("link").all_inner_texts():
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("nav a[aria-current]")).to_have_text(name)
        expect(page.locator("h1")).to_be_focused()
        expect(page.get_by_text("That did not work")).not_to_be_visible()
    page.goto(f"{server.url}/staff#/shops/main")
    page.get_by_label("Minutes between two jobs").fill("15")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.goto(f"{server.url}/staff#/prices/models/apple-iphone-13")
    page.get_by_label("Screen replacement, GBP").fill("99.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The prices are saved.")).to_be_visible()
    assert server.get("/api/shops/main", token(server, "admin@example.com", password))["buffer_minutes"] == 15
    repairs = server.get("/api/catalog/models/apple-iphone-13")["repairs"]
    assert next(each for each in repairs if each["slug"] == "screen")["price"]["amount"] == 9950


def test_a_webhook_is_added_tried_given_another_secret_and_removed(page: Page, server: Server, password: str) -> None:
    enter(page, password)
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_text("Nobody is told.")).to_be_visible()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").fill("http://hooks.invalid/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Address").fill("https://hooks.invalid/reviva")
    page.get_by_label("Somebody is to do it").check()
    page.get_by_role("button", name="Save").click()
    first = page.locator("summary + p code").inner_text()
    assert first.startswith("whsec_")
    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_role("heading", name="https://hooks.invalid/reviva")).to_be_visible()
    expect(page.locator(".heading .badge")).to_have_text("active")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("cell", name="webhook.test")).to_be_visible()
    admin = token(server, "admin@example.com", password)
    (made,) = server.get("/api/webhooks", admin)["items"]
    assert made["events"] == ["booking.assigned"]
    until(lambda: server.get(f"/api/webhooks/{made['id']}/deliveries", admin)["items"][0]["last_error"], 10)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("cell", name=re.compile("^hooks.invalid:443: "))).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="A new secret").click()
    expect(page.locator("summary + p code")).not_to_have_text(first)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nobody is told.")).to_be_visible()
    assert server.get("/api/webhooks", admin)["items"] == []


def test_a_customer_is_asked_at_the_counter_what_they_want_to_hear(page: Page, server: Server, password: str) -> None:
    made = server.post("/api/bookings", order(slots(server)[12]["starts_at"], 3)).json()
    admin = token(server, "admin@example.com", password)
    found = server.get(f"/api/customers?email={made['customer']['email']}", admin)["items"][0]
    enter(page, password)
    page.goto(f"{server.url}/staff#/customers/{found['id']}")
    page.get_by_text("Messages that are wanted").click()
    page.get_by_label("booking ready, by SMS").uncheck()
    page.locator("details").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    wanted = server.get(f"/api/customers/{found['id']}/preferences", admin)["items"]
    assert [(each["channel"], each["template"]) for each in wanted if not each["enabled"]] == [("sms", "booking_ready")]


def test_it_fits_a_phone(page: Page, password: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page, password)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for name, place in (("A new webhook", "/webhooks/new"), ("Prices", "/prices")):
        page.goto(f"{page.url.partition('#')[0]}#{place}")
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, place


def test_it_hears_what_happens_from_where_a_lost_socket_left_off_until_its_session_ends(
    page: Page, server: Server, password: str
) -> None:
    sockets: list[WebSocketRoute] = []
    heard: list[tuple[int, str | bytes]] = []
    """The number of the socket, and what it was told."""

    def through(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        count = len(sockets)

        def tell(message: str | bytes) -> None:
            socket.send(message)
            heard.append((count, message))

        socket.connect_to_server().on_message(tell)

    def during(condition: Callable[[], bool]) -> None:
        until(condition, 10, pause=lambda: page.wait_for_timeout(10))

    page.route_web_socket("**/api/live*", through)
    enter(page, password)
    page.get_by_role("link", name="Bookings", exact=True).click()
    for n in range(2):
        during(lambda n=n: any(m[0] == n + 1 and "live.pong" in str(m[1]) for m in heard))
        made = server.post("/api/bookings", order(slots(server)[10 + n]["starts_at"], n)).json()
        expect(page.get_by_role("link", name=made["reference"])).to_be_visible()
        during(lambda n=n, made=made: any(m[0] == n + 1 and made["reference"] in str(m[1]) for m in heard))
        sockets[n].close()
        during(lambda n=n: len(sockets) == n + 2)
    assert ["since=" in each.url for each in sockets] == [False, True, True]
    server.request("DELETE", "/api/auth/sessions", token(server, "admin@example.com", password))
    sockets[-1].close(code=4401)
    expect(page.get_by_label("Password")).to_be_visible()
