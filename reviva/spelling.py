"""How slugs, text, instants and a model's specs are spelt, whether they come as JSON, in a URL or in a file."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any, Final

from pydantic_core import PydanticCustomError

SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_.+][a-z0-9]+)*")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def parse_slug(value: str) -> str:
    """A slug as it is; raises ValueError for anything else."""
    if len(value) > 100 or not SLUG.fullmatch(value):
        raise PydanticCustomError("slug", "must be lower-case letters, digits and hyphens")
    return value


def parse_plain(value: str) -> str:
    """Any text without control characters, as it is; raises ValueError."""
    if _CONTROL.search(value):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return value


def parse_instant(value: Any) -> datetime:
    """RFC 3339 with its offset, to an instant in UTC; raises ValueError."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
            if MINYEAR < instant.year < MAXYEAR:  # else some shop's clock would show a year that there is not
                return instant
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("instant", "must be a time with its offset, such as 2026-03-01T09:30:00+01:00")


def parse_spec(value: Any) -> Any:
    """One of a model's specs, as it is; raises ValueError for what is neither short nor plain."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and len(each) <= 200:
            parse_plain(each)
        elif not isinstance(each, int | float) or abs(each) > 10**9:
            raise PydanticCustomError("spec", "must be short text, a number, true or false, or a list of them")
    return value
