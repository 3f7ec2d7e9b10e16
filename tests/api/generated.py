"""Requests made up from the OpenAPI document: always the same ones. To make them takes longer than to answer them, so
both databases are asked the ones that were made for the first."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from reviva.api import openapi
from reviva.api.app import ROUTES

EACH = 20
"""Requests to a call."""
DRAWN = settings(
    max_examples=EACH, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The product's, as it is sent."""
    return dict(orjson.loads(orjson.dumps(openapi.document(ROUTES))))


@cache
def operations() -> list[schemathesis.APIOperation]:
    """Every call of the product."""
    return [found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations()]


_MADE: dict[str, list[schemathesis.Case]] = {}


def requests_to(operation: schemathesis.APIOperation) -> list[schemathesis.Case]:
    """Requests to a call, good and bad."""
    if operation.label not in _MADE:
        cases = _MADE[operation.label] = []
        DRAWN(given(case=operation.as_strategy())(lambda case: cases.append(case)))()
    return _MADE[operation.label]
