"""Made-up bookings are such as could have been made in the ordinary way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from reviva import clock
from reviva.database.connection import open_database
from reviva.errors import Conflict
from reviva.models import Booking, BookingHistory, BookingItem, BookingSlot, Closure, Customer, Hours, Notification
from reviva.models.booking import OVER
from reviva.paging import ListQuery
from reviva.repositories.base import Repository
from reviva.repositories.booking import BookingRepository
from reviva.services import demo, demo_lines, housekeeping
from reviva.services.booking_status import NEXT
from reviva.services.demo_history import appointments
from reviva.services.demo_lines import EARLY, Writer, made, reference
from reviva.services.demo_pool import person
from reviva.words import searchable
from tests import databases
from tests.people import COMMAND, services_over

NOW = datetime(2026, 6, 17, 12, 30, tzinfo=UTC)


@pytest.fixture
def stocked(new_url: Callable[..., str], freeze: Callable[[datetime], None]) -> Iterator[Database]:
    freeze(NOW)
    database = open_database(new_url(seeded=True))
    database.connect()
    with closing(database):
        yield database


@pytest.fixture(scope="module", params=databases.BACKENDS)
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Five hundred bookings, for tests that only read."""
    with made_in(request.param, tmp_path_factory.mktemp("past"), 500) as database:
        yield database


@pytest.fixture(scope="module", params=databases.BACKENDS)
def drafted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BookingRepository]:
    """Sixty bookings, of which three are drafts, for tests that only read."""
    with made_in(request.param, tmp_path_factory.mktemp("listed"), 60) as database:
        bookings = BookingRepository(database)
        for id in (3, 9, 30):
            bookings.update(id, status="draft", starts_at=None, ends_at=None, total=None)
        yield bookings


@contextmanager
def made_in(backend: str, folder: Path, count: int) -> Iterator[Database]:
    """A seeded database with so many bookings."""
    with databases.new_url(backend, folder, seeded=True) as url, closing(open_database(url)) as database:
        database.connect()
        with clock.frozen(NOW):
            make(database, count)
        yield database


def make(database: Database, count: int, days: int = 60, seed: int = 7) -> int:
    return services_over(database).demo.make(COMMAND, count, days, seed)


def furnish(database: Database, hours: list[tuple[int, int, int]], closed: date | None = None) -> None:
    """Gives the first shop these hours, (weekday, opens, closes) in minutes, and perhaps a day off."""
    with database.bind_ctx([Hours, Closure]):
        Hours.delete().execute()
        for day, opens, closes in hours:
            Hours.create(shop=1, weekday=day, opens=opens, closes=closes)
        if closed:
            Closure.create(shop=1, starts_on=closed, ends_on=closed)


def found(words: str) -> ListQuery:
    return ListQuery(filters={"q": words})


def rows(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.execute_sql(query, values or None).fetchall()]


def every(model: Any, database: Database) -> Iterator[Any]:
    yield from model.select().order_by(*model._meta.get_primary_keys()).bind(database).execute()


def test_as_many_bookings_as_asked_with_past_and_future(past: Database) -> None:
    bookings = list(every(Booking, past))
    assert len(bookings) == 500
    assert min(b.starts_at for b in bookings) < NOW - timedelta(days=50)
    assert NOW < max(b.starts_at for b in bookings) < NOW + timedelta(days=40)
    assert max(b.created_at for b in bookings) <= NOW
    assert {b.status for b in bookings if b.starts_at > NOW} <= {"pending", "confirmed", "cancelled"}
    old = [b.status for b in bookings if b.starts_at < NOW - timedelta(days=12)]
    assert set(old) == {"completed", "cancelled", "no_show"}
    assert old.count("completed") > 0.75 * len(old)


def test_every_history_goes_allowed_steps_forward_in_time_to_the_present_status(past: Database) -> None:
    steps: dict[int, list[Any]] = {}
    for step in every(BookingHistory, past):
        steps.setdefault(step.booking_id, []).append(step)
    for booking in every(Booking, past):
        history = steps[booking.id]
        assert history[0].from_status is None
        assert history[0].at == booking.created_at
        for before, after in itertools.pairwise(history):
            assert after.to_status in NEXT[before.to_status]
            assert after.from_status == before.to_status
            assert before.at <= after.at <= NOW
        assert (history[-1].to_status, history[-1].at) == (booking.status, booking.updated_at)
        assert [step.version for step in history] == [*range(1, booking.version + 1)]


