"""What an audit row may hold: no secret, no personal note, and of personal values only a salted hash."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from reviva.database.fields import JSONField

MASK: Final = "***"
_SECRET = re.compile(r"password|token|secret|nonce|api_key|private", re.IGNORECASE)
_NOTES: Final = frozenset({"notes", "note", "reason"})
_ANYWHERE: Final = frozenset({"email", "phone", "recipient", "device", "contact_name", "customer_name"})
_OF_PEOPLE: Final = frozenset({"name", "locale"})
_PEOPLE: Final = frozenset({"customer", "user", "contact"})
"""Entities, and names of nested objects, that are persons: there `name` is personal too."""
_WITH_NOTES: Final = frozenset({"customer", "booking"})
_HASH: Final = "sha256:"

dump = JSONField().db_value


def split(entity: str, value: Any, salt: str) -> tuple[Any, Any]:
    """The part of `value` that goes into the audit row, and the personal values in it by their dotted path.

    In the row each personal value is replaced by its hash with `salt`, without which it can't be guessed.
    """
    found: dict[str, Any] = {}
    return _walk(value, "", salt, entity in _PEOPLE, entity in _WITH_NOTES, found), found or None


def _walk(value: Any, path: str, salt: str, person: bool, notes: bool, found: dict[str, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_walk(each, f"{path}{n}.", salt, person, notes, found) for n, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, each in value.items():
        place = f"{path}{name}"
        if each in (None, "") or isinstance(each, bool):
            kept[name] = each
        elif _SECRET.search(name) or (notes and name in _NOTES):
            kept[name] = MASK
        elif isinstance(each, dict | list | tuple):
            kept[name] = _walk(each, f"{place}.", salt, (person and name != "items") or name in _PEOPLE, notes, found)
        elif name in _ANYWHERE or (person and name in _OF_PEOPLE):
            found[place], kept[name] = each, hashed(salt, place, each)
        else:
            kept[name] = each
    return kept


def hashed(salt: str, place: str, value: Any) -> str:
    """What stands in the row for a personal value."""
    return _HASH + hashlib.sha256(f"{salt}\0{place}\0{value}".encode()).hexdigest()


def restore(value: Any, found: dict[str, Any] | None) -> Any:
    """The row's part with its personal values put back; those that were erased stay hashes."""
    if not found or value is None:
        return value
    for place, personal in found.items():
        *way, name = place.split(".")
        target = value
        for step in way:
            target = target[int(step)] if isinstance(target, list) else target[step]
        target[name] = personal
    return value


def agrees(salt: str, stored: Any, found: dict[str, Any] | None) -> bool:
    """Whether the personal values are those whose hashes the row holds."""
    try:
        for place, personal in (found or {}).items():
            target = stored
            for step in place.split("."):
                target = target[int(step)] if isinstance(target, list) else target[step]
            if target != hashed(salt, place, personal):
                return False
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return True
