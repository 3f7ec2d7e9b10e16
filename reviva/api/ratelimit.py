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
        used = max(self._now.get(key, 0) + self._before.get(key, 0) * (1 - passed) for key in keys)
        if used + 1 > self.limit:
            raise TooManyRequests(max(1, ceil((1 - passed) * self._seconds)))
        for key in keys:
            self._now[key] = self._now.get(key, 0) + 1
        return int(self.limit - used - 1)