def test_the_shops_own_steps_are_made_while_it_is_open_or_soon_after(stocked: Database) -> None:
    furnish(stocked, [(0, 540, 720), (0, 780, 1020), (3, 600, 960)], closed=(NOW - timedelta(days=20)).date())
    make(stocked, 500)
    calendar, seen = services_over(stocked).shops.open(None).calendar, set()
    for step in every(BookingHistory, stocked):
        if step.from_status in EARLY or step.to_status in ("checked_in", "cancelled", "no_show"):
            continue
        late = timedelta(0) if step.to_status == "completed" else timedelta(minutes=30)
        seen.add(step.to_status)
        assert any(
            s.opens <= step.at <= s.closes + late for s in calendar.spans(step.at.astimezone(calendar.zone).date())
        )
    assert seen == {"diagnosing", "awaiting_approval", "awaiting_parts", "in_repair", "ready", "completed"}


def test_more_shops_are_closed_when_the_first_one_is(stocked: Database) -> None:
    furnish(stocked, [(day, 540, 1020) for day in range(7)], closed=NOW.date())
    make(stocked, 50)
    make(stocked, 50, seed=8)
    with stocked.bind_ctx([Closure]):
        assert [each.starts_on for each in Closure.select()] == [NOW.date()] * 2


@pytest.mark.parametrize("hours", [[], [(6, 600, 615)], [(day, 540, 550) for day in range(7)]])
def test_a_shop_that_is_never_open_for_long_enough_is_told(
    stocked: Database, hours: list[tuple[int, int, int]]
) -> None:
    furnish(stocked, hours)
    with pytest.raises(Conflict, match="hours"):
        make(stocked, 20)


def test_time_on_the_benches_is_what_the_calendar_gives(past: Database) -> None:
    place = services_over(past).shops.open(None)
    taken: dict[int, list[datetime]] = {}
    for slot in every(BookingSlot, past):
        taken.setdefault(slot.booking_id, []).append(slot.starts_at)
    for booking in every(Booking, past):
        minutes = int((booking.ends_at - booking.starts_at).total_seconds()) // 60
        assert place.calendar.accepts(booking.starts_at, minutes)
        assert place.calendar.on_grid(booking.starts_at)
        steps = place.calendar.occupied(booking.starts_at, minutes, place.shop.buffer_minutes)
        kept = [step for step in steps if booking.status not in OVER or step < booking.updated_at]
        kept = [step for step in kept if step >= NOW - housekeeping.BENCH_TIME_KEPT]
        assert sorted(taken.get(booking.id, [])) == kept


def test_prices_add_up_and_are_explained(past: Database) -> None:
    sums: dict[int, int] = {}
    adjusted = 0
    for item in every(BookingItem, past):
        assert item.base + sum(step["effect"] for step in item.adjustments) == item.price
        adjusted += bool(item.adjustments)
        sums[item.booking_id] = sums.get(item.booking_id, 0) + item.price
    assert sums == {booking.id: booking.total for booking in every(Booking, past)}
    assert adjusted


def test_people_come_back_and_can_be_found(past: Database) -> None:
    people = list(every(Customer, past))
    assert 100 < len(people) < 300
    ((most,),) = rows(past, "SELECT max(n) FROM (SELECT count(*) AS n FROM booking GROUP BY customer_id) AS visits")
    assert 4 < most < 30
    assert all(c.search_text == searchable([c.name, c.email, c.phone or ""]) for c in people)
    found = rows(past, "SELECT b.search_text, SUBSTR(b.reference, 4), c.search_text, r.name, m.name FROM booking b"
                 " JOIN customer c ON c.id = b.customer_id JOIN device_model m ON m.id = b.model_id"
                 " JOIN brand r ON r.id = m.brand_id")  # fmt: skip
    assert all(set(text.split()) == set(searchable(names).split()) for text, *names in found)


def test_nobody_is_written_to(past: Database) -> None:
    messages = list(every(Notification, past))
    waiting = [m for m in messages if m.status == "queued"]
    assert waiting
    assert {m.channel for m in waiting} == {"log"}
    assert all(m.recipient.endswith("@example.com") or m.recipient.startswith("+447700900") for m in messages)
    assert all(m.sent_at is not None and m.sent_at <= NOW for m in messages if m.status == "sent")


def test_messages_and_events_are_numbered_in_the_order_of_time(past: Database) -> None:
    for table, column in (("notification", "created_at"), ("event", "at")):
        times = [at for (at,) in rows(past, f"SELECT {column} FROM {table} ORDER BY id")]
        assert times == sorted(times)
        assert len(times) > 50


