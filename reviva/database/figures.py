"""What is counted of one shape of statement on one route."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

BUCKETS = 112
"""Bucket n holds durations up to 2^(n/4) microseconds, so the last begins at four minutes."""
_BOUNDS = [2 ** (place / 4) / 1e6 for place in range(BUCKETS - 1)]


def bucket(seconds: float) -> int:
    """Where in a histogram a duration belongs."""
    return bisect_left(_BOUNDS, seconds)


def quantile(histogram: Sequence[int], part: float) -> float:
    """The duration in seconds that `part` of the calls did not exceed, right to about 10 %."""
    wanted, seen = sum(histogram) * part, 0
    for place, calls in enumerate(histogram):
        seen += calls
        if calls and seen >= wanted:
            return float(2 ** ((place - 0.5) / 4)) / 1e6
    return 0.0


@dataclass(slots=True, eq=False)
class Figures:
    """Counts since the last `take`. Times are seconds."""

    route: str
    shape: str
    calls: int = 0
    errors: int = 0
    rows: int = 0
    repeated: int = 0
    """Requests that ran it suspiciously often."""
    slow: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    histogram: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sample: dict[str, Any] | None = None
    """A slow call: when, how long, its masked parameters, its plan."""

    def take(self) -> Figures:
        """What was counted, leaving nothing. Nothing yields in between, so no count is lost under gevent."""
        taken = Figures(
            self.route, self.shape, self.calls, self.errors, self.rows, self.repeated, self.slow, self.seconds,
            self.slowest, self.histogram, self.sample,
        )  # fmt: skip
        self.calls = self.errors = self.rows = self.repeated = self.slow = 0
        self.seconds = self.slowest = 0.0
        self.histogram = [0] * BUCKETS
        self.sample = None
        return taken

    def add(self, other: Figures) -> None:
        """Count what `other` counted too."""
        self.calls += other.calls
        self.errors += other.errors
        self.rows += other.rows
        self.repeated += other.repeated
        self.slow += other.slow
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.histogram = [a + b for a, b in zip(self.histogram, other.histogram, strict=True)]
        self.sample = self.sample or other.sample
