"""The public API does what its own description says, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests import databases
from tests.api import generated
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
    assert server.get("/api/openapi.json") == generated.document()
    operations = [operation for operation in generated.operations() if operation.path in PUBLIC]
    assert {operation.path for operation in operations} == PUBLIC
    for operation in operations:
        if not operation.definition.raw.get("security"):
            for case in generated.requests_to(operation):
                answer = case.call(base_url=server.url)
                assert answer.status_code < 500, answer.text
                case.validate_response(answer, excluded_checks=[positive_data_acceptance])
