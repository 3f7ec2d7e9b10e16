"""Who may call what: every route by everybody. A route without a line here fails."""

from __future__ import annotations

from typing import Any

import pytest

from reviva.api.app import ROUTES
from reviva.api.endpoint import Endpoint
from tests.api.people import MINE, THEIRS, Town, build_town

PUBLIC, SELF, BOOKING, TECHNICIAN, MANAGER, ADMIN = "public", "self", "booking", "technician", "manager", "admin"
LISTENER = "listener"

MATRIX = {
    "GET /api/catalog/categories": PUBLIC,
    "GET /api/catalog/brands": PUBLIC,
    "GET /api/catalog/models": PUBLIC,
    "GET /api/catalog/models/{slug}": PUBLIC,
    "GET /api/catalog/repairs": PUBLIC,
    "POST /api/catalog/categories": MANAGER,
    "PATCH /api/catalog/categories/{slug}": MANAGER,
    "POST /api/catalog/brands": MANAGER,
    "PATCH /api/catalog/brands/{slug}": MANAGER,
    "POST /api/catalog/models": MANAGER,
    "PATCH /api/catalog/models/{slug}": MANAGER,
    "GET /api/catalog/models/{slug}/prices": MANAGER,
    "PUT /api/catalog/models/{slug}/prices": MANAGER,
    "POST /api/catalog/repairs": MANAGER,
    "PATCH /api/catalog/repairs/{category}/{slug}": MANAGER,
    "POST /api/quotes": PUBLIC,
    "GET /api/availability": PUBLIC,
    "POST /api/bookings": PUBLIC,
    "GET /api/bookings": SELF,
    "POST /api/bookings/bulk/status": TECHNICIAN,
    "GET /api/bookings/{reference}": BOOKING,
    "PATCH /api/bookings/{reference}": BOOKING,
    "POST /api/bookings/{reference}/confirm": BOOKING,
    "POST /api/bookings/{reference}/reschedule": BOOKING,
    "POST /api/bookings/{reference}/cancel": BOOKING,
    "POST /api/bookings/{reference}/approve": BOOKING,
    "POST /api/bookings/{reference}/decline": BOOKING,
    "POST /api/bookings/{reference}/status": TECHNICIAN,
    "POST /api/bookings/{reference}/assign": TECHNICIAN,
    "GET /api/bookings/{reference}/calendar.ics": BOOKING,
    "POST /api/auth/login": PUBLIC,
    "POST /api/auth/logout": SELF,
    "GET /api/auth/me": SELF,
    "GET /api/auth/sessions": SELF,
    "DELETE /api/auth/sessions": SELF,
    "DELETE /api/auth/sessions/{id}": SELF,
    "POST /api/auth/password": SELF,
    "POST /api/auth/password-reset": PUBLIC,
    "POST /api/auth/password-reset/confirm": PUBLIC,
    "GET /api/users": MANAGER,
    "POST /api/users": ADMIN,
    "GET /api/users/{id}": MANAGER,
    "PATCH /api/users/{id}": ADMIN,
    "GET /api/sessions": ADMIN,
    "DELETE /api/sessions/{id}": ADMIN,
    "GET /api/customers": TECHNICIAN,
    "GET /api/customers/{id}": TECHNICIAN,
    "PATCH /api/customers/{id}": TECHNICIAN,
    "POST /api/customers/{id}/merge": MANAGER,
    "GET /api/customers/{id}/export": MANAGER,
    "POST /api/customers/{id}/anonymize": MANAGER,
    "POST /api/bookings/find": PUBLIC,
    "POST /api/bookings/{reference}/token": BOOKING,
    "GET /api/bookings/{reference}/preferences": BOOKING,
    "PUT /api/bookings/{reference}/preferences": BOOKING,
    "GET /api/customers/{id}/preferences": TECHNICIAN,
    "PUT /api/customers/{id}/preferences": TECHNICIAN,
    "GET /api/dashboard": TECHNICIAN,
    "GET /api/reports": TECHNICIAN,
    "GET /api/reports.csv": TECHNICIAN,
    "POST /unsubscribe": PUBLIC,
    "GET /api/notifications": TECHNICIAN,
    "POST /api/notifications/{id}/retry": MANAGER,
    "POST /api/notifications/{id}/cancel": MANAGER,
    "GET /api/webhooks": MANAGER,
    "POST /api/webhooks": MANAGER,
    "GET /api/webhooks/{id}": MANAGER,
    "PATCH /api/webhooks/{id}": MANAGER,
    "DELETE /api/webhooks/{id}": MANAGER,
    "POST /api/webhooks/{id}/secret": MANAGER,
    "POST /api/webhooks/{id}/test": MANAGER,
    "GET /api/webhooks/{id}/deliveries": MANAGER,
    "POST /api/webhooks/{id}/deliveries/{delivery}/retry": MANAGER,
    "GET /api/audit": MANAGER,
    "GET /api/audit/verify": MANAGER,
    "GET /api/shops": TECHNICIAN,
    "POST /api/shops": MANAGER,
    "GET /api/shops/{slug}": TECHNICIAN,
    "PATCH /api/shops/{slug}": MANAGER,
    "GET /api/pricing/rules": MANAGER,
    "POST /api/pricing/rules": MANAGER,
    "GET /api/pricing/rules/{id}": MANAGER,
    "PATCH /api/pricing/rules/{id}": MANAGER,
    "DELETE /api/pricing/rules/{id}": MANAGER,
    "GET /api/pricing/factors": MANAGER,
    "GET /api/pricing/factors/{key}": MANAGER,
    "PUT /api/pricing/factors/{key}": MANAGER,
    "POST /api/pricing/simulate": MANAGER,
    "GET /api/database/health": PUBLIC,
    "POST /api/database/health": ADMIN,
    "GET /api/database/queries": ADMIN,
    "GET /api/database/indexes": ADMIN,
    "GET /api/live": LISTENER,
    "GET /api/live/sessions": ADMIN,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /api/openapi.json": PUBLIC,
    "GET /staff": PUBLIC,
    "GET /staff/{file}": PUBLIC,
    "GET /widget.js": PUBLIC,
    "GET /": PUBLIC,
    "GET /book": PUBLIC,
    "GET /pages/book.js": PUBLIC,
    "GET /pages/digits.js": PUBLIC,
    "GET /pages/live.js": PUBLIC,
    "GET /track": PUBLIC,
    "GET /track/{reference}": PUBLIC,
    "GET /pages/track.js": PUBLIC,
    "GET /reset": PUBLIC,
    "GET /pages/reset.js": PUBLIC,
    "GET /unsubscribe": PUBLIC,
    "GET /pages/unsubscribe.js": PUBLIC,
    "GET /pages/page.css": PUBLIC,
    "GET /api/docs": PUBLIC,
    "GET /api/docs/docs.js": PUBLIC,
    "GET /api/docs/docs.css": PUBLIC,
}
"""The least that somebody must be; `booking` is who holds its token, the customer it is of, and staff; a `listener`
holds any token."""

