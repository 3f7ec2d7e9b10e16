"""A database's schema as its own catalog has it, in words that can be compared; and what the models make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from peewee import Database, SchemaManager

from reviva.database import migration
from reviva.database.ddl import Backend, backend
from reviva.database.scratch import offline
from reviva.models import TABLES, appendonly, fulltext

HISTORY = "schema_migration"
"""The migrations' own table, which the models know nothing of."""

Schema = dict[str, str]
"""`{"column booking.total": "bigint", "index booking_held": "CREATE INDEX …"}`, each in the database's own spelling."""


def read(database: Database) -> Schema:
    """The schema of a connected database, without the migrations' history."""
    found = dict(_sqlite(database) if backend(database) == "sqlite" else _postgresql(database))
    return {name: text for name, text in sorted(found.items()) if HISTORY not in name}


def create(database: Database) -> None:
    """Makes the schema straight from the models, in an empty database."""
    kind = backend(database)
    for model in TABLES:
        manager = SchemaManager(model, database)
        # peewee has no public way to the text; its types don't list this one.
        sql, _ = manager._create_table(safe=False).query()  # type: ignore[attr-defined]
        # The models are not bound to a kind of database, so only here it is known that the table is to be STRICT.
        database.execute_sql(f"{sql} STRICT" if kind == "sqlite" else sql)
        manager.create_indexes(safe=False)
    for table in fulltext.SEARCHED:
        for statement in fulltext.create(table, kind):
            database.execute_sql(statement)
    for table in appendonly.GUARDED:
        for statement in appendonly.create(table, kind):
            database.execute_sql(statement)


def differences(expected: Schema, found: Schema) -> list[str]:
    """A line for each thing that is missing, too much or other than expected."""
    lines = [f"lacks {name}: {text}" for name, text in expected.items() if name not in found]
    lines += [f"too much: {name}: {text}" for name, text in found.items() if name not in expected]
    return lines + [
        f"another {name}: {found[name]}, not {text}" for name, text in expected.items() if found.get(name, text) != text
    ]


def script(kind: Backend) -> str:
    """The whole schema as plain SQL, with the history of every migration, for an empty database. Needs no server.

    Raises `SchemaError` for a migration that nobody has written yet.
    """
    steps, database = [migration.Step(path.stem, path) for path in migration.files()], offline(kind)
    migration.refuse_blank(steps)
    create(database)
    SchemaManager(migration.Applied, database).create_table(safe=False)
    for step in steps:
        migration.record(database, step)
    return "\n".join(["BEGIN;", *(f"{text};" for text in database.texts), "COMMIT;", ""])


def _postgresql(database: Database) -> Iterator[tuple[str, str]]:
    (home,) = _rows(database, "SELECT current_schema()")[0]
    for query in POSTGRESQL:
        for name, text in _rows(database, query):
            yield name, _spaced(text).replace(f"{home}.", "")


# What an extension brought is not ours.
_OURS = """t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p', 'v', 'm') AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')"""

POSTGRESQL = (
    f"""
    SELECT 'table ' || t.relname, t.relkind::text || CASE WHEN t.relrowsecurity THEN ' with row security' ELSE '' END
    FROM pg_class t WHERE {_OURS}""",
    f"""
    SELECT 'column ' || t.relname || '.' || a.attname,
        format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
        || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY ' || a.attidentity::text END
        || CASE a.attgenerated WHEN '' THEN '' ELSE ' GENERATED' END
        || coalesce(' DEFAULT ' || pg_get_expr(v.adbin, v.adrelid), '')
    FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid
        LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {_OURS}""",
    # Not NULL is said with the column; PostgreSQL 18 has it as a constraint too, 15 has not.
    f"""
    SELECT 'constraint ' || t.relname || '.' || c.conname, pg_get_constraintdef(c.oid)
        || CASE WHEN c.convalidated THEN '' ELSE ' (not validated)' END
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype <> 'n' AND {_OURS}""",
    f"""
    SELECT 'index ' || i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
        || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid WHERE {_OURS}""",
    f"""
    SELECT 'trigger ' || t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
    FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal AND {_OURS}""",
    """
    SELECT 'function ' || p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p') AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')""",
    """
    SELECT 'sequence ' || s.seqrelid::regclass::text, format_type(s.seqtypid, NULL) || ' from ' || s.seqstart || ' by '
        || s.seqincrement || ' to ' || s.seqmax || coalesce(' of ' || d.refobjid::regclass || '.' || a.attname, '')
    FROM pg_sequence s JOIN pg_class t ON t.oid = s.seqrelid
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE t.relnamespace = current_schema()::regnamespace""",
)


