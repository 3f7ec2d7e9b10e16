"""Whether Reviva is alive, ready, and how its database is."""

from __future__ import annotations

from typing import Any

from reviva.api import metrics
from reviva.api.call import Answer, Call
from reviva.api.serving import SESSION_COOKIE
from reviva.errors import DatabaseUnavailable


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


def database(call: Call) -> Answer:
    """The database's health: everything for staff, else only the status; 503 when it is down."""
    report: dict[str, Any] = call.services.health.report()
    down = report["status"] == "down"
    shown = report if not down and _known(call) else {"status": report["status"]}
    return Answer(shown, 503 if down else 200)


def _known(call: Call) -> bool:
    """Whether the caller has a session. The endpoint has no connection, so that it answers even without one."""
    if call.bearer is None and call.cookie(SESSION_COOKIE) is None:
        return False
    with call.services.database.connection_context():
        return call.actor is not None and getattr(call.actor, "role", None) != "customer"


def initialise(call: Call) -> Answer:
    """Applies pending migrations and checks again."""
    call.services.health.initialise()
    return database(call)
