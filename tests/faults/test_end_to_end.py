"""The main job over the real server: from what people wrote about their broken devices to repairs that are booked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import requests

from tests import ledger
from tests.repairs import Record, records
from tests.server import Server, running

NO_BRAND = re.compile(
    r"unk(n)?own|xx|n\.?k\.?|don.t know|various|gen(e)?ric|laptop|tablet|mobile( phone)?|pc|printer|monitor|comput.*|"
    r"desk top|games console|custom.*|dvd player|urn|andriod|ddim ar gael|tablet generic|",
    re.IGNORECASE,
)
"""What people wrote where they knew no brand; "ddim ar gael" is Welsh for "not available"."""

LEAST_BRANDS = 0.95
"""Share of the records with a brand for which the search must find a model. The rest are makers gone before 2016
(Evesham, eMachine), makers of other things (Roberts, Saitek) and words that are no maker's."""


class Customer:
    """Somebody with a device who finds their way through the API."""

    def __init__(self, server: Server) -> None:
        self.server, self.turn = server, count()
        self.find = cache(self._find)

    def _find(self, brand: str, category: str) -> dict[str, Any] | None:
        """The best match for a brand as it was written: in the category, else anywhere."""
        for filters in ({"category": category}, {}):
            items = self.server.get("/api/catalog/models", q=brand[:200], limit=5, **filters)["items"]
            if items:
                return dict(self.server.get(f"/api/catalog/models/{items[0]['slug']}"))
        return None

    def book(self, record: Record, model: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Quotes, looks for a time, books. The booking and its token."""
        n = next(self.turn)
        repairs = [repair["slug"] for repair in model["repairs"][n % 3 : n % 3 + 1 + (n % 4 == 0)]]
        wish = {"model": model["slug"], "repairs": repairs, "urgency": ("standard", "express", "same_day")[n % 3]}
        start = self.slot(model["slug"], repairs, n)
        quoted = self.server.post("/api/quotes", {**wish, "starts_at": start["starts_at"]})
        assert quoted.status_code == 200, quoted.text
        customer = {"name": f"Customer {n % 100}", "email": f"customer{n % 100}@example.com"}
        if n % 2:
            customer["phone"] = f"+44 7700 900{n % 100:03}"
        body = {**wish, "starts_at": start["starts_at"], "customer": customer, "notes": record.problem[:4000]}
        if n % 5:
            body["quote"] = quoted.json()["quote"]
        answer = self.server.post("/api/bookings", body)
        assert answer.status_code == 201, f"{record}: {answer.text}"
        booking = answer.json()
        assert booking["total"] == quoted.json()["total"]
        assert [item["price"] for item in booking["items"]] == [line["price"] for line in quoted.json()["lines"]]
        assert (booking["starts_at"], booking["ends_at"]) == (start["starts_at"], start["ends_at"])
        assert answer.headers["Location"] == f"/api/bookings/{booking['reference']}"
        return booking, booking.pop("token")

    def slot(self, model: str, repairs: list[str], n: int) -> dict[str, Any]:
        """A free time soon after some day of the next weeks."""
        first = (datetime.now(UTC) + timedelta(days=1 + n % 40)).date()
        query = {"model": model, "repairs": ",".join(repairs), "from": first.isoformat(), "days": 20}
        slots = self.server.get("/api/availability", **query)["slots"]
        assert slots, query
        return dict(slots[n % min(len(slots), 9)])


def test_real_repairs_are_found_priced_booked_and_counted(new_url: Callable[..., str], tmp_path: Path) -> None:
    brought, url = records(), new_url(migrated=False)
    with running(tmp_path, database_url=url, rate_limit="off") as server, requests.Session() as server.line:
        ledger.add_benches(url, 5)  # besides the three it starts with: these are the repairs of years
        customer, booked, missed = Customer(server), {}, []
        for n, record in enumerate(brought):
            model = customer.find(record.brand, record.category)
            if model is None:
                missed.append(record)
            elif n % 2:  # every second one is enough of a crowd
                booking, token = customer.book(record, model)
                booked[booking["reference"]] = booking, token
        for reference, (booking, token) in booked.items():
            assert server.get(f"/api/bookings/{reference}", token) == booking
        check_brands(customer, brought)
    unbranded = [record for record in brought if NO_BRAND.fullmatch(record.brand)]
    unfound = sorted({record.brand for record in missed if record not in unbranded})
    branded = len(brought) - len(unbranded)
    found = 1 - sum(record.brand in unfound for record in missed) / branded
    print(f"{len(booked)} booked; of {branded} with a brand {found:.1%} found; not: {', '.join(unfound)}")
    assert len(booked) >= 300
    assert found >= LEAST_BRANDS, unfound
    check_counts(ledger.check_at(url), [booking for booking, _ in booked.values()])


def check_brands(customer: Customer, brought: list[Record]) -> None:
    """Whoever writes a maker that the catalog has in that category, in any case, finds a device of that maker."""
    for category in {record.category for record in brought}:
        brands = customer.server.get("/api/catalog/brands", category=category)["items"]
        known = {brand["name"].casefold(): brand["slug"] for brand in brands}
        for written in {record.brand for record in brought if record.category == category}:
            if slug := known.get(written.casefold()):
                model = customer.find(written, category)
                assert model is not None
                assert model["brand"]["slug"] == slug, written


def check_counts(counted: dict[str, int], booked: list[dict[str, Any]]) -> None:
    """As many rows as the answers said, and no others."""
    assert counted["booking"] == counted["booking_history"] == counted["event"] == len(booked)
    assert counted["booking_item"] == sum(len(booking["items"]) for booking in booked)
    assert counted["booking_slot"] == sum(steps(booking) for booking in booked)
    assert counted["customer"] == len({booking["customer"]["email"] for booking in booked})
    assert counted["audit"] == len(booked) + 1, "each booking, and the administrator"


def steps(booking: dict[str, Any]) -> int:
    """Quarters of an hour, begun or full, on a bench."""
    return -(-sum(item["minutes"] for item in booking["items"]) // 15)
