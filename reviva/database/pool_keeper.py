"""The pool's housekeeper: one thread, or one greenlet where gevent patched threading."""

from __future__ import annotations

import random
from collections.abc import Callable

from reviva import clock
from reviva.background import Background
from reviva.database.pool_places import Places
from reviva.database.pool_statistics import PoolStatistics
from reviva.retry import delays

TICK = 0.5  # seconds within which an abandoned connection, or the server's return, is noticed


class Keeper:
    """Checks idle connections every `interval` seconds, keeps the minimum, and alone tries a server that is away."""

    def __init__(self, places: Places, interval: float) -> None:
        self._places = places
        self._interval = interval
        self.told: Callable[[PoolStatistics], None] = lambda statistics: None
        """Hears every half second or more often what the pool is doing; the metrics are what wants to know."""
        self._background = Background("pool-keeper", self._round, TICK, at_once=True)
        self._pauses = delays(0.1, TICK)
        self._check_at = 0.0

    def start(self) -> None:
        """Begin; never before a fork, which no thread survives."""
        self._places.kept = True
        self._places.wake.set()
        self._background.start()

    def stop(self) -> None:
        """End, and wait for what is under way."""
        self._places.kept = False
        self._places.wake.set()
        self._background.stop()

    def _round(self) -> float:
        """What is to be done when something happened, or else at the tick; returns how long to leave the server alone,
        where it is away: `wake` would not let it, which each failed try sets.
        """
        if not self._places.away:
            self._pauses = delays(0.1, TICK)
            self._places.wake.wait(TICK)
        self._places.wake.clear()
        if clock.monotonic() >= self._check_at:
            self._places.check()
            self._check_at = clock.monotonic() + self._interval * random.uniform(0.9, 1.1)
        self.tend()
        self.told(self._places.statistics())
        return next(self._pauses) if self._places.away else 0.0

    def tend(self) -> None:
        """What can't wait for the next check: abandoned connections, the server's return, the minimum."""
        self._places.reclaim()
        if self._places.away and not self._places.add():
            return
        while self._places.lacks() and self._places.add():
            pass
