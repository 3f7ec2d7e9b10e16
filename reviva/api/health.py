"""Whether Reviva is alive, ready, and how its database is."""

from __future__ import annotations

from typing import Any, Literal, Required

from peewee import DatabaseError
from typing_extensions import TypedDict

from reviva.api import metrics
from reviva.api.call import Answer, Call
from reviva.database.pool_statistics import PoolNumbers, PoolStatistics
from reviva.errors import DatabaseUnavailable
from reviva.services.access import Permission
from reviva.services.health import AWAY


def alive(call: Call) -> dict[str, Any]:
    """Alive: the process answers. The database is not asked."""
    return {"status": "ok"}


def ready(call: Call) -> dict[str, Any]:
    """Ready for traffic: the database answers and its schema fits."""
    if not call.services.health.ready():
        raise DatabaseUnavailable
    return {"status": "ok"}


def measured(call: Call) -> bytes:
    """Prometheus metrics of all workers."""
    return metrics.exposition()


class Migrations(TypedDict):
    applied: int
    pending: int


class CheckItem(TypedDict):
    """`advice` says what to do, and is empty when `ok`."""

    name: str
    ok: bool
    detail: str
    advice: str


class Health(TypedDict, total=False):
    """Without a staff session only `status`. `uptime` is seconds."""

    status: Required[Literal["ok", "degraded", "down"]]
    backend: Literal["sqlite", "postgresql"]
    version: str
    latency_ms: float
    pool: PoolStatistics | PoolNumbers
    migrations: Migrations
    checks: list[CheckItem]
    uptime: float


def database(call: Call) -> Answer:
    """The database's health: everything for staff, else only the status; 503 when it is down."""
    health = call.services.health
    try:
        with call.services.database.connection_context():
            shown = health.report() if _is_staff(call) else {"status": health.status()}
    except AWAY:
        shown = {"status": "down"}  # nobody's session can be looked up either
    return Answer(shown, 503 if shown["status"] == "down" else 200)


def initialise(call: Call) -> Answer:
    """Applies pending migrations and checks again."""
    call.services.health.initialise()
    report = call.services.health.report()
    return Answer(report, 503 if report["status"] == "down" else 200)


def _is_staff(call: Call) -> bool:
    try:
        return call.actor is not None and Permission.DATABASE_READ.admits(call.actor)
    except DatabaseError:
        return False  # before the first migration there are no sessions to look into
