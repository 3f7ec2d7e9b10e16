"""What is wrong with a body or a query is said in words that no programmer is needed for, whatever is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import BaseModel

from reviva.api.app import ROUTES
from reviva.api.body import parse_body, parse_query
from reviva.errors import Invalid
from reviva.validation import OTHER, WORDS

Schema = dict[str, Any]

JUNK = (
    None, True, 0, -(10**12), 2**62, 1e300, 1.5, "", " ", "a\0b", "x" * 9000, "2027-02-30T10:00:00Z", [], [[]],
    ["x", "x"], ["no such"] * 300, {}, {"no such": {}}, {f"{n}": n for n in range(99)},
)  # fmt: skip
PYDANTICS = re.compile(r"\b(input|should|valid|unable|instance|required|permitted|parse|type)\b|[{}]", re.IGNORECASE)


def filled(schema: Schema, junk: Any, defined: Schema) -> Any:
    """A value of a schema's outer shape with junk wherever it holds a plain value."""
    if "$ref" in schema:
        return filled(defined[schema["$ref"].rpartition("/")[2]], junk, defined)
    if "properties" in schema:
        return {name: filled(each, junk, defined) for name, each in schema["properties"].items()}
    if "items" in schema:
        return [filled(schema["items"], junk, defined)]
    several = schema.get("anyOf") or schema.get("oneOf")
    return filled(several[0], junk, defined) if several else junk


def bodies(model: type[BaseModel]) -> Iterator[Any]:
    """Wrong bodies, down to what is in the lists that they hold."""
    schema = model.model_json_schema()
    for junk in JUNK:
        yield junk
        whole = filled(schema, junk, schema.get("$defs", {}))
        yield whole
        yield {**whole, **dict.fromkeys(whole, junk), "no such": junk, "draft": True}


def told(parse: Any, *sent: Any) -> list[Any]:
    try:
        parse(*sent)
    except Invalid as problem:
        return list(problem.faults)
    return []


def check(faults: list[Any], named: set[str]) -> None:
    for fault in faults:
        assert not PYDANTICS.search(fault.message), fault
        assert fault.code != OTHER, fault
        assert fault.field, fault
        named.add(fault.code)


def test_every_body_that_is_documented_is_refused_in_plain_words() -> None:
    models = {each.body for each in ROUTES if each.documented and each.body}
    assert len(models) > 30
    codes: set[str] = set()
    for model in models:
        for body in bodies(model):
            check(told(parse_body, json.dumps(body).encode(), model), codes)
    assert {"missing", "extra_forbidden", "string_type", "too_long", "enum", "int_type", "bool_type"} <= codes


def test_every_query_that_is_documented_is_refused_in_plain_words() -> None:
    models = {each.query for each in ROUTES if each.documented and each.query}
    assert len(models) > 15
    codes: set[str] = set()
    for model in models:
        names = [field.alias or name for name, field in model.model_fields.items()]
        for junk in ("x", "0", "-1", "9" * 30, "1.5", "a,a", "1,,2", "\0", "x" * 1001, ",".join(map(str, range(60)))):
            check(told(parse_query, urlencode(dict.fromkeys([*names, "no such"], junk)), model), codes)
    assert {"integer", "enum", "instant", "extra_forbidden", "greater_than_equal", "too_long"} <= codes


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"email": "", "password": 5}, {"email": "must be an e-mail address", "password": "must be text"}),
        ({"email": "x" * 255}, {"email": "must have at most 254 characters", "password": "is missing"}),
    ],
)
def test_the_words_name_what_would_be_right(body: Any, said: dict[str, str]) -> None:
    login = next(each for each in ROUTES if each.path == "/api/auth/login")
    assert {fault.field: fault.message for fault in told(parse_body, json.dumps(body).encode(), login.body)} == said


def test_what_has_words_is_told_by_a_name_that_stays() -> None:
    """pydantic may name its kinds otherwise some day: then ours is the place to keep what clients rely on."""
    from reviva.validation import THEIRS

    assert WORDS.keys() <= THEIRS
