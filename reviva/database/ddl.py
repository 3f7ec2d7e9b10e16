"""Pieces of a table's definition that peewee has no word for."""

from __future__ import annotations

from typing import Literal

from peewee import SQL, BigAutoField, Database, Model, SqliteDatabase

Backend = Literal["sqlite", "postgresql"]


def backend(database: Database) -> Backend:
    """Which of the two kinds of database this is."""
    return "sqlite" if isinstance(database, SqliteDatabase) else "postgresql"


class Index(SQL):
    """An index and the query that it is there for: an index that serves nothing has no place in the schema."""

    def __init__(
        self, name: str, table: str, columns: str, *, serves: str = "", unique: bool = False, where: str = ""
    ) -> None:
        self.name, self.table, self.serves = name, table, serves
        condition = f" WHERE {where}" if where else ""
        super().__init__(f"CREATE {'UNIQUE ' * unique}INDEX IF NOT EXISTS {name} ON {table} ({columns}){condition}")


def check(name: str, condition: str) -> SQL:
    """A CHECK of the whole row, named for the error message."""
    return SQL(f"CONSTRAINT {name} CHECK ({condition})")


def frozen(db: Database) -> type[Model]:
    """The base of a migration's own copies of the tables, as they were when it was written."""

    class Frozen(Model):
        id = BigAutoField()

        class Meta:
            database = db
            legacy_table_names = False
            strict_tables = backend(db) == "sqlite"  # which then refuses 'abc' in an INTEGER column, as PostgreSQL does

    return Frozen


def existing(db: Database, table: str) -> type[Model]:
    """A table that an earlier migration made, as something to point a foreign key at."""
    return type(table, (frozen(db),), {"Meta": type("Meta", (), {"table_name": table})})
