"""Follows the event table while anybody listens, whichever process writes it.

A poll and no NOTIFY: that takes a lock on the whole of PostgreSQL's queue at each commit that it is part of, and passes
no pooler; to look for what follows a primary key costs a tenth of a millisecond, four times a second.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final

from reviva import clock
from reviva.realtime.hub import Hub
from reviva.retry import delays
from reviva.services.live import LiveService

log = logging.getLogger(__name__)

POLL: Final = 0.25
"""Seconds between two looks: how much later than saved an event may be told."""
SOON: Final = 0.02
"""Seconds to the next look while an event is awaited whose number others have passed."""
BATCH: Final = 500
OVERLAP: Final = 200
"""Events before the last among which one may still be missing when the first listener comes."""
PATIENCE: Final = 30.0
"""Seconds after which a missing event is given up, whoever still writes."""
LEAST: Final = 0.1
"""Seconds that one is waited for in any case: its number is drawn a moment before its writer has one."""


@dataclass
class Gap:
    """A number that was drawn before others that are there already: its writer is not done, or gave up."""

    following: int
    """The first writer that came after all those who may have drawn it."""
    since: float


class Tailer:
    """Tells the hub every event once, in the order of the ids, which is not the order of the commits."""

    def __init__(self, live: LiveService, hub: Hub) -> None:
        self.live, self.hub = live, hub
        self._known: set[int] = set()
        """Events after the position that were there before anybody listened."""
        self._gap: Gap | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="tailer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._stopped.set()
        self.hub.occupied.set()
        if self._thread:
            self._thread.join(5)

    def _run(self) -> None:
        pauses = delays(POLL, 5.0)
        while not self._stopped.is_set():
            self.hub.occupied.wait()
            if self._stopped.is_set():  # and nobody is asked any more, who may be away
                return
            try:
                pause = self.step()
                pauses = delays(POLL, 5.0)
            except Exception as problem:  # noqa: BLE001  # what happened meanwhile is told once the database is back
                log.warning("live events wait: %s", problem)
                pause = next(pauses)
            self._stopped.wait(pause)

    def step(self) -> float:
        """Tells what is new; returns the seconds until it is worth looking again."""
        if self.hub.position is None:
            self._begin()
        position = self.hub.position
        if position is None:  # the last listener has just left
            return POLL
        oldest = self.live.running()[0] if self._gap else 0  # before the rows, so that they show what was done then
        rows = self.live.after(position, BATCH)
        for row in rows:
            if row["id"] > position + 1 and not self._passable(position + 1, oldest):
                return SOON
            self._gap, position = None, row["id"]
            self.hub.publish(row, fresh=position not in self._known)
        return 0.0 if len(rows) == BATCH else POLL

    def _begin(self) -> None:
        """From the end of the table, or from before the first number that is missing there."""
        oldest, following = self.live.running()  # before the rows, so that they show what was done then
        recent = self.live.recent(OVERLAP)
        newest = recent[0] if recent else 0
        position = newest
        there = set(recent)
        missing = [id for id in range(recent[-1], newest) if id not in there] if recent else []
        if missing and oldest < following:
            position = missing[0] - 1
        self._gap, self._known = None, {id for id in recent if id > position}
        self.hub.start_at(position)

    def _passable(self, missing: int, oldest: int) -> bool:
        """Whether a missing number will never come: all those are done who may have drawn it."""
        gap = self._gap
        if gap is None:
            self._gap = Gap(self.live.running()[1], clock.monotonic())
            return False
        age = clock.monotonic() - gap.since
        if age >= PATIENCE:
            log.warning("event %d is given up: its writer takes too long", missing)
            return True
        return age >= LEAST and oldest >= gap.following
