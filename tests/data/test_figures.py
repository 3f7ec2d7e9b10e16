"""The figures, however they were gathered, are those that reading every booking gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from peewee import Database

from reviva import clock
from reviva.database import monitor
from reviva.database.connection import open_database
from reviva.errors import Invalid
from reviva.models import Booking, BookingHistory, DayFigure, DayTotal, Notification, Shop
from reviva.models.booking import Status
from reviva.models.summary import Measure
from reviva.repositories.figure import FigureRepository
from reviva.repositories.figure import figure as figure_of
from reviva.services import Services, figure
from reviva.services.booking_status import NEXT
from tests.people import COMMAND, services_over
from tests.waiting import until

LONDON = ZoneInfo("Europe/London")
START = datetime(2026, 10, 20, 9, tzinfo=UTC)
"""The clocks go back on the 25th."""


@pytest.fixture
def services(new_url: Callable[..., str], freeze: Callable[[datetime], None]) -> Iterator[Services]:
    freeze(START)
    database = open_database(new_url(seeded=True))
    database.connect()
    with closing(database):
        yield services_over(database)


def book(services: Services, rng: Random) -> int:
    """A booking just made, without what the figures don't look at."""
    now = clock.now()
    database = services.database
    shop = rng.choice(services.figures.scope().shops)["id"]
    (customer,) = database.execute_sql(
        "INSERT INTO customer (name, locale, marketing_consent, notes, search_text, created_at, updated_at, version)"
        f" VALUES ('', 'en', FALSE, '', '', '{now.isoformat(' ', 'microseconds')}',"
        f" '{now.isoformat(' ', 'microseconds')}', 1) RETURNING id"
    ).fetchone()
    row = services.bookings.bookings.create(
        reference=f"RV-{rng.getrandbits(60)}", shop=shop, customer=customer, model=rng.randint(1, 5),
        status=Status.CONFIRMED, starts_at=now, ends_at=now + timedelta(minutes=rng.choice((30, 45, 90))),
        currency="GBP", total=rng.randint(0, 30_000), created_at=now, updated_at=now,
    )  # fmt: skip
    services.bookings.bookings.add_history(row.id, 1, None, "confirmed", now)
    return int(row.id)


def add_shop(services: Services, slug: str, zone: str) -> int:
    now = clock.now()
    return services.figures.shops.create(
        slug=slug, name=slug, timezone=zone, currency="GBP", created_at=now, updated_at=now
    ).id


def step(services: Services, rng: Random, id: int) -> None:
    """Whatever may come next."""
    row = services.bookings.bookings.get(id)
    if rng.random() < 0.2:  # what is changed besides the status is in the history too
        services.bookings.bookings.update(id)
        services.bookings.bookings.add_history(id, row.version + 1, str(row.status), str(row.status), clock.now())
        row = services.bookings.bookings.get(id)
    if following := NEXT[row.status]:
        after = rng.choices(following, [1 if each == "cancelled" else 6 for each in following])[0]
        services.bookings.bookings.update(id, status=after)
        services.bookings.bookings.add_history(id, row.version + 1, str(row.status), str(after), clock.now())


def truth(database: Database, first: date, last: date, slug: str | None = None) -> dict[str, Any]:
    """What the dashboard should say, of all shops or of one, by reading everything."""
    shops = {row.id: ZoneInfo(row.timezone) for row in Shop.select().bind(database) if slug in (None, row.slug)}
    bookings = {row.id: row for row in Booking.select().namedtuples().bind(database) if row.shop in shops}
    ordered = BookingHistory.select().order_by(BookingHistory.booking, BookingHistory.version)
    history = list(ordered.namedtuples().bind(database))
    steps: Counter[str] = Counter()
    revenue: Counter[date] = Counter()
    models: Counter[int] = Counter()
    came: dict[int, datetime] = {}
    ready: dict[int, datetime] = {}
    history = [row for row in history if row.booking in bookings and row.from_status != row.to_status]
    for row in history:
        if row.to_status == "checked_in":
            came.setdefault(row.booking, row.at)
        if row.to_status == "ready":
            ready[row.booking] = row.at
    waits = []
    for row in history:
        day = row.at.astimezone(shops[bookings[row.booking].shop]).date()
        if not first <= day <= last:
            continue
        steps[row.to_status] += 1
        models[bookings[row.booking].model] += row.from_status is None
        if row.to_status == "completed":
            revenue[day] += bookings[row.booking].total
            if row.booking in came and row.booking in ready:
                waits.append((ready[row.booking] - came[row.booking]).total_seconds())
    standing = Counter(str(row.status) for row in bookings.values())
    ends = ("completed", "cancelled", "no_show")
    seen = steps["no_show"] + steps["checked_in"]
    return {
        "counts": {str(s): steps[s] if s in ends else standing[s] for s in Status},
        "revenue": [amount for day in range((last - first).days + 1) for amount in [revenue[first + timedelta(day)]]],
        "bookings": sorted((+models).values(), reverse=True),
        "turnaround": round(sum(waits) / 3600 / len(waits), 2) if waits else None,
        "no_show_rate": round(steps["no_show"] / seen, 4) if seen else None,
    }


