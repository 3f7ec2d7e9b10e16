"""Very many rows at once: COPY on PostgreSQL, executemany on SQLite, indexes taken away meanwhile and built again.

COPY is refused by psycopg2 in a process that gevent patched, so this is for commands only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final, NamedTuple

from peewee import Database

from reviva.database.ddl import backend

Value = str | int | None
NULL: Final = "\\N"
"""How a line says that there is no value."""


class Shape(NamedTuple):
    """The rows of one load: which columns vary, and what stands in the others."""

    table: str
    columns: tuple[str, ...]
    constants: tuple[tuple[str, Value], ...] = ()

    @property
    def line(self) -> str:
        """A %-format for a row's varying values, as a line of PostgreSQL's COPY text."""
        fixed = [NULL if value is None else str(value).replace("%", "%%") for _, value in self.constants]
        return "\t".join(["%s"] * len(self.columns) + fixed) + "\n"

    @property
    def listed(self) -> str:
        """Its columns as SQL names them."""
        return ", ".join([*self.columns, *(name for name, _ in self.constants)])


def escape(text: str) -> str:
    """A text as a line may hold it."""
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return text


def copy(database: Database, shape: Shape, lines: bytes) -> None:
    """Adds rows to a table of PostgreSQL."""
    with database.connection().cursor() as cursor:
        cursor.copy_expert(f"COPY {shape.table} ({shape.listed}) FROM STDIN", BytesIO(lines), size=1 << 18)


def insert(database: Database, shape: Shape, rows: Sequence[Sequence[Any]]) -> None:
    """Adds rows to a table of SQLite."""
    places = ", ".join(["?"] * len(shape.columns) + [_literal(value) for _, value in shape.constants])
    database.connection().executemany(f"INSERT INTO {shape.table} ({shape.listed}) VALUES ({places})", rows)


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def lock(database: Database, tables: Sequence[str]) -> None:
    """Lets nobody else write to these tables until the transaction ends. SQLite's writers wait in any case."""
    if backend(database) == "postgresql":
        database.execute_sql(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")


def first_free(database: Database, table: str) -> int:
    """An id from which on none was ever given out; nobody else may be adding rows."""
    (highest,) = database.execute_sql(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
    if backend(database) == "sqlite":
        return int(highest) + 1
    (sequence,) = database.execute_sql("SELECT pg_get_serial_sequence(%s, 'id')", (table,)).fetchone()
    (last,) = database.execute_sql(f"SELECT last_value FROM {sequence}").fetchone()
    return max(int(highest), int(last)) + 1


def give_out_from(database: Database, table: str, next_id: int) -> None:
    """The next row that is added to the table in the ordinary way gets at least this id."""
    if backend(database) == "postgresql":
        database.execute_sql("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", (table, next_id))


@contextmanager
def rebuilding(database: Database, tables: Sequence[str]) -> Iterator[None]:
    """Inside: without secondary indexes and foreign keys. Afterwards they are there again, and every row was checked.

    In one transaction, which keeps everybody else out of the tables. Many times faster where the rows that are added
    are not few against those that are there.
    """
    made = _postgresql(database, tables) if backend(database) == "postgresql" else _sqlite(database, tables)
    for drop, _ in made:
        database.execute_sql(drop)
    yield
    if backend(database) == "postgresql":
        database.execute_sql("SET LOCAL maintenance_work_mem = '256MB'")
    for _, create in reversed(made):
        database.execute_sql(create)


def _sqlite(database: Database, tables: Sequence[str]) -> list[tuple[str, str]]:
    places = ", ".join("?" * len(tables))
    query = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({places})"
    return [(f"DROP INDEX {name}", sql) for name, sql in database.execute_sql(query, list(tables)).fetchall()]


def _postgresql(database: Database, tables: Sequence[str]) -> list[tuple[str, str]]:
    """What takes each foreign key from or to the tables, and each index without a constraint, away and back."""
    keys = database.execute_sql(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[])) ORDER BY 1, 2",
        (list(tables), list(tables)),
    ).fetchall()
    indexes = database.execute_sql(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY(%s::regclass[])"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1",
        (list(tables),),
    ).fetchall()
    return [
        *((f"ALTER TABLE {table} DROP CONSTRAINT {name}", f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
          for table, name, definition in keys),
        *((f"DROP INDEX {name}", definition) for name, definition in indexes),
    ]  # fmt: skip
