"""How the installation is: for monitoring, for staff, and for whoever starts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import peewee
import psycopg2
from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.database import health, migration
from reviva.database.connection import refuse_missing
from reviva.database.ddl import backend
from reviva.database.green import limited
from reviva.database.pool import PooledPostgres
from reviva.database.pool_statistics import PoolNumbers
from reviva.database.sqlite import KeptSQLite
from reviva.errors import RevivaError, SchemaError
from reviva.services import health_checks as checks
from reviva.services.health_checks import Check

AWAY = (peewee.PeeweeException, psycopg2.Error, RevivaError)
"""What a database that can't be reached or used raises."""
PATIENCE = 2.0
"""Seconds that a database has to prove itself ready: whoever asks that often gives up soon."""


class HealthService:
    """`ready` and `examine` open a connection of their own and raise nothing; the others need one."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self._started = clock.monotonic()
        self._current = False
        self._kept: tuple[float, list[Check]] | None = None

    def ready(self) -> bool:
        """Whether the database answers and its schema is this program's."""
        try:
            with self.database.connection_context(), limited(PATIENCE):
                return self._answers()
        except AWAY:
            return False

    def report(self) -> dict[str, Any]:
        """Everything, over an open connection. The checks are at most REVIVA_HEALTH_INTERVAL seconds old.

        `status` is `down` when the database can't be used, `degraded` when any check has advice. Raises what a database
        that is away raises.
        """
        server = health.ask(self.database)
        found = self._checks()
        steps = migration.status(self.database)
        return {
            "status": verdict(found),
            "backend": backend(self.database),
            "version": server.version,
            "latency_ms": server.latency_ms,
            "pool": asdict(self._pool()),
            "migrations": {
                "applied": sum(step.applied is not None for step in steps),
                "pending": sum(step.applied is None for step in steps),
            },
            "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail, "advice": c.advice} for c in found],
            "uptime": round(clock.monotonic() - self._started, 1),
        }

    def status(self) -> str:
        """`ok`, `degraded` or `down`, over an open connection: what `report` says, and no more."""
        health.ask(self.database)
        return verdict(self._checks())

    def initialise(self) -> list[str]:
        """Applies pending migrations; returns their names. Needs a connection."""
        self._kept = None
        return migration.up(self.database)

    def examine(self) -> Iterator[Check]:
        """Every check there is, one after the other, for `reviva doctor`."""
        yield checks.settings()
        yield from checks.secrets(self.settings)
        try:
            refuse_missing(self.database)
            with self.database.connection_context():
                server = health.ask(self.database)
                where = address(self.settings.database_url)
                yield Check("database", f"{where}, {server.version}, answers in {server.latency_ms:.1f} ms")
                yield from checks.connections(self.database, self.settings)
                yield from checks.of_database(self.database, self.settings)
        except AWAY as problem:
            detail = f"{address(self.settings.database_url)}: {' '.join(str(problem).split())}"
            yield Check("database", detail, checks.way_to(self.database))
        yield from checks.of_machine(self.database)
        yield checks.mail(self.settings)
        yield from checks.backups(self.settings)

    def _answers(self) -> bool:
        """Whether the open connection answers, and the schema fits; once it did, it is not looked at again."""
        health.ask(self.database)
        if not self._current:
            try:
                migration.ensure_current(self.database)
            except SchemaError:
                return False
            self._current = True
        return True

    def _checks(self) -> list[Check]:
        now = clock.monotonic()
        if self._kept is None or now - self._kept[0] >= self.settings.health_interval:
            found = [*checks.of_database(self.database), *checks.of_machine(self.database)]
            if verdict(found) == "down":
                return found
            self._kept = now, found
        return self._kept[1]

    def _pool(self) -> PoolNumbers:
        if isinstance(self.database, PooledPostgres | KeptSQLite):
            return self.database.statistics()
        return PoolNumbers(min=0, max=1, open=1, in_use=1, idle=0, waiting=0)


def verdict(found: list[Check]) -> str:
    """`down` when the schema can't be used, `degraded` when anything else is not as it should be."""
    wrong = {check.name for check in found if not check.ok}
    return "down" if "migrations" in wrong else "degraded" if wrong else "ok"


def address(url: str) -> str:
    """Which database a URL means, without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return f"SQLite {parts.path[1:]}"
    return f"PostgreSQL {parts.netloc.rpartition('@')[2]}{parts.path}"
