"""The whole URL table, and the application made from it."""

from __future__ import annotations

from typing import Any

from reviva.api import health, metrics
from reviva.api.dispatch import Application
from reviva.api.endpoint import PUBLIC, Endpoint, get
from reviva.api.serving import Hooks

# fmt: off
ROUTES: tuple[Endpoint, ...] = (
    get("/healthz", health.alive, PUBLIC, database=False, counted=False),
    get("/readyz", health.ready, PUBLIC, database=False, counted=False, errors=(503,)),
    get("/metrics", health.measured, PUBLIC, database=False, counted=False, content_type=metrics.CONTENT_TYPE),
    get("/api/database/health", health.database, PUBLIC, database=False),
)
# fmt: on


def create_app(services: Any, hooks: Hooks | None = None) -> Application:
    """The WSGI application over `services`."""
    return Application(services, ROUTES, hooks)
