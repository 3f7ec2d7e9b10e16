"""The public API does what its own description says, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests import databases
from tests.server import Server, running

PUBLIC = {
    "/api/catalog/categories", "/api/catalog/brands", "/api/catalog/models", "/api/catalog/models/{slug}",
    "/api/catalog/repairs", "/api/quotes", "/api/availability", "/api/bookings",
}  # fmt: skip


@pytest.fixture(scope="module", params=databases.BACKENDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("public")
    with (
        databases.new_url(request.param, folder, seeded=True) as url,
        running(Path(folder), database_url=url, rate_limit="off") as started,
    ):
        yield started


def test_every_public_call_answers_as_described(server: Server) -> None:
    """Generated requests, good and bad: never a 5xx, never an undocumented status or shape."""
    schema = schemathesis.openapi.from_dict(server.get("/api/openapi.json"))
    operations = [found.ok() for found in schema.get_all_operations()]
    tried = {operation.path for operation in operations if operation.path in PUBLIC}
    assert tried == PUBLIC
    for operation in operations:
        if operation.path in PUBLIC and not operation.definition.raw.get("security"):
            hammer(operation, server)


def hammer(operation: schemathesis.APIOperation, server: Server) -> None:
    """Some dozen requests to one operation."""

    @settings(max_examples=20, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def run(case: schemathesis.Case) -> None:
        answer = case.call(base_url=server.url)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    run()
