"""The one place where statements are timed: by shape, and by the route or command that ran them.

What runs for each statement is some look-ups and additions in memory; everything else is left to the keeper, which
takes the counts away every few seconds.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from reviva import clock
from reviva.database.figures import Figures, bucket
from reviva.database.statement_shape import masked, name_of, shape_of

log = logging.getLogger(__name__)

REPEATS = 12
"""So often a request may run one statement before it is told of: it likely asks for each row of a list by itself."""
MOST_SHAPES = 2000
MOST_TEXTS = 5000
"""Many texts have one shape; what is over is forgotten and read anew."""
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
"""Statements begin so that have a plan."""
PLAN_EVERY = 60.0
"""Seconds between two plans of one shape."""
OTHER = "(other statements)"


class Activity:
    """One request, command or background job, and the statements it ran."""

    __slots__ = ("route", "seen", "statements")

    def __init__(self, route: str, watched: bool = False) -> None:
        self.route = route
        self.statements = 0
        self.seen: dict[str, int] | None = {} if watched else None
        """How often each statement ran, where repetition is worth a warning."""


_activity: ContextVar[Activity | None] = ContextVar("database_activity", default=None)
_BACKGROUND = Activity("background")


def begin(route: str, *, watched: bool = False) -> Activity:
    """From now on this thread or greenlet works for `route`; `watched` warns when it repeats a statement."""
    activity = Activity(route, watched)
    _activity.set(activity)
    return activity


def current() -> Activity:
    """Whom this thread or greenlet works for."""
    return _activity.get() or _BACKGROUND


@contextmanager
def unmeasured() -> Iterator[None]:
    """What runs here is not counted: the counting itself."""
    token = _activity.set(_UNMEASURED)
    try:
        yield
    finally:
        _activity.reset(token)


@contextmanager
def repeating() -> Iterator[None]:
    """What runs here is meant to run again and again: for each of a few spans, not for each row of a list."""
    activity = current()
    seen, activity.seen = activity.seen, None
    try:
        yield
    finally:
        activity.seen = seen


_UNMEASURED = Activity("")


@dataclass(frozen=True, slots=True)
class SlowCall:
    """A statement whose plan somebody should look at, with the parameters it had."""

    figures: Figures
    sql: str
    parameters: Sequence[Any] | None
    seconds: float


class Monitor:
    """Counts for one database in one process."""

    def __init__(self, slow_seconds: float = 0.1) -> None:
        self.slow_seconds = slow_seconds
        self.slow_calls: deque[SlowCall] = deque(maxlen=20)
        """For whoever can fetch their plans outside of the request."""
        self._shapes: dict[tuple[str, str], Figures] = {}
        self._texts: dict[str, dict[str, Figures | None]] = {}
        self._text_count = 0
        self._planned: dict[str, float] = {}

    def note(
        self, activity: Activity, sql: str, parameters: Sequence[Any] | None, seconds: float, rows: int,
        failed: bool = False,
    ) -> None:  # fmt: skip
        """Count one execution."""
        try:
            figures = self._texts[activity.route][sql]
        except KeyError:
            figures = self._meet(activity.route, sql)
        if figures is None:
            return
        figures.calls += 1
        figures.seconds += seconds
        if rows > 0:
            figures.rows += rows
        if seconds > figures.slowest:
            figures.slowest = seconds
        figures.histogram[bucket(seconds)] += 1
        activity.statements += 1
        seen = activity.seen
        if seen is not None:
            seen[sql] = times = seen.get(sql, 0) + 1
            if times == REPEATS:
                self._repeated(figures)
        if failed:
            figures.errors += 1
        if seconds >= self.slow_seconds:
            self._slow(SlowCall(figures, sql, parameters, seconds))

    def take(self) -> list[Figures]:
        """What was counted since the last time. Shapes not met since then are forgotten."""
        met = {key: figures for key, figures in self._shapes.items() if figures.calls}
        taken = [figures.take() for figures in met.values()]
        if len(met) < len(self._shapes):
            self._shapes = met
            self._forget_texts()
        return taken

    def give_back(self, taken: list[Figures]) -> None:
        """Count again what could not be stored."""
        for figures in taken:
            self._figures(figures.route, figures.shape).add(figures)

    def _meet(self, route: str, sql: str) -> Figures | None:
        """The figures for a text that is new on this route; None for what is not counted."""
        if route == _UNMEASURED.route:
            return None
        shape = shape_of(sql)
        if shape is None:
            return None  # not remembered either: each savepoint has a name of its own
        if self._text_count > MOST_TEXTS:
            self._forget_texts()
        figures = self._figures(route, shape)
        self._texts.setdefault(route, {})[sql] = figures
        self._text_count += 1
        return figures

    def _figures(self, route: str, shape: str) -> Figures:
        key = (route, shape)
        if key not in self._shapes and len(self._shapes) >= MOST_SHAPES:
            key = (route, OTHER)
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = Figures(*key)
        return found

    def _forget_texts(self) -> None:
        self._texts = {}
        self._text_count = 0
        self._planned = {shape: at for shape, at in self._planned.items() if clock.monotonic() - at < PLAN_EVERY}

    def _repeated(self, figures: Figures) -> None:
        figures.repeated += 1
        log.warning(
            "%s runs one statement again and again (N+1): %s %s",
            figures.route, name_of(figures.shape), figures.shape[:500],
        )  # fmt: skip

    def _slow(self, call: SlowCall) -> None:
        figures = call.figures
        figures.slow += 1
        log.warning(
            "slow statement %s on %s: %.1f ms, parameters %s: %s",
            name_of(figures.shape), figures.route, call.seconds * 1000, masked(call.parameters), figures.shape[:500],
        )  # fmt: skip
        now = clock.monotonic()
        if call.sql.startswith(PLANNED) and now - self._planned.get(figures.shape, -PLAN_EVERY) >= PLAN_EVERY:
            self._planned[figures.shape] = now
            self.slow_calls.append(call)
