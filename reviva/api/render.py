"""Values to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from reviva.clock import rfc3339

# orjson would write a time in whatever zone it has, and a naive one without any: every time goes through `_other`.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, times in UTC with `Z`. Raises TypeError for a naive time and for what JSON has no word for."""
    return orjson.dumps(value, _other, _OPTIONS)


def picked(shape: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a TypedDict of an answer names, of a row that may have more."""
    return {name: row[name] for name in shape.__annotations__}


def _other(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo:
        return value.isoformat()[:-6] + "Z" if value.tzinfo is UTC else rfc3339(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be shown as JSON")
