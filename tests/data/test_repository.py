"""What every repository can do: one row, many rows, sums, and lists by cursor, by number and by words."""

from __future__ import annotations

import itertools
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database, IntegrityError, fn

from reviva.errors import Conflict, Invalid, NotFound, VersionConflict
from reviva.models import User
from reviva.paging import ListQuery
from reviva.repositories import page
from reviva.repositories.booking import BookingRepository
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.user import UserRepository
from tests.people import make_booking, services_over

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = ("id", "email", "name", "role", "created_at", "last_login_at")


@pytest.fixture
def users(database: Database) -> UserRepository:
    return UserRepository(database)


def person(email: str, **more: Any) -> dict[str, Any]:
    return {
        "email": email, "email_key": email, "name": "", "role": "manager", "created_at": NOW, "updated_at": NOW, **more,
    }  # fmt: skip


def test_a_row_is_made_found_changed_and_removed(users: UserRepository) -> None:
    made = users.create(**person("ann@example.com", name="Ann"))
    assert users.get(made.id).name == "Ann"
    users.update(made.id, name="Anna")
    found = users.find(User.email == "ann@example.com")
    assert found is not None
    assert (found.name, found.role, found.created_at) == ("Anna", "manager", NOW)
    users.delete(made.id)
    assert users.find(User.id == made.id) is None
    assert (users.count(), users.exists()) == (0, False)


def test_another_reference_is_tried_where_one_is_taken_and_for_nothing_else(database: Database) -> None:
    bookings = BookingRepository(database)
    row = bookings.get(make_booking(services_over(database), "RV-00000001", None, status="draft")).__data__
    kept = {name: row[name] for name in ("status", "currency", "created_at", "updated_at")}
    kept |= {"shop_id": row["shop"], "model_id": row["model"]}
    assert bookings.add(**kept, reference="RV-00000001") is None
    with pytest.raises(IntegrityError):
        bookings.add(**kept, reference="RV-00000002", total=10**15 + 1)


def test_what_is_not_there_is_said_by_its_noun(users: UserRepository) -> None:
    for attempt in (
        lambda: users.get(7), lambda: users.update(7, name="x"), lambda: users.update(7, version=1, name="x"),
        lambda: users.delete(7), lambda: users.delete(7, version=1),
    ):  # fmt: skip
        with pytest.raises(NotFound, match="no user 7"):
            attempt()


def test_a_change_needs_the_version_that_was_read_and_makes_the_next(users: UserRepository) -> None:
    id = users.create(**person("ann@example.com")).id
    users.update(id, version=1, name="first")
    for late in (lambda: users.update(id, version=1, name="late"), lambda: users.delete(id, version=1)):
        with pytest.raises(VersionConflict):
            late()
    assert (users.get(id).name, users.get(id).version) == ("first", 2)
    users.update(id, name="whoever is last")
    assert users.get(id).version == 3
    users.delete(id, version=3)
    assert not users.exists()


def test_a_value_that_must_be_alone_is_a_conflict(users: UserRepository) -> None:
    ann, ben = (users.create(**person(f"{name}@example.com")).id for name in ("ann", "ben"))
    for attempt in (
        lambda: users.create(**person("ann@example.com")),
        lambda: users.update(ben, email_key="ann@example.com"),
        lambda: users.create_many([person("cy@example.com"), person("ann@example.com")]),
    ):
        with pytest.raises(Conflict), users.database.atomic():
            attempt()
    assert [user.email for user in users.some()] == ["ann@example.com", "ben@example.com"]
    assert users.get(ann).version == users.get(ben).version == 1


def test_what_others_refer_to_stays(database: Database) -> None:
    customers = CustomerRepository(database)
    id = customers.create(created_at=NOW, updated_at=NOW).id
    make_booking(services_over(database), "RV-00000001", id)
    with pytest.raises(Conflict, match="in use"), database.atomic():
        customers.delete(id)
    assert customers.exists(customers.model.id == id)


def test_many_rows_are_made_changed_and_summed_up_at_once(users: UserRepository) -> None:
    roles = ("customer", "technician", "manager")
    people = (person(f"{n}@example.com", role=roles[n % 3], version=n) for n in range(1, 1202))
    assert users.create_many(people) == users.count() == 1201
    assert users.create_many([]) == 0
    assert users.update_many(User.role == "customer", active=False) == users.count(~User.active) == 400
    sums = {"people": fn.COUNT(User.id), "most": fn.MAX(User.version)}
    assert users.aggregate(sums, [User.role]) == [
        {"role": "customer", "people": 400, "most": 1200},
        {"role": "manager", "people": 400, "most": 1199},
        {"role": "technician", "people": 401, "most": 1201},
    ]
    assert users.aggregate(sums, (), User.version < 4) == [{"people": 3, "most": 3}]
    assert users.aggregate({"people": fn.COUNT(User.id)}, [User.active, User.role], User.role != "manager") == [
        {"active": False, "role": "customer", "people": 400}, {"active": True, "role": "technician", "people": 401},
    ]  # fmt: skip


def listing(users: UserRepository, **wanted: Any) -> list[list[int]]:
    """The ids on each page, by cursor."""
    pages, after = [], None
    while True:
        found = users.listed(ListQuery(after=after, **wanted))
        pages.append([row["id"] for row in found.items])
        if (after := found.next) is None:
            return pages


