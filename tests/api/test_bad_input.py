"""Bad input gets a clear answer that names every fault, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from reviva.models import Closure
from tests import databases
from tests.api.shopfront import NOW, TUESDAY, Shopfront, after, faults, order

MISSING, EXTRA = "missing", "extra_forbidden"
ADA = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture(scope="module", params=databases.BACKENDS)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shopfront]:
    """One for all tests here: none of them leaves anything behind, which is what they show."""
    with databases.new_url(request.param, tmp_path_factory.mktemp("shop"), seeded=True) as url:
        yield Shopfront(url)


@pytest.fixture(scope="module")
def before(front: Shopfront) -> dict[str, int]:
    """What was there before any of them."""
    return front.counts()


@pytest.fixture(autouse=True)
def nothing_written(front: Shopfront, before: dict[str, int], freeze: Callable[..., None]) -> Iterator[None]:
    freeze(NOW)
    yield
    assert front.counts() == before


SHAPES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "everything is missing": (
        {"model": ..., "repairs": ..., "starts_at": ..., "customer": ...},
        {"model": MISSING, "repairs": MISSING, "starts_at": MISSING, "customer": MISSING},
    ),
    "the customer is empty": ({"customer": {}}, {"customer.name": MISSING, "customer.email": MISSING}),
    "fields nobody knows": (
        {"role": "admin", "customer": {**ADA, "user_id": 1}},
        {"role": EXTRA, "customer.user_id": EXTRA},
    ),
    "types": (
        {"model": 5, "repairs": "screen", "starts_at": 1772445600, "customer": [], "notes": 5, "urgency": 1},
        {
            "model": "string_type", "repairs": "list_type", "starts_at": "instant", "customer": "model_type",
            "notes": "string_type", "urgency": "enum",
        },
    ),
    "texts that are too long": (
        {"notes": "x" * 4001, "quote": "x" * 8001, "customer": {"name": "x" * 201, "email": "a@" + "b" * 260 + ".de"}},
        {
            "notes": "string_too_long", "quote": "string_too_long", "customer.name": "string_too_long",
            "customer.email": "string_too_long",
        },
    ),
    "too many repairs": ({"repairs": ["screen"] * 21}, {"repairs": "too_long"}),
    "no repair": ({"repairs": []}, {"repairs": "too_short"}),
    "no slug": ({"model": "iPhone 13; DROP", "repairs": ["Screen!"]}, {"model": "slug", "repairs.0": "slug"}),
    "no choice": ({"urgency": "yesterday", "locale": "../x"}, {"urgency": "enum", "locale": "language"}),
    "no address, no number": (
        {"customer": {"name": " ", "email": "ada@", "phone": "call me"}},
        {"customer.name": "empty", "customer.email": "email", "customer.phone": "phone"},
    ),
    "line breaks for a mail's head": (
        {"customer": {"name": "Ada\r\nBcc: all@example.com", "email": "ada@example.com\n"}},
        {"customer.name": "control_character", "customer.email": "control_character"},
    ),
    "a NUL": ({"notes": "a\x00b"}, {"notes": "control_character"}),
    "a time without its offset": ({"starts_at": "2027-03-02T10:00:00"}, {"starts_at": "instant"}),
    "a day that is not": ({"starts_at": "2027-02-29T10:00:00Z"}, {"starts_at": "instant"}),
    "a draft that is neither": ({"draft": "yes", "shop": 1}, {"draft": "bool_type", "shop": "string_type"}),
    "an empty time": ({"starts_at": ""}, {"starts_at": "instant"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_does_not_fit_is_named_field_by_field(front: Shopfront, name: str) -> None:
    changes, expected = SHAPES[name]
    assert faults(front.order(order(**changes))) == expected


MEANINGS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "all at once": (
        {"model": "no-such", "shop": "nowhere", "customer": {**ADA, "phone": "+44 1"}},
        {"model": "unknown-model", "shop": "unknown-shop", "customer.phone": "phone"},
    ),
    "all at once, and each by itself": (
        {
            "model": "no-such", "repairs": ["no-such", "screen", "screen"], "starts_at": "2020-01-01T10:00:00Z",
            "shop": "nowhere", "quote": "abc", "customer": {**ADA, "phone": "+44 1"},
        },
        {
            "model": "unknown-model", "repairs.0": "unknown-repair", "repairs.2": "repeated", "starts_at": "too-soon",
            "shop": "unknown-shop", "quote": "quote-unknown", "customer.phone": "phone",
        },
    ),
    "an unknown repair, the past and no quote": (
        {"repairs": ["no-such"], "starts_at": "2020-01-01T10:00:00Z", "quote": "abc"},
        {"repairs.0": "unknown-repair", "starts_at": "too-soon", "quote": "quote-unknown"},
    ),
    "an unknown shop, with what is good at any": (
        {"shop": "nowhere", "starts_at": "2027-03-02T03:10:00Z"}, {"shop": "unknown-shop"},
    ),
    "repairs": (
        {"repairs": ["screen", "fan", "screen", "no-such"], "starts_at": after(hours=-1)},
        {
            "repairs.1": "unknown-repair", "repairs.2": "repeated", "repairs.3": "unknown-repair",
            "starts_at": "too-soon",
        },
    ),
    "a quote that is none, at a wrong time": (
        {"quote": "abc.def", "starts_at": "2027-03-02T10:10:00Z"},
        {"quote": "quote-unknown", "starts_at": "off-grid"},
    ),
    "the past": ({"starts_at": after(days=-1, hours=2)}, {"starts_at": "too-soon"}),
    "within the lead time": ({"starts_at": after(minutes=30)}, {"starts_at": "too-soon"}),
    "the year 1": ({"starts_at": "0001-01-01T00:00:00+14:00"}, {"starts_at": "instant"}),
    "beyond the horizon": ({"starts_at": after(days=61, hours=2)}, {"starts_at": "too-far"}),
    "the first day of all": ({"starts_at": "0001-01-01T00:00:00Z"}, {"starts_at": "instant"}),
    "the year 9998": ({"starts_at": "9998-12-31T23:30:00Z"}, {"starts_at": "too-far"}),
    "the year 9999": ({"starts_at": "9999-12-31T23:30:00Z"}, {"starts_at": "instant"}),
    "before opening": ({"starts_at": "2027-03-02T08:30:00Z"}, {"starts_at": "outside-hours"}),
    "done after closing": ({"starts_at": "2027-03-02T17:00:00Z"}, {"starts_at": "outside-hours"}),
    "a Sunday": ({"starts_at": "2027-03-07T11:00:00Z"}, {"starts_at": "outside-hours"}),
    "off the grid": ({"starts_at": "2027-03-02T10:15:00Z"}, {"starts_at": "off-grid"}),
    "a second past": ({"starts_at": "2027-03-02T10:00:01Z"}, {"starts_at": "off-grid"}),
    "a skipped wall time": ({"starts_at": "2027-03-28T01:30:00+00:00"}, {"starts_at": "outside-hours"}),
    "a wall time that the clock skips": ({"starts_at": "2027-03-28T01:30:00+01:00"}, {"starts_at": "skipped-hour"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
@pytest.mark.parametrize("draft", [False, True])
def test_what_can_not_be_is_named_all_at_once(front: Shopfront, name: str, draft: bool) -> None:
    changes, expected = MEANINGS[name]
    assert faults(front.order(order(**changes, draft=draft))) == expected


BOTH: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "an address and a shop": (
        {"customer": {**ADA, "email": "x"}, "shop": "nowhere"}, {"customer.email": "email", "shop": "unknown-shop"},
    ),
    "one field, and all the others": (
        {
            "urgency": "soon", "model": "no-such", "repairs": ["no-such"], "starts_at": "2020-01-01T10:00:00Z",
            "shop": "nowhere", "quote": "abc", "customer": {**ADA, "phone": "+44 1"}, "locale": "xx-", "role": "admin",
        },
        {
            "urgency": "enum", "model": "unknown-model", "repairs.0": "unknown-repair", "starts_at": "too-soon",
            "shop": "unknown-shop", "quote": "quote-unknown", "customer.phone": "phone",
            "locale": "language", "role": "extra_forbidden",
        },
    ),
    "no shop's hours while the shop is garbled": (
        {"shop": "?", "starts_at": "2027-03-02T03:10:00Z"}, {"shop": "slug"},
    ),
    "nothing about what is missing or garbled itself": (
        {"model": ..., "repairs": [5], "starts_at": "2027-03-07T11:00:00Z"},
        {"model": "missing", "repairs.0": "string_type", "starts_at": "outside-hours"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("draft", [False, True])
def test_what_does_not_fit_and_what_can_not_be_are_named_at_once(front: Shopfront, name: str, draft: bool) -> None:
    changes, expected = BOTH[name]
    assert faults(front.order(order(**changes, draft=draft))) == expected


def test_a_quote_for_another_order_is_not_told_from_while_the_order_is_not_whole(front: Shopfront) -> None:
    express = quoted(front, urgency="express")
    assert faults(front.order(order(quote=express, urgency="soon"))) == {"urgency": "enum"}


def test_a_day_on_which_the_shop_is_closed_is_refused(front: Shopfront) -> None:
    with front.tables():
        Closure.create(shop=1, starts_on=date(2027, 3, 2), ends_on=date(2027, 3, 3), reason="Holiday")
    front.furnish()
    try:
        assert faults(front.order(order())) == {"starts_at": "outside-hours"}
        assert not front.slots(first="2027-03-02", days=2)
        assert front.slots(first="2027-03-04", days=1)
    finally:
        with front.tables():
            Closure.delete().execute()
        front.furnish()


POISON = {
    "nothing": b"",
    "half": b'{"model": "apple',
    "deep": b"[" * 30_000,
    "deep in a field": b'{"notes": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "not a number": b'{"model": NaN}',
    "infinite": b'{"model": 1e999}',
    "a lone surrogate": b'{"notes": "\\ud800"}',
    "wrong UTF-8": b'{"notes": "\xff"}',
    "twice": b'{"model": "a", "model": "b"}',
}


@pytest.mark.parametrize("path", ["/api/bookings", "/api/quotes"])
@pytest.mark.parametrize("name", POISON)
def test_poisoned_json_is_400(front: Shopfront, name: str, path: str) -> None:
    reply = front.post(path, POISON[name])
    assert reply.status == 400, reply.body
    assert set(reply.json) >= {"type", "title", "status", "detail", "request_id"}


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5", b'{"model": 1180591620717411303424}'])
def test_json_that_is_no_order_is_422(front: Shopfront, body: bytes) -> None:
    assert faults(front.post("/api/bookings", body))


def test_a_body_over_64_kib_is_413(front: Shopfront) -> None:
    assert front.order(order(notes="x" * 70_000)).status == 413


def test_the_same_faults_are_named_for_a_quote(front: Shopfront) -> None:
    wish = {
        "model": "no-such", "repairs": ["screen", "no-such"], "shop": "nowhere",
        "starts_at": "2027-03-28T01:30:00+01:00",
    }  # fmt: skip
    assert faults(front.post("/api/quotes", wish)) == {
        "model": "unknown-model", "repairs.1": "unknown-repair", "shop": "unknown-shop",
    }  # fmt: skip
    del wish["shop"], wish["repairs"][1]
    assert faults(front.post("/api/quotes", wish)) == {"model": "unknown-model", "starts_at": "skipped-hour"}
    assert set(faults(front.post("/api/quotes", {"extra": 1}))) == {"model", "repairs", "extra"}


def test_what_does_not_fit_and_what_can_not_be_are_named_at_once_for_a_quote(front: Shopfront) -> None:
    wish = {"model": "no-such", "repairs": ["no-such"], "starts_at": "tomorrow", "urgency": "soon", "shop": "nowhere"}
    assert faults(front.post("/api/quotes", wish)) == {
        "model": "unknown-model", "repairs.0": "unknown-repair", "starts_at": "instant", "urgency": "enum",
        "shop": "unknown-shop",
    }  # fmt: skip
    wish |= {"model": "apple-iphone-13", "starts_at": "2027-03-28T01:30:00+01:00", "shop": "?"}
    assert faults(front.post("/api/quotes", wish)) == {
        "repairs.0": "unknown-repair", "urgency": "enum", "shop": "slug",
    }  # fmt: skip


QUERIES = {
    "model=apple-iphone-13": {"repairs"},
    "": {"model", "repairs"},
    "model=no-such&repairs=screen": {"model"},
    "model=no-such&repairs=screen&shop=nowhere": {"model", "shop"},
    "model=no-such&repairs=screen,no-such&shop=nowhere": {"model", "repairs.1", "shop"},
    "model=apple-iphone-13&repairs=fan,no-such": {"repairs.0", "repairs.1"},
    "model=apple-iphone-13&repairs=screen,screen": {"repairs"},
    "model=apple-iphone-13&repairs=screen&from=tomorrow&days=0": {"from", "days"},
    "model=apple-iphone-13&repairs=screen&from=2027-02-29&days=93&x=1": {"from", "days", "x"},
    "model=apple-iphone-13&repairs=screen&days=7&days=8": {"days"},
    "model=no-such&repairs=no-such&from=tomorrow&days=0&x=1": {"model", "repairs.0", "from", "days", "x"},
    "model=no-such&shop=nowhere": {"model", "repairs", "shop"},
    "repairs=no-such,screen&shop=!": {"model", "repairs.0", "shop"},
    "model=a&model=b&repairs=no-such": {"model", "repairs.0"},
}


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_wrong_with_a_question_for_free_times_is_named(front: Shopfront, query: str) -> None:
    assert set(faults(front.get(f"/api/availability?{query}"))) == QUERIES[query]


@pytest.mark.parametrize("first", ["0001-01-01", "9999-12-31", "2020-01-01"])
def test_days_out_of_reach_have_no_free_time(front: Shopfront, first: str) -> None:
    assert front.slots(first=first, days=92) == []


def quoted(front: Shopfront, **changes: Any) -> str:
    wish = {"model": "apple-iphone-13", "repairs": ["screen"], **changes}
    return str(front.post("/api/quotes", wish).json["quote"])


@pytest.mark.parametrize(
    "other",
    [
        {"model": "apple-iphone-14"},
        {"repairs": ["battery"]},
        {"urgency": "express"},
        {"repairs": ["screen", "battery"]},
    ],
)
def test_a_quote_for_another_order_is_refused(front: Shopfront, other: dict[str, Any]) -> None:
    assert faults(front.order(order(quote=quoted(front, **other)))) == {"quote": "quote-mismatch"}


def test_a_quote_is_kept_for_a_day_and_no_longer(front: Shopfront, travel: Callable[..., None]) -> None:
    quote = quoted(front)
    travel(hours=24)
    assert faults(front.order(order(quote=quote, starts_at=after(days=2, hours=1)))) == {"quote": "quote-expired"}


@pytest.mark.parametrize(
    "forge", [lambda q: q[:-2] + "AA", lambda q: "A" + q[1:], lambda q: q.replace(".", ".."), lambda q: "é.é"]
)
def test_a_forged_quote_is_refused(front: Shopfront, forge: Callable[[str], str]) -> None:
    assert faults(front.order(order(quote=forge(quoted(front))))) == {"quote": "quote-unknown"}


def test_a_booking_that_is_not_there_or_not_theirs_is_not_told_apart(front: Shopfront) -> None:
    assert front.get("/api/bookings/RV-00000000").status == 401
    assert front.get("/api/bookings/RV-00000000", "x" * 43).status == 401
    assert front.get("/api/bookings/nonsense").status in (401, 404)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "one,two"])
def test_a_key_that_is_none_is_400(front: Shopfront, key: str) -> None:
    assert front.order(order(), Idempotency_Key=key).status == 400


def test_a_good_order_would_be_taken(front: Shopfront) -> None:
    """What all of this hangs on: the base of every bad order is a good one."""
    assert TUESDAY in [slot["starts_at"] for slot in front.slots(first="2027-03-02", days=1)]
