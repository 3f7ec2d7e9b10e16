"""What the pool tells about itself: for /metrics and the health page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolNumbers:
    """How many connections the process that answers has, and how many callers wait for one."""

    min: int
    max: int
    open: int
    in_use: int
    idle: int
    waiting: int


@dataclass(frozen=True, slots=True)
class PoolStatistics(PoolNumbers):
    """The same of a pool on PostgreSQL, and what it has done. Counters grow since its start; times are seconds."""

    away: bool
    """The server could not be reached at the last try."""
    checkouts_total: int
    opened_total: int
    closed_total: int
    errors_total: int
    """Connections that could not be opened or were found broken."""
    timeouts_total: int
    """Callers who got no connection in time."""
    abandoned_total: int
    """Connections whose thread or greenlet ended without giving them back."""
    waits_total: int
    wait_seconds_total: float
    wait_seconds_max: float


@dataclass(slots=True)
class Tally:
    """The counters behind it; changed only under the pool's lock."""

    checkouts: int = 0
    opened: int = 0
    closed: int = 0
    errors: int = 0
    timeouts: int = 0
    abandoned: int = 0
    waits: int = 0
    wait_seconds: float = 0.0
    wait_max: float = 0.0

    def waited(self, seconds: float) -> None:
        """One caller had to queue."""
        self.waits += 1
        self.wait_seconds += seconds
        self.wait_max = max(self.wait_max, seconds)
