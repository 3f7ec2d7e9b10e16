"""Work that is done again and again beside the requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Background:
    """A thread, or a greenlet where gevent patched threading, that does its work every so often and survives it.

    `work` returns the seconds until it is to be done again. What it raises is logged, and it is done again after
    `every` seconds, which also pass before the first time unless that is `at_once`.
    """

    def __init__(self, name: str, work: Callable[[], float], every: float, *, at_once: bool = False) -> None:
        self._name, self._work, self._every, self._at_once = name, work, every, at_once
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins; after any fork, which no thread survives."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 5.0) -> bool:
        """Ends it, waiting at most so long for what is under way. Returns whether it had begun."""
        thread, self._thread = self._thread, None
        self._stopped.set()
        if thread is None:
            return False
        thread.join(timeout=seconds)
        return True

    def _run(self) -> None:
        pause = 0.0 if self._at_once else self._every
        while not self._stopped.wait(pause):
            try:
                pause = self._work()
            except Exception:
                log.exception("%s failed, and goes on", self._name)
                pause = self._every
