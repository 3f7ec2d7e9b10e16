"""The OpenAPI 3.1 document, made from the route table alone, so that it can't say anything else than the code does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

from pydantic import TypeAdapter

from reviva import __version__
from reviva.api.body import CAP
from reviva.api.endpoint import Endpoint
from reviva.api.listing import Listing
from reviva.api.problem import CONTENT_TYPE
from reviva.api.serving import SESSION_COOKIE
from reviva.errors import RevivaError

Schema = dict[str, Any]
_COMPONENT: Final = "#/components/schemas/{model}"

_ASKS: Final = {
    "If-Match": (
        {"type": "string", "examples": ['"3"']},
        "The versions of which one must still be the present one, as entity tags; else 409.",
    ),
    "If-None-Match": ({"type": "string"}, "ETags that are known: 304 where one of them is still the present one."),
    "Idempotency-Key": (
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^,\x00-\x1f\x7f]+$"},
        "The same request under the same key, within 24 hours, gets the first answer again.",
    ),
}
"""The headers of requests that count: schema and description."""

_TELLS: Final = {
    "Cache-Control": ({"type": "string"}, "How long the answer may be kept."),
    "ETag": (
        {"type": "string"},
        "For `If-None-Match` where that is taken; of a booking its version, for `If-Match` alone.",
    ),
    "Idempotency-Replayed": (
        {"type": "string", "enum": ["true"]},
        "There where this is the answer to an earlier request with the same Idempotency-Key.",
    ),
    "Link": ({"type": "string"}, 'The page after, with `rel="next"`, where there is one.'),
    "Location": ({"type": "string", "format": "uri-reference"}, "Where what was made is found."),
}
"""The headers of answers: schema and description."""
_NOT_ALWAYS: Final = frozenset({"Idempotency-Replayed", "Link"})

_FAULT: Final[Schema] = {
    "type": "object",
    "required": ["field", "message", "code"],
    "properties": {
        "field": {"type": "string", "description": "The dotted path of the field."},
        "message": {"type": "string"},
        "code": {"type": "string"},
    },
}
_PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}, "description": "Of a 422."},
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of a 409: the steps that can be taken.",
        },
    },
}
_ABOUT: Final = """Bookings of a device repair shop.

