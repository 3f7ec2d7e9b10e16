"""How often one address or one token may call, counted in this worker's memory.

The window slides: the last whole window counts with the part of it that still lies inside. Own code instead of a
library's, because it counts on the monotonic clock (a wall clock that jumps an hour must not lock anybody out) and
needs no timer: two dicts that change places each window forget by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from reviva import clock
from reviva.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in `seconds`, for one key."""

    limit: int
    seconds: int = 60


class Limiter:
    """Counts for one rate. Each of `workers` processes counts alone, so each allows its share."""

    def __init__(self, rate: Rate, workers: int = 1) -> None:
        self.limit = ceil(rate.limit / workers)
        self._seconds = rate.seconds
        self._window = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def hit(self, *keys: str) -> int:
        """Counts one request for each of `keys`; returns how many are left. Raises `TooManyRequests`."""
        window, passed = divmod(clock.monotonic() / self._seconds, 1)
        if window != self._window:
            self._before = self._now if window == self._window + 1 else {}
            self._now = {}
            self._window = int(window)
        left = float(self.limit)
        for key in keys:
            now, before = self._now.get(key, 0), self._before.get(key, 0)
            left = min(left, self.limit - now - before * (1 - passed))
            if left < 1:
                raise TooManyRequests(ceil(self._wait(now, before, passed) * self._seconds) or 1)
        for key in keys:
            self._now[key] = self._now.get(key, 0) + 1
        return int(left) - 1

    def turns_in(self) -> int:
        """Seconds until the next window begins, in which what was counted in this one fades."""
        return ceil((1 - clock.monotonic() / self._seconds % 1) * self._seconds)

    def _wait(self, now: int, before: int, passed: float) -> float:
        """Windows until the next request gets through: in this one if `before` fades enough, else when `now` does."""
        if now < self.limit:
            return 1 - (self.limit - 1 - now) / before - passed
        return 1 - passed + 1 - (self.limit - 1) / now
