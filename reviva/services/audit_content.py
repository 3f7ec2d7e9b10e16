"""What an audit row may hold: no secret, no personal note, and personal values only where they can be erased."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from reviva.database.fields import JSONField

MASK: Final = "***"
PERSONAL: Final = "(personal)"
"""Stands for a personal value, and is what is shown once it is erased."""
_SECRET = re.compile(r"password|token|secret|nonce|api_key|private", re.IGNORECASE)
_is_secret = lru_cache(1000)(_SECRET.search)
_NOTES: Final = frozenset({"notes", "note", "reason"})
_ANYWHERE: Final = frozenset({"email", "phone", "recipient", "device", "contact_name", "customer_name"})
_OF_PEOPLE: Final = frozenset({"name", "locale"})
_PEOPLE: Final = frozenset({"customer", "user", "contact"})
"""Entities, and names of nested objects, that are persons: there `name` is personal too."""
_WITH_NOTES: Final = frozenset({"customer", "booking"})

dump = JSONField().db_value


def split(entity: str, value: Any) -> tuple[Any, Any]:
    """The part of `value` that may be shown for ever, and the personal values in it by their dotted path."""
    found: dict[str, Any] = {}
    return _walk(value, "", entity in _PEOPLE, entity in _WITH_NOTES, found), found or None


def _walk(value: Any, path: str, person: bool, notes: bool, found: dict[str, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_walk(each, f"{path}{n}.", person, notes, found) for n, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, each in value.items():
        if each in (None, "") or isinstance(each, bool):
            kept[name] = each
        elif _is_secret(name) or (notes and name in _NOTES):
            kept[name] = MASK
        elif isinstance(each, dict | list | tuple):
            kept[name] = _walk(each, f"{path}{name}.", (person and name != "items") or name in _PEOPLE, notes, found)
        elif name in _ANYWHERE or (person and name in _OF_PEOPLE):
            found[f"{path}{name}"], kept[name] = each, PERSONAL
        else:
            kept[name] = each
    return kept


def restore(value: Any, found: dict[str, Any] | None) -> Any:
    """The row's part with its personal values put back."""
    for place, personal in (found or {}).items():
        *way, name = place.split(".")
        target = value
        for step in way:
            target = target[int(step)] if isinstance(target, list) else target[step]
        target[name] = personal
    return value
