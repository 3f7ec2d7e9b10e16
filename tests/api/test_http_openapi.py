"""The OpenAPI document: valid, and true."""

from __future__ import annotations

import json

import jsonschema_rs
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reviva.api.app import ROUTES
from reviva.api.openapi import document
from tests.api.conftest import Demo


def test_the_documents_schemas_are_valid(demo: Demo) -> None:
    for described in (demo.get("/api/openapi.json").json(), document(ROUTES)):
        assert described["openapi"] == "3.1.0"
        for schema in described["components"]["schemas"].values():
            assert jsonschema_rs.meta.is_valid(schema)
        schemathesis.openapi.from_dict(described)


def test_every_reference_leads_somewhere(demo: Demo) -> None:
    described = demo.get("/api/openapi.json").json()
    references = {part.split('"')[0] for part in json.dumps(described).split('"$ref": "')[1:]}
    for reference in references:
        at = described
        for key in reference.removeprefix("#/").split("/"):
            at = at[key]


def test_an_operation_says_all_that_the_route_does(demo: Demo) -> None:
    paths = demo.get("/api/openapi.json").json()["paths"]
    create = paths["/api/things"]["post"]
    assert create["requestBody"]["required"]
    assert set(create["responses"]) == {"201", "400", "408", "413", "415", "422", "429", "503"}
    assert paths["/api/manager"]["get"]["security"] == [{"bearer": []}, {"session": []}]
    parameters = {each["name"]: each for each in paths["/api/search"]["get"]["parameters"]}
    assert parameters["brands"]["explode"] is False
    assert parameters["year"]["schema"]["maximum"] == 2100
    assert paths["/api/things/{id}"]["get"]["parameters"][0]["schema"]["minimum"] == 1


def test_no_request_that_the_document_suggests_is_answered_otherwise(demo: Demo) -> None:
    """Generated requests, good and bad: never a 5xx, never an undocumented status or shape."""
    schema = schemathesis.openapi.from_dict(demo.get("/api/openapi.json").json())
    schema.config.update(base_url=demo.url)
    for operation in schema.get_all_operations():
        found = operation.ok()
        if found.path.startswith(("/api/fail", "/api/slow")):
            continue
        _hammer(found, demo)


def _hammer(operation: schemathesis.APIOperation, demo: Demo) -> None:
    from hypothesis import HealthCheck, given, settings

    @settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def run(case: schemathesis.Case) -> None:
        answer = case.call(base_url=demo.url)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    run()
