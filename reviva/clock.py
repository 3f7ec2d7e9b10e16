"""The one clock. Nothing else in Reviva asks the operating system what time it is, so tests can move it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_shift = timedelta(0)
_frozen: datetime | None = None


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return _frozen or datetime.now(UTC) + _shift


def monotonic() -> float:
    """Seconds for measuring durations. A wall clock that jumps does not move it; `travel` does."""
    return time.monotonic() + _shift.total_seconds()


@contextmanager
def travel(by: timedelta) -> Iterator[None]:
    """For tests: the time is `by` later than it is, and goes on."""
    global _shift, _frozen
    before = _shift, _frozen
    _shift += by
    if _frozen:
        _frozen += by
    try:
        yield
    finally:
        _shift, _frozen = before


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """For tests: the time stands still at `at`, which must be aware."""
    global _frozen
    before, _frozen = _frozen, at.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
