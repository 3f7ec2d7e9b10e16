"""Triggers that keep the audit from being rewritten."""

from __future__ import annotations

from collections.abc import Iterator

GUARDED = ("audit", "audit_seal")


def create(table: str, backend: str) -> Iterator[str]:
    """The statements that make a table append-only."""
    if backend == "sqlite":
        for event in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    yield (
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    yield (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )


def drop(table: str, backend: str) -> Iterator[str]:
    """The statements that take it back."""
    if backend == "sqlite":
        for event in ("update", "delete"):
            yield f"DROP TRIGGER IF EXISTS {table}_no_{event}"
        return
    yield f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"
    yield f"DROP FUNCTION IF EXISTS {table}_append_only()"
