"""The OpenAPI document: valid, and true."""

from __future__ import annotations

import json
import re
from typing import Any, get_origin

import jsonschema_rs
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reviva.api.app import ROUTES
from reviva.api.listing import Listing
from reviva.api.shapes import Listed
from reviva.services.access import Permission
from tests.api.conftest import Demo
from tests.api.generated import document


def test_the_documents_schemas_are_valid(demo: Demo) -> None:
    for described in (demo.get("/api/openapi.json").json(), document()):
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


def operations() -> dict[str, Any]:
    """What is said of each call of the product."""
    paths = document()["paths"]
    return {f"{method.upper()} {path}": said for path, by in paths.items() for method, said in by.items()}


def test_every_list_tells_of_its_total() -> None:
    lists = [each for each in ROUTES if each.query is not None and issubclass(each.query, Listing)]
    assert len(lists) > 15
    assert {each.path: get_origin(each.answer) for each in lists} == {each.path: Listed for each in lists}


def headers(operation: Any) -> set[str]:
    return {each["name"] for each in operation["parameters"] if each["in"] == "header"}


def test_the_headers_that_count_are_told_where_they_do() -> None:
    said = operations()
    book, read, models = (said[f"{call}"] for call in (
        "POST /api/bookings", "GET /api/bookings/{reference}", "GET /api/catalog/models",
    ))  # fmt: skip
    assert headers(book) == {"Idempotency-Key"}
    assert set(book["responses"]["201"]["headers"]) == {"ETag", "Idempotency-Replayed", "Location"}
    assert (headers(read), set(read["responses"]["200"]["headers"])) == (set(), {"ETag"})
    assert headers(models) == {"If-None-Match"}
    assert set(models["responses"]["200"]["headers"]) == {"Cache-Control", "ETag", "Link"}
    changing = {call for call, operation in said.items() if "If-Match" in headers(operation)}
    assert {"PATCH /api/bookings/{reference}", "DELETE /api/webhooks/{id}", "PATCH /api/users/{id}"} <= changing
    assert all("409" in said[call]["responses"] for call in changing)
    made = [operation["responses"]["201"] for operation in said.values() if "201" in operation["responses"]]
    assert made
    assert all(answer["headers"]["Location"]["required"] for answer in made)


def test_a_bookings_token_is_named_where_it_opens_something_and_nowhere_else() -> None:
    said = operations()
    opened = {call for call, operation in said.items() if {"token": []} in operation.get("security", [])}
    own = {f"{each.method} {each.path}" for each in ROUTES if each.allows is Permission.BOOKING_OWN}
    assert opened == own | {"GET /api/live"}
    assert {"GET /api/bookings/{reference}", "POST /api/bookings/{reference}/cancel"} <= own


def test_who_may_call_is_said_in_words() -> None:
    said = operations()
    assert said["POST /api/bookings/{reference}/assign"]["description"] == "For technicians, managers, admins."
    assert said["GET /api/auth/me"]["description"] == "For whoever is logged in."
    assert not re.findall(r"[A-Z]{3,}_[A-Z]+", json.dumps(said))


def test_the_problems_that_a_program_may_tell_apart_are_named_by_their_status() -> None:
    answers = document()["components"]["responses"]
    kinds = {
        name: answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["type"]
        for name, answer in answers.items()
    }
    assert set(kinds["Conflict"]["enum"]) == {
        f"/problems/{code}"
        for code in ("conflict", "slot-taken", "step-forbidden", "too-late", "version-conflict", "request-in-progress")
    }
    assert "/problems/slot-taken`: No bench is free at that time." in kinds["Conflict"]["description"]
    assert kinds["UnprocessableEntity"]["enum"] == ["/problems/idempotency-key-reused", "/problems/invalid"]
    assert answers["Unauthorized"]["headers"]["WWW-Authenticate"]["required"]


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

    @settings(max_examples=15, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def run(case: schemathesis.Case) -> None:
        answer = case.call(base_url=demo.url)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    run()
