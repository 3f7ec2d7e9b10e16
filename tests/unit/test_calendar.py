"""Opening hours as instants, in any zone, on any day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviva.errors import Invalid
from reviva.services.calendar import DAY, STEP, Calendar, check_exists

ZONES = (
    "Europe/London", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Chatham", "Pacific/Apia", "America/Santiago", "Africa/Casablanca", "Africa/Cairo", "Asia/Gaza", "UTC",
)  # fmt: skip
GRIDS = (15, 30, 45, 60, 90, 120, 180, 240)


def apart(week: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The spans of a week in order, without those that overlap one before."""
    kept: list[tuple[int, int, int]] = []
    for weekday, opens, closes in sorted(week):
        if not kept or kept[-1][0] != weekday or kept[-1][2] < opens:
            kept.append((weekday, opens, closes))
    return kept


weeks = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[1] < span[2]),
    min_size=1, max_size=10,
)  # fmt: skip
calendars = st.builds(
    Calendar, st.sampled_from(ZONES), weeks.map(apart), st.just([]), st.sampled_from(GRIDS),
)  # fmt: skip
days = st.dates(date(2024, 1, 1), date(2028, 12, 31))
lengths = st.integers(1, 600)


few = settings(max_examples=40)


def test_a_shop_that_does_not_close_at_midnight_works_through_it() -> None:
    week, monday = [(n, 0, 1440) for n in range(7)], date(2026, 3, 2)
    late = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)  # half past eleven in Tokyo
    always = Calendar("Asia/Tokyo", week, [], 30)
    assert always.accepts(late, 60)
    assert list(always.starts(monday, 60))[-1] == late
    assert always.steps(late, 60) == [late + n * STEP for n in range(4)]
    for hours, closures in (
        (week, [(date(2026, 3, 3), date(2026, 3, 3))]), ([week[0]], []), ([week[0], (1, 15, 1440)], [])
    ):  # fmt: skip
        shut = Calendar("Asia/Tokyo", hours, closures, 30)
        assert not shut.accepts(late, 60)
        assert list(shut.starts(monday, 60))[-1] == late - 2 * STEP


@few
@given(calendars, days, lengths)
def test_every_start_offered_is_accepted_on_the_grid_and_within_hours(
    calendar: Calendar, day: date, minutes: int
) -> None:
    for start in calendar.starts(day, minutes):
        assert calendar.accepts(start, minutes)
        assert calendar.on_grid(start)
        if minutes <= calendar.longest:
            steps = calendar.steps(start, minutes)
            assert steps == [start + n * STEP for n in range(len(steps))]
        local = start.astimezone(calendar.zone)
        assert local.date() == day
        wall = local.hour * 60 + local.minute
        hours = [span for span in calendar.hours if span[0] == day.weekday()]
        # An opening within a skipped hour counts from the jump, which may be an hour before.
        assert any(opens - 60 <= wall < closes for _, opens, closes in hours)


@few
@given(calendars, days, lengths)
def test_every_quarter_of_the_day_that_is_accepted_and_on_the_grid_is_offered(
    calendar: Calendar, day: date, minutes: int
) -> None:
    offered = set(calendar.starts(day, minutes))
    at = calendar.instant(day, 0)
    while at < calendar.instant(day, 1440):
        assert (calendar.accepts(at, minutes) and calendar.on_grid(at)) == (at in offered), at
        at += STEP


@few
@given(calendars, days, lengths, st.integers(0, 480))
def test_a_job_takes_open_quarters_only_as_many_as_it_needs(
    calendar: Calendar, day: date, minutes: int, buffer: int
) -> None:
    for start in list(calendar.starts(day, minutes))[:3]:
        own = calendar.steps(start, minutes)
        taken = calendar.occupied(start, minutes, buffer)
        assert own[0] == start
        assert len(own) == -(-minutes // 15)
        assert len(taken) == len(set(taken)) == -(-(minutes + buffer) // 15)
        assert taken[: len(own)] == own == sorted(own)
        assert all(calendar.accepts(step, 1) for step in own)


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 3, 29), 24), (date(2027, 10, 31), 25)])
def test_days_have_the_hours_that_the_clock_gives_them(day: date, hours: int) -> None:
    calendar = Calendar("Europe/London", [(n, 0, 1440) for n in range(7)], [], 60)
    assert len(list(calendar.starts(day, 60))) == hours


def test_closures_shut_whole_days_both_ends_included() -> None:
    calendar = Calendar("Europe/London", [(n, 540, 1020) for n in range(7)], [(date(2027, 5, 3), date(2027, 5, 4))], 30)
    assert [bool(list(calendar.starts(date(2027, 5, 2) + n * DAY, 30))) for n in range(4)] == [True, False, False, True]


def test_a_day_on_which_the_shop_shuts_early_ends_then() -> None:
    day, week = date(2027, 5, 3), [(n, 540, 720) for n in range(7)] + [(n, 780, 1020) for n in range(7)]
    early = [(day, day, 14 * 60), (day, day + DAY, 15 * 60)]
    calendar = Calendar("Europe/London", sorted(week), [], 30, early)
    last = [max(calendar.starts(day + n * DAY, 60)).astimezone(ZoneInfo("Europe/London")).hour for n in range(3)]
    assert last == [13, 14, 16]
    assert len(list(calendar.starts(day, 60))) == 5 + 1
    assert not calendar.accepts(calendar.instant(day, 13 * 60 + 30), 60)


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(ZONES))
def test_a_time_written_in_the_shops_own_offset_exists(at: datetime, zone: str) -> None:
    check_exists(at.replace(year=2024 + at.year % 5, day=min(at.day, 28)).astimezone(ZoneInfo(zone)), zone)


NEW_YORK, LONDON, LORD_HOWE = "America/New_York", "Europe/London", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        (LONDON, "2027-03-28T01:00:00+01:00"), (LONDON, "2027-03-28T01:59:59+01:00"),
        (NEW_YORK, "2027-03-14T02:00:00-05:00"), (NEW_YORK, "2027-03-14T02:30:00-04:00"),
        (LORD_HOWE, "2027-10-03T02:15:00+10:30"), (LORD_HOWE, "2027-10-03T02:15:00+11:00"),
    ],
)  # fmt: skip
def test_a_wall_time_that_never_comes_is_refused(zone: str, written: str) -> None:
    with pytest.raises(Invalid, match="jumps"):
        check_exists(datetime.fromisoformat(written), zone)


@given(st.integers(-24 * 60, 24 * 60), st.integers(-56, 56))
def test_no_other_offset_is_refused(minutes: int, quarters: int) -> None:
    """Whatever it is written as: with an offset that is not the shop's, the wall time is somebody else's."""
    wall = datetime(2027, 3, 14, 2, 30, tzinfo=UTC) + minutes * timedelta(minutes=1)
    if quarters not in (-20, -16):
        check_exists(wall.replace(tzinfo=timezone(quarters * timedelta(minutes=15))), NEW_YORK)