def told(services: Services, days: int, slug: str | None = None) -> dict[str, Any]:
    shown = services.figures.dashboard(days, slug)
    return {
        "counts": shown["counts"], "revenue": [row["amount"] for row in shown["revenue"]],
        "bookings": [row["bookings"] for row in shown["top_models"]], "turnaround": shown["turnaround_hours"],
        "no_show_rate": shown["no_show_rate"],
    }  # fmt: skip


def agree(services: Services, days: int, slug: str | None = None) -> bool:
    """Whether a dashboard says what reading everything says."""
    today = services.figures.scope(slug).today()
    return told(services, days, slug) == truth(services.database, today - timedelta(days - 1), today, slug)


def summed_up(database: Database) -> bool:
    """Whether the totals are those of the shops' figures, and there are some."""
    columns = "day, measure, key, SUM(count), SUM(amount)"
    shops, totals = (
        sorted((str(day), *rest) for day, *rest in database.execute_sql(
            f"SELECT {columns} FROM {table} WHERE measure NOT IN ('technician', 'counting') GROUP BY day, measure, key"
        ).fetchall())
        for table in ("day_figure", "day_total")
    )  # fmt: skip
    return shops == totals != []


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_and_random_settling_agree_with_the_slow_truth(
    services: Services, monkeypatch: pytest.MonkeyPatch, travel: Callable[..., None], seed: int
) -> None:
    monkeypatch.setattr(figure, "BUSY", seed + 1)
    rng, ids = Random(seed), list[int]()
    add_shop(services, "west", "America/Los_Angeles")
    for turn in range(150):
        act = rng.random()
        if turn == 60:
            add_shop(services, "east", "Pacific/Auckland")
        if act < 0.15:
            ids.append(book(services, rng))
        elif act < 0.75 and ids:
            for _ in range(rng.randint(1, 6)):
                step(services, rng, rng.choice(ids[-3:]))
                travel(seconds=rng.choice((5, 500)))
        elif act < 0.78:
            services.figures.settle(rng.randint(1, 9))
        elif act < 0.80:
            services.figures.keep_begun()
        elif act < 0.83:
            services.figures.settle_latest(3)
        elif act < 0.86:
            with services.database.atomic():
                services.figures.forget(clock.now().date() - timedelta(rng.randint(1, 3)))
        else:
            travel(seconds=rng.choice((60, 3_000, 20_000, 70_000)))
        if rng.random() < 0.15:
            assert agree(services, rng.choice((1, 2, 5, 30)), rng.choice((None, None, "main", "west")))
    services.figures.check_again()  # there is a new shop
    services.figures.settle(1_000)
    assert services.figures.settle(1_000) == 0
    assert told(services, 30)["counts"]["completed"] > 0
    for slug in (None, "main", "west", "east"):
        assert agree(services, 30, slug)
    assert summed_up(services.database)