def _sqlite(database: Database) -> Iterator[tuple[str, str]]:
    tables = _rows(
        database,
        "SELECT name, strict, sql FROM pragma_table_list JOIN sqlite_master USING (name, type) "
        "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    for name, strict, sql in tables:
        counts = " autoincrement" * ("AUTOINCREMENT" in sql.upper())
        yield f"table {name}", ("strict" if strict else "not strict") + counts
        yield from _sqlite_columns(database, name)
        yield from _sqlite_keys(database, name)
        for check, condition in checks(sql):
            yield f"check {name}.{check or condition}", condition
    named = _rows(
        database,
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type <> 'table' "
        "OR sql LIKE 'CREATE VIRTUAL%')",
    )
    for kind, name, table, sql in named:
        owner = f"{table}." if kind == "trigger" else ""
        yield f"{kind} {owner}{name}", _unquoted(sql).replace("IF NOT EXISTS ", "")


def _sqlite_columns(database: Database, table: str) -> Iterator[tuple[str, str]]:
    for _, name, kind, required, default, key, hidden in _rows(database, f"PRAGMA table_xinfo({table})"):
        words = [kind.upper(), "NOT NULL" * required, f"PRIMARY KEY {key}" * bool(key), "GENERATED" * bool(hidden)]
        words.append(f"DEFAULT {default}" if default is not None else "")
        yield f"column {table}.{name}", " ".join(word for word in words if word)


def _sqlite_keys(database: Database, table: str) -> Iterator[tuple[str, str]]:
    references: dict[int, list[tuple[Any, ...]]] = {}
    for row in _rows(database, f"PRAGMA foreign_key_list({table})"):
        references.setdefault(row[0], []).append(row)
    for parts in references.values():
        _, _, other, _, _, on_update, on_delete, _ = parts[0]
        here, there = (", ".join(str(part[place]) for part in parts) for place in (3, 4))
        yield f"foreign key {table}({here})", f"{other}({there}) ON UPDATE {on_update} ON DELETE {on_delete}"
    for _, index, _, origin, _ in _rows(database, f"PRAGMA index_list({table})"):
        if origin != "c":  # one that was made by name has its own text in sqlite_master
            columns = _rows(database, f"SELECT name, coll, desc FROM pragma_index_xinfo('{index}') WHERE key")
            names = ", ".join(column[0] for column in columns)
            spelt = ", ".join(f"{name} {collation}{' DESC' * down}" for name, collation, down in columns)
            yield f"unique {table}({names})", f"{spelt} {origin}"


def _rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = database.execute_sql(sql).fetchall()
    return rows


def checks(sql: str) -> Iterator[tuple[str, str]]:
    """The CHECK constraints in the text of a CREATE TABLE: name ("" where it has none) and condition."""
    text = _unquoted(sql)
    for match in re.finditer(r"(?:CONSTRAINT (\w+) )?CHECK ?\(", text, re.IGNORECASE):
        depth, end, quoted = 1, match.end(), False
        while depth:
            quoted ^= text[end] == "'"
            depth += 0 if quoted else {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield match.group(1) or "", text[match.end() : end - 1].strip()


def _unquoted(sql: str) -> str:
    return _spaced(sql.replace('"', ""))


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
