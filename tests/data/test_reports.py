"""Reports, however they were gathered, say what reading every booking says."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from random import Random
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest

from reviva import clock
from reviva.database.connection import open_database
from reviva.errors import Invalid
from reviva.models import Booking, BookingHistory, DeviceModel, Shop, User
from reviva.models.user import Role
from reviva.repositories.report import By
from reviva.services import Services
from reviva.services.report import sheet
from tests import databases
from tests.people import COMMAND, services_over
from tests.workshop import STAFF

LAST = date(2026, 4, 10)
"""The clocks went forward on 29 March."""


@pytest.fixture(scope="module", params=databases.BACKENDS)
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Two shops in two zones with a past, of which some days are kept and some are not."""
    with (
        clock.frozen(datetime(2026, 4, 10, 12, tzinfo=UTC)),
        databases.new_url(request.param, tmp_path_factory.mktemp("reports"), seeded=True) as url,
        closing(open_database(url)) as database,
    ):
        database.connect()
        services = services_over(database)
        for seed in (1, 2):
            services.demo.make(COMMAND, 150, 40, seed)
        Shop.update(timezone="America/New_York", currency="USD").where(Shop.id == 2).bind(database).execute()
        Booking.update(currency="USD").where(Booking.shop == 2).bind(database).execute()
        services.figures.check_again()
        services.figures.settle(25)
        yield services


class Past(NamedTuple):
    """Every shop, booking and device by its id, and every step in order."""

    shops: dict[int, Any]
    bookings: dict[int, Any]
    models: dict[int, str]
    steps: list[Any]


def past(services: Services) -> Past:
    database = services.database
    shops = {row.id: row for row in Shop.select().bind(database).execute()}
    bookings = {row.id: row for row in Booking.select().namedtuples().bind(database)}
    brought = DeviceModel.id.in_({row.model for row in bookings.values()})
    models = {row.id: row.slug for row in DeviceModel.select().where(brought).bind(database).execute()}
    history = BookingHistory.select().order_by(BookingHistory.booking, BookingHistory.version)
    steps = [row for row in history.namedtuples().bind(database) if row.from_status != row.to_status]
    return Past(shops, bookings, models, steps)


def truth(past: Past, by: str, first: date, last: date, slug: str | None = None) -> dict[str, dict[str, Any]]:
    """The numbers by what they are about, from every booking and every step."""
    shops, bookings, models, _ = past
    steps = [row for row in past.steps if slug in (None, shops[bookings[row.booking].shop].slug)]
    came = {row.booking: row.at for row in reversed(steps) if row.to_status == "checked_in"}
    ready = {row.booking: row.at for row in steps if row.to_status == "ready"}
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in steps:
        booking = bookings[row.booking]
        day = row.at.astimezone(ZoneInfo(shops[booking.shop].timezone)).date()
        if not first <= day <= last:
            continue
        about = {
            "day": day, "month": f"{day:%Y-%m}", "shop": shops[booking.shop].slug,
            "model": models[booking.model], "technician": booking.assigned_to,
        }[by]  # fmt: skip
        count = found[str(about)]
        count[row.to_status] += 1
        count["bookings"] += row.from_status in (None, "draft") and row.to_status in ("pending", "confirmed")
        if row.to_status == "completed":
            count[f"earned {booking.currency}"] += booking.total
            if booking.assigned_to:
                count["minutes"] += int((booking.ends_at - booking.starts_at).total_seconds()) // 60
            if row.booking in came and row.booking in ready:
                count["waits"] += 1
                count["waited"] += int((ready[row.booking] - came[row.booking]).total_seconds())
    return {about: line(count) for about, count in found.items()}


def line(count: Counter[str]) -> dict[str, Any]:
    seen = count["no_show"] + count["checked_in"]
    return {
        "bookings": count["bookings"], "completed": count["completed"], "cancelled": count["cancelled"],
        "no_shows": count["no_show"], "no_show_rate": round(count["no_show"] / seen, 4) if seen else None,
        "revenue": [
            {"amount": count[name], "currency": name[-3:]} for name in sorted(count) if name.startswith("earned")
        ],
        "turnaround_hours": round(count["waited"] / 3600 / count["waits"], 2) if count["waits"] else None,
        "minutes": count["minutes"],
    }  # fmt: skip


def name(about: Any) -> str:
    return str(about.get("slug", about.get("id"))) if isinstance(about, dict) else str(about)


@pytest.mark.parametrize("by", get_args(By))
def test_every_report_is_the_slow_truth(services: Services, by: By) -> None:
    agree(services, (by,), (None, "main", "demo-2"))


def agree(services: Services, bys: Sequence[By], slugs: Sequence[str | None]) -> None:
    """Asserts that reports of random spans say what reading everything says."""
    everything = past(services)
    for by in bys:
        rng = Random(by)
        for slug in slugs:
            last = LAST - timedelta(rng.randint(0, 9))
            first = last - timedelta(rng.randint(0, 35))
            expected = truth(everything, by, first, last, slug)
            tells(services.reports.report(by, first, last, slug), by, first, last, expected)


