"""The migrations, replayed, give what the models say: on both databases, in every detail that the catalog knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from peewee import CompositeKey, Database, ForeignKeyField

from reviva.database import migration, schema
from reviva.database.connection import open_database
from reviva.database.ddl import Index
from reviva.models import TABLES

NewUrl = Callable[..., str]

LOOKED_UP_BY_NOBODY = {
    "pricing_rule.factor_id": "a shop has dozens of rules",
    "shop_closure.shop_id": "a shop has a handful of closures to come",
    "device_model.category_id": "found by its brand first; categories are never removed",
    "repair_price.repair_id": "read with its model; repair types are switched off, never removed",
    "booking.model_id": "models are switched off, never removed",
    "booking.bench_id": "benches are switched off, never removed; which are busy their time says",
    "booking_item.repair_id": "read with its booking; repair types are switched off, never removed",
    "booking_history.user_id": "read with its booking; users are disabled, hardly ever removed",
    "webhook_endpoint.created_by_id": "a shop has a handful of endpoints",
}
"""Foreign keys that lead no index, and why none is needed."""


@contextmanager
def connected(url: str) -> Iterator[Database]:
    database = open_database(url)
    database.connect()
    with closing(database):
        yield database


def test_replayed_migrations_equal_the_models(database: Database, new_url: NewUrl) -> None:
    with connected(new_url(migrated=False)) as other:
        schema.create(other)
        expected = schema.read(other)
    assert schema.differences(expected, schema.read(database)) == []


def test_every_table_and_column_of_the_models_is_compared(database: Database) -> None:
    found = schema.read(database)
    for model in TABLES:
        assert f"table {model._meta.table_name}" in found
        for column in model._meta.columns:
            assert f"column {model._meta.table_name}.{column}" in found


def test_down_and_up_again_leave_the_same_schema(database: Database) -> None:
    before = schema.read(database)
    names = [step.name for step in migration.status(database)]
    assert migration.down(database, names[0]) == names[::-1]
    assert schema.read(database) == {}
    assert migration.up(database) == names
    assert schema.read(database) == before


CHANGES = {
    "a type": "ALTER TABLE shop ALTER COLUMN name TYPE varchar(20)",
    "nullability": "ALTER TABLE shop ALTER COLUMN name DROP NOT NULL",
    "a default": "ALTER TABLE shop ALTER COLUMN name SET DEFAULT 'x'",
    "a column": "ALTER TABLE shop ADD COLUMN extra TEXT",
    "a lost column": "ALTER TABLE shop DROP COLUMN phone",
    "a lost index": "DROP INDEX booking_created",
    "an index's columns": "DROP INDEX booking_created; CREATE INDEX booking_created ON booking (created_at)",
    "an index's order": "DROP INDEX booking_created; CREATE INDEX booking_created ON booking (created_at DESC, id)",
    "an index's condition": "DROP INDEX booking_held; CREATE INDEX booking_held ON booking (held_until)",
    "an index's expression": "DROP INDEX customer_name; CREATE INDEX customer_name ON customer (lower(name), id)",
    "uniqueness": "DROP INDEX shop_slug; CREATE INDEX shop_slug ON shop (slug)",
    "a check": "ALTER TABLE booking DROP CONSTRAINT booking_time_order; "
    "ALTER TABLE booking ADD CONSTRAINT booking_time_order CHECK (ends_at >= starts_at)",
    "a foreign key's action": "ALTER TABLE bench DROP CONSTRAINT bench_shop_id_fkey; "
    "ALTER TABLE bench ADD CONSTRAINT bench_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shop (id)",
    "a primary key": "ALTER TABLE booking_slot DROP CONSTRAINT booking_slot_pkey",
    "a trigger": "DROP TRIGGER audit_no_update ON audit",
    "a function": "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "a table": "CREATE TABLE extra (id bigint)",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_change_of_anything_shows_on_postgresql(database: Database, change: str) -> None:
    before = schema.read(database)
    database.execute_sql(CHANGES[change])
    assert schema.differences(before, schema.read(database))


SQLITE_CHANGES = {
    "a type": ("name TEXT", "name BLOB"),
    "nullability": ("name TEXT NOT NULL", "name TEXT"),
    "a default": ("name TEXT NOT NULL", "name TEXT NOT NULL DEFAULT ''"),
    "a check": ("lead_minutes BETWEEN 0", "lead_minutes BETWEEN 1"),
    "a lost check": ("CONSTRAINT shop_lead CHECK (lead_minutes BETWEEN 0 AND 525600)", "CHECK (1)"),
    "strictness": (") STRICT", ")"),
    "a primary key": ("PRIMARY KEY", ""),
}


@pytest.mark.parametrize("change", SQLITE_CHANGES)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_change_of_a_table_shows_on_sqlite(database: Database, change: str) -> None:
    before = schema.read(database)
    sql = database.execute_sql("SELECT sql FROM sqlite_master WHERE name = 'shop'").fetchone()[0].replace('"', "")
    old, new = SQLITE_CHANGES[change]
    assert old in sql
    database.execute_sql("PRAGMA foreign_keys = off")
    database.execute_sql("DROP TABLE shop")
    database.execute_sql(sql.replace(old, new))
    assert any("shop" in line and "index" not in line for line in schema.differences(before, schema.read(database)))


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP INDEX booking_created"],
        ["DROP INDEX booking_held", "CREATE INDEX booking_held ON booking (held_until)"],
        ["DROP INDEX shop_slug", "CREATE INDEX shop_slug ON shop (slug)"],
        ["DROP TRIGGER audit_no_update"],
        ["DROP TABLE booking_words"],
    ],
    ids=lambda statements: statements[0],
)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_change_beside_a_table_shows_on_sqlite(database: Database, statements: list[str]) -> None:
    before = schema.read(database)
    for statement in statements:
        database.execute_sql(statement)
    assert schema.differences(before, schema.read(database))


def test_checks_are_found_whatever_stands_in_them() -> None:
    sql = """CREATE TABLE t ("a" TEXT CHECK (a IN ('x)', '(')), CONSTRAINT "named" CHECK ((a IS NULL) = (b IS NULL)))"""
    assert list(schema.checks(sql)) == [("", "a IN ('x)', '(')"), ("named", "(a IS NULL) = (b IS NULL)")]


def own_indexes() -> list[Index]:
    return [index for model in TABLES for index in model._meta.indexes if isinstance(index, Index)]


def test_every_index_names_the_query_it_serves() -> None:
    assert own_indexes()
    assert [index.name for index in own_indexes() if not index.serves.strip()] == []


def test_every_index_stands_with_its_own_table() -> None:
    wrong = [
        index.name for model in TABLES for index in model._meta.indexes
        if isinstance(index, Index) and index.table != model._meta.table_name
    ]  # fmt: skip
    assert wrong == []


def leading_columns(model: type) -> set[str]:
    """The columns that some index, unique constraint or the primary key begins with."""
    meta = model._meta  # type: ignore[attr-defined]  # every model has it
    leads = {index.sql.split("(", 1)[1].split(",")[0].split(")")[0].strip() for index in meta.indexes}
    leads |= {field.column_name for field in meta.sorted_fields if field.unique or field.primary_key}
    if isinstance(meta.primary_key, CompositeKey):
        leads.add(meta.fields[meta.primary_key.field_names[0]].column_name)
    return leads


def test_every_foreign_key_leads_an_index_or_has_a_reason() -> None:
    bare = {
        f"{model._meta.table_name}.{field.column_name}"
        for model in TABLES
        for field in model._meta.sorted_fields
        if isinstance(field, ForeignKeyField) and field.column_name not in leading_columns(model)
    }
    assert bare == set(LOOKED_UP_BY_NOBODY)