@pytest.mark.parametrize("late", ["keep another shop", "keep the same shop", "forget"])
def test_two_processes_that_keep_or_drop_a_day_at_once_leave_true_totals(
    new_url: Callable[..., str], backend: str, late: str
) -> None:
    url = new_url(seeded=True)
    first, second = (FigureRepository(open_database(url)) for _ in range(2))
    day = START.date()

    def keep(figures: FigureRepository, shop: int) -> None:
        figures.keep(day, marks[shop], [figure_of(shop, Measure.STATUS, "ready", shop)])

    def work() -> None:
        with second.database.connection_context(), second.database.atomic():
            if late == "forget":
                second.forget(day)
            else:
                keep(second, 1 if late == "keep the same shop" else other)

    with first.database.connection_context(), ThreadPoolExecutor(1) as pool:
        other = add_shop(services_over(first.database), "west", "America/Los_Angeles")
        marks = {shop: first.begin(day, [shop]) for shop in (1, other)}
        with first.database.atomic():
            keep(first, 1)
            done = pool.submit(work)
            until(lambda: done.done() or backend == "sqlite" or waiting(first.database))
        done.result(timeout=10)
        assert summed_up(first.database) is (late != "forget")
        kept = first.kept_days(None, day, day)
        assert kept.whole == ({day} if late == "keep another shop" else set())
        assert kept.single == ({(1, day)} if late == "keep the same shop" else set())


@pytest.mark.parametrize("over", [True, False])
@pytest.mark.parametrize("dropping", ["forget", "drop", "drop_shop"])
def test_what_is_dropped_while_it_is_counted_is_not_kept(services: Services, dropping: str, over: bool) -> None:
    figures, day = services.figures.figures, START.date()
    other = add_shop(services, "west", "America/Los_Angeles")
    figures.begin(day, [other])
    mark = figures.begin(day, [1, other])
    assert figures.kept_days(None, day, day) == figures.kept_days(1, day, day) == (set(), set(), {})
    {"forget": figures.forget, "drop": lambda at: figures.drop(at, 1), "drop_shop": lambda at: figures.drop_shop(1)}[
        dropping
    ](day)
    counted = [figure_of(shop, Measure.STATUS, "ready", 1) for shop in (1, other)]
    if over:
        figures.keep(day, mark, counted)
    else:
        figures.keep_more(day, mark, counted, None, START)
    kept, left = figures.kept_days(None, day, day), {(other, day)} if dropping != "forget" else set()
    assert (kept.single if over else set(kept.begun)) == left
    assert [row["count"] for row in figures.kept(None, day, day)] == [1] * len(left)
    assert summed_up(services.database) is (dropping != "forget")


def test_of_two_that_count_a_day_who_began_last_keeps_it(services: Services) -> None:
    figures, day = services.figures.figures, START.date()
    first, second = figures.begin(day, [1]), figures.begin(day, [1])
    figures.keep(day, first, [figure_of(1, Measure.STATUS, "ready", 1)])
    figures.keep(day, second, [figure_of(1, Measure.STATUS, "ready", 2)])
    figures.keep(day, first, [figure_of(1, Measure.STATUS, "ready", 3)])
    assert figures.kept_days(None, day, day).whole == {day}
    assert [row["count"] for row in figures.kept(1, day, day)] == [2]


def waiting(database: Database) -> bool:
    """Whether another transaction waits for its turn. Not asked of pg_stat_activity, which stands still in one."""
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    sql = f"SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {here}"
    return bool(database.execute_sql(sql).fetchone()[0])


def test_a_day_is_kept_once_and_only_after_its_end(services: Services, freeze: Callable[[datetime], None]) -> None:
    book(services, Random(1))
    assert services.figures.settle() == 0
    freeze(datetime(2026, 10, 20, 23, 10, tzinfo=UTC))  # ten past midnight in London: somebody may still be committing
    assert services.figures.settle() == 0
    freeze(datetime(2026, 10, 20, 23, 16, tzinfo=UTC))
    assert services.figures.settle() == 1
    services.figures.check_again()
    assert services.figures.settle() == 0


