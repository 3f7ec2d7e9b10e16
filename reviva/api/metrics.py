"""What Prometheus reads: requests by route, method and status, and how long they took.

In the server each worker writes memory-mapped files of its own in a folder that `reviva.boot` makes; whichever worker
is asked adds them up.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from reviva.boot import MEASURES

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_requests = Counter("reviva_http_requests", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "reviva_http_request_seconds", "Time from the parsed head of a request to its answer.", ("method", "route"),
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip


class RouteMetrics:
    """The series of one route, looked up once: `labels()` costs more than counting does."""

    __slots__ = ("_counters", "_method", "_route", "_seconds")

    def __init__(self, method: str, route: str) -> None:
        self._method, self._route = method, route
        self._seconds = _seconds.labels(method, route)
        self._counters: dict[int, Counter] = {}

    def count(self, status: int, seconds: float) -> None:
        """One request was answered."""
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = _requests.labels(self._method, self._route, str(status))
        counter.inc()
        self._seconds.observe(seconds)


def exposition() -> bytes:
    """Everything measured, in Prometheus' text format, over all workers."""
    if MEASURES not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own lack
    return generate_latest(registry)
