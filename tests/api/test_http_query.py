"""Queries and lists."""

from __future__ import annotations

import pytest

from tests.api.conftest import Demo


def test_values_are_typed(demo: Demo) -> None:
    answer = demo.get("/api/search?year=2021&brands=apple,samsung&since=2026-01-31")
    assert answer.json() == {"year": "2021", "brands": "('apple', 'samsung')", "since": "2026-01-31"}


def test_an_empty_value_counts_as_not_sent(demo: Demo) -> None:
    assert demo.get("/api/search?year=&brands=").json() == {"year": "None", "brands": "None", "since": "None"}


def test_no_query_counts_as_nothing_sent_the_second_time_too(demo: Demo) -> None:
    demo.get("/api/search?year=2021")
    for _ in range(2):
        assert demo.get("/api/search").json() == {"year": "None", "brands": "None", "since": "None"}


def test_a_query_that_needs_something_is_422_each_time_that_it_is_empty(demo: Demo) -> None:
    for _ in range(2):
        answer = demo.get("/api/needy")
        assert [fault["field"] for fault in answer.json()["errors"]] == ["word"]
    assert demo.get("/api/needy?word=a").json() == {"word": "a"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("year=x", "year"), ("year=1.5", "year"), ("year=%2B2021", "year"), ("year=2_021", "year"), ("year=1", "year"),
        ("year=99999999999999999999", "year"), ("year=٢٠٢١", "year"), ("brands=a,,b", "brands.1"),
        ("brands=a,a", "brands"), ("brands=a%00", "brands"), ("brands=b,a%00", "brands.1"),
        ("since=2026-02-30", "since"),
        ("since=20260101", "since"), ("stranger=1", "stranger"), ("year=2020&year=2021", "year"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_422_and_named(demo: Demo, query: str, field: str) -> None:
    answer = demo.get(f"/api/search?{query}")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("query", ["year=%ff", "%ff=1", "&".join(f"a{n}=1" for n in range(200))])
def test_a_query_that_can_not_be_read_is_400(demo: Demo, query: str) -> None:
    assert demo.get(f"/api/search?{query}").status_code == 400


def test_bytes_that_are_not_percent_encoded_are_refused(demo: Demo) -> None:
    for raw in ("é".encode(), b"\xff"):
        assert demo.raw(b"GET /api/search?brands=" + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_parameters_are_refused_where_there_are_none_except_the_token(demo: Demo) -> None:
    assert demo.get("/api/plain?x=1").status_code == 422
    assert demo.get("/api/plain?token=x").status_code == 200


def test_a_list_has_a_default_size_and_a_cap(demo: Demo) -> None:
    answer = demo.get("/api/numbers").json()
    assert len(answer["items"]) == 20
    assert answer["sort"] == [["number", True]]
    assert "total" not in answer
    assert len(demo.get("/api/numbers?limit=200").json()["items"]) == 100
    assert demo.get("/api/numbers?limit=201").status_code == 422
    assert demo.get("/api/numbers?limit=0").status_code == 422


def test_next_and_link_lead_through_the_whole_list(demo: Demo) -> None:
    seen, path = [], "/api/numbers?limit=30&parity=odd&sort=-name,number"
    while path:
        answer = demo.get(path)
        seen += [item["number"] for item in answer.json()["items"]]
        assert answer.json()["filters"] == {"parity": "odd"}
        assert answer.json()["sort"] == [["name", True], ["number", False]]
        path = answer.links.get("next", {}).get("url")
        assert bool(path) == (answer.json()["next"] is not None)
    assert seen == list(range(100))


def test_offset_pages_have_a_total(demo: Demo) -> None:
    first, last = demo.get("/api/numbers?page=1&limit=60"), demo.get("/api/numbers?page=2&limit=60")
    assert first.json()["total"] == 100
    assert first.links["next"]["url"] == "/api/numbers?limit=60&page=2"
    assert len(last.json()["items"]) == 40
    assert "next" not in last.links


@pytest.mark.parametrize("query", ["sort=stranger", "sort=number,number", "sort=number,-number", "sort=,", "page=0"])
def test_a_wrong_sort_or_page_is_422(demo: Demo, query: str) -> None:
    answer = demo.get(f"/api/numbers?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_sort_that_names_one_thing_twice_is_told_so(demo: Demo) -> None:
    told = [demo.get(f"/api/numbers?sort={sort}").json()["errors"][0]["message"] for sort in ("name,-name", "x")]
    assert told == ["must name each only once", "must name some of: number, name"]


def test_a_cursor_and_a_page_exclude_each_other(demo: Demo) -> None:
    assert demo.get("/api/numbers?after=5&page=2").status_code == 422
