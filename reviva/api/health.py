"""Whether Reviva is alive, ready, and how its database is."""

from __future__ import annotations

from typing import Any

from reviva.api import metrics
from reviva.api.call import Answer, Call
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
    shown = report if call.actor is not None else {"status": report["status"]}
    return Answer(shown, 503 if report["status"] == "down" else 200)


def initialise(call: Call) -> Answer:
    """Applies pending migrations and checks again."""
    call.services.health.initialise()
    return database(call)
