"""Which messages a step calls for, when they are due, and when there is no more reason to send one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reviva.models.booking import Status
from reviva.services.letter import ERASED, GONE, SPENT, reason_against, too_late
from reviva.services.notification import due

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
MAIL, PHONE = "ada@example.com", "+447400123456"
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _now(freeze: Callable[[datetime], None]) -> None:
    freeze(NOW)


def called_for(status: str, ahead: timedelta, **more: Any) -> set[tuple[str, str, timedelta]]:
    """Template, channel and how long from now, of a booking whose appointment is so far ahead."""
    given = {"email": MAIL, "phone": PHONE, **more}
    messages = [*due({"status": status, "starts_at": NOW + ahead}, **given)]
    assert all(recipient == {"email": MAIL, "sms": PHONE}[channel] for channel, _, recipient, _ in messages)
    return {(template.removeprefix("booking_"), str(channel), at - NOW) for channel, template, _, at in messages}


def now(template: str, channel: str = "email") -> tuple[str, str, timedelta]:
    return template, channel, timedelta(0)


STEPS = {
    "draft": set(), "checked_in": set(), "diagnosing": set(), "in_repair": set(), "no_show": set(),
    "ready": {now("ready"), now("ready", "sms")},
    **{each: {now(each)} for each in ("pending", "awaiting_approval", "awaiting_parts", "completed", "cancelled")},
    "confirmed": {now("confirmed"), ("reminder", "email", 24 * HOUR), ("reminder", "sms", 46 * HOUR)},
}  # fmt: skip


@pytest.mark.parametrize("status", Status)
def test_a_customer_is_told_of_the_steps_that_concern_them_and_of_no_other(status: Status) -> None:
    assert called_for(status, 48 * HOUR) == STEPS[status]


def test_nobody_is_reminded_of_what_they_have_just_booked() -> None:
    by_mail, by_sms = ("reminder", "email", SECOND), ("reminder", "sms", SECOND)
    later = ("reminder", "sms", 22 * HOUR)
    assert called_for("confirmed", 24 * HOUR) == {now("confirmed"), later}
    assert called_for("confirmed", 24 * HOUR + SECOND) >= {by_mail}
    assert called_for("confirmed", 2 * HOUR) == {now("confirmed")}
    assert called_for("confirmed", 2 * HOUR + SECOND) == {now("confirmed"), by_sms}


def test_who_is_moved_is_told_of_that_alone_and_reminded_anew() -> None:
    reminders = STEPS["confirmed"] - {now("confirmed")}
    assert called_for("confirmed", 48 * HOUR, moved=True) == {now("rescheduled"), *reminders}
    assert called_for("pending", 48 * HOUR, moved=True) == {now("rescheduled")}


def test_who_gave_one_way_to_be_reached_is_told_by_that() -> None:
    for status in ("confirmed", "ready"):
        told = STEPS[status]
        assert called_for(status, 48 * HOUR, phone=None) == {each for each in told if each[1] == "email"}
        assert called_for(status, 48 * HOUR, email=None) == {each for each in told if each[1] == "sms"}
        assert called_for(status, 48 * HOUR, email=None, phone="") == set()


DAY = 24 * HOUR + 5 * 60 * SECOND
"""The longest that a reminder is sent before."""


@pytest.mark.parametrize(
    ("status", "ahead", "reason"),
    [
        ("confirmed", SECOND, None), ("confirmed", 0 * SECOND, "begun"), ("confirmed", DAY, None),
        ("confirmed", DAY + SECOND, "moved"), ("cancelled", HOUR, "is cancelled"),
        ("checked_in", HOUR, "is checked_in"),
    ],
)  # fmt: skip
def test_a_reminder_is_for_an_appointment_that_is_about_to_be(
    status: str, ahead: timedelta, reason: str | None
) -> None:
    found = too_late({"status": status, "starts_at": NOW + ahead})
    assert found is None if reason is None else reason in str(found)


BOOKINGS = {
    "RV-1": {"status": "confirmed", "starts_at": NOW + HOUR}, "RV-2": {"status": "cancelled", "starts_at": NOW + HOUR},
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "payload", "reason"),
    [
        ("account_locked", {}, None), ("password_reset", {"link": "good"}, None),
        ("password_reset", {"link": "used"}, SPENT), ("booking_cancelled", {"reference": "RV-2"}, None),
        ("booking_ready", {"reference": "RV-3"}, GONE), ("booking_reminder", {"reference": "RV-1"}, None),
        ("booking_reminder", {"reference": "RV-2"}, "The booking is cancelled."),
        ("booking_reminder", {"reference": "RV-3"}, GONE), ("find_booking", {"references": ["RV-1", "RV-2"]}, None),
        ("find_booking", {"references": ["RV-1", "RV-3"]}, GONE),
    ],
)  # fmt: skip
def test_a_message_is_sent_while_what_it_is_about_is_so(template: str, payload: Any, reason: str | None) -> None:
    message = {"template": template, "payload": payload, "recipient": MAIL}
    assert reason_against(message, BOOKINGS, {"good"}) == reason
    assert reason_against({**message, "recipient": ""}, BOOKINGS, {"good"}) == ERASED
