"""People found by several words that very many have, and by what is like them: the same as by looking at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, product
from typing import Any

import pytest
from peewee import Database

from reviva.models.customer import Customer
from reviva.paging import ListQuery
from reviva.repositories import common_words, found, words_postgresql, words_sqlite
from reviva.repositories.common_words import Common, Part, both, part, queries
from reviva.repositories.customer import CustomerRepository
from reviva.words import asked as asked_for
from reviva.words import searchable
from tests.data.test_repository import NOW

GIVEN = ("Ann", "Anna", "Annabel", "Annж", "Joe", "Bo", "東京")
FAMILY = ("Ash", "Asher", "Ashton", "Ashß", "Ann", "Ash-Joe", "Smith")
ADDRESSES = ("ann@ash.org", "ashannab@x.org", "joe7@x.org", "ann9.ash@x.org", "bo@annabel.org")
QUERIES = (
    "ann", "anna", "an", "ash", "ashe", "ashe annab", "joe", "bo", "smi", "annж", "東", "org", "ann9", "0", "zed",
)  # fmt: skip

LOOKED_FOR = (
    "ann", "ash", "smith", "joe", "ann ash", "org bo", "joe smith", "smith ashton", "ashannabel", "ashannabx",
)  # fmt: skip


@pytest.fixture
def people(database: Database, monkeypatch: pytest.MonkeyPatch) -> CustomerRepository:
    """Every name with every address: 245 people, of whom few are 30."""
    monkeypatch.setattr(common_words, "FEW", 30)
    customers = CustomerRepository(database)
    customers.create_many(
        {
            "email": email, "email_key": f"{n}", "name": name, "search_text": searchable([name, email]),
            "marketing_consent": n % 3 == 0,
            "created_at": NOW + timedelta(hours=7 * n), "updated_at": NOW + timedelta(minutes=7 * n % 13),
        }
        for n, (name, email) in enumerate(product(map(" ".join, product(GIVEN, FAMILY)), ADDRESSES))
    )  # fmt: skip
    database.execute_sql("ANALYZE customer")
    return customers


def looked_for(customers: CustomerRepository, query: str) -> set[int]:
    """The slow truth."""
    every = customers.run(Customer.select(Customer.id, Customer.search_text))
    begun = [f" {word}" for word in asked_for(query)]
    return {row["id"] for row in every if all(word in f" {row['search_text']}" for word in begun)}


def test_each_of_two_beginnings_is_looked_for_whatever_is_common(people: CustomerRepository) -> None:
    for one, other in combinations(QUERIES, 2):
        wanted = ListQuery(filters={"q": f"{one} {other}"}, limit=200, page=1)
        found = people.listed(wanted)
        truth = looked_for(people, f"{one} {other}")
        assert found.total == len(truth), (one, other)
        assert {row["id"] for row in found.items} == truth or len(truth) > 200, (one, other)


@pytest.mark.parametrize("patience", [0, 1, 1000])
@pytest.mark.parametrize("sort", ["", "created_at", "-updated_at,name", "-name"])
def test_pages_of_what_many_have_follow_each_other_however_far_the_list_is_walked(
    people: CustomerRepository, monkeypatch: pytest.MonkeyPatch, sort: str, patience: int
) -> None:
    for module, name, value in ((found, "PAGE", 1), (words_sqlite, "KNOWN", 9), (words_sqlite, "A_LOOK", 0)):
        monkeypatch.setattr(module, name, value)
    for module in (words_postgresql, words_sqlite):
        monkeypatch.setattr(module, "PATIENCE", patience)
    check_pages(people, sort)


@pytest.mark.parametrize("filters", [{}, {"consent": True}])
@pytest.mark.parametrize("backend", ["postgresql"])
def test_pages_of_what_the_newest_days_have_follow_each_other(
    people: CustomerRepository, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any]
) -> None:
    monkeypatch.setattr(words_postgresql, "spanning", lambda *rows: 0.0)
    check_pages(people, filters=filters)


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_who_came_in_another_order_than_they_were_made_is_not_missed(
    people: CustomerRepository, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    """Those that were brought along from elsewhere are known by other ids."""
    for name, value in {"KNOWN": 30, "A_LOOK": 0}.items():
        monkeypatch.setattr(words_sqlite, name, value)
    every = [id for (id,) in people.database.execute_sql("SELECT id FROM customer ORDER BY id").fetchall()]
    for first, last in ((every[2], every[-2]), (every[100], every[150])):
        made = {row.id: row.created_at for row in people.some(Customer.id.in_([first, last]))}
        people.update(first, created_at=made[last])
        people.update(last, created_at=made[first])
    check_pages(people, sort)


@pytest.mark.parametrize(("filters", "times"), [({}, 1), ({"consent": True}, 2)])
@pytest.mark.parametrize("backend", ["postgresql"])
def test_on_a_few_days_a_page_is_found_without_a_look_at_the_others(
    people: CustomerRepository, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any], times: int
) -> None:
    monkeypatch.setattr(words_postgresql, "spanning", lambda *rows: 0.0)
    people.listed(ListQuery(filters={"q": "smith"}))  # what is known of words is kept
    execute, asked = people.database.execute_sql, list[str]()
    monkeypatch.setattr(people.database, "execute_sql", lambda sql, *more: asked.append(sql) or execute(sql, *more))
    assert len(people.listed(ListQuery(filters={"q": "smith", **filters}, limit=8)).items) == 8
    assert [sql.count("@@") for sql in asked if "STRPOS" in sql] == [2] * times


def check_pages(people: CustomerRepository, sort: str = "", filters: Mapping[str, Any] | None = None) -> None:
    """Pages by number and by cursor are those of the whole list, without what doesn't match."""
    keys = tuple((name.lstrip("-"), name[0] == "-") for name in sort.split(",") if name)
    wanted = ListQuery(sort=keys, filters=filters or {}, limit=200)
    first = people.listed(wanted)
    rest = [people.listed(replace(wanted, after=first.next))] if first.next else []
    order = [row["id"] for page in (first, *rest) for row in page.items]
    for query in LOOKED_FOR:
        truth, asking = looked_for(people, query), replace(wanted, filters={**wanted.filters, "q": query}, limit=20)
        by_number = [people.listed(replace(asking, page=page)) for page in range(1, len(truth) // 20 + 3)]
        by_cursor = [people.listed(asking)]
        while after := by_cursor[-1].next:
            by_cursor.append(people.listed(replace(asking, after=after)))
        for pages in (by_number, by_cursor):
            assert [row["id"] for page in pages for row in page.items] == [id for id in order if id in truth], query


KNOWN = Common(100_000, 365, {"smith": 0.1, "smiley": 0.1, "smart": 0.002, "iphone": 0.3, "13": 0.2})


def test_a_beginning_is_its_common_words_and_the_ranges_between_them() -> None:
    taken = part("smil", KNOWN)
    assert taken.often == "('smil' | 'smile' | 'smiley')"
    ranges = (taken.rest or "").strip("()").split(" | ")
    assert len(ranges) == 26 + 25 + 25
    assert {"'smila':*", "'smilea':*", "'smileya':*", "'smileyz':*"} <= set(ranges)
    assert not {"'smile':*", "'smiley':*"} & set(ranges)


def test_what_few_begin_with_is_asked_for_as_it_is() -> None:
    assert part("sma", KNOWN) == Part("'sma':*", None)
    assert part("unknown", KNOWN) == Part("'unknown':*", None)


def test_what_has_a_digit_goes_on_with_digits_too() -> None:
    assert len((part("13", KNOWN).rest or "").split("|")) == 36


@pytest.mark.parametrize("word", ["sm", "東京"])
def test_short_and_foreign_beginnings_are_not_taken_apart(word: str) -> None:
    assert part(word, Common(100_000, 365, {word: 0.2})) == Part(f"'{word}':*", None)


def test_a_beginning_of_too_many_common_words_is_not_taken_apart() -> None:
    known = Common(100_000, 365, {f"abc{letter * 3}": 0.1 for letter in "defgh"})
    assert part("abc", known) == Part("'abc':*", None)


def test_two_parts_at_once_have_each_pair_once() -> None:
    one, other = Part("a", "b"), Part("x", "y")
    assert list(both(one, other)) == ["a & x", "(b & (x | y)) | (a & y)"]
    assert list(both(one, Part("x", None))) == ["a & x", "(b & (x))"]
    assert list(both(Part("a", None), other)) == ["a & x", "(a & y)"]


def test_the_two_rarest_words_are_asked_for() -> None:
    assert queries(["iphone", "zed", "sma", "zed"], KNOWN) == ["'zed':* & 'sma':*"]
    assert queries(["zed"], KNOWN) == ["'zed':*"]
    assert [each[:11] for each in queries(["13"], KNOWN)] == ["('13')", "('13a':* | "]
