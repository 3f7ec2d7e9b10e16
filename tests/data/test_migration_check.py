"""`migrate check`: drift, models without a migration, and what would stop a big table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from peewee import Database

from reviva.database import migration, migration_check, schema
from reviva.database.connection import open_database
from reviva.database.ddl import Backend
from reviva.database.migration import Step
from reviva.database.scratch import Statement, scratch
from reviva.errors import SchemaError


def test_a_migrated_database_has_nothing_wrong(database: Database) -> None:
    assert migration_check.check(database) == []


def test_an_empty_database_can_be_migrated(new_url: Callable[..., str]) -> None:
    database = open_database(new_url(migrated=False))
    with database.connection_context():
        assert migration_check.check(database) == []
        assert schema.read(database) == {}


def test_drift_is_told(database: Database) -> None:
    database.execute_sql("DROP INDEX booking_created")
    database.execute_sql("ALTER TABLE shop ADD COLUMN colour text")
    lines = migration_check.check(database)
    assert [":".join(line.split(":")[:2]) for line in lines] == [
        "the database: lacks index booking_created", "the database: too much"
    ]  # fmt: skip
    assert "column shop.colour" in lines[1]


def test_a_model_without_its_migration_is_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in migration.directory().glob("[0-9]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    statement = "db.execute_sql('ALTER TABLE shop ADD COLUMN colour text')"
    (tmp_path / "9000_colour.py").write_text(f"def up(migrator, db):\n    {statement}\n")
    monkeypatch.setattr(migration, "directory", lambda: tmp_path)
    (line,) = migration_check.check(database)
    assert line.lower() == "the migrations: too much: column shop.colour: text"
    assert "column shop.colour" not in schema.read(database)


@pytest.mark.parametrize("fault", ["db.execute_sql('ALTER TABEL shop')", "raise KeyError('x')"])
def test_one_that_fails_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for path in migration.directory().glob("[0-9]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "9000_wrong.py").write_text(f"def up(migrator, db):\n    {fault}\n")
    monkeypatch.setattr(migration, "directory", lambda: tmp_path)
    with pytest.raises(SchemaError, match=r"^9000_wrong fails: .*(TABEL|KeyError: 'x')"):
        migration_check.check(database)


def test_a_skeleton_that_nobody_has_written_is_told_and_is_in_no_script(
    database: Database, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in migration.directory().glob("[0-9]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    made = migration.create("Nothing yet", tmp_path)
    monkeypatch.setattr(migration, "directory", lambda: tmp_path)
    told = f"{made.stem} does nothing yet: write its up(), or remove the file"
    assert migration_check.check(database) == [f"the migrations: {told}"]
    with pytest.raises(SchemaError, match=made.stem):
        schema.script(backend)
    made.write_text('def up(migrator, db):\n    """For one of the two."""\n    if db is None:\n        pass\n')
    assert migration_check.check(database) == [], "it may have nothing to do on this kind of database"
    assert made.stem in schema.script(backend)


def test_an_unknown_history_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(migration, "directory", lambda: tmp_path)
    with pytest.raises(SchemaError, match="newer Reviva"):
        migration_check.check(database)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_scratch_takes_no_lock_and_leaves_nothing(database: Database) -> None:
    with database.atomic(), scratch(database) as trial:
        database.execute_sql("LOCK TABLE booking IN ACCESS EXCLUSIVE MODE")
        trial.execute_sql("SET LOCAL lock_timeout = '1s'")
        trial.replay(migration.status(database))
        assert "booking" in trial.get_tables()
    schemas = database.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'scratch%%'").fetchall()
    assert schemas == []


DANGEROUS = {
    "ALTER TABLE shop ADD COLUMN x text NOT NULL": "no value",
    "ALTER TABLE shop ADD COLUMN x uuid DEFAULT gen_random_uuid()": "anew",
    "ALTER TABLE shop ADD COLUMN x bigserial": "anew",
    "ALTER TABLE shop ADD COLUMN x int GENERATED ALWAYS AS (1) STORED": "anew",
    "ALTER TABLE shop ALTER COLUMN name TYPE varchar(20)": "anew",
    "ALTER TABLE shop ADD COLUMN y int, ALTER COLUMN name TYPE varchar(20)": "anew",
    "ALTER TABLE shop ALTER COLUMN phone SET NOT NULL": "reads the whole table",
    "ALTER TABLE shop ADD CONSTRAINT c CHECK (lead_minutes > 0)": "NOT VALID",
    "ALTER TABLE bench ADD CONSTRAINT c FOREIGN KEY (shop_id) REFERENCES shop (id)": "NOT VALID",
    "ALTER TABLE shop ADD CONSTRAINT c UNIQUE (name)": "USING INDEX",
    'CREATE INDEX "x" ON "shop" ("name")': "CONCURRENTLY",
    "CREATE UNIQUE INDEX x ON shop (name)": "stops writers",
    "ALTER TABLE shop RENAME COLUMN name TO title": "version before",
    "ALTER TABLE shop RENAME TO store": "version before",
    "ALTER TABLE shop DROP COLUMN phone": "version before",
    "DROP TABLE shop": "loses its rows",
    "UPDATE shop SET name = ''": "batches",
    "WITH closed AS (DELETE FROM shop RETURNING id) SELECT id FROM closed": "batches",
    "TRUNCATE shop": "loses its rows",
    'ALTER TABLE "public"."shop" ALTER COLUMN "name" TYPE text': "anew",
    "CREATE INDEX x ON public.shop (name)": "CONCURRENTLY",
    'DROP TABLE IF EXISTS public."shop"': "loses its rows",
    "UPDATE Public.Shop SET name = 'a;b'": "batches",
    "DO $body$ BEGIN UPDATE shop SET name = 'x'; END $body$": "look yourself",
    "CALL tidy(1)": "look yourself",
    "SELECT tidy(1)": "look yourself",
    "SELECT public.tidy (id) FROM shop": "look yourself",
    "DROP TABLE colour, shop": "loses its rows",
    "LOCK TABLE colour, shop": "stops everybody",
    "ALTER TABLE shop ADD x text NOT NULL, ADD y int DEFAULT 1": "no value",
    "ALTER TABLE shop ADD CONSTRAINT c CHECK (a IN (1, 2)), ADD CONSTRAINT d CHECK (b > 0) NOT VALID": "NOT VALID",
}
HARMLESS = (
    "ALTER TABLE shop ADD COLUMN x text",
    "ALTER TABLE shop ADD COLUMN x text NOT NULL DEFAULT ''",
    "ALTER TABLE shop ADD CONSTRAINT c CHECK (lead_minutes > 0) NOT VALID",
    "ALTER TABLE shop VALIDATE CONSTRAINT c",
    "ALTER TABLE shop DROP CONSTRAINT c",
    "ALTER TABLE shop RENAME CONSTRAINT c TO d",
    "ALTER TABLE shop ADD CONSTRAINT c UNIQUE USING INDEX x",
    "ALTER TABLE shop ADD x int, ADD y numeric(5, 2) DEFAULT 1 NOT NULL",
    "SELECT setval('shop_id_seq', 5)",
    "CREATE TABLE colour (id int NOT NULL, name text UNIQUE)",
    "CREATE INDEX x ON colour (name)",
    "INSERT INTO colour VALUES ('; DROP TABLE shop')",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN DELETE FROM shop; END $f$",
)


def statement(tmp_path: Path, sql: str, remark: str = "") -> Statement:
    path = tmp_path / f"9000_{abs(hash((sql, remark)))}.py"
    path.write_text(f"\n\ndef up(migrator, db):\n    db.execute_sql({sql!r}){remark}\n")
    return Statement(Step(path.stem, path), 4, sql)


@pytest.mark.parametrize("sql", DANGEROUS)
def test_what_stops_a_big_table_is_told_with_its_line_and_advice(tmp_path: Path, sql: str) -> None:
    (line,) = migration_check.hazards(statement(tmp_path, sql), {"shop": 2_000_000, "bench": 2_000_000})
    assert ".py:4: " in line
    assert sql in line
    assert DANGEROUS[sql] in line
    assert "2,000,000 rows" in line or "can't be read" in line


@pytest.mark.parametrize("before", ["-- a remark; with a semicolon\n", "/* a\n remark */ ", "SELECT 1; ", "\n ; "])
@pytest.mark.parametrize("after", ["", ";", " -- the end", "; SELECT '-- ; ', $$;$$"])
def test_remarks_and_other_statements_hide_nothing(tmp_path: Path, before: str, after: str) -> None:
    (told,) = migration_check.hazards(statement(tmp_path, f"{before}DROP /* it */ TABLE shop{after}"), {"shop": 5})
    assert ": DROP TABLE shop: loses its rows (shop, about 5 rows)" in told


def test_each_of_several_statements_is_told(tmp_path: Path) -> None:
    sql = "DO $$ BEGIN PERFORM 1; END $$; UPDATE shop SET name = ''; DROP TABLE bench"
    told = migration_check.hazards(statement(tmp_path, sql), {"shop": 10**6, "bench": 1})
    assert [line.split(": ")[1].split()[0] for line in told] == ["DO", "UPDATE", "DROP"]
    assert migration_check.hazards(statement(tmp_path, sql, "  # safe: at night"), {"shop": 10**6, "bench": 1}) == []


def test_each_of_several_tables_is_told_once(tmp_path: Path) -> None:
    told = migration_check.hazards(statement(tmp_path, "TRUNCATE shop, bench"), {"shop": 7, "bench": 9})
    assert ["(shop, about 7 rows)" in told[0], "(bench, about 9 rows)" in told[1]] == [True, True]
    sql = "ALTER TABLE shop DROP COLUMN phone, DROP COLUMN email"
    assert len(migration_check.hazards(statement(tmp_path, sql), {"shop": 7})) == 1


def test_an_index_is_not_built_concurrently_among_other_statements(tmp_path: Path) -> None:
    made = statement(tmp_path, "SELECT 1; CREATE INDEX CONCURRENTLY x ON shop (name)")
    made.step.path.write_text("atomic = False\n" + made.step.path.read_text())  # type: ignore[union-attr]
    (told,) = migration_check.hazards(made, {"shop": 50})
    assert "run it alone" in told


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_stops_nobody_is_not(tmp_path: Path, sql: str) -> None:
    assert migration_check.hazards(statement(tmp_path, sql), {"shop": 2_000_000}) == []


def test_a_small_table_may_be_locked_and_a_reason_silences(tmp_path: Path) -> None:
    index = "CREATE INDEX x ON shop (name)"
    assert migration_check.hazards(statement(tmp_path, index), {"shop": 50}) == []
    assert migration_check.hazards(statement(tmp_path, index, "  # safe: at night"), {"shop": 10**6}) == []
    column = "ALTER TABLE shop ADD COLUMN x text NOT NULL"
    assert migration_check.hazards(statement(tmp_path, column), {"shop": 0}) == []
    assert migration_check.hazards(statement(tmp_path, column), {"shop": 1}) != []


def test_a_concurrent_index_must_be_outside_a_transaction(tmp_path: Path) -> None:
    told = migration_check.hazards(statement(tmp_path, "CREATE INDEX CONCURRENTLY x ON shop (name)"), {"shop": 50})
    assert "atomic = False" in told[0]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_pending_migration_is_judged_by_the_rows_that_are_there(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in migration.directory().glob("[0-9]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "9000_index.py").write_text(
        "def up(migrator, db):\n    db.execute_sql(\n        'CREATE INDEX late ON category (name)'\n    )\n"
    )
    monkeypatch.setattr(migration, "directory", lambda: tmp_path)
    assert not [line for line in migration_check.check(database) if "9000_index" in line]
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO category (slug, name, position) SELECT n, n, n FROM generate_series(1, 150000) n")
    (line,) = [line for line in migration_check.check(database) if "9000_index" in line]
    assert line.startswith("9000_index.py:2: CREATE INDEX late ON category (name): stops writers")
    assert "index late" not in schema.read(database)
