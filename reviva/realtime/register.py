"""The rows of this process's sockets, and whether those who listen still may."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from peewee import chunked

from reviva import clock
from reviva.realtime.hub import Hub, Listener
from reviva.services.live import Close, End, LiveService

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two rounds."""
CHECK: Final = 10.0
"""Seconds for which a socket may outlive its token."""
SEEN: Final = 30.0
"""Seconds between two notes that sockets are still open."""
BATCH: Final = 500

OVER: Final = Close(4401, "the token is no longer good")


class Register:
    """Asks and notes for many sockets at once, so that a thousand of them cost some statements a minute."""

    def __init__(self, live: LiveService, hub: Hub) -> None:
        self.live, self.hub = live, hub
        self._rows: dict[int, int] = {}
        self._ends: list[End] = []
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self, listener: Listener, device: str) -> None:
        """Notes a socket that opens."""
        self._rows[id(listener)] = self.live.open(listener.admission.actor, device)

    def leave(self, listener: Listener, close: Close) -> None:
        """Notes how a socket ended: soon, and even if the database is away now."""
        self._ends.append(End(self._rows.pop(id(listener)), clock.now(), close))

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="live-register", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Notes what is left, and ends."""
        self._stopped.set()
        if self._thread:
            self._thread.join(5)
        self._try(self.flush)

    def _run(self) -> None:
        checked = seen = clock.monotonic()
        while not self._stopped.wait(EVERY):
            self._try(self.flush)
            now = clock.monotonic()
            if now >= checked + CHECK:
                checked = now
                self._try(self.check)
            if now >= seen + SEEN:
                seen = now
                self._try(self.note_seen)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as problem:  # noqa: BLE001  # the next round tries again, whatever it was
            log.warning("the rows of live sessions wait: %s", problem)

    def flush(self) -> None:
        """Writes down what ended."""
        ends = self._ends[:BATCH]
        while ends:
            self.live.closed(ends)
            del self._ends[: len(ends)]
            ends = self._ends[:BATCH]

    def check(self) -> None:
        """Ends the sockets whose session has ended, whose user changed, or whose booking has a newer token."""
        for some in chunked(list(self.hub.listeners), BATCH):
            listeners: Sequence[Listener] = list(some)
            holding = self.live.holding({listener.admission for listener in listeners})
            for listener in listeners:
                if listener.admission not in holding:
                    listener.end(OVER)

    def note_seen(self) -> None:
        """Writes down which sockets are still open."""
        for ids in chunked(list(self._rows.values()), BATCH):
            self.live.seen(list(ids))
