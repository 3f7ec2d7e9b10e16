"""What Prometheus reads: requests by route, method and status, how long they took, and their statements.

In the server each worker writes memory-mapped files of its own in a folder that `reviva.boot` makes; whichever worker
is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from reviva.boot import MEASURES
from reviva.database.figures import Figures
from reviva.database.pool_statistics import PoolStatistics
from reviva.database.statement_shape import name_of

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_requests = Counter("reviva_http_requests", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "reviva_http_request_seconds", "Time from the parsed head of a request to its answer.", ("method", "route"),
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip

_OF_SHAPE: Final = ("shape", "route")
_calls = Counter("reviva_statement_calls", "Statements run.", _OF_SHAPE)
_time = Counter("reviva_statement_seconds", "Time that statements took, to their last row.", _OF_SHAPE)
_rows = Counter("reviva_statement_rows", "Rows that statements returned or changed.", _OF_SHAPE)
_errors = Counter("reviva_statement_errors", "Statements that failed.", _OF_SHAPE)
_slow = Counter("reviva_statement_slow", "Statements slower than REVIVA_SLOW_QUERY_MS.", _OF_SHAPE)
_repeated = Counter("reviva_statement_repeated", "Requests that ran a statement again and again (N+1).", _OF_SHAPE)

_webhooks = Counter("reviva_webhook_deliveries", "Attempts to deliver webhooks.", ("outcome",))

_pool_now: Final = {
    name: Gauge(f"reviva_pool_{name}", f"Database connections: {words}.", multiprocess_mode="livesum")
    for name, words in {
        "open": "open", "in_use": "lent to a request", "idle": "free", "waiting": "requests that wait for one",
    }.items()
}  # fmt: skip
_pool_ever: Final = {
    f"{name}_total": Counter(f"reviva_pool_{name}", f"Database connections: {words}.")
    for name, words in {
        "checkouts": "times that one was asked for", "opened": "opened", "closed": "closed",
        "errors": "could not be opened, or found broken", "timeouts": "requests that got none in time",
        "abandoned": "not given back by who took them", "waits": "requests that had to wait for one",
        "wait_seconds": "seconds that requests waited for one",
    }.items()
}  # fmt: skip

CLOSE_CODES: Final = frozenset({1000, 1001, 1005, 1006, 1008, 1009, 1011, 1013, 4401, 4408})
"""Those that tell something; a client may send any of thousands."""
_sockets = Gauge("reviva_live_sockets", "Open websockets.", multiprocess_mode="livesum")
_closes = Counter("reviva_live_closes", "Websockets that ended.", ("code",))
_messages = Counter("reviva_live_messages", "Messages sent on websockets.")
_lag = Histogram(
    "reviva_live_lag_seconds", "Time from an event to its being told to those who listen.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip


class RouteMetrics:
    """The series of one route, looked up once: `labels()` costs more than counting does."""

    __slots__ = ("_counters", "_method", "_route", "_seconds", "label")

    def __init__(self, method: str, route: str) -> None:
        self._method, self._route = method, route
        self._seconds = _seconds.labels(method, route)
        self._counters: dict[int, Counter] = {}
        self.label = f"{method} {route}"
        """How statements are told apart by route."""

    def count(self, status: int, seconds: float) -> None:
        """One request was answered."""
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = _requests.labels(self._method, self._route, str(status))
        counter.inc()
        self._seconds.observe(seconds)


def count_statements(taken: Iterable[Figures]) -> None:
    """What a worker counted since the last time, by shape and route. A shape's text is in /api/database/queries."""
    for figures in taken:
        labels = name_of(figures.shape), figures.route
        for counter, amount in (
            (_calls, figures.calls), (_time, figures.seconds), (_rows, figures.rows), (_errors, figures.errors),
            (_slow, figures.slow), (_repeated, figures.repeated),
        ):  # fmt: skip
            if amount:
                counter.labels(*labels).inc(amount)


def count_webhook(outcome: str) -> None:
    """A webhook was `sent`, `failed` for now, is `dead` or `cancelled`."""
    _webhooks.labels(outcome).inc()


class PoolMetrics:
    """What one worker's pool tells of itself from time to time."""

    def __init__(self) -> None:
        self._before = dict.fromkeys(_pool_ever, 0.0)

    def show(self, now: PoolStatistics) -> None:
        """How it is, and what happened since the last time."""
        for name, gauge in _pool_now.items():
            gauge.set(getattr(now, name))
        for name, counter in _pool_ever.items():
            counter.inc(getattr(now, name) - self._before[name])
            self._before[name] = getattr(now, name)


class LiveMetrics:
    """What live events tell of themselves."""

    def opened(self) -> None:
        """A socket was opened."""
        _sockets.inc()

    def closed(self, code: int) -> None:
        """One ended, with a websocket's code."""
        _sockets.dec()
        _closes.labels(str(code) if code in CLOSE_CODES else "other").inc()

    def sent(self) -> None:
        """A message was sent on some socket."""
        _messages.inc()

    def lag(self, seconds: float) -> None:
        """An event was told so long after it happened."""
        _lag.observe(seconds)


def exposition() -> bytes:
    """Everything measured, in Prometheus' text format, over all workers."""
    if MEASURES not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own lack
    return generate_latest(registry)
