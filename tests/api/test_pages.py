"""How the element and the hosted pages are served: to whom, how fresh, how small, framed by whom."""

from __future__ import annotations

from gzip import decompress

import pytest

from tests.api.shopfront import Shopfront

PAGES = ("/", "/book", "/track", "/track/RV-7K3M9Q2X", "/reset", "/unsubscribe")


@pytest.fixture
def front(database_url: str) -> Shopfront:
    return Shopfront(database_url)


@pytest.fixture
def backend() -> str:
    """SQLite alone: no page asks the database."""
    return "sqlite"


def test_any_site_may_load_the_element_and_ask_whether_it_has_changed(front: Shopfront) -> None:
    reply = front.get("/widget.js", headers={"Origin": "https://anybody.example"})
    assert reply.header("Content-Type") == "text/javascript; charset=utf-8"
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert reply.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert reply.header("Cache-Control") == "public, max-age=300"
    again = front.get("/widget.js", headers={"If-None-Match": reply.header("ETag") or ""})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip, deflate, br", True), ("br;q=1, gzip;q=0.5", True), ("gzip;q=0", False), ("", False)],
)
def test_a_script_is_packed_for_who_can_unpack_it(front: Shopfront, accepted: str, packed: bool) -> None:
    plain = front.get("/widget.js").body
    reply = front.get("/widget.js", headers={"Accept-Encoding": accepted})
    assert (reply.header("Content-Encoding") == "gzip") is packed
    assert reply.header("Vary") == "Origin, Accept-Encoding"
    assert (decompress(reply.body) if packed else reply.body) == plain
    assert len(reply.body) < 25_000 or not packed


def test_a_script_is_one_scope_and_holds_its_style(front: Shopfront) -> None:
    script = front.get("/widget.js").body.decode()
    assert script.startswith('(() => {\n"use strict";\nconst style = "')
    assert script.endswith("})();\n")


def ancestors(front: Shopfront, path: str) -> str:
    policy = front.get(path).header("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return policy.partition("frame-ancestors ")[2]


def test_who_may_frame_the_booking_page_is_who_may_call_the_api(front: Shopfront) -> None:
    assert ancestors(front, "/book") == "'self'"
    front.services.origins.allowed = frozenset({"https://shop.example", "http://b.example:8000"})
    assert ancestors(front, "/book") == "'self' http://b.example:8000 https://shop.example"
    assert front.get("/book").header("Cache-Control") == "no-cache"
    for path in ("/track/RV-7K3M9Q2X", "/track", "/reset"):
        assert ancestors(front, path) == "'none'"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_whatever_was_added_to_its_link(front: Shopfront, path: str) -> None:
    assert front.get(f"{path}?shop=main&utm_source=mail&token=RV-7K3M9Q2X.x").status == 200


def test_what_a_token_opens_is_kept_by_no_cache_and_told_to_nobody(front: Shopfront) -> None:
    for path in ("/track/RV-7K3M9Q2X", "/reset"):
        reply = front.get(path)
        assert reply.header("Cache-Control") == "no-store"
        assert reply.header("Referrer-Policy") == "no-referrer"
