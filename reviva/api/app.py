"""The whole URL table, and the application made from it."""

from __future__ import annotations

from functools import cache
from typing import Any

from reviva.api import booking, catalog, health, metrics, openapi, statement, static
from reviva.api.call import Call
from reviva.api.catalog import InCategory, ModelFilter
from reviva.api.dispatch import Application
from reviva.api.endpoint import PUBLIC, Endpoint, get, post
from reviva.api.render import to_json
from reviva.api.serving import Hooks
from reviva.api.shapes import (
    Availability,
    Booking,
    Counted,
    Items,
    Listed,
    ModelDetail,
    ModelSummary,
    NewBooking,
    Quote,
    Repair,
)
from reviva.services.access import Permission as MAY

A_WHILE = "public, max-age=300"


def describe(call: Call) -> bytes:
    """This document."""
    return _document()


@cache
def _document() -> bytes:
    return to_json(openapi.document(ROUTES))


def page(path: str, name: str, **more: Any) -> Endpoint:
    """A file of `reviva/web` under a path of its own."""
    return get(path, static.file(name), PUBLIC, database=False, cache=A_WHILE, documented=False, **more)


# fmt: off
ROUTES: tuple[Endpoint, ...] = (
    get("/api/catalog/categories", catalog.list_categories, PUBLIC, answer=Items[Counted], cache=A_WHILE),
    get("/api/catalog/brands", catalog.list_brands, PUBLIC, query=InCategory, answer=Items[Counted], cache=A_WHILE),
    get("/api/catalog/models", catalog.list_models, PUBLIC, query=ModelFilter, answer=Listed[ModelSummary],
        cache=A_WHILE),
    get("/api/catalog/models/{slug}", catalog.read_model, PUBLIC, answer=ModelDetail, cache=A_WHILE),
    get("/api/catalog/repairs", catalog.list_repairs, PUBLIC, query=InCategory, answer=Items[Repair], cache=A_WHILE),

    post("/api/quotes", booking.make_quote, PUBLIC, body=booking.QuoteBody, answer=Quote),
    get("/api/availability", booking.list_slots, PUBLIC, query=booking.AvailabilityQuery, answer=Availability),
    post("/api/bookings", booking.make_booking, PUBLIC, body=booking.BookingBody, answer=NewBooking, status=201,
         errors=(409,)),
    get("/api/bookings/{reference}", booking.read_booking, MAY.BOOKING_OWN, answer=Booking),

    get("/api/database/health", health.database, PUBLIC, database=False, errors=(503,)),
    get("/api/database/queries", statement.queries, MAY.DATABASE_CHANGE, query=statement.Statements,
        answer=statement.StatementPage),

    get("/healthz", health.alive, PUBLIC, database=False, counted=False),
    get("/readyz", health.ready, PUBLIC, database=False, counted=False, errors=(503,)),
    get("/metrics", health.measured, PUBLIC, database=False, counted=False, content_type=metrics.CONTENT_TYPE),
    get("/api/openapi.json", describe, PUBLIC, database=False, cache=A_WHILE),
    page("/api/docs", "docs.html"), page("/api/docs/docs.js", "docs.js"), page("/api/docs/docs.css", "docs.css"),
)
# fmt: on


def create_app(services: Any, hooks: Hooks | None = None) -> Application:
    """The WSGI application over `services`."""
    if statements := getattr(services, "statements", None):
        statements.told = metrics.count_statements
    return Application(services, ROUTES, hooks)