def truth(rows: list[dict[str, Any]], sort: tuple[tuple[str, bool], ...]) -> list[int]:
    """The ids in the order that was asked for: stable sorts, the last field first; what is missing comes last."""
    ordered = sorted(rows, key=lambda row: row["id"], reverse=bool(sort) and sort[-1][1])
    for name, descending in reversed(sort):
        given = [row for row in ordered if row[name] is not None]
        ordered = sorted(given, key=lambda row: row[name], reverse=descending) + [
            row for row in ordered if row[name] is None
        ]
    return [row["id"] for row in ordered]


FEW = st.integers(0, 3)
PEOPLE = st.lists(st.tuples(FEW, st.sampled_from(["manager", "technician"]), st.none() | FEW), max_size=12)
SORTS = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=3, unique_by=lambda key: key[0]).map(tuple)


@given(people=PEOPLE, sort=SORTS, limit=st.integers(1, 5), filtered=st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_by_cursor_and_by_number_are_the_list_in_its_order(
    users: UserRepository, people: list[Any], sort: tuple[tuple[str, bool], ...], limit: int, filtered: bool
) -> None:
    users.model.delete().bind(users.database).execute()
    for n, (name, role, login) in enumerate(people):
        at = None if login is None else NOW + timedelta(microseconds=login)
        users.create(**person(f"{n}@example.com", name=f"N{name}", role=role, last_login_at=at))
    rows = [{key: getattr(user, key) for key in NAMES} for user in users.some()]
    filters = {"role": ("manager",)} if filtered else {}
    expected = truth([row for row in rows if not filtered or row["role"] == "manager"], sort or (("id", False),))
    wanted = {"limit": limit, "sort": sort, "filters": filters}
    pages = listing(users, **wanted)
    assert list(itertools.chain(*pages)) == expected
    assert [len(each) for each in pages[:-1]] == [limit] * (len(pages) - 1)
    for number in range(1, len(pages) + 2):
        numbered = users.listed(ListQuery(page=number, **wanted))
        assert [row["id"] for row in numbered.items] == expected[(number - 1) * limit : number * limit]
        assert numbered.total == len(expected)


def test_a_page_is_never_longer_than_200(users: UserRepository) -> None:
    users.create_many(person(f"{n}@example.com") for n in range(203))
    assert [len(ids) for ids in listing(users, limit=10_000)] == [200, 3]
    assert [len(ids) for ids in listing(users, limit=0)][:2] == [1, 1]


def test_what_comes_and_goes_between_two_pages_neither_repeats_nor_hides_another(users: UserRepository) -> None:
    ids = [users.create(**person(f"{n}@example.com", name=f"{n}")).id for n in range(6)]
    first = users.listed(ListQuery(limit=2, sort=(("name", True),)))
    assert [row["id"] for row in first.items] == [ids[5], ids[4]]
    users.create(**person("new@example.com", name="9"))
    users.delete(ids[4])
    second = users.listed(ListQuery(limit=9, after=first.next, sort=(("name", True),)))
    assert [row["id"] for row in second.items] == [ids[3], ids[2], ids[1], ids[0]]


def cursor(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def wrong(users: UserRepository, **wanted: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        users.listed(ListQuery(**wanted))
    return [(fault.field, fault.code) for fault in refused.value.faults]


@pytest.mark.parametrize(
    "after",
    [
        "", "!", "é", "a" * 5, cursor(b"{}"), cursor(b'["id"]'), cursor(b'["id",1,2]'), cursor(b'["id","x"'),
        cursor(b'["id,",{},1]'), cursor(b'["name,","A"]'), cursor(b'["-name,-","A",1]'), cursor(b'["name,",null,1]'),
        cursor(b'["name,",true,1]'), cursor(b"\xff"),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_this_list_is_refused(users: UserRepository, after: str) -> None:
    assert wrong(users, after=after, sort=(("name", False),)) == [("after", "wrong-cursor")]


@pytest.mark.parametrize("moment", ['"2026-03-02T09:00:00"', '"yesterday"', "7", "null", '"9999-99-99T00:00:00+00:00"'])
def test_a_cursor_with_a_time_that_is_none_is_refused(users: UserRepository, moment: str) -> None:
    after = cursor(f'["created_at,",{moment},1]'.encode())
    assert wrong(users, after=after, sort=(("created_at", False),)) == [("after", "wrong-cursor")]


def test_unknown_sorts_and_filters_are_refused_by_name(users: UserRepository) -> None:
    assert wrong(users, sort=(("email", True), ("password_hash", False))) == [("sort", "unknown-sort")]
    assert wrong(users, filters={"hash": 1, "role": ("admin",), "q": "ann"}) == [
        ("hash", "unknown-filter"), ("q", "unknown-filter"),
    ]  # fmt: skip


def test_a_total_of_many_may_be_a_minute_old(
    users: UserRepository, monkeypatch: pytest.MonkeyPatch, travel: Callable[..., None]
) -> None:
    monkeypatch.setattr(page, "COUNTED", 3)

    def totals(role: str) -> int | None:
        return users.listed(ListQuery(page=1, limit=1, filters={"role": (role,)})).total

    for n in range(3):
        users.create(**person(f"{n}@example.com"))
        assert totals("manager") == n + 1
    for n in range(3, 6):
        users.create(**person(f"{n}@example.com"))
        assert totals("manager") == 4
        assert totals("technician") == 0
    travel(seconds=61)
    assert totals("manager") == 6


def test_rows_are_shown_in_the_order_asked_without_those_that_are_gone(users: UserRepository) -> None:
    one, two = (users.create(**person(f"{n}@example.com")).id for n in range(2))
    assert [row["id"] for row in users.shown([two, one, 99])] == [two, one]
    assert users.shown([]) == []
    assert users.one(99) is None
    assert "password_hash" not in (users.one(one) or {})
