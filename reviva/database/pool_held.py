"""What the pool's queue is made of: connections it holds, and callers who wait for one."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from reviva import clock


class Held:
    """One connection, and what the pool knows about it. Times are monotonic seconds."""

    __slots__ = ("abandoned", "checked_at", "connection", "expires_at", "generation", "leased", "used_at")

    def __init__(self, connection: Any, generation: int, lifetime: float, abandoned: deque[Any]) -> None:
        self.connection = connection
        self.generation = generation
        self.checked_at = self.used_at = clock.monotonic()
        self.expires_at = self.used_at + lifetime
        self.abandoned = abandoned
        self.leased = False

    def __del__(self) -> None:
        # Its thread or greenlet ended without giving it back. This may run anywhere, even under the pool's own lock, so
        # it only leaves a note; the next caller or the keeper collects it.
        if self.leased:
            self.abandoned.append(self.connection)


class Waiter:
    """One who queues for a place, and the answer: a connection, a place to open one on, or a refusal."""

    __slots__ = ("answered", "bell", "held", "refusal")

    def __init__(self) -> None:
        self.bell = threading.Event()
        self.answered = False
        self.held: Held | None = None
        self.refusal: Exception | None = None

    def answer(self, held: Held | None = None, refusal: Exception | None = None) -> None:
        """Under the pool's lock, once."""
        self.held, self.refusal, self.answered = held, refusal, True
        self.bell.set()
