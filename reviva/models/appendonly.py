"""Triggers that keep the audit from being rewritten. What is personal in a row may be erased, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

GUARDED: Final = ("audit", "audit_seal")
ERASED: Final = '{"erased":'
"""What is erased begins with, as it is stored."""
_KEPT: Final = {
    "audit": "id at actor_kind actor action entity entity_id before after request_id address mac",
    "audit_seal": "",
}
"""What stays as it is in a row of which the rest may be erased."""


def create(table: str, backend: str) -> Iterator[str]:
    """The statements that make a table append-only."""
    rewritten = _rewritten(table, "IS NOT" if backend == "sqlite" else "IS DISTINCT FROM")
    if backend == "sqlite":
        for event, when in (("UPDATE", rewritten), ("DELETE", "")):
            yield (
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} {when}"
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    yield (
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    for name, event, when in (
        ("no_update", "UPDATE", f"FOR EACH ROW {rewritten}"), ("no_delete", "DELETE OR TRUNCATE", "FOR EACH STATEMENT ")
    ):  # fmt: skip
        yield (f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} {when}EXECUTE FUNCTION {table}_append_only()")


def _rewritten(table: str, differs: str) -> str:
    """The condition under which an update is refused: always, where nothing may be erased."""
    if not _KEPT[table]:
        return ""
    old, new = (", ".join(f"{row}.{column}" for column in _KEPT[table].split()) for row in ("OLD", "NEW"))
    erased = f"OLD.personal IS NOT NULL AND SUBSTR(COALESCE(NEW.personal, ''), 1, {len(ERASED)}) = '{ERASED}'"
    return f"WHEN (({old}) {differs} ({new}) OR NOT ({erased})) "


def drop(table: str, backend: str) -> Iterator[str]:
    """The statements that take it back."""
    on = "" if backend == "sqlite" else f" ON {table}"
    for event in ("update", "delete"):
        yield f"DROP TRIGGER IF EXISTS {table}_no_{event}{on}"
    if backend != "sqlite":
        yield f"DROP FUNCTION IF EXISTS {table}_append_only()"