def test_the_same_number_makes_the_same_bookings(stocked: Database, new_url: Callable[..., str], backend: str) -> None:
    other = open_database(new_url(seeded=True))
    other.connect()
    query = "SELECT reference, status, starts_at, total, bench_id, customer_id FROM booking ORDER BY id"
    with closing(other):
        make(stocked, 200)
        make(other, 200)
        assert rows(stocked, query) == rows(other, query)


@pytest.fixture
def chunk(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bookings are made at a time: fewer than usual, for two of them are a big load already."""
    for module in (demo, demo_lines):
        monkeypatch.setattr(module, "CHUNK", 500)
    return 500


def test_chunks_made_side_by_side_are_those_that_one_process_would_make(stocked: Database, chunk: int) -> None:
    plan = services_over(stocked).demo.plan(2 * chunk, 90, 3)
    alone, all_of_it = Writer(plan), list(appointments(plan))
    parts = [alone.chunk(number, all_of_it[number * chunk :][:chunk]) for number in (1, 0)]
    assert list(made(plan)) == parts[::-1]


def test_it_adds_to_what_is_there_and_rows_go_on_behind_it(stocked: Database) -> None:
    assert make(stocked, 200) == 1
    before = rows(stocked, "SELECT * FROM booking ORDER BY id")
    assert make(stocked, 200) == 1
    assert rows(stocked, "SELECT * FROM booking ORDER BY id")[:200] == before
    assert rows(stocked, "SELECT count(*), count(DISTINCT bench_id) FROM booking")[0] >= (400, 4)
    repository = Repository[Customer](stocked)
    repository.model = Customer
    last = rows(stocked, "SELECT max(id) FROM customer")[0][0]
    assert repository.create(created_at=clock.now(), updated_at=clock.now()).id > last


def test_a_big_load_leaves_the_schema_as_it_was(stocked: Database, backend: str, chunk: int) -> None:
    query = (
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1" if backend == "sqlite" else
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid >= 16384 UNION ALL"
        " SELECT conname || pg_get_constraintdef(oid) || convalidated::text FROM pg_constraint ORDER BY 1"
    )  # fmt: skip
    before = rows(stocked, query)
    told: list[int] = []
    services_over(stocked).demo.make(COMMAND, 2 * chunk + 1, 90, 3, told.append)
    assert rows(stocked, query) == before
    assert len(told) == 3
    assert sum(told) == 2 * chunk + 1 == rows(stocked, "SELECT count(*) FROM booking")[0][0]
    reference, email = rows(stocked, "SELECT reference, email FROM booking JOIN customer ON customer_id = customer.id"
                            " ORDER BY booking.id DESC LIMIT 1")[0]  # fmt: skip
    services = services_over(stocked)
    assert [b["reference"] for b in services.bookings.bookings.listed(found(reference)).items] == [reference]
    assert email in [c["email"] for c in services.customers.customers.listed(found(email)).items]


@pytest.mark.parametrize("sort", [("starts_at", True), ("starts_at", False), ("status", True), ("total", True)])
@pytest.mark.parametrize("statuses", [None, ("draft", "pending", "confirmed", "completed")])
def test_pages_by_cursor_and_by_number_are_the_whole_list(drafted: BookingRepository, sort: Any, statuses: Any) -> None:
    wanted = ListQuery(limit=7, sort=(sort,), filters={"status": statuses} if statuses else {})
    pages, numbered = [drafted.listed(wanted)], list[Any]()
    while pages[-1].next:
        pages.append(drafted.listed(replace(wanted, after=pages[-1].next)))
    for number in range(1, len(pages) + 2):
        page = drafted.listed(replace(wanted, page=number))
        numbered += page.items
        assert page.total == drafted.count(*([Booking.status.in_(statuses)] if statuses else []))
    by_cursor = [row for page in pages for row in page.items]
    assert [row["id"] for row in numbered] == [row["id"] for row in by_cursor]
    assert len({row["id"] for row in numbered}) == page.total
    values = [row[sort[0]] for row in numbered if row[sort[0]] is not None]
    assert values == sorted(values, reverse=sort[1])
    assert all(row[sort[0]] is None for row in numbered[len(values) :])  # what has none comes last


def test_without_a_price_list_there_is_one_clear_error(database: Database) -> None:
    with pytest.raises(Exception, match="shop"):
        make(database, 10)


def test_references_differ_and_people_are_always_the_same() -> None:
    assert len({reference(n) for n in range(50_000)}) == 50_000
    assert person(12) == person(12)
    assert len({person(n).email for n in range(5_000)}) == 5_000