BODIES: dict[str, dict[str, Any]] = {
    "POST /api/bookings/{reference}/reschedule": {"starts_at": "2026-03-01T10:00:00Z"},
    "PUT /api/bookings/{reference}/preferences": {"items": []},
}
"""What must be sent to get so far that it matters whose it is."""

NAMES = {"reference": MINE, "id": "999999", "delivery": "1", "slug": "x", "category": "x", "key": "x", "file": "x"}

EVERYBODY = ("nobody", MINE, THEIRS, "mine", "theirs", "technician", "manager", "admin")

LET_IN = {
    PUBLIC: set(EVERYBODY),
    SELF: {"mine", "theirs", "technician", "manager", "admin"},
    LISTENER: set(EVERYBODY) - {"nobody"},
    BOOKING: {MINE, "mine", "technician", "manager", "admin"},
    TECHNICIAN: {"technician", "manager", "admin"},
    MANAGER: {"manager", "admin"},
    ADMIN: {"admin"},
}


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def refusal(least: str, who: str) -> int:
    """How somebody is refused: who is nobody could log in, and another's booking is not there."""
    if who == "nobody":
        return 401
    return 404 if least == BOOKING else 403


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url)


def test_every_route_has_its_line_and_every_line_a_route() -> None:
    assert {name(endpoint) for endpoint in ROUTES} == set(MATRIX)


def test_every_route_lets_in_and_keeps_out_whom_it_should(town: Town) -> None:
    wrong = []
    for endpoint in ROUTES:
        least = MATRIX[name(endpoint)]
        path = endpoint.path.format_map(NAMES)
        for who in EVERYBODY:
            body = BODIES.get(name(endpoint), {}) if endpoint.body else None
            status = town.ask(who, endpoint.method, path, body).status
            let_in = who in LET_IN[least]
            if (status in (401, 403)) if let_in else (status != refusal(least, who)):
                wrong.append(f"{who}: {name(endpoint)} answered {status}")
    assert wrong == []


def test_what_is_somebody_elses_is_not_there(town: Town) -> None:
    token = town.token("theirs")
    theirs = town.web.get("/api/auth/sessions", token).json["items"][0]["id"]
    assert town.ask("mine", "DELETE", f"/api/auth/sessions/{theirs}").status == 404
    assert town.web.get("/api/auth/me", token).status == 200


@pytest.mark.parametrize("field", ["role", "active", "id", "user_id"])
def test_nobody_gets_a_role_by_asking_for_it(town: Town, field: str) -> None:
    login = {"email": "mine@example.com", "password": "tall blue giraffe 7", field: "admin"}
    assert town.web.post("/api/auth/login", login).status == 422
    patch = town.ask("technician", "PATCH", f"/api/customers/{town.customers['mine']}", {field: "admin"})
    assert patch.status == 422
