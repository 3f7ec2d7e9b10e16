"""`reviva migrate sql`: the whole schema as text that the databases' own clients load."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import psycopg2
from peewee import Database

from reviva.database import migration, schema
from reviva.database.connection import SQLite, open_database
from tests.command import reviva


def load(url: str, script: str) -> None:
    """As `sqlite3 FILE < script` and `psql -f script` do."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(script)
    else:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        connection.cursor().execute(script)
    connection.close()


def test_the_script_makes_what_the_migrations_make(
    database: Database, new_url: Callable[..., str], backend: str
) -> None:
    url = new_url(migrated=False)
    # Without a server: nobody listens on that port.
    kind = "sqlite:///nowhere.db" if isinstance(database, SQLite) else "postgresql://127.0.0.1:1/nowhere"
    load(url, reviva("migrate", "sql", "--database", kind).stdout)
    other = open_database(url)
    with other.connection_context():
        assert schema.differences(schema.read(database), schema.read(other)) == []
        migration.ensure_current(other)
        assert migration.up(other) == []
