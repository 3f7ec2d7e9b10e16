"""Very many rows at once: COPY on PostgreSQL, executemany on SQLite, indexes taken away meanwhile and built again.

COPY is refused by psycopg2 in a process that gevent patched, so this is for commands only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final, NamedTuple

from peewee import Database, Model

from reviva.database.ddl import backend
from reviva.database.transfer import unescape

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
        return "\t".join(["%s"] * len(self.columns)) + self.end.replace("%", "%%")

    @property
    def end(self) -> str:
        """The rest of a line behind the values that vary."""
        return "".join(f"\t{NULL if value is None else value}" for _, value in self.constants) + "\n"

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
        # In one piece: for each it would wait its turn with the thread that makes the next lines.
        cursor.copy_expert(f"COPY {shape.table} ({shape.listed}) FROM STDIN", BytesIO(lines), size=len(lines) + 1)


def load(database: Database, shape: Shape, lines: bytes) -> None:
    """Adds rows to a table of either kind, from lines."""
    if backend(database) == "postgresql":
        copy(database, shape, lines)
        return
    _insert(database, shape, ([_value(text) for text in line.split(b"\t")] for line in lines.split(b"\n")[:-1]))


def _value(text: bytes) -> str | None:
    return None if text == b"\\N" else unescape(text).decode()


def _insert(database: Database, shape: Shape, rows: Iterable[Sequence[Any]], rule: str = "") -> None:
    """Adds rows to a table of SQLite; the rule says what to do with one that is there already."""
    places = ", ".join("?" * len(shape.listed.split(",")))
    database.connection().executemany(f"INSERT INTO {shape.table} ({shape.listed}) VALUES ({places}){rule}", rows)


def add(database: Database, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows by column, which all name the same, to a model's table."""
    if rows:
        _load(database, model._meta.table_name, model, rows)


def upsert(
    database: Database, model: type[Model], rows: Sequence[Mapping[str, Any]], keys: Sequence[str], *,
    kept: Collection[str] = (),
) -> None:  # fmt: skip
    """Adds rows as `add` does; where one with the same `keys` is there, it takes the other values, but for `kept`.

    In a transaction, and no two of the rows with the same keys.
    """
    if not rows:
        return
    table, listed = model._meta.table_name, ", ".join(rows[0])
    changed = ", ".join(f"{name} = excluded.{name}" for name in rows[0] if name not in (*keys, *kept))
    rule = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}"
    if backend(database) == "sqlite":
        _load(database, table, model, rows, rule)
        return
    # One table for all batches of a transaction, for each that is made is locked until its end.
    database.execute_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming_{table} ON COMMIT DROP"
        f" AS SELECT {listed} FROM {table} WITH NO DATA"
    )
    _load(database, f"incoming_{table}", model, rows)
    database.execute_sql(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM incoming_{table}{rule}")
    database.execute_sql(f"TRUNCATE incoming_{table}")


def _load(
    database: Database, table: str, model: type[Model], rows: Sequence[Mapping[str, Any]], rule: str = ""
) -> None:  # fmt: skip
    shape = Shape(table, tuple(rows[0]))
    fields = [model._meta.combined[name] for name in shape.columns]
    values = [[field.db_value(row[name]) for name, field in zip(shape.columns, fields, strict=True)] for row in rows]
    if backend(database) == "sqlite":
        _insert(database, shape, values, rule)
    else:
        lines = (shape.line % tuple(NULL if cell is None else escape(str(cell)) for cell in row) for row in values)
        copy(database, shape, "".join(lines).encode())


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
    """Inside: without indexes, and on PostgreSQL without keys. Afterwards they are there again, all rows were checked.

    In one transaction, which keeps everybody else out of the tables. Many times faster where the rows that are added
    are not few against those that are there.
    """
    made = _postgresql(database, tables) if backend(database) == "postgresql" else _sqlite(database, tables)
    for drop, _ in made:
        if drop:
            database.execute_sql(drop)
    yield
    if backend(database) == "postgresql":
        # Of a million rows the words are indexed in 7 s so, in 8 to 9 s with four times as much: that fits no cache.
        database.execute_sql("SET LOCAL maintenance_work_mem = '64MB'")
    for _, create in reversed(made):
        database.execute_sql(create)


def _sqlite(database: Database, tables: Sequence[str]) -> list[tuple[str, str]]:
    """What takes away, and what brings back: the words that are searched and what keeps them, and the indexes."""
    places = ", ".join("?" * len(tables))
    query = (
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        f" AND tbl_name IN ({places}) ORDER BY type, name"
    )
    made = [(f"DROP {kind} {name}", sql) for kind, name, sql in database.execute_sql(query, list(tables)).fetchall()]
    query = f"SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%' AND name IN ({places})"
    words = database.execute_sql(query, [f"{table}_words" for table in tables]).fetchall()
    return [*(("", f"INSERT INTO {name}({name}) VALUES ('rebuild')") for (name,) in words), *made]


def _postgresql(database: Database, tables: Sequence[str]) -> list[tuple[str, str]]:
    """What takes away, and what brings back: foreign keys from or to the tables, indexes, and last the other keys."""
    constraints = database.execute_sql(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))"
        " OR contype IN ('p', 'u') AND conrelid = ANY(%s::regclass[]) ORDER BY contype <> 'f', 1, 2",
        (list(tables),) * 3,
    ).fetchall()
    indexes = database.execute_sql(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY(%s::regclass[])"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid) ORDER BY 1",
        (list(tables),),
    ).fetchall()
    keys = [
        (f"ALTER TABLE {table} DROP CONSTRAINT {name}", f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        for table, name, definition in constraints
    ]
    foreign = sum("FOREIGN KEY" in create for _, create in keys)
    return [*keys[:foreign], *((f"DROP INDEX {name}", create) for name, create in indexes), *keys[foreign:]]
