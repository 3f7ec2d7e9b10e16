"""The sliding window."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from reviva import clock
from reviva.api.ratelimit import Limiter, Rate
from reviva.errors import TooManyRequests


def admitted(limiter: Limiter, tries: int, *keys: str) -> int:
    """How many of some tries get through."""
    count = 0
    for _ in range(tries):
        try:
            limiter.hit(*keys)
            count += 1
        except TooManyRequests:
            pass
    return count


def test_as_many_as_the_limit_get_through_and_each_key_alone() -> None:
    limiter = Limiter(Rate(10))
    assert admitted(limiter, 20, "a") == 10
    assert admitted(limiter, 20, "b") == 10


def test_a_token_is_counted_over_all_its_addresses() -> None:
    limiter = Limiter(Rate(10))
    assert sum(admitted(limiter, 1, f"address {n}", "token") for n in range(20)) == 10


def test_workers_share_the_limit() -> None:
    assert admitted(Limiter(Rate(10), workers=4), 20, "a") == 3


def at_window(part: float) -> AbstractContextManager[None]:
    """The time moved to the given part of a window of 60 seconds."""
    return clock.travel(timedelta(seconds=60 - clock.monotonic() % 60 + part * 60))


def test_the_border_between_two_windows_admits_no_second_burst() -> None:
    limiter = Limiter(Rate(100))
    with at_window(0.95):
        assert admitted(limiter, 200, "a") == 100
    with at_window(1.01):
        assert admitted(limiter, 200, "a") <= 2
    with at_window(1.5):
        assert 45 <= admitted(limiter, 200, "a") <= 50


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_it_opens_again_when_it_said(part: float) -> None:
    limiter = Limiter(Rate(5))
    with at_window(part):
        admitted(limiter, 5, "a")
        with pytest.raises(TooManyRequests) as refusal:
            limiter.hit("a")
        wait = refusal.value.retry_after
        with clock.travel(timedelta(seconds=wait - 1.1)), pytest.raises(TooManyRequests):
            limiter.hit("a")
        with clock.travel(timedelta(seconds=wait)):
            limiter.hit("a")


def test_what_is_old_is_forgotten() -> None:
    limiter = Limiter(Rate(5, seconds=60))
    for n in range(1000):
        limiter.hit(str(n))
    with clock.travel(timedelta(seconds=60)):
        limiter.hit("x")
    with clock.travel(timedelta(seconds=120)):
        limiter.hit("x")
    with clock.travel(timedelta(seconds=180)):
        limiter.hit("x")
        assert len(limiter._now) + len(limiter._before) <= 3
