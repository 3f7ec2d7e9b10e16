"""PostgreSQL as peewee knows it, with our types."""

from __future__ import annotations

from peewee import PostgresqlDatabase

from reviva.database.late import Late
from reviva.database.planned import Planned


class Postgres(Late, Planned, PostgresqlDatabase):
    """PostgreSQL without a pool: for commands that need one connection."""

    field_types = {**PostgresqlDatabase.field_types, "UTC": "TIMESTAMPTZ", "TEXT": 'TEXT COLLATE "C"',
                   "FLOAT": "DOUBLE PRECISION"}  # fmt: skip
    """Text is ordered by code point, as on SQLite, whatever the server's locale is."""
