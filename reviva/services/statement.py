"""Keeps what the monitor counts, and tells which statements take the database's time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from peewee import Database

from reviva import clock
from reviva.background import Background
from reviva.database import explain
from reviva.database.figures import BUCKETS, Figures, quantile
from reviva.database.monitor import Monitor, SlowCall, unmeasured
from reviva.database.statement import Row
from reviva.database.statement_shape import masked, name_of
from reviva.paging import ListQuery, Page, page_of
from reviva.repositories.statement import StatementRepository

log = logging.getLogger(__name__)

FLUSH_EVERY = 5.0
FORGET_EVERY = 200
"""Flushes."""


class StatementService:
    """`told` hears of each batch of counts; the metrics are what wants to know."""

    def __init__(self, database: Database, slow_query_ms: float = 100.0) -> None:
        self.database = database
        self.statements = StatementRepository(database)
        self.monitor: Monitor = database.monitor  # type: ignore[attr-defined]  # of each of our databases
        self.monitor.slow_seconds = slow_query_ms / 1000
        self.told: Callable[[Sequence[Figures]], None] = lambda taken: None
        self._background = Background("statement-keeper", self._keep, FLUSH_EVERY)
        self._flushes = 0

    def start(self) -> None:
        """Keep the counts in the background; after any fork."""
        self._background.start()

    def stop(self) -> None:
        """Keep what is left, and end."""
        if self._background.stop():
            self._keep()

    def flush(self) -> int:
        """Adds this process's counts to the stored ones; returns how many shapes. Needs a connection."""
        with unmeasured():
            self._explain()
            taken = self.monitor.take()
            try:
                if taken:
                    with self.database.atomic():
                        self.statements.add(taken, clock.now())
            except BaseException:
                self.monitor.give_back(taken)
                raise
        self.told(taken)
        return len(taken)

    def queries(self, wanted: ListQuery) -> Page[Row]:
        """One item for each shape of statement; times are milliseconds. Sorted by one of its numbers.

        `route` is the only filter.
        """
        self.flush()
        with unmeasured():
            stored = self.statements.all()
        shapes: dict[str, list[Row]] = {}
        for row in stored:
            if wanted.filters.get("route", row["route"]) == row["route"]:
                shapes.setdefault(row["shape"], []).append(row)
        items = [summed(rows) for rows in shapes.values()]
        return page_of(items, replace(wanted, sort=wanted.sort or (("total", True),)))

    def _keep(self) -> float:
        try:
            with self.database.connection_context():
                self.flush()
                if self._flushes % FORGET_EVERY == 0:
                    with unmeasured(), self.database.atomic():
                        self.statements.forget()
            self._flushes += 1
        except Exception as problem:  # noqa: BLE001  # counting must go on whatever the database does
            log.debug("statement counts are kept for later: %s", problem)
        return FLUSH_EVERY

    def _explain(self) -> None:
        """The plans of slow calls, outside of the requests that were slow."""
        while self.monitor.slow_calls:
            call = self.monitor.slow_calls.popleft()
            try:
                lines = explain.plan(self.database, call.sql, call.parameters)
            except Exception as problem:  # noqa: BLE001  # some statements have no plan
                log.debug("no plan for %s: %s", name_of(call.figures.shape), problem)
                continue
            call.figures.sample = sample(call, lines)
            log.warning("plan of slow statement %s:\n%s", name_of(call.figures.shape), "\n".join(lines))


def sample(call: SlowCall, lines: list[str]) -> dict[str, Any]:
    """A slow call as it is shown."""
    return {
        "at": clock.rfc3339(clock.now()),
        "ms": round(call.seconds * 1000, 3),
        "route": call.figures.route,
        "parameters": masked(call.parameters),
        "plan": lines,
    }


def summed(rows: list[Row]) -> Row:
    """One shape over all its routes, the busiest route first."""
    calls, seconds = sum(row["calls"] for row in rows), sum(row["seconds"] for row in rows)
    histogram = [sum(each) for each in zip(*(row["histogram"] for row in rows), strict=True)] or [0] * BUCKETS
    slowest = max(row["slowest"] for row in rows)
    return {
        "shape": rows[0]["shape"],
        "statement": rows[0]["statement"],
        "calls": calls,
        "total": ms(seconds),
        "mean": ms(seconds / calls),
        **{f"p{part}": ms(min(quantile(histogram, part / 100), slowest)) for part in (50, 95, 99)},
        "max": ms(slowest),
        "rows": sum(row["rows"] for row in rows),
        "errors": sum(row["errors"] for row in rows),
        "slow": sum(row["slow"] for row in rows),
        "repeated": sum(row["repeated"] for row in rows),
        "routes": [
            {"route": row["route"], "calls": row["calls"], "total": ms(row["seconds"])}
            for row in sorted(rows, key=lambda row: -row["seconds"])
        ],
        "samples": [row["sample"] for row in rows if row["sample"]],
        "since": min(row["since"] for row in rows),
        "updated_at": max(row["updated_at"] for row in rows),
    }


def ms(seconds: float) -> float:
    """Seconds as milliseconds, to the microsecond."""
    return round(float(seconds) * 1000, 3)
