"""The element on somebody's web site: a repair is booked, once, whatever comes in between."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from reviva.services import seeding
from tests.browser.street import Street
from tests.browser.visitor import (
    book,
    choose_device,
    choose_repairs,
    choose_time,
    expect_booked,
    fill_in,
    go_to_details,
)
from tests.waiting import until

Visit = Callable[..., Page]


def embedded(street: Street, attributes: str = "") -> str:
    return street.site.origin + street.site.embed(street.server.url, attributes)


def fits(page: Page) -> bool:
    """Nothing sticks out to the right, and every control has a name."""
    return bool(
        page.evaluate("""() => {
        const root = document.querySelector("reviva-booking").shadowRoot;
        const named = control => control.labels.length > 0 || control.ariaLabel;
        return document.documentElement.scrollWidth <= innerWidth
            && [...root.querySelectorAll("input, textarea")].every(named)
            && [...root.querySelectorAll("button")].every(each => each.textContent.trim());
    }""")
    )


def test_a_repair_is_booked_from_another_site_on_the_smallest_screen(either: Street, visit: Visit) -> None:
    page = visit(embedded(either), viewport={"width": 320, "height": 600})
    email = f"small-{urlsplit(either.database_url).scheme}@example.com"
    page.get_by_label("Find your device").fill("iphnoe 13")
    expect(page.get_by_role("button", name="Apple iPhone 13 Phone")).to_be_visible()
    assert fits(page)
    choose_device(page, "iphnoe 13")
    page.get_by_label("Express").check()
    page.get_by_label("Battery replacement").check()
    page.get_by_label("Screen replacement").check()
    expect(page.get_by_role("row", name="Several repairs at once")).to_have_count(2)
    assert fits(page)
    total = page.locator("tfoot td").text_content()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Times are Greenwich Mean Time").or_(page.get_by_text("Times are British"))).to_be_visible()
    assert fits(page)
    time = choose_time(page)
    fill_in(page, email)
    page.get_by_label("Telephone").fill("020 7946 0018")
    assert fits(page)
    book(page)
    expect_booked(page)
    assert fits(page)
    [made] = either.bookings(email)
    assert (made["starts_at"], made["urgency"], made["customer"]["phone"]) == (time, "express", "+442079460018")
    assert total == f"£{made['total']['amount'] / 100:.2f}"
    assert page.evaluate("heard") == [
        {"reference": made["reference"], "status": "confirmed", "starts_at": made["starts_at"]}
    ]
    link = page.get_by_role("link", name="See or change your booking").get_attribute("href") or ""
    token = link.partition("?token=")[2]
    assert link.startswith(f"{either.server.url}/track/{made['reference']}?")
    assert either.server.get(f"/api/bookings/{made['reference']}", token)["version"] == 1
    assert token not in page.url
    with page.expect_download() as saved:
        page.get_by_role("button", name="Add to calendar").click()
    assert "BEGIN:VEVENT" in saved.value.path().read_text()


def press_until(page: Page, role: str, name: str) -> None:
    """Presses Tab until this control has the focus."""
    target = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
    for _ in range(60):
        if target.evaluate("each => each.getRootNode().activeElement === each"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_keyboard_is_enough(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))

    def at(heading: str) -> None:
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_focused()

    press_until(page, "searchbox", "Find your device")
    page.keyboard.type("galaxys21")
    expect(page.get_by_role("button", name="Samsung Galaxy S21").first).to_be_visible()
    press_until(page, "button", "Samsung Galaxy S21")
    page.keyboard.press("Enter")
    at("Repairs and price")
    press_until(page, "checkbox", "Battery replacement")
    page.keyboard.press("Space")
    press_until(page, "radio", "Standard")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("row", name="Express")).to_be_visible()
    press_until(page, "button", "Continue")
    page.keyboard.press("Enter")
    at("A time")
    expect(page.get_by_role("button", name="Later days")).to_be_visible()
    press_until(page, "button", "Later days")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Earlier days")).to_be_enabled()
    expect(page.get_by_role("button", name="Later days")).to_be_focused()
    page.locator(".hours input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    press_until(page, "button", "Continue")
    page.keyboard.press("Enter")
    at("Your details")
    for text in ("Kay Board", "keys@example.com"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    at("Booked")
    assert [each["urgency"] for each in street.bookings("keys@example.com")] == ["express"]


def test_a_time_that_was_taken_meanwhile_is_said_and_others_are_offered(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    time = go_to_details(page, "late@example.com")
    street.fill(time)
    book(page)
    expect(page.get_by_text("That time was taken a moment ago")).to_be_visible()
    expect(page.get_by_role("heading", name="A time")).to_be_focused()
    expect(page.locator(f'input[value="{time}"]')).to_have_count(0)
    assert choose_time(page) != time
    expect(page.get_by_label("E-mail")).to_have_value("late@example.com")
    book(page)
    expect_booked(page)


def test_an_answer_that_is_lost_leads_to_one_booking(either: Street, visit: Visit) -> None:
    page = visit(embedded(either), clock=True)
    email = f"lost-{urlsplit(either.database_url).scheme}@example.com"
    go_to_details(page, email)
    arrived: list[int] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            arrived.append(route.fetch().status)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/bookings", lose)
    with page.expect_event("requestfailed"):
        book(page)
    for _ in range(2):
        with page.expect_event("requestfailed"):
            page.clock.fast_forward(3000)
    expect(page.get_by_text("We could not hear whether your booking arrived")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_disabled()
    expect(page.get_by_role("button", name="Back")).to_have_count(0)
    assert arrived == [201, 201, 201]
    page.unroute("**/api/bookings")
    with page.expect_response("**/api/bookings") as answer:
        page.get_by_role("button", name="Try again").click()
    assert answer.value.headers["idempotency-replayed"] == "true"
    expect_booked(page)
    assert len(either.bookings(email)) == 1


def test_a_page_that_is_loaded_again_or_come_back_to_goes_on_where_it_was(street: Street, visit: Visit) -> None:
    page, email = visit(embedded(street)), "again@example.com"
    choose_device(page)
    choose_repairs(page)
    page.reload()
    expect(page.get_by_role("heading", name="A time")).to_be_visible()
    choose_time(page)
    fill_in(page, email)
    page.goto(f"{street.server.url}/healthz")
    page.go_back()
    expect(page.get_by_label("E-mail")).to_have_value(email)
    book(page)
    expect_booked(page)
    page.reload()
    expect_booked(page)
    [made] = street.bookings(email)
    expect(page.get_by_text(made["reference"])).to_be_visible()
    kept = page.evaluate("dispatchEvent(new Event('pagehide')) && JSON.stringify(sessionStorage)")
    assert made["reference"] in kept
    assert "token" not in kept
    page.goto(page.url)  # not loaded again but anew
    expect(page.get_by_role("heading", name="Your device")).to_be_visible()


def test_a_page_that_is_loaded_again_while_the_answer_is_on_its_way_books_once(street: Street, visit: Visit) -> None:
    page, email = visit(embedded(street)), "loaded-twice@example.com"
    go_to_details(page, email)
    page.route("**/api/bookings", lambda route: route.fetch() and None, times=1)  # it arrives, and nobody is answered
    book(page)
    until(lambda: street.bookings(email), 10, pause=lambda: page.wait_for_timeout(20))
    page.reload()
    expect(page.get_by_role("alert").get_by_text("We could not hear")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect_booked(page)
    assert len(street.bookings(email)) == 1


def test_two_clicks_are_one_booking(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    go_to_details(page, "twice@example.com")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Book now").dblclick()
    expect_booked(page)
    assert len(posts) == 1
    assert len(street.bookings("twice@example.com")) == 1


def test_offline_loses_nothing_and_goes_on_by_itself(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    go_to_details(page, "offline@example.com")
    page.context.set_offline(True)
    book(page)
    expect(page.get_by_text("You seem to be offline")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value("offline@example.com")
    assert street.bookings("offline@example.com") == []
    page.context.set_offline(False)
    expect_booked(page)
    assert len(street.bookings("offline@example.com")) == 1


def test_a_busy_server_is_waited_for(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    go_to_details(page, "patient@example.com")
    with closing(sqlite3.connect(street.database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        book(page)
        expect(page.get_by_text("Very busy at the moment")).to_be_visible(timeout=30_000)
        other.execute("ROLLBACK")
    expect_booked(page)
    assert len(street.bookings("patient@example.com")) == 1


def test_what_is_wrong_is_said_at_its_field_and_going_back_keeps_everything(street: Street, visit: Visit) -> None:
    page = visit(embedded(street, 'model="apple-iphone-13"'))
    expect(page.get_by_label("Screen replacement")).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")  # a page that opens keeps its own focus
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Choose at least one repair.")).to_be_visible()
    page.get_by_label("Screen replacement").check()
    expect(page.get_by_text("Choose at least one repair.")).to_have_count(0)
    page.route("**/api/availability?**", lambda route: None)  # not answered yet
    choose_repairs(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert").get_by_text("Choose a time.")).to_be_visible()
    page.unroute("**/api/availability?**")
    page.get_by_role("button", name="Back").click()
    choose_repairs(page)
    expect(page.get_by_role("button", name="Later days")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("group", name="Time on")).to_have_accessible_description("Choose a time.")
    time = choose_time(page)
    book(page)
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_accessible_description("This is needed.")
    fill_in(page, "nobody@nowhere", name="N")
    page.get_by_label("Telephone").fill("12")
    page.get_by_label("Anything we should know?").fill("The left corner")
    book(page)
    expect(page.get_by_text("This does not look like an e-mail address.")).to_be_visible()
    expect(page.get_by_text("This does not look like a telephone number.")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_role("button", name="Back").click()
    expect(page.locator(f'input[value="{time}"]')).to_be_checked()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Screen replacement")).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(f'input[value="{time}"]')).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Anything we should know?")).to_have_value("The left corner")
    expect(page.get_by_label("E-mail")).to_have_value("nobody@nowhere")


def test_a_price_that_depends_on_the_day_is_told_when_the_day_is_known(street: Street, visit: Visit) -> None:
    rule = {"name": "By appointment", "kind": "fixed", "value": 1_000, "conditions": {"hour_from": 0}, "priority": 90}
    made = street.staff("POST", "/api/pricing/rules", rule)
    try:
        page = visit(embedded(street))
        go_to_details(page, "day@example.com")
        expect(page.get_by_text("At this time the price is £121.00.")).to_be_visible()
        expect(page.get_by_role("row", name="By appointment")).to_be_visible()
    finally:
        street.staff("DELETE", f"/api/pricing/rules/{made['id']}")
    book(page)  # at the price that was promised, though the rule is gone
    expect_booked(page)
    assert street.bookings("day@example.com")[0]["total"]["amount"] == 12_100


def test_names_are_text_whatever_they_hold(street: Street, visit: Visit) -> None:
    evil = "<img src=x onerror=window.hacked=1>"
    street.staff("PATCH", "/api/catalog/models/apple-iphone-12", {"name": f"{evil} Twelve"})
    page = visit(embedded(street))
    choose_device(page, "twelve", f"Apple {evil} Twelve")
    choose_repairs(page)
    choose_time(page)
    fill_in(page, "evil@example.com", name=evil)
    page.get_by_label("Anything we should know?").fill(evil)
    book(page)
    expect_booked(page)
    link = page.get_by_role("link", name="See or change").get_attribute("href")
    assert page.evaluate("document.querySelector('reviva-booking').shadowRoot.querySelector('img')") is None
    track = visit(link)
    expect(track.get_by_text(f"Apple {evil} Twelve")).to_be_visible()
    expect(track.locator("dd", has_text=evil)).to_have_count(2)
    for each in (page, track):
        assert each.evaluate("window.hacked") is None
    assert track.locator("img").count() == 0


def test_a_site_that_is_not_allowed_is_told_so(street: Street, visit: Visit) -> None:
    page = visit(street.site.stranger + street.site.embed(street.server.url, kind='type="module"'))
    expect(page.get_by_text(f"add {street.site.stranger} to the allowed origins")).to_be_visible()


def test_an_allowed_site_may_load_it_as_a_module(street: Street, visit: Visit) -> None:
    page = visit(street.site.origin + street.site.embed(street.server.url, 'category="watch"', 'type="module"'))
    page.get_by_role("button", name="Apple", exact=True).click()
    page.get_by_role("button", name="Apple Watch").first.click()
    expect(page.get_by_role("heading", name="Repairs and price")).to_be_focused()


@pytest.mark.parametrize(
    ("locale", "title", "price", "repair"),
    [
        ("de", "Ihr Gerät", "111,00 £", "Display tauschen"),
        ("fr-FR", "Votre appareil", "111,00 £", "Remplacement de l’écran"),
        ("xx", "Your device", "£111.00", "Screen replacement"),
    ],
)
def test_it_speaks_the_language_of_the_page(
    street: Street, visit: Visit, locale: str, title: str, price: str, repair: str
) -> None:
    page = visit(embedded(street, f'locale="{locale}"'))
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.evaluate("document.querySelector('reviva-booking').setAttribute('model', 'apple-iphone-13')")
    expect(page.get_by_text(price)).to_be_visible()
    expect(page.get_by_label(repair)).to_be_visible()


HOSTILE = """<style>
    html { font-size: 40px } * { all: revert; color: lime !important; font: italic 40px/3 cursive !important;
    letter-spacing: .3em !important; text-transform: uppercase !important; text-align: right !important;
    text-indent: 3em; word-spacing: 1em; white-space: pre; text-shadow: 1px 1px red; --text: red; --accent: red }
    section, button, input, label { display: none !important } </style>"""
LOOKS = """() => {
    const names = ["color", "direction", "font", "letterSpacing", "textAlign", "textIndent", "textShadow",
        "textTransform", "whiteSpace", "wordSpacing", "backgroundColor", "paddingTop", "display"];
    return [...document.querySelector("reviva-booking").shadowRoot.querySelectorAll("*")]
        .map(each => [each.tagName, names.map(name => getComputedStyle(each)[name])]);
}"""


def test_a_sites_styles_and_its_direction_leave_the_element_as_it_is(street: Street, visit: Visit) -> None:
    looks = []
    for head, attributes in (("", ""), (HOSTILE, ""), ("", "dir=rtl")):
        body = f'{head}<div {attributes}><reviva-booking model="apple-iphone-13"></reviva-booking></div>'
        page = visit(street.site.origin + street.site.loose(body, street.server.url))
        page.locator(".offers").wait_for(state="attached")
        looks.append(page.evaluate(LOOKS))
    assert len(looks[0]) > 50
    assert looks[0] == looks[1] == looks[2]


def test_a_time_that_is_too_soon_by_now_is_said_in_the_visitors_words(street: Street, visit: Visit) -> None:
    page = visit(embedded(street, 'locale="de" model="apple-iphone-13"'))
    page.get_by_label("Display tauschen").check()
    page.get_by_role("button", name="Weiter").click()
    choose_time(page, "Weiter")
    page.get_by_label("Name").fill("Ada Ash")
    page.get_by_label("E-Mail").fill("soon@example.com")
    street.staff("PATCH", "/api/shops/main", {"lead_minutes": 10_080})
    try:
        page.get_by_role("button", name="Jetzt buchen").click()
        expect(page.get_by_role("alert").get_by_text("Diese Zeit ist inzwischen zu nah")).to_be_visible()
        expect(page.get_by_role("heading", name="Termin")).to_be_visible()
    finally:
        street.staff("PATCH", "/api/shops/main", {"lead_minutes": 60})
    assert not street.bookings("soon@example.com")


def test_it_speaks_the_language_of_the_page_from_inside_another_component(street: Street, visit: Visit) -> None:
    page = visit(street.site.origin + street.site.loose("<div></div>", street.server.url))
    page.evaluate("""() => {
        document.documentElement.lang = "fr";
        document.querySelector("div").attachShadow({ mode: "open" }).append(document.createElement("reviva-booking"));
    }""")
    expect(page.get_by_role("heading", name="Votre appareil")).to_be_visible()


def test_the_page_of_somebody_in_between_is_no_answer(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    login = {"body": "<h1>Wi-Fi: log in</h1>", "content_type": "text/html",
             "headers": {"Access-Control-Allow-Origin": street.site.origin}}  # fmt: skip
    page.route("**/api/catalog/models/*", lambda route: route.fulfill(**login))
    choose_device(page)
    expect(page.get_by_role("alert").get_by_text("can’t be reached")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Repairs and price")).to_be_visible()


def test_what_takes_a_while_is_seen_to(street: Street, visit: Visit) -> None:
    page = visit(embedded(street))
    held: list[Route] = []
    page.route("**/api/catalog/models/*", lambda route: held.append(route))
    choose_device(page)
    expect(page.locator(".card")).to_have_class(re.compile("waiting"))
    until(lambda: held, pause=lambda: page.wait_for_timeout(5))
    held.pop().continue_()
    expect(page.get_by_role("heading", name="Repairs and price")).to_be_visible()
    expect(page.locator(".card")).not_to_have_class(re.compile("waiting"))


def test_a_price_is_in_minor_units_whatever_a_browser_knows_of_its_currency(street: Street, visit: Visit) -> None:
    pest = {"slug": "pest", "name": "Pest", "timezone": "Europe/Budapest", "currency": "HUF"}
    street.staff("POST", "/api/shops", pest)
    prices = [{"repair": "screen", "amount": 2_490_050}]
    street.staff("PUT", "/api/catalog/models/apple-iphone-13/prices", {"items": prices, "currency": "HUF"})
    page = visit(embedded(street, 'shop="pest" model="apple-iphone-13"'))
    expect(page.get_by_label("Screen replacement")).to_be_visible()
    assert (page.locator(".offers b").text_content() or "").endswith("24,900.50")


def test_every_language_says_everything(street: Street) -> None:
    script = street.server.request("GET", "/widget.js").text
    keys = {}
    for language in ("en", "de", "fr"):
        block = script.partition(f"WORDS.{language} = {{")[2].partition("\n};")[0]
        keys[language] = {line.strip().partition(": ")[0] for line in block.splitlines() if ": " in line}
    assert len(keys["en"]) > 100
    assert keys["en"] == keys["de"] == keys["fr"]


def test_every_name_that_a_new_shop_begins_with_is_said_in_every_language(street: Street) -> None:
    script = street.server.request("GET", "/widget.js").text.partition("const CALLED = {")[2].partition("\n};")[0]
    parts = [part for part in re.split(r"\n  (?=\w\w: {)", script) if part.strip()]
    said = {part[:2]: set(re.findall(r'"([^"]+)": "', part)) for part in parts}
    begun = {row["name"] for name in ("categories.csv", "repairs.csv") for row in seeding.read(name)}
    rules = {rule["name"] for rule in street.staff("GET", "/api/pricing/rules")["items"]} - {"Saturday"}
    assert said == dict.fromkeys(("de", "fr"), begun | rules | {"Set by the shop"})


def test_times_are_the_shops_own_and_a_repeated_hour_is_told_apart(street: Street, visit: Visit) -> None:
    page = visit(embedded(street, 'model="apple-iphone-13"'), timezone_id="Pacific/Auckland")
    starts = ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    slots = [{"starts_at": at, "ends_at": at, "free": 1} for at in starts]
    page.route("**/api/availability?**", lambda route: route.fulfill(
        json={"timezone": "Europe/London", "slots": slots},
        headers={"Access-Control-Allow-Origin": street.site.origin},
    ))  # fmt: skip
    choose_repairs(page)
    expect(page.get_by_text("not your own (Pacific/Auckland)")).to_be_visible()
    expect(
        page.get_by_label("Sunday 25 October 2026").or_(page.get_by_label("Sunday, 25 October 2026"))
    ).to_be_checked()
    assert page.locator(".hours .choice").all_text_contents() == ["0:30", "1:30 BST", "1:30 GMT", "2:30"]


def test_colours_are_told_apart_in_the_light_and_in_the_dark(street: Street, visit: Visit) -> None:
    for scheme in ("light", "dark"):
        page = visit(f"{street.server.url}/book", color_scheme=scheme)
        ratios = page.evaluate("""() => {
            const card = document.querySelector("reviva-booking").shadowRoot.querySelector(".card");
            const probe = card.appendChild(document.createElement("i"));
            const light = name => {
                probe.style.color = `var(--${name})`;
                const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255);
                const [r, g, b] = parts.map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b + .05;
            };
            const ratio = (a, b) => Math.max(light(a), light(b)) / Math.min(light(a), light(b));
            return [["text", "surface"], ["muted", "surface"], ["muted", "soft"], ["on-accent", "accent"],
                ["bad", "surface"], ["good", "surface"], ["edge", "surface"]].map(pair => [pair[0], ratio(...pair)]);
        }""")
        assert all(ratio >= (3 if name == "edge" else 4.5) for name, ratio in ratios), (scheme, ratios)
