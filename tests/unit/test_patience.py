"""How long a session holds, and how long whoever guesses has to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reviva.services.session import ENDED, why_over
from reviva.services.throttle import ACCOUNT, ADDRESS, Patience

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IDLE = "This session was not used for too long."


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None), ({"used_at": NOW - timedelta(hours=12) + SECOND}, None),
        ({"used_at": NOW - timedelta(hours=12)}, IDLE), ({"expires_at": NOW + SECOND}, None),
        ({"expires_at": NOW}, ENDED), ({"ended_at": NOW - SECOND}, ENDED), ({"active": False}, ENDED),
        ({"active": False, "used_at": NOW - timedelta(days=1)}, ENDED),
    ],
)  # fmt: skip
def test_a_session_holds_until_it_is_ended_too_old_or_long_unused(changed: dict[str, Any], reason: str | None) -> None:
    row = {"ended_at": None, "active": True, "expires_at": NOW + timedelta(days=7), "used_at": NOW, **changed}
    assert why_over(row, NOW) == reason


@pytest.mark.parametrize(
    ("patience", "failures", "seconds"),
    [
        (ACCOUNT, 8, 0), (ACCOUNT, 9, 1), (ACCOUNT, 10, 2), (ACCOUNT, 14, 32), (ACCOUNT, 15, 60), (ACCOUNT, 19, 60),
        (ACCOUNT, 20, 900), (ACCOUNT, 99, 900), (ADDRESS, 200, 0), (ADDRESS, 201, 1), (ADDRESS, 399, 60),
        (ADDRESS, 400, 900),
    ],
)  # fmt: skip
def test_a_few_failures_are_free_and_each_further_one_costs_twice_the_time(
    patience: Patience, failures: int, seconds: int
) -> None:
    assert patience.wait(failures) == timedelta(seconds=seconds)