def test_a_new_shop_does_not_make_others_be_counted_again(
    services: Services, travel: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    book(services, Random(1))
    travel(days=9)
    services.figures.settle(100)
    late = add_shop(services, "late", "Europe/London")
    count, counted = services.figures.counted, list[date]()
    monkeypatch.setattr(
        services.figures,
        "counted",
        lambda zone, shops, *span: counted.extend(figure.days(*span)) or count(zone, shops, *span),
    )
    for slug in (None, "late"):
        services.figures.dashboard(30, slug)
        services.reports.report("day", None, None, slug)
    assert set(counted) == {clock.now().date()}
    counted.clear()
    services.bookings.bookings.update(1, shop=late)
    services.figures.dashboard(30)
    assert len(counted) == 10


def test_days_that_are_not_kept_yet_are_counted_together(
    services: Services, travel: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    book(services, Random(1))
    for slug, zone in (("far", "Asia/Tokyo"), ("near", "Europe/Paris"), ("west", "America/New_York")):
        services.bookings.bookings.update(book(services, Random(2 + len(slug))), shop=add_shop(services, slug, zone))
    travel(days=300)
    work = monitor.begin("report", watched=True)
    caplog.clear()  # what was booked above may have been noted as part of somebody else's work
    report = services.reports.report("day", START.date(), clock.now().date(), None)
    assert report["total"]["bookings"] == 4
    assert work.statements < 80, "some for each change of the clock, and none for each day"
    assert "N+1" not in caplog.text


def test_kept_days_are_not_counted_again(services: Services, travel: Callable[..., None]) -> None:
    book(services, Random(1))
    travel(days=2)
    services.figures.settle()
    DayTotal.update(count=41).where(DayTotal.measure == "status").bind(services.database).execute()
    services.bookings.bookings.update(1, status=Status.CANCELLED)
    services.bookings.bookings.add_history(1, 2, "confirmed", "cancelled", clock.now())
    totals = services.figures.totals(services.figures.scope(), date(2026, 10, 20), date(2026, 10, 22))
    assert totals[date(2026, 10, 20), "status", "confirmed"] == (41, 0)
    assert totals[date(2026, 10, 22), "status", "cancelled"] == (1, 0)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps are much."""
    monkeypatch.setattr(figure, "BUSY", 3)


@pytest.fixture
def begun(busy: None, services: Services, travel: Callable[..., None]) -> datetime:
    """A day on which three bookings were made an hour ago; until when it is kept."""
    for n in range(3):
        book(services, Random(n))
    travel(hours=1)
    services.figures.keep_begun()
    return START + timedelta(minutes=45)


def kept_until(services: Services) -> dict[int, datetime]:
    """Until when the day is kept of each shop."""
    day = START.date()
    return {shop: until for (shop, _), until in services.figures.figures.kept_days(None, day, day).begun.items()}


@pytest.mark.usefixtures("busy")
def test_what_is_final_of_a_busy_day_is_kept_before_its_end(services: Services, travel: Callable[..., None]) -> None:
    for n in range(3):
        assert (services.figures.keep_begun(), kept_until(services)) == (None, {})
        book(services, Random(n))
    services.figures.keep_begun()
    assert kept_until(services) == {}, "who makes a step now may commit it later"
    travel(minutes=16)
    services.figures.keep_begun()
    until = START + timedelta(minutes=1)
    assert kept_until(services) == {1: until}
    assert agree(services, 1)
    assert summed_up(services.database)
    for n in range(3):
        step(services, Random(n), n + 1)
    travel(minutes=16, seconds=0.5)
    assert agree(services, 1)
    services.figures.keep_begun()
    assert kept_until(services) == {1: until + timedelta(minutes=16)}
    assert agree(services, 1)
    assert summed_up(services.database)


def test_what_is_kept_of_a_day_is_not_counted_again(services: Services, begun: datetime) -> None:
    BookingHistory.delete().bind(services.database).execute()
    id = book(services, Random(9))
    assert sum(told(services, 1)["bookings"]) == 4
    assert services.reports.report("day", None, None, None)["total"]["bookings"] == 4
    services.figures.keep_begun()
    assert kept_until(services) == {1: begun}, "one step more is not much"
    with services.database.atomic():
        services.figures.forget_day(1, "Europe/London", clock.now())
    assert sum(told(services, 1)["bookings"]) == 1
    assert services.bookings.bookings.get(id).status == "confirmed"


def test_a_busy_day_is_kept_whole_when_it_is_over(
    services: Services, begun: datetime, travel: Callable[..., None]
) -> None:
    travel(days=1)
    services.figures.keep_begun()
    assert kept_until(services) == {1: begun}
    assert agree(services, 2)
    assert services.figures.settle() == 1
    assert services.figures.figures.kept_days(None, START.date(), START.date()).whole == {START.date()}
    assert agree(services, 2)
    assert summed_up(services.database)


@pytest.mark.usefixtures("busy")
def test_a_shop_whose_day_was_dropped_is_counted_from_its_beginning(
    services: Services, travel: Callable[..., None]
) -> None:
    other = add_shop(services, "near", "Europe/London")
    for n in range(6):
        services.bookings.bookings.update(book(services, Random(n)), shop=(1, other)[n % 2])
    travel(hours=1)
    services.figures.keep_begun()
    with services.database.atomic():
        services.figures.forget_day(other, "Europe/London", clock.now())
    travel(hours=1)
    assert agree(services, 1)
    assert kept_until(services) == {1: START + timedelta(minutes=45)}
    services.figures.keep_begun()
    assert kept_until(services) == {1: START + timedelta(minutes=45), other: START + timedelta(minutes=105)}
    for slug in (None, "main", "near"):
        assert agree(services, 1, slug)
    assert summed_up(services.database)


@pytest.mark.usefixtures("busy")
def test_two_processes_that_keep_a_begun_day_at_once_count_no_step_twice(
    services: Services, travel: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        book(services, Random(n))
    travel(hours=1)
    part, other = services.figures.part, services_over(services.database).figures
    monkeypatch.setattr(services.figures, "part", lambda *span: (other.keep_begun(), part(*span))[1])
    services.figures.keep_begun()
    assert agree(services, 1)
    assert kept_until(services) == {1: START + timedelta(minutes=45)}


def test_a_past_that_is_added_is_counted(services: Services) -> None:
    services.demo.make(COMMAND, 200, 30, 1)
    services.figures.settle(100)
    services.demo.make(COMMAND, 200, 30, 2)
    first = clock.now().astimezone(LONDON).date() - timedelta(29)
    assert told(services, 30)["revenue"] == truth(services.database, first, first + timedelta(29))["revenue"]
    services.figures.settle(100)
    assert told(services, 30)["revenue"] == truth(services.database, first, first + timedelta(29))["revenue"]


def test_the_latest_days_can_be_kept_before_the_older_ones(services: Services) -> None:
    services.demo.make(COMMAND, 200, 30, 1)
    told_of: list[int] = []
    services.figures.settle_latest(7, told_of.append)
    assert sum(told_of) == 7
    kept = DayFigure.select(DayFigure.day).distinct().order_by(DayFigure.day).bind(services.database).tuples().execute()
    today = clock.now().astimezone(LONDON).date()
    assert [day for (day,) in kept] == [today - timedelta(n) for n in range(7, 0, -1)]
    expected = truth(services.database, today - timedelta(29), today)
    assert told(services, 30) | {"bookings": ...} == expected | {"bookings": ...}
    services.figures.settle(100)
    assert told(services, 30) | {"bookings": ...} == expected | {"bookings": ...}


def test_shops_are_told_apart_and_together_are_all(services: Services) -> None:
    services.demo.make(COMMAND, 100, 20, 1)
    services.demo.make(COMMAND, 100, 20, 2)
    services.figures.settle(10)
    both = services.figures.dashboard(30)
    slugs = [shop["slug"] for shop in services.figures.scope().shops]
    assert len(slugs) > 1
    apart = [services.figures.dashboard(30, slug) for slug in slugs]
    assert both["counts"] == {name: sum(each["counts"][name] for each in apart) for name in both["counts"]}
    assert [row["amount"] for row in both["revenue"]] == [
        sum(row["amount"] for row in rows) for rows in zip(*(each["revenue"] for each in apart), strict=True)
    ]
    sent = Notification.select().where(Notification.status == "sent").bind(services.database).count()
    assert 0 < both["notifications"]["sent"] <= sent
    with pytest.raises(Invalid):
        services.figures.dashboard(30, "nowhere")


def test_an_empty_shop_has_an_empty_dashboard(services: Services) -> None:
    shown = services.figures.dashboard(3)
    assert set(shown["counts"].values()) == {0}
    assert [row["date"] for row in shown["revenue"]] == ["2026-10-18", "2026-10-19", "2026-10-20"]
    assert (shown["top_models"], shown["turnaround_hours"], shown["no_show_rate"]) == ([], None, None)
