"""What pydantic finds wrong with a value, said in words for customers: the one place that knows its kinds.

A kind that is ours (a `PydanticCustomError`) brings its words along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, get_args

from pydantic import ValidationError
from pydantic_core import core_schema

OTHER: Final = "invalid"
"""The code of a kind that nobody has found words for yet."""
WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "value_error": "{error}",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, and not so large",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "list_type": "must be a JSON list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "datetime_type": "must be a time such as 2027-03-01T09:00:00Z",
    "datetime_parsing": "must be a time such as 2027-03-01T09:00:00Z",
    "datetime_from_date_parsing": "must be a time such as 2027-03-01T09:00:00Z",
    "timezone_aware": "must be a time such as 2027-03-01T09:00:00Z",
}
"""By pydantic's name of the kind, which is the code that is told, too."""
THEIRS: Final = frozenset(get_args(core_schema.ErrorType))


class Misfit(NamedTuple):
    """One thing that is wrong; `place` leads to it from the whole."""

    place: tuple[int | str, ...]
    message: str
    code: str


def misfits(problem: ValidationError) -> Iterator[Misfit]:
    """All that is wrong, without the values, which may be secrets."""
    for error in problem.errors(include_url=False, include_input=False):
        kind, about = error["type"], error.get("ctx", {})
        if kind == "string_too_short" and about["min_length"] == 1:
            message = "must not be empty"
        elif kind in WORDS:
            message = WORDS[kind].format_map(about)
        elif kind in THEIRS:
            kind, message = OTHER, "is not valid"
        else:
            message = error["msg"]
        yield Misfit(error["loc"], message, kind)
