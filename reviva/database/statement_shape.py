"""What a statement's text has in common with others of its kind, and parameters that may be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

MOST_TEXT = 4000
"""Characters of a statement that are kept."""

MOST_PARAMETERS = 50
"""Parameters of a statement that are shown: an INSERT of many rows has thousands."""

_SPACE = re.compile(r"\s+")
_LIST = re.compile(r"\((?:\s*(?:\?|%s)\s*,)+\s*(?:\?|%s)\s*\)")
_ROWS = re.compile(r"(\bVALUES\s*)(\(.*?\))(?:\s*,\s*\(.*?\))+(?=\s*(?:ON\b|RETURNING\b|$))", re.IGNORECASE)
_NUMBERS = re.compile(r"\bIN\s*\(\s*\d+(?:\s*,\s*\d+)*\s*\)", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")


def shape_of(sql: str) -> str | None:
    """The statement with each list of values as `(…)` and many rows as one; None for those that only steer."""
    if sql.startswith(_CONTROL):
        return None
    text = _ROWS.sub(r"\1\2, …", _SPACE.sub(" ", sql).strip())
    head, values, rest = text.partition(" VALUES ")
    if values:  # the list of an INSERT says how many columns there are: only other lists vary
        return (head + values + rest)[:MOST_TEXT]
    return _NUMBERS.sub("IN (…)", _LIST.sub("(…)", text))[:MOST_TEXT]


def name_of(shape: str) -> str:
    """A short name for a shape, the same in every process."""
    return sha256(shape.encode()).hexdigest()[:16]


def masked(parameters: Sequence[Any] | None) -> list[Any]:
    """Parameters that may be logged: numbers and times as they are, of a text only its length; of many the first."""
    given = parameters or ()
    more = [f"and {len(given) - MOST_PARAMETERS} more"] if len(given) > MOST_PARAMETERS else []
    return [*map(_masked, given[:MOST_PARAMETERS]), *more]


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    size = f"({len(value)})" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"


def without_literals(plan: str) -> str:
    """A plan in which no quoted value stands, for the planner repeats the parameters."""
    return _LITERAL.sub("'…'", plan)
