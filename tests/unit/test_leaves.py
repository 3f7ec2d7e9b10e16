"""What everything else stands on: money, waiting, the clock, errors and the table of a booking's steps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviva import clock, errors
from reviva.database.fields import AmountField, DayField, JSONField, UTCField, WordField, read_instant, write_instant
from reviva.errors import Fault, Faults, Invalid, RevivaError
from reviva.models import Booking, User
from reviva.models.booking import OVER, Status
from reviva.money import digits, share
from reviva.paging import ListQuery, pack, page_of
from reviva.places import currencies
from reviva.retry import delays
from reviva.services.booking_status import NEXT, OWN, check_step, span

AMOUNTS, POINTS = st.integers(-(10**12), 10**12), st.integers(-100_000, 100_000)


@pytest.mark.parametrize(
    ("amount", "points", "part"),
    [
        (24_900, 10_000, 24_900), (24_900, -1_500, -3_735), (999, 1_500, 150), (1, 5_000, 1), (-1, 5_000, -1),
        (1, 4_999, 0), (10, 500, 1), (0, 700, 0), (77, 0, 0),
    ],
)  # fmt: skip
def test_a_share_is_rounded_half_away_from_zero(amount: int, points: int, part: int) -> None:
    assert share(amount, points) == part


@given(AMOUNTS, POINTS)
def test_a_share_is_the_nearest_whole_and_mirrors_its_opposite(amount: int, points: int) -> None:
    assert abs(share(amount, points) * 10_000 - amount * points) <= 5_000
    assert share(-amount, points) == share(amount, -points) == -share(amount, points)


def test_pages_and_mails_agree_how_many_digits_a_currency_has() -> None:
    """What Unicode says is another thing (of HUF none, which is how it is paid in cash), and browsers differ."""
    script = (files("reviva") / "web" / "booking" / "digits.js").read_text()
    none, three = (set(line.split()) for line in re.findall(r'= "([A-Z ]+)"', script))
    assert {code for code in currencies() if digits(code) == 0} == none & currencies()
    assert {code for code in currencies() if digits(code) == 3} == three & currencies()
    assert [digits(code) for code in ("GBP", "HUF", "JPY", "KWD")] == [2, 2, 0, 3]


def test_waits_double_up_to_a_cap_and_never_shrink_to_nothing() -> None:
    for _ in range(50):
        waits = list(islice(delays(0.1, 1.0), 7))
        for wait, most in zip(waits, (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0), strict=True):
            assert most / 2 <= wait <= most


def test_many_clients_do_not_wait_in_step() -> None:
    assert len({next(delays(1.0, 60.0)) for _ in range(30)}) > 20


def test_time_can_be_stopped_and_moved_and_is_right_again() -> None:
    at = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    with clock.frozen(at):
        assert clock.now() == clock.now() == at
        with clock.travel(timedelta(minutes=2)):
            assert clock.now() == at + timedelta(minutes=2)
        assert clock.now() == at
    began = clock.monotonic()
    with clock.travel(timedelta(hours=1)):
        assert clock.monotonic() - began > 3599
        assert clock.now() > datetime.now(UTC) + timedelta(minutes=59)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC), "2026-01-31T12:00:00.000005Z"),
        (datetime(2026, 7, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-06-30T23:00:00Z"),
    ],
)
def test_an_instant_is_shown_in_utc(moment: datetime, text: str) -> None:
    assert clock.rfc3339(moment) == text


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001


@given(INSTANTS, INSTANTS)
def test_stored_instants_come_back_and_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert read_instant(write_instant(one)) == User.created_at.python_value(User.created_at.db_value(one)) == one
    assert (write_instant(one) < write_instant(other)) == (one < other)


@pytest.mark.parametrize("wrong", [datetime(2026, 1, 1), "2026-01-01T00:00:00Z", 7])  # noqa: DTZ001
def test_what_is_no_instant_is_not_stored_as_one(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"instant|aware"):
        User.created_at.db_value(wrong)


def test_fields_keep_what_they_are_given_and_refuse_what_they_can_not_keep() -> None:
    json, day, word = JSONField(), DayField(), WordField(Status)
    assert json.db_value({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    assert json.python_value(json.db_value([{"x": 1}])) == [{"x": 1}]
    assert day.python_value(day.db_value(datetime(2026, 2, 3, tzinfo=UTC).date())).isoformat() == "2026-02-03"  # type: ignore[union-attr]
    assert word.db_value(Status.NO_SHOW) == "no_show"
    assert "'no_show'" in word.rule()
    for field in (json, day, word, UTCField(), AmountField()):
        assert field.db_value(None) is None
        assert field.python_value(None) is None
    for wrong in (1.5, "100", True):
        with pytest.raises(ValueError, match="whole numbers"):
            Booking.total.db_value(wrong)
    assert AmountField().rule() == f"{{}} BETWEEN 0 AND {10**15}"
    assert AmountField(negative=True).rule() == f"{{}} BETWEEN {-(10**15)} AND {10**15}"


def every_error() -> list[type[RevivaError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RevivaError)]


@pytest.mark.parametrize("kind", every_error())
def test_each_error_has_a_code_of_its_own_and_a_sentence_for_the_outside(kind: type[RevivaError]) -> None:
    assert 400 <= kind.status < 600
    assert [each for each in every_error() if each.code == kind.code] == [kind]
    assert (kind.__doc__ or "").endswith(".")
    assert "\n" not in (kind.__doc__ or "")


def test_every_fault_is_collected_and_told_at_once() -> None:
    found = Faults()

    def wrong(name: str) -> int:
        raise Invalid.field(name, "is missing", "missing")

    assert found.of(lambda: 7) == 7
    found.check()
    assert found.of(lambda: wrong("a")) is found.of(lambda: wrong("b.c")) is None
    with pytest.raises(Invalid, match=r"a: is missing; b\.c: is missing") as told:
        found.check()
    assert told.value.faults == (Fault("a", "is missing", "missing"), Fault("b.c", "is missing", "missing"))


def test_every_status_is_in_the_table_of_steps_and_only_ends_have_no_next() -> None:
    assert set(NEXT) == set(Status)
    assert {status for status, after in NEXT.items() if not after} == OVER
    assert all(status not in after for status, after in NEXT.items())


def test_from_a_draft_every_status_can_be_reached() -> None:
    reached: set[Status] = set()
    ahead = {Status.DRAFT}
    while ahead:
        reached |= ahead
        ahead = {after for status in ahead for after in NEXT[status]} - reached
    assert reached == set(Status)


@pytest.mark.parametrize(
    "way",
    [
        "draft pending confirmed checked_in diagnosing awaiting_approval in_repair ready completed",
        "draft confirmed checked_in diagnosing awaiting_parts in_repair ready completed",
        "checked_in in_repair awaiting_approval awaiting_parts in_repair awaiting_parts ready in_repair",
        "diagnosing in_repair", "diagnosing ready", "awaiting_approval ready", "confirmed no_show",
    ],
)  # fmt: skip
def test_every_way_through_a_workshop_is_open(way: str) -> None:
    steps = [Status(status) for status in way.split()]
    assert [(before, after) for before, after in pairwise(steps) if after not in NEXT[before]] == []


def test_what_is_finished_can_not_be_called_off_and_all_before_it_can() -> None:
    never = {status for status, after in NEXT.items() if Status.CANCELLED not in after}
    assert never == {Status.READY, Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW}


@pytest.mark.parametrize(("before", "after"), [("completed", "ready"), ("draft", "completed"), ("ready", "cancelled")])
def test_a_step_that_may_not_be_names_those_that_may(before: str, after: str) -> None:
    with pytest.raises(errors.StepForbidden) as refused:
        check_step({"status": before, "shop_by_hand": True}, after, staff=True)
    assert refused.value.members == {"allowed": list(NEXT[Status(before)])}
    assert before in refused.value.detail


def test_customers_can_only_make_steps_that_there_are() -> None:
    assert all(set(after) <= set(NEXT[before]) for before, after in OWN.items())


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (1, "1 minute"), (90, "90 minutes"), (60, "1 hour"), (120, "2 hours"), (1440, "1 day"),
        (2880, "2 days"), (1500, "25 hours"),
    ],
)  # fmt: skip
def test_a_span_is_said_in_the_largest_unit_that_it_is_whole_in(minutes: int, said: str) -> None:
    assert span(minutes) == said


def test_a_list_that_is_there_whole_goes_on_behind_its_last_item_whatever_came_before_it_meanwhile() -> None:
    def slugs(items: list[dict[str, Any]], **wanted: Any) -> tuple[list[str], str | None]:
        page = page_of(items, ListQuery(limit=2, **wanted))
        return [item["slug"] for item in page.items], page.next

    brands = [{"slug": slug, "models": 7} for slug in "bcdef"]
    more = [{"slug": "a", "models": 9}, *brands]
    for sort in ((), (("models", True),)):
        first, after = slugs(brands, sort=sort)
        second, then = slugs(more, sort=sort, after=after)
        third, end = slugs([item for item in more if item["slug"] != "e"], sort=sort, after=then)
        assert (first, second, third, end) == (["b", "c"], ["d", "e"], ["f"], None)
    for odd in ("x", "2", "é", pack("", "2"), pack("", -1), pack("", True), pack(""), pack("slug", 2), "bnVsbA"):
        with pytest.raises(Invalid, match="cursor"):
            slugs(brands, after=odd)