def tells(report: dict[str, Any], by: By, first: date, last: date, expected: dict[str, dict[str, Any]]) -> None:
    """Asserts that a report says what is expected of it."""
    told = {name(item.pop(by)): item for item in report["items"]}
    assert (report["from"], report["to"]) == (first.isoformat(), last.isoformat())
    for about, item in told.items():
        assert item == {each: expected.get(about, line(Counter()))[each] for each in item}, about
    columns = {"model": "bookings", "technician": "completed"}
    assert {about for about, item in expected.items() if about != "None" and item[columns.get(by, "bookings")]} <= (
        set(told)
    )
    assert report["total"].get("bookings", 0) == sum(item.get("bookings", 0) for item in told.values())


def test_reports_are_true_of_days_dropped_and_kept_again_and_of_a_shop_added_later(services: Services) -> None:
    database, now = services.database, clock.now()
    values = {"slug": "east", "name": "East", "timezone": "Pacific/Auckland", "currency": "USD"}
    east = services.figures.shops.create(**values, created_at=now, updated_at=now).id
    agree(services, ("day",), (None, "east"))  # nothing happened in it yet
    with database.atomic():
        Booking.update(shop=east).where(Booking.shop == 2, Booking.id > 220).bind(database).execute()
        services.figures.forget(date.min)
    for days, slug in ((60, None), (1_000, None), (1_000, "east")):
        services.figures.settle(days)
        agree(services, get_args(By), (slug,))


def test_reports_are_true_of_a_finished_job_that_another_did_and_of_a_shop_whose_clock_is_another(
    services: Services,
) -> None:
    services.figures.settle(1_000)
    job = services.bookings.bookings.find(
        Booking.shop == 1, Booking.completed_at < datetime(2026, 4, 8, tzinfo=UTC), Booking.assigned_to.is_null(False)
    )
    assert job is not None
    other = services.booking_work.users.some(User.role == Role.TECHNICIAN, User.id != job.assigned_to_id)[0].id
    services.booking_work.users.update(other, active=True)
    services.booking_work.assign(STAFF, job.reference, other)
    services.booking_work.amend(STAFF, job.reference, {"notes": "It was somebody else."})
    agree(services, get_args(By), (None, "main"))
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        services.shop_changes.change(COMMAND, "main", None, timezone=zone)
        for settled in (0, 20, 1_000):
            services.figures.settle(settled)
            agree(services, ("day",), (None, "main", "demo-2"))


def test_a_total_is_that_of_all_lines(services: Services) -> None:
    totals = [services.reports.report(by, None, None, None)["total"] for by in ("day", "month", "shop")]
    assert totals[0] == totals[1] == totals[2]
    assert [money["currency"] for money in totals[0]["revenue"]] == ["GBP", "USD"]
    assert totals[0]["no_show_rate"] is not None
    assert len(services.reports.report("day", None, None, None)["items"]) == 30


def test_the_busiest_come_first_and_days_in_their_order(services: Services) -> None:
    models = services.reports.report("model", None, None, None)["items"]
    assert [item["bookings"] for item in models] == sorted((item["bookings"] for item in models), reverse=True)
    technicians = services.reports.report("technician", None, None, None)["items"]
    assert [item["completed"] for item in technicians] == sorted(
        (item["completed"] for item in technicians), reverse=True
    )
    assert all(item["technician"]["name"].startswith("Technician") for item in technicians)
    days = [item["day"] for item in services.reports.report("day", LAST - timedelta(3), LAST, None)["items"]]
    assert days == ["2026-04-07", "2026-04-08", "2026-04-09", "2026-04-10"]


def test_a_span_must_make_sense(services: Services) -> None:
    for by, first in (("day", LAST + timedelta(1)), ("day", LAST - timedelta(367)), ("month", LAST - timedelta(4000))):
        with pytest.raises(Invalid):
            services.reports.report(by, first, LAST, None)  # type: ignore[arg-type]  # it is one of them
    assert len(services.reports.report("month", LAST - timedelta(3600), LAST, None)["items"]) > 100
    with pytest.raises(Invalid):
        services.reports.report("day", None, None, "nowhere")


def test_an_empty_shop_has_empty_reports(new_url: Callable[..., str]) -> None:
    database = open_database(new_url(seeded=True))
    with database.connection_context():
        services = services_over(database)
        today = clock.now().astimezone(ZoneInfo("Europe/London")).date()
        report = services.reports.report("day", today, today, None)
        assert report["items"] == [{"day": today.isoformat(), **line(Counter())}]
        assert services.reports.report("model", None, None, None)["total"] == {"bookings": 0}


def test_a_sheet_has_a_column_for_each_currency_and_no_formulas(services: Services) -> None:
    User.update(name="=1+1").where(User.name.startswith("Tech")).bind(services.database).execute()
    shops = services.reports.report("shop", None, None, None)["items"]
    rows = list(csv.DictReader(StringIO(sheet(shops))))
    assert [row["shop"] for row in rows] == [shop["shop"]["slug"] for shop in shops]
    assert (rows[0]["shop"], rows[-1]["shop"]) == ("demo-2", "main")
    assert int(rows[-1]["revenue_GBP"]) == shops[-1]["revenue"][0]["amount"]
    assert rows[-1]["revenue_USD"] == ""
    assert "'=1+1" in sheet(services.reports.report("technician", None, None, None)["items"])
    assert sheet([]) == "\n"
