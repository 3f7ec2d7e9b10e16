"""The pool's housekeeper: one thread, or one greenlet where gevent patched threading."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from reviva import clock
from reviva.database.pool_places import Places
from reviva.database.pool_statistics import PoolStatistics
from reviva.retry import delays

log = logging.getLogger(__name__)

TICK = 0.5  # seconds within which an abandoned connection, or the server's return, is noticed


class Keeper:
    """Checks idle connections every `interval` seconds, keeps the minimum, and alone tries a server that is away."""

    def __init__(self, places: Places, interval: float) -> None:
        self._places = places
        self._interval = interval
        self.told: Callable[[PoolStatistics], None] = lambda statistics: None
        """Hears every half second or more often what the pool is doing; the metrics are what wants to know."""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; never before a fork, which no thread survives."""
        if self._thread is None:
            self._stopped.clear()
            self._places.kept = True
            self._thread = threading.Thread(target=self._run, name="pool-keeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait for what is under way."""
        thread, self._thread = self._thread, None
        self._places.kept = False
        self._stopped.set()
        self._places.wake.set()
        if thread and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        pauses = delays(0.1, TICK)
        check_at = 0.0
        while not self._stopped.is_set():
            try:
                if clock.monotonic() >= check_at:
                    self._places.check()
                    check_at = clock.monotonic() + self._interval * random.uniform(0.9, 1.1)
                self.tend()
                self.told(self._places.statistics())
            except Exception:
                log.exception("the pool's keeper failed, and goes on")
            if self._places.away:
                self._stopped.wait(next(pauses))  # not `wake`, which each failed try sets
            else:
                pauses = delays(0.1, TICK)
                self._places.wake.wait(TICK)
            self._places.wake.clear()

    def tend(self) -> None:
        """What can't wait for the next check: abandoned connections, the server's return, the minimum."""
        self._places.reclaim()
        if self._places.away and not self._places.add():
            return
        while self._places.lacks() and self._places.add():
            pass
