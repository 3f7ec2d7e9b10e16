"""Threads that look again and again for something to do: the loop under whatever is sent in the background."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable
from typing import Final

from reviva import clock
from reviva.retry import delays

log = logging.getLogger(__name__)

POLL: Final = 1.0
"""Seconds between two looks: what comes meanwhile is then done together, and an idle process does next to nothing."""
GRACE: Final = 10.0
"""Seconds that what is under way has when the process ends; after that, leases lapse."""

Lane = tuple[str, Callable[[], bool]]
"""A name, and what is to be done: whether there is likely more to do at once."""


class Lanes:
    """One thread for each lane, which gevent makes a greenlet. What fails is tried again, ever more slowly."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set when whoever is at work shall come to an end."""
        self.abandoned = threading.Event()
        """Set when nobody waits any more for whoever is still at work then."""
        self._ends = math.inf
        self._threads: list[threading.Thread] = []

    def start(self, lanes: Iterable[Lane]) -> None:
        """Begins in the background; after any fork."""
        self.stopped.clear()
        self.abandoned.clear()
        self._ends = math.inf
        for name, work in lanes:
            thread = threading.Thread(target=self._run, args=[work], name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Lets what is under way end, and ends."""
        self._ends = clock.monotonic() + GRACE
        self.stopped.set()
        while self._threads:
            self._threads.pop().join(max(0.0, self._ends - clock.monotonic()))
        self.abandoned.set()

    def _run(self, work: Callable[[], bool]) -> None:
        pauses = delays(POLL, 30.0)
        while not self.stopped.is_set():
            try:
                more = work()
                pauses = delays(POLL, 30.0)
            except Exception as problem:  # noqa: BLE001  # the queue must flow on, whatever the database does
                log.warning("%s waits: %s", threading.current_thread().name, problem)
                self.stopped.wait(next(pauses))
                continue
            if not more:
                self.stopped.wait(POLL)

    def persist(self, work: Callable[[], None], seconds: float) -> None:
        """Does what must be done, again and again while it fails: for so many seconds, or for as long as the process
        still waits where it ends; then raises what it raised."""
        until = clock.monotonic() + seconds
        for delay in delays(0.1, 5.0):
            try:
                return work()
            except Exception as problem:
                stopping = self.stopped.is_set()
                pause = min(delay, POLL) if stopping else delay  # at the end there is little time
                if self.abandoned.is_set() or clock.monotonic() + pause > min(until, self._ends):
                    log.warning("what came of it is not noted, so it may be done once more: %s", problem)
                    raise
                log.warning("what came of it can't be noted yet: %s", problem)
            (self.abandoned if stopping else self.stopped).wait(pause)