Every answer carries `X-Request-ID`. Where requests are counted, `RateLimit-Limit` says how many there may be,
`RateLimit-Remaining` how many are left and `RateLimit-Reset` in how many seconds they are counted anew."""


def document(routes: Iterable[Endpoint]) -> Schema:
    """The whole document. Raises ValueError for an endpoint whose handler has no docstring."""
    shown = [endpoint for endpoint in routes if endpoint.documented]
    schemas, definitions = _schemas(shown)
    paths: Schema = {}
    statuses: set[int] = set()
    for endpoint in shown:
        operation = _operation(endpoint, schemas)
        statuses |= {int(status) for status, answer in operation["responses"].items() if "$ref" in answer}
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reviva", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": _PROBLEM, "Fault": _FAULT},
            "responses": {_name(status): _problem(status) for status in sorted(statuses)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token, or a booking's."},
                "token": {"type": "apiKey", "in": "query", "name": "token", "description": "A booking's token."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": "With `__Host-` before its name where the shop is reached by https.",
                },
            },
        },
    }


def _schemas(routes: list[Endpoint]) -> tuple[dict[Any, Schema], Schema]:
    """The schemas of bodies, queries and answers by (method, path, part), and the definitions they refer to."""
    inputs: list[tuple[Any, Any, TypeAdapter[Any]]] = []
    for endpoint in routes:
        for part, kind in (("body", endpoint.body), ("query", endpoint.query), ("answer", endpoint.answer)):
            if kind is not None:
                mode = "serialization" if part == "answer" else "validation"
                inputs.append(((endpoint.method, endpoint.path, part), mode, TypeAdapter(kind)))
    if not inputs:
        return {}, {}
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_COMPONENT)
    defined: Schema = definitions.get("$defs", {})
    # A query is spelt out parameter by parameter, so its own schema is needed rather than a reference to it.
    own = {key: defined[schema["$ref"].rpartition("/")[2]] for (key, _), schema in found.items() if key[2] == "query"}
    return {key: schema for (key, _), schema in found.items()} | own, defined


def _operation(endpoint: Endpoint, schemas: dict[Any, Schema]) -> Schema:
    summary, _, more = cleandoc(endpoint.handler.__doc__ or "").partition("\n")
    if not summary:
        raise ValueError(f"{endpoint.method} {endpoint.path}: the handler needs a docstring")
    body, query, answer = (
        schemas.get((endpoint.method, endpoint.path, part)) for part in ("body", "query", "answer")
    )  # fmt: skip
    operation: Schema = {
        "summary": summary,
        "operationId": endpoint.method.lower() + endpoint.template.replace("/", "_").translate({123: None, 125: None}),
        "tags": [(endpoint.path.split("/") + [""] * 2)[2] or "service"],
        "parameters": [*_path(endpoint), *(_query(query) if query else ()), *_asked(endpoint)],
        "responses": {str(endpoint.status): _success(endpoint, answer)}
        | {str(status): _reference(status) for status in _failures(endpoint)},
    }
    if more.strip():
        operation["description"] = more.strip()
    if body is not None:
        operation["requestBody"] = {
            "required": not endpoint.optional_body,
            "description": f"At most {CAP} bytes.",
            "content": {"application/json": {"schema": body}},
        }
    if not endpoint.public:
        operation["description"] = f"{operation.get('description', '')}\n\nFor {endpoint.allows.words}.".strip()
    if security := _security(endpoint):
        operation["security"] = security
    if endpoint.cache:
        operation["responses"]["304"] = {"description": "Not changed since the ETag of If-None-Match."}
    return operation


def _security(endpoint: Endpoint) -> list[Schema]:
    """The ways to say who is calling; whoever opens a websocket is asked by the handler itself."""
    if endpoint.public and not endpoint.upgrade:
        return []
    by_link = endpoint.allows.by_link or endpoint.upgrade
    return [{name: []} for name in ("bearer", *(("token",) if by_link else ()), "session")]


def _asked(endpoint: Endpoint) -> Iterator[Schema]:
    """The headers that count."""
    named = set(endpoint.asks)
    if endpoint.versioned:
        named.add("If-Match")
    if endpoint.cache:
        named.add("If-None-Match")
    for name in sorted(named):
        schema, description = _ASKS[name]
        yield {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


def _told(endpoint: Endpoint) -> Schema:
    """The headers of a success."""
    named = set(endpoint.tells)
    if endpoint.cache:
        named |= {"ETag", "Cache-Control"}
    if endpoint.status == 201:
        named.add("Location")
    if endpoint.query is not None and issubclass(endpoint.query, Listing):
        named.add("Link")
    return {
        name: {"schema": schema, "description": description, "required": name not in _NOT_ALWAYS}
        for name, (schema, description) in _TELLS.items()
        if name in named
    }


def _path(endpoint: Endpoint) -> Iterator[Schema]:
    for name, kind in endpoint.parameters.items():
        yield {"name": name, "in": "path", "required": True, "schema": kind.schema}


def _query(model: Schema) -> Iterator[Schema]:
    """One parameter for each field. Lists are written with commas; what may be None is simply left out."""
    for name, shown in model["properties"].items():
        kinds = [each for each in shown.pop("anyOf", []) if each != {"type": "null"}]
        shown = {key: value for key, value in shown.items() if key != "default" or value is not None}
        description = shown.pop("description", None)
        if kinds:
            shown |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        parameter = {"name": name, "in": "query", "required": name in model.get("required", ()), "schema": shown}
        if description:
            parameter["description"] = description
        if shown.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        yield parameter


def _success(endpoint: Endpoint, answer: Schema | None) -> Schema:
    success: Schema = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.status not in (101, 204):
        kind = endpoint.content_type.partition(";")[0]
        fallback: Schema = {"type": "object"} if kind == "application/json" else {"type": "string"}
        success["content"] = {kind: {"schema": answer or fallback}}
    if headers := _told(endpoint):
        success["headers"] = headers
    return success


def _failures(endpoint: Endpoint) -> list[int]:
    """The statuses that follow from what the endpoint is, and those it names itself."""
    found = {400, 422, *endpoint.errors}  # any request may have a garbled query, or a parameter that nobody knows
    if not endpoint.public:
        found |= {401, 403}
    if endpoint.parameters:
        found.add(404)
    if endpoint.body:
        found |= {408, 413, 415}
    if endpoint.counted or endpoint.rate:
        found.add(429)
    if endpoint.database:
        found.add(503)
    return sorted(found)


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _reference(status: int) -> Schema:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _kinds(error: type[RevivaError] = RevivaError) -> Iterator[type[RevivaError]]:
    """Every kind of error there is."""
    yield error
    for kind in error.__subclasses__():
        yield from _kinds(kind)


def _problem(status: int) -> Schema:
    kinds = {f"/problems/{kind.code}": kind.__doc__ for kind in _kinds() if kind.status == status}
    if status == 400:
        kinds["about:blank"] = "It was no HTTP."
    kind: Schema = {"enum": sorted(kinds), "description": "\n".join(f"- `{k}`: {kinds[k]}" for k in sorted(kinds))}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"type": kind}}]}
    shown: Schema = {"description": HTTPStatus(status).phrase, "content": {CONTENT_TYPE: {"schema": schema}}}
    if status == 401:
        shown["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    if status in (409, 429, 503):
        when = "Seconds, where another request is waited for." if status == 409 else "Seconds."
        shown["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": when, "required": status != 409},
        }
    return shown
