"""What the document says of the managers' calls is true, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from tests.api import generated
from tests.api.staffed import MANAGER, audited, staffed
from tests.api.wsgi import Client

UNTOLD = [ignored_auth, negative_data_rejection, positive_data_acceptance]
"""Checks that can't know what the token and the names below do to a generated request."""

OURS = ("/api/pricing", "/api/shops", "/api/catalog", "/api/webhooks")


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    with staffed(database_url) as client:
        yield client


def test_nothing_that_a_manager_sends_is_answered_otherwise_than_documented(client: Client) -> None:
    """Generated requests, good and bad: never a 5xx, never an undocumented status or shape."""
    for operation in generated.operations():
        if operation.path.startswith(OURS):
            for case in generated.requests_to(operation):
                _send(client, case)
    assert audited(client, "brand")


def _send(client: Client, case: schemathesis.Case) -> None:
    named = {"slug": "apple-one", "category": "phone", "id": 1}
    case.path_parameters |= {name: named[name] for name in case.path_parameters if name in named}
    if case.path.startswith("/api/shops/"):
        case.path_parameters["slug"] = "main"
    elif case.path.startswith("/api/catalog/brands/"):
        case.path_parameters["slug"] = "apple"
    answer = case.call(headers={"Authorization": f"Bearer {MANAGER}"}, app=client.app.wsgi)
    assert answer.status_code < 500, answer.text
    case.validate_response(answer, excluded_checks=UNTOLD)
